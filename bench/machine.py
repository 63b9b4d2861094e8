#!/usr/bin/env -S python3 -B
"""Prints, as JSON, on what and of what a run of bench/run.sh measures.

Usage: machine.py COMPILER COMMAND...
"""

import datetime
import json
import mmap
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


def first(pattern, path):
    found = re.search(pattern, pathlib.Path(path).read_text(encoding="utf-8"), re.M)
    return found.group(1) if found else "unknown"


def output(*command):
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.partition("\n")[0].strip()


def last_level_cache():
    """Its size, often that of many processors together, and of other tenants of the machine."""
    sizes = sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"))
    if not sizes:
        return "unknown"
    kibibytes = int(sizes[-1].read_text(encoding="utf-8").strip().rstrip("K"))
    return f"{kibibytes / 1024:g} MiB"


def huge_pages():
    """Whether programs get them always, where they ask for them (madvise), or never."""
    path = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return first(r"\[(\w+)\]", path) if path.exists() else "none"


def first_touch(mebibytes):
    """What it takes the kernel, and a host below it, to give a program so much memory, and again.

    A host that takes back what is free has not done so yet when it is asked for again at once.
    """
    size, page = mebibytes << 20, 4096
    ones = b"\1" * (size // page)
    times = []
    for _ in range(2):
        with mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            try:
                memory.madvise(mmap.MADV_HUGEPAGE)
            except OSError:  # this kernel has none
                return "unknown"
            begin = time.thread_time_ns()
            memory[::page] = ones
            times.append((time.thread_time_ns() - begin) / len(ones))
    return "{:,.0f} ns, again: {:,.0f} ns".format(*times)


def processor():
    return first(r"^model name\s*: (.*)$", "/proc/cpuinfo")


def commit():
    return output("git", "describe", "--always", "--dirty")


def main():
    compiler, command = sys.argv[1], " ".join(sys.argv[2:])
    gibibytes = int(first(r"^MemTotal: +(\d+)", "/proc/meminfo")) / 2**20
    json.dump({
        "processor": processor(),
        "cores": os.cpu_count(),
        "last-level cache": last_level_cache(),
        "memory": f"{gibibytes:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "huge pages": huge_pages(),
        "first touch of 4 KiB in huge pages": first_touch(256),
        "compiler": output(compiler, "--version"),
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "command": command,
    }, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
