"""What is different at a terminal: escapes, progress bars, the shell's line editing and history."""

import os
import pathlib
import re
import signal
import stat
import termios
import unittest

import harness

CONTROL_BYTES = b"a\x1b[31mred\x07\tb\\\xc2\x9b\xff\xc3\xa9"
SHOWN = "a\\x1B[31mred\\x07\\tb\\\\\\xC2\\x9B\\xFFé"


class AtATerminal(harness.TestCase):
    def terminal(self, *arguments, streams=("stdin", "stdout", "stderr")):
        terminal = harness.Terminal([harness.KVTOOL, *self.database_of(arguments), *arguments],
                                    self.environment, streams)
        self.addCleanup(terminal.abandon)
        return terminal


class Escapes(AtATerminal):
    def test_control_characters_are_shown_escaped_at_a_terminal_only(self):
        self.output("put", "k", "-", stdin=CONTROL_BYTES)
        self.assertEqual(self.terminal("get", "k").finish(), (SHOWN + "\r\n", 0))
        self.assertEqual(self.terminal("scan").finish(), ("k\t" + SHOWN + "\r\n", 0))
        self.assertEqual(self.output("get", "k"), CONTROL_BYTES + b"\n")
        self.assertEqual(self.output("scan"), b"k\t" + CONTROL_BYTES + b"\n")

    def test_keys_and_messages_too(self):
        self.output("--hex", "put", "0x1B5B", "00")
        self.assertEqual(self.terminal("scan", "--keys-only").finish(), ("\\x1B[\r\n", 0))
        absent = self.run_status(1, "get", "\x1b[2J")
        self.assertEqual(self.one_complaint(absent), "kvtool: no such key: \\x1B[2J\n")


class ProgressBars(AtATerminal):
    def load(self, streams, **options):
        self.write("pairs.tsv", b"".join(b"%05d\tv\n" % i for i in range(5000)))
        return self.terminal("load", self.path("pairs.tsv"), streams=streams, **options)

    def test_load_shows_one_on_standard_error(self):
        text, status = self.load(["stderr"]).finish()
        self.assertEqual(status, 0)
        self.assertRegex(text, r"^\rload \[=* *\] +\d+ %  [\d,]+ pairs  [\d.]+ \w+")
        self.assertIn(" left", text)
        self.assertTrue(text.endswith("\r\x1b[K"), text)  # and takes it away

    def test_dump_and_replay_too(self):
        self.load(["stderr"]).finish()
        text, status = self.terminal("dump", self.path("out"), streams=["stderr"]).finish()
        self.assertEqual(status, 0)
        self.assertRegex(text, r"^\rdump [\d,]+ pairs")
        trace = self.write("trace", b"a\nb\na\n")
        text, status = self.terminal("replay", trace, streams=["stderr"]).finish()
        self.assertEqual(status, 0)
        self.assertRegex(text, r"^\rprepare 1 requests[^\r]*\r\x1b\[K\rreplay \[")

    def test_none_when_standard_error_is_piped(self):
        terminal = self.load(["stdin", "stdout"])
        text, status = terminal.finish()
        self.assertEqual(status, 0)
        self.assertRegex(text, r"\Aloaded 5,000 pairs from [^\r\n]*\r\n\Z")
        self.db = self.path("other")
        self.assertNotIn(b"\r", self.run_status(0, "load", "pairs.tsv").stderr)

    def test_none_in_a_message(self):
        pairs = self.write("bad.tsv", b"a\t1\noops\n")
        text, status = self.terminal("load", pairs, streams=["stderr"]).finish()
        self.assertEqual(status, 3)
        self.assertRegex(text, r"\r\x1b\[Kkvtool: [^\r\n]*bad.tsv:2: [^\r\n]*\r\n\Z")

    def test_none_among_lines_that_go_to_the_terminal(self):
        self.output("put", "k", "v")
        trace = self.write("trace", b"a\nb\n")
        for arguments, shown in ((["dump", "-"], "k\tv\r\n"),
                                 (["trace", "convert", trace, "-"], "a\r\nb\r\n")):
            terminal = self.terminal(*arguments, streams=["stdout", "stderr"])
            self.assertEqual(terminal.finish(), (shown, 0))

    def test_none_before_a_warning(self):
        trace = self.write("trace", b"a\nb,x\n")
        text, status = self.terminal("replay", "--skip-bad", trace, streams=["stderr"]).finish()
        self.assertEqual(status, 0)
        self.assertRegex(text, r"\r\x1b\[Kkvtool: 1 malformed line left out, [^\r\n]*\r\n\Z")


class LineEditing(AtATerminal):
    def shell(self):
        terminal = self.terminal("shell")
        terminal.wait_for("help lists the commands.")
        terminal.wait_for_prompt("kvtool> ")
        return terminal

    def ask(self, terminal, keys):
        """What comes back between the keys, ended by Enter, and the next prompt."""
        terminal.send(keys + "\r")
        return terminal.wait_for_prompt("kvtool> ")

    def leave(self, terminal):
        terminal.send("\x04")
        self.assertEqual(terminal.finish()[1], 0)

    def test_editing_and_recalling(self):
        shell = self.shell()
        self.ask(shell, "put k value")
        self.assertIn("\nvalue\r\n", self.ask(shell, "et k\x01g"))  # Ctrl-A: to the beginning
        self.assertIn("\nvalue\r\n", self.ask(shell, "get kX\x7f"))  # backspace
        self.assertIn("\nvalue\r\n", self.ask(shell, "\x1b[A"))  # up
        self.assertIn("\nvalue\r\n", self.ask(shell, "has k\x15get k"))  # Ctrl-U: drops the line
        self.leave(shell)

    def test_errors_are_told_and_the_shell_goes_on(self):
        shell = self.shell()
        self.assertIn("kvtool: no such command: bogus; see help", self.ask(shell, "bogus"))
        self.assertIn("kvtool: KEY is required; see help get", self.ask(shell, "get"))
        self.assertIn("a quote is not closed", self.ask(shell, "get 'k"))
        self.assertIn("no such key: k", self.ask(shell, "get k"))
        self.ask(shell, "put k 'still here'")
        self.assertIn("still here", self.ask(shell, "get k"))
        shell.send("quit\r")
        self.assertEqual(shell.finish()[1], 0)

    def test_control_c_drops_the_line(self):
        shell = self.shell()
        self.ask(shell, "put k value")
        shell.send("delete k\x03")
        self.assertIn("^C", shell.wait_for_prompt("kvtool> "))
        self.assertIn("\nvalue\r\n", self.ask(shell, "get k"))
        self.leave(shell)

    def test_an_interrupt_ends_a_scan_and_not_the_shell(self):
        self.output("load", "-", stdin=b"".join(b"%06d\tvalue\n" % i for i in range(100000)))
        shell = self.shell()
        shell.send("scan\r")
        shell.wait_for("000000\tvalue")  # the terminal takes no more until it is read
        shell.process.send_signal(signal.SIGINT)
        self.assertNotIn("099999", shell.wait_for("kvtool: interrupted"))
        shell.wait_for_prompt("kvtool> ")
        self.assertIn("\nvalue\r\n", self.ask(shell, "get 000007"))
        self.leave(shell)

    def test_control_z_stops_and_the_line_is_there_afterwards(self):
        shell = self.shell()
        self.ask(shell, "put k value")
        shell.send("get k\x1a")
        _, status = os.waitpid(shell.process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        shell.process.send_signal(signal.SIGCONT)
        shell.wait_for_prompt("kvtool> ")  # drawn again, with the line
        self.assertIn("\nvalue\r\n", self.ask(shell, ""))
        self.leave(shell)

    def test_the_editors_signals_are_for_the_main_thread(self):
        shell = self.shell()
        main = str(shell.process.pid)
        blocked = {
            thread.name: int(re.search(r"SigBlk:\t(\w+)", (thread / "status").read_text())[1], 16)
            for thread in pathlib.Path("/proc", main, "task").iterdir()}
        self.assertGreater(len(blocked), 1)  # RocksDB's
        for number in (signal.SIGCONT, signal.SIGWINCH):
            takers = [name for name, mask in blocked.items() if not mask >> (number - 1) & 1]
            self.assertEqual(takers, [main])
        self.leave(shell)

    def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                shell = self.shell()
                shell.process.send_signal(number)
                self.assertEqual(shell.process.wait(timeout=harness.PATIENCE_SECONDS), -number)
                wanted = termios.ICANON | termios.ISIG
                self.assertEqual(termios.tcgetattr(shell.descriptor)[3] & wanted, wanted)

    def test_characters_of_several_bytes(self):
        for locale in ("C.UTF-8", "C", "POSIX", "xx_XX.UTF-8"):  # the last one there is not
            with self.subTest(locale=locale):
                self.environment["LC_ALL"] = locale
                self.db = self.path("db-" + locale)
                shell = self.shell()
                self.ask(shell, "put é€x\x7f 'ü'")
                self.assertIn("ü\r\n", self.ask(shell, "get é€"))
                self.ask(shell, "put é€zz\x7f\x7f 'ö'")
                self.leave(shell)
                self.assertEqual(self.output("scan"), "é€\tö\n".encode())

    def test_history_is_kept_and_private(self):
        shell = self.shell()
        self.ask(shell, "put secret 42")
        self.leave(shell)
        history = self.path(".local/state/kvtool/history")
        self.assertEqual(stat.S_IMODE(os.stat(history).st_mode), 0o600)
        self.output("delete", "secret")
        shell = self.shell()
        self.ask(shell, "\x1b[A")  # up: the line of the shell before
        self.leave(shell)
        self.assertEqual(self.output("get", "secret"), b"42\n")

    def test_history_in_the_state_home(self):
        self.environment["XDG_STATE_HOME"] = self.path("state")
        shell = self.shell()
        self.ask(shell, "has k")
        self.leave(shell)
        self.assertTrue(os.path.exists(self.path("state/kvtool/history")))
        self.assertFalse(os.path.exists(self.path(".local")))

    def refused_history(self, words):
        """A shell that begins with a complaint of these words, and knows no line of another."""
        shell = self.terminal("shell")
        begin = shell.wait_for_prompt("kvtool> ")
        self.assertRegex(begin, rf"\nkvtool: [^\n]*/kvtool/history {words}: [^\n]+; [^\n]+\n")
        self.ask(shell, "has k")
        self.assertIn("has k", self.ask(shell, "\x1b[A"))  # up: what was typed here is recalled
        self.assertNotIn("stolen", self.ask(shell, "\x1b[A\x1b[A\x1b[A"))
        shell.send("quit\r")
        self.assertEqual(shell.finish(), ("quit\r\n", 0))

    def test_history_is_neither_read_from_nor_written_to_what_is_no_file_of_the_users_own(self):
        history = self.path(".local/state/kvtool/history")
        os.makedirs(os.path.dirname(history))
        content = b"_HiStOrY_V2_\nput\\040stolen\\0401\n"
        precious = self.write("precious", content)
        os.chmod(precious, 0o644)
        for words, make in (("is a symbolic link", lambda: os.symlink(precious, history)),
                            ("is a symbolic link", lambda: os.symlink("nowhere", history)),
                            ("is no regular file", lambda: os.mkfifo(history)),
                            ("is no regular file", lambda: os.mkdir(history))):
            make()
            before = os.lstat(history)
            with self.subTest(words, mode=oct(before.st_mode)):
                self.refused_history(words)
                self.assertEqual(os.lstat(history), before)
                self.assertEqual(os.listdir(os.path.dirname(history)), ["history"])
            os.rmdir(history) if stat.S_ISDIR(before.st_mode) else os.remove(history)
        self.assertFalse(os.path.exists(self.path(".local/state/kvtool/nowhere")))
        self.assertEqual(self.read("precious"), content)
        self.assertEqual(stat.S_IMODE(os.stat(precious).st_mode), 0o644)

    @unittest.skipIf(os.geteuid() != 0, "only root can give a file away")
    def test_history_of_another_user_is_left_alone(self):
        history = self.path(".local/state/kvtool/history")
        os.makedirs(os.path.dirname(history))
        self.write(history, b"_HiStOrY_V2_\nput\\040stolen\\0401\n")
        os.chown(history, 12345, 12345)
        before = os.lstat(history)
        self.refused_history("is another user's")
        self.assertEqual(os.lstat(history), before)

    def test_history_that_cannot_be_kept_is_told_and_nothing_else(self):
        self.write(".local", b"no directory")
        shell = self.shell()
        self.ask(shell, "has k")
        shell.send("quit\r")
        text, status = shell.finish()
        self.assertRegex(text, r"\Aquit\r\nkvtool: cannot write [^\n]*/history[^\n]*; [^\n]+\n\Z")
        self.assertEqual(status, 0)

    def test_no_editing_when_the_answers_are_piped_out(self):
        terminal = self.terminal("--json", "shell", streams=["stdin", "stderr"])
        terminal.send("put k v\nget k\nquit\n")
        self.assertEqual(terminal.process.stdout.read(),
                         b'{"key":"k","bytes":1}\n{"key":"k","value":"v","hit":true}\n')
        self.assertEqual(terminal.finish(), ("", 0))

    def test_no_editing_when_commands_are_piped_in(self):
        terminal = self.terminal("shell", streams=["stdout", "stderr"])
        terminal.process.stdin.write(b"put k v\nget k\n")
        terminal.process.stdin.close()
        self.assertEqual(terminal.finish(), ("v\r\n", 0))
        self.assertFalse(os.path.exists(self.path(".local")))


if __name__ == "__main__":
    harness.need_terminals()
    harness.main()
