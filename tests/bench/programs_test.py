#!/usr/bin/env python3
"""Every benchmark of the given programs runs, on tiny sizes, and none reports an error.

Usage: programs_test.py PROGRAM...
"""

import json
import subprocess
import sys

# Of values of 4,096 bytes there are 500.
FLAGS = ["--entries=1000", "--most-bytes=2048000", "--benchmark_min_time=0.0001",
         "--benchmark_repetitions=1", "--benchmark_format=json"]


def problems_of(program):
    done = subprocess.run([program, *FLAGS], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [f"{program}: exit status {done.returncode}\n{done.stderr}"]
    printed = json.loads(done.stdout)
    if printed["context"].get("entries/4096") != "500":
        return [f"{program}: it does not say of how many entries it is"]
    runs = printed["benchmarks"]
    if not runs:
        return [f"{program}: it has no benchmarks"]
    return [f"{program}: {run['name']}: {run['error_message']}"
            for run in runs if run.get("error_occurred")]


def main():
    problems = [problem for program in sys.argv[1:] for problem in problems_of(program)]
    print("\n".join(problems) or f"{len(sys.argv) - 1} programs, no error")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
