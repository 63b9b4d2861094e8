#!/usr/bin/env -S python3 -B
"""Checks that the tables which README.md quotes are those of bench/RESULTS.md.

Usage: check_readme.py [--renew] [README RESULTS]    --renew copies them into README
"""

import pathlib
import sys

import tables

ROOT = pathlib.Path(__file__).resolve().parents[1]


def problem(readme, results):
    """The first one with the texts of the two, or None."""
    quoted, measured = tables.blocks(readme), tables.blocks(results)
    if not quoted:
        return "README.md quotes no table of bench/RESULTS.md"
    for name, body in quoted.items():
        if name not in measured:
            return f"README.md quotes '{name}', which bench/RESULTS.md does not have"
        if body != measured[name]:
            return (f"README.md quotes '{name}' otherwise than bench/RESULTS.md has it: "
                    "run bench/check_readme.py --renew")
    return None


def main():
    arguments = sys.argv[1:]
    renew = arguments[:1] == ["--renew"]
    paths = [pathlib.Path(path) for path in arguments[renew:]]
    readme_path, results_path = paths or (ROOT / "README.md", ROOT / "bench/RESULTS.md")
    if not results_path.exists():
        print(f"{results_path} does not exist: bench/run.sh writes it")
        return 1
    readme = readme_path.read_text(encoding="utf-8")
    results = results_path.read_text(encoding="utf-8")
    if renew:
        readme = tables.replace(readme, tables.blocks(results))
        readme_path.write_text(readme, encoding="utf-8")
    found = problem(readme, results)
    print(found or "README.md quotes what was measured")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
