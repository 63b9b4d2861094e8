"""trace info and trace convert: figures, formats and round trips; and replay of other formats."""

import collections
import gzip
import json
import os
import random
import signal
import statistics
import struct
import subprocess
import threading

import harness

DATA = os.path.join(harness.PROJECT, "data")
CSV = b"time,op,key,size\n10,get,a,5\n11,set,a,9\n12,get,b,7\n14,get,a,6\n"
TWITTER = b"3,k1,2,100,7,get,0\n4,k1,2,100,7,set,60\n9,k2,2,50,7,gets,0\n"
CACHELIB = b"key,op,size,op_count,key_size\nx,GET,10,3,2\ny,SET,5,1,2\n"
LIS = b"7 3 0 0\n20 1 0 1\n"


def oracle_general(requests):
    """The records of (key, size, time)."""
    following, records = {}, []
    for number in range(len(requests), 0, -1):
        key, size, time = requests[number - 1]
        records.append(struct.pack("<IQIq", time, key, size, following.get(key, -1)))
        following[key] = number
    return b"".join(reversed(records))


class TraceCase(harness.TestCase):
    def output(self, *arguments, **options):
        done = self.run_bare("trace", *arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done.stdout)
        return done.stdout

    def info(self, *arguments, **options):
        """The figures of one trace."""
        traces = json.loads(self.output("info", "--json", *arguments, **options))["traces"]
        self.assertEqual(len(traces), 1)
        return traces[0]

    def convert(self, trace, to, *flags):
        """`trace` in another format."""
        self.write("in", trace)
        return self.output("convert", "in", "-", "--to", to, *flags)

    def trace_failure(self, status, *arguments, **options):
        done = self.run_bare("trace", *arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (status, b""))
        return self.one_complaint(done)


class Info(TraceCase):
    def test_figures(self):
        seed = 7
        print("seed", seed)
        source = random.Random(seed)
        keys = [int(source.paretovariate(0.5)) for _ in range(5000)]
        sizes = {key: 1 + key % 1000 for key in keys}
        self.write("t", "".join(f"{key},{sizes[key]}\n" for key in keys).encode())
        info = self.info("t")
        counts = collections.Counter(keys)
        ordered = sorted(counts.values(), reverse=True)
        self.assertEqual(
            {name: info[name] for name in ("trace", "format", "requests", "unique_keys",
                                           "keys_seen_once", "total_bytes", "unique_bytes",
                                           "time_span", "other_operations", "bad_lines",
                                           "first_bad_line", "requests_without_size")},
            {"trace": "t", "format": "text", "requests": len(keys), "unique_keys": len(counts),
             "keys_seen_once": ordered.count(1), "total_bytes": sum(sizes[key] for key in keys),
             "unique_bytes": sum(sizes.values()), "time_span": None, "other_operations": 0,
             "bad_lines": 0, "first_bad_line": None, "requests_without_size": 0})
        self.assertEqual(info["size"], {"min": min(sizes.values()), "max": max(sizes.values()),
                                        "median": statistics.median_low(sizes.values()),
                                        "mean": sum(sizes.values()) / len(sizes)})
        for percent in (1, 10):
            top = sum(ordered[:-(-len(ordered) * percent // 100)])
            self.assertAlmostEqual(info[f"top_{percent}_percent_share"], top / len(keys))

    def test_formats_are_recognized(self):
        for trace, expected in [
                (CSV, ("csv", 3, 2, 18, 4, 1)), (TWITTER, ("twitter", 2, 2, 154, 6, 1)),
                (CACHELIB, ("cachelib", 3, 1, 36, None, 1)), (LIS, ("lis", 4, 4, None, None, 0)),
                (oracle_general([(1, 5, 0), (2, 6, 3), (1, 5, 8)]),
                 ("oracle-general", 3, 2, 16, 8, 0)),
                (b"", ("text", 0, 0, None, None, 0)), (b"a\nb\na,7\n", ("text", 3, 2, 7, None, 0))]:
            for stdin in (trace, gzip.compress(trace)):
                with self.subTest(trace=trace):
                    info = self.info("-", stdin=stdin)
                    self.assertEqual(tuple(info[name] for name in (
                        "format", "requests", "unique_keys", "total_bytes", "time_span",
                        "other_operations")), expected)

    def test_a_format_may_be_told(self):
        self.write("t", LIS)
        self.assertEqual(self.info("t", "--format", "text")["requests"], 2)
        self.write("urls", b"page,bytes,what\nx,1,put\n")
        self.assertEqual(self.info("--format", "csv:key=what,op=", "urls")["unique_keys"], 1)
        self.assertIn("no such trace format: elephant; there are text,",
                      self.trace_failure(2, "info", "t", "--format", "elephant"))
        self.assertIn("csv:key=COLUMN", self.trace_failure(2, "info", "t", "--format", "csv:kee=x"))
        self.assertIn('urls:1: no column "y"',
                      self.trace_failure(3, "info", "urls", "--format", "csv:key=y"))

    def test_malformed_lines(self):
        self.write("t", b"a,1\nb,one\n\nc,2\n")
        self.assertIn('t:2: size "one"', self.trace_failure(3, "info", "t"))
        info = self.info("--skip-bad", "t")
        self.assertEqual((info["requests"], info["bad_lines"]), (2, 2))
        self.assertIn('t:2: size "one"', info["first_bad_line"])
        self.write("cut", oracle_general([(1, 5, 0)] * 3)[:-1])
        self.assertIn("cut: record 3 at byte 48: it ends after 23 of 24 bytes",
                      self.trace_failure(3, "info", "cut"))
        self.assertEqual(self.info("cut", "--skip-bad")["requests"], 2)
        self.assertIn("cannot open none", self.trace_failure(3, "info", "none"))
        self.write("cut.gz", gzip.compress(CSV)[:-9])
        self.assertIn("damaged", self.trace_failure(3, "info", "--skip-bad", "cut.gz"))

    def test_sums_beyond_all_numbers(self):
        most = 2 ** 64 - 1
        info = self.info("-", stdin=f"a,{most}\nb,2\n".encode())
        self.assertEqual((info["total_bytes"], info["unique_bytes"]), (most, most))
        self.assertEqual((info["size"]["min"], info["size"]["max"]), (2, most))

    def test_text(self):
        self.write("t", CSV + b"15,get,c,x\n")
        self.write("u", b"a\n")
        text = self.output("info", "--skip-bad", "t", "u").decode()
        for row in ("trace +t", "format +csv", "requests +3", "unique keys +2",
                    r"seen once +50\.0 % of the keys", r"top 1 % of keys +66\.7 % of the requests",
                    r"top 10 % of keys +66\.7 % of the requests", "bytes requested +18 B",
                    "bytes of all keys +12 B",
                    r"size of an object +min 5, median 5, mean 6\.0, max 7 bytes",
                    "time +4 from first to last", "other operations +1", "malformed lines +1",
                    'the first of them +t:6: size "x" .*', "trace +u", "sizes +none"):
            self.assertRegex(text, rf"(?m)^{row}$")

    def test_the_call(self):
        self.assertIn("no command given; see kvtool trace --help", self.trace_failure(2))
        self.assertIn("no such command: inform", self.trace_failure(2, "inform", "t"))
        self.assertIn("see kvtool trace info --help", self.trace_failure(2, "info"))


class Convert(TraceCase):
    def test_round_trips(self):
        for text in (b"", b"1,5\n", b"1,5\n2,7\n1,5\n18446744073709551615,1\n0,3\n2,9\n"):
            for to in ("csv", "oracle-general", "text"):
                with self.subTest(text=text, to=to):
                    other = self.convert(text, to)
                    back = self.convert(other, "text", *(["--format", to] if not text else []))
                    self.assertEqual(back, text)
        self.assertEqual(self.convert(self.convert(LIS, "text"), "lis"), LIS)
        most = b"5 16777216 0 0\n16777221 1 0 1\n"  # no line may ask for more
        self.assertEqual(self.convert(most, "lis"), most)
        for text in (CSV, TWITTER, CACHELIB):
            records = self.convert(text, "oracle-general")
            self.assertEqual(self.convert(self.convert(records, "csv"), "oracle-general"), records)

    def test_oracle_general(self):
        source = random.Random(11)
        requests = [(source.randrange(300), 1 + source.randrange(99), time)
                    for time in range(3000)]
        csv = b"key,size,time\n" + "".join(f"{k},{s},{t}\n" for k, s, t in requests).encode()
        self.assertEqual(self.convert(csv, "oracle-general"), oracle_general(requests))
        self.assertEqual(self.convert(oracle_general(requests), "csv"), csv)

    def test_keys_that_are_no_numbers_become_hashes(self):
        records = self.convert(b"x\n7\n07\nx\n", "oracle-general")
        keys = [key for _, key, _, _ in struct.iter_unpack("<IQIq", records)]
        self.assertEqual(len(set(keys)), 3)
        self.assertEqual((keys[0], keys[1]), (keys[3], 7))
        self.assertEqual(keys[0], 0xeaf06c6480b2cd11)  # XXH3 of "x"
        self.assertEqual([size for _, _, size, _ in struct.iter_unpack("<IQIq", records)], [1] * 4)

    def test_csv_quotes_what_must_be(self):
        csv = b'key,size,time\n"a,b",1,\n"c""d",,\ne,,2.5\n'
        self.assertEqual(self.convert(csv, "csv"), csv)

    def test_what_a_format_cannot_hold(self):
        for trace, to, reason in [
                (b'key,size\nx,1\n"a,b",1\n', "text", "line 3 of the trace, key a,b: text cannot"),
                (b"1\nx\n", "lis", "line 2 of the trace, key x: lis holds only numbers"),
                (b"1,5000000000\n", "oracle-general", "a size of 5000000000 bytes"),
                (b"key,time\n1,1e12\n", "oracle-general", "leave times out")]:
            with self.subTest(trace=trace, to=to):
                self.write("in", trace)
                self.assertIn(reason, self.trace_failure(3, "convert", "in", "out", "--to", to))
                self.assertEqual(os.listdir(self.directory), ["in"])

    def test_files(self):
        self.write("in.csv", CSV)
        for name, kind in [("a.txt", "text"), ("a.csv.gz", "csv"), ("a.oracleGeneral.zst",
                           "oracle-general"), ("a.zst", "text")]:
            done = json.loads(self.output("convert", "--json", "in.csv", name))
            self.assertEqual(done, {"from": "csv", "to": kind, "requests": 3, "bytes_written":
                                    os.path.getsize(self.path(name)), "other_operations": 1,
                                    "bad_lines": 0})
            self.assertEqual(self.info(name)["format"], kind)
        self.assertEqual(self.read("a.txt"), b"a,5\nb,7\na,6\n")
        self.assertEqual(gzip.decompress(self.read("a.csv.gz")),
                         b"key,size,time\na,5,10\nb,7,12\na,6,14\n")
        self.assertEqual(self.read("a.zst")[:4], b"\x28\xb5\x2f\xfd")
        self.assertIn("exists", self.trace_failure(2, "convert", "in.csv", "a.txt"))
        text = self.output("convert", "--force", "in.csv", "a.txt").decode()
        self.assertRegex(text, r"\Aconverted 3 requests from csv to text: a\.txt, 12 B\n"
                               r"left out: 1 lines of other operations than reads\n\Z")
        self.assertIn("--json", self.trace_failure(2, "--json", "convert", "in.csv", "-"))
        self.assertIn("text", self.trace_failure(2, "convert", "in.csv", "b", "--to", "twitter"))

    def test_standard_input(self):
        for to in ("text", "oracle-general"):
            records = self.output("convert", "--to", to, "-", "-", stdin=gzip.compress(b"1,2\n"))
            self.assertEqual(records, self.convert(b"1,2\n", to))
        self.assertIn("standard input:1: no key",
                      self.trace_failure(3, "convert", "-", "out", stdin=b"\n"))

    def test_malformed_lines_are_told(self):
        self.write("in", b"a\n\nb,x\nc\n")
        done = self.run_bare("trace", "convert", "--skip-bad", "in", "-")
        self.assertEqual((done.returncode, done.stdout), (0, b"a\nc\n"))
        self.assertIn("2 malformed lines left out, the first: in:2: no key",
                      self.one_complaint(done))
        self.assertIn("in:2: ", self.trace_failure(3, "convert", "in", "out"))
        self.assertFalse(os.path.exists(self.path("out")))

    def test_an_interrupted_conversion_leaves_nothing(self):
        self.write("in", b"a\n")
        self.write("out", b"old")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            message = self.trace_failure(3, "convert", "--force", "in", "out",
                                         preexec_fn=harness.with_pending_signal(number))
            self.assertIn("interrupted", message)
            self.assertEqual(sorted(os.listdir(self.directory)), ["in", "out"])
            self.assertEqual(self.read("out"), b"old")


class Replay(harness.TestCase):
    def test_other_formats(self):
        result = self.json("replay", self.write("t", CSV))
        self.assertEqual((result["requests"], result["keys"], result["other_operations"]),
                         (3, 2, 1))
        self.assertEqual(len(self.output("get", "--raw", "b")), 7)

    def test_flags(self):
        self.write("t", b"a\nb,x\nc\n")
        done = self.run_status(0, "--json", "replay", "--skip-bad", "t")
        result = json.loads(done.stdout)
        self.assertEqual((result["requests"], result["bad_lines"]), (2, 1))
        self.assertIn("1 malformed line left out", self.one_complaint(done))
        self.write("lis", LIS)
        self.assertEqual(self.json("replay", "--format", "lis", "lis")["requests"], 4)
        self.assertEqual(self.json("replay", "--format", "lis", "-", stdin=LIS)["requests"], 4)
        self.assertIn("no such trace format", self.failure(2, "replay", "--format", "x", "lis"))


class Pipes(harness.TestCase):
    """What can be read only once, as a shell's <(command), is a trace like others."""

    LINES = b"".join(b"key%d\n" % (i * i % 97) for i in range(20000))

    def test_a_named_pipe_is_opened_once(self):
        os.mkfifo(self.path("pipe"))
        writer = threading.Thread(target=self.write, args=("pipe", self.LINES), daemon=True)
        writer.start()
        self.assertEqual(self.output("trace", "convert", "pipe", "-"), self.LINES)
        writer.join()

    def test_what_is_read_once_is_passed_on_at_once(self):
        """While more of it is to come: nothing of it is kept."""
        lines = b"".join(b"%01000d\n" % i for i in range(3000))
        passed_on = threading.Event()
        convert = subprocess.Popen([self.program, "trace", "convert", "-", "-"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def write():
            with convert.stdin as pipe:
                pipe.write(lines)
                passed_on.wait()

        writer = threading.Thread(target=write)
        writer.start()
        with convert.stdout as pipe:
            self.assertEqual(pipe.read(1000000), lines[:1000000])
            passed_on.set()
            self.assertEqual(pipe.read(), lines[1000000:])
        writer.join()
        self.assertEqual(convert.wait(), 0)

    def test_all_commands_read_all_of_it(self):
        for call in (["trace", "info"], ["simulate", "--sizes", "10"], ["curve"], ["advise"],
                     ["replay"]):
            with self.subTest(call):
                answer = self.json(*call, "/dev/stdin", stdin=self.LINES)
                figures = (answer.get("traces") or answer.get("results") or [answer])[0]
                self.assertEqual(figures["requests"], 20000)
        self.assertIn("/dev/stdin:2: no key",
                      self.failure(3, "simulate", "--sizes", "1", "/dev/stdin", stdin=b"a\n\n"))


class Data(TraceCase):
    def test_the_traces_of_this_project(self):
        for name in ("build_files", "dependency_walk", "sql_pages"):
            path = os.path.join(DATA, name + ".txt.zst")
            self.assertLess(os.path.getsize(path), 200_000)
            info = self.info(path)
            self.assertTrue(50_000 <= info["requests"] <= 300_000, info)
            text = self.output("convert", path, "-")
            self.assertEqual(text.count(b"\n"), info["requests"])
            for word in (b"/root", b"/home", b"/tmp", b"/etc", b"://"):
                self.assertFalse(word in text, word)


if __name__ == "__main__":
    harness.main()
