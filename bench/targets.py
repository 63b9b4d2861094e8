"""What kvcache promises of its speed and memory, and whether a run of bench/run.sh shows it."""

import math

POLICIES = ("lru", "lfu", "lru-k")
ROCKSDB_KINDS = (("", "assertions on"), ("-ndebug", "NDEBUG"))


def hit(system, threads=1, operation="get", value_bytes=100):
    return f"{operation}/{system}/{value_bytes}/zipf/threads:{threads}"


def least(values):
    values = list(values)
    return None if None in values else min(values)


def greatest(values):
    values = list(values)
    return None if None in values else max(values)


def hit_targets(results):
    """(what, measured, bound, whether the bound is the least allowed)"""
    # A million entries are 200 MB, which the largest processors' caches hold when they have nothing
    # else to do; ten million are beyond all of them.
    for step, entries in (("hit-100", ""), ("hit-100-10m", ", 10 million entries")):
        for threads, words in ((1, "1 thread"), (2, "2 threads")):
            for policy, bound in zip(POLICIES, (1.0, 1.1, 1.1) if threads == 1 else 3 * (1.05,)):
                yield (f"get: kvcache-{policy} / absl-flat-hash-map, {words}{entries}",
                       results.ratio(step, hit(f"kvcache-{policy}", threads),
                                     hit("absl-flat-hash-map", threads)), bound, False)
    for threads, bound, words in ((1, 3, "1 thread"), (2, 6, "2 threads")):
        yield (f"get: mutex-list-lru / kvcache-lru, {words}",
               results.ratio("hit-100", hit("mutex-list-lru", threads),
                             hit("kvcache-lru", threads)), bound, True)
    for (suffix, kind), block, row in zip(ROCKSDB_KINDS, (20, 10), (8, 4)):
        step = f"hit-100{suffix}"
        yield (f"get: better rocksdb-block / kvcache-lru, {kind}",
               least(results.ratio(step, hit(f"rocksdb-block-{cache}"), hit("kvcache-lru"))
                     for cache in ("lru", "hyper")), block, True)
        yield (f"get: rocksdb-row / kvcache-lru, {kind}",
               results.ratio(step, hit("rocksdb-row"), hit("kvcache-lru")), row, True)
    yield ("multiget / get: kvcache-lru",
           results.ratio("hit-100", hit("kvcache-lru", operation="multiget"), hit("kvcache-lru")),
           0.45, False)
    for threads, words in ((1, "1 thread"), (2, "2 threads")):
        entries = results.entries("hit-4096", 4096)
        yield (f"get-zero-copy / get: 4096 B{entries}, worst policy, {words}",
               greatest(results.ratio("hit-4096",
                                      hit(f"kvcache-{policy}", threads, "get-zero-copy", 4096),
                                      hit(f"kvcache-{policy}", threads, "get", 4096))
                        for policy in POLICIES), 1.0, False)


def growth_target(results):
    """What ten times the entries add to a hit, and to the two reads of memory that it needs."""
    def added(benchmark):
        few = results.median("hit-100", benchmark)
        many = results.median("hit-100-10m", benchmark)
        return None if None in (few, many) else many - few
    hits, chase = added("get/kvcache-lru/100/uniform/threads:1"), added("chase/100")
    yield ("get: time added by ten times the entries / that of a pointer chase, uniform",
           None if None in (hits, chase) else hits / chase if chase > 0 else math.inf, 1.0, False)


def memory_targets(results):
    for policy, bound in (("lru", 56), ("lru-k", 64)):
        yield (f"memory: kvcache-{policy}, 10 million entries, B",
               results.median("memory-10m", f"memory/kvcache-{policy}/100/entries:10000000",
                              "overhead_bytes"), bound, False)


def miss_targets(results):
    for suffix, kind in ROCKSDB_KINDS:
        step = f"miss{suffix}"
        yield (f"put: kvcache-lru / rocksdb, {kind}",
               results.ratio(step, "put/kvcache-lru", "put/rocksdb"), 1.2, False)
        alone = results.median(step, "cold-get/rocksdb")
        for state, bound in (("filling", 600), ("evicting", 1200)):
            cached = results.median(step, f"cold-get/kvcache-lru/{state}")
            yield (f"cold-get: kvcache-lru - rocksdb, {state}, {kind}, ns",
                   None if None in (cached, alone) else cached - alone, bound, False)
    for policy in POLICIES:
        name = f"insert/kvcache-{policy}"
        yield f"insert: kvcache-{policy}, mean, ns", results.median("miss", name), 1000, False
        yield (f"insert: kvcache-{policy}, 99.9th percentile, ns",
               results.median("miss", name, "p999_ns"), 20_000, False)
    for setting in ("set-policy", "set-capacity"):
        name = results.with_entries("settings-10m", f"settings/{setting}")
        # Zero: the change was over before the reader had begun.
        for kind, bound in (("hit", 1000), ("miss", 10_000)):
            yield (f"{setting}: longest {kind} meanwhile, us",
                   results.median("settings-10m", name, f"longest_{kind}_us") or None, bound, False)


def verdict(measured, bound, at_least):
    if measured is None:
        return "not measured"
    return "met" if (measured >= bound if at_least else measured <= bound) else "**missed**"


def all_targets(results):
    yield from hit_targets(results)
    yield from growth_target(results)
    yield from memory_targets(results)
    yield from miss_targets(results)
