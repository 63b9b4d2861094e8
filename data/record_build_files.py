#!/usr/bin/env python3
"""Records build_files.txt.zst: the files that a build opens, in the order in which it opens them.

Usage: record_build_files.py OUTPUT.txt.zst [REPOSITORY]

Exports the last commit of the repository, by default this one, configures it and builds kvtool,
tests and benchmarks without optimization, and follows every process of that with strace. A request
is one successful open of a regular file. Needs git, cmake, ninja, g++, strace, zstd and what the
project itself needs.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

# With -y the opened file is told as the system knows it: "openat(...) = 3</usr/include/stdio.h>".
OPENED = re.compile(r"openat.*\) *= \d+<(/[^>]*)>$")
# Elsewhere are settings, caches, devices and the compilers' temporary files.
SYSTEM = tuple(f"/usr/{folder}/" for folder in ("bin", "include", "lib", "libexec", "share"))


def build(repository, work, log):
    source, binaries = work / "src", work / "build"
    source.mkdir()
    archive = subprocess.run(["git", "-C", repository, "archive", "HEAD"], check=True,
                             stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    configure = ["cmake", "-S", source, "-B", binaries, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None",
                 "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_CXX_FLAGS=-O0",
                 "-DKVCACHE_BUILD_BENCH=ON"]
    run = ["cmake", "--build", binaries, "-j", "2"]
    script = " && ".join(" ".join(map(str, command)) for command in (configure, run))
    environment = dict(os.environ, CCACHE_DISABLE="1", LC_ALL="C")
    subprocess.run(["strace", "-f", "-qq", "-y", "-z", "--seccomp-bpf", "-e", "trace=openat",
                    "-o", log, "sh", "-c", script],
                   check=True, env=environment, stdout=subprocess.DEVNULL)


def requests(log, work):
    sizes = {}
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            opened = OPENED.search(line)
            if not opened:
                continue
            path = opened.group(1)
            ours = path.startswith(f"{work}/")
            if not ours and not path.startswith(SYSTEM):
                continue
            if path not in sizes:
                sizes[path] = os.path.getsize(path) if os.path.isfile(path) else 0
            # Empty files, directories and what is gone by the end are no objects to keep.
            if sizes[path] > 0 and "," not in path:
                yield path[len(str(work)) + 1:] if ours else path, sizes[path]


def main():
    output = sys.argv[1]
    here = pathlib.Path(__file__).resolve().parent
    repository = sys.argv[2] if len(sys.argv) > 2 else here.parent
    with tempfile.TemporaryDirectory(prefix="kvcache-record-") as folder:
        work = pathlib.Path(folder).resolve()
        log = work / "log"
        build(repository, work, log)
        text = "".join(f"{key},{size}\n" for key, size in requests(log, work))
    subprocess.run(["zstd", "-19", "-q", "-f", "-o", output], input=text.encode(), check=True)
    print(f"{output}: {text.count(chr(10))} requests")


if __name__ == "__main__":
    main()
