#!/usr/bin/env python3
"""Shows what weave.py makes of a source, and that it refuses each list that it cannot weave."""

import pathlib
import tempfile
import unittest

import weave

SOURCE = """\
int F(int a) {
  if (a < 3) return G(a);
  Call(a);
  Call(a);
  return a;
}
"""


def mutant(name, original, replacement, **more):
    return {"name": name, "breaks": "something",
            "edit": [{"file": "f.cc", "original": original, "replacement": replacement, **more}]}


def woven(*mutants):
    return weave.weave_all({"f.cc": SOURCE}, list(mutants))["f.cc"]


class Weave(unittest.TestCase):

    def test_expression(self):
        self.assertIn("if ((::kvcache::mutant::Is(1) ? (a <= 3) : (a < 3))) return G(a);\n",
                      woven(mutant("m", "a < 3", "a <= 3")))

    def test_statement(self):
        self.assertIn("  if (::kvcache::mutant::Is(1)) {\n\n} else {\nif (a < 3) return G(a);\n}\n",
                      woven(mutant("m", "if (a < 3) return G(a);", "")))

    def test_two_of_one_place(self):
        self.assertIn("return (::kvcache::mutant::Is(2) ? (1) : ((::kvcache::mutant::Is(1) ? (0) : "
                      "(G(a)))));", woven(mutant("m", "G(a)", "0"), mutant("n", "G(a)", "1")))

    def test_one_within_another(self):
        self.assertIn("if (::kvcache::mutant::Is(1)) {\nH();\n} else {\n"
                      "if ((::kvcache::mutant::Is(2) ? (true) : (a < 3))) "
                      "return (::kvcache::mutant::Is(3) ? (0) : (G(a)));\n}",
                      woven(mutant("m", "if (a < 3) return G(a);", "H();"),
                            mutant("n", "a < 3", "true"), mutant("o", "G(a)", "0")))

    def test_within_tells_which(self):
        text = woven(mutant("m", "Call(a);", "", within="Call(a);\n  return a;"))
        self.assertIn("  Call(a);\n  if (::kvcache::mutant::Is(1)) {\n\n} else {\nCall(a);\n}\n",
                      text)

    def test_what_is_not_chosen_is_the_original(self):
        files = weave.weave_all({"f.cc": SOURCE, "g.cc": SOURCE}, [mutant("m", "a < 3", "true")])
        self.assertEqual(files["g.cc"], SOURCE)

    def test_names(self):
        text = weave.weave_all({"f.cc": SOURCE}, [mutant("m", "a < 3", "true"),
                                                  mutant("n", "a < 3", "false")])[weave.SOURCE]
        self.assertIn('{"", "m", "n"}', text)
        self.assertIn("number < 3;", text)

    def assert_refuses(self, words, *mutants):
        with self.assertRaises(weave.ListError) as caught:
            woven(*mutants)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_original_that_is_not_there_once(self):
        self.assert_refuses(["m", "f.cc", "0 times"], mutant("m", "a > 3", "true"))
        self.assert_refuses(["m", "f.cc", "2 times"], mutant("m", "Call(a);", ""))
        self.assert_refuses(["m", "`within`", "0 times"],
                            mutant("m", "Call(a);", "", within="none"))
        self.assert_refuses(["m", "2 times"],
                            mutant("m", "Call(a);", "", within="Call(a);\n  Call(a);"))
        self.assert_refuses(["m", "0 times"], mutant("m", "", "x"))

    def test_overlap(self):
        self.assert_refuses(["m and n", "overlap"], mutant("m", "Call(a);\n  Call(a);", ""),
                            mutant("n", "Call(a);\n  return a;", ""))

    def test_no_change(self):
        self.assert_refuses(["m", "the original"], mutant("m", "a < 3", "a < 3"))

    def test_no_file(self):
        other = mutant("m", "a", "b")
        other["edit"][0]["file"] = "g.cc"
        self.assert_refuses(["m", "no file g.cc"], other)

    def test_lists(self):
        text = ('[[mutant]]\nname = "%s"\nbreaks = "%s"\n[[mutant.edit]]\nfile = "f"\n'
                'original = "a"\nreplacement = "b"\n')
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "list.toml"

            def read(content):
                path.write_text(content, encoding="utf-8")
                return weave.read_lists([path])

            self.assertEqual([m["name"] for m in read(text % ("a", "x") + text % ("b", "y"))],
                             ["a", "b"])
            for content in (text % ("a", "x") * 2, text % ("a b", "x"), text % ("a", "")):
                with self.assertRaises(weave.ListError):
                    read(content)


if __name__ == "__main__":
    unittest.main()
