#!/usr/bin/env bash
# The demo: builds kvcache, loads this machine's own Debian package index into RocksDB, and resolves
# the dependencies of its packages through the cache, for several sizes and eviction policies.
#
# Nothing stays behind but build/. On a Debian 12 machine it needs nothing that it does not install.
set -euo pipefail

usage() {
  cat <<'END'
Usage: apps/demo.sh [--sample N] [--keep] [--built DIR]
  --sample N   use a made-up index of N packages, as where there is no apt (there N is 64000)
  --keep       keep the working directory, database included, and say where it is
  --built DIR  use the programs in build directory DIR; install and build nothing
END
}

fail() {
  echo "apps/demo.sh: $1" >&2
  exit "${2:-1}"
}

heading() { printf '\n== %s\n\n' "$1"; }

# Runs a command whose output matters only on a terminal, or when it fails.
quietly() {
  if [[ -t 2 ]]; then
    "$@" >&2
  elif ! "$@" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    fail "'$*' failed"
  fi
}

# Shows a command as a user would type it, and what it prints.
show() {
  printf '$ %s\n' "$1"
  bash -c "$1"
  echo
}

build_programs() {
  heading "Build"
  echo "Building kvtool and apt_closure in build/release ..."
  local start=$SECONDS
  quietly "$root/apps/install_packages.sh" build
  (
    cd "$root"
    quietly cmake --preset release
    quietly cmake --build --preset release --target kvtool apt_closure
  )
  echo "Built in $((SECONDS - start)) s."
}

# Writes the package index to $work/index.txt and says where it is from.
take_index() {
  if [[ -z $sample ]] && command -v apt-cache >/dev/null; then
    apt-cache dumpavail >"$work/index.txt"
    if [[ ! -s $work/index.txt && $(id -u) == 0 ]]; then
      quietly apt-get update || true
      apt-cache dumpavail >"$work/index.txt"
    fi
  fi
  if [[ -s $work/index.txt ]]; then
    echo "Package index: this machine's, from 'apt-cache dumpavail'."
  else
    awk -f "$root/apps/demo/sample_index.awk" -v packages="${sample:-64000}" >"$work/index.txt"
    echo "Package index: A MADE-UP SAMPLE, not the index of a real machine."
  fi
}

load_index() {
  heading "Load"
  take_index
  awk -f "$root/apps/demo/index.awk" "$work/index.txt" |
    kvtool --db packages load --format jsonl -
}

compare_caches() {
  heading "Dependencies, resolved through the cache"
  apt_closure packages
}

tour_kvtool() {
  heading "The same database with kvtool"
  show "kvtool --db packages put note:1 'kept raw: other RocksDB programs read it'"
  show "kvtool --db packages get note:1"
  show "kvtool --db packages scan --prefix provides: --limit 3"
  show "kvtool --db packages stats"
  # The tier lives as long as its process: here it answers the second get.
  show "printf 'get note:1\nget note:1\nstats\n' | kvtool --db packages shell"
}

sample="" keep=no built=""
while (($# > 0)); do
  case $1 in
    --sample)
      sample=${2:-}
      [[ $sample =~ ^[1-9][0-9]*$ ]] || fail "--sample needs a number of packages" 2
      shift
      ;;
    --keep) keep=yes ;;
    --built)
      built=$(cd "${2:-}" && pwd) || fail "--built needs the build directory" 2
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown option '$1'; --help lists those there are" 2 ;;
  esac
  shift
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/kvcache-demo.XXXXXX")
if [[ $keep == yes ]]; then
  trap 'echo "Kept: $work"' EXIT
else
  trap 'rm -rf "$work"' EXIT
fi

[[ -n $built ]] || build_programs
built=${built:-$root/build/release}
export PATH=$built/apps/kvtool:$built/apps/demo:$PATH
cd "$work"
load_index
compare_caches
tour_kvtool
printf '\nDone in %d s.\n' "$SECONDS"
