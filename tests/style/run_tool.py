#!/usr/bin/env python3
"""Runs a tool on all files of the project whose names end so.

usage: run_tool.py SUFFIX,SUFFIX... COMMAND...
"""

import subprocess
import sys

import tree

suffixes = tuple(sys.argv[1].split(","))
found = [name for name in tree.files() if name.endswith(suffixes)]
sys.exit(subprocess.run([*sys.argv[2:], *found], cwd=tree.ROOT, check=False).returncode)
