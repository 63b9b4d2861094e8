"""The hit ratio of a tier of N entries is that of the published figures for N objects."""

import csv
import os

import harness

TRACES = os.path.join(os.path.dirname(harness.PROJECT), "shared", "traces")
# The names of lib/policy, and of the table.
POLICIES = {"lru": "lru", "lfu": "lfu", "lru-k:k=2": "lru-2 history=1x"}
SIZES = (205, 2048)


class Reference(harness.TestCase):
    def test_web07(self):
        with open(os.path.join(TRACES, "reference_miss_ratios.csv"), encoding="utf-8") as file:
            rows = {(row["policy"], int(row["cache_size"])): float(row["miss_ratio"])
                    for row in csv.DictReader(file)
                    if row["trace"] == "web07" and row["unit"] == "object"}
        for policy, name in POLICIES.items():
            for size in SIZES:
                with self.subTest(policy=policy, size=size):
                    result = self.json("--policy", policy, "--capacity", f"{size}entries", "replay",
                                       os.path.join(TRACES, "web07.txt.zst"))
                    self.assertEqual(result["requests"], 76118)
                    self.assertAlmostEqual(1 - result["hit_ratio"], rows[name, size], delta=0.01)


if __name__ == "__main__":
    if not os.path.exists(TRACES):
        harness.skip("no traces at ../shared/traces")
    harness.main()
