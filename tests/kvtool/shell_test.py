"""The shell as scripts use it, through pipes: its words, its statuses, and switching live."""

import json

import harness


class Words(harness.TestCase):
    def script(self, text, status=0):
        return self.run_status(status, "shell", stdin=text).stdout

    def test_quotes_and_escapes(self):
        for word, value in [
            (b"plain", b"plain"),
            (b"'with space'", b"with space"),
            (b'"with space"', b"with space"),
            (b"with\\ space", b"with space"),
            (b"''", b""),
            (b"'a\\n'", b"a\\n"),
            (b'"a\\n\\t\\r\\\\\\""', b'a\n\t\r\\"'),
            (b"\\x00\\xfF", b"\0\xff"),
            (b"a'b'\"c\"d", b"abcd"),
            (b"\"it's\"", b"it's"),
            (b"'#'", b"#"),
            (b"  spread  ", b"spread"),
            (b"get", b"get"),
        ]:
            with self.subTest(word=word):
                got = self.script(b"put k " + word + b"\nget k --raw\n")
                self.assertEqual(got, value)

    def test_what_is_no_word(self):
        for line, reason in [
            (b"get 'k", b"quote is not closed"),
            (b'get "k', b"quote is not closed"),
            (b"get \\q", b"a backslash must begin"),
            (b"get k\\", b"a backslash must begin"),
            (b"get \\x1", b"a backslash must begin"),
            (b"get \\xzz", b"a backslash must begin"),
        ]:
            done = self.run_status(2, "shell", stdin=line + b"\n")
            self.assertIn(reason, done.stderr)

    def test_hex(self):
        got = self.run_status(0, "--hex", "shell", stdin=b"put 00 ff\nget 00\nscan\n").stdout
        self.assertEqual(got, b"0xFF\n0x00\t0xFF\n")


class Statuses(harness.TestCase):
    def test_all_is_done(self):
        script = b"# a comment\n\nput a 1\nput b 2\nget a\nhas b\nscan --keys-only\ndelete a\n"
        self.assertEqual(self.output("shell", stdin=script), b"1\nyes\na\nb\n")

    def test_the_first_error_ends_it_with_its_status(self):
        script = b"put a 1\nget a\nbogus\nput a 2\n"
        done = self.run_status(2, "shell", stdin=script)
        self.assertEqual(done.stdout, b"1\n")
        self.assertIn("line 3: no such command: bogus", self.one_complaint(done))
        self.assertEqual(self.output("get", "a"), b"1\n")
        self.assertIn("line 1: ", self.failure(3, "shell", stdin=b"catchup\nget a\n"))

    def test_absent_keys_do_not_end_it_but_are_told(self):
        done = self.run_status(1, "shell", stdin=b"put a 1\nget b\nget a\n")
        self.assertEqual(done.stdout, b"1\n")
        self.assertEqual(self.one_complaint(done), "kvtool: no such key: b\n")
        self.run_status(2, "shell", stdin=b"get b\nbogus\n")

    def test_quit_ends_it(self):
        self.assertEqual(self.output("shell", stdin=b"put a 1\nquit\nbogus\n"), b"")
        self.assertEqual(self.output("get", "a"), b"1\n")

    def test_standard_input_is_the_script(self):
        done = self.run_status(2, "shell", stdin=b"put a -\nvalue\n")
        self.assertIn("- cannot be used within the shell", self.one_complaint(done))

    def test_help(self):
        text = self.output("shell", stdin=b"help\n").decode()
        for command in ("put KEY VALUE", "get KEY", "delete KEY", "has KEY", "scan", "stats",
                        "policy [NAME]", "capacity [SIZE]", "invalidate [KEY]", "catchup",
                        "help [COMMAND]", "quit"):
            self.assertIn("  " + command + " ", text)
        self.assertIn("--reverse", self.output("shell", stdin=b"help scan\n").decode())
        self.assertIn("--reverse", self.output("shell", stdin=b"scan --help\n").decode())
        self.failure(2, "shell", stdin=b"help bogus\n")


class LiveTier(harness.TestCase):
    """The tier lives as long as the shell, and obeys at once."""

    def setUp(self):
        super().setUp()
        self.output("load", "-", stdin=b"".join(b"key%d\tv\n" % i for i in range(100)))
        self.shell = self.open_shell("--json", "--capacity", "1000entries")

    def ask(self, line):
        return json.loads(self.shell.ask(line))

    def get_all(self):
        return sum(self.ask(f"get key{i}")["hit"] for i in range(100))

    def test_hits_come_from_the_tier(self):
        self.assertEqual(self.ask("get key1"), {"key": "key1", "value": "v", "hit": False})
        self.assertEqual(self.ask("get key1"), {"key": "key1", "value": "v", "hit": True})
        stats = self.ask("stats")
        self.assertEqual((stats["hits"], stats["misses"], stats["loads"], stats["hit_ratio"],
                          stats["entries"]), (1, 1, 1, 0.5, 1))

    def test_stats_show_the_window_since_the_previous_ones(self):
        self.assertEqual(self.get_all(), 0)
        self.assertEqual(self.ask("stats")["window"]["misses"], 100)
        self.assertEqual(self.get_all(), 100)
        stats = self.ask("stats")
        self.assertEqual(stats["hit_ratio"], 0.5)
        self.assertEqual((stats["window"]["hits"], stats["window"]["misses"],
                          stats["window"]["hit_ratio"]), (100, 0, 1.0))

    def test_switching_the_policy_keeps_the_contents(self):
        self.get_all()
        for policy in ("lfu", "lru-k:k=3", "lru"):
            self.shell.ask("policy " + policy)
            self.assertEqual(self.get_all(), 100)
            self.assertTrue(self.ask("stats")["policy"].startswith(policy))
        self.assertEqual(self.ask("policy"), {"policy": "lru"})

    def test_switching_the_capacity(self):
        self.get_all()
        switched = self.ask("capacity 0entries")
        self.assertEqual(switched["capacity"], 0)
        self.assertEqual(self.ask("stats")["entries"], 0)
        self.assertEqual(self.get_all(), 0)
        self.assertEqual(self.ask("capacity 64MiB"),
                         {"capacity": 64 << 20, "capacity_unit": "bytes"})
        self.get_all()
        self.assertEqual(self.get_all(), 100)
        self.assertEqual(self.ask("capacity 10entries"),
                         {"capacity": 10, "capacity_unit": "entries"})
        stats = self.ask("stats")
        self.assertLessEqual(stats["entries"], 10)
        self.assertGreater(stats["evictions"], 0)

    def test_invalidate(self):
        self.get_all()
        self.assertEqual(self.ask("invalidate key50"), {"invalidated": {"key": "key50"}})
        self.assertEqual(self.get_all(), 99)
        self.assertEqual(self.ask("invalidate --prefix key1"),  # key1, key10 to key19
                         {"invalidated": {"prefix": "key1"}})
        self.assertEqual(self.get_all(), 89)
        self.assertEqual(self.ask("invalidate --all"), {"invalidated": {"all": True}})
        self.assertEqual(self.get_all(), 0)

    def test_catching_up(self):
        follower = self.open_shell("--json", "--secondary", self.path("follower"))
        self.assertEqual(json.loads(follower.ask("catchup")), {"caught_up": True})

    def test_writes_are_seen(self):
        self.assertFalse(self.ask("get key1")["hit"])
        self.ask("put key1 new")
        self.assertEqual(self.ask("get key1"), {"key": "key1", "value": "new", "hit": True})
        self.ask("delete key1")
        self.assertEqual(self.ask("get key1")["value"], None)
        self.assertEqual(self.shell.close(), 1)


class LiveTierErrors(harness.TestCase):
    def test_wrong_switches(self):
        for line, word in [(b"policy bogus", "lru-k"), (b"capacity lots", "lots"),
                           (b"policy lru-k:k=99", "k"), (b"invalidate", "--all"),
                           (b"invalidate k --all", "--all"), (b"stats now", "now")]:
            self.assertIn(word, self.failure(2, "shell", stdin=line + b"\n"))

    def test_text(self):
        script = b"put k v\nget k\npolicy lfu\ncapacity 1MiB\nstats\n"
        text = self.output("shell", stdin=script).decode()
        self.assertTrue(text.startswith("v\npolicy lfu\ncapacity 1.0 MiB\n"), text)
        self.assertRegex(text, r"\npolicy +lfu\ncapacity +1.0 MiB\n")
        self.assertRegex(text, r"\nhit ratio +1.0000\nhits +1\n")
        self.assertIn("\nsince the previous stats: hits 1, misses 0, hit ratio 1.0000", text)


if __name__ == "__main__":
    harness.main()
