"""What is wrong is told in one line, by the exit status too, and standard output stays empty."""

import os
import subprocess

import harness


class WrongCalls(harness.TestCase):
    def test_without_database(self):
        message = self.one_complaint(self.run_bare("get", "k"))
        self.assertEqual(message, "kvtool: no database given; say which with --db DIR\n")

    def test_one_line_with_the_way_to_help(self):
        self.output("put", "k", "v")
        self.check_wrong_calls([], [
            ([], ["no command given", "kvtool --help"]),
            (["bogus"], ["no such command: bogus", "kvtool --help"]),
            (["--bogus", "get", "k"], ["--bogus"]),
            (["get"], ["KEY is required", "kvtool get --help"]),
            (["put", "k"], ["VALUE is required", "kvtool put --help"]),
            (["get", "k", "extra"], ["not expected here: extra", "kvtool get --help"]),
            (["get", "--bogus", "k"], ["no such flag: --bogus", "kvtool get --help"]),
            (["get", "-k"], ["no such flag: -k", "goes after --"]),
            (["get", "k", "--db"], ["--db"]),
            (["get", "a\nb", "c\x1b[31m"], ["c\\x1B[31m"]),
            (["scan", "--limit", "0"], ["--limit: 0 is not a whole number from 1 on",
                                        "kvtool scan --help"]),
            (["scan", "--limit", "many"], ["--limit: many"]),
            (["scan", "--limit", "-1"], ["--limit: -1"]),
            (["load", "--format", "csv", "x"], ["--format", "csv"]),
            (["load", "--skip-lines", "-3", "x"], ["--skip-lines"]),
            (["replay", "--threads", "0", "x"], ["--threads"]),
            (["--policy", "bogus", "get", "k"], ["bogus", "lru-k"]),
            (["--policy", "lru-k:k=0", "get", "k"], ["k"]),
            (["--policy", "lru-k:j=1", "get", "k"], ["j"]),
            (["--capacity", "lots", "get", "k"], ["lots", "1000entries"]),
            (["--capacity", "-1entries", "get", "k"], ["-1entries"]),
            (["--read-only", "--secondary", "s", "get", "k"], ["--read-only", "--secondary"]),
            (["--read-only", "put", "k", "v"], ["writes", "--read-only"]),
            (["--secondary", "s", "delete", "k"], ["writes", "--secondary"]),
            (["--json", "stats", "--prometheus"], ["--prometheus"]),
            (["--json", "dump", "-"], ["--format jsonl"]),
        ])

    def test_flags_about_a_database_where_none_is_opened(self):
        flags = [["--db", "d"], ["--capacity", "1MiB"], ["--hex"], ["--read-only"],
                 ["--secondary", "s"], ["--column-family", "c"], ["--options-file", "f"]]
        policy = ["--policy", "lru"]
        for command, name, refused in [
                (["simulate", "t"], "simulate", flags), (["curve", "t"], "curve", flags),
                (["advise", "t"], "advise", flags), (["bench"], "bench", flags),
                (["trace", "info", "t"], "info", [*flags, policy]),
                (["trace", "convert", "t", "u"], "convert", [*flags, policy])]:
            self.assertEqual(self.run_bare(*flags[0], *command, "--help").returncode, 0)
            for flag in refused:
                for arguments in ([*flag, *command], [*command, *flag]):
                    done = self.run_bare(*arguments)
                    self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)
                    self.assertIn(f"{flag[0]}: {name} opens "
                                  "no database; leave the flag out", self.one_complaint(done))

    def test_an_unknown_command(self):
        self.assertIn("no such command", self.failure(2, "benchmark"))


class Failures(harness.TestCase):
    def test_no_database(self):
        for arguments in (["get", "k"], ["has", "k"], ["scan"], ["delete", "k"], ["stats"],
                          ["dump", "-"], ["--read-only", "get", "k"],
                          ["--secondary", "s", "shell"]):
            message = self.failure(3, *arguments)
            self.assertIn(f"no database at {self.db}", message)
            self.assertFalse(os.path.exists(self.db), arguments)

    def test_a_file_in_the_way(self):
        self.write("db", b"not a directory")
        self.assertIn(self.db, self.failure(3, "put", "k", "v"))

    def test_damaged_database(self):
        self.output("put", "k", "v")
        self.write("db/CURRENT", b"MANIFEST-999999\n")
        self.assertIn(self.db, self.failure(3, "get", "k"))

    def test_files_that_are_not_there(self):
        self.assertIn("none.tsv", self.failure(3, "load", "none.tsv"))
        self.assertIn("none.txt", self.failure(3, "replay", "none.txt"))
        self.output("put", "k", "v")
        self.assertIn("none/out", self.failure(3, "dump", "none/out"))
        self.assertIn("none.ini", self.run_status(3, "--options-file", "none.ini", "get", "k")
                      .stderr.decode())

    def test_output_that_cannot_be_written(self):
        self.output("put", "k", "v" * 100000)
        for arguments in (["get", "k"], ["scan"], ["scan", "--json"], ["dump", "-"], ["stats"],
                          ["--help"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run(
                    [harness.KVTOOL, "--db", self.db, *arguments], stdout=full,
                    stderr=subprocess.PIPE, check=False, timeout=harness.PATIENCE_SECONDS)
            self.assertEqual(done.returncode, 3, arguments)
            self.assertIn("standard output", self.one_complaint(done))

    def test_closed_standard_streams(self):
        self.output("put", "k", "v")
        done = subprocess.run(
            ["sh", "-c", '"$0" --db "$1" get k >&-', harness.KVTOOL, self.db],
            stderr=subprocess.PIPE, check=False, timeout=harness.PATIENCE_SECONDS)
        self.assertEqual(done.returncode, 3)
        self.assertIn("standard output", self.one_complaint(done))
        self.assertEqual(self.output("get", "k"), b"v\n")

    def test_closed_standard_input(self):
        self.output("put", "k", "v")
        for arguments in (["put", "k", "-"], ["load", "-"], ["shell"], ["replay", "-"],
                          ["trace", "info", "-"], ["trace", "convert", "-", "-"],
                          ["trace", "record", "-", "out"], ["simulate", "-"], ["curve", "-"],
                          ["advise", "-"]):
            with self.subTest(arguments):
                done = subprocess.run(
                    ["sh", "-c", 'exec "$0" "$@" <&-', harness.KVTOOL,
                     *self.database_of(arguments), *arguments],
                    capture_output=True, check=False, cwd=self.directory,
                    timeout=harness.PATIENCE_SECONDS)
                self.assertEqual((done.returncode, done.stdout), (3, b""))
                self.assertIn("cannot read standard input", self.one_complaint(done))
        self.assertEqual(self.output("scan"), b"k\tv\n")

    def test_a_reader_that_goes_away_ends_the_scan(self):
        lines = b"".join(b"%06d\t%s\n" % (i, b"v" * 100) for i in range(20000))
        self.output("load", "-", stdin=lines)
        done = subprocess.run(
            ["sh", "-c", '"$0" --db "$1" scan | head -n 1', harness.KVTOOL, self.db],
            capture_output=True, check=False, timeout=harness.PATIENCE_SECONDS)
        self.assertEqual(done.stdout, lines.split(b"\n")[0] + b"\n")
        self.assertEqual(done.stderr, b"")


class Locked(harness.TestCase):
    """A database that another process has open."""

    def setUp(self):
        super().setUp()
        self.output("put", "k", "old")
        self.service = self.open_shell()
        self.assertEqual(self.service.ask("get k"), "old")

    def test_the_error_says_so_and_what_works(self):
        for arguments in (["put", "k", "v"], ["delete", "k"], ["load", "-"], ["shell"]):
            message = self.failure(3, *arguments)
            self.assertIn("in use", message)
            self.assertIn("--read-only", message)
            self.assertIn("--secondary DIR", message)

    def test_reading(self):
        self.assertEqual(self.service.ask("put k new\nget k"), "new")
        files = sorted(os.listdir(self.db))
        for flags in ([], ["--read-only"]):
            self.assertEqual(self.output(*flags, "get", "k"), b"new\n")
            self.assertEqual(self.output(*flags, "has", "k"), b"yes\n")
            self.assertEqual(self.output(*flags, "scan"), b"k\tnew\n")
            self.assertEqual(self.output(*flags, "dump", "-"), b"k\tnew\n")
            self.assertGreater(self.json(*flags, "stats")["store"]["estimated_keys"], 0)
        self.assertEqual(self.output("--read-only", "shell", stdin=b"get k\n"), b"new\n")
        self.assertEqual(sorted(os.listdir(self.db)), files)
        self.assertEqual(self.service.ask("has k"), "yes")

    def test_its_own_directory_is_no_place_for_a_secondary(self):
        before = sorted(os.listdir(self.db))
        for directory in (self.db, self.db + "/./"):
            self.assertIn("that is the database itself",
                          self.failure(2, "--secondary", directory, "get", "k"))
        self.assertEqual(sorted(os.listdir(self.db)), before)

    def test_secondary(self):
        secondary = ["--secondary", self.path("follower")]
        self.assertEqual(self.output(*secondary, "get", "k"), b"old\n")
        follower = self.open_shell(*secondary)
        self.assertEqual(follower.ask("get k"), "old")
        self.service.ask("put k new\nget k")
        self.assertEqual(follower.ask("catchup\nget k"), "new")
        self.assertEqual(follower.close(), 0)
        self.assertIn("writes", self.failure(2, *secondary, "shell", stdin=b"put k v\n"))
        self.assertEqual(self.output(*secondary, "get", "k"), b"new\n")
        self.assertEqual(self.service.close(), 0)
        self.assertEqual(self.output("get", "k"), b"new\n")

    def test_only_a_secondary_can_catch_up(self):
        self.assertEqual(self.service.close(), 0)
        self.assertIn("catch up", self.failure(3, "shell", stdin=b"catchup\n"))


if __name__ == "__main__":
    harness.main()
