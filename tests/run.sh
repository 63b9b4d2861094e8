#!/usr/bin/env bash
# Builds kvcache and runs its tests, in several configurations, on a fresh Debian 12 machine too.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/run.sh [--no-install] [PRESET...] [-- CTEST_OPTION...]
  PRESET         of CMakePresets.json; without any: release (g++), asan-ubsan, tsan (clang)
  --no-install   do not look for missing packages
  CTEST_OPTION   for example: -R coherence, -L unit, --rerun-failed
END
}

presets=() install=yes
while (($#)); do
  case $1 in
    --no-install) install=no ;;
    -h | --help)
      usage
      exit 0
      ;;
    --)
      shift
      break
      ;;
    -*)
      echo "tests/run.sh: unknown option '$1'; --help lists those there are" >&2
      exit 2
      ;;
    *) presets+=("$1") ;;
  esac
  shift
done
((${#presets[@]})) || presets=(release asan-ubsan tsan)

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Runs a command whose output matters only when it fails.
quietly() {
  local log=build/run.log
  mkdir -p build
  "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    echo "tests/run.sh: '$*' failed" >&2
    exit 1
  }
}

[[ $install == no ]] || quietly apps/install_packages.sh test
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi

failed=()
for preset in "${presets[@]}"; do
  printf '\n== %s\n' "$preset"
  start=$SECONDS
  quietly cmake --preset "$preset"
  quietly cmake --build --preset "$preset" --parallel 2
  echo "built in $((SECONDS - start)) s"
  ctest --preset "$preset" "$@" || failed+=("$preset")
done

if ((${#failed[@]})); then
  printf '\nFailed: %s\n' "${failed[*]}"
  exit 1
fi
printf '\nAll passed: %s, in %d s\n' "${presets[*]}" "$SECONDS"
