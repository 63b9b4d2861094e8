#!/usr/bin/env -S python3 -B
"""Builds the fuzz targets and looks for inputs that break a promise.

    tests/fuzz/run.py [--minutes M] [--jobs N] [--seed S] [--keep] [TARGET...]

Each target, or all there are, runs for M minutes over a working copy of its corpus,
build/fuzz/corpus/TARGET, which begins with data/fuzz/TARGET and stays for the next run. A finding
is left in build/fuzz/findings. --keep then writes the least set of inputs that covers as much back
to data/fuzz. Exit status: 1 if there was a finding.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "fuzz"
PROGRAM = BUILD / "tests" / "fuzz" / "fuzz"
FINDINGS = BUILD / "findings"
CORPORA = ROOT / "data" / "fuzz"
MOST_FILES = 150       # that --keep leaves a target in data/fuzz
MOST_BYTES = 2048      # of an input: longer ones take longer and say no more
MOST_SHOWN = 300       # characters of a finding
LIMITS = [f"-max_len={MOST_BYTES}", "-timeout=25", "-rss_limit_mb=3000"]


def build():
    for command in (["cmake", "--preset", "fuzz"], ["cmake", "--build", "--preset", "fuzz"]):
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def fuzz(target, *arguments):
    """Runs libFuzzer; its exit status and what it wrote."""
    environment = dict(os.environ, KVCACHE_FUZZ_TARGET=target)
    done = subprocess.run([PROGRAM, *LIMITS, *map(str, arguments)], env=environment, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode(errors="replace")


def search(target, minutes, seed):
    """Runs a target and prints a line about it, and what it has found. Whether it found nothing."""
    corpus = BUILD / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for file in (CORPORA / target).iterdir():
        shutil.copy(file, corpus)
    FINDINGS.mkdir(exist_ok=True)
    status, text = fuzz(target, f"-max_total_time={round(60 * minutes)}", f"-seed={seed}",
                        "-print_final_stats=1", f"-artifact_prefix={FINDINGS}/{target}-", corpus)
    runs = re.findall(r"^(?:#|stat::number_of_executed_units: )(\d+)", text, re.M)
    coverage = re.findall(r"cov: (\d+) ft: (\d+)", text) or [("0", "0")]
    edges, features = coverage[-1]
    print(f"{target:<22}{runs[-1] if runs else 0:>12} runs {edges:>7} edges {features:>8} features"
          f"   {'nothing found' if status == 0 else 'FINDING'}", flush=True)
    if status != 0:
        print_finding(target, text)
    return status == 0


def print_finding(target, text):
    found = re.search(r"^(finding: .*|.*runtime error: .*|==\d+==\s?ERROR: .*)$", text, re.M)
    print(f"  {found.group(1)[:MOST_SHOWN] if found else text[-2000:]}")
    artefact = re.search(r"Test unit written to (.*)", text)
    if artefact:
        path = artefact.group(1)
        print(f"  input: {path}\n  again: KVCACHE_FUZZ_TARGET={target} {PROGRAM} {path}\n"
              f"  mended, it becomes data/fuzz/{target}/NAME, a name that says what it was")


def keep(target):
    """Replaces the unnamed files of data/fuzz/TARGET by the least set that covers as much."""
    folder = CORPORA / target
    with tempfile.TemporaryDirectory(dir=BUILD) as least:
        # Files with names of their own stay, so what they cover need not be covered again.
        named = [file for file in folder.iterdir() if not is_hash(file.name)]
        for file in named:
            shutil.copy(file, least)
        status, text = fuzz(target, "-set_cover_merge=1", least, BUILD / "corpus" / target)
        if status != 0:
            sys.exit(f"{target}: cannot merge: {text[-2000:]}")
        merged = [file for file in pathlib.Path(least).iterdir() if is_hash(file.name)]
        for file in folder.iterdir():
            if is_hash(file.name):
                file.unlink()
        smallest = sorted(merged, key=lambda file: (file.stat().st_size, file.name))
        for file in smallest[:MOST_FILES - len(named)]:
            shutil.copy(file, folder)


def is_hash(name):
    """What libFuzzer calls its files."""
    return re.fullmatch(r"[0-9a-f]{40}", name) is not None


def main():
    parser = argparse.ArgumentParser(description="Looks for inputs that break a promise.")
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="default: all of data/fuzz")
    parser.add_argument("--minutes", type=float, default=1, help="for each target (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="targets at one time (default: 1)")
    parser.add_argument("--seed", type=int, help="libFuzzer's (default: chosen)")
    parser.add_argument("--keep", action="store_true", help="write what is learned to data/fuzz")
    arguments = parser.parse_args()
    known = sorted(folder.name for folder in CORPORA.iterdir() if folder.is_dir())
    unknown = set(arguments.targets) - set(known)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    build()
    targets = arguments.targets or known
    seed = arguments.seed or random.randrange(1, 1 << 31)
    at_once = min(arguments.jobs, len(targets))
    print(f"seed {seed}; {at_once} at a time on {os.cpu_count()} processors", flush=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        clean = list(pool.map(lambda target: search(target, arguments.minutes, seed), targets))
    if arguments.keep:
        for target, found_nothing in zip(targets, clean):
            if found_nothing:
                keep(target)
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
