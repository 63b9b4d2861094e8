#!/usr/bin/env -S python3 -B
"""The long versions of the tests, in parts of at most 45 minutes, and their report.

    tests/long_run.py [--minutes M] [--seed S] [PART...]

Builds what it needs and runs the parts that have not passed yet at this commit, or those named, one
after the other; --minutes starts none that would not end in time. What a part said is kept in
build/long_run/COMMIT, so that the next call goes on. In the end, and after each call, tests/TRUST.md
says what has been run. Exit status: 1 if a part failed.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RELEASE = ROOT / "build" / "release"
TESTS = "build/release/tests"
FUZZ_TARGETS_AT_ONCE = 2
LAST_LINES = 4


class Part:
    def __init__(self, name, what, minutes, *command):
        self.name = name
        self.what = what
        self.minutes = minutes  # about, on two cores
        self.command = command  # {seed} stands for the seed


def fuzz_targets():
    return sorted(folder.name for folder in (ROOT / "data" / "fuzz").iterdir() if folder.is_dir())


def fuzz_parts():
    """Two targets a part, side by side: one a core."""
    targets = fuzz_targets()
    for at in range(0, len(targets), FUZZ_TARGETS_AT_ONCE):
        chosen = targets[at:at + FUZZ_TARGETS_AT_ONCE]
        yield Part(f"fuzz-{at // FUZZ_TARGETS_AT_ONCE + 1}",
                   f"libFuzzer, 20 minutes each: {', '.join(chosen)}", 22,
                   "tests/fuzz/run.py", "--minutes", "20", *chosen)


def all_parts():
    return [
        Part("linearizability-memory", "histories of many threads over few keys, checked", 20,
             f"{TESTS}/linearizability/linearizability", "--store", "memory",
             "--operations", "9000000", "--seed", "{seed}"),
        Part("linearizability-rocksdb", "the same over RocksDB", 20,
             f"{TESTS}/linearizability/linearizability", "--store", "rocksdb",
             "--operations", "1000000", "--seed", "{seed}"),
        Part("schedules", "every state of the protocol's model, and the real cache beside it", 30,
             f"{TESTS}/schedules/schedules_long"),
        Part("kills", "kill -9 under load, reopen, verify", 25,
             f"{TESTS}/crash/kill_test", "--kills", "2000", "--seed", "{seed}",
             f"{TESTS}/crash/kill_worker"),
        Part("losses", "the machine lost: what was not synced is dropped", 15,
             f"{TESTS}/crash/loss_test", "--losses", "2000", "--seed", "{seed}"),
        Part("mutants", "each mutant of protocol and policies, until a test catches it", 40,
             "tests/mutation/run.py"),
        Part("coverage", "lines and branches that the tests reach", 20, "tests/coverage.py"),
        Part("soak-memory", "load with everything switching", 20,
             f"{TESTS}/soak/kvcache_soak", "--minutes", "20", "--calls", "200000", "--keys",
             "1000000", "--capacity", "64MiB", "--seed", "{seed}"),
        Part("soak-rocksdb", "the same over RocksDB", 41,
             f"{TESTS}/soak/kvcache_soak", "--minutes", "40", "--calls", "50000", "--keys",
             "200000", "--capacity", "32MiB", "--seed", "{seed}", "--store", "rocksdb"),
        *fuzz_parts(),
    ]
