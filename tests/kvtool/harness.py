"""What the tests of kvtool share: running the binary, with pipes or at a terminal.

A test file is run as `python3 FILE KVTOOL`, KVTOOL being the path of the binary. Exit status 77
says that the whole file was skipped.
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import unittest

KVTOOL = os.path.abspath(sys.argv[1])
PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = 77
PATIENCE_SECONDS = 120  # before a hung program fails the test

# Ignored by what runs in the background; kvtool would leave it at that.
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)


def skip(reason):
    """Ends the file, visibly skipped."""
    print("skipped:", reason)
    sys.exit(SKIPPED)


def need_terminals():
    """Ends a test file where the system has no pseudo-terminals (a bare chroot)."""
    try:
        for descriptor in pty.openpty():
            os.close(descriptor)
    except OSError as error:
        skip(f"no pseudo-terminals: {error}")


def with_pending_signal(number):
    """To be run before exec: the program finds the signal waiting as soon as it looks."""
    def prepare():
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        os.kill(os.getpid(), number)
    return prepare


def main():
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])


# Commands, and commands of trace, that refuse --db.
OPEN_NO_DATABASE = {"simulate", "curve", "advise", "bench", "info", "convert"}


class TestCase(unittest.TestCase):
    """Each test has a directory of its own, which is also home; self.db does not exist yet."""

    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kvtool-test-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.db = self.path("db")
        self.program = KVTOOL
        self.environment = dict(os.environ, HOME=self.directory, TERM="xterm", LC_ALL="C.UTF-8")
        self.environment.pop("XDG_STATE_HOME", None)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def run_bare(self, *arguments, stdin=b"", **options):
        """Runs kvtool with exactly these arguments."""
        return subprocess.run(
            [self.program, *arguments], input=stdin, capture_output=True, env=self.environment,
            cwd=self.directory, timeout=PATIENCE_SECONDS, check=False, **options)

    def database_of(self, arguments):
        """The flag that names self.db, for calls that open a database."""
        return () if OPEN_NO_DATABASE.intersection(arguments) else ("--db", self.db)

    def run_status(self, status, *arguments, stdin=b"", **options):
        """Runs kvtool, on self.db if it opens one, checks its exit status; returns what it said."""
        done = self.run_bare(*self.database_of(arguments), *arguments, stdin=stdin, **options)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout} {done.stderr}")
        return done

    def output(self, *arguments, **options):
        """Standard output of a call that is done, with nothing on standard error."""
        done = self.run_status(0, *arguments, **options)
        self.assertEqual(done.stderr, b"")
        return done.stdout

    def json(self, *arguments, status=0, **options):
        """The one document that --json prints."""
        return json.loads(self.run_status(status, "--json", *arguments, **options).stdout)

    def failure(self, status, *arguments, **options):
        """The one line on standard error of a call that fails, with nothing on standard output."""
        done = self.run_status(status, *arguments, **options)
        self.assertEqual(done.stdout, b"", arguments)
        return self.one_complaint(done)

    def let_another_user_run_it(self):
        """Build and sources may lie where no other user can look."""
        os.chmod(self.directory, 0o755)
        self.program = shutil.copy(KVTOOL, self.directory)
        options = self.environment.get("TSAN_OPTIONS", "")
        for suppressions in re.findall(r"suppressions=([^:]+)", options):
            options = options.replace(suppressions, shutil.copy(suppressions, self.directory))
        self.environment["TSAN_OPTIONS"] = options
        self.count_no_coverage()

    def count_no_coverage(self):
        """Where its file could not be written either, and that would be said."""
        self.environment["LLVM_PROFILE_FILE"] = os.devnull

    def check_wrong_calls(self, call, wrong):
        """`wrong`: pairs of arguments after `call`, and words of what is said of them."""
        for arguments, words in wrong:
            with self.subTest(arguments):
                message = self.failure(2, *call, *arguments)
                for word in words:
                    self.assertIn(word, message)

    def one_complaint(self, done):
        message = done.stderr.decode()
        self.assertRegex(message, r"\Akvtool: [^\n]+\n\Z")
        return message

    def open_shell(self, *arguments):
        """A shell that holds the database open; see Shell."""
        shell = Shell([KVTOOL, "--db", self.db, *arguments, "shell"], self.environment)
        self.addCleanup(shell.close)
        return shell


class Shell:
    """kvtool shell with pipes: a line in, an answer of known length out."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment)

    def ask(self, line):
        """The first line of the answer, which must have one: to wait for it is to be in step."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().rstrip("\n")

    def close(self):
        """Ends the shell; its exit status."""
        if self.process.poll() is None:
            self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode


class Terminal:
    """A program whose chosen streams are a terminal; the others are pipes."""

    def __init__(self, command, environment, streams=("stdin", "stdout", "stderr")):
        self.descriptor, inner = pty.openpty()
        self.text = ""
        # Unless it edits lines itself, the terminal echoes nothing: what comes back is output.
        attributes = termios.tcgetattr(inner)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(inner, termios.TCSANOW, attributes)
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        pipes.update({name: inner for name in streams})
        # A process group that is not orphaned, so that the program can be stopped (Ctrl-Z).
        self.process = subprocess.Popen(command, env=environment, process_group=0, **pipes)
        os.close(inner)

    def abandon(self):
        """Ends the program if it is still there, as when a check has failed on the way."""
        if self.process.poll() is None:
            self.process.kill()
            self.finish()

    def send(self, text):
        os.write(self.descriptor, text.encode())

    def wait_for(self, wanted):
        """Reads on until `wanted` has been seen after all that was waited for before."""
        while wanted not in self.text:
            if not self._read():
                raise AssertionError(f"ended without {wanted!r}: {self.text!r}")
        seen, self.text = self.text.split(wanted, 1)
        return seen

    def wait_for_prompt(self, prompt):
        """As wait_for, and until the line editor has taken over the keys, which it does later."""
        seen = self.wait_for(prompt)
        while (self.process.poll() is None and
               termios.tcgetattr(self.descriptor)[3] & termios.ICANON):
            os.sched_yield()
        return seen

    def finish(self):
        """All further text of the terminal, and the exit status."""
        while self._read():
            pass
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        status = self.process.wait(timeout=PATIENCE_SECONDS)
        os.close(self.descriptor)
        return self.text, status

    def _read(self):
        ready, _, _ = select.select([self.descriptor], [], [], PATIENCE_SECONDS)
        if not ready:
            raise AssertionError(f"no more output: {self.text!r}")
        try:
            got = os.read(self.descriptor, 65536)
        except OSError:  # EIO: the program has closed its side
            return False
        self.text += got.decode()
        return len(got) > 0
