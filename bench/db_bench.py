#!/usr/bin/env -S python3 -B
"""Compares reads of RocksDB alone as kvtool bench measures them with what db_bench says.

    bench/db_bench.py [--kvtool KVTOOL] [--records N] [--reads N] [--rounds N] [--scratch DIR]

Both read uniformly, past the page cache, from databases of as many pairs of 16 B and 100 B in
blocks of 4 KiB, with as large a block cache, by turns. db_bench is in Debian's rocksdb-tools.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAIR_BYTES = 16 + 100


def output(*command):
    call = [str(part) for part in command]
    return subprocess.run(call, check=True, capture_output=True, text=True).stdout


def db_bench(benchmarks, database, records, cache_bytes, *more):
    """Its output, under the options that kvtool bench has."""
    return output("db_bench", f"--benchmarks={benchmarks}", f"--db={database}", f"--num={records}",
                  "--key_size=16", "--value_size=100", "--compression_type=none",
                  "--block_size=4096", "--bloom_bits=10", f"--cache_size={cache_bytes}",
                  "--cache_numshardbits=-1", "--use_direct_reads=true", *more)


def db_bench_reads(database, records, cache_bytes, reads):
    text = db_bench("readrandom", database, records, cache_bytes, "--use_existing_db=true",
                    f"--reads={reads}")
    return int(re.search(r"readrandom .* (\d+) ops/sec", text).group(1))


def kvtool_reads(arguments, budget):
    text = output(arguments.kvtool, "bench", "--workload", "uniform", "--records",
                  arguments.records, "--budget", f"{budget}B", "--against", "rocksdb", "--direct",
                  "--ops", arguments.reads, "--rounds", 1, "--scratch", arguments.scratch, "--json")
    sides = {side["system"]: side for side in json.loads(text)["results"]}
    return sides["rocksdb"]["ops_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kvtool", default=ROOT / "build/release/apps/kvtool/kvtool")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--reads", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scratch", default=tempfile.gettempdir())
    arguments = parser.parse_args()
    budget = arguments.records * PAIR_BYTES // 10
    cache_bytes = budget - budget // 8  # the rest is for kvtool bench's memtables
    theirs, ours = [], []
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as database:
        db_bench("fillseq,compact", database, arguments.records, cache_bytes)
        for _ in range(arguments.rounds):
            theirs.append(db_bench_reads(database, arguments.records, cache_bytes,
                                         arguments.reads))
            ours.append(kvtool_reads(arguments, budget))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"db_bench readrandom: {statistics.median(theirs):,.0f} reads/s, kvtool bench's rocksdb: "
          f"{statistics.median(ours):,.0f}; ratio {ratio:.3f} (medians of {arguments.rounds})")


if __name__ == "__main__":
    main()
