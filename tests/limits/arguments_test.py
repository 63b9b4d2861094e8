"""Absurd arguments: kvtool ends at once with one clear line, of bounded length, that no terminal
obeys, and does nothing by halves."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kvtool"))

import harness

LONG = "x" * 100_000
ESCAPE = "\x1b]0;title\x07\x1b[2J"
NUMBERS = ["", " ", "-1", "-0x1", "1e400", "nan", "inf", "-inf", "9" * 5000, "1.5.2", "0x",
           "18446744073709551616", "1\n2", ESCAPE, "\xff\xfe", LONG]

COUNTS = [
    ["scan", "--limit"],
    ["load", "in", "--skip-lines"],
    ["replay", "trace", "--threads"],
    ["replay", "trace", "--shards"],
    ["replay", "trace", "--record", "out", "--record-sample"],
    ["simulate", "trace", "--sizes", "10", "--threads"],
    ["simulate", "trace", "--sizes", "10", "--shards"],
    ["curve", "trace", "--points"],
    ["curve", "trace", "--samples"],
    ["curve", "trace", "--from"],
    ["advise", "trace", "--target-hit"],
    ["advise", "trace", "--value-size"],
    ["trace", "record", "trace", "out", "--sample"],
]


class AbsurdArguments(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.write("trace", b"a,1\nb,2\n")
        self.write("in", b"k\tv\n")

    def complaint(self, *arguments):
        """What a call complains of that must fail and write nothing else."""
        done = self.run_bare(*arguments)
        shown = [argument[:60] for argument in arguments]
        self.assertIn(done.returncode, (2, 3), (shown, done.stdout, done.stderr[:500]))
        self.assertEqual(done.stdout, b"", shown)
        message = done.stderr.decode()
        self.assertRegex(message, r"\Akvtool: [^\n]+\n\Z", shown)
        self.assertNotRegex(message[:-1], r"[\x00-\x1f\x7f-\x9f]", shown)
        self.assertLess(len(message), 3000, shown)
        return message

    def test_numbers(self):
        for command in COUNTS:
            for number in NUMBERS:
                with self.subTest(command=command, number=number[:40]):
                    self.complaint(*self.database_of(command), *command[:-1],
                                   f"{command[-1]}={number}")
        self.assertFalse(os.path.exists(self.db))

    def test_capacities_and_policies(self):
        for text in [*NUMBERS, "lru", "1e3", "8193PiB", "-1entries", LONG + "entries"]:
            with self.subTest(text=text[:40]):
                self.complaint("--db", self.db, f"--capacity={text}", "put", "k", "v")
                self.complaint("--db", self.db, f"--policy={text}x", "put", "k", "v")
                self.complaint("simulate", "trace", f"--sizes={text}x")
                self.complaint("simulate", "trace", "--sizes", "10", f"--policy={text}x")
        self.assertFalse(os.path.exists(self.db))

    def test_names(self):
        for text in [ESCAPE, "a\nb", "\udcff\udcfe", "x" * 250]:
            for arguments in [
                ["--db", f"none/{text}", "get", "k"],
                ["--db", self.db, "load", f"none/{text}"],
                ["--db", self.db, "--options-file", text, "put", "k", "v"],
                ["--db", self.db, "--column-family", text, "put", "k", "v"],
                ["--db", self.db, "replay", f"none/{text}"],
                ["simulate", f"none/{text}", "--sizes", "1"],
                ["trace", "info", f"none/{text}"],
                ["trace", "info", "trace", "--format", text],
                ["trace", "convert", "trace", f"none/{text}"],
                ["trace", "convert", "trace", "out", "--to", text],
                ["curve", f"none/{text}"],
                [text],
                [f"--{text}"],
                ["get", "k", text],
                ["help", text],
            ]:
                with self.subTest(arguments=[argument[:40] for argument in arguments]):
                    self.complaint(*arguments)

    def test_many_arguments(self):
        self.complaint(*["get"] * 5000)
        self.complaint(*["--db"] * 5000)
        self.complaint("--db", self.db, *["--json"] * 2000, *["-"] * 2000)
        self.complaint("--db", self.db, "get", *["k"] * 5000)

    def test_hex(self):
        for text in ["0", "0x0", "0xgg", "zz", ESCAPE, LONG + "x"]:
            with self.subTest(text=text[:40]):
                self.complaint("--db", self.db, "--hex", "put", text, "00")
                self.complaint("--db", self.db, "--hex", "put", "00", text)


if __name__ == "__main__":
    harness.main()
