"""The share that kvcache gives its tier, beside fixed ones: a part of EQUAL_MEMORY.md.

What is found is held against the best fixed share: of workloads by themselves, and soon after
another workload had filled the caches.
"""

from tables import table

SHARES = ["auto"] + [f"{tenth / 10:g}" for tenth in range(11)]
# Workloads, each after those that want the memory elsewhere: e and uniform want blocks, c, b, d, a
# and f a tier. Only what asks for the same keys can follow: mixgraph's and sequential's are in
# order, the others' are not.
BEFORE = {"c": ("e",), "b": ("e",), "d": ("e",), "a": ("e", "uniform"), "f": ("e",), "e": ("c",),
          "uniform": ("c",), "mixgraph": ("sequential",), "sequential": ("mixgraph",)}
TARGET = 0.95  # of the best fixed share's speed

PAIR_BYTES = 16 + 100
ENTRY_BYTES = PAIR_BYTES + 55  # in the tier, as bench/RESULTS.md has it
CACHES = 7 / 8  # of a budget; the rest is for memtables


def within(records):
    """{name: operations after a change}

    Soon is what the split may take: ten times the entries that a budget of 10 % holds. Late is 1 M
    operations with the 200,000 records that bench/equal_memory.py measures shares with.
    """
    entries = int(records * PAIR_BYTES * 0.1 * CACHES / ENTRY_BYTES)
    return {"soon": 10 * entries, "late": 5 * records}


def common(records):
    return ["--budget", "10%", "--against", "kvcache", "--records", str(records)]


def share_steps(records):
    """{step: arguments of kvtool bench}"""
    return {f"shares-{name}": ["--workload", name, *common(records), "--tier-share",
                               ",".join(SHARES)] for name in BEFORE}


def change_steps(records, measured):
    """The same, with the best fixed share in the same run, where `measured` says which it is."""
    calls = {}
    for name, others in BEFORE.items():
        if f"shares-{name}" not in measured:
            continue
        best = best_fixed(measured[f"shares-{name}"])["system"].partition(":")[2]
        for before in others:
            for when, operations in within(records).items():
                calls[f"change-{name}-{before}-{when}"] = [
                    "--workload", name, *common(records), "--after", before,
                    "--settle", str(operations), "--tier-share", f"auto,{best}"]
    return calls


def best_fixed(document):
    """The side whose share is the best of the fixed ones, by modelled time."""
    return min(document["results"][1:], key=lambda side: side["modelled_us_per_op"])


def rows(measured, start):
    """(workload, before, operations, best fixed side, of its speed, side found)"""
    for step, document in measured.items():
        if step.startswith(start):
            own, best = document["results"][0], best_fixed(document)
            ratio = best["modelled_us_per_op"] / own["modelled_us_per_op"]
            call = document["command"].split()
            before, operations = (call[call.index(flag) + 1] if flag in call else None
                                  for flag in ("--after", "--settle"))
            yield document["workload"], before, operations, best, ratio, own


def judged(best, ratio, own):
    return [f"{best['tier_share']:.1f}", f"{own['tier_share']:.2f}", f"{ratio:.1%}",
            f">= {TARGET:.0%}", "met" if ratio >= TARGET else "**missed**"]


HEADER = ["best share", "found", "of the best", "target", "verdict"]


def share_table(measured):
    return table(["workload", *HEADER],
                 [[name, *judged(*found)] for name, _, _, *found in rows(measured, "shares-")])


def change_table(measured):
    return table(["workload", "after", "operations", *HEADER],
                 [[name, before, f"{int(operations):,}", *judged(*found)]
                  for name, before, operations, *found in rows(measured, "change-")])


def reached(measured):
    """(workload, [of the best share's speed by itself, the least after a change or None])"""
    after = {}
    for name, _, _, _, ratio, _ in rows(measured, "change-"):
        after[name] = min(ratio, after.get(name, ratio))
    return [(name, [ratio, after.get(name)])
            for name, _, _, _, ratio, _ in rows(measured, "shares-")]


def misses(measured):
    """What falls short of TARGET, in words."""
    for start, words in (("shares-", "{0} ({1:.1%})"),
                         ("change-", "{0} {3:,} operations after {2} ({1:.1%})")):
        for name, before, operations, _, ratio, _ in rows(measured, start):
            if ratio < TARGET:
                yield words.format(name, ratio, before, int(operations or 0))
