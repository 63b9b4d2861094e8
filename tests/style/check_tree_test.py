#!/usr/bin/env python3
"""Shows that check_tree finds each fault that it is there for, and nothing in a tree without."""

import unittest

import check_tree

GOOD = {
    "CMakeLists.txt": "add_subdirectory(lib)\n",
    "lib/CMakeLists.txt": "include/kvcache/cache.h\nbase/size.cc store/rocksdb_store.cc\n"
                          "tier/shard.cc cache/cache.cc\n",
    "lib/include/kvcache/cache.h": '#pragma once\n#include <string>\n',
    "lib/base/hash.h": '#include <xxhash.h>\n',
    "lib/base/size.cc": '#include "base/hash.h"\n#include "kvcache/cache.h"\n',
    "lib/policy/lru.h": '#include "base/hash.h"\n',
    "lib/store/rocksdb_store.cc": '#include <rocksdb/db.h>\n',
    "lib/tier/shard.h": '#include "policy/lru.h"\n',
    "lib/tier/shard.cc": '#include "tier/shard.h"\n',
    "lib/cache/cache.cc": '#include "tier/shard.h"\n',
    "apps/CMakeLists.txt": "add_executable(kvtool kvtool/main.cc)\n",
    "apps/kvtool/main.cc": '#include "kvcache/cache.h"\n#include "command.h"\n',
    "apps/kvtool/command.h": "",
    "tests/CMakeLists.txt": "kvcache_test(shard_test shard_test.cc)\n",
    "tests/shard_test.cc": '#include "tier/shard.h"\n#include <rocksdb/db.h>\n',
}


def body(lines):
    return "".join(f"  Call({i});\n" for i in range(lines))


class CheckTree(unittest.TestCase):

    def assert_finds(self, path, text, *words):
        """The good tree with this one file put in has one problem, which names path and words."""
        problems = check_tree.check({**GOOD, path: text})
        self.assertEqual(len(problems), 1, problems)
        for word in (path,) + words:
            self.assertIn(word, problems[0])

    def assert_accepts(self, path, text):
        self.assertEqual(check_tree.check({**GOOD, path: text}), [])

    def test_good_tree(self):
        self.assertEqual(check_tree.check(GOOD), [])

    def test_top_level(self):
        self.assert_finds("notes.txt", "", "top level")

    def test_include_upwards(self):
        self.assert_finds("lib/base/hash.h", '#include "tier/shard.h"\n', ":1:", "lib/tier")
        self.assert_finds("lib/policy/lru.h", '\n#include "tier/shard.h"\n', ":2:", "lib/tier")

    def test_include_sideways(self):
        self.assert_finds("lib/store/store.h", '#include "tier/shard.h"\n', "lib/tier")
        self.assert_finds("lib/include/kvcache/cache.h", '#include "base/hash.h"\n', "lib/base")

    def test_include_of_no_file(self):
        self.assert_finds("lib/tier/shard.h", '#include "tier/gone.h"\n', "no such file")

    def test_folder_without_floor(self):
        self.assert_finds("lib/util/util.h", "", "lib/util")

    def test_public_header_includes_a_library(self):
        self.assert_finds("lib/include/kvcache/cache.h", "#include <fmt/core.h>\n", "fmt/core.h")

    def test_rocksdb(self):
        self.assert_finds("lib/tier/shard.h", "#include <rocksdb/db.h>\n", "RocksDB")
        self.assert_finds("apps/kvtool/command.h", "#include <rocksdb/db.h>\n", "RocksDB")

    def test_unlisted(self):
        self.assert_finds("lib/tier/lost.cc", "", "no CMakeLists.txt")
        self.assert_finds("tests/hard_test.cc", "", "no CMakeLists.txt")
        self.assert_finds("lib/include/kvcache/lost.h", "", "no CMakeLists.txt")

    def test_commented_out(self):
        problems = check_tree.check(
            {**GOOD, "tests/CMakeLists.txt": "# kvcache_test(shard_test shard_test.cc)\n"})
        self.assertEqual(len(problems), 1)
        self.assertIn("tests/shard_test.cc", problems[0])

    def test_columns(self):
        self.assert_accepts("lib/base/hash.h", "x" * 100 + "\n")
        self.assert_finds("lib/base/hash.h", "x" * 101 + "\n", "101 columns")

    def test_file_length(self):
        self.assert_accepts("lib/base/hash.h", "\n" * 500)
        self.assert_finds("lib/base/hash.h", "\n" * 501, "501 lines")

    def test_function_length(self):
        for head in ("void F() {\n", "TEST_CASE(\"a { b\") {\n",
                     "template <class T>\n  requires Small<T>\nauto F(T x) -> T {\n",
                     "Foo::Foo(int a) : a_{a}, b_{1'000} {\n"):
            with self.subTest(head=head):
                rest = 70 - head.count("\n") - 1
                self.assert_accepts("lib/base/hash.h", head + body(rest) + "}\n")
                self.assert_finds("lib/base/hash.h", head + body(rest + 1) + "}\n", "71 lines")

    def test_function_length_within_types(self):
        text = ("namespace a {\ntemplate <class T>\nclass alignas(64) B : C<int()> {\n public:\n"
                "  int x = 1;\n%s};\n}  // namespace a\n")
        self.assert_accepts("lib/base/hash.h", text % body(100))
        self.assert_finds("lib/base/hash.h", text % f"  void F() {{\n{body(69)}  }}\n",
                          ":6:", "71 lines")

    def test_table_is_no_function(self):
        self.assert_accepts("lib/base/hash.h",
                            "const Row kRows[] = {\n" + "  {\"a\", F()},\n" * 100 + "};\n")

    def test_suppression_without_a_reason(self):
        for mark in ("NOLINT", "NOLINT(bugprone-x)", "NOLINT(bugprone-x):", "NOLINT: reason",
                     "NOLINTNEXTLINE(bugprone-x)", "NOLINTBEGIN(bugprone-x,google-y)"):
            with self.subTest(mark):
                self.assert_finds("lib/base/hash.h", f"// reason\nint x;  // {mark}\n// reason\n",
                                  ":2:", "reason")
        self.assert_accepts("lib/base/hash.h",
                            "int x;  // NOLINT(bugprone-x): it is meant\n"
                            "// NOLINTNEXTLINE(bugprone-x, google-y): 'it' is meant\nint y;\n"
                            "// NOLINTEND(bugprone-x)\n")

    def test_forbidden_words(self):
        self.assert_finds("lib/base/hash.h", "// see /wor" + "k/main\n", ":1:", "absolute path")
        self.assert_finds("README.md", "https://py" + "pi.org/x\n", "registry")
        self.assert_accepts("README.md", "a net/wor" + "k, and re/wor" + "king\n")


if __name__ == "__main__":
    unittest.main()
