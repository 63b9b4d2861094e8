"""curve: values on traces small enough to be simulated whole, what is refused, and pictures."""

import os
import random
import shutil
import unittest
import xml.etree.ElementTree

import harness

# As in simulate_test.py: of 2 objects lru misses 5, fifo and opt 4; of 1 object all miss 6, of 3
# objects all miss 3.
SMALL = b"a\nb\na\nc\nb\na\n"
# lru of 40 bytes misses 5 of 6 requests and 90 of 100 bytes; of 60 bytes 3, and 60 bytes.
SIZED = b"a,10\nb,20\na,10\nc,30\nb,20\na,10\n"
MANY_KEYS = 3000

needs_gnuplot = unittest.skipUnless(shutil.which("gnuplot"), "no gnuplot")


def skewed_trace():
    """More keys than some samples, the small ones asked for more."""
    draw = random.Random(20130701)
    keys = [int(MANY_KEYS ** draw.random()) for _ in range(20000)] + list(range(MANY_KEYS))
    return "".join(f"{key}\n" for key in keys).encode()


class CurveCase(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.trace = self.write("small.txt", SMALL)
        self.three_sizes = [self.trace, "--from", "1", "--to", "3", "--points", "3"]

    def ratios(self, document):
        """{policy: [miss ratio, size by size]}."""
        return {curve["policy"]: [point["miss_ratio"] for point in curve["points"]]
                for curve in document["curves"]}


class Values(CurveCase):
    def test_json(self):
        document = self.json("curve", *self.three_sizes, "--policy", "lru,lru-k:k=3,opt")
        curves = document.pop("curves")
        self.assertGreaterEqual(document.pop("simulated_seconds"), 0)
        self.assertEqual(document, {"trace": self.trace, "unit": "objects", "requests": 6,
                                    "keys": 3, "sampled_keys": 3, "sampling_rate": 1.0})
        self.assertEqual([(curve["policy"], curve["parameters"]) for curve in curves],
                         [("lru", "lru"), ("lru-k:k=3", "lru-k:k=3,history=1"), ("opt", "opt")])
        self.assertEqual(curves[0], {
            "policy": "lru", "parameters": "lru", "likely_error": 0.0,
            "points": [{"size": 1, "miss_ratio": 1.0, "byte_miss_ratio": 1.0},
                       {"size": 2, "miss_ratio": 5 / 6, "byte_miss_ratio": 5 / 6},
                       {"size": 3, "miss_ratio": 0.5, "byte_miss_ratio": 0.5}]})

    def test_every_policy(self):
        found = self.ratios(self.json("curve", *self.three_sizes, "--policy", "all"))
        self.assertEqual(found["lru"], [1.0, 5 / 6, 0.5])
        self.assertEqual(found["fifo"], [1.0, 4 / 6, 0.5])
        self.assertEqual(found["opt"], [1.0, 4 / 6, 0.5])
        self.assertGreater(len(found), 10)
        for ratios in found.values():
            self.assertEqual((ratios[0], ratios[2]), (1.0, 0.5))

    def test_exact(self):
        document = self.json("curve", *self.three_sizes, "--policy", "lru,fifo,opt", "--exact")
        self.assertGreaterEqual(document["exact_seconds"], 0)
        for curve in document["curves"]:
            self.assertEqual(curve["true_error"], 0.0)
            for point in curve["points"]:
                self.assertEqual(point["miss_ratio"], point["exact_miss_ratio"])

    def test_simulate_says_the_same(self):
        trace = self.write("many.txt", skewed_trace())
        arguments = [trace, "--policy", "lru,s3-fifo,opt", "--samples", "10000"]
        document = self.json("curve", *arguments, "--points", "8")
        self.assertEqual((document["keys"], document["sampling_rate"]), (MANY_KEYS, 1.0))
        sizes = [point["size"] for point in document["curves"][0]["points"]]
        self.assertEqual((sizes[0], sizes[-1]), (3, MANY_KEYS))
        rows = self.json("simulate", *arguments[:3],
                         "--sizes", ",".join(map(str, sizes)))["results"]
        found = self.ratios(document)
        for row in rows:
            self.assertAlmostEqual(row["miss_ratio"],
                                   found[row["policy"]][sizes.index(row["size"])])

    def test_samples(self):
        trace = self.write("many.txt", skewed_trace())
        arguments = ["curve", trace, "--from", "5%", "--samples", "500", "--policy",
                     "lru,lfu,sieve", "--exact"]
        document = self.json(*arguments, "--threads", "1")
        self.assertEqual(document["sampled_keys"], 500)
        self.assertLess(document["sampling_rate"], 0.25)
        self.assertAlmostEqual(document["keys"], MANY_KEYS, delta=MANY_KEYS / 5)
        self.assertEqual(document["requests"], 20000 + MANY_KEYS)
        for curve in document["curves"]:
            self.assertGreater(curve["likely_error"], 0)
            self.assertLess(curve["true_error"], 0.05)
        again = self.json(*arguments, "--threads", "3")
        self.assertEqual(again["curves"], document["curves"])  # nothing is left to chance
        # With an anchor at each size lfu's and sieve's curves are exact.
        anchored = self.json(*arguments, "--anchors", "1000")
        for curve in anchored["curves"][1:]:
            self.assertAlmostEqual(curve["true_error"], 0)
        self.assertEqual(anchored["curves"][0], document["curves"][0])

    def test_bytes(self):
        trace = self.write("sized.txt", SIZED)
        for sizes in (["--from", "40B", "--to", "60B"],
                      ["--from", "40", "--to", "100%", "--unit", "bytes"]):
            document = self.json("curve", trace, *sizes, "--points", "2")
            self.assertEqual(document["unit"], "bytes")
            self.assertEqual(document["curves"][0]["points"], [
                {"size": 40, "miss_ratio": 5 / 6, "byte_miss_ratio": 0.9},
                {"size": 60, "miss_ratio": 0.5, "byte_miss_ratio": 0.6}])
        document = self.json("curve", trace, "--from", "2", "--to", "2")
        self.assertEqual(document["curves"][0]["points"],
                         [{"size": 2, "miss_ratio": 5 / 6, "byte_miss_ratio": 0.9}])

    def test_text(self):
        out = self.output("curve", *self.three_sizes, "--policy", "lru,opt").decode()
        self.assertEqual(out.splitlines(), [
            f"{self.trace}: 6 requests for 3 keys, all of them simulated",
            "",
            "     objects     lru     opt",
            "           1  1.0000  1.0000",
            "           2  0.8333  0.6667",
            "           3  0.5000  0.5000",
            "",
            "lru: no sampling error (mean over the sizes)",
            "opt: no sampling error (mean over the sizes)"])
        out = self.output("curve", *self.three_sizes, "--exact").decode()
        self.assertIn("           2  0.8333  0.8333", out)
        self.assertIn("true error 0.0000", out)
        self.assertRegex(out, r"simulated in [\d.]+ s, exactly in [\d.]+ s with reading\n\Z")
        trace = self.write("many.txt", skewed_trace())
        out = self.output("curve", trace, "--samples", "100").decode()
        self.assertRegex(out, r"23,000 requests for about [\d,]+ keys, 100 of them simulated")
        self.assertRegex(out, r"lru: likely error 0\.\d{4} ")

    def test_standard_input(self):
        document = self.json("curve", "-", "--from", "2", "--to", "2", stdin=SMALL)
        self.assertEqual(document["trace"], "-")
        self.assertEqual(self.ratios(document), {"lru": [5 / 6]})

    def test_an_empty_trace(self):
        document = self.json("curve", self.write("empty.txt", b""), "--policy", "lru,opt")
        self.assertEqual((document["requests"], document["keys"]), (0, 0))
        self.assertEqual(self.ratios(document), {"lru": [0.0], "opt": [0.0]})

    def test_the_policy_may_stand_before_the_command(self):
        found = self.json("--policy", "fifo,opt", "curve", *self.three_sizes)
        self.assertEqual(list(self.ratios(found)), ["fifo", "opt"])

    def test_a_name_that_is_not_utf8(self):
        odd = self.write(b"\xff.txt".decode("utf-8", "surrogateescape"), SMALL)
        self.assertTrue(self.json("curve", odd)["trace"].endswith("\ufffd.txt"))


class Refusals(CurveCase):
    def test_wrong_calls(self):
        self.check_wrong_calls(["curve", self.trace], [
            (["--policy", "mru"], ["no policy 'mru'", "opt"]),
            (["--from", "0"], ["'0' is not a cache size"]),
            (["--to", "many"], ["'many' is not a cache size"]),
            (["--from", "1,2"], ["--from", "one size each"]),
            (["--from", "3", "--to", "2"], ["--from 3 is more than --to 2"]),
            (["--from", "1KiB", "--to", "2", "--unit", "objects"], ["objects", "bytes"]),
            (["--points", "0"], ["--points"]),
            (["--samples", "0"], ["--samples"]),
            (["--samples", "some"], ["--samples"]),
            (["--anchors", "-1"], ["--anchors"]),
            (["--anchors", "1001"], ["--anchors"]),
            (["--unit", "pages"], ["pages"]),
            (["--threads", "0"], ["--threads"]),
            (["--plot", "curve.pdf"], ["curve.pdf", ".svg", ".png"]),
            (["--report", "curve.svg"], ["curve.svg", ".html"]),
            (["--format", "tea"], ["tea"]),
            ([self.trace], ["not expected here", self.trace]),
        ])
        self.assertIn("TRACE", self.failure(2, "curve"))

    def test_traces_that_are_none(self):
        missing = self.path("missing.txt")
        self.assertIn(missing, self.failure(3, "curve", missing))
        message = self.failure(3, "curve", self.trace, "--unit", "bytes")
        self.assertIn(self.trace + ":1: no size", message)
        message = self.failure(3, "curve", "-", "--unit", "bytes", stdin=SMALL)
        self.assertIn("standard input:1: no size", message)

    def test_malformed_lines(self):
        bad = self.write("bad.txt", b"a\nb,99999999999999999999999\na\n")
        self.assertIn(bad + ":2:", self.failure(3, "curve", bad))
        done = self.run_status(0, "--json", "curve", bad, "--skip-bad")
        self.assertIn("1 malformed line left out, the first: " + bad, self.one_complaint(done))
        self.assertIn(b'"requests":2,', done.stdout)


class Pictures(CurveCase):
    @needs_gnuplot
    def test_plot(self):
        plot = self.path("plot.svg")
        self.output("curve", *self.three_sizes, "--policy", "lru,opt", "--plot", plot)
        root = xml.etree.ElementTree.fromstring(self.read("plot.svg"))
        texts = [text.strip() for text in root.itertext()]
        for text in ("small.txt: 6 requests for 3 keys", "lru", "opt"):
            self.assertIn(text, texts)
        message = self.failure(2, "curve", *self.three_sizes, "--plot", plot)
        self.assertIn("--force", message)
        self.output("curve", *self.three_sizes, "--plot", plot, "--force")

    def test_report(self):
        out = self.output("curve", *self.three_sizes, "--policy", "lru,opt", "--report",
                          self.path("report.html"))
        self.assertIn(b"0.8333", out)
        page = self.read("report.html").decode()
        self.assertIn("small.txt", page)
        self.assertIn("0.8333", page)
        self.assertEqual([name for name in os.listdir(self.directory) if "partial" in name], [])
        message = self.failure(2, "curve", self.trace, "--report", self.path("report.html"))
        self.assertIn("--force", message)


if __name__ == "__main__":
    harness.main()
