#!/usr/bin/env bash
# Builds and runs the consumer with pkg-config and the bare compiler, without CMake.
# usage: pkg_config.sh MAIN_CC PREFIX WORK_DIR CXX
set -euo pipefail
main_cc=$1 prefix=$2 work_dir=$3 cxx=$4

if ! command -v pkg-config >/dev/null; then
  echo "skipped: pkg-config is not installed"
  exit 77
fi

mkdir -p "$work_dir"
pc=$(find "$prefix" -name kvcache.pc)
export PKG_CONFIG_PATH=${pc%/*}
read -ra flags <<<"$(pkg-config --cflags --libs kvcache)"
"$cxx" -std=c++23 "$main_cc" "${flags[@]}" -o "$work_dir/consumer"
# Finds the library where the tree was configured with BUILD_SHARED_LIBS.
LD_LIBRARY_PATH=${pc%/*}/.. "$work_dir/consumer" "$work_dir/db"
