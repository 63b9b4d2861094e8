#!/usr/bin/env python3
"""The Python in bench/, on small results made up here: what it reads, writes, and refuses."""

import argparse
import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import charts
import check_readme
import equal_memory
import instructions
import machine
import report
import results
import split_shares
import tables
import targets


def run(name, real_time, unit="ns", **more):
    return {"name": name, "run_name": name, "run_type": "iteration", "real_time": real_time,
            "time_unit": unit, **more}


def document(*runs, rocksdb="7.8.3, assertions on", entries="1000000", **context):
    return {"context": {"rocksdb": rocksdb, "entries": entries, **context},
            "benchmarks": list(runs)}


class WithResults(unittest.TestCase):

    def results(self, **documents):
        """Results of which the steps, with '_' for '-', are given."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        for step, content in documents.items():
            path = pathlib.Path(directory.name, step.replace("_", "-") + ".json")
            path.write_text(json.dumps(content), encoding="utf-8")
        return results.Results(directory.name)


class Reading(WithResults):

    def test_median_of_repetitions_in_nanoseconds(self):
        found = self.results(miss=document(
            run("put/rocksdb/iterations:500", 3.0, "us"),
            run("put/rocksdb/iterations:500", 1.0, "us"),
            run("put/rocksdb/iterations:500", 2.5, "us"),
            {**run("put/rocksdb", 99.0), "run_type": "aggregate"}))
        self.assertEqual(found.median("miss", "put/rocksdb"), 2500)
        self.assertEqual(found.worst("miss", "put/rocksdb", "time_ns"), 3000)
        self.assertEqual(found.repetitions(), "3")

    def test_a_ratio_and_its_range(self):
        found = self.results(miss=document(
            *(run("put/kvcache-lru", time) for time in (10, 20, 30, 40, 1000)),
            run("put/rocksdb", 10)))
        ratio = found.ratio("miss", "put/kvcache-lru", "put/rocksdb")
        self.assertEqual((ratio, ratio.low, ratio.high), (3, 2, 4))
        self.assertEqual(found.repetitions(), "1 to 5")

    def test_repetitions_of_several_programs(self):
        found = self.results(**{
            "hit_100": document(run("get/absl", 1), run("get/absl", 2), run("get/kvcache-lru", 1)),
            "hit_100.2": document(run("get/absl", 30), run("get/kvcache-lru", 2)),
            "hit_100.3": document(run("get/absl", 4), run("get/kvcache-lru", 6)),
            "hit_100_10m": document(run("get/absl", 500))})
        self.assertEqual(found.values("hit-100", "get/absl"), [1, 2, 30, 4])
        self.assertEqual(found.ratio("hit-100", "get/absl", "get/kvcache-lru"), 1.5)
        self.assertEqual(found.repetitions(), "1 to 4")

    def test_counters(self):
        found = self.results(miss=document(run("insert/kvcache-lru", 5, p999_ns=70.0)))
        self.assertEqual(found.median("miss", "insert/kvcache-lru", "p999_ns"), 70)
        self.assertIsNone(found.median("miss", "insert/kvcache-lru", "p1_ns"))

    def test_one_failed_repetition_leaves_nothing(self):
        found = self.results(miss=document(
            run("put/rocksdb", 3), run("put/rocksdb", 0, error_occurred=True, error_message="x")))
        self.assertIsNone(found.median("miss", "put/rocksdb"))

    def test_missing_step(self):
        found = self.results()
        self.assertIsNone(found.median("miss", "put/rocksdb"))
        self.assertIsNone(found.ratio("miss", "put/kvcache-lru", "put/rocksdb"))
        self.assertEqual(found.repetitions(), "")

    def test_a_rocksdb_with_assertions_is_not_taken_for_one_without(self):
        put = run("put/rocksdb", 3)
        found = self.results(miss_ndebug=document(put))
        self.assertIsNone(found.median("miss-ndebug", "put/rocksdb"))
        found = self.results(miss_ndebug=document(put, rocksdb="7.8.3, assertions off (NDEBUG)"))
        self.assertEqual(found.median("miss-ndebug", "put/rocksdb"), 3)


class Targets(WithResults):

    def verdicts(self, **documents):
        found = self.results(**documents)
        return {what: (measured, targets.verdict(measured, bound, at_least))
                for what, measured, bound, at_least in targets.all_targets(found)}

    def test_nothing_measured(self):
        verdicts = self.verdicts()
        self.assertEqual(set(verdicts.values()), {(None, "not measured")})
        self.assertEqual(len(verdicts), 40)

    def test_met_and_missed(self):
        hits = {"kvcache-lru": 10, "absl-flat-hash-map": 9, "mutex-list-lru": 30,
                "rocksdb-block-lru": 500, "rocksdb-block-hyper": 150}
        verdicts = self.verdicts(
            hit_100=document(*(run(targets.hit(system), time) for system, time in hits.items())),
            hit_100_10m=document(run(targets.hit("kvcache-lru"), 9),
                                 run(targets.hit("absl-flat-hash-map"), 18)),
            memory_10m=document(run("memory/kvcache-lru/100/entries:10000000", 1, "s",
                                    overhead_bytes=56.0)),
            miss=document(run("cold-get/rocksdb", 1000), run("cold-get/kvcache-lru/filling", 1601)))
        self.assertEqual(verdicts["get: kvcache-lru / absl-flat-hash-map, 1 thread"],
                         (10 / 9, "**missed**"))
        name = "get: kvcache-lru / absl-flat-hash-map, 1 thread, 10 million entries"
        self.assertEqual(verdicts[name], (0.5, "met"))
        self.assertEqual(verdicts["get: mutex-list-lru / kvcache-lru, 1 thread"], (3, "met"))
        # The better of RocksDB's two counts, not the one that flatters kvcache.
        self.assertEqual(verdicts["get: better rocksdb-block / kvcache-lru, assertions on"],
                         (15, "**missed**"))
        self.assertEqual(verdicts["memory: kvcache-lru, 10 million entries, B"], (56, "met"))
        self.assertEqual(verdicts["cold-get: kvcache-lru - rocksdb, filling, assertions on, ns"],
                         (601, "**missed**"))

    def test_a_reader_that_read_nothing_meets_no_target(self):
        verdicts = self.verdicts(settings_10m=document(
            run("settings/set-policy/entries:9/iterations:1", 1, "s", longest_hit_us=0.0,
                longest_miss_us=8.0)))
        self.assertEqual(verdicts["set-policy: longest hit meanwhile, us"], (None, "not measured"))
        self.assertEqual(verdicts["set-policy: longest miss meanwhile, us"], (8, "met"))


class Report(WithResults):

    def test_says_what_is_missing(self):
        text = report.report(self.results(
            hit_100=document(run("get/kvcache-lru/100/zipf/threads:1", 41.26))))
        rows = {row[0]: row[1:] for row in tables.rows_of(tables.blocks(text)["hit-100"])}
        self.assertEqual(rows["ns a key"], ["zipf, 1 thread"])
        self.assertEqual(rows["get kvcache-lru"], ["41.3"])
        self.assertEqual(rows["get rocksdb-row"], ["not measured"])
        self.assertIn("\n### Values of 4,096 bytes\n", text)
        self.assertIn("not measured", tables.blocks(text)["instructions"])

    def test_says_how_many_large_values_there_are(self):
        text = report.report(self.results(hit_4096=document(**{"entries/4096": "131072"})))
        self.assertIn("\n### Values of 4,096 bytes, 131,072 entries\n", text)
        rows = tables.rows_of(tables.blocks(text)["targets"])
        self.assertIn("get-zero-copy / get: 4096 B, 131,072 entries, worst policy, 1 thread",
                      [row[0] for row in rows])

    def test_machine_says_what_memory_costs(self):
        self.assertRegex(machine.first_touch(2), r"^([\d,]+ ns, again: [\d,]+ ns|unknown)$")

    def test_small_sizes_get_no_verdict(self):
        text = report.report(self.results(hit_100=document(
            run(targets.hit("kvcache-lru"), 1), run(targets.hit("absl-flat-hash-map"), 2),
            entries="1000")))
        verdicts = {row[-1] for row in tables.rows_of(tables.blocks(text)["targets"])[1:]}
        self.assertEqual(verdicts, {"trial"})


@unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
class Charts(unittest.TestCase):

    def test_bars(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "a.svg")
            charts.bars(path, "Hits", "ns", ["one", "two"],
                        [("measured", [20, None]), ("missing", [None, None])], log=True)
            text = path.read_text(encoding="utf-8")
            self.assertIn("measured", text)
            self.assertNotIn("missing", text)
            charts.bars(path, "Hits", "ns", ["one"], [("missing", [None])])
            self.assertFalse(path.exists())  # rather than one of another run


class Tables(unittest.TestCase):

    def test_what_is_written_is_read(self):
        body = tables.table(["policy", "n"], [["lru", 1], ["lfu", 20]])
        self.assertEqual(tables.rows_of(body), [["policy", "n"], ["lru", "1"], ["lfu", "20"]])
        text = f"before\n{tables.block('a-1', body)}\nafter\n"
        self.assertEqual(tables.blocks(text), {"a-1": body})
        self.assertEqual(tables.replace(text, {"a-1": "new", "b": "-"}),
                         f"before\n{tables.block('a-1', 'new')}\nafter\n")


class Readme(unittest.TestCase):

    def test_problems(self):
        measured = {"a": "1", "b": "2"}
        for readme, words in (("", "no table"), (tables.block("c", "1"), "'c'"),
                              (tables.block("a", "1") + tables.block("b", "1"), "'b'")):
            self.assertIn(words, check_readme.problem(readme, measured))
        self.assertIsNone(check_readme.problem("x" + tables.block("b", "2"), measured))


def side(system, device_reads, cpu_us, ops_per_second):
    return {"system": system, "device_reads": device_reads, "cpu_us_per_op": cpu_us,
            "modelled_us_per_op": 75 * device_reads + cpu_us,
            "ops_per_second": ops_per_second, "hit_ratio": 1 - device_reads, "tier_hit_ratio": 0.5,
            "tier_share": 0.75, "p50_us": 1.0, "p99_us": 2.0, "p99_9_us": 3.0}


class EqualMemory(unittest.TestCase):
    RUN = {"workload": "c", "records": 1000, "value_size": 100, "read_us": 75, "budget_given": "1%",
           "rocksdb": "7.8.3, without assertions",
           "results": [side("kvcache", 0.2, 5, 30_000), side("rocksdb", 0.5, 12.5, 12_000),
                       side("rocksdb-hyper", 0.4, 10, 15_000),
                       side("rocksdb-row", 0.2, 9, 20_000)]}
    BOTH = {"runs": [RUN, RUN | {"budget_given": "10%"}]}

    def test_ratios_are_to_the_best_of_the_others(self):
        modelled, fast, timed = equal_memory.ratios(self.RUN, equal_memory.BLOCK)
        self.assertAlmostEqual(modelled, (0.4 * 75 + 10) / (0.2 * 75 + 5))
        self.assertAlmostEqual(fast, (0.4 * 20 + 10) / (0.2 * 20 + 5))
        self.assertAlmostEqual(timed, 2)
        self.assertAlmostEqual(equal_memory.ratios(self.RUN, equal_memory.ROW)[0], 1.2)

    def test_tables_have_every_run_and_its_verdict(self):
        measured = {"c": self.BOTH, "hotspot": self.BOTH, "c-multiget": self.RUN}
        header, *rows = tables.rows_of(equal_memory.ratio_table(measured))
        self.assertEqual([row[:3] + row[-2:] for row in rows], [
            ["c", "1,000", "1%", "1.6 / 1.15", "met"], ["c", "1,000", "10%", "1.75 / 1.2", "met"],
            ["hotspot", "1,000", "1%", "-", "-"], ["hotspot", "1,000", "10%", "-", "-"],
            ["c-multiget", "1,000", "1%", "1.5", "met"]])
        self.assertEqual({len(row) for row in rows}, {len(header)})
        self.assertEqual(equal_memory.verdict((1.75, 1.2), 1.74, 1.3)[1], "**missed**")
        self.assertEqual(equal_memory.verdict((1.75, 1.2), 1.8, 1.19)[1], "**missed**")
        self.assertEqual(len(tables.rows_of(equal_memory.side_table(measured))), 1 + 5 * 4)
        self.assertEqual(tables.rows_of(equal_memory.summary_table(measured))[1:],
                         [["c", "2.00", "1.20", "2.00", "1.20"],
                          ["hotspot", "2.00", "1.20", "2.00", "1.20"]])

    def test_a_step_is_measured_once_by_each_command(self):
        with tempfile.TemporaryDirectory() as directory:
            calls, kvtool = pathlib.Path(directory, "calls"), pathlib.Path(directory, "kvtool")
            kvtool.write_text(f'#!/bin/sh\necho "$*" >>"{calls}"\necho "{{\\"records\\": 7}}"\n',
                              encoding="utf-8")
            kvtool.chmod(0o755)
            arguments = argparse.Namespace(results=pathlib.Path(directory), report_only=False,
                                           kvtool=kvtool, debian=kvtool, rounds=1)
            for step, arguments.ops in (("c", 5), ("c", 5), ("c", 6), ("c-fits", 6)):
                measured = equal_memory.measure(arguments, {step: ["--workload", "c"]})
                self.assertEqual(measured[step]["records"], 7)
            self.assertEqual(calls.read_text(encoding="utf-8").splitlines(), [
                f"bench --workload c --direct --json --rounds 1 --ops {ops}"
                for ops in (5, 6, 180)])

    def test_a_target_for_any_budget(self):
        run = self.RUN | {"budget_given": "346KiB"}
        _, *rows = tables.rows_of(equal_memory.ratio_table({"c-multiget-half": run, "c": run}))
        self.assertEqual([row[-2:] for row in rows], [["1.5", "met"], ["-", "-"]])

    def test_a_budget_for_half_of_the_hits(self):
        def entries(budget):
            return (budget - max(budget // 8, 128 << 10)) / split_shares.ENTRY_BYTES
        for records in (100_000, 1_000_000):
            weights = [i**-0.99 for i in range(1, records + 1)]
            held = round(entries(equal_memory.half_hits_budget(records)))
            self.assertAlmostEqual(sum(weights[:held]) / sum(weights), 0.52, 2)

    def test_what_a_side_takes_beside_its_caches_is_shown_where_it_is_known(self):
        self.assertEqual(tables.rows_of(equal_memory.side_table({"c": self.RUN}))[0][-1],
                         "p99.9 us")
        more = {"memtable_bytes": 1 << 20, "index_filter_bytes": 3 << 19, "policy": "lru"}
        results = [self.RUN["results"][0] | more, *self.RUN["results"][1:]]
        header, own, other, *_ = tables.rows_of(equal_memory.side_table(
            {"c": self.RUN | {"results": results}}))
        self.assertEqual(header[-3:], ["memtables, MiB", "index and filters, MiB", "policy"])
        self.assertEqual(own[-3:], ["1.00", "1.50", "lru"])
        self.assertEqual(other[-3:], ["", "", ""])

    def test_every_target_is_measured(self):
        steps = equal_memory.steps(1000)
        self.assertLessEqual({step for step, _ in equal_memory.TARGETS}, set(steps))
        measured = {step: {"command": f"bench {step}", "commit": "abc1234", "processor": "a",
                           **(self.BOTH if "1%,10%" in more else self.RUN)}
                    for step, more in steps.items()}
        text = equal_memory.report(measured, {}, {"processor": "a", "command": "b"}, ["later"])
        self.assertIn("Not measured in this run: later.", text)
        self.assertIn("\nbench c-multiget\n", text)
        blocks = {"equal-memory-summary", "equal-memory", "equal-memory-systems"}
        self.assertEqual(set(tables.blocks(text)), blocks)
        self.assertIn("The targets were set for 10,000,000 records", text)
        self.assertIn("the policy (s3-fifo)", " ".join(text.split()))
        shares = {"shares-c": self.shares(0.25), "change-c-e-late": self.change("late")}
        text = equal_memory.report(measured, shares, {"processor": "a"}, ["d", "change-c-e-soon"])
        self.assertEqual(set(tables.blocks(text)),
                         blocks | {"equal-memory-shares", "equal-memory-changes"})
        self.assertIn("Of 1,000 records", text)
        self.assertIn("The rows are of", equal_memory.report(
            measured | {"later": measured["c"] | {"commit": "def5678"}}, {}, {}))
        self.assertIn("Not measured in this run: d.\n", text)
        self.assertIn("Not measured in this run: change-c-e-soon.\n", text)
        self.assertIn("speed for c (84.2%).\n", text)
        self.assertIn("\nbench --tier-share\nbench --after e --settle 5000\n", text)

    def test_the_page_is_what_was_measured(self):
        with tempfile.TemporaryDirectory() as out:
            subprocess.run([sys.executable, "-B", BENCH / "equal_memory.py", "--kvtool=-",
                            "--debian=-", "--report-only", "--out", out],
                           check=True, capture_output=True)
            self.assertEqual(pathlib.Path(out, "EQUAL_MEMORY.md").read_text(encoding="utf-8"),
                             (BENCH / "EQUAL_MEMORY.md").read_text(encoding="utf-8"),
                             "see bench/README.md: bench/equal_memory.py --report-only")

    def shares(self, device_reads):
        fixed = [side(f"kvcache:{tenth / 10:g}", 0.3 - tenth / 100, 5, 1)
                 | {"tier_share": tenth / 10} for tenth in range(11)]
        return self.RUN | {"command": "bench --tier-share", "commit": "-", "processor": "a",
                           "results": [side("kvcache", device_reads, 5, 1), *fixed]}

    def change(self, when):
        operations = split_shares.within(1000)[when]
        return self.RUN | {"command": f"bench --after e --settle {operations}", "commit": "-",
                           "processor": "a",
                           "results": [side("kvcache", 0.2, 5, 1),
                                       side("kvcache:1", 0.198, 5, 1) | {"tier_share": 1.0}]}

    def test_shares_are_held_against_the_best_fixed_one(self):
        measured = {"shares-c": self.shares(0.25), "shares-b": self.shares(0.2),
                    "change-c-e-soon": self.change("soon")}
        self.assertEqual(tables.rows_of(split_shares.share_table(measured))[1:], [
            ["c", "1.0", "0.75", f"{(0.2 * 75 + 5) / (0.25 * 75 + 5):.1%}", ">= 95%", "**missed**"],
            ["c", "1.0", "0.75", "100.0%", ">= 95%", "met"]])
        # After a change the best one of the same run counts.
        soon = split_shares.within(1000)["soon"]
        self.assertEqual(tables.rows_of(split_shares.change_table(measured))[1:], [
            ["c", "e", str(soon), "1.0", "0.75", f"{(0.198 * 75 + 5) / (0.2 * 75 + 5):.1%}",
             ">= 95%", "met"]])
        self.assertEqual(list(split_shares.misses(measured)), ["c (84.2%)"])
        self.assertEqual([(name, [round(ratio, 2) for ratio in ratios if ratio])
                          for name, ratios in split_shares.reached(measured)],
                         [("c", [0.84, 0.99]), ("c", [1.0, 0.99])])
        slow = self.change("late") | {"results": self.shares(0.25)["results"]}
        self.assertEqual(list(split_shares.misses({"change-c-e-late": slow})),
                         ["c 5,000 operations after e (84.2%)"])

    def test_changes_are_measured_beside_the_best_fixed_share(self):
        self.assertEqual(set(split_shares.share_steps(1000)),
                         {f"shares-{name}" for name in split_shares.BEFORE})
        steps = split_shares.change_steps(200_000, {"shares-a": self.shares(0.2)})
        self.assertEqual(set(steps), {f"change-a-{before}-{when}" for before in ("e", "uniform")
                                      for when in ("soon", "late")})
        self.assertEqual(steps["change-a-e-late"][-4:],
                         ["--settle", "1000000", "--tier-share", "auto,1"])
        # Ten times the 11,871 entries that seven eighths of 2.32 MB hold.
        self.assertEqual(steps["change-a-e-soon"][-3], "118710")


class Instructions(unittest.TestCase):

    ANNOTATED = """
2,000,100 (100.0%)  ???:main [/b/instructions]
  536,000 (26.8%)  ???:CountGet [/b/instructions]
  600,000 (30.00%)  ???:CountGetZeroCopy [/b/instructions]
  200,000 (10.00%)  ???:CountMultiGet [/b/instructions]
"""

    def counts(self, get):
        return {policy: {"get": get, "get-zero-copy": 300, "multiget": 100}
                for policy in instructions.POLICIES}

    def check(self, before, now):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            return instructions.check(before, now), out.getvalue()

    def test_per_key(self):
        self.assertEqual(instructions.per_key(self.ANNOTATED, 2000), self.counts(268)["lru"])
        with self.assertRaises(ValueError):
            instructions.per_key("nothing", 2000)

    def test_table(self):
        self.assertEqual(instructions.from_table(instructions.to_table(self.counts(268))),
                         self.counts(268))

    def test_growth_fails_and_shrinking_does_not(self):
        before = self.counts(268)
        self.assertEqual(self.check(before, self.counts(281))[0], 0)
        status, out = self.check(before, {**before, "lru": self.counts(290)["lru"]})
        self.assertEqual((status, out.count("\n")), (1, 1))
        self.assertIn("instructions of a lru get grew from 268 to 290; if that is meant", out)
        status, out = self.check(before, self.counts(200))
        self.assertEqual(status, 0)
        self.assertIn("lru-k get shrank from 268 to 200", out)

    def test_a_table_without_figures_fails(self):
        self.assertEqual(self.check(instructions.from_table(instructions.to_table(None)),
                                    self.counts(268))[0], 1)


if __name__ == "__main__":
    unittest.main()
