"""The share that kvcache gives its tier, beside fixed ones: a part of EQUAL_MEMORY.md."""

from tables import table

SHARES = ["auto"] + [f"{tenth / 10:g}" for tenth in range(11)]
# Workloads, each with one that asks for the same keys in another way.
BEFORE = {"c": "e", "b": "e", "d": "c", "a": "uniform", "f": "d", "e": "c", "uniform": "c",
          "mixgraph": "sequential", "sequential": "mixgraph"}
ADAPTS_IN = 5  # operations a record, after the workload changed


def steps(records):
    """{step: arguments of kvtool bench}"""
    few = max(records // 50, 1000)
    common = ["--budget", "10%", "--against", "kvcache", "--records", str(few)]
    calls = {}
    for name, before in BEFORE.items():
        calls[f"shares-{name}"] = ["--workload", name, *common, "--tier-share", ",".join(SHARES)]
        calls[f"change-{name}"] = ["--workload", name, *common, "--after", before,
                                   "--settle", str(ADAPTS_IN * few)]
    return calls


def share_table(measured):
    """How near the share that is found comes to the best fixed one, by modelled time."""
    header = ["workload", "best share", "found", "of the best", "after", "found then",
              "of the best"]
    lines = []
    for name, before in BEFORE.items():
        if f"shares-{name}" not in measured:
            continue
        own, *fixed = measured[f"shares-{name}"]["results"]
        best = min(fixed, key=lambda side: side["modelled_us_per_op"])
        lines.append([name, f"{best['tier_share']:.1f}", *found(own, best)])
        if f"change-{name}" in measured:
            changed = measured[f"change-{name}"]["results"][0]
            lines[-1] += [before, *found(changed, best)]
        else:
            lines[-1] += [before, "-", "-"]
    return table(header, lines)


def found(side, best):
    return [f"{side['tier_share']:.2f}",
            f"{best['modelled_us_per_op'] / side['modelled_us_per_op']:.1%}"]
