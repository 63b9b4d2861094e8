#!/usr/bin/env bash
# Builds the RocksDB that this Debian packages once more, without its assertions (NDEBUG), so that
# its CPU cost is not overstated: Debian's own build keeps them. The sources come as Debian's source
# package and stay out of this repository. About 6 minutes on 2 cores, once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  echo "Usage: bench/build_rocksdb.sh [DIRECTORY]    (build/rocksdb-ndebug unless said)"
  exit 0
fi
apps/install_packages.sh bench
prefix=$(realpath -m "${1:-build/rocksdb-ndebug}")
version=$(dpkg-query --show --showformat '${source:Version}' librocksdb-dev)
if [[ -f $prefix/version && $(<"$prefix/version") == "$version" ]]; then
  echo "$prefix has RocksDB $version without assertions already"
  exit 0
fi

work=$prefix/work
mkdir -p "$work/apt/lists/partial" "$work/apt/parts"

# The machine's own package sources, read as sources of source packages, in apt's state of our own.
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [[ -f $list ]] || continue
  sed -n 's/^deb /deb-src /p' "$list" >"$work/apt/parts/$(basename "$list" .list).list"
done
for list in /etc/apt/sources.list.d/*.sources; do
  [[ -f $list ]] || continue
  sed 's/^Types:.*/Types: deb-src/' "$list" >"$work/apt/parts/$(basename "$list")"
done
apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/apt/parts"
  -o Dir::State::Lists="$work/apt/lists" -o APT::Sandbox::User=root)
"${apt[@]}" update
(cd "$work" && "${apt[@]}" source --download-only "rocksdb=$version")
mkdir -p "$work/source"
tar --extract --file "$work"/rocksdb_*.orig.tar.* --directory "$work/source" --strip-components 1
tar --extract --file "$work"/rocksdb_*.debian.tar.* --directory "$work/source"
while read -r patch; do
  patch --quiet --strip 1 --directory "$work/source" --input "$work/source/debian/patches/$patch"
done <"$work/source/debian/patches/series"

# What debian/rules gives, with -DNDEBUG, and without the tools and tests.
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_INSTALL_PREFIX="$prefix" \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
  -DWITH_BZ2=ON -DWITH_LZ4=ON -DWITH_ZLIB=ON -DWITH_ZSTD=ON -DWITH_SNAPPY=ON \
  -DROCKSDB_BUILD_SHARED=ON -DPORTABLE=ON -DFAIL_ON_WARNINGS=OFF -DWITH_GFLAGS=OFF \
  -DWITH_BENCHMARK_TOOLS=OFF -DWITH_CORE_TOOLS=OFF -DWITH_TOOLS=OFF -DWITH_TESTS=OFF
cmake --build "$work/build" --target rocksdb-shared
# The static library would take as long again; nobody here links it, but installing wants the file.
ar rc "$work/build/librocksdb.a"
cmake --install "$work/build"
rm -r "$work"
echo "$version" >"$prefix/version"
