#!/usr/bin/env -S python3 -B
"""Counts the instructions of a hit with callgrind, which a busy machine does not disturb.

Prints them as JSON, {policy: {operation: instructions a key}}, or
  --check   compares them with the table in bench/RESULTS.md, and fails if any grew by more than 5 %
  --renew   writes them into that table
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import tables

ROOT = pathlib.Path(__file__).resolve().parents[1]
POLICIES = ("lru", "lfu", "lru-k")
OPERATIONS = {"get": "CountGet", "get-zero-copy": "CountGetZeroCopy", "multiget": "CountMultiGet"}
TOLERANCE = 0.05
SKIPPED = 77


def per_key(annotated, lookups):
    """{operation: instructions} from callgrind_annotate's output, callees included."""
    counts = {}
    for operation, function in OPERATIONS.items():
        found = re.search(rf"^ *([\d,]+) .*:{function}(?![\w'])", annotated, re.M)
        if not found:
            raise ValueError(f"callgrind shows no {function}")
        counts[operation] = round(int(found.group(1).replace(",", "")) / lookups)
    return counts


def run(command):
    # Otherwise the first call of each library function pays for its binding.
    done = subprocess.run(command, env={**os.environ, "LD_BIND_NOW": "1"}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"bench/instructions.py: '{' '.join(command)}' failed:\n{done.stdout}")
    return done.stdout


def count(program, policy, lookups):
    with tempfile.TemporaryDirectory() as directory:
        out = f"{directory}/callgrind.out"
        run(["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=Count*",
             f"--callgrind-out-file={out}", program, policy, str(lookups)])
        return per_key(run(["callgrind_annotate", "--inclusive=yes", out]), lookups)


def count_all(program, lookups):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(POLICIES, pool.map(lambda policy: count(program, policy, lookups),
                                           POLICIES)))


def to_table(counts):
    """Also of None, for a report without them."""
    return tables.table(["policy", *OPERATIONS],
                        [[policy, *(counts[policy][operation] if counts else "not measured"
                                    for operation in OPERATIONS)] for policy in POLICIES])


def from_table(body):
    header, *rows = tables.rows_of(body)
    return {row[0]: {operation: int(cell) for operation, cell in zip(header[1:], row[1:])
                     if cell.isdecimal()} for row in rows}


def compare(before, now):
    """(what grew, what shrank) by more than the tolerance, as sentences."""
    grown, shrunk = [], []
    for policy, counts in now.items():
        for operation, new in counts.items():
            old = before.get(policy, {}).get(operation)
            if old is None:
                grown.append(f"instructions of a {policy} {operation} are not in the table")
            elif new > old * (1 + TOLERANCE):
                grown.append(f"instructions of a {policy} {operation} grew from {old} to {new}")
            elif new < old * (1 - TOLERANCE):
                shrunk.append(f"instructions of a {policy} {operation} shrank from {old} to {new}")
    return grown, shrunk


def check(before, now):
    grown, shrunk = compare(before, now)
    for sentence in shrunk:
        print(f"{sentence}; bench/instructions.py --renew keeps it that way")
    if not grown:
        print("no figure grew by more than 5 %")
        return 0
    print(f"{', '.join(grown)}; if that is meant, run bench/run.sh (or bench/instructions.py "
          "--renew) and commit bench/RESULTS.md")
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/bench/bench/instructions"))
    parser.add_argument("--lookups", type=int, default=20_000, help="a multiple of 100")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench/RESULTS.md")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true")
    action.add_argument("--renew", action="store_true")
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed")
        return SKIPPED
    if arguments.check or arguments.renew:
        text = (arguments.results.read_text(encoding="utf-8") if arguments.results.exists()
                else "")
        body = tables.blocks(text).get("instructions")
        if body is None:
            print(f"{arguments.results} has no table of instructions: bench/run.sh writes it")
            return 1
    now = count_all(arguments.program, arguments.lookups)
    if arguments.check:
        return check(from_table(body), now)
    if arguments.renew:
        arguments.results.write_text(tables.replace(text, {"instructions": to_table(now)}),
                                     encoding="utf-8")
    else:
        print(json.dumps(now, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
