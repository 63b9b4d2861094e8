#!/usr/bin/env -S python3 -B
"""The long versions of the tests, in parts of at most 45 minutes, and their report.

    tests/long_run.py [--minutes M] [--seed S] [--no-build] [PART...]
    tests/long_run.py --report

Builds what it needs and runs the parts that have not passed yet, or not since what they are made of
has changed, or those named, one after the other; --minutes starts none that would not end in time.
What a part said is kept in tests/trust, to be committed, so that the next call goes on wherever it
is made, and tests/TRUST.md shows it; --report runs nothing and writes that once more, with which
parts are made of something that has changed since. Exit status: 1 if a part failed.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTS = "build/release/tests"
REPORT = ROOT / "tests" / "TRUST.md"
RESULTS = ROOT / "tests" / "trust"
FUZZ_TARGETS_AT_ONCE = 4
MOST_LINES = 18  # of what a part said, in the report

# What parts are made of. All of lib but what simulates traces:
CACHE = ("lib/CMakeLists.txt", "lib/base", "lib/cache", "lib/include", "lib/policy", "lib/store",
         "lib/tier")
# Fuzz targets that drive the cache, or whose sources include the policies. All others are parsers.
FUZZ_CACHE = ("cache", "policy", "simulation_flags", "sizes")


def sources_behind(*files):
    """These files of the project and all that they include, each header with the source beside
    it."""
    found = set()
    left = [ROOT / file for file in files]
    while left:
        file = left.pop()
        if file in found:
            continue
        found.add(file)
        folders = (file.parent, *(ROOT / name for name in ("tests", "apps", "lib", "lib/include")))
        for name in re.findall(r'^#include ["<](.*)[">]', file.read_text(encoding="utf-8"), re.M):
            header = next((folder / name for folder in folders if (folder / name).is_file()), None)
            if header:
                left += [path for path in (header, header.with_suffix(".cc")) if path.is_file()]
    return sorted(str(file.resolve().relative_to(ROOT)) for file in found)


def support_of(folder):
    """What the sources of this folder below tests share with others."""
    sources = (path for path in (ROOT / "tests" / folder).iterdir() if path.suffix in (".cc", ".h"))
    return [file for file in sources_behind(*sources)
            if file.startswith("tests/") and not file.startswith(f"tests/{folder}/")]


class Part:
    def __init__(self, name, what, minutes, made_of, *command):
        self.name = name
        self.what = what
        self.minutes = minutes  # about, on two cores
        self.made_of = (*made_of, ":!*.md")
        self.command = command  # {seed} stands for the seed


def fuzz_sources(target):
    """What a target is made of: the file that has its function, and what that includes."""
    fuzz = ROOT / "tests" / "fuzz"
    listed = (fuzz / "targets.cc").read_text(encoding="utf-8")
    function = re.search(rf'FuzzTarget{{"{target}", (\w+)}}', listed)[1]
    defined = next(path for path in sorted(fuzz.glob("*.cc")) if path.name != "targets.cc" and
                   re.search(rf"\b{function}\(", path.read_text(encoding="utf-8")))
    # No header has the name of a trace's format.
    formats = [] if "trace" not in target else [
        path for path in (ROOT / "lib" / "simulate").glob("*_trace.cc")
        if not path.with_suffix(".h").is_file()]
    return sources_behind(defined, fuzz / "targets.cc", fuzz / "libfuzzer.cc", *formats)


def fuzz_part(name, targets, *more):
    made_of = {source for target in targets for source in fuzz_sources(target)}
    return Part(name, f"inputs made by libFuzzer, for 20 minutes each, {len(targets)} targets at a "
                f"time: {', '.join(targets)}", 22,
                (*sorted(made_of), *more, "tests/fuzz/run.py",
                 *(f"data/fuzz/{target}" for target in targets)),
                "tests/fuzz/run.py", "--jobs", str(len(targets)), "--minutes", "20", "--seed",
                "{seed}", *targets)


def fuzz_parts():
    yield fuzz_part("fuzz-cache", FUZZ_CACHE, *CACHE)
    parsers = sorted(folder.name for folder in (ROOT / "data" / "fuzz").iterdir()
                     if folder.is_dir() and folder.name not in FUZZ_CACHE)
    for at in range(0, len(parsers), FUZZ_TARGETS_AT_ONCE):
        yield fuzz_part(f"fuzz-parsers-{at // FUZZ_TARGETS_AT_ONCE + 1}",
                        parsers[at:at + FUZZ_TARGETS_AT_ONCE])


def all_parts():
    histories = f"{TESTS}/linearizability/linearizability"
    soak = f"{TESTS}/soak/kvcache_soak"
    linearizability, schedules, crash, soaked = (
        (*CACHE, f"tests/{name}", *support_of(name))
        for name in ("linearizability", "schedules", "crash", "soak"))
    all_tests = ("lib", "apps", "tests", "data/fuzz", ":!tests/trust", ":!tests/long_run.py")
    return [
        Part("linearizability", "histories of many threads over few keys are linearizable", 30,
             linearizability, histories, "--operations", "9000000", "--seed", "{seed}"),
        Part("linearizability-rocksdb", "the same over RocksDB", 20, linearizability, histories,
             "--store", "rocksdb", "--operations", "1000000", "--seed", "{seed}"),
        Part("audits", "every hit compared with the store, in such histories", 10,
             linearizability, histories, "--judge", "audits", "--operations", "3000000", "--seed",
             "{seed}"),
        Part("schedules", "every state of the protocol's model", 20, schedules,
             f"{TESTS}/schedules/schedules_explore_test", "--no-skip"),
        Part("epochs", "every state of the model of epochs", 5, schedules,
             f"{TESTS}/schedules/schedules_epoch_test", "--no-skip"),
        Part("conformance", "the real cache beside the model, schedule by schedule", 20, schedules,
             f"{TESTS}/schedules/schedules_conformance_test", "--no-skip"),
        Part("kills", "kill -9 under load, open again, verify", 25, crash,
             f"{TESTS}/crash/kill_test", "--kills", "2000", "--seed", "{seed}",
             f"{TESTS}/crash/kill_worker"),
        Part("losses", "the machine lost, and with it what was not synced", 15, crash,
             f"{TESTS}/crash/loss_test", "--losses", "2000", "--seed", "{seed}"),
        Part("huge-values", "values of 1 GiB over RocksDB, and of 4 GiB", 3,
             (*CACHE, "tests/limits", *support_of("limits")),
             f"{TESTS}/limits/limits_huge_value_test", "--no-skip"),
        Part("mutants", "of mutants of protocol and policies, how many the tests catch", 45,
             all_tests, "tests/mutation/run.py"),
        Part("coverage", "lines and branches of lib that the tests reach", 20,
             (*all_tests, ":!tests/mutation/survivors.toml"), "tests/coverage.py"),
        Part("soak", "load with everything switching: accounts, memory, latency", 20, soaked,
             soak, "--minutes", "20", "--calls", "200000", "--keys", "1000000", "--capacity",
             "64MiB", "--seed", "{seed}"),
        Part("soak-rocksdb", "the same over RocksDB", 41, soaked, soak, "--minutes", "40",
             "--calls", "50000", "--keys", "200000", "--capacity", "24MiB", "--seed", "{seed}",
             "--store", "rocksdb"),
        *fuzz_parts(),
    ]


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def code_of(part):
    """The commit, "-dirty" if there are changes to what the part is made of."""
    changed = git("status", "--porcelain", "--", *part.made_of)
    return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")


def passed(part):
    """Whether it has, and what it is made of is still the same."""
    result = result_of(part)
    return result is not None and result["status"] == 0 and not changed_since(part, result)


def changed_since(part, result):
    """Whether what the part is made of, comments aside, is no longer what gave this result."""
    compared = subprocess.run(
        ["git", "diff", "--quiet", "-I^ *//", result["code"], "--", *part.made_of], cwd=ROOT,
        check=False, stderr=subprocess.DEVNULL)
    return compared.returncode != 0


def result_of(part):
    path = RESULTS / f"{part.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def keep(part, result):
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{part.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def build():
    for command in (["cmake", "--preset", "release"],
                    ["cmake", "--build", "--preset", "release", "--parallel", "2"]):
        done = subprocess.run(command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f"tests/long_run.py: {' '.join(command)} failed:\n{done.stdout}")


def run(part, seed):
    code = code_of(part)
    command = [word.format(seed=seed) for word in part.command]
    print(f"== {part.name}: {' '.join(command)}", flush=True)
    begin = time.monotonic()
    lines = []
    with subprocess.Popen(command, cwd=ROOT, text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as child:
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip().replace(f"{ROOT}/", ""))
    return {"code": code, "command": " ".join(command), "status": child.returncode,
            "seconds": round(time.monotonic() - begin),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
            "processors": os.cpu_count(), "lines": lines[-MOST_LINES:]}


def report(parts):
    """TRUST.md's text."""
    known = [(part, result_of(part)) for part in parts]
    text = ["# The long run", "",
            "Written by `tests/long_run.py`, which runs what follows; short forms of these tests "
            "are part of", "`tests/run.sh`. What each promise rests on is in "
            "[PROMISES.md](PROMISES.md), what faults look like in", "[FAULTS.md](FAULTS.md).", "",
            "| part | what | outcome | minutes | date | code |",
            "| --- | --- | --- | ---: | --- | --- |"]
    for part, result in known:
        if result is None:
            text.append(f"| {part.name} | {part.what} | not run yet | | | |")
            continue
        outcome = "passed" if result["status"] == 0 else f"failed ({result['status']})"
        if changed_since(part, result):
            outcome += ", code has changed since"
        text.append(f"| {part.name} | {part.what} | {outcome} | {result['seconds'] / 60:.1f} "
                    f"| {result['date']} | {result['code']} |")
    for part, result in known:
        if result:
            text += ["", f"## {part.name}", "", f"On {result['processors']} processors.", "",
                     "```text", f"$ {result['command']}", *result["lines"], "```"]
    return "\n".join(text) + "\n"


def main():
    parts = all_parts()
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="start no part that would not end in time")
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--no-build", action="store_true")
    parser.add_argument("--report", action="store_true", help="run nothing, write TRUST.md")
    parser.add_argument("part", nargs="*", choices=[[], *(part.name for part in parts)],
                        metavar="PART", help=", ".join(part.name for part in parts))
    flags = parser.parse_args()

    if flags.report:
        REPORT.write_text(report(parts), encoding="utf-8")
        return 0
    if not flags.no_build:
        build()
    begin = time.monotonic()
    failed = False
    for part in parts:
        if part.name not in flags.part if flags.part else passed(part):
            continue
        if flags.minutes and part.minutes > flags.minutes - (time.monotonic() - begin) / 60:
            continue
        result = run(part, flags.seed)
        keep(part, result)
        failed = failed or result["status"] != 0
        REPORT.write_text(report(parts), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
