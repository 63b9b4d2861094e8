#!/usr/bin/env python3
"""The tests that PROMISES.md names exist.

Usage: promises_test.py SOURCE_DIR
"""

import pathlib
import re
import sys

# `file`: name, at the end of a table's row
NAMED = re.compile(r"`([\w/]+\.(?:cc|py|txt))`: (.+?) \|$")


def lacking(tests, document):
    """Complaints about the rows of a document, and how many tests they name."""
    complaints, count = [], 0
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        named = NAMED.search(line)
        if line.startswith("| ") and not named and "---" not in line and "kept by" not in line:
            complaints.append(f"{document.name}:{number}: names no test")
        if not named:
            continue
        count += 1
        path = tests / named.group(1)
        # A long name may be broken between two literals.
        text = re.sub(r'"\s*\n\s*"', "", path.read_text(encoding="utf-8")) if path.exists() else ""
        if named.group(2) not in text:
            complaints.append(f"{document.name}:{number}: {path.name} has no '{named.group(2)}'")
    return complaints, count


def main():
    tests = pathlib.Path(sys.argv[1], "tests")
    complaints, count = lacking(tests, tests / "PROMISES.md")
    print("\n".join(complaints) or f"{count} tests are named, and exist")
    return 1 if complaints or not count else 0


if __name__ == "__main__":
    sys.exit(main())
