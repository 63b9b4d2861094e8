#!/usr/bin/env -S python3 -B
"""Builds and runs the tests of the preset `coverage`, and reports what of lib/ they reach.

    tests/coverage.py [--no-run] [--least PERCENT] [--missing]

Lines and branches are counted by clang's source-based coverage. Exit status: 1 if tests fail, or
less than PERCENT (default: 95) of the lines of lib/ are reached. --missing lists the lines that are
not; --no-run reports the last run again.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "coverage"
PROFILES = BUILD / "profiles"
LIB = ROOT / "lib"


def run_tests():
    """Whether all tests pass."""
    shutil.rmtree(PROFILES, ignore_errors=True)
    for command in (["cmake", "--preset", "coverage"],
                    ["cmake", "--build", "--preset", "coverage", "--parallel", "2"]):
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return subprocess.run(["ctest", "--preset", "coverage"], cwd=ROOT, check=False).returncode == 0


def programs():
    """The programs whose runs were counted: all that are built, but CMake's own."""
    found = [path for folder in ("tests", "apps") for path in (BUILD / folder).rglob("*")
             if path.is_file() and path.stat().st_mode & 0o111 and "CMakeFiles" not in path.parts]
    return [path for path in found if path.read_bytes()[:4] == b"\x7fELF"]


def export():
    """llvm-cov's report of lib/: its files with their summaries and segments."""
    merged = BUILD / "all.profdata"
    profiles = sorted(PROFILES.glob("*.profraw"))
    if not profiles:
        sys.exit(f"no profiles in {PROFILES}: run without --no-run")
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "-o", merged, *profiles], check=True)
    objects = [word for path in programs() for word in ("-object", path)]
    done = subprocess.run(
        ["llvm-cov-19", "export", f"-instr-profile={merged}", *objects[1:], "-sources", LIB],
        check=True, capture_output=True)
    return json.loads(done.stdout)["data"][0]["files"]


def counted_lines(file):
    """{line: how often it ran} of the lines with code, as llvm-cov counts them: the most that a
    region which covers the line, or begins on it, has run."""
    lines = {}
    covering = None  # the segment whose region goes on at the line's begin
    segments = collections.defaultdict(list)
    for line, _, count, has_count, is_entry, is_gap in file["segments"]:
        segments[line].append((count, has_count, is_entry, is_gap))
    for line in range(1, max(segments, default=0) + 1):
        counts = [covering[0]] if covering and covering[1] and not covering[3] else []
        counts += [count for count, has_count, is_entry, is_gap in segments[line]
                   if has_count and is_entry and not is_gap]
        if counts:
            lines[line] = max(counts)
        if segments[line]:
            covering = segments[line][-1]
    return lines


def percent(part, whole):
    return 100 * part / whole if whole else 100


def print_table(files):
    """Prints lines and branches of each folder of lib/; the percentage of lines of them all."""
    folders = collections.defaultdict(lambda: [0, 0, 0, 0])
    for file in files:
        path = pathlib.Path(file["filename"]).relative_to(ROOT)
        summary = file["summary"]
        for row in (folders["/".join(path.parts[:2])], folders["lib"]):
            row[0] += summary["lines"]["covered"]
            row[1] += summary["lines"]["count"]
            row[2] += summary["branches"]["covered"]
            row[3] += summary["branches"]["count"]
    print(f"{'':<14}{'lines':>16}{'':>9}{'branches':>14}")
    for folder in sorted(folders, key=lambda name: (name == "lib", name)):
        lines, all_lines, branches, all_branches = folders[folder]
        print(f"{folder:<14}{lines:>7} of {all_lines:>5} {percent(lines, all_lines):6.1f} %"
              f"{branches:>7} of {all_branches:>5} {percent(branches, all_branches):6.1f} %")
    return percent(*folders["lib"][:2])


def print_missing(files):
    for file in files:
        missing = [line for line, count in counted_lines(file).items() if count == 0]
        source = pathlib.Path(file["filename"]).read_text(encoding="utf-8").splitlines()
        for line in missing:
            if re.search(r"\w", source[line - 1]):
                path = pathlib.Path(file["filename"]).relative_to(ROOT)
                print(f"{path}:{line}: {source[line - 1].strip()}")


def main():
    parser = argparse.ArgumentParser(description="Reports what of lib/ the tests reach.")
    parser.add_argument("--no-run", action="store_true", help="report the last run again")
    parser.add_argument("--least", type=float, default=95, help="percent of lines (default: 95)")
    parser.add_argument("--missing", action="store_true", help="list the lines not reached")
    arguments = parser.parse_args()
    passed = arguments.no_run or run_tests()
    files = export()
    if arguments.missing:
        print_missing(files)
    reached = print_table(files)
    if not passed:
        print("tests/coverage.py: tests have failed", file=sys.stderr)
    if reached < arguments.least:
        print(f"tests/coverage.py: {reached:.1f} % of the lines of lib are reached, at least "
              f"{arguments.least:g} % are wanted", file=sys.stderr)
    return 0 if passed and reached >= arguments.least else 1


if __name__ == "__main__":
    sys.exit(main())
