"""What kvtool records: replay --record, trace record, and the shell's record."""

import gzip
import json
import os
import random
import re
import signal
import subprocess

import harness


class Recording(harness.TestCase):
    def setUp(self):
        super().setUp()
        seed = 19920601
        print("seed", seed)
        source = random.Random(seed)
        sizes = {f"key{i}": source.randrange(1, 3000) for i in range(300)}
        self.lines = [f"{key},{sizes[key]}\n".encode()
                      for key in source.choices(list(sizes), k=5000)]
        self.trace = b"".join(self.lines)
        self.write("trace", self.trace)

    def run_with_file(self, file, *arguments):
        """Runs kvtool with an open file, and no pipe, as standard input."""
        return subprocess.run([self.program, "--db", self.db, *arguments], stdin=file,
                              capture_output=True, env=self.environment, cwd=self.directory,
                              timeout=harness.PATIENCE_SECONDS, check=False)

    def info(self, trace):
        return json.loads(self.output("trace", "info", "--json", trace))["traces"][0]


class Replay(Recording):
    def test_what_one_thread_replays_is_recorded_request_for_request(self):
        result = self.json("replay", "trace", "--record", "out", "--capacity", "100entries")
        self.assertEqual(self.read("out"), self.trace)
        self.assertEqual(result["recording"], {
            "active": False, "path": "out", "sample": 1.0, "requests": 5000,
            "bytes": len(self.trace), "error": None})
        text = self.output("replay", "trace", "--record", "out.gz").decode()
        self.assertRegex(text, r"(?m)^recorded +5,000 requests, [\d.]+ KiB$")
        self.assertEqual(gzip.decompress(self.read("out.gz")), self.trace)
        self.output("replay", "trace", "--record", "out.zst")
        self.assertEqual(self.info("out.zst")["requests"], 5000)
        self.assertIsNone(self.json("replay", "trace")["recording"])

    def test_threads_record_all(self):
        self.output("replay", "trace", "--threads", "4", "--record", "out")
        self.assertEqual(sorted(self.read("out").splitlines(True)), sorted(self.lines))

    def test_a_sample_has_all_requests_of_its_keys(self):
        self.output("replay", "trace", "--record", "out", "--record-sample", "0.3")
        recorded = self.read("out").splitlines(True)
        keys = set(recorded)
        self.assertEqual(recorded, [line for line in self.lines if line in keys])
        self.assertTrue(30 < len(keys) < 200, len(keys))

    def test_failures(self):
        self.write("old", b"mine")
        self.assertIn("old exists; replace it with --force",
                      self.failure(2, "replay", "trace", "--record", "old"))
        self.assertEqual(self.read("old"), b"mine")
        self.output("replay", "trace", "--record", "old", "--force")
        self.assertEqual(self.read("old"), self.trace)
        self.assertIn("above 0 and up to 1", self.failure(
            2, "replay", "trace", "--record", "new", "--record-sample", "2"))
        self.assertIn("cannot write none/new",
                      self.failure(3, "replay", "trace", "--record", "none/new"))
        if os.path.exists("/dev/full"):
            self.assertIn("No space left",
                          self.failure(3, "replay", "trace", "--record", "/dev/full"))


    def test_what_is_read_is_not_recorded_onto(self):
        os.link(self.path("trace"), self.path("again"))
        for out in ("trace", "./trace", "again"):
            for flags in ([], ["--force"]):
                self.assertIn(f"{out} is what is read",
                              self.failure(2, "replay", "trace", "--record", out, *flags))
        with open(self.path("trace"), "rb") as file:
            done = self.run_with_file(file, "replay", "-", "--record", "trace", "--force")
        self.assertEqual(done.returncode, 2)
        self.assertIn("trace is what is read", self.one_complaint(done))
        self.assertEqual(self.read("trace"), self.trace)
        self.assertFalse(os.path.exists(self.db))

    def test_wrong_names_are_told_before_keys_are_stored(self):
        self.write("old", b"mine")
        self.failure(2, "replay", "trace", "--record", "old")
        self.assertIn("standard output", self.failure(2, "replay", "trace", "--record", "-"))
        self.assertFalse(os.path.exists(self.db))
        self.assertFalse(os.path.exists(self.path("-")))


class TraceRecord(Recording):
    def test_keys_become_a_trace_with_sizes(self):
        self.output("put", "a", "12345")
        self.output("put", "b", "1")
        text = self.output("trace", "record", "-", "out", stdin=b"a\nb\nc\na\n")
        self.assertEqual(
            text, b"looked up 4 requests, 1 of absent keys; recorded 4 requests, 16 B\n")
        self.assertEqual(self.read("out"), b"a,5\nb,1\nc,1\na,5\n")
        self.assertEqual(self.json("trace", "record", "out", "again", "--read-only"), {
            "requests": 4, "absent": 1, "recorded": 4, "bytes_written": 16,
            "other_operations": 0, "bad_lines": 0})
        self.assertEqual(self.read("again"), self.read("out"))

    def test_failures(self):
        self.assertIn("no database", self.failure(3, "trace", "record", "trace", "out"))
        self.output("put", "a", "1")
        self.assertIn("standard output", self.failure(2, "trace", "record", "trace", "-"))
        self.assertIn("trace exists", self.failure(2, "trace", "record", "-", "trace"))
        self.assertIn("standard input:2: ",
                      self.failure(3, "trace", "record", "-", "out", stdin=b"a\n,\n"))
        self.assertEqual(self.read("out"), b"a,1\n")

    def test_what_is_read_is_not_recorded_onto(self):
        self.output("put", "a", "1")
        self.write("keys", b"a\nb\n")
        self.assertIn("keys is what is read",
                      self.failure(2, "trace", "record", "--force", "keys", "keys"))
        with open(self.path("keys"), "rb") as file:
            done = self.run_with_file(file, "trace", "record", "--force", "-", "keys")
        self.assertEqual(done.returncode, 2)
        self.assertIn("keys is what is read", self.one_complaint(done))
        self.assertEqual(self.read("keys"), b"a\nb\n")


class Hex(Recording):
    """With --hex, keys that begin with 0x are the bytes that their digits stand for."""

    def test_trace_record(self):
        self.output("put", "k1", "v")
        for line in (b"0x6B31", b"0x6b31", b"k1"):
            answer = self.json("--hex", "trace", "record", "--force", "-", "out",
                               stdin=line + b"\n")
            self.assertEqual((answer["requests"], answer["absent"]), (1, 0))
            self.assertEqual(self.read("out"), b"k1,1\n")
        self.assertEqual(self.json("trace", "record", "-", "plain", stdin=b"0x6B31\n")["absent"],
                         1)

    def test_a_recording_of_any_keys_is_replayed(self):
        keys = [b"", b"a,b", b"0x00", b"\0\1", b"\xff", b"plain", b"6B31"]
        for key in keys:
            self.output("--hex", "put", "0x" + key.hex(), "0xFF")
        self.run_status(0, "--hex", "shell", stdin=b"record out\n" + b"".join(
            b"get 0x%s\n" % key.hex().encode() for key in keys))
        recorded = self.read("out")
        self.assertEqual(recorded.count(b"0x"), 5)
        before = self.output("dump", "-")
        answer = self.json("--hex", "replay", "out", "--record", "again")
        self.assertEqual((answer["requests"], answer["keys_stored"], answer["absent"]), (7, 0, 0))
        self.assertEqual(self.read("again"), recorded)
        self.assertEqual(self.output("dump", "-"), before)
        self.assertEqual(self.json("--read-only", "replay", "out")["absent"], 5)

    def test_malformed_keys(self):
        self.output("put", "k", "v")
        for key in (b"0x6B3", b"0x6G"):
            message = self.failure(3, "--hex", "trace", "record", "--force", "-", "out",
                                   stdin=b"k\n" + key + b"\n")
            self.assertIn("standard input:2: a key that begins with 0x", message)
            done = self.run_status(0, "--hex", "replay", "--json", "--skip-bad", "-",
                                   stdin=b"k\n" + key + b"\n")
            answer = json.loads(done.stdout)
            self.assertEqual((answer["requests"], answer["bad_lines"]), (1, 1))


class Interrupted(Recording):
    """A recording that a signal ends is a trace of what was looked up."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def start(self, *arguments):
        return subprocess.Popen(
            [self.program, "--db", self.db, *arguments], cwd=self.directory,
            env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def end(self, process):
        """How many requests it says are recorded."""
        out, err = process.communicate(timeout=harness.PATIENCE_SECONDS)
        self.assertEqual((process.returncode, out), (3, b""), err)
        told = re.fullmatch(r"kvtool: interrupted; what was looked up is recorded, ([\d,]+) "
                            r"requests\n", err.decode())
        self.assertTrue(told, err)
        return int(told[1].replace(",", ""))

    def test_trace_record_while_it_waits_for_input(self):
        self.output("put", "k", "v")
        lines = [b"%06d\n" % i for i in range(50000)]
        for number in self.SIGNALS:
            record = self.start("trace", "record", "--force", "-", "out")
            # More than a pipe holds: when this returns, most of it has been read.
            record.stdin.write(b"".join(lines))
            record.stdin.flush()
            record.send_signal(number)
            # Standard input stays open until it has ended.
            self.assertEqual(record.wait(timeout=harness.PATIENCE_SECONDS), 3)
            recorded = self.end(record)
            self.assertGreater(recorded, 0)
            self.assertEqual(self.read("out").replace(b",1\n", b"\n"),
                             b"".join(lines[:recorded]))

    def test_trace_record_before_anybody_writes(self):
        self.output("put", "k", "v")
        os.mkfifo(self.path("pipe"))
        message = self.failure(3, "trace", "record", "pipe", "out",
                               preexec_fn=harness.with_pending_signal(signal.SIGTERM))
        self.assertIn("interrupted while pipe was read", message)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_replay(self):
        # More than the recording and a pipe hold, even compressed: the replay cannot have ended
        # before somebody reads.
        source = random.Random(7)
        keys = [source.randbytes(400).hex() for _ in range(100)]
        self.write("long", "".join(key + ",1\n" for key in keys * 200).encode())
        os.mkfifo(self.path("pipe.gz"))
        for number in self.SIGNALS:
            replay = self.start("replay", "long", "--record", "pipe.gz")
            with open(self.path("pipe.gz"), "rb") as pipe:
                packed = pipe.read(1)
                replay.send_signal(number)
                packed += pipe.read()
            recorded = self.end(replay)
            self.assertLess(recorded, 20000)
            self.assertEqual(gzip.decompress(packed).decode().splitlines(),
                             [key + ",1" for key in (keys * 200)[:recorded]])

    def test_replay_while_keys_are_stored(self):
        message = self.failure(3, "replay", "trace", "--record", "out",
                               preexec_fn=harness.with_pending_signal(signal.SIGINT))
        self.assertIn("nothing is recorded", message)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_a_shell_that_is_piped(self):
        self.output("put", "k", "v")
        for number in self.SIGNALS:
            shell = self.open_shell("--read-only")
            out = self.path(f"{number.name}.gz")
            self.assertIn("recording into", shell.ask(f"record {out}"))
            self.assertEqual(shell.ask("get k"), "v")
            shell.process.send_signal(number)
            self.assertEqual(shell.process.wait(timeout=harness.PATIENCE_SECONDS), 3)
            self.assertEqual(shell.process.communicate()[1], b"kvtool: interrupted\n")
            self.assertEqual(gzip.decompress(self.read(out)), b"k,1\n")


    def test_a_shell_whose_reader_goes_away(self):
        self.output("put", "k", "v")
        shell = self.open_shell()
        self.assertIn("recording into", shell.ask("record " + self.path("out")))
        self.assertEqual(shell.ask("get k"), "v")
        shell.process.stdout.close()
        shell.process.stdin.write(b"get k\nget k\n")
        shell.process.stdin.close()
        self.assertEqual(shell.process.wait(timeout=harness.PATIENCE_SECONDS), 3)
        self.assertIn(b"standard output", shell.process.stderr.read())
        shell.process.stderr.close()
        self.assertEqual(self.read("out"), b"k,1\nk,1\n")


class Shell(Recording):
    def test_record_and_off(self):
        script = (b"put k value\nrecord\nget k\nrecord out\nget k\nhas k\nrecord\nget none\n"
                  b"record off\nget k\nrecord off\n")
        done = self.run_status(2, "shell", stdin=script)
        self.assertEqual(done.stdout.decode().splitlines(), [
            "nothing is being recorded", "value", "recording into out: 0 requests", "value",
            "yes", "recording into out: 1 request", "recorded into out: 2 requests, 11 B",
            "value"])
        self.assertIn(b"line 11: nothing is being recorded", done.stderr)
        self.assertEqual(self.read("out"), b"k,5\nnone,1\n")

    def test_the_end_of_the_shell_ends_it(self):
        self.run_status(1, "shell", stdin=b"record out.gz\nget a\nget b\n")
        self.assertEqual(gzip.decompress(self.read("out.gz")), b"a,1\nb,1\n")
        if os.path.exists("/dev/full"):
            self.output("put", "a", "1")
            done = self.run_status(3, "shell", stdin=b"record /dev/full\nget a\n")
            self.assertIn("No space left", self.one_complaint(done))
        self.assertIn("standard output", self.failure(2, "shell", stdin=b"record -\n"))
        answer = self.json("shell", stdin=b"record out --force --sample 0.5\n")
        self.assertEqual(answer["recording"]["sample"], 0.5)


if __name__ == "__main__":
    harness.main()
