"""What kvtool writes, RocksDB's own ldb reads, and the other way round; binary keys included."""

import shutil
import subprocess

import harness

LDB = shutil.which("ldb")


class Interoperation(harness.TestCase):
    def ldb(self, *arguments, stdin=b""):
        done = subprocess.run([LDB, "--db=" + self.db, *arguments], input=stdin,
                              capture_output=True, timeout=harness.PATIENCE_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_ldb_reads_what_kvtool_writes(self):
        self.output("put", "k", "v")
        self.output("--hex", "put", "0x00FF0A", "0x0D00")
        self.output("put", "gone", "v")
        self.output("delete", "gone")
        self.assertEqual(self.ldb("get", "k"), b"v\n")
        self.assertEqual(self.ldb("--hex", "get", "0x00FF0A"), b"0x0D00\n")
        self.assertEqual(self.ldb("--hex", "scan"), b"0x00FF0A : 0x0D00\n0x6B : 0x76\n")

    def test_ldb_reads_what_kvtool_loads(self):
        self.output("load", "-", stdin=b"a\\tb\t1\\n\nc\t2\n")
        self.assertEqual(self.ldb("--hex", "scan"), b"0x610962 : 0x310A\n0x63 : 0x32\n")

    def test_kvtool_reads_what_ldb_writes(self):
        self.ldb("put", "--create_if_missing", "k", "v")
        self.ldb("--hex", "put", "0xFF00", "0x0A0D")
        self.assertEqual(self.output("get", "k"), b"v\n")
        self.assertEqual(self.output("--hex", "get", "0xFF00"), b"0x0A0D\n")
        self.assertEqual(self.output("--hex", "scan"), b"0x6B\t0x76\n0xFF00\t0x0A0D\n")
        self.assertEqual(self.output("get", "--raw", "--hex", "ff00"), b"\n\r")
        self.ldb("delete", "k")
        self.run_status(1, "has", "k")
        self.ldb("--hex", "put", "0xFF00", "0x01")
        self.assertEqual(self.output("--hex", "get", "0xFF00"), b"0x01\n")

    def test_column_families(self):
        self.output("put", "k", "default")
        self.ldb("create_column_family", "other")
        self.output("--column-family", "other", "put", "k", "in other")
        self.assertEqual(self.ldb("--column_family=other", "get", "k"), b"in other\n")
        self.assertEqual(self.ldb("get", "k"), b"default\n")
        self.assertEqual(self.output("--column-family", "other", "scan"), b"k\tin other\n")


if __name__ == "__main__":
    if LDB is None:
        harness.skip("no ldb; it is in Debian's package rocksdb-tools")
    harness.main()
