"""simulate: figures on traces small enough to work out by hand, what is refused, and plots."""

import gzip
import os
import shutil
import struct
import unittest
import xml.etree.ElementTree

import harness

# lru of 2: a and b miss, a hits, c takes b's place, b a's, and a c's: 5 misses.
# fifo of 2: c takes a's place, b hits, a takes b's place: 4.
# opt of 2: a is needed after b, so c takes a's place, b hits, a misses: 4.
# Anything of 3: the first request of each key misses: 3.
SMALL = b"a\nb\na\nc\nb\na\n"
# lru of 40 bytes: a (10) and b (20) miss, a hits, c (30) takes b's place, b those of a and c, a
# misses: 5 misses of 6, 90 bytes of 100.
SIZED = b"a,10\nb,20\na,10\nc,30\nb,20\na,10\n"

needs_gnuplot = unittest.skipUnless(shutil.which("gnuplot"), "no gnuplot")


class SimulateCase(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.trace = self.write("small.txt", SMALL)

    def results(self, *arguments, **options):
        return self.json("simulate", *arguments, **options)["results"]

    def misses(self, *arguments, **options):
        """{policy: [misses, size by size]}."""
        misses = {}
        for row in self.results(*arguments, **options):
            misses.setdefault(row["policy"], []).append(row["misses"])
        return misses

    def check_absent(self, name):
        """Neither the file nor a part of it is there."""
        self.assertEqual([left for left in os.listdir(self.directory) if name in left], [])


class Figures(SimulateCase):
    def test_json(self):
        rows = self.results(self.trace, "--policy", "lru,fifo,opt", "--sizes", "2,3")
        self.assertEqual(len(rows), 6)
        memory = rows[0].pop("memory_bytes")
        self.assertGreater(memory, 0)
        self.assertEqual(rows[0], {
            "trace": self.trace, "policy": "lru", "parameters": "lru", "size": 2,
            "size_given": "2", "unit": "objects", "requests": 6, "misses": 5,
            "miss_ratio": 5 / 6, "byte_miss_ratio": 5 / 6, "objects": 2})
        self.assertEqual([(row["policy"], row["size"], row["misses"]) for row in rows],
                         [("lru", 2, 5), ("fifo", 2, 4), ("opt", 2, 4),
                          ("lru", 3, 3), ("fifo", 3, 3), ("opt", 3, 3)])

    def test_bytes(self):
        trace = self.write("sized.txt", SIZED)
        (row,) = self.results(trace, "--policy", "lru", "--sizes", "40", "--unit", "bytes")
        self.assertEqual((row["unit"], row["size"], row["misses"]), ("bytes", 40, 5))
        self.assertEqual(row["byte_miss_ratio"], 0.9)
        self.assertEqual((row["miss_ratio"], row["objects"]), (5 / 6, 2))
        (row,) = self.results(trace, "--policy", "lru", "--sizes", "1KiB")
        self.assertEqual((row["unit"], row["size"], row["misses"]), ("bytes", 1024, 3))
        self.assertEqual((row["size_given"], row["byte_miss_ratio"]), ("1KiB", 0.6))
        (row,) = self.results(trace, "--policy", "lru", "--sizes", "2")
        self.assertEqual((row["unit"], row["misses"], row["byte_miss_ratio"]),
                         ("objects", 5, 0.9))

    def test_the_bound_of_sizes(self):
        # Hits cost a 2 * 10, a 3 * 10 and b 3 * 20, of 6 * the capacity: of 60 two can be had, and
        # of the bytes 10 for 20 and 13 of 30 for 40.
        trace = self.write("sized.txt", SIZED)
        rows = self.results(trace, "--policy", "opt-bound,lru", "--sizes", "10B,40B")
        self.assertEqual([(row["policy"], row["misses"], row["byte_miss_ratio"]) for row in rows],
                         [("opt-bound", 4, 0.77), ("lru", 4, 0.8),
                          ("opt-bound", 3, 0.6), ("lru", 5, 0.9)])
        every = self.misses(trace, "--sizes", "40B")
        self.assertEqual(list(every)[-2:], ["opt", "opt-bound"])
        out = self.output("simulate", trace, "--policy", "lru,fifo,opt-bound", "--sizes", "40B")
        self.assertRegex(out.decode(), r"\nopt-bound +0\.5000\n")  # the best, but not marked
        done = self.run_bare("simulate", trace, "--policy", "opt-bound", "--sizes", "2")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no policy 'opt-bound'", self.one_complaint(done))

    def test_a_size_given_twice_is_one(self):
        for sizes, told in (("2,2", ["2"]), ("2,3,2", ["2", "3"]), ("100%,3", ["100%", "3"])):
            rows = self.results(self.trace, "--policy", "lru,opt", "--sizes", sizes)
            self.assertEqual([row["size_given"] for row in rows[::2]], told)
            self.assertEqual(len(rows), 2 * len(told))

    def test_sizes_in_percent(self):
        rows = self.results(self.trace, "--policy", "lru", "--sizes", "0.1%,67%,100%")
        self.assertEqual([(row["size"], row["size_given"]) for row in rows],
                         [(1, "0.1%"), (2, "67%"), (3, "100%")])
        sized = self.write("sized.txt", SIZED)
        (row,) = self.results(sized, "--policy", "lru", "--sizes", "50%", "--unit", "bytes")
        self.assertEqual(row["size"], 30)

    def test_all_policies_and_parameters(self):
        every = self.misses(self.trace, "--sizes", "3")
        self.assertEqual(set(map(tuple, every.values())), {(3,)})
        self.assertGreater(len(every), 8)
        self.assertEqual(list(every)[-1], "opt")
        rows = self.results(self.trace, "--policy", "lru-k,lru-k:k=3,history=0,lru,lru-k:k=2",
                            "--sizes", "2")
        self.assertEqual([(row["policy"], row["parameters"]) for row in rows],
                         [("lru-k", "lru-k:k=2,history=1"),
                          ("lru-k:k=3,history=0", "lru-k:k=3,history=0"), ("lru", "lru")])

    def test_threads_change_nothing(self):
        keys = [(i * i + 7 * i) % 61 % (i % 17 + 2) for i in range(5000)]
        trace = self.write("more.txt", "".join(f"{key}\n" for key in keys).encode())
        one = self.results(trace, "--sizes", "2,5,11", "--threads", "1")
        self.assertEqual(self.results(trace, "--sizes", "2,5,11", "--threads", "5"), one)

    def test_shards(self):
        keys = [i * i % 997 if i % 2 else i % 61 for i in range(5000)]
        trace = self.write("more.txt", "".join(f"{key}\n" for key in keys).encode())
        calls = (trace, "--policy", "lru,opt", "--sizes", "200")
        one, tier = self.misses(*calls), self.misses(*calls, "--shards", "8")
        self.assertEqual(one["opt"], tier["opt"])  # the bound of any
        self.assertNotEqual(one["lru"], tier["lru"])
        self.assertAlmostEqual(one["lru"][0] / 5000, tier["lru"][0] / 5000, delta=0.05)

    def test_a_tier_that_hits_nothing_caches_few_misses(self):
        trace = self.write("loop.txt", "".join(f"{key}\n" for key in range(2000)).encode() * 10)
        calls = (trace, "--policy", "lru", "--sizes", "1000")
        self.assertEqual(self.misses(*calls), {"lru": [20000]})
        self.assertLess(self.misses(*calls, "--shards", "1")["lru"][0], 17000)

    def test_traces_from_elsewhere(self):
        packed = self.write("small.txt.gz", gzip.compress(SMALL))
        rows = self.results(self.trace, packed, "-", "--policy", "lru", "--sizes", "2",
                            stdin=SMALL)
        self.assertEqual([(row["trace"], row["misses"]) for row in rows],
                         [(self.trace, 5), (packed, 5), ("-", 5)])

    def test_the_policy_may_stand_before_the_command(self):
        rows = self.json("--policy", "fifo,opt", "simulate", self.trace, "--sizes", "2")["results"]
        self.assertEqual([row["policy"] for row in rows], ["fifo", "opt"])
        rows = self.json("--policy", "fifo", "simulate", self.trace, "--sizes", "2", "--policy",
                         "lru")["results"]
        self.assertEqual([row["policy"] for row in rows], ["lru"])
        done = self.run_bare("--policy", "mru", "simulate", self.trace)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no policy 'mru'", self.one_complaint(done))

    def test_a_name_that_is_not_utf8(self):
        odd = self.write(b"\xff.txt".decode("utf-8", "surrogateescape"), SMALL)
        for row in self.results(odd, "--policy", "lru", "--sizes", "2"):
            self.assertTrue(row["trace"].endswith("\ufffd.txt"))
            self.assertEqual(row["misses"], 5)

    def test_tables(self):
        out = self.output("simulate", self.trace, "--policy", "lru,fifo,opt", "--sizes", "2,100%")
        self.assertEqual(out.decode().splitlines(), [
            f"{self.trace}: 6 requests for 3 keys",
            "",
            "miss ratio           2         100%",
            "                                  3",
            "lru             0.8333       0.5000*",
            "fifo            0.6667*      0.5000*",
            "opt             0.6667       0.5000",
            ""])
        sized = self.write("sized.txt", SIZED)
        out = self.output("simulate", sized, "--policy", "lru", "--sizes", "40B")
        self.assertEqual(out.decode().splitlines(), [
            f"{sized}: 6 requests for 3 keys of 60 B",
            "",
            "miss ratio         40B",
            "                  40 B",
            "lru             0.8333",
            "",
            "byte miss ratio         40B",
            "                       40 B",
            "lru                  0.9000",
            ""])


class Refusals(SimulateCase):
    def test_wrong_calls(self):
        self.check_wrong_calls(["simulate", self.trace], [
            (["--policy", "mru"], ["no policy 'mru'", "lru", "opt"]),
            (["--policy", "lru:k=2"], ["takes no parameters"]),
            (["--policy", ""], ["no policy ''"]),
            (["--sizes", "0"], ["'0' is not a cache size", "64MiB", "0.1%"]),
            (["--sizes", "2,many"], ["'many' is not a cache size"]),
            (["--sizes", "-1%"], ["'-1%'"]),
            (["--unit", "pages"], ["pages", "--help"]),
            (["--unit", "objects", "--sizes", "64MiB"], ["objects", "bytes"]),
            (["--threads", "0"], ["--threads"]),
            (["--shards", "3"], ["--shards 3", "power of two"]),
            (["--shards", "2048"], ["--shards 2048", "1024"]),
            (["--plot", "curve.pdf"], ["curve.pdf", ".svg", ".png"]),
            (["--plot", "png"], [".svg", ".png"]),
            (["--report", "curve.svg"], ["curve.svg", ".html"]),
        ])
        self.assertIn("TRACE", self.failure(2, "simulate"))

    def test_traces_that_are_none(self):
        missing = self.path("missing.txt")
        self.assertIn(missing, self.failure(3, "simulate", missing))
        self.assertIn(missing, self.failure(3, "simulate", missing, "--json"))
        message = self.failure(3, "simulate", self.trace, "--sizes", "1KiB")
        self.assertIn(self.trace + ":1: no size", message)
        message = self.failure(3, "simulate", "-", "--sizes", "1KiB", stdin=SMALL)
        self.assertIn("standard input:1: no size", message)

    def test_malformed_lines(self):
        bad = self.write("bad.txt", b"a\n\nb,many,words\na\n" + b"c,99999999999999999999999\n")
        message = self.failure(3, "simulate", bad, "--sizes", "2")
        self.assertIn(bad + ":", message)
        done = self.run_status(0, "--json", "simulate", bad, "--skip-bad", "--sizes", "2",
                               "--policy", "lru")
        complaint = self.one_complaint(done)
        self.assertRegex(complaint, "malformed lines? left out, the first: ")
        self.assertIn(b'"misses":', done.stdout)

    def test_files_that_exist_are_kept(self):
        for flag, name in [("--plot", "old.svg"), ("--report", "old.html")]:
            if flag == "--plot" and not shutil.which("gnuplot"):
                continue
            old = self.write(name, b"old")
            message = self.failure(2, "simulate", self.trace, flag, old)
            self.assertIn("--force", message)
            self.assertEqual(self.read(name), b"old")
            self.output("simulate", self.trace, flag, old, "--force")
            self.assertGreater(len(self.read(name)), 1000)

    def test_files_that_cannot_be(self):
        nowhere = self.path("nowhere/report.html")
        self.assertIn("nowhere", self.failure(3, "simulate", self.trace, "--report", nowhere))


class Plots(SimulateCase):
    def texts(self, name):
        """All texts of an SVG file."""
        root = xml.etree.ElementTree.fromstring(self.read(name))
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        return "\n".join(text.strip() for text in root.itertext() if text.strip())

    @needs_gnuplot
    def test_svg(self):
        done = self.output("simulate", self.trace, "--sizes", "1,2,3", "--plot",
                           self.path("plot.svg"))
        self.assertIn(b"miss ratio", done)
        texts = self.texts("plot.svg")
        self.assertIn("small.txt: 6 requests for 3 keys", texts)
        self.assertIn("cache size (objects, log scale)", texts)
        self.assertIn("miss ratio (share of the requests)", texts)
        for row in self.results(self.trace, "--sizes", "1"):
            self.assertIn("\n" + row["policy"] + "\n", texts)
        self.assertEqual(os.listdir(self.directory).count("plot.svg"), 1)
        self.assertFalse([name for name in os.listdir(self.directory) if "partial" in name])

    @needs_gnuplot
    def test_png(self):
        rows = self.results(self.trace, "--policy", "lru,opt", "--sizes", "2", "--plot",
                            self.path("plot.png"))
        self.assertEqual(len(rows), 2)  # the one document of --json is left as it is
        picture = self.read("plot.png")
        self.assertEqual(picture[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", picture[16:24]), (900, 600))

    @needs_gnuplot
    def test_traces_below_each_other_and_bytes(self):
        sized = self.write("sized.txt", SIZED)
        self.output("simulate", sized, sized, "--policy", "lru,lru-k:k=3", "--sizes", "16B,32B",
                    "--plot", self.path("plot.png"))
        self.assertEqual(struct.unpack(">II", self.read("plot.png")[16:24]), (900, 2400))
        self.output("simulate", sized, "--policy", "lru,lru-k:k=3", "--sizes", "16B,32B",
                    "--plot", self.path("plot.svg"))
        texts = self.texts("plot.svg")
        for text in ("cache size (bytes, log scale)", "miss ratio (share of the requests)",
                     "miss ratio (share of the bytes)", "16 B", "32 B", "lru-k:k=3"):
            self.assertIn(text, texts)

    @needs_gnuplot
    def test_names_are_only_names(self):
        name = "it's \"a\" `touch run1` $(touch run2) <i>&amp;\n@x {=90 b} <b> _1^2 \\ \u00e9.txt"
        trace = self.write(name, SMALL)
        self.output("simulate", trace, "--sizes", "2", "--plot", self.path("plot.svg"))
        shown = name.replace("\\", "\\\\").replace("\n", "\\n")
        self.assertIn(shown + ": 6 requests", self.texts("plot.svg"))
        odd = self.write(b"\xff\x01.txt".decode("utf-8", "surrogateescape"), SMALL)
        self.output("simulate", odd, "--sizes", "2", "--plot", self.path("odd.svg"))
        self.assertIn("\\xFF\\x01.txt", self.texts("odd.svg"))
        self.assertFalse(os.path.exists(self.path("run1")) or os.path.exists(self.path("run2")))

    def test_without_gnuplot(self):
        self.environment["PATH"] = self.directory
        message = self.failure(3, "simulate", self.trace, "--plot", self.path("plot.svg"))
        self.assertIn("gnuplot-nox", message)
        self.check_absent("plot.svg")

    def test_when_gnuplot_fails(self):
        # At the check before the work it does not, and then it does.
        stand_in = self.write("gnuplot", b"#!/bin/sh\nread -r line || exit 0\necho half a picture\n"
                              b"echo no room >&2\nexit 1\n")
        os.chmod(stand_in, 0o755)
        self.environment["PATH"] = self.directory + ":/usr/bin:/bin"
        done = self.run_status(3, "simulate", self.trace, "--plot", self.path("plot.svg"))
        self.assertIn("no room", self.one_complaint(done))
        self.check_absent("plot.svg")


if __name__ == "__main__":
    harness.main()
