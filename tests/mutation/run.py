#!/usr/bin/env -S python3 -B
"""Mutation testing of the protocol and the policies: makes the mutants of generate.py, builds the
tests over a library that has them all, and runs these for each until one fails.

usage: run.py [--jobs N] [--list] [--only NAME...]

Prints a line a mutant and a summary. Exit status 1 if fewer than 90 % are caught, or if
survivors.toml does not list just those that survive. What is built, and results.json, from which an
interrupted run goes on, are in build/mutants; what was caught is not run again while the mutants
are the same, what survived neither while the tests are the same too. A test that takes many times
the time that it needs without a mutant, or much more memory, counts as failed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import threading
import time
import tomllib

import generate
import weave

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build" / "mutants"
TREE = BUILD / "tree"
PROGRAMS = BUILD / "programs"
RESULTS = BUILD / "results.json"
SURVIVORS = PROJECT / "tests" / "mutation" / "survivors.toml"

LEAST_CAUGHT = 0.9
SECONDS_COMPUTING = 60  # of the processor's time; a test takes 15 at most
TIMES_NORMAL_WAITING = 10  # of time by the clock, which depends on what else the machine does
LEAST_SECONDS_WAITING = 60
MOST_MEMORY = 8 << 30

# The quickest and most telling first.
POLICY_TESTS = ("policy_parts_test", "node_lists_test", "golden_test", "policy_contract_test",
                "policy_model_test")
PROTOCOL_TESTS = ("flight_table_test", "coherence_crossing_test", "coherence_load_test",
                  "coherence_multiget_test", "coherence_range_test", "coherence_batch_test",
                  "coherence_compute_test", "coherence_switch_test",
                  "coherence_read_beside_write_test", "cache_test", "audit_test",
                  "cache_stats_test", "memory_tier_test", "memory_budget_test", "model_test",
                  "tier_accuracy_test", "linearizability")
ARGUMENTS = {"linearizability": ["--operations=100000"]}


def make_tree(mutants):
    """The project once more, its library woven. Returns the library's digest."""
    TREE.mkdir(parents=True, exist_ok=True)
    for path in PROJECT.iterdir():
        link = TREE / path.name
        if path.name not in ("build", "lib", ".git") and not link.is_symlink():
            link.symlink_to(path)
    lib = PROJECT / "lib"
    files = {str(path.relative_to(lib)): path.read_text(encoding="utf-8")
             for path in sorted(lib.rglob("*")) if path.is_file()}
    woven = weave.weave_all(files, mutants)
    woven["CMakeLists.txt"] += f"\ntarget_sources(kvcache PRIVATE {weave.SOURCE})\n"
    weave.write(woven, TREE / "lib")
    return hashlib.sha256(json.dumps(woven, sort_keys=True).encode()).hexdigest()


def build(jobs):
    """Returns the digest of the programs."""
    subprocess.run(["cmake", "-S", TREE, "-B", PROGRAMS, "-G", "Ninja",
                    "-DCMAKE_BUILD_TYPE=Mutants", "-DCMAKE_CXX_FLAGS_MUTANTS=-O1 -DNDEBUG -w"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", PROGRAMS, "-j", str(jobs), "--target",
                    *POLICY_TESTS, *PROTOCOL_TESTS], check=True)
    digest = hashlib.sha256()
    for test in POLICY_TESTS + PROTOCOL_TESTS:
        digest.update(program(test).read_bytes())
    return digest.hexdigest()


def program(test):
    return next(path for path in (PROGRAMS / "tests" / test, PROGRAMS / "tests" / test / test)
                if path.is_file())


def limit_resources():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_COMPUTING, SECONDS_COMPUTING))


def passes(test, mutant, seconds):
    """Whether the test passes with this mutant; None: it has not ended in so much time."""
    command = [program(test), *ARGUMENTS.get(test, ["--abort-after=1"])]
    try:
        done = subprocess.run(command, env={**os.environ, "KVCACHE_MUTANT": mutant}, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=seconds,
                              preexec_fn=limit_resources)
    except subprocess.TimeoutExpired:
        return None
    return done.returncode == 0


class Judges:
    """The tests, with how long each may take: measured before its first use, when it has to pass
    without a mutant.
    """

    def __init__(self):
        self._seconds = {}
        self._lock = threading.Lock()

    def caught_by(self, mutant):
        """The test that fails, "" if none does."""
        policy = mutant["edit"][0]["file"].startswith(generate.POLICIES)
        tests = POLICY_TESTS + PROTOCOL_TESTS if policy else PROTOCOL_TESTS + POLICY_TESTS
        return next((test for test in tests if self._fails(test, mutant["name"])), "")

    def _fails(self, test, mutant):
        while True:
            seconds = self._may_take(test)
            passed = passes(test, mutant, seconds)
            if passed is not None:
                return not passed
            # Does the mutant hang, or is the machine busier than it was?
            if passes(test, "", seconds):
                return True
            with self._lock:
                self._seconds[test] = max(self._seconds[test], 2 * seconds)

    def _may_take(self, test):
        with self._lock:
            if test not in self._seconds:
                begin = time.monotonic()
                if not passes(test, "", 1800):
                    raise RuntimeError(f"{test} fails without a mutant")
                seconds = time.monotonic() - begin
                print(f"{test}: {seconds:.1f} s without a mutant", flush=True)
                self._seconds[test] = max(LEAST_SECONDS_WAITING, TIMES_NORMAL_WAITING * seconds)
            return self._seconds[test]


class Results:
    """What is known of mutants, by name, kept in a file."""

    def __init__(self, library, programs):
        self._state = {"library": library, "programs": programs, "caught_by": {}}
        self._lock = threading.Lock()
        known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        if known.get("library") == library:
            same = known["programs"] == programs
            self._state["caught_by"] = {name: test for name, test in known["caught_by"].items()
                                        if test or same}

    def forget(self, names):
        for name in names:
            self._state["caught_by"].pop(name, None)

    def get(self, name):
        return self._state["caught_by"].get(name)

    def set(self, name, test):
        with self._lock:
            self._state["caught_by"][name] = test
            part = RESULTS.with_suffix(".part")
            part.write_text(json.dumps(self._state, indent=1), encoding="utf-8")
            part.replace(RESULTS)


def run(mutants, results, jobs):
    """The names of those that survive."""
    judges = Judges()

    def one(mutant):
        test = results.get(mutant["name"])
        if test is None:
            test = judges.caught_by(mutant)
            results.set(mutant["name"], test)
        fate = f"caught by {test}" if test else "SURVIVED"
        print(f"{generate.describe(mutant)}: {fate}", flush=True)
        return test

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        tests = list(pool.map(one, mutants))
    return {mutant["name"] for mutant, test in zip(mutants, tests) if not test}


def judge(mutants, survived):
    """Prints the summary; whether it is good."""
    caught = len(mutants) - len(survived)
    print(f"{len(mutants)} mutants, {caught} caught, {100 * caught / len(mutants):.1f} %")
    everything = {mutant["name"] for mutant in generate.generate(PROJECT / "lib")}
    listed = {entry["name"]: entry["reason"]
              for entry in tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivor"]}
    good = caught >= LEAST_CAUGHT * len(mutants)
    for name in sorted(survived):
        print(f"survived: {name}: {listed.get(name, 'NO REASON IS LISTED')}")
        good = good and name in listed
    for name in sorted(listed.keys() & {mutant["name"] for mutant in mutants} - survived):
        print(f"{name}: listed as a survivor, but caught")
        good = False
    for name in sorted(listed.keys() - everything):
        print(f"{name}: listed as a survivor, but there is none of this name")
        good = False
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="print the mutants and end")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these, known or not")
    flags = parser.parse_args()

    mutants = generate.generate(PROJECT / "lib")
    if flags.list:
        print("\n".join(generate.describe(mutant) for mutant in mutants))
        return 0
    chosen = [mutant for mutant in mutants if flags.only is None or mutant["name"] in flags.only]
    if flags.only and len(chosen) != len(set(flags.only)):
        parser.error("--only names a mutant that there is not")

    library = make_tree(mutants)
    programs = build(flags.jobs)
    results = Results(library, programs)
    if flags.only:
        results.forget(flags.only)
    survived = run(chosen, results, flags.jobs)
    return 0 if judge(chosen, survived) else 1


if __name__ == "__main__":
    sys.exit(main())
