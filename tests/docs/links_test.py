#!/usr/bin/env python3
"""Checks that the files and headings which the documents name exist.

Usage: links_test.py SOURCE_DIR
"""

import pathlib
import re
import sys

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")

LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
# A path of this project in backticks; NAME stands for any.
PATH = re.compile(r"`((?:lib|apps|tests|bench|data)/[\w./-]+)`")


def slugs(markdown):
    """The anchors that headings get."""
    headings = re.findall(r"^#+ +(.+)$", markdown, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def problems_of(root, name, text):
    for match in LINK.finditer(text):
        path, anchor = match.groups()
        if "://" in path:
            continue
        target = root / path if path else root / name
        if not target.exists():
            yield f"{name}: links to {path}, which does not exist"
        elif anchor and anchor not in slugs(target.read_text(encoding="utf-8")):
            yield f"{name}: links to #{anchor}, but {path or name} has no such heading"
    for path in PATH.findall(text):
        if "NAME" not in path and not (root / path).exists():
            yield f"{name}: names {path}, which does not exist"


def check_itself(root):
    """What it must find, it finds."""
    bad = "[a](no/such.md) [b](#nowhere) `lib/no_such.h` [fine](README.md) [too](#here)\n# Here\n"
    found = list(problems_of(root, "README.md", bad))
    if len(found) != 4:  # '#here' is no heading of the real README.md either
        sys.exit(f"links_test.py is wrong: it finds {found}")


def main():
    root = pathlib.Path(sys.argv[1])
    check_itself(root)
    problems = [problem for name in DOCUMENTS
                for problem in problems_of(root, name, (root / name).read_text(encoding="utf-8"))]
    print("\n".join(problems) or f"{len(DOCUMENTS)} documents, no dead link")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
