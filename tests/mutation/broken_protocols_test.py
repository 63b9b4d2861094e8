#!/usr/bin/env python3
"""Every broken protocol of the list is caught by the checker of linearizability, and by audits of
hits where the list does not say otherwise, within so many operations as the list says; and the same
program finds nothing when none is chosen.

usage: broken_protocols_test.py PROGRAM LIST.toml [--seeds N] [--only NAME]

PROGRAM is linearizability_of_mutants. With --seeds each is tried with N seeds, and the operations
that it needed are printed, from which the list's numbers are chosen.
"""

import argparse
import os
import re
import subprocess
import sys

import weave

FIRST_SEED = 20260101
SEEDS_APART = 100_000  # more than rounds in a run
UNBROKEN_OPERATIONS = 50_000


def run(program, name, operations, seed, judge="checker"):
    """Exit status and output with this mutant chosen."""
    done = subprocess.run([program, f"--operations={operations}", f"--seed={seed}",
                           f"--judge={judge}"],
                          env={**os.environ, "KVCACHE_MUTANT": name}, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500)
    return done.returncode, done.stdout


def operations_to_catch(program, mutant, seed, judge):
    """None: it was not caught. What it printed in the other place."""
    status, output = run(program, mutant["name"], mutant["operations"], seed, judge)
    caught = re.search(r"^(\d+) operations, .*\nround with seed \d+: ", output, re.M)
    return (int(caught.group(1)) if status == 1 and caught else None), output


def is_caught(program, mutant, judge, seeds):
    """Whether this judge catches the mutant with each seed; prints what it needed."""
    needed, missed = [], False
    for i in range(seeds):
        operations, output = operations_to_catch(program, mutant, FIRST_SEED + i * SEEDS_APART,
                                                 judge)
        if operations is None:
            print(f"{mutant['name']}: not caught by {judge} within {mutant['operations']} "
                  f"operations: {mutant['breaks']}\n{output}")
            missed = True
        else:
            needed.append(operations)
    if needed:
        needed.sort()
        print(f"{mutant['name']}: caught by {judge} within {mutant['operations']} operations; "
              f"needed {needed[0]} to {needed[-1]}, median {needed[len(needed) // 2]}", flush=True)
    return not missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("list")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only")
    flags = parser.parse_args()

    failed = False
    status, output = run(flags.program, "", UNBROKEN_OPERATIONS, FIRST_SEED)
    if status != 0:
        print(f"no mutant chosen, and exit status {status}:\n{output}")
        failed = True
    status, _ = run(flags.program, "there-is-none", 1, FIRST_SEED)
    if status != 2:
        print(f"a mutant that there is not, and exit status {status}")
        failed = True
    for mutant in weave.read_lists([flags.list]):
        if flags.only not in (None, mutant["name"]):
            continue
        for judge in ("checker", "audits") if mutant.get("audits", True) else ("checker",):
            failed |= not is_caught(flags.program, mutant, judge, flags.seeds)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
