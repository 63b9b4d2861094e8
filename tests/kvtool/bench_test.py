"""bench: what it measures of every side, on databases of a few thousand pairs."""

import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import time
import unittest

import harness

SYSTEMS = ["kvcache", "rocksdb", "rocksdb-hyper", "rocksdb-row"]
EACH = r"[\d.]+ [KM]?i?B( each| to [\d.]+ [KM]?i?B)"
USER_OF_NOTHING_ELSE = 61234
WORKLOADS = ["a", "b", "c", "d", "e", "f", "uniform", "mixgraph", "sequential", "hotspot"]


class Bench(harness.TestCase):
    def bench(self, *arguments):
        scratch = self.path("scratch")
        os.makedirs(scratch, exist_ok=True)
        result = self.json("bench", "--scratch", scratch, "--records", "3000", "--rounds", "2",
                           *([] if "--ops" in arguments else ["--ops", "1000"]), *arguments)
        self.assertEqual(os.listdir(scratch), [])
        return result

    def by_system(self, *arguments):
        return {one["system"]: one for one in self.bench(*arguments)["results"]}

    def check_sides(self, result, systems):
        self.assertEqual([one["system"] for one in result["results"]], systems)
        for one in result["results"]:
            self.assertGreater(one["ops_per_second"], 0)
            self.assertGreater(one["cpu_us_per_op"], 0)
            self.assertLessEqual(one["p50_us"], one["p99_9_us"])
            # A Bloom filter has 10 bits a key, and nothing is written but into memtables.
            self.assertGreater(one["index_filter_bytes"], result["records"] * 10 / 8)
            self.assertLess(one["index_filter_bytes"], result["records"] * 16)
            self.assertGreater(one["memtable_bytes"], 0)

    def test_every_workload_runs(self):
        for workload in WORKLOADS:
            with self.subTest(workload):
                result = self.bench("--workload", workload, "--threads", "2", "--ops", "500",
                                    "--against", "rocksdb")
                self.assertEqual(result["workload"], workload)
                self.check_sides(result, ["kvcache", "rocksdb"])

    def test_every_system_reads_writes_and_scans(self):
        for workload in ("f", "e"):
            self.check_sides(self.bench("--workload", workload), SYSTEMS)

    def test_all_sides_are_measured_on_the_same_requests(self):
        # Sides take different times to settle, and the threads' shares are no whole rounds.
        for arguments in (["--workload", "hotspot", "--threads", "3"],
                          ["--workload", "d"],
                          ["--workload", "c", "--after", "uniform"]):
            with self.subTest(arguments):
                sides = self.by_system("--ops", "1000", *arguments)
                before = [one["ops_before"] for one in sides.values()]
                self.assertEqual((len(before), len(set(before))), (4, 1), before)
                self.assertGreater(before[0], 3 * 990)
        settled = self.by_system("--ops", "1000", "--after", "uniform", "--settle", "2500")
        self.assertEqual({one["ops_before"] for one in settled.values()}, {2500})

    def test_the_policy_is_told(self):
        result = self.bench("--policy", "lru-k:k=3", "--ops", "100", "--against", "rocksdb")
        self.assertEqual(result["policy"], "lru-k:k=3,history=1")

    def test_what_fits_is_not_read_again(self):
        result = self.bench("--workload", "sequential", "--ops", "3000", "--budget", "64MiB",
                            "--against", "rocksdb")
        self.assertEqual((result["records"], result["value_size"]), (3000, 100))
        self.assertEqual((result["budget_given"], result["budget"]), ("64MiB", 64 << 20))
        for one in result["results"]:
            self.assertEqual((one["device_reads"], one["hit_ratio"]), (0, 1))
        self.assertEqual(result["results"][0]["tier_hit_ratio"], 1)

    def test_what_does_not_fit_is_read(self):
        sides = self.by_system("--workload", "uniform", "--budget", "10%")
        for system, one in sides.items():
            self.assertGreater(one["device_reads"], 0.3, system)
            # An operation is one read at most, and all that is read without is a hit.
            self.assertAlmostEqual(one["hit_ratio"] + one["device_reads"], 1)
            self.assertAlmostEqual(one["modelled_us_per_op"],
                                   75 * one["device_reads"] + one["cpu_us_per_op"])

    def test_a_tier_without_block_cache_and_the_other_way_round(self):
        sides = self.by_system("--budget", "10%", "--tier-share", "auto,0,1,1", "--against",
                               "rocksdb")
        self.assertEqual(list(sides), ["kvcache", "kvcache:0", "kvcache:1", "rocksdb"])
        tier, blocks = sides["kvcache:1"], sides["kvcache:0"]
        self.assertAlmostEqual(tier["tier_hit_ratio"], tier["hit_ratio"])
        self.assertEqual((tier["tier_share"], blocks["tier_share"]), (1, 0))
        self.assertEqual(blocks["tier_hit_ratio"], 0)
        self.assertAlmostEqual(blocks["device_reads"], sides["rocksdb"]["device_reads"],
                               delta=0.02)

    def test_a_workload_after_another_one(self):
        # c finds in the caches what it left there; uniform leaves less of that.
        def reads(after):
            sides = self.by_system("--workload", "c", "--after", after, "--settle", "1",
                                   "--ops", "100", "--budget", "50%", "--tier-share", "1",
                                   "--against", "kvcache")
            return sides["kvcache:1"]["device_reads"]
        self.assertLess(reads("c") + 0.1, reads("uniform"))

    def test_the_modelled_time_takes_a_reads_cost(self):
        result = self.bench("--workload", "uniform", "--read-us", "1000", "--against", "rocksdb")
        self.assertEqual(result["read_us"], 1000)
        for one in result["results"]:
            self.assertGreater(one["modelled_us_per_op"], 1000 * one["device_reads"])

    def test_the_tiers_share_is_told(self):
        for system, one in self.by_system("--tier-share", "0.25").items():
            self.assertEqual(one["tier_share"], 0.25 if system == "kvcache:0.25" else 0)
        found = self.by_system("--against", "kvcache")["kvcache"]["tier_share"]
        self.assertTrue(0.01 < found < 0.99, found)

    def test_several_workloads_and_budgets_in_one_call(self):
        plot = self.path("bench.svg")
        arguments = ["--workload", "c,sequential", "--budget", "5%,1MiB", "--against", "rocksdb",
                     "--plot", plot]
        runs = self.bench(*arguments)["runs"]
        self.assertEqual([(run["workload"], run["budget"]) for run in runs],
                         [("c", 17400), ("c", 1 << 20),
                          ("sequential", 17400), ("sequential", 1 << 20)])
        for run in runs:
            self.check_sides(run, ["kvcache", "rocksdb"])
            self.assertRegex(run["rocksdb"], r"\A\d+\.\d+\.\d+, with(out)? assertions\Z")
        with open(plot, encoding="utf-8") as file:
            picture = file.read()
        for text in ("c 5%", "sequential 1MiB", "than rocksdb", "3,000 records"):
            self.assertIn(text, picture)
        self.assertIn("exists", self.failure(2, "bench", "--records", "10", *arguments))
        self.bench(*arguments, "--force")

    def test_reads_of_many_keys_at_once(self):
        warm = self.by_system("--workload", "sequential", "--ops", "3000", "--budget", "64MiB",
                              "--batch", "64")
        for one in warm.values():
            self.assertEqual((one["device_reads"], one["hit_ratio"]), (0, 1))
        self.assertEqual(warm["kvcache"]["tier_hit_ratio"], 1)
        # Together, keys in one block read it once. Writes end a batch, which leaves so little to
        # gain that the moment of a compaction may outweigh it for one side, but not for all.
        for workload in ("uniform", "b"):
            one_by_one, together = (self.bench("--workload", workload, "--batch", batch)
                                    for batch in ("1", "64"))
            self.assertEqual((one_by_one["batch"], together["batch"]), (1, 64))
            single, many = ([one["device_reads"] for one in result["results"]]
                            for result in (one_by_one, together))
            self.assertLess(sum(many), sum(single), workload)
            self.assertGreater(min(many), 0.1, workload)
            if workload == "uniform":
                for system, alone, batched in zip(SYSTEMS, single, many):
                    self.assertLess(batched, alone, system)

    def test_the_keys_of_a_trace(self):
        trace = self.path("requests.txt")
        with open(trace, "w", encoding="utf-8") as file:
            file.writelines(f"key{i * i % 900}\n" for i in range(5000))
        keys = len({i * i % 900 for i in range(5000)})
        result = self.bench("--workload", trace, "--budget", "1MiB", "--against", "rocksdb-row")
        self.assertEqual((result["workload"], result["records"]), ("requests.txt", keys))
        self.assertEqual(result["results"][0]["tier_hit_ratio"], 1)
        empty = self.path("empty.txt")
        open(empty, "wb").close()
        self.assertIn("without requests", self.failure(3, "bench", "--workload", empty))

    def test_for_people(self):
        scratch = self.path("")
        arguments = ["bench", "--scratch", scratch, "--records", "3000", "--ops", "1000",
                     "--rounds", "1", "--against", "rocksdb-row"]
        out = self.output(*arguments).decode()
        self.assertNotIn("modelled / as timed", out)
        self.assertRegex(out, r"\Aworkload c: YCSB: reads, zipfian; 3,000 records of 16 B and "
                              r"100 B, budget 10% \(\d+\.\d KiB\)\n")
        self.assertRegex(out, r"\nkvcache +[\d,]+ .* 1\.00x\nrocksdb-row +[\d,]+ ")
        self.assertRegex(out, r"\nit is by that, under \S+; RocksDB [\d.]+, with(out)? assertions\n"
                              rf"outside the budget: index and filters {EACH}; "
                              rf"of it in memtables: {EACH}\n")
        out = self.output(*arguments, "--workload", "c,uniform").decode()
        self.assertRegex(out, r"modelled / as timed\n\nworkload +budget +rocksdb-row\n"
                              r"c +10% +\d+\.\d\d / \d+\.\d\d\n"
                              r"uniform +10% +\d+\.\d\d / \d+\.\d\d\n\Z")

    def test_an_interrupt_leaves_nothing_behind(self):
        loading, asking = "*/database-*/*.log", "*/kvcache/CURRENT"
        for made, number in ((loading, signal.SIGINT), (asking, signal.SIGINT),
                             (asking, signal.SIGTERM), (asking, signal.SIGHUP)):
            scratch = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
            with subprocess.Popen([harness.KVTOOL, "bench", "--scratch", scratch,
                                   "--records", "200000", "--rounds", "1000"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=self.environment) as process:
                while not list(scratch.glob(made)) and process.poll() is None:
                    time.sleep(0.01)
                process.send_signal(number)
                out, error = process.communicate(timeout=harness.PATIENCE_SECONDS)
            self.assertEqual((process.returncode, out), (3, b""))
            self.assertIn(b"interrupted", error)
            self.assertEqual(os.listdir(scratch), [])

    @unittest.skipUnless(os.geteuid() == 0, "limits of threads are tested as another user")
    def test_fewer_threads_than_asked_for_are_told_and_leave_nothing_behind(self):
        scratch = self.path("scratch")
        os.mkdir(scratch)
        os.chmod(scratch, 0o777)
        self.let_another_user_run_it()

        def set_limit():
            resource.setrlimit(resource.RLIMIT_NPROC, (100, 100))

        message = self.failure(3, "bench", "--scratch", scratch, "--records", "1000", "--threads",
                               "1024", "--ops", "2000", user=USER_OF_NOTHING_ELSE,
                               preexec_fn=set_limit)
        self.assertRegex(message, r"cannot start 1024 threads: the system gives \d\d?; give")
        self.assertEqual(os.listdir(scratch), [])

    def test_a_reader_that_goes_away_leaves_nothing_behind(self):
        scratch = self.path("scratch")
        os.mkdir(scratch)
        with subprocess.Popen([harness.KVTOOL, "bench", "--scratch", scratch, "--records", "3000",
                               "--ops", "1000", "--rounds", "1", "--budget", "5%,10%",
                               "--against", "rocksdb"], env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            error = process.stderr.read()
        self.assertEqual(process.returncode, 3)
        self.assertRegex(error, rb"\Akvtool: cannot write standard output: [^\n]+\n\Z")
        self.assertEqual(os.listdir(scratch), [])

    def test_wrong_calls(self):
        self.check_wrong_calls(["bench", "--records", "10"], [
            (["--workload", "g"], ["--workload g", "mixgraph"]),
            (["--budget", "100"], ["--budget 100", "64MiB"]),
            (["--budget", "1%,2"], ["--budget 1%,2"]),
            (["--plot", "bench.gif"], ["bench.gif", ".svg"]),
            (["--against", "memcached"], ["--against memcached", "rocksdb-row"]),
            (["--records", "0"], ["--records"]),
            (["--tier-share", "auto,1.5"], ["--tier-share 1.5", "0 to 1"]),
            (["--tier-share", "0.5x"], ["--tier-share 0.5x", "auto"]),
            (["--after", "g"], ["--after g", "mixgraph"]),
            (["--workload", "c", "--after", "mixgraph"], ["--after mixgraph", "c has other keys"]),
            (["--settle", "0"], ["--settle"]),
            (["--ops", "0"], ["--ops"]),
            (["--ops", "1", "--threads", "2"], ["--ops 1", "2 threads", "give each"]),
            (["--ops", "1000000000000000000"], ["--ops 1000000000000000000", "give fewer"]),
            (["--budget", "8192PiB"], ["--budget 8192PiB", "of memory; give less"]),
            (["--read-us", "nan"], ["--read-us nan", "microseconds"]),
            (["--read-us", "inf"], ["--read-us"]),
            (["--batch", "0"], ["--batch"]),
        ])
        self.assertIn("--scratch", self.failure(3, "bench", "--scratch", self.path("nowhere")))
        self.environment["TMPDIR"] = self.path("nowhere")
        self.assertIn("--scratch", self.failure(3, "bench", "--records", "10"))
        self.assertIn("nonsense", self.failure(2, "--policy", "nonsense", "bench", "--records",
                                               "10", "--scratch", self.path("")))


if __name__ == "__main__":
    harness.main()
