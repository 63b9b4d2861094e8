#!/usr/bin/env -S python3 -B
"""Writes RESULTS.md and charts/*.svg from what bench/run.sh measured.

Usage: report.py RESULTS_DIR OUTPUT_DIR
"""

import pathlib
import sys

import charts
import instructions
import targets
from results import Ratio, Results
from tables import block, number, table

KVCACHE = ("kvcache-lru", "kvcache-lfu", "kvcache-lru-k")
ROCKSDB = ("rocksdb-block-lru", "rocksdb-block-hyper", "rocksdb-row")
MAPS = KVCACHE + ("std-unordered-map", "absl-flat-hash-map", "tbb-concurrent-hash-map",
                  "mutex-list-lru")
SYSTEMS = MAPS + ROCKSDB
TIERS = KVCACHE + ("mutex-list-lru",)

INTRODUCTION = """\
# Benchmark results

Written by `bench/run.sh`, which makes it again with one command. A figure is the median of the
repetitions, which alternate with those of the other systems. Times are wall time divided by the
operations of all threads together: with two threads that scale perfectly it is half of what one
operation takes. Keys are of 16 bytes, one more than libstdc++'s `std::string` holds without a block
of its own, so the maps' keys have one each; zipf has the exponent 0.99. The hash maps, but for
tbb's, are only read, without a lock; no map evicts anything. mutex-list-lru has 16 shards, each
with a mutex, a list and a `std::unordered_map`. RocksDB has everything in the cache named. The tier
asks for huge pages by itself; the others, by malloc, have some only where the machine gives them
always.
"""


def hits(results, step, value_bytes, operations):
    """`operations`: pairs of an operation and the systems that have it."""
    names = results.step(step)
    threads = sorted({int(name.rpartition(":")[2]) for name in names if "/threads:" in name}
                     or {1, 2})
    columns = [(distribution, n) for distribution in ("zipf", "uniform") for n in threads
               if not names or any(f"/{distribution}/threads:{n}" in name for name in names)]
    header = ["ns a key"] + [f"{distribution}, {n} thread{'s' * (n > 1)}"
                             for distribution, n in columns]
    rows = []
    for operation, systems in operations:
        for system in systems:
            rows.append([f"{operation} {system}"] + [
                number(results.median(step, f"{operation}/{system}/{value_bytes}/{d}/threads:{n}"))
                for d, n in columns])
    return table(header, rows)


def hit_sections(results):
    everything = (("get", SYSTEMS), ("get-zero-copy", KVCACHE), ("multiget", KVCACHE + ROCKSDB))
    yield "## Hits\n\n![Time of a hit by system](charts/hits.svg)\n"
    yield "![Time a key of MultiGet and Get](charts/multiget.svg)\n"
    yield ("A repetition has as many requests as half of the entries, of each thread and for every "
           "system; it goes\non where the one before ended. They are of several programs, as which "
           "memory a system gets is\nsettled while it is filled. MultiGet has 100 keys a call. "
           "kvcache's and get-zero-copy give handles on\nvalues in the tier, RocksDB's pins them, "
           "and no byte of them is read; Get copies.\n")
    for value_bytes in (100, 1024, 4096):
        name = f"hit-{value_bytes}"
        yield f"### Values of {value_bytes:,} bytes{results.entries(name, value_bytes)}\n"
        yield block(name, hits(results, name, value_bytes, everything)) + "\n"
    yield "### Ten times the entries, values of 100 bytes\n"
    yield block("hit-100-10m", hits(results, "hit-100-10m", 100,
                                    [("get", KVCACHE + ("absl-flat-hash-map",))])) + "\n"
    few, many = (number(results.median(step, "chase/100")) for step in ("hit-100", "hit-100-10m"))
    yield (f"Memory alone, a slot of a table and then the entry that it names, nothing else done "
           f"(chase/100):\n{few} ns of a million entries, {many} ns of ten million.\n")
    yield "### With huge pages for all, values of 100 bytes\n"
    yield "Where malloc asks for them too (`GLIBC_TUNABLES=glibc.malloc.hugetlb=1`).\n"
    yield block("hit-100-huge", hits(results, "hit-100-huge", 100, [("get", MAPS)])) + "\n"
    yield "### Every policy, values of 100 bytes\n"
    yield "Those whose hits move lists take the lock of their shard.\n"
    policies = [name.split("/")[1] for name in results.step("hit-policies")
                if name.endswith("/zipf/threads:1")]
    yield block("hit-policies", hits(results, "hit-policies", 100, [("get", policies)])) + "\n"
    yield "### Beside a RocksDB without assertions, values of 100 bytes\n"
    some = ("kvcache-lru",) + ROCKSDB
    yield block("hit-100-ndebug", hits(results, "hit-100-ndebug", 100,
                                       [("get", some), ("multiget", some)])) + "\n"


def store_table(results):
    rows = [f"cold-get/{system}/{state}" for state in ("filling", "evicting")
            for system in KVCACHE] + ["cold-get/rocksdb"]
    rows += [f"{operation}/{system}" for operation in ("put", "delete", "write-100")
             for system in ("kvcache-lru", "rocksdb")]
    return table(["ns a key", "RocksDB with assertions", "without (NDEBUG)"],
                 [[name.replace("/", " ")] + [number(results.median(f"miss{suffix}", name))
                                              for suffix, _ in targets.ROCKSDB_KINDS]
                  for name in rows])


def insert_table(results):
    fields = ("time_ns", "p50_ns", "p99_ns", "p999_ns")
    return table(["ns an insertion", "mean", "median", "99 %", "99.9 %"],
                 [[system] + [number(results.median("miss", f"insert/{system}", field))
                              for field in fields] for system in TIERS])


def churn_table(results):
    cases = [(percent, threads) for percent in (10, 50, 90) for threads in (1, 2)]
    header = ["ns a request (hits)"] + [f"{percent} % hits, {threads} thread{'s' * (threads > 1)}"
                                 for percent, threads in cases]

    def cell(name):
        hits = results.median("miss", name, "hit_ratio")
        return number(results.median("miss", name)) + (f" ({hits:.2f})" if hits is not None else "")
    return table(header, [[system] + [cell(f"churn/{system}/hit:{percent}/threads:{threads}")
                                      for percent, threads in cases] for system in TIERS])


def settings_table(results):
    rows = []
    for setting in ("none", "set-policy", "set-capacity"):
        name = results.with_entries("settings-10m", f"settings/{setting}")
        rows.append([setting, number(results.median("settings-10m", name, "seconds"))] + [
            number(ask("settings-10m", name, f"longest_{kind}_us") or None)
            for kind in ("hit", "miss") for ask in (results.least, results.median, results.worst)])
    return table(["change", "seconds"] + [f"longest {kind}, us: {of}" for kind in ("hit", "miss")
                                          for of in ("least", "median", "most")], rows)


def miss_sections(results):
    yield "## Misses and writes\n"
    yield ("Half of the keys are read from RocksDB's block cache, each once, into a tier that has "
           "room (filling)\nor that is full (evicting); RocksDB alone reads as many. Writes go to "
           "RocksDB with its defaults,\nwhich has flushed and compacted before each repetition.\n")
    yield block("store", store_table(results)) + "\n"
    yield "### Insertions\n\nInto a full tier: each one evicts. No store takes part.\n"
    yield "![Latency of an insertion](charts/insert.svg)\n"
    yield block("insert", insert_table(results)) + "\n"
    yield "### Churn\n\nLook a key up, and insert it if it is missing.\n"
    yield block("churn", churn_table(results)) + "\n"
    yield "### Changes of settings\n"
    yield ("On a full tier, while another thread reads by turns what is cached and what is not. "
           "The longest\noperation of each repetition: the least, the median and the greatest of "
           "them. With no change\n(none) the other thread computes, and what is seen is the "
           "machine's own pauses.\n")
    yield block("settings", settings_table(results)) + "\n"


MEMORY_COLUMNS = (("memory", 100), ("memory", 1024), ("memory-10m", 100))


def memory_of(results, step, system, value_bytes):
    return results.median(step, results.with_entries(step, f"memory/{system}/{value_bytes}"),
                          "overhead_bytes")


def entries_in(results, step, value_bytes):
    name = results.with_entries(step, f"memory/kvcache-lru/{value_bytes}").rpartition(":")[2]
    return f"{int(name):,} entries" if name else "entries"


def memory_section(results):
    yield "## Memory\n\n![Memory an entry beyond its key and value](charts/memory.svg)\n"
    yield "Resident memory of a process of its own, less the keys and values.\n"
    header = ["bytes an entry"] + [f"{value_bytes:,} B, {entries_in(results, step, value_bytes)}"
                                   for step, value_bytes in MEMORY_COLUMNS]
    yield block("memory", table(header, [[system] + [
        number(memory_of(results, step, system, value_bytes))
        for step, value_bytes in MEMORY_COLUMNS] for system in SYSTEMS])) + "\n"


def instructions_section(results):
    yield "## Instructions\n"
    yield ("Of a hit, counted by callgrind: they do not depend on what else the machine does, so "
           "a test compares\nthem (`bench/instructions.py --check`).\n")
    yield block("instructions", instructions.to_table(results.json("instructions"))) + "\n"


def is_trial(results):
    """Whether its sizes are not those that the targets are about."""
    return any(results.context(step, "entries") not in ("", "1000000")
               for step in ("hit-100", "hit-4096", "miss"))


def measured_text(value):
    # More digits than elsewhere: 1.004 misses a target of 1.0.
    return f"{value:.3f}" if value is not None and abs(value) < 10 else number(value)


def range_text(value):
    if not isinstance(value, Ratio):
        return ""
    return f"{measured_text(value.low)} to {measured_text(value.high)}"


def targets_section(results):
    trial = is_trial(results)
    yield "## Targets\n"
    if trial:
        yield "**A trial with other sizes: its figures mean nothing.**\n"
    yield ("1,000,000 entries, values of 100 bytes and zipf, one thread, unless said. Where "
           "evictions take part\nthe tier holds fewer of them, a tenth under put and evicting "
           "cold-gets, a fifth under insert;\nset-policy and set-capacity have 10,000,000. A ratio "
           "is of two figures of one run.\n")
    yield ("Half of the ratios of any two repetitions lie in the range given. A million entries "
           "are some 200 MB\nof each system: see [which memory "
           "answers](README.md#which-memory-answers).\n")
    yield block("targets", table(
        ["what", "measured", "range", "target", "verdict"],
        [[what, measured_text(measured), range_text(measured),
          f"{'>=' if at_least else '<='} {bound:,}",
          "trial" if trial else targets.verdict(measured, bound, at_least)]
         for what, measured, bound, at_least in targets.all_targets(results)])) + "\n"


def machine_section(results):
    about = dict(results.json("machine") or {})
    kinds = [results.context(step, "rocksdb") for step in ("hit-100", "hit-100-ndebug")]
    about["RocksDB"] = "; ".join(kind for kind in kinds if kind) or "not measured"
    about["entries"] = results.context("hit-100", "entries") or "not measured"
    about["repetitions"] = results.repetitions()
    yield block("machine", table(["", "this run"], [[key, value] for key, value in about.items()]))
    yield ""


def commands_section(results):
    path = results.directory / "commands.txt"
    if path.exists():
        yield f"## Commands\n\n```text\n{path.read_text(encoding='utf-8')}```\n"


def draw(results, directory):
    directory.mkdir(parents=True, exist_ok=True)

    def hit(operation, system, threads):
        return results.median("hit-100", targets.hit(system, threads, operation))

    charts.bars(directory / "hits.svg", "Hits: Get, values of 100 B, zipf", "ns a key",
                ["1 thread", "2 threads"],
                [(system, [hit("get", system, threads) for threads in (1, 2)])
                 for system in SYSTEMS], log=True)
    charts.bars(directory / "multiget.svg", "Hits: Get and MultiGet of 100 keys, values of 100 B",
                "ns a key, 1 thread", ["Get", "MultiGet"],
                [(system, [hit("get", system, 1), hit("multiget", system, 1)])
                 for system in KVCACHE + ROCKSDB], log=True)
    charts.bars(directory / "memory.svg", "Memory beyond key and value",
                "bytes an entry; 10 x: of ten times as many",
                ["100 B", "1,024 B", "100 B, 10 x"],
                [(system, [memory_of(results, step, system, value_bytes)
                           for step, value_bytes in MEMORY_COLUMNS]) for system in SYSTEMS])
    charts.bars(directory / "insert.svg", "Insertion into a full tier", "ns",
                ["median", "99 %", "99.9 %"],
                [(system, [results.median("miss", f"insert/{system}", field)
                           for field in ("p50_ns", "p99_ns", "p999_ns")]) for system in TIERS],
                log=True)


def report(results):
    parts = [INTRODUCTION]
    for section in (machine_section, targets_section, hit_sections, miss_sections, memory_section,
                    instructions_section, commands_section):
        parts += section(results)
    return "\n".join(parts).rstrip() + "\n"


def main():
    results, output = Results(sys.argv[1]), pathlib.Path(sys.argv[2])
    draw(results, output / "charts")
    (output / "RESULTS.md").write_text(report(results), encoding="utf-8")
    print(f"wrote {output}/RESULTS.md and {output}/charts/")


if __name__ == "__main__":
    main()
