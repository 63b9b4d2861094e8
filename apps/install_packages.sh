#!/usr/bin/env bash
# Installs the Debian 12 packages that kvcache needs, if any is missing.
set -euo pipefail

usage() {
  cat <<'END'
Usage: apps/install_packages.sh build|test|bench
  build  what building the library and kvtool needs
  test   that, and what the tests, the style checks and the sanitizers need
  bench  what build needs, and the benchmarks, their peers and their charts
END
}

build_packages=(
  cmake ninja-build g++ pkg-config
  librocksdb-dev libfmt-dev libxxhash-dev libzstd-dev zlib1g-dev nlohmann-json3-dev
  libcli11-dev libedit-dev
)
test_packages=(
  doctest-dev git python3
  make # what cmake uses by default, as a reader of README would
  clang-19 libclang-rt-19-dev # the second compiler, and its sanitizers,
  llvm-19                     # whose reports and suppressions it gives names
  clang-format-19 clang-tidy-19 shellcheck
  rocksdb-tools # ldb reads what kvcache writes
  prometheus    # promtool checks the metrics' format
  groff-base    # formats the manual page
  strace        # shows that files are on the disk
  chromium      # opens kvtool's reports
)
bench_packages=(
  git python3 libbenchmark-dev libabsl-dev libtbb-dev gnuplot-nox valgrind
)
rocksdb_packages=(
  dpkg-dev patch libbz2-dev liblz4-dev libsnappy-dev # to build RocksDB once more
)

case ${1:-} in
  build) wanted=("${build_packages[@]}") ;;
  test) wanted=("${build_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}") ;;
  bench) wanted=("${build_packages[@]}" "${bench_packages[@]}" "${rocksdb_packages[@]}") ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

# RUNLEVEL=1 keeps packages from starting the services that they bring (prometheus is one).
as_root=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1)
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "apps/install_packages.sh: not root, and no sudo; have installed: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo "${as_root[@]}")
fi
echo "Installing ${missing[*]}"
# A source of packages that does not answer matters only if what we need comes from it.
"${as_root[@]}" apt-get update -qq || true
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
