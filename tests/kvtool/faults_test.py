"""What a user of kvtool sees of faults below it: exit status 3 and one line that says what and
where; and that it works again once the fault is gone."""

import glob
import hashlib
import os
import resource
import subprocess
import tempfile
import unittest

import harness

NOBODY = 65534


def value(number):
    """Does not compress well, so that files have as many bytes as are written."""
    return hashlib.sha512(b"%d" % number).hexdigest().encode()


class Faults(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.pairs = self.write(
            "pairs.tsv", b"".join(b"key%05d\t%s\n" % (i, value(i)) for i in range(2000)))
        self.run_status(0, "load", self.pairs)
        self.output("shell")  # opening it makes a file of what is in the log

    def complaint(self, *arguments, **options):
        message = self.failure(3, *arguments, **options)
        self.assertIn(self.db, message)
        return message

    def file_of_database(self, pattern):
        return max(glob.glob(os.path.join(self.db, pattern)), key=os.path.getsize)

    def flip(self, path, at):
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0x40]))

    def check_intact(self):
        self.assertEqual(self.output("get", "key00007"), value(7) + b"\n")
        self.assertEqual(self.output("scan", "--keys-only").count(b"\n"), 2000)

    def test_files_that_may_not_grow(self):
        self.count_no_coverage()
        limit = 100_000  # enough for RocksDB's info log

        def set_limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        message = self.complaint("load", self.pairs, preexec_fn=set_limit)
        self.assertIn("File too large", message)
        self.check_intact()
        self.run_status(0, "load", self.pairs)

    def test_a_full_disk(self):
        with tempfile.TemporaryDirectory() as small:
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "kvcache", small],
                                     capture_output=True, check=False)
            if mounted.returncode != 0:
                self.skipTest("no right to mount a small file system")
            self.addCleanup(subprocess.run, ["umount", small], stderr=subprocess.DEVNULL,
                            check=False)
            self.db = os.path.join(small, "db")
            self.output("put", "k", "v")
            message = self.complaint("load", self.pairs)
            self.assertIn("the disk is full", message)
            self.assertIn("No space left on device", message)
            subprocess.run(["mount", "-o", "remount,size=20m", small], check=True)
            self.assertEqual(self.output("get", "k"), b"v\n")
            self.run_status(0, "load", self.pairs)
            subprocess.run(["umount", small], check=True)

    @unittest.skipUnless(os.geteuid() == 0, "permissions are tested as another user")
    def test_a_directory_without_the_right_to_write(self):
        self.let_another_user_run_it()
        subprocess.run(["chmod", "-R", "a+rX", self.db], check=True)
        message = self.complaint("put", "k", "v", user=NOBODY)
        self.assertIn("LOCK: Permission denied", message)
        self.assertIn("opened for reading only, it needs no right to write", message)
        for flags in ([], ["--read-only"]):
            self.assertEqual(self.output(*flags, "get", "key00007", user=NOBODY), value(7) + b"\n")
        os.chmod(self.db, 0o700)
        self.assertIn("Permission denied", self.complaint("get", "key00007", user=NOBODY))
        self.db = self.path("new")
        self.assertIn("Permission denied", self.complaint("put", "k", "v", user=NOBODY))

    def test_a_flipped_byte_of_data(self):
        file = self.file_of_database("*.sst")
        self.flip(file, 1000)
        message = self.complaint("get", "key00000")
        self.assertIn("orruption", message)
        self.assertIn(os.path.basename(file), message)
        self.assertNotIn("key00", message)
        self.assertEqual(self.output("get", "key01999"), value(1999) + b"\n")
        done = self.run_status(3, "scan", "--from", "key00000", "--limit", "3")
        self.assertIn("orruption", self.one_complaint(done))
        self.flip(file, 1000)
        self.check_intact()

    def test_manifest_is_gone(self):
        manifest = self.file_of_database("MANIFEST-*")
        os.rename(manifest, self.path("elsewhere"))
        for arguments in (["get", "key00007"], ["put", "k", "v"], ["--read-only", "scan"]):
            self.assertIn(manifest, self.complaint(*arguments))
        os.rename(self.path("elsewhere"), manifest)
        self.check_intact()

    def test_current_is_gone(self):
        name = os.path.basename(self.file_of_database("MANIFEST-*"))
        os.remove(os.path.join(self.db, "CURRENT"))
        for arguments in (["get", "key00007"], ["put", "k", "v"], ["--read-only", "scan"],
                          ["load", self.pairs]):
            message = self.complaint(*arguments)
            self.assertIn(f"CURRENT is gone: write the line {name} into it", message)
        self.write("db/CURRENT", name.encode() + b"\n")
        self.check_intact()


if __name__ == "__main__":
    harness.main()
