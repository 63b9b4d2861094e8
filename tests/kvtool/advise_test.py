"""advise: what it names for traces whose hits at every size are known, and what is refused."""

import random

import harness

KEYS = 1000
# Bytes: a header of 24, key and value in steps of 16, tables and order; in all but the last few of
# them, as an order takes pages.
ENTRY = 24 + 16 + 104 + 11 + 16
# Every key ten times, in turn: lru and fifo hit nothing unless all keys fit, and then 90 %.
LOOP = "".join(f"{key}\n" for _ in range(10) for key in range(KEYS)).encode()
# Every key twice in a row: half hits, if there is room for one entry.
PAIRS = "".join(f"{key}\n{key}\n" for key in range(KEYS)).encode()


class AdviseCase(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.loop = self.write("loop.txt", LOOP)
        self.pairs = self.write("pairs.txt", PAIRS)

    def advise(self, *arguments, **options):
        return self.json("advise", *arguments, **options)

    def check_entry_bytes(self, advice, expected):
        self.assertAlmostEqual(advice.pop("entry_bytes"), expected, delta=2)


class Values(AdviseCase):
    def test_json(self):
        advice = self.advise(self.loop, "--policy", "lru")
        needed = advice["bytes"]
        # What lru keeps takes little more than it is counted with in an entry.
        self.assertGreaterEqual(needed, KEYS * ENTRY * 0.999)
        self.assertLess(needed, KEYS * ENTRY * 1.1)
        (lru,) = advice.pop("policies")
        self.check_entry_bytes(advice, ENTRY)
        self.assertAlmostEqual(advice.pop("hit_ratio"), 0.9)
        self.assertAlmostEqual(advice.pop("reachable_hit_ratio"), 0.9)
        self.assertAlmostEqual(advice.pop("opt_hit_ratio"), 0.9)
        self.assertEqual(advice, {
            "trace": self.loop, "target_hit_ratio": 0.9, "reached": True, "policy": "lru",
            "bytes": needed, "requests": 10 * KEYS, "keys": KEYS, "sampled_keys": KEYS})
        self.assertAlmostEqual(lru.pop("hit_ratio"), 0.9)
        self.assertEqual(lru, {"policy": "lru", "likely_error": 0.0, "bytes_for_target": needed,
                               "least_bytes": needed, "most_bytes": needed})

    def test_the_policy_that_needs_least_comes_first(self):
        advice = self.advise(self.loop, "--policy", "lru,fifo,lirs", "--target-hit", "0.4")
        self.assertEqual(advice["policy"], "lirs")
        self.assertEqual([one["policy"] for one in advice["policies"]][0], "lirs")
        self.assertLess(advice["bytes"], KEYS * ENTRY * 0.8)
        self.assertEqual(advice["bytes"], advice["policies"][0]["bytes_for_target"])
        self.assertAlmostEqual(advice["hit_ratio"], 0.4, places=4)
        self.assertGreaterEqual(advice["opt_hit_ratio"], 0.4)
        for one in advice["policies"][1:]:
            self.assertGreater(one["bytes_for_target"], KEYS * ENTRY * 0.8)
            self.assertLess(one["hit_ratio"], 0.1)  # with the bytes that lirs needs
        needs = [one["bytes_for_target"] for one in advice["policies"]]
        self.assertEqual(needs, sorted(needs))

    def test_all_policies_but_opt(self):
        advice = self.advise(self.pairs, "--target-hit", "0.5")
        names = [one["policy"] for one in advice["policies"]]
        self.assertGreater(len(names), 10)
        self.assertNotIn("opt", names)
        self.assertTrue(advice["reached"])
        self.assertLess(advice["policies"][0]["bytes_for_target"], 2 * ENTRY)

    def test_a_target_that_nothing_reaches(self):
        advice = self.advise(self.pairs, "--policy", "lru,fifo")
        self.assertFalse(advice["reached"])
        self.assertEqual(advice["reachable_hit_ratio"], 0.5)
        self.assertEqual((advice["hit_ratio"], advice["opt_hit_ratio"]), (0.5, 0.5))
        for one in advice["policies"]:
            self.assertIsNone(one["bytes_for_target"])
            self.assertIsNone(one["least_bytes"])
            self.assertIsNone(one["most_bytes"])
        out = self.output("advise", self.pairs, "--policy", "lru").decode()
        self.assertTrue(out.startswith(
            "No cache reaches 90.0 %: 50.0 % of the requests are the first for their key."), out)
        self.assertIn("never", out)

    def test_max(self):
        call = [self.loop, "--policy", "lru,lirs", "--max", "100KiB"]
        advice = self.advise(*call)
        self.assertFalse(advice["reached"])
        self.assertEqual((advice["policy"], advice["bytes"]), ("lirs", 100 << 10))
        self.assertGreater(advice["hit_ratio"], 0.3)
        self.assertLess(advice["hit_ratio"], 0.6)
        self.assertEqual(advice["policies"][1]["hit_ratio"], 0)
        out = self.output("advise", *call).decode()
        self.assertTrue(out.startswith("With 100.0 KiB no policy reaches 90.0 %; lirs comes"), out)
        # A limit that is not met changes nothing.
        without = self.advise(self.loop, "--policy", "lru,lirs")
        self.assertEqual(self.advise(self.loop, "--policy", "lru,lirs", "--max", "1GiB"), without)
        # One that lirs alone keeps to.
        advice = self.advise(*call, "--target-hit", "0.3")
        self.assertTrue(advice["reached"])
        self.assertLessEqual(advice["bytes"], 100 << 10)

    def test_sizes_of_values(self):
        advice = self.advise(self.loop, "--policy", "lru", "--value-size", "1KiB")
        self.check_entry_bytes(advice, 24 + 16 + 1032 + 11 + 16)
        sized = self.write("sized.txt", b"a,10\n0123456789abcdef-,30\n" * 50)
        advice = self.advise(sized, "--policy", "lru", "--value-size", "1KiB")
        # A page is much for two entries.
        self.check_entry_bytes(advice, (64 + 96) / 2 + 11 + 4096 / 2)

    def test_samples(self):
        call = [self.loop, "--policy", "lru,lirs", "--samples", "200", "--target-hit", "0.4"]
        advice = self.advise(*call)
        self.assertEqual(advice["sampled_keys"], 200)
        self.assertEqual(advice["policy"], "lirs")
        self.assertEqual(self.advise(*call, "--threads", "3"), advice)
        for one in advice["policies"]:
            self.assertLessEqual(one["least_bytes"], one["bytes_for_target"])
            if one["most_bytes"] is not None:
                self.assertGreaterEqual(one["most_bytes"], one["bytes_for_target"])
        out = self.output("advise", *call).decode()
        self.assertRegex(out, r"From 200 of about [\d,]+ keys, and all of them at a few sizes\.\n")

    def test_it_is_told_whether_all_keys_were_simulated_at_some_sizes(self):
        # So many sampled keys tell of the smallest size too, a thousandth of all bytes.
        trace = self.write("many.txt", "".join(f"{key}\n" for key in range(12000)).encode() * 2)
        for policy, anchors, whole in [("fifo", "1", True), ("fifo", "0", False),
                                       ("lru", "1", False)]:
            out = self.output("advise", trace, "--policy", policy, "--anchors", anchors,
                              "--samples", "9000").decode()
            told = ", and all of them at a few sizes" if whole else ""
            self.assertRegex(out, rf"\nFrom 9,000 of about [\d,]+ keys{told}\.\n\Z")

    def test_text(self):
        out = self.output("advise", self.loop, "--policy", "lru,fifo", "--target-hit", "0.85")
        lines = out.decode().splitlines()
        self.assertRegex(lines[0],
                         r"\ATake (lru|fifo), and a tier of 1\d\d\.\d KiB: \d\d\.\d % of requests ")
        self.assertRegex(lines[1], r"\AThat is room for \d+ entries of 1[67]\d B each: ")
        self.assertRegex(lines[3], r"\Apolicy +hits with that +error \+- +needs for 85 % +likely")
        self.assertRegex(lines[6], r"\Aopt +\d")
        self.assertRegex(lines[-2], "either may be the better one|the first is better")
        self.assertEqual(lines[-1], "All 1,000 keys were simulated.")

    def test_the_tier_keeps_the_promise(self):
        rng = random.Random(1)
        keys = [f"key{int(6000 * rng.random() ** 3)},4096\n" for _ in range(40000)]
        trace = self.write("skewed.txt", "".join(keys).encode())
        policies = ["lru", "2q", "lirs", "s3-fifo", "lru-k:history=8"]
        advice = self.advise(trace, "--policy", ",".join(policies), "--target-hit", "0.8")
        for one in advice["policies"]:
            capacity = str(one["bytes_for_target"])
            self.assertGreater(int(capacity), 8 << 20)  # below, size classes are coarser
            replayed = self.json("--policy", one["policy"], "--capacity",
                                 capacity, "replay", trace)
            self.assertAlmostEqual(replayed["hit_ratio"], 0.8, delta=0.01, msg=one["policy"])

    def test_standard_input(self):
        advice = self.advise("-", "--policy", "lru", stdin=LOOP)
        self.assertEqual((advice["trace"], advice["requests"]), ("-", 10 * KEYS))

    def test_the_policy_may_stand_before_the_command(self):
        advice = self.json("--policy", "fifo", "advise", self.loop)
        self.assertEqual([one["policy"] for one in advice["policies"]], ["fifo"])

    def test_a_name_that_is_not_utf8(self):
        odd = self.write(b"\xff.txt".decode("utf-8", "surrogateescape"), PAIRS)
        self.assertTrue(self.advise(odd, "--policy", "lru")["trace"].endswith("\ufffd.txt"))


class Refusals(AdviseCase):
    def test_wrong_calls(self):
        self.check_wrong_calls(["advise", self.loop], [
            (["--target-hit", "0"], ["--target-hit", "0.9"]),
            (["--target-hit", "1"], ["--target-hit"]),
            (["--target-hit", "nan"], ["--target-hit"]),
            (["--target-hit", "most"], ["--target-hit"]),
            (["--max", "0"], ["--max", "64MiB"]),
            (["--max", "much"], ["--max"]),
            (["--value-size", "0"], ["--value-size 0"]),
            (["--value-size", "2GiB"], ["--value-size 2GiB"]),
            (["--policy", "opt"], ["opt knows the future"]),
            (["--policy", "mru"], ["no policy 'mru'"]),
            (["--samples", "0"], ["--samples"]),
            (["--anchors", "1001"], ["--anchors"]),
            (["--threads", "0"], ["--threads"]),
            (["--unit", "bytes"], ["--unit"]),
        ])
        self.assertIn("TRACE", self.failure(2, "advise"))

    def test_traces_that_are_none(self):
        missing = self.path("missing.txt")
        self.assertIn(missing, self.failure(3, "advise", missing))
        empty = self.write("empty.txt", b"")
        self.assertIn("no requests", self.failure(3, "advise", empty))

    def test_malformed_lines(self):
        bad = self.write("bad.txt", b"a\nb,99999999999999999999999\na\n")
        self.assertIn(bad + ":2:", self.failure(3, "advise", bad))
        done = self.run_status(0, "--json", "advise", bad, "--skip-bad")
        self.assertIn("1 malformed line left out, the first: " + bad, self.one_complaint(done))


if __name__ == "__main__":
    harness.main()
