"""replay on traces made here; reference_test.py compares with published figures."""

import collections
import gzip
import random

import harness

FIELDS = ("hits", "misses", "absent", "loads", "evictions", "entries", "bytes", "hit_ratio",
          "requests", "requests_per_second")


def lru_hits(keys, capacity):
    """The hits of a naive LRU cache of so many entries."""
    cache = collections.OrderedDict()
    hits = 0
    for key in keys:
        if key in cache:
            hits += 1
            cache.move_to_end(key)
        else:
            cache[key] = True
            if len(cache) > capacity:
                cache.popitem(last=False)
    return hits


class Replay(harness.TestCase):
    def setUp(self):
        super().setUp()
        seed = 20130701
        print("seed", seed)
        source = random.Random(seed)
        # The lesser of two is the likelier the smaller it is.
        self.keys = [f"key{min(source.randrange(500), source.randrange(500))}"
                     for _ in range(20000)]
        self.trace = self.write("trace", "".join(key + "\n" for key in self.keys).encode())

    def replay(self, *arguments, **options):
        result = self.json("replay", *arguments, **options)
        for field in FIELDS:
            self.assertIn(field, result)
        self.assertEqual(result["hits"] + result["misses"], result["requests"])
        self.assertAlmostEqual(result["hit_ratio"], result["hits"] / result["requests"])
        self.assertGreater(result["requests_per_second"], 0)
        return result

    def test_everything_fits(self):
        result = self.replay("trace", "--capacity", "64MiB", "--policy", "lru-k:k=2")
        distinct = len(set(self.keys))
        self.assertEqual((result["requests"], result["misses"], result["store_reads"],
                          result["entries"], result["absent"], result["evictions"]),
                         (len(self.keys), distinct, distinct, distinct, 0, 0))
        self.assertTrue(0 < result["p50_us"] <= result["p99_us"] <= result["p99_9_us"])

    def test_a_tier_of_some_entries(self):
        result = self.replay("trace", "--capacity", "100entries", "--policy", "lru")
        self.assertEqual(result["entries"], 100)
        expected = lru_hits(self.keys, 100) / len(self.keys)
        self.assertAlmostEqual(result["hit_ratio"], expected, delta=0.01)

    def test_no_tier(self):
        self.assertEqual(self.replay("trace", "--capacity", "0")["hits"], 0)

    def test_each_key_is_stored_once_and_others_are_left_alone(self):
        self.output("put", self.keys[0], "mine")
        self.output("put", "unrelated", "too")
        first = self.replay("trace")
        distinct = len(set(self.keys))
        self.assertEqual((first["keys"], first["keys_stored"]), (distinct, distinct - 1))
        self.assertEqual(self.output("get", self.keys[0]), b"mine\n")
        lines = self.output("--hex", "scan").splitlines()
        self.assertEqual(len(lines), distinct + 1)
        sizes = collections.Counter(len(line.split(b"\t0x")[1]) // 2 for line in lines)
        self.assertEqual(sizes, {100: distinct - 1, 4: 1, 3: 1})
        self.assertEqual(self.replay("trace")["keys_stored"], 0)

    def test_sizes_of_the_trace(self):
        self.write("sizes", b"a,1\nb,70000\na,1\nc\n")
        self.replay("sizes")
        for key, size in ((b"a", 1), (b"b", 70000), (b"c", 100)):
            self.assertEqual(len(self.output("get", "--raw", key.decode())), size)

    def test_compressed_and_piped(self):
        plain = self.read("trace")
        lru = ("--capacity", "50entries", "--policy", "lru")  # the same whatever the hash's seed
        expected = self.replay("trace", *lru)["hits"]
        self.write("trace.gz", gzip.compress(plain))
        self.assertEqual(self.replay("trace.gz", *lru)["hits"], expected)
        for piped in (plain, gzip.compress(plain)):
            result = self.replay("-", *lru, stdin=piped)
            self.assertEqual((result["hits"], result["trace"]), (expected, "-"))

    def test_threads_and_shards(self):
        result = self.replay("trace", "--threads", "4", "--capacity", "64MiB")
        distinct = len(set(self.keys))
        self.assertEqual((result["requests"], result["loads"], result["threads"]),
                         (len(self.keys), distinct, 4))
        self.assertEqual(len(self.replay("trace", "--shards", "8")["shards"]), 8)
        self.assertEqual(len(self.replay("trace")["shards"]), 1)

    def test_reading_only_stores_nothing(self):
        self.output("put", "key1", "v")
        result = self.replay("--read-only", "trace")
        self.assertEqual(result["keys_stored"], 0)
        self.assertEqual(result["absent"], len(self.keys) - self.keys.count("key1"))
        self.assertEqual(self.output("scan"), b"key1\tv\n")

    def test_text(self):
        text = self.output("replay", "trace", "--capacity", "100entries").decode()
        for row in (r"policy +s3-fifo:.*", r"capacity +100 entries", r"requests +20,000",
                    r"hits +[\d,]+",
                    r"misses +[\d,]+", r"hit ratio +0\.\d{4}", r"requests per second +[\d,]+",
                    r"latency +p50 [\d.]+ us, p99 [\d.]+ us, p99.9 [\d.]+ us",
                    r"store reads +[\d,]+"):
            self.assertRegex(text, rf"(?m)^{row}$")

    def test_bad_traces(self):
        self.write("bad", b"a,5\nb,five\n")
        self.assertIn("bad:2: ", self.failure(3, "replay", "bad"))
        self.assertIn("standard input:2: ", self.failure(3, "replay", "-", stdin=b"a\nb,c,d\n"))
        self.write("cut.gz", gzip.compress(self.read("trace"))[:1000])
        self.assertIn("cut.gz", self.failure(3, "replay", "cut.gz"))
        self.write("huge", b"a,5000000000\n")
        self.assertIn("5000000000", self.failure(3, "replay", "huge"))
        self.assertIn("power of two", self.failure(2, "replay", "trace", "--shards", "3"))


if __name__ == "__main__":
    harness.main()
