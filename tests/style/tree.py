"""The project's files, for the checks beside this one."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(root=ROOT):
    """Paths, relative to the root, of all files but those that git ignores."""
    if (root / ".git").exists():
        listing = subprocess.run(
            ["git", "-c", f"safe.directory={root}", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            cwd=root, check=True, capture_output=True, text=True).stdout
        names = [name for name in listing.split("\0") if name]
    else:  # an unpacked archive
        names = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, found in os.walk(root) for name in found]
        names = [name for name in names if not name.startswith("build" + os.sep)]
    return sorted(name for name in names if (root / name).is_file())
