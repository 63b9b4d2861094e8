#!/usr/bin/env python3
"""Runs clang-tidy on every source of lib and apps that a build directory compiles, on all cores.

usage: clang_tidy.py CLANG_TIDY BUILD_DIR CACHE_DIR

A source found clean is not looked at again until its preprocessed text, comments included, or
.clang-tidy changes: CACHE_DIR holds an empty file for each such state.
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
    clang_tidy, build_dir, cache_dir = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    cache = pathlib.Path(cache_dir)
    cache.mkdir(parents=True, exist_ok=True)
    entries = json.loads((build_dir / "compile_commands.json").read_text(encoding="utf-8"))
    entries = [entry for entry in entries if is_ours(entry["file"])]
    salt = (tree.ROOT / ".clang-tidy").read_bytes() + version(clang_tidy)

    def check(entry):
        clean = cache / fingerprint(entry, salt)
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
    print(f"{len(clean)} sources, {clean.count(False)} with findings")
    return 0 if clean and all(clean) else 1


def is_ours(source):
    path = pathlib.Path(source)
    return path.is_relative_to(tree.ROOT / "lib") or path.is_relative_to(tree.ROOT / "apps")


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
