#!/usr/bin/env -S python3 -B
"""Writes bench/POLICIES.md: every policy's miss ratio at every trace of ../shared/traces and data/.

    bench/policies.py [--kvtool build/release/apps/kvtool/kvtool] [--traces ../shared/traces]
"""

import argparse
import json
import pathlib
import subprocess

SIZES = "1%,10%"
ROOT = pathlib.Path(__file__).resolve().parent.parent


def simulate(kvtool, traces):
    call = [kvtool, "simulate", *map(str, traces), "--policy", "all", "--sizes", SIZES, "--json"]
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["results"]


def name_of(trace):
    return pathlib.Path(trace).name.removesuffix(".zst").removesuffix(".txt")


def by_trace(results):
    """{(trace, size): {policy: row}}, in the order of the results."""
    table = {}
    for row in results:
        key = (name_of(row["trace"]), row["size_given"])
        table.setdefault(key, {})[row["policy"]] = row
    return table


def relative_to_lru(table, policy, size):
    """The mean over the traces of the policy's miss ratio over lru's."""
    ratios = [rows[policy]["miss_ratio"] / rows["lru"]["miss_ratio"]
              for (_, given), rows in table.items() if given == size]
    return sum(ratios) / len(ratios)


def mean_table(table, policies):
    sizes = SIZES.split(",")
    lines = ["| policy | " + " | ".join(f"at {size}" for size in sizes) + " |",
             "| --- |" + " ---: |" * len(sizes)]
    order = sorted(policies, key=lambda policy: sum(relative_to_lru(table, policy, size)
                                                    for size in sizes))
    for policy in order:
        cells = [f"{relative_to_lru(table, policy, size):.3f}" for size in sizes]
        lines.append(f"| {policy} | " + " | ".join(cells) + " |")
    return lines


def ratio_table(table, policies, size):
    lines = ["| trace | objects | " + " | ".join(policies) + " |",
             "| --- | ---: |" + " ---: |" * len(policies)]
    for (trace, given), rows in table.items():
        if given != size:
            continue
        best = min(rows[policy]["miss_ratio"] for policy in policies if policy != "opt")
        cells = []
        for policy in policies:
            ratio = rows[policy]["miss_ratio"]
            text = f"{ratio:.4f}"
            cells.append(f"**{text}**" if policy != "opt" and ratio == best else text)
        lines.append(f"| {trace} | {rows['lru']['size']:,} | " + " | ".join(cells) + " |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kvtool", default=str(ROOT / "build/release/apps/kvtool/kvtool"))
    parser.add_argument("--traces", default="../shared/traces", type=pathlib.Path)
    arguments = parser.parse_args()
    shared = sorted(arguments.traces.glob("*.zst"))
    own = sorted((ROOT / "data").glob("*.zst"))
    if not shared:
        parser.error(f"no traces in {arguments.traces}")
    results = simulate(arguments.kvtool, shared + own)
    table = by_trace(results)
    policies = list(next(iter(table.values())))
    lines = [
        "# Policies compared",
        "",
        "Miss ratios of objects of size 1, of one cache in exact order, every policy with its",
        "default parameters; sizes are a share of each trace's unique keys. Written by",
        "`bench/policies.py`, from what this prints:",
        "",
        f"    kvtool simulate ../shared/traces/*.zst data/*.zst --policy all --sizes {SIZES} "
        "--json",
        "",
        "Of a trace's policies the best is bold, opt aside: that is Belady's, which knows the",
        "future.",
        "The traces of `../shared` are public ones that cannot be handed on with the project;",
        "those of `data/` are its own.",
        "",
        "## Relative to lru",
        "",
        "The mean over all traces of the policy's miss ratio divided by lru's.",
        "",
        *mean_table(table, policies),
    ]
    for size in SIZES.split(","):
        lines += ["", f"## At {size} of the keys", "", *ratio_table(table, policies, size)]
    (ROOT / "bench/POLICIES.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
