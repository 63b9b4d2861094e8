#!/usr/bin/env -S python3 -B
"""Writes EQUAL_MEMORY.md: kvcache beside RocksDB's own caches on as many bytes, by kvtool bench.

    bench/equal_memory.py --kvtool KVTOOL --debian KVTOOL [--records N] [--results DIR] [--out DIR]

KVTOOL is linked with a RocksDB without assertions, the other one with Debian's. What has been
measured lies in DIR, a file a step, and is not measured again. bench/run.sh --equal-memory builds
both and calls this; with ten million records it takes hours.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import charts
import machine
import split_shares
from tables import block, number, table

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORKLOADS = ("c", "b", "d", "a", "f", "mixgraph", "e", "uniform", "sequential", "hotspot")
FAST_US = 20  # a read of a fast device; the usual one is kvtool's default

# (step, budget): at least so many times as fast as the better block cache, and as the row cache.
TARGETS = {
    ("c", "1%"): (1.6, 1.15), ("c", "10%"): (1.75, 1.2),
    **{(name, budget): (1.25, 1.1) for name in ("b", "d") for budget in ("1%", "10%")},
    **{(name, budget): (1.12, 1.1) for name in ("a", "f") for budget in ("1%", "10%")},
    **{("mixgraph", budget): (1.2, 1.05) for budget in ("1%", "10%")},
    **{(name, budget): (0.97, 0.97) for name in ("e", "uniform", "sequential")
       for budget in ("1%", "10%")},
    ("c-fits", "400%"): (8, 4),
    ("c-1KiB", "10%"): (1.4, 1.1), ("c-4KiB", "10%"): (1.1, 1.0),
    ("c-multiget", "1%"): (1.5, None),
}

INTRODUCTION = """\
# The same memory: kvcache beside RocksDB's own caches

Why not give the memory to RocksDB's block cache? Here both get as many bytes: kvcache for its tier,
a block cache and memtables (`Options::memory_budget`, which finds the shares by itself), RocksDB
alone for its block cache or row cache, and memtables. Every system has a copy of one database and
answers the same requests, first until it misses no less, then measured in rounds by turns. Reads
pass by the page cache, on one thread; blocks are of 4 KiB, uncompressed, with Bloom filters; an
eighth of a budget is for memtables; index and filters are in memory beside it. Keys are of 16
bytes, values of 100 unless said. Budgets are shares of the keys' and values' bytes. kvcache has its
defaults in every row; nothing is tuned.

A disk's speed drifts, so each ratio is given three times: by modelled time, which is the reads of
the device that an operation makes, at {read_us:g} or {fast_us} us each, and its CPU as measured,
the kernel's included; and by the clock. The one at {read_us:g} us is held against our targets.
RocksDB is built without assertions (NDEBUG), but in the row that says otherwise.
"""

LEAST = """\
## Where it gains least

- mixgraph: most requests go to a thirtieth of the keys, which lie side by side, and in there hardly
  a key is asked for more often than another. Blocks of such keys are as good a use of memory as
  entries are, and serve scans too: the best share for the tier is next to none.
- d at 1 %: what is new is asked for most, and lies together in the newest files, so that blocks are
  full of it. More than half of what is asked for is in a block cache of that size.
- sequential: a read of the device serves all keys of a block, whatever is cached. Finding the next
  one in the block cache takes RocksDB 2 us, and a miss of the tier on the way adds a fifth to that.
"""


def steps(records):
    """{step: arguments of kvtool bench}"""
    large = max(records // 5, 1000)
    plain = {name: ["--workload", name, "--budget", "1%,10%", "--records", str(records)]
             for name in WORKLOADS}
    c = ["--workload", "c", "--records"]
    return {
        **plain,
        "c-1KiB": [*c, str(large), "--budget", "10%", "--value-size", "1024"],
        "c-4KiB": [*c, str(large // 4), "--budget", "10%", "--value-size", "4096"],
        "c-fits": [*c, str(records // 10), "--budget", "400%"],
        "c-multiget": [*c, str(records), "--budget", "1%", "--batch", "100"],
        "c-debian": plain["c"],
    }


def measure(arguments, all_steps):
    """{step: what kvtool bench printed, and the command}"""
    measured = {}
    for step, more in all_steps.items():
        path = arguments.results / f"{step}.json"
        if not path.exists() and not arguments.report_only:
            kvtool = arguments.debian if step == "c-debian" else arguments.kvtool
            call = [str(kvtool), "bench", *more, "--direct", "--json", *arguments.more.split()]
            print(" ".join(call), file=sys.stderr)
            done = subprocess.run(call, check=True, capture_output=True, text=True)
            document = {"command": " ".join(call), "commit": machine.commit(),
                        **json.loads(done.stdout)}
            path.write_text(json.dumps(document), encoding="utf-8")
        if path.exists():
            measured[step] = json.loads(path.read_text(encoding="utf-8"))
    return measured


def runs_of(document):
    """One of them is printed as it is, several as a list."""
    return document.get("runs", [document])


def describe_machine(path):
    """As it was when measuring began."""
    if not path.exists():
        done = subprocess.run([sys.executable, "-B", ROOT / "bench/machine.py", "g++"], check=True,
                              capture_output=True, text=True)
        path.write_text(done.stdout, encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def rows_of(measured):
    """(step, budget as given, run)"""
    for step, document in measured.items():
        yield from ((step, run["budget_given"], run) for run in runs_of(document))


def modelled(side, read_us):
    return side["device_reads"] * read_us + side["cpu_us_per_op"]


def ratios(run, names):
    """kvcache's lead over the best of these: modelled, modelled with a fast device, timed."""
    sides = {side["system"]: side for side in run["results"]}
    own, others = sides["kvcache"], [sides[name] for name in names]
    lead = [min(modelled(other, us) for other in others) / modelled(own, us)
            for us in (run["read_us"], FAST_US)]
    fastest = max(other["ops_per_second"] for other in others)
    return [*lead, own["ops_per_second"] / fastest]


BLOCK, ROW = ("rocksdb", "rocksdb-hyper"), ("rocksdb-row",)


def ratio_table(measured):
    header = ["workload", "budget", "block cache", "fast disk", "timed", "row cache", "fast disk",
              "timed", "targets", "verdict"]
    lines = []
    for step, budget, run in rows_of(measured):
        block_ratios, row_ratios = ratios(run, BLOCK), ratios(run, ROW)
        wanted = TARGETS.get((step, budget))
        lines.append([step, budget, *(f"{ratio:.2f}" for ratio in block_ratios + row_ratios),
                      *verdict(wanted, block_ratios[0], row_ratios[0])])
    return table(header, lines)


def summary_table(measured):
    """Of the workloads with both budgets, at the usual device; README quotes it."""
    header = ["workload"] + [f"{other}, {budget}" for budget in ("1%", "10%")
                             for other in ("block cache", "row cache")]
    lines = {}
    for step, _, run in rows_of(measured):
        if step in WORKLOADS:
            lines.setdefault(step, [step]).extend(
                f"{ratios(run, names)[0]:.2f}" for names in (BLOCK, ROW))
    return table(header, list(lines.values()))


def verdict(wanted, block_ratio, row_ratio):
    if wanted is None:
        return ["-", "-"]
    bounds = [(bound, ratio) for bound, ratio in zip(wanted, (block_ratio, row_ratio))
              if bound is not None]
    met = all(ratio >= bound for bound, ratio in bounds)
    return [" / ".join(f"{bound:g}" for bound, _ in bounds), "met" if met else "**missed**"]


def side_table(measured):
    header = ["workload", "budget", "system", "hits", "tier", "share", "reads/op", "CPU us",
              "ops/s", "p50 us", "p99 us", "p99.9 us"]
    lines = []
    for step, budget, run in rows_of(measured):
        for side in run["results"]:
            tier = (f"{side['tier_hit_ratio']:.3f}", f"{side['tier_share']:.2f}")
            lines.append([step, budget, side["system"], f"{side['hit_ratio']:.3f}",
                          *(tier if side["system"] == "kvcache" else ("", "")),
                          f"{side['device_reads']:.4f}", number(side["cpu_us_per_op"]),
                          number(side["ops_per_second"]), number(side["p50_us"]),
                          number(side["p99_us"]), number(side["p99_9_us"])])
    return table(header, lines)


def sizes_table(measured):
    header = ["workload", "records", "value", "RocksDB", "commit"]
    lines = []
    for step, document in measured.items():
        run = runs_of(document)[0]
        lines.append([step, f"{run['records']:,}", f"{run['value_size']:,} B", run["rocksdb"],
                      document["commit"]])
    return table(header, lines)


def draw(measured, directory):
    directory.mkdir(parents=True, exist_ok=True)
    rows = [(f"{step} {budget}", [ratios(run, BLOCK)[0], ratios(run, ROW)[0]])
            for step, budget, run in rows_of(measured) if step in WORKLOADS]
    charts.bars(directory / "equal_memory.svg", "kvcache on the same memory: times as fast",
                "modelled time of the other / of kvcache", ["than block cache", "than row cache"],
                rows)


def report(measured, shares, computer, missing=()):
    first = runs_of(next(iter(measured.values())))[0]
    about = [[name, value] for name, value in computer.items() if name not in ("command", "commit")]
    return "\n".join([
        INTRODUCTION.format(read_us=first["read_us"], fast_us=FAST_US),
        "## How many times as fast\n",
        "Against the better of RocksDB's two block caches, LRUCache and HyperClockCache, and "
        "against its row\ncache (nine tenths of the bytes, the rest a block cache). Less than 1: "
        "kvcache is slower.\n",
        block("equal-memory-summary", summary_table(measured)) + "\n",
        f"All that was measured, and what we wanted.{left_out(missing)}\n",
        block("equal-memory", ratio_table(measured)) + "\n",
        "![How many times as fast kvcache is](charts/equal_memory.svg)\n",
        "a to f are YCSB's workloads, mixgraph is db_bench's; `kvtool bench --help` says what each "
        "one asks for.\nc-multiget asks for 100 keys at once, c-fits has room for everything, and "
        "c-debian is c beside Debian's\nRocksDB with its assertions.\n",
        LEAST,
        "## Each system\n",
        "hits: reads answered without the device; tier: those by the tier; share: what the tier "
        "has of the\nbudget without memtables, as found; latencies are of the calls.\n",
        block("equal-memory-systems", side_table(measured)) + "\n",
        *share_section(shares),
        "## Machine and commands\n",
        table(["", "this run"], about) + "\n",
        sizes_table(measured | shares) + "\n",
        "```text\n" + "\n".join(document["command"] for document in (measured | shares).values())
        + "\n```",
    ]) + "\n"


def share_section(shares):
    if not shares:
        return []
    records = next(iter(shares.values()))["records"]
    return [
        "## The shares that are found\n",
        f"Of {records:,} records and a budget of 10 %: which of the fixed shares of the "
        "tier, in steps of a\ntenth, is the best by modelled time, which one kvcache finds, and "
        "what it reaches of the best one's speed.\nThen the same when another workload filled the "
        f"caches, {split_shares.ADAPTS_IN * records:,} operations after the change.\n",
        block("equal-memory-shares", split_shares.share_table(shares)) + "\n",
    ]


def left_out(missing):
    return f" Not measured in this run: {', '.join(missing)}." if missing else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kvtool", required=True)
    parser.add_argument("--debian", required=True)
    parser.add_argument("--report-only", action="store_true", help="measure nothing more")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--more", default="", help="arguments that every call of bench gets")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "build/equal-memory")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench")
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    computer = describe_machine(arguments.results / "machine.json")
    compared = steps(arguments.records)
    measured = measure(arguments, compared)
    shares = measure(arguments, split_shares.steps(arguments.records))
    draw(measured, arguments.out / "charts")
    missing = [step for step in compared if step not in measured]
    (arguments.out / "EQUAL_MEMORY.md").write_text(report(measured, shares, computer, missing),
                                                   encoding="utf-8")
    print(f"wrote {arguments.out}/EQUAL_MEMORY.md")


if __name__ == "__main__":
    main()
