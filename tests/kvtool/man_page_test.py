"""The man page renders without a warning."""

import os
import shutil
import subprocess
import unittest

import harness

GROFF = shutil.which("groff")


class ManPage(unittest.TestCase):
    def test_it_renders_without_a_warning(self):
        page = os.path.join(harness.PROJECT, "apps", "kvtool", "kvtool.1")
        done = subprocess.run([GROFF, "-ww", "-man", "-Tutf8", page], capture_output=True,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"KVTOOL(1)", done.stdout)


if __name__ == "__main__":
    if GROFF is None:
        harness.skip("no groff; it is in Debian's package groff-base")
    harness.main()
