#!/usr/bin/env python3
"""Shows what each rule of generate.py finds in a source, what it leaves alone, and that what it
chooses of the library can be woven and represents every file."""

import pathlib
import unittest

import generate
import weave

LIB = pathlib.Path(__file__).resolve().parents[2] / "lib"


def body(code):
    return f"void F(int a) {{\n  {code}\n}}\n"


def found(rule, text, functions=None):
    """(original, replacement) of all that this rule finds."""
    return [(mutant["edit"][0]["original"], mutant["edit"][0]["replacement"])
            for mutant in generate.candidates("x/f.cc", text, functions)
            if mutant["rule"] == rule]


class Rules(unittest.TestCase):

    def test_compare(self):
        self.assertEqual(found("compare", body("if (a < b(c, d) || !e) return x == y ? 1 : 2;")),
                         [("a < b(c, d)", "a <= b(c, d)"), ("x == y", "x != y")])
        self.assertEqual(found("compare", body("for (; i >= n; ++i) G([&] { H(p > q); });")),
                         [("i >= n", "i > n"), ("p > q", "p >= q")])
        self.assertEqual(found("compare", body("const bool more = a\n      != b;")),
                         [("a\n      != b", "a\n      == b")])

    def test_compare_leaves_what_is_no_comparison(self):
        self.assertEqual(found("compare", body("G<int>(a->b, \"a < b\", a << b);  // a < b")), [])

    def test_logic(self):
        self.assertEqual(found("logic", body("const bool c = a && (b || d) && e;")),
                         [("a && (b || d) && e", "a || (b || d) && e"), ("b || d", "b && d"),
                          ("a && (b || d) && e", "a && (b || d) || e")])
        self.assertEqual(found("logic", body("G([](auto&& a) {}, b);")), [])

    def test_negate(self):
        self.assertEqual(found("negate", body("if (!a || !b->c(d)[e].f || !(g != h)) return;")),
                         [("!a", "!!a"), ("!b->c(d)[e].f", "!!b->c(d)[e].f"),
                          ("!(g != h)", "!!(g != h)")])

    def test_one(self):
        self.assertEqual(found("one", body("G(a + 1, 1 - a, a - 10, a + 1.5, a * 1);")),
                         [("1", "0"), ("1", "0")])

    def test_drop(self):
        code = "a = 1;\n  b->c(d);\n  ++e;\n  if (f) return;\n  for (;;) g[1] += h;"
        self.assertEqual([original for original, _ in found("drop", body(code))],
                         ["a = 1;", "b->c(d);", "++e;", "if (f) return;", "g[1] += h;"])

    def test_drop_leaves_declarations_and_control(self):
        code = ("int a = 1;\n  const auto [b, c] = d;\n  T e(f);\n  if (g) {\n    return;\n  }\n"
                "  if (h) return;\n  else\n    throw 1;\n  assert(i);\n  using T = U;")
        self.assertEqual(found("drop", body(code)), [])

    def test_only_code_that_runs(self):
        for text in ("class C {\n  C(int a);\n  bool b_ = 1 < 2;\n  C() = default;\n};\n",
                     "constexpr int F(int a) {\n  a = a + 1;\n  return a < 2;\n}\n",
                     body("constexpr bool kA = b < c && d;"),
                     body("static_assert(a < b);"),
                     "constexpr int kA[] = {1 + 1, 2 < 3};\n",
                     "const bool kA = b < c;\n",
                     "#define A(b) ((b) < 1)\n"):
            self.assertEqual(generate.candidates("f.cc", text), [], text)

    def test_only_the_functions_asked_for(self):
        text = "void A::F() {\n  a();\n}\n\nint A::G(\n    int b) const {\n  c();\n}\n"
        self.assertEqual(found("drop", text, ("G",)), [("c();", "")])


class Mutants(unittest.TestCase):

    def test_of_each_rule_every_few_are_chosen_and_one_at_least(self):
        mutants = generate.candidates("some_file.cc", body("a(b + 1);\n  " * 40))
        chosen = [mutant["name"] for mutant in generate.choose(mutants)]
        drops = [name for name in chosen if "-drop-" in name]
        self.assertEqual(drops, [f"some-file-drop-{i}" for i in range(6, 41, generate.ONE_IN)])
        one = generate.candidates("f.cc", body("return a + 1;"))
        self.assertEqual([mutant["name"] for mutant in generate.choose(one)], ["f-one-1"])

    def test_the_library_s_can_be_woven(self):
        mutants = generate.generate(LIB)
        self.assertGreaterEqual(len(mutants), 80)
        files = {path: (LIB / path).read_text(encoding="utf-8")
                 for path in {mutant["edit"][0]["file"] for mutant in mutants}}
        self.assertLessEqual(generate.FILES.keys(), files.keys())
        weave.weave_all(files, mutants)
        self.assertEqual(len({mutant["name"] for mutant in mutants}), len(mutants))


if __name__ == "__main__":
    unittest.main()
