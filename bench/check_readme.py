#!/usr/bin/env -S python3 -B
"""Checks that the tables which README.md quotes are those of the documents in bench/.

Usage: check_readme.py [--renew] [README DOCUMENT...]    --renew copies them into README
"""

import pathlib
import sys

import tables

ROOT = pathlib.Path(__file__).resolve().parents[1]


def problem(readme, measured):
    """The first one with README's text and the tables measured, {name: body}, or None."""
    quoted = tables.blocks(readme)
    if not quoted:
        return "README.md quotes no table of a document in bench/"
    for name, body in quoted.items():
        if name not in measured:
            return f"README.md quotes '{name}', which no document in bench/ has"
        if body != measured[name]:
            return (f"README.md quotes '{name}' otherwise than bench/ has it: "
                    "run bench/check_readme.py --renew")
    return None


def main():
    arguments = sys.argv[1:]
    renew = arguments[:1] == ["--renew"]
    readme_path, *documents = [pathlib.Path(path) for path in arguments[renew:]] or [
        ROOT / "README.md", ROOT / "bench/RESULTS.md", ROOT / "bench/EQUAL_MEMORY.md"]
    measured = {}
    for path in documents:
        if not path.exists():
            print(f"{path} does not exist: bench/run.sh writes it")
            return 1
        measured |= tables.blocks(path.read_text(encoding="utf-8"))
    readme = readme_path.read_text(encoding="utf-8")
    if renew:
        readme = tables.replace(readme, measured)
        readme_path.write_text(readme, encoding="utf-8")
    found = problem(readme, measured)
    print(found or "README.md quotes what was measured")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
