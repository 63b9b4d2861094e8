#!/usr/bin/env python3
"""Records dependency_walk.txt.zst: the lookups of resolving Debian packages' dependencies.

Usage: record_dependency_walk.py OUTPUT.txt.zst

Does what apps/demo does, without a cache: of every 60th package in this machine's package index
('apt-cache dumpavail'), in the order of the index, finds all that it needs. A request is a lookup
of a package's record, or of the list of those who provide a virtual package, with its size in
bytes; of what is not there, without. Needs apt and zstd. Another day's index makes a similar trace.
"""

import re
import subprocess
import sys

STEP = 60


def read_index():
    """The records by the demo's keys: 'vim', 'provides:editor'."""
    records, providers = {}, {}
    index = subprocess.run(["apt-cache", "dumpavail"], check=True, stdout=subprocess.PIPE).stdout
    for record in index.decode().split("\n\n"):
        record = record.strip("\n")
        package = field(record, "Package")
        if not package or package in records:
            continue
        records[package] = record
        for provided in field(record, "Provides").split(","):
            name = provided.split("(")[0].strip()
            if name:
                providers.setdefault(name, []).append(package)
    packages = list(records)
    for name, its in providers.items():
        records["provides:" + name] = " | ".join(its)
    return packages, records


def field(record, name):
    found = re.search(rf"^{name}:[ \t]*((?:.*)(?:\n[ \t].*)*)", record, re.M)
    return found.group(1) if found else ""


def package_name(relation):
    return re.match(r"[^\s:(\[<]*", relation.strip()).group()


class Walk:
    def __init__(self, records, lines):
        self.records = records
        self.lines = lines

    def get(self, key):
        record = self.records.get(key)
        self.lines.append(key if record is None else f"{key},{len(record.encode())}")
        return record

    def closure(self, package):
        met, relations = set(), [package]
        for relation in relations:  # grows meanwhile
            for alternatives in filter(None, relation.split(",")):
                self.meet_any(alternatives, met, relations)

    def meet_any(self, alternatives, met, relations):
        for alternative in alternatives.split("|"):
            name = package_name(alternative)
            if not name or name in met:
                return
            record = self.get(name)
            providers = self.get("provides:" + name) if record is None else None
            if record is None and providers is None:
                continue
            met.add(name)
            if record is None:
                relations.append(providers)
            else:
                relations += [field(record, "Pre-Depends"), field(record, "Depends")]
            return


def main():
    output = sys.argv[1]
    packages, records = read_index()
    lines = []
    walk = Walk(records, lines)
    for package in packages[::STEP]:
        walk.closure(package)
    text = "".join(line + "\n" for line in lines)
    subprocess.run(["zstd", "-19", "-q", "-f", "-o", output], input=text.encode(), check=True)
    print(f"{output}: {len(lines)} requests")


if __name__ == "__main__":
    main()
