#!/usr/bin/env python3
"""Checks that the tests which tests/FAULTS.md names exist: doctest cases, Python tests, or ctest's
own names; and that every row names one.

Usage: table_test.py SOURCE_DIR
"""

import pathlib
import re
import sys

NAME = re.compile(r"`([^`]+)`")
# A title may go on in a second string.
CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')
PYTHON_TEST = re.compile(r"^    def (test_\w+)\(", re.M)
CTEST_NAME = re.compile(r"add_test\(\s*NAME (\w+)")


def tests_of(root):
    names = set()
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix == ".cc":
            for title in CASE.findall(path.read_text(encoding="utf-8")):
                names.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', title)))
        elif path.suffix == ".py":
            names.update(PYTHON_TEST.findall(path.read_text(encoding="utf-8")))
        elif path.name == "CMakeLists.txt":
            names.update(CTEST_NAME.findall(path.read_text(encoding="utf-8")))
    return names


def problems_of(table, tests):
    rows = 0
    for line in table.splitlines():
        if not line.startswith("|") or line.startswith("| ---"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[-1] == "test":
            continue
        rows += 1
        named = NAME.findall(cells[-1])
        if not named:
            yield f"{cells[0]}: names no test"
        for name in named:
            if name not in tests:
                yield f"{cells[0]}: no test is called '{name}'"
    if rows == 0:
        yield "there is no table"


def check_itself():
    """What it must find, it finds."""
    table = "| fault | test |\n| --- | --- |\n| a | `there` |\n| b | `gone` |\n| c | |\n"
    if len(list(problems_of(table, {"there"}))) != 2 or not list(problems_of("", set())):
        sys.exit("table_test.py is wrong: it does not find what is missing")


def main():
    root = pathlib.Path(sys.argv[1])
    check_itself()
    tests = tests_of(root)
    problems = list(problems_of((root / "tests/FAULTS.md").read_text(encoding="utf-8"), tests))
    print("\n".join(problems) or f"every row names its tests, of {len(tests)} there are")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
