#!/usr/bin/env bash
# Measures kvcache beside its peers and writes bench/RESULTS.md and bench/charts/, on a fresh Debian
# 12 machine too. The machine should have nothing else to do, and 16 GiB of memory.
set -euo pipefail

usage() {
  cat <<'END'
Usage: bench/run.sh [--equal-memory] [--keep] [--no-build] [--quick] [--out DIR]
  --equal-memory
              write EQUAL_MEMORY.md instead, of kvtool bench: takes hours
  --keep      keep what an interrupted run of the same commit has measured
  --no-build  install and build nothing
  --quick     tiny sizes, to see that everything works; needs --out
  --out DIR   write into DIR instead of bench/
END
}

fail() {
  echo "bench/run.sh: $1" >&2
  exit "${2:-1}"
}

command=(bench/run.sh "$@")
keep='' build=yes quick='' out='' equal_memory=''
while (($#)); do
  case $1 in
    --equal-memory) equal_memory=yes ;;
    --keep) keep=yes ;;
    --no-build) build='' ;;
    --quick) quick=yes ;;
    --out)
      [[ -n ${2:-} ]] || fail "--out needs a directory" 2
      out=$(realpath -m "$2")
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
[[ -z $quick || -n $out ]] || fail "--quick needs --out: its figures mean nothing" 2

cd "$(dirname "${BASH_SOURCE[0]}")/.."
results=build/bench-results${quick:+-quick}
[[ -z $equal_memory ]] || results=${out:-bench}/equal_memory
entries=1000000 ten_times=10000000
flags=(--benchmark_repetitions=5 --benchmark_min_time=0.2)
# Of hits a repetition has a fixed number of requests, and goes on where the last one ended.
hits=(--benchmark_repetitions=5) hit_programs=3
if [[ -n $quick ]]; then
  entries=1000 ten_times=10000
  flags=(--benchmark_repetitions=2 --benchmark_min_time=0.0001)
  hits=() hit_programs=2
fi

# Runs a command whose output matters only when it fails.
quietly() {
  local log=build/bench.log
  "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    fail "'$*' failed"
  }
}

# build_in DIRECTORY CMAKE_OPTION...
build_in() {
  echo "Building in $1 ..."
  quietly cmake -S . -B "$@" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=g++ \
    -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" -DKVCACHE_BUILD_BENCH=ON -DKVCACHE_BUILD_TESTS=OFF \
    -DKVCACHE_BUILD_APPS=${equal_memory:-no}
  quietly cmake --build "$1" --parallel 2
}

# measure NAME BUILD_DIRECTORY PROGRAM FLAG...: into NAME.json, which is there when it is complete.
# `programs` of them one after the other, if said, the others into NAME.2.json and so on.
measure() {
  local name=$1 program=$2/bench/$3 start=$SECONDS i json
  shift 3
  echo "${GLIBC_TUNABLES+GLIBC_TUNABLES=$GLIBC_TUNABLES }$program ${flags[*]} $*" \
    "${programs+# $programs times}" >>"$results/commands.txt"
  for ((i = 1; i <= ${programs:-1}; i++)); do
    json=$results/$name.json
    ((i == 1)) || json=$results/$name.$i.json
    [[ -f $json ]] && continue
    quietly "$program" "${flags[@]}" "$@" --benchmark_out="$json.part" --benchmark_out_format=json
    mv "$json.part" "$json"
  done
  echo "$name ($((SECONDS - start)) s)"
}

# Which memory a system gets, and with it a tenth and more of the time of its hits, is settled while
# it is filled: so several programs, of a few repetitions each.
measure_hits() {
  programs=$hit_programs measure "$@"
}

mkdir -p build "$results"
if [[ -n $build ]]; then
  quietly apps/install_packages.sh bench
  echo "Building RocksDB without assertions, unless it is there: 6 minutes ..."
  quietly bench/build_rocksdb.sh
  build_in build/bench
  build_in build/bench-ndebug -DCMAKE_PREFIX_PATH="$PWD/build/rocksdb-ndebug"
fi

# A tree with changes has no name by which to know it again.
python3 -B bench/machine.py g++ "${command[@]}" >"$results/machine.new"
commit=$(grep '"commit"' "$results/machine.new")
if [[ -z $keep || $commit == *-dirty* || $commit == *unknown* ]] ||
  ! grep -qF "$commit" "$results/machine.json" 2>/dev/null; then
  rm -f "$results"/*.json
fi
mv "$results/machine.new" "$results/machine.json"
: >"$results/commands.txt"

if [[ -n $equal_memory ]]; then
  bench/equal_memory.py --kvtool build/bench-ndebug/apps/kvtool/kvtool \
    --debian build/bench/apps/kvtool/kvtool --results "$results" --out "${out:-bench}" \
    ${quick:+--records 2000 --rounds 1 --ops 500}
  exit
fi

# A value size at a time, and large values in smaller number: ten systems have to fit side by side.
for bytes in 100 1024 4096; do
  measure_hits hit-$bytes build/bench hit_path "${hits[@]}" --entries=$entries \
    --most-bytes=$((1 << 29)) --benchmark_filter="/$bytes/|^chase/$bytes"
done
measure_hits hit-100-10m build/bench hit_path "${hits[@]}" --entries=$ten_times \
  --most-bytes=$((1 << 30)) --benchmark_filter='^get/(kvcache|absl).*/100/|^chase/100'
measure_hits hit-100-ndebug build/bench-ndebug hit_path "${hits[@]}" --entries=$entries \
  --benchmark_filter='^(get|multiget)/(kvcache-lru|rocksdb).*/100/zipf'
# Where malloc asks for huge pages too, as the tier does by itself.
GLIBC_TUNABLES=glibc.malloc.hugetlb=1 measure_hits hit-100-huge build/bench hit_path "${hits[@]}" \
  --entries=$entries --benchmark_filter='^get/(kvcache|std|absl|tbb|mutex).*/100/'
measure_hits hit-policies build/bench policy_hits "${hits[@]}" --entries=$entries
measure miss build/bench miss_path --entries=$entries --benchmark_filter='^[^s]'
measure miss-ndebug build/bench-ndebug miss_path --entries=$entries \
  --benchmark_filter='^(cold-get|put|delete|write)'
measure settings-10m build/bench miss_path --entries=$ten_times --benchmark_filter='^settings'
# Memory is the same each time.
measure memory build/bench memory --entries=$entries --benchmark_repetitions=1
measure memory-10m build/bench memory --entries=$ten_times --benchmark_repetitions=1 \
  --benchmark_filter='/(kvcache|std|absl|tbb|mutex).*/100/'
bench/instructions.py >"$results/instructions.json"

bench/report.py "$results" "${out:-bench}"
