"""Help, man page and completion know the same commands, flags and policies."""

import os
import re
import subprocess

import harness

SOURCES = os.path.join(harness.PROJECT, "apps", "kvtool")
MAN_PAGE = os.path.join(SOURCES, "kvtool.1")
COMMANDS = ["put", "get", "delete", "has", "scan", "load", "dump", "stats", "shell", "replay",
            "trace", "simulate", "curve", "advise", "bench"]
TRACE_COMMANDS = ["info", "convert", "record"]
CALLS = [[name] for name in COMMANDS] + [["trace", name] for name in TRACE_COMMANDS]


class DocumentationCase(harness.TestCase):
    def help(self, *command):
        done = self.run_bare(*command, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def flags(self, *command):
        return re.findall(r"^  (?:-\w,)?(--[a-z-]+)", self.help(*command), re.MULTILINE)

    def policies(self):
        section = self.help().split("\nPolicies")[1].split("\n", 1)[1].split("\n\n")[0]
        return re.findall(r"^  ([a-z][a-z0-9-]*) ", section, re.MULTILINE)


    def trace_formats(self):
        section = self.help("trace", "info").split("\nTrace formats:")[1].split("\n\n")[0]
        return re.findall(r"^  ([a-z][a-z-]*) ", section, re.MULTILINE)


class Help(DocumentationCase):
    def test_commands_policies_and_examples(self):
        text = self.help()
        self.assertEqual(re.findall(r"^  ([a-z]+) ", text.split("Commands:")[1].split("\n\n")[0],
                                    re.MULTILINE), COMMANDS)
        self.assertEqual(self.policies()[:3], ["lru", "lfu", "lru-k"])
        self.assertIn("Examples:\n  kvtool --db", text)
        for call in CALLS:
            self.assertRegex(self.help(*call),
                             r"Examples?:\n  (if |printf .*)?kvtool "
                             r"(--db|trace \w+|simulate|curve|advise|bench) ")

    def test_no_line_is_wider_than_100_columns(self):
        for call in [[]] + CALLS:
            for line in self.help(*call).splitlines():
                self.assertLessEqual(len(line), 100, line)

    def test_version(self):
        self.assertRegex(self.run_bare("--version").stdout, rb"\Akvtool \d+\.\d+\.\d+\n\Z")


class ManPage(DocumentationCase):
    def test_it_names_all_commands_and_flags(self):
        with open(MAN_PAGE, encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        flags = self.flags() + [flag for call in CALLS for flag in self.flags(*call)]
        self.output("put", "k", "v")
        shell = re.findall(r"^  ([a-z]+) ", self.output("shell", stdin=b"help\n").decode(), re.M)
        self.assertIn("invalidate", shell)
        formats = self.trace_formats()
        self.assertIn("oracle-general", formats)
        for name in COMMANDS + TRACE_COMMANDS + flags + shell + formats:
            self.assertRegex(page, rf"(?<![\w-]){name}(?![\w-])")


class Completion(DocumentationCase):
    def complete(self, *words):
        """What bash would offer for the last word."""
        script = (f'. "{SOURCES}/kvtool.bash"; COMP_WORDS=("$0" "$@"); COMP_CWORD=$#; _kvtool;'
                  ' printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, harness.KVTOOL, *words], check=True,
                              capture_output=True, cwd=self.directory, env=self.environment)
        self.assertEqual(done.stderr, b"")
        return sorted(done.stdout.decode().split())

    def test_commands(self):
        self.assertEqual(self.complete(""), sorted(COMMANDS))
        self.assertEqual(self.complete("s"), ["scan", "shell", "simulate", "stats"])
        self.assertEqual(self.complete("--db", "d", "--json", "re"), ["replay"])

    def test_flags(self):
        self.assertEqual(self.complete("--"), sorted(self.flags()))
        self.assertEqual(self.complete("scan", "--"),
                         sorted(set(self.flags() + self.flags("scan"))))
        self.assertEqual(self.complete("scan", "--pre"), ["--prefix"])
        self.assertEqual(self.complete("put", "--sy"), ["--sync"])
        self.assertEqual(self.complete("--sy"), [])

    def test_policies(self):
        self.assertEqual(self.complete("--policy", ""), sorted(self.policies()))
        self.assertEqual(self.complete("replay", "--policy", "lf"), ["lfu", "lfu-da"])

    def test_files_and_directories(self):
        self.write("pairs.tsv", b"")
        os.mkdir(self.path("place"))
        self.assertEqual(self.complete("--db", "p"), ["place"])
        self.assertEqual(self.complete("load", "p"), ["pairs.tsv", "place"])
        self.assertEqual(self.complete("dump", "--format", ""), ["jsonl", "text"])
        self.assertEqual(self.complete("get", "p"), [])

    def test_traces(self):
        self.write("trace.csv", b"")
        self.assertEqual(self.complete("trace", ""), sorted(TRACE_COMMANDS))
        self.assertEqual(self.complete("--json", "trace", "co"), ["convert"])
        self.assertEqual(self.complete("trace", "info", "t"), ["trace.csv"])
        self.assertEqual(self.complete("trace", "convert", "t"), ["trace.csv"])
        self.assertEqual(self.complete("trace", "convert", "--t"), ["--to"])
        self.assertEqual(self.complete("trace", "record", "t"), ["trace.csv"])
        self.assertEqual(self.complete("trace", "record", "--sample", "t"), [])
        self.assertEqual(self.complete("replay", "trace.csv", "--record", "t"), ["trace.csv"])
        self.assertEqual(self.complete("replay", "--record-sample", "t"), [])
        self.assertEqual(self.complete("trace", "info", "--skip"), ["--skip-bad"])
        self.assertEqual(self.complete("simulate", "t"), ["trace.csv"])
        self.assertEqual(self.complete("curve", "t"), ["trace.csv"])
        self.assertEqual(self.complete("advise", "t"), ["trace.csv"])
        for call in (["replay"], ["trace", "info"], ["trace", "convert"], ["simulate"], ["curve"],
                     ["advise"]):
            self.assertEqual(self.complete(*call, "--format", ""), sorted(self.trace_formats()))
        self.assertEqual(self.complete("trace", "convert", "--to", "t"), ["text"])

    def test_bench(self):
        self.assertEqual(self.complete("bench", "--workload", "u"), ["uniform"])
        self.assertEqual(self.complete("bench", "--against", "rocksdb-r"), ["rocksdb-row"])
        self.assertEqual(self.complete("bench", "--budget", ""), [])
        os.mkdir(self.path("place"))
        self.assertEqual(self.complete("bench", "--scratch", "p"), ["place"])

    def test_simulations(self):
        for command, more in (("simulate", ["opt", "opt-bound"]), ("curve", ["opt"])):
            self.assertEqual(self.complete(command, "--policy", ""),
                             sorted(self.policies() + ["all", *more]))
            self.assertEqual(self.complete(command, "--unit", ""), ["bytes", "objects"])
        self.assertEqual(self.complete("advise", "--policy", ""), sorted(self.policies() + ["all"]))
        self.assertEqual(self.complete("curve", "--a"), ["--anchors"])
        self.assertEqual(self.complete("curve", "--to", "t"), [])
        self.assertEqual(self.complete("curve", "--samples", "t"), [])
        self.assertEqual(self.complete("advise", "--max", "t"), [])
        self.assertEqual(self.complete("simulate", "--sizes", ""), [])
        self.write("old.svg", b"")
        self.assertEqual(self.complete("simulate", "t.txt", "--plot", "o"), ["old.svg"])
        self.assertEqual(self.complete("curve", "t.txt", "--report", "o"), ["old.svg"])


if __name__ == "__main__":
    harness.main()
