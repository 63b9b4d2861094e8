#!/usr/bin/env python3
"""Checks that the library takes time from the steady clock alone, so that nobody who sets the
machine's clock changes what it does.

Usage: clock_test.py SOURCE_DIR
"""

import pathlib
import re
import sys

# Names of clocks that can be set, or may be such a one.
SETTABLE = re.compile(r"\b(system_clock|high_resolution_clock|utc_clock|file_clock|gettimeofday"
                      r"|CLOCK_REALTIME\w*|clock_gettime|timespec_get|std::time|time\(nullptr\))")


def uses_of(text):
    return [(text.count("\n", 0, match.start()) + 1, match.group(1))
            for match in SETTABLE.finditer(text)]


def main():
    root = pathlib.Path(sys.argv[1])
    if len(uses_of("a system_clock::now()\ntime(nullptr)\nsteady_clock wait_time(x)")) != 2:
        sys.exit("clock_test.py is wrong: it does not find what it is for")
    sources = [path for path in sorted((root / "lib").rglob("*")) if path.suffix in (".h", ".cc")]
    problems = [f"{path.relative_to(root)}:{line}: {clock}: use std::chrono::steady_clock"
                for path in sources
                for line, clock in uses_of(path.read_text(encoding="utf-8"))]
    print("\n".join(problems) or f"{len(sources)} sources, one clock")
    return 1 if problems or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
