"""What bench/run.sh measured: a directory of Google Benchmark's JSON, by step and program."""

import functools
import json
import pathlib
import re
import statistics

NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def parse(document):
    """{benchmark: {field: [a value a repetition]}}; field time_ns is wall time.

    A benchmark of which a repetition failed is left out: the others would look like a result.
    """
    found, failed = {}, set()
    for run in document["benchmarks"]:
        if run["run_type"] != "iteration":
            continue
        name = re.sub(r"/iterations:\d+", "", run["run_name"])
        if run.get("error_occurred"):
            failed.add(name)
            continue
        time_ns = run["real_time"] * NANOSECONDS[run["time_unit"]]
        fields = found.setdefault(name, {})
        for field, value in {**run, "time_ns": time_ns}.items():
            if isinstance(value, (int, float)):
                fields.setdefault(field, []).append(value)
    return {name: fields for name, fields in found.items() if name not in failed}


class Ratio(float):
    """Of two medians. Half of the ratios of any two repetitions lie from `low` to `high`."""

    def __new__(cls, over, under):
        found = super().__new__(cls, statistics.median(over) / statistics.median(under))
        pairs = sorted(a / b for a in over for b in under)
        found.low, found.high = pairs[len(pairs) // 4], pairs[-1 - len(pairs) // 4]
        return found


class Results:
    """Every question has the answer None where the step or the benchmark is missing."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    @functools.cache
    def json(self, name):
        """A step's document; the benchmarks of all its programs are in it."""
        path = self.directory / f"{name}.json"
        if not path.exists():
            return None
        document, *others = (json.loads(part.read_text(encoding="utf-8"))
                             for part in [path, *sorted(self.directory.glob(f"{name}.*.json"))])
        for other in others:
            document["benchmarks"] += other["benchmarks"]
        return document

    @functools.cache
    def step(self, name):
        # What was built against the wrong RocksDB does not show what its name says.
        if name.endswith("-ndebug") and "NDEBUG" not in self.context(name, "rocksdb"):
            return {}
        return parse(self.json(name) or {"benchmarks": []})

    def context(self, step, field):
        return (self.json(step) or {}).get("context", {}).get(field, "")

    def entries(self, step, value_bytes):
        """", N entries" of that value size, or nothing if the step does not say."""
        count = self.context(step, f"entries/{value_bytes}")
        return f", {int(count):,} entries" if count else ""

    def with_entries(self, step, benchmark):
        """The benchmark's full name, which says for how many entries it is."""
        start = f"{benchmark}/entries:"
        return next((name for name in self.step(step) if name.startswith(start)), start)

    def values(self, step, benchmark, field="time_ns"):
        return self.step(step).get(benchmark, {}).get(field)

    def median(self, step, benchmark, field="time_ns"):
        values = self.values(step, benchmark, field)
        return statistics.median(values) if values else None

    def worst(self, step, benchmark, field):
        values = self.values(step, benchmark, field)
        return max(values) if values else None

    def least(self, step, benchmark, field):
        values = self.values(step, benchmark, field)
        return min(values) if values else None

    def ratio(self, step, over, under):
        """Of two medians of one step, whose repetitions alternate."""
        over, under = self.values(step, over), self.values(step, under)
        return Ratio(over, under) if over and under else None

    def repetitions(self):
        """The fewest and the most that a benchmark of time has: "3", "5 to 11"."""
        steps = {path.name.split(".")[0] for path in self.directory.glob("*.json")}
        counts = {len(fields["time_ns"]) for step in steps
                  if "context" in (self.json(step) or {})
                  for name, fields in self.step(step).items()
                  if not name.startswith("memory/")}
        return " to ".join(str(end) for end in sorted({min(counts), max(counts)})) if counts else ""
