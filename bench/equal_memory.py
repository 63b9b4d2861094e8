#!/usr/bin/env -S python3 -B
"""Writes EQUAL_MEMORY.md: kvcache beside RocksDB's own caches on as many bytes, by kvtool bench.

    bench/equal_memory.py --kvtool KVTOOL --debian KVTOOL [--records N] [--share-records N]
                          [--rounds N] [--ops N] [--results DIR] [--out DIR] [--report-only]

KVTOOL is linked with a RocksDB without assertions, the other one with Debian's. What has been
measured lies in the first DIR, bench/equal_memory unless said, a file a step, and is not measured
again by the same command. bench/run.sh --equal-memory builds both and calls this; it takes hours.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import textwrap

import charts
import machine
import split_shares
from tables import block, number, table

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORKLOADS = ("c", "b", "d", "a", "f", "mixgraph", "e", "uniform", "sequential", "hotspot")
# Where nothing is read from the device, 30,000 operations are over before the processor's caches
# know them.
TIMES_THE_OPS = {"c-fits": 30}
FAST_US = 20  # a read of a fast device; the usual one is kvtool's default

ANY = "any budget"
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
    ("c-multiget", "1%"): (1.5, None), ("c-multiget-half", ANY): (1.5, None),
}
MEANT_FOR = 10_000_000  # records

INTRODUCTION = """\
# The same memory: kvcache beside RocksDB's own caches

Why not give the memory to RocksDB's block cache? Here both get as many bytes: kvcache for its tier,
a block cache and memtables (`Options::memory_budget`, which finds the shares by itself), RocksDB
alone for its block cache or row cache, and memtables. Every system has a copy of one database and
answers the same requests, first until it misses no less, then measured in rounds by turns. Reads
pass by the page cache, on one thread; blocks are of 4 KiB, uncompressed, with Bloom filters; an
eighth of a budget, and at least 128 KiB, is for memtables. Index and filters are in memory beside
the budget, as much on every side, and are no trifle: of {records:,} keys the filters, at 10 bits a
key, take about {filters:.2f} MB, and a budget of 1 % is {one_percent:.2f} MB. Keys are of 16 bytes,
values of 100 unless said. Budgets are shares of the keys' and values' bytes. What kvcache reads
ahead comes on top of its budget: a 256th of that at most, for the one thread. It has its defaults
in every row, the policy ({policy}) included; nothing is tuned.

A disk's speed drifts, so each ratio is given three times: by modelled time, which is the reads of
the device that an operation makes, at {read_us:g} or {fast_us} us each, and its CPU as measured,
the kernel's included; and by the clock. The one at {read_us:g} us is held against our targets.
CPU and reads are those of the threads that ask. What RocksDB's threads in the background take to
flush and compact what was written (in a, b, d, e, f and mixgraph) is in no figure but the clock's.
RocksDB is built without assertions (NDEBUG), but in the row that says otherwise.
"""

LEAST = """\
## Where it gains least

- mixgraph: most requests go to a thirtieth of the keys, which lie side by side, and in there hardly
  a key is asked for more often than another. Blocks of such keys are as good a use of memory as
  entries are, and serve scans too: the best share for the tier is next to none. What it costs to
  look there first, and to watch whether a larger one would be of use, is lost.
- d: what is new is asked for most, and lies together in the newest files, so that blocks are
  full of it, and hold a pair in some 130 bytes where the tier takes 171. Of ten million records
  a tier that had just the newest ones would be 1.17 and 1.24 times as fast as the block cache, at
  1 % and 10 %.
- c-multiget-half, of ten million records: a budget in which half of the reads hit has room for
  4,650 entries. A tier that had just the most frequent ones would be 1.44 times as fast.
"""

SEQUENTIAL = """
In sequential it gains by reading ahead: one scan of the store answers the loads of many keys, where
RocksDB alone searches for each, in a block that it has read for all of them.
"""


def steps(records):
    """{step: arguments of kvtool bench}"""
    large = max(records // 5, 1000)
    half = f"{half_hits_budget(records) >> 10}KiB"
    plain = {name: ["--workload", name, "--budget", "1%,10%", "--records", str(records)]
             for name in WORKLOADS}
    c = ["--workload", "c", "--records"]
    return {
        **plain,
        "c-1KiB": [*c, str(large), "--budget", "10%", "--value-size", "1024"],
        "c-4KiB": [*c, str(large // 4), "--budget", "10%", "--value-size", "4096"],
        "c-fits": [*c, str(records // 10), "--budget", "400%"],
        "c-multiget": [*c, str(records), "--budget", "1%", "--batch", "100"],
        "c-multiget-half": [*c, str(records), "--budget", half, "--batch", "100"],
        "c-debian": plain["c"],
    }


def half_hits_budget(records):
    """Bytes with which about half of c's reads hit in a tier."""
    def harmonic(n):  # the sum of 1 / i^0.99 up to n, nearly
        return (n**0.01 - 1) / 0.01 + 0.58
    # To hold as many entries as make up half of the requests is not enough: others come and go.
    entries = (1 + 0.01 * (0.52 * harmonic(records) - 0.58)) ** 100
    caches = int(entries * split_shares.ENTRY_BYTES)
    return caches + max(caches // 7, 128 << 10)  # the rest is for memtables


def measure(arguments, all_steps):
    """{step: what kvtool bench printed, and the command}"""
    measured = {}
    for step, more in all_steps.items():
        path = arguments.results / f"{step}.json"
        document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        kvtool = arguments.debian if step == "c-debian" else arguments.kvtool
        operations = arguments.ops * TIMES_THE_OPS.get(step, 1)
        call = [str(kvtool), "bench", *more, "--direct", "--json",
                "--rounds", str(arguments.rounds), "--ops", str(operations)]
        command = " ".join(call)
        if not arguments.report_only and (document is None or document["command"] != command):
            print(command, file=sys.stderr)
            done = subprocess.run(call, check=True, capture_output=True, text=True)
            document = {"command": command, "commit": machine.commit(),
                        "processor": machine.processor(), **json.loads(done.stdout)}
            path.write_text(json.dumps(document), encoding="utf-8")
        if document is not None:
            measured[step] = document
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
    header = ["workload", "records", "budget", "block cache", "fast disk", "timed", "row cache",
              "fast disk", "timed", "targets", "verdict"]
    lines = []
    for step, budget, run in rows_of(measured):
        block_ratios, row_ratios = ratios(run, BLOCK), ratios(run, ROW)
        wanted = TARGETS.get((step, budget)) or TARGETS.get((step, ANY))
        lines.append([step, f"{run['records']:,}", budget,
                      *(f"{ratio:.2f}" for ratio in block_ratios + row_ratios),
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


def mebibytes(value):
    return f"{value / 2**20:.2f}" if value is not None else ""


# What kvtool bench says of a side since later than the first records here: (column, field, text).
LATER = (("memtables, MiB", "memtable_bytes", mebibytes),
         ("index and filters, MiB", "index_filter_bytes", mebibytes),
         ("policy", "policy", lambda value: value or ""))


def side_table(measured):
    sides = [side for _, _, run in rows_of(measured) for side in run["results"]]
    later = [column for column in LATER if any(column[1] in side for side in sides)]
    header = ["workload", "budget", "system", "hits", "tier", "share", "reads/op", "CPU us",
              "ops/s", "p50 us", "p99 us", "p99.9 us", *(name for name, _, _ in later)]
    lines = []
    for step, budget, run in rows_of(measured):
        for side in run["results"]:
            tier = (f"{side['tier_hit_ratio']:.3f}", f"{side['tier_share']:.2f}")
            lines.append([step, budget, side["system"], f"{side['hit_ratio']:.3f}",
                          *(tier if side["system"] == "kvcache" else ("", "")),
                          f"{side['device_reads']:.4f}", number(side["cpu_us_per_op"]),
                          number(side["ops_per_second"]), number(side["p50_us"]),
                          number(side["p99_us"]), number(side["p99_9_us"]),
                          *(text(side.get(field)) for _, field, text in later)])
    return table(header, lines)


def sizes_table(measured):
    header = ["workload", "records", "value", "RocksDB", "processor", "commit"]
    lines = []
    for step, document in measured.items():
        run = runs_of(document)[0]
        lines.append([step, f"{run['records']:,}", f"{run['value_size']:,} B", run["rocksdb"],
                      document["processor"], document["commit"]])
    return table(header, lines)


def draw(measured, shares, directory):
    directory.mkdir(parents=True, exist_ok=True)
    rows = [(f"{step} {budget}", [ratios(run, BLOCK)[0], ratios(run, ROW)[0]])
            for step, budget, run in rows_of(measured) if step in WORKLOADS]
    charts.bars(directory / "equal_memory.svg", "kvcache on the same memory: times as fast",
                "modelled time of the other / of kvcache", ["than block cache", "than row cache"],
                rows)
    charts.bars(directory / "equal_memory_shares.svg", "The share found beside the best fixed one",
                "modelled time of the best / of the one found",
                ["by itself", "after a change, the worst"], split_shares.reached(shares))


def introduction(first):
    pairs = first["records"] * split_shares.PAIR_BYTES
    own = next(side for side in first["results"] if side["system"] == "kvcache")
    text = INTRODUCTION.format(read_us=first["read_us"], fast_us=FAST_US, records=first["records"],
                               filters=first["records"] * 10 / 8 / 1e6, one_percent=pairs / 1e8,
                               policy=own.get("policy", "s3-fifo"))
    return "\n".join(paragraph(part) for part in text.split("\n\n"))


def paragraph(text, indent=""):
    return textwrap.fill(text, 100, subsequent_indent=indent) + "\n"


def targets_text(measured, missing):
    """What to know of targets and verdicts."""
    text = "All that was measured, and what we wanted."
    if any(run["records"] < MEANT_FOR for step, _, run in rows_of(measured) if step in WORKLOADS):
        text += (f" **The targets were set for {MEANT_FOR:,} records: a row with fewer is held "
                 "against the same figures, and its verdict is about its own number.**")
    commits = list(dict.fromkeys(document["commit"] for document in measured.values()))
    if len(commits) > 1:
        text += (f" The rows are of {len(commits)} commits, {', '.join(commits)}: the last "
                 "table of this page says which.")
    return paragraph(text) + "".join(left_out(missing))


def multiget_text(measured):
    hits = [f"{runs_of(measured[step])[0]['results'][0]['hit_ratio']:.2f} in {step}"
            for step in ("c-multiget", "c-multiget-half") if step in measured]
    return paragraph("The target for MultiGet was meant for batches of which half hits; what "
                     f"kvcache hits is {' and '.join(hits)}.") if hits else ""


def least(shares):
    missed = ", ".join(split_shares.misses(shares))
    split = paragraph(f"- the split finds less than {split_shares.TARGET * 100:g} % of the best "
                      f"fixed share's speed for {missed}.", "  ") if missed else ""
    return LEAST + split + SEQUENTIAL


def report(measured, shares, computer, missing=()):
    first = runs_of(next(iter(measured.values())))[0]
    about = [[name, value] for name, value in computer.items() if name not in ("command", "commit")]
    return "\n".join([
        introduction(first),
        "## How many times as fast\n",
        "Against the better of RocksDB's two block caches, LRUCache and HyperClockCache, and "
        "against its row\ncache (nine tenths of the bytes, the rest a block cache), of "
        f"{first['records']:,} records.\nLess than 1: kvcache is slower.\n",
        block("equal-memory-summary", summary_table(measured)) + "\n",
        targets_text(measured, [step for step in missing if not is_share(step)]),
        block("equal-memory", ratio_table(measured)) + "\n",
        "![How many times as fast kvcache is](charts/equal_memory.svg)\n",
        "a to f are YCSB's workloads, mixgraph is db_bench's; `kvtool bench --help` says what each "
        "one asks for.\nc-multiget asks for 100 keys at once, c-fits has room for everything, and "
        "c-debian is c beside Debian's\nRocksDB with its assertions.\n"
        f"{multiget_text(measured)}",
        least(shares),
        "## Each system\n",
        "hits: reads answered without the device; tier: those by the tier; share: what the tier "
        "has of the\nbudget without memtables, as found; latencies are of the calls.\n",
        block("equal-memory-systems", side_table(measured)) + "\n",
        *share_section(shares, missing),
        "## Machine and commands\n",
        table(["", "when it began"], about) + "\n",
        sizes_table(measured | shares) + "\n",
        "```text\n" + "\n".join(document["command"] for document in (measured | shares).values())
        + "\n```",
    ]) + "\n"


SHARES_TEXT = """\
## The shares that are found

Of {records:,} records and a budget of 10 %: which of the fixed shares of the tier, in steps of a
tenth, is the best by modelled time, which one kvcache finds, and what it reaches of the best one's
speed. Each figure is of a few rounds, and processor time drifts: more than 100 % of the best is
noise, or a share between the steps, and other figures are uncertain by as many percent.
"""

CHANGES_TEXT = """\
Then the same when another workload had filled the caches, so many operations after the change, and
over the rounds that follow. The split may take ten times as many operations as the budget holds
entries, which is {soon:,} here. The best fixed share of the table above is measured beside it, in
the same run and after the same change.

Not every pair of workloads is here: each is measured after one or two that want the memory
elsewhere. Keys of mixgraph and sequential are in order, those of the others are not, so neither
kind can follow the other. Nor is there a side with the rule of AC-Key (Wu et al., USENIX ATC'20),
which moves memory at every hit in a ghost list: that comparison was not made.
"""


def is_share(step):
    return step.startswith(("shares-", "change-"))


def share_section(shares, missing):
    if not shares:
        return []
    records = next(iter(shares.values()))["records"]
    return [
        SHARES_TEXT.format(records=records),
        block("equal-memory-shares", split_shares.share_table(shares)) + "\n",
        CHANGES_TEXT.format(soon=split_shares.within(records)["soon"]),
        block("equal-memory-changes", split_shares.change_table(shares)) + "\n",
        "![The share found beside the best fixed one](charts/equal_memory_shares.svg)\n",
        *left_out([step for step in missing if is_share(step)]),
    ]


def left_out(missing):
    return [paragraph(f"Not measured in this run: {', '.join(missing)}.")] if missing else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kvtool", required=True)
    parser.add_argument("--debian", required=True)
    parser.add_argument("--report-only", action="store_true", help="measure nothing more")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--share-records", type=int, help="for the shares found; default: a 50th")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ops", type=int, default=30_000,
                        help="of a round; of c-fits 30 times as many")
    parser.add_argument("--results", type=pathlib.Path,
                        default=ROOT / "bench/equal_memory")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench")
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    computer = describe_machine(arguments.results / "machine.json")
    compared = steps(arguments.records)
    measured = measure(arguments, compared)
    few = arguments.share_records or max(arguments.records // 50, 1000)
    shared = split_shares.share_steps(few)
    shares = measure(arguments, shared)
    changed = split_shares.change_steps(few, shares)
    shares |= measure(arguments, changed)
    draw(measured, shares, arguments.out / "charts")
    missing = [step for step in compared | shared | changed if step not in measured | shares]
    (arguments.out / "EQUAL_MEMORY.md").write_text(report(measured, shares, computer, missing),
                                                   encoding="utf-8")
    print(f"wrote {arguments.out}/EQUAL_MEMORY.md")


if __name__ == "__main__":
    main()
