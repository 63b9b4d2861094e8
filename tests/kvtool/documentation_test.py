"""Help, man page and completion know the same commands, flags and policies."""

import os
import re
import subprocess

import harness

SOURCES = os.path.join(harness.PROJECT, "apps", "kvtool")
MAN_PAGE = os.path.join(SOURCES, "kvtool.1")
COMMANDS = ["put", "get", "delete", "has", "scan", "load", "dump", "stats", "shell", "replay"]


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


class Help(DocumentationCase):
    def test_commands_policies_and_examples(self):
        text = self.help()
        self.assertEqual(re.findall(r"^  ([a-z]+) ", text.split("Commands:")[1].split("\n\n")[0],
                                    re.MULTILINE), COMMANDS)
        self.assertEqual(self.policies()[:3], ["lru", "lfu", "lru-k"])
        self.assertIn("Examples:\n  kvtool --db", text)
        for command in COMMANDS:
            self.assertRegex(self.help(command), r"Examples?:\n  (if |printf .*)?kvtool --db")

    def test_no_line_is_wider_than_100_columns(self):
        for command in [[]] + [[name] for name in COMMANDS]:
            for line in self.help(*command).splitlines():
                self.assertLessEqual(len(line), 100, line)

    def test_version(self):
        self.assertRegex(self.run_bare("--version").stdout, rb"\Akvtool \d+\.\d+\.\d+\n\Z")


class ManPage(DocumentationCase):
    def test_it_names_all_commands_and_flags(self):
        with open(MAN_PAGE, encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        flags = self.flags() + [flag for command in COMMANDS for flag in self.flags(command)]
        self.output("put", "k", "v")
        shell = re.findall(r"^  ([a-z]+) ", self.output("shell", stdin=b"help\n").decode(), re.M)
        self.assertIn("invalidate", shell)
        for name in COMMANDS + flags + shell:
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
        self.assertEqual(self.complete("s"), ["scan", "shell", "stats"])
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
        self.assertEqual(self.complete("replay", "--policy", "lf"), ["lfu"])

    def test_files_and_directories(self):
        self.write("pairs.tsv", b"")
        os.mkdir(self.path("place"))
        self.assertEqual(self.complete("--db", "p"), ["place"])
        self.assertEqual(self.complete("load", "p"), ["pairs.tsv", "place"])
        self.assertEqual(self.complete("dump", "--format", ""), ["jsonl", "text"])
        self.assertEqual(self.complete("get", "p"), [])


if __name__ == "__main__":
    harness.main()
