"""put, get, has, delete, scan and stats: what they print, and their exit statuses."""

import json

import harness


class Commands(harness.TestCase):
    def test_put_get_has_delete(self):
        self.assertEqual(self.output("put", "k", "v"), b"")
        self.assertEqual(self.output("get", "k"), b"v\n")
        self.assertEqual(self.output("has", "k"), b"yes\n")
        self.assertEqual(self.output("delete", "k"), b"")
        self.assertEqual(self.run_status(1, "has", "k").stdout, b"no\n")
        absent = self.run_status(1, "get", "k")
        self.assertEqual(absent.stdout, b"")
        self.assertEqual(self.one_complaint(absent), "kvtool: no such key: k\n")

    def test_deleting_an_absent_key_is_done(self):
        self.output("put", "k", "v")
        self.assertEqual(self.output("delete", "other"), b"")
        self.assertEqual(self.output("delete", "other", "--sync"), b"")

    def test_the_last_put_wins(self):
        self.output("put", "k", "old")
        self.output("put", "--sync", "k", "new")
        self.assertEqual(self.output("get", "k"), b"new\n")

    def test_values_of_any_bytes(self):
        odd = b"a\0b\n\t\xff\r\n"
        self.output("put", "k", "-", stdin=odd)
        self.assertEqual(self.output("get", "k"), odd + b"\n")
        self.assertEqual(self.output("get", "--raw", "k"), odd)
        large = bytes(range(256)) * 4096
        self.output("put", "large", "-", stdin=large)
        self.assertEqual(self.output("get", "--raw", "large"), large)

    def test_arguments_that_look_like_something_else(self):
        for key, value in [("get", "put"), ("", ""), ("[1,2]", "{}"), ("-7", "-8"), ("k", "[a]")]:
            self.output("put", key, value)
            self.assertEqual(self.output("get", key), value.encode() + b"\n")
        self.output("put", "--", "--odd", "-x")
        self.assertEqual(self.output("get", "--", "--odd"), b"-x\n")

    def test_flags_of_every_command_before_and_after_it(self):
        self.assertEqual(self.run_bare("put", "--db", self.db, "k", "v").returncode, 0)
        self.assertEqual(self.run_bare("get", "k", "--db=" + self.db, "--raw").stdout, b"v")
        document = json.loads(self.run_bare("--json", "get", "k", "--db", self.db).stdout)
        self.assertEqual(document, {"key": "k", "value": "v", "hit": False})

    def test_scan(self):
        for key in ("b", "a:1", "a:2", "c"):
            self.output("put", key, "value of " + key)
        self.assertEqual(self.output("scan"), b"a:1\tvalue of a:1\na:2\tvalue of a:2\n"
                         b"b\tvalue of b\nc\tvalue of c\n")
        for arguments, keys in [
            (["--prefix", "a:"], "a:1 a:2"),
            (["--from", "a:2", "--to", "c"], "a:2 b"),
            (["--limit", "2"], "a:1 a:2"),
            (["--reverse"], "c b a:2 a:1"),
            (["--reverse", "--prefix", "a", "--limit", "1"], "a:2"),
            (["--from", "c", "--to", "a"], ""),
            (["--prefix", "z"], ""),
        ]:
            scanned = self.output("scan", "--keys-only", *arguments).decode()
            self.assertEqual(" ".join(scanned.split("\n")).strip(), keys, arguments)

    def test_column_family(self):
        missing = self.failure(2, "--column-family", "other", "put", "k", "v")
        self.assertIn("other", missing)


class JsonDocuments(harness.TestCase):
    def test_get(self):
        self.output("put", "k", "v")
        self.assertEqual(self.json("get", "k"), {"key": "k", "value": "v", "hit": False})
        self.assertEqual(self.json("get", "x", status=1),
                         {"key": "x", "value": None, "hit": False})

    def test_put_has_delete(self):
        self.assertEqual(self.json("put", "k", "four"), {"key": "k", "bytes": 4})
        self.assertEqual(self.json("has", "k"), {"key": "k", "exists": True})
        self.assertEqual(self.json("delete", "k"), {"key": "k"})
        self.assertEqual(self.json("has", "k", status=1), {"key": "k", "exists": False})

    def test_scan(self):
        self.output("put", "k", "line\n\"quoted\" \\ é")
        self.assertEqual(self.json("scan", "--prefix", "k"),
                         {"entries": [{"key": "k", "value": "line\n\"quoted\" \\ é"}]})
        self.output("put", "l", "")
        self.assertEqual(self.json("scan", "--keys-only"),
                         {"entries": [{"key": "k"}, {"key": "l"}]})
        self.assertEqual(self.json("scan", "--prefix", "none"), {"entries": []})

    def test_what_is_not_utf8_comes_as_hex(self):
        # A lone continuation byte, an overlong form, a surrogate, a cut character, too high.
        for value in [b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\xf4\x90\x80\x80"]:
            self.output("put", "k", "-", stdin=value)
            self.assertEqual(self.json("get", "k")["value"], {"hex": value.hex()})
        for value in ["\0", "\x7f", "é", "€", "\U0010ffff"]:
            self.output("put", "k", "-", stdin=value.encode())
            self.assertEqual(self.json("get", "k")["value"], value)
        self.output("--hex", "put", "ff00", "fe")
        self.assertEqual(self.json("scan", "--from", "z"),
                         {"entries": [{"key": {"hex": "ff00"}, "value": {"hex": "fe"}}]})

    def test_hex_makes_all_hex(self):
        self.output("put", "k", "v")
        self.assertEqual(self.json("--hex", "get", "0x6b"),
                         {"key": {"hex": "6b"}, "value": {"hex": "76"}, "hit": False})

    def test_stats(self):
        self.output("put", "k", "v")
        stats = self.json("stats", "--capacity", "1MiB", "--policy", "lfu")
        for name in ("hits", "misses", "absent", "loads", "evictions", "entries", "bytes",
                     "hit_ratio"):
            self.assertEqual(stats[name], 0, name)
        self.assertEqual((stats["policy"], stats["capacity"]), ("lfu", 1 << 20))
        self.assertEqual(stats["store"]["path"], self.db)
        self.assertEqual(stats["store"]["estimated_keys"], 1)


class Hex(harness.TestCase):
    def test_keys_and_values(self):
        self.output("--hex", "put", "0x00FF", "0a0B")
        self.assertEqual(self.output("--hex", "get", "0X00ff"), b"0x0A0B\n")
        self.assertEqual(self.output("--hex", "scan", "--from", "00"), b"0x00FF\t0x0A0B\n")
        self.assertEqual(self.output("get", "--hex", "--raw", "00ff"), b"\x0a\x0b")
        self.assertEqual(self.output("--hex", "has", "00ff"), b"yes\n")
        self.output("--hex", "delete", "00ff")
        self.run_status(1, "--hex", "has", "00ff")

    def test_the_empty_key(self):
        self.output("--hex", "put", "0x", "0x")
        self.assertEqual(self.output("--hex", "scan"), b"0x\t0x\n")
        self.assertEqual(self.output("get", ""), b"\n")

    def test_what_is_not_hex(self):
        for key in ("0x0", "zz", "0x 1"):
            self.assertIn("is not hex", self.failure(2, "--hex", "put", key, "00"))

    def test_standard_input_is_raw(self):
        self.output("--hex", "put", "01", "-", stdin=b"ab")
        self.assertEqual(self.output("--hex", "get", "01"), b"0x6162\n")


class Stats(harness.TestCase):
    def test_text_and_prometheus(self):
        self.output("put", "k", "v")
        text = self.output("stats").decode()
        self.assertRegex(text, r"estimated_keys +1\n")
        self.assertRegex(text, r"memory tier \(s3-fifo:.*, 64\.0 MiB\)")
        self.assertIn("(lru, 7 entries)", self.output("stats", "--policy", "lru", "--capacity",
                                                      "7entries").decode())
        prometheus = self.output("stats", "--prometheus").decode()
        self.assertIn("# TYPE kvcache_hits_total counter\nkvcache_hits_total 0\n", prometheus)


if __name__ == "__main__":
    harness.main()
