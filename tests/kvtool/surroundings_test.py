"""kvtool among people who do not wish it well: rights of files, symbolic links, escapes, and what
is told of keys and values to logs and messages."""

import glob
import os
import re
import shutil
import stat
import subprocess
import unittest

import harness

NOBODY = 65534
MARKER = b"MARKER-7f3a"
ESCAPE = b"\x1b]0;pwned\x07\xc2\x9b31m\xff"
C1 = b"\xc2\x9b31m"


class Rights(harness.TestCase):
    def everything(self):
        for folder, _, files in os.walk(self.directory):
            yield from (os.path.join(folder, name) for name in files)
            if folder != self.directory:
                yield folder

    def use(self, umask):
        trace = self.write("trace.txt", b"a,1\nb,1\na,1\n")
        os.chmod(trace, 0o600)
        for arguments in (["put", "k", "v"], ["dump", "dumped"],
                          ["trace", "record", "trace.txt", "recorded"],
                          ["trace", "convert", "trace.txt", "converted.csv"],
                          ["simulate", "trace.txt", "--report", "report.html"],
                          ["--secondary", self.path("follower"), "get", "k"]):
            done = self.run_bare(*self.database_of(arguments), *arguments, umask=umask)
            self.assertIn(done.returncode, (0, 2), (arguments, done.stderr))
        return {path: stat.S_IMODE(os.stat(path).st_mode) for path in self.everything()}

    def test_nobody_gets_more_than_the_umask_leaves(self):
        for umask in (0o077, 0o027, 0o022):
            with self.subTest(umask=oct(umask)):
                for name in glob.glob(self.path("*")):
                    harness.shutil.rmtree(name) if os.path.isdir(name) else os.remove(name)
                modes = self.use(umask)
                self.assertIn(self.path("dumped"), modes)
                self.assertIn(self.db, modes)
                for path, mode in modes.items():
                    self.assertEqual(mode & umask, 0, path)
                    self.assertEqual(mode & 0o6002, 0, path)

    def test_what_is_replaced_keeps_its_own(self):
        self.output("put", "k", "v")
        self.write("trace.txt", b"a,1\nb,1\na,1\n")
        for name, arguments in (("dumped", ["dump"]),
                                ("converted.csv", ["trace", "convert", "trace.txt"]),
                                ("recorded", ["trace", "record", "trace.txt"]),
                                ("report.html", ["simulate", "trace.txt", "--report"])):
            for mode in (0o600, 0o640, 0o666):
                with self.subTest(name=name, mode=oct(mode)):
                    os.chmod(self.write(name, b"older"), mode)
                    self.run_status(0, *arguments, name, "--force", umask=0o027)
                    self.assertNotEqual(self.read(name), b"older")
                    self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), mode)
                    os.remove(self.path(name))

    @unittest.skipUnless(os.geteuid() == 0, "permissions are tested as another user")
    def test_a_directory_that_may_not_be_read_takes_a_file(self):
        self.let_another_user_run_it()
        self.write("trace.txt", b"a,1\nb,1\n")
        closed = self.path("closed")
        os.mkdir(closed)
        os.chmod(closed, 0o733)
        self.run_status(0, "trace", "convert", "trace.txt", "closed/converted.csv", user=NOBODY)
        self.assertEqual(os.listdir(closed), ["converted.csv"])


class Disks(harness.TestCase):
    def test_a_file_is_on_the_disk_and_so_is_its_name(self):
        strace = shutil.which("strace")
        if strace is None:
            self.skipTest("no strace; it is in Debian's package of that name")
        self.write("trace.txt", b"a,1\nb,1\n")
        for name, directory in (("out.csv", self.directory),
                                (self.path("db/out.csv"), self.path("db"))):
            os.makedirs(directory, exist_ok=True)
            done = subprocess.run([strace, "-f", "-y", "-o", "calls", "-e", "trace=fsync,/rename",
                                   harness.KVTOOL, "trace", "convert", "trace.txt", name],
                                  capture_output=True, cwd=self.directory, env=self.environment,
                                  check=False)
            if done.returncode != 0:
                self.skipTest(f"strace cannot trace here: {done.stderr}")
            self.assertRegex(self.read("calls").decode(),
                             r"(?s)fsync\(\d+<[^>]*/out\.csv\.\d+\.partial>\).*rename\w*\(.*"
                             rf"fsync\(\d+<{re.escape(os.path.realpath(directory))}>\) += 0\n")


class Links(harness.TestCase):
    """Instead of an output file there is a symbolic link to somebody's file."""

    def setUp(self):
        super().setUp()
        self.output("put", "k", "v")
        self.write("precious", b"precious\n")
        self.write("trace.txt", b"a,1\nb,1\na,1\n")
        os.symlink("precious", self.path("link"))
        os.symlink("nowhere", self.path("dangling"))

    def test_no_output_goes_through_one(self):
        for arguments in (["dump"], ["trace", "convert", "trace.txt"],
                          ["trace", "record", "trace.txt"], ["replay", "trace.txt", "--record"],
                          ["simulate", "trace.txt", "--report"], ["curve", "trace.txt", "--plot"]):
            for name in ("link", "dangling"):
                for force in ([], ["--force"]):
                    with self.subTest(arguments=arguments, name=name, force=force):
                        done = self.run_bare(*self.database_of(arguments), *arguments, name, *force)
                        self.assertIn(done.returncode, (2, 3), done)
                        self.one_complaint(done)
                        self.assertEqual(self.read("precious"), b"precious\n")
                        self.assertFalse(os.path.exists(self.path("nowhere")))
                        self.assertTrue(os.path.islink(self.path(name)))

    def test_no_file_is_left_half_written(self):
        before = set(os.listdir(self.directory))
        self.run_bare("--db", self.db, "dump", "link")
        self.assertEqual(set(os.listdir(self.directory)), before)


class Escapes(harness.TestCase):
    def terminal(self, *arguments):
        terminal = harness.Terminal([harness.KVTOOL, *self.database_of(arguments), *arguments],
                                    dict(self.environment), ("stdout", "stderr"))
        self.addCleanup(terminal.abandon)
        return terminal.finish()[0]

    def test_no_command_sends_one_to_a_terminal(self):
        harness.need_terminals()
        for key in (ESCAPE, C1):
            self.output("put", key, "-", stdin=key)
        trace = self.write("trace.csv", b"key,size\n" + ESCAPE + b",1\n" + ESCAPE + b",bad\n")
        for arguments in (["scan"], ["--json", "scan"], ["get", ESCAPE], ["--json", "get", ESCAPE],
                          ["has", ESCAPE], ["stats"], ["dump", "-"],
                          ["trace", "info", trace],
                          ["replay", trace], ["simulate", trace], [ESCAPE], ["--" + "x", ESCAPE],
                          ["dump", b"none/" + ESCAPE], ["load", ESCAPE], ["get", ESCAPE + b"x"],
                          ["--json", "get", C1], ["dump", "-", "--format", "jsonl"]):
            with self.subTest(arguments=arguments):
                text = self.terminal(*arguments)
                for control in ("\x1b]", "\x07", "\x9b"):
                    self.assertNotIn(control, text)

    def test_raw_where_it_is_asked_for(self):
        harness.need_terminals()
        self.output("put", "k", "-", stdin=b"\x1b[31m")
        self.assertEqual(self.terminal("get", "--raw", "k"), "\x1b[31m")

    def test_raw_where_there_is_no_terminal(self):
        self.output("put", "k", "-", stdin=ESCAPE)
        self.assertEqual(self.output("get", "k"), ESCAPE + b"\n")
        self.assertEqual(self.output("scan"), b"k\t" + ESCAPE + b"\n")


class Secrets(harness.TestCase):
    def test_logs_and_messages_have_no_keys_and_no_values(self):
        pairs = b"".join(b"%s-key%05d\t%s\n" % (MARKER, i, MARKER * 30) for i in range(20000))
        self.write("pairs.tsv", pairs)
        said = b""
        for arguments in (["load", "pairs.tsv"], ["load", "pairs.tsv"], ["stats"],
                          ["delete", MARKER + b"-key00007"], ["scan", "--limit", "1"],
                          ["--policy", "arc", "scan", "--keys-only", "--limit", "1"]):
            said += self.run_status(0, *arguments).stderr
        largest = max(glob.glob(self.path("db/*.sst")), key=os.path.getsize)
        with open(largest, "r+b") as file:
            file.seek(1000)
            file.write(b"\0" * 8)
        said += self.run_bare("--db", self.db, "scan").stderr
        self.assertIn(b"orruption", said)
        self.assertNotIn(MARKER, said)
        for name in ("LOG*", "OPTIONS*", "IDENTITY", "CURRENT"):
            for path in glob.glob(self.path("db/" + name)):
                with open(path, "rb") as file:
                    self.assertNotIn(MARKER, file.read(), path)


if __name__ == "__main__":
    harness.main()
