"""load and dump: formats, malformed input, interruption, and files that must stay as they are."""

import os
import shlex
import signal
import subprocess
import threading

import harness

ODD_PAIRS = {
    b"plain": b"value",
    b"tab\there": b"new\nline",
    b"back\\slash": b"\\t is not a tab",
    b"cr\r": b"\r\n",
    b"nul\0": b"\0",
    b"\xff\xfe": b"\x80\x81",
    "é€".encode(): "\U0001f600".encode(),
    b"": b"empty key",
    b"empty value": b"",
    b'"quoted"': b'{"key": 1}',
}

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RoundTrips(harness.TestCase):
    def fill(self):
        for key, value in ODD_PAIRS.items():
            self.output("--hex", "put", "0x" + key.hex(), "0x" + value.hex())
        return self.output("--hex", "scan")

    def test_dump_and_load_give_the_same_pairs(self):
        for flags in ([], ["--hex"], ["--format", "jsonl"], ["--format", "jsonl", "--hex"]):
            with self.subTest(flags=flags):
                self.db = self.path("from" + "".join(flags))
                pairs = self.fill()
                dump = self.output("dump", *flags, "-")
                self.assertEqual(dump.count(b"\n"), len(ODD_PAIRS))
                self.db = self.path("to" + "".join(flags))
                loaded = self.output("load", *flags, "-", stdin=dump).decode()
                self.assertRegex(loaded, f"^loaded {len(ODD_PAIRS)} pairs")
                self.assertEqual(self.output("--hex", "scan"), pairs)
                self.assertEqual(self.output("dump", *flags, "-"), dump)

    def test_files(self):
        pairs = self.fill()
        written = self.json("dump", "out.tsv")
        self.assertEqual(written, {"pairs": len(ODD_PAIRS),
                                   "bytes_written": os.path.getsize(self.path("out.tsv"))})
        self.db = self.path("other")
        read = self.json("load", "out.tsv")
        self.assertEqual(read, {"pairs": len(ODD_PAIRS), "bytes_read": written["bytes_written"]})
        self.assertEqual(self.output("--hex", "scan"), pairs)

    def test_text_format(self):
        self.output("load", "-", stdin=b"a\\tb\\\\\tc\\nd\tand a tab\nlast\twithout newline")
        self.assertEqual(self.output("get", "a\tb\\"), b"c\nd\tand a tab\n")
        self.assertEqual(self.output("get", "last"), b"without newline\n")

    def test_jsonl_format(self):
        lines = (b'{"key": "k", "value": "v"}\r\n{"value":{"hex":"00FF"},"key":"\\u00e9"}\n')
        self.output("load", "--format", "jsonl", "-", stdin=lines)
        self.assertEqual(self.output("dump", "--format", "jsonl", "-").decode(),
                         '{"key":"k","value":"v"}\n{"key":"é","value":{"hex":"00ff"}}\n')

    def test_nothing_to_load_or_dump(self):
        self.assertRegex(self.output("load", "-").decode(), "^loaded 0 pairs")
        self.assertEqual(self.output("dump", "-"), b"")

    def test_a_line_longer_than_any_buffer(self):
        value = b"x" * (5 << 20)
        self.output("load", "-", stdin=b"k\t" + value + b"\nl\tshort\n")
        self.assertEqual(self.output("get", "k", "--raw"), value)
        self.assertEqual(self.output("get", "l"), b"short\n")


class MalformedLines(harness.TestCase):
    def test_what_is_wrong_and_where(self):
        for flags, line, reason in [
            ([], b"no tab", "no tab"),
            ([], b"", "no tab"),
            ([], b"k\tbad \\q escape", "backslash"),
            ([], b"bad \\\tk", "backslash"),
            ([], b"windows\tline\r", "carriage return"),
            (["--hex"], b"0x6b\tzz", "hex"),
            (["--hex"], b"0x6b", "no tab"),
            (["--format", "jsonl"], b"{", "form"),
            (["--format", "jsonl"], b'{"key": "k"}', "form"),
            (["--format", "jsonl"], b'{"key": "k", "value": "v", "ttl": 5}', "form"),
            (["--format", "jsonl"], b'{"key": "k", "value": 5}', "must be strings"),
            (["--format", "jsonl"], b'{"key": "k", "value": {"hex": "0"}}', "must be strings"),
        ]:
            with self.subTest(flags=flags, line=line):
                self.write("pairs", line + b"\n")
                message = self.failure(3, "load", *flags, "pairs")
                self.assertIn("pairs:1: ", message)
                self.assertIn(reason, message)
                self.assertIn("the first 0 lines are stored", message)
                self.assertEqual(self.output("scan"), b"")

    def test_all_before_is_stored_and_nothing_after(self):
        lines = [b"%05d\tv" % i for i in range(10000)]
        lines[7000] = b"malformed"
        self.write("pairs.tsv", b"\n".join(lines) + b"\n")
        message = self.failure(3, "load", "pairs.tsv")
        self.assertIn("pairs.tsv:7001: ", message)
        self.assertIn("the first 7000 lines are stored", message)
        self.assertEqual(self.output("dump", "-"), b"\n".join(lines[:7000]) + b"\n")

        lines[7000] = b"07000\tmended"
        self.write("pairs.tsv", b"\n".join(lines) + b"\n")
        self.run_command_to_go_on(message)
        self.assertEqual(self.output("dump", "-"), b"\n".join(lines) + b"\n")

    def run_command_to_go_on(self, message, stdin=b""):
        command = message.split("go on with: ")[1]
        words = shlex.split(command)
        self.assertEqual(words[0], "kvtool")
        done = self.run_bare(*words[1:], stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return words

    def test_the_command_to_go_on_has_all_that_matters(self):
        self.db = self.path("a database's name")
        lines = b'{"key":"a","value":"1"}\noops\n{"key":"b","value":"2"}\n'
        message = self.failure(3, "--json", "--capacity", "1MiB", "load", "--format", "jsonl", "-",
                               stdin=lines)
        mended = lines.replace(b"oops", b'{"key":"o","value":""}')
        words = self.run_command_to_go_on(message, stdin=mended)
        self.assertEqual(words[1:], ["--db", self.db, "--json", "load", "--format", "jsonl",
                                     "--skip-lines", "1", "-"])
        self.assertEqual(self.output("scan"), b"a\t1\nb\t2\no\t\n")

    def test_skipping_lines(self):
        lines = b"malformed\na\t1\nb\t2\n"
        self.assertRegex(self.output("load", "--skip-lines", "2", "-", stdin=lines).decode(),
                         "^loaded 1 pairs")
        self.assertEqual(self.output("scan"), b"b\t2\n")
        message = self.failure(3, "load", "--skip-lines", "1", "-", stdin=b"a\t1\nb\t2\noops\n")
        self.assertIn("the first 2 lines are stored", message)
        self.assertRegex(self.output("load", "--skip-lines", "9", "-", stdin=lines).decode(),
                         "^loaded 0 pairs")


class InterruptedLoads(harness.TestCase):
    def interrupt(self, number):
        """Interrupts a load that waits for more of a file; returns the lines it was given."""
        lines = [b"%06d\t%s" % (i, b"v" * 50) for i in range(20000)]
        os.mkfifo(self.path("pairs.tsv"))
        load = subprocess.Popen(
            [harness.KVTOOL, "--db", self.db, "load", "pairs.tsv"], cwd=self.directory,
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(self.path("pairs.tsv"), "wb") as pipe:
            # More than a pipe holds: when this returns, most of it has been read.
            pipe.write(b"\n".join(lines))
            pipe.flush()
            load.send_signal(number)
            out, err = load.communicate(timeout=harness.PATIENCE_SECONDS)
        self.assertEqual((load.returncode, out), (3, b""))
        return lines, err.decode()

    def test_what_was_read_is_stored_and_the_command_goes_on(self):
        for number in ENDING:
            with self.subTest(signal=number):
                self.db = self.path(f"db-{number.name}")
                lines, message = self.interrupt(number)
                self.assertRegex(message, r"\Akvtool: interrupted; the first \d+ lines are stored, "
                                 r"go on with: [^\n]+\n\Z")
                stored = int(message.split(" lines")[0].split(" ")[-1])
                self.assertGreater(stored, 0)
                self.assertLess(stored, len(lines))
                self.assertEqual(self.output("dump", "-"), b"\n".join(lines[:stored]) + b"\n")

                os.remove(self.path("pairs.tsv"))
                self.write("pairs.tsv", b"\n".join(lines) + b"\n")
                words = shlex.split(message.split("go on with: ")[1])
                done = self.run_bare(*words[1:])
                self.assertTrue(done.stdout.decode().startswith(
                    f"loaded {len(lines) - stored:,} pairs from "), done.stdout)
                self.assertEqual(self.output("dump", "-"), b"\n".join(lines) + b"\n")
                os.remove(self.path("pairs.tsv"))

    def test_interrupted_before_the_first_line(self):
        message = self.failure(3, "load", "-", stdin=b"a\t1\n",
                               preexec_fn=harness.with_pending_signal(signal.SIGINT))
        self.assertIn("the first 0 lines are stored", message)
        self.assertEqual(self.output("scan"), b"")


class Dumps(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.output("put", "k", "v")

    def files(self):
        return sorted(name for name in os.listdir(self.directory) if name != "db")

    def test_an_interrupted_dump_leaves_nothing(self):
        for number in ENDING:
            message = self.failure(3, "dump", "out.tsv",
                                   preexec_fn=harness.with_pending_signal(number))
            self.assertIn("interrupted", message)
            self.assertEqual(self.files(), [])

    def test_what_is_to_be_ignored_does_not_interrupt(self):
        for number in ENDING:
            def prepare(number=number):
                signal.signal(number, signal.SIG_IGN)  # as nohup does
                harness.with_pending_signal(number)()
            self.output("dump", "--force", "out.tsv", preexec_fn=prepare)
            self.assertEqual(self.read("out.tsv"), b"k\tv\n")

    def test_an_interrupted_dump_leaves_an_older_file_as_it_was(self):
        self.write("out.tsv", b"older")
        self.failure(3, "dump", "--force", "out.tsv",
                     preexec_fn=harness.with_pending_signal(signal.SIGINT))
        self.assertEqual(self.files(), ["out.tsv"])
        self.assertEqual(self.read("out.tsv"), b"older")

    def test_an_existing_file_is_replaced_only_by_force(self):
        self.write("out.tsv", b"older")
        self.assertIn("--force", self.failure(2, "dump", "out.tsv"))
        self.assertEqual(self.read("out.tsv"), b"older")
        self.output("dump", "--force", "out.tsv")
        self.assertEqual(self.read("out.tsv"), b"k\tv\n")
        self.assertEqual(self.files(), ["out.tsv"])

    def test_what_is_no_regular_file_is_never_replaced(self):
        self.write("target", b"precious")
        os.symlink("target", self.path("link"))
        os.symlink("nowhere", self.path("dangling"))
        os.mkfifo(self.path("pipe"))
        os.mkdir(self.path("folder"))
        before = self.files()
        for name, reason in [("link", "symbolic link"), ("dangling", "symbolic link"),
                             ("pipe", "- > pipe"), ("folder", "directory")]:
            self.assertIn(reason, self.failure(2, "dump", "--force", name))
        self.assertEqual(self.files(), before)
        self.assertEqual(self.read("target"), b"precious")

    def test_a_pipe_as_standard_output(self):
        os.mkfifo(self.path("pipe"))
        got = []
        reader = threading.Thread(target=lambda: got.append(self.read("pipe")))
        reader.start()
        with open(self.path("pipe"), "wb") as pipe:
            subprocess.run([harness.KVTOOL, "--db", self.db, "dump", "-"], stdout=pipe, check=True,
                           timeout=harness.PATIENCE_SECONDS)
        reader.join()
        self.assertEqual(got, [b"k\tv\n"])


if __name__ == "__main__":
    harness.main()
