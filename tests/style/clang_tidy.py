#!/usr/bin/env python3
"""Runs clang-tidy on the sources of lib and apps, on all cores.

usage: clang_tidy.py CLANG_TIDY CMAKE BUILD_DIR

The sources of a target are looked at as one, which takes a tenth of the time that they take one by
one: BUILD_DIR is configured for that. What was found clean is not looked at again until its
preprocessed text, comments included, or .clang-tidy changes: BUILD_DIR/clean holds an empty file
for each such state.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

import tree


def main():
    clang_tidy, cmake, build_dir = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    clean_states = build_dir / "clean"
    clean_states.mkdir(parents=True, exist_ok=True)
    subprocess.run([cmake, "--preset", "tidy", "-B", str(build_dir)], cwd=tree.ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    entries = json.loads((build_dir / "compile_commands.json").read_text(encoding="utf-8"))
    salt = (tree.ROOT / ".clang-tidy").read_bytes() + version(clang_tidy)

    def check(entry):
        clean = clean_states / fingerprint(entry, salt)
        if clean.exists():
            return True
        result = subprocess.run(
            [clang_tidy, "--quiet", "--warnings-as-errors=*", "-p", str(build_dir), entry["file"]],
            check=False, text=True, capture_output=True)
        if result.returncode != 0:
            # On standard error it counts the warnings of system headers, which nobody asked for.
            print(result.stdout or result.stderr, end="", flush=True)
            return False
        clean.touch()
        return True

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        clean = list(workers.map(check, entries))
    print(f"{len(clean)} targets, {clean.count(False)} with findings")
    return 0 if clean and all(clean) else 1


def version(clang_tidy):
    return subprocess.run([clang_tidy, "--version"], check=True, capture_output=True).stdout


def fingerprint(entry, salt):
    command = shlex.split(entry["command"])
    del command[command.index("-o"):command.index("-o") + 2]
    text = subprocess.run(command + ["-E", "-C"], cwd=entry["directory"], check=True,
                          capture_output=True).stdout
    return hashlib.sha256(salt + entry["command"].encode() + text).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
