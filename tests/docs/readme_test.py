#!/usr/bin/env python3
"""Does what README.md says, in order, and compares what comes out with what README.md shows.

A `cpp` block becomes app.cc, a `cmake` block CMakeLists.txt, and the commands of the `console`
blocks run in one directory in which apps, tests and build/release are this project's. Output must
have the shape shown: numbers and units may differ, '...' stands for anything.

Usage: readme_test.py SOURCE_DIR BUILD_DIR CXX
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
FILES = {"cpp": "app.cc", "cmake": "CMakeLists.txt"}

# Too long here, or this test's own caller: what is run in their place.
INSTEAD = {
    "tests/run.sh": "test -x tests/run.sh",
    "apps/demo.sh": "apps/demo.sh --sample 3000 --built build/release",
}
OUTPUT_UNCHECKED = {"tests/run.sh"}

VARYING = re.compile(r"(\d[\d,.]*)|\b(B|KiB|MiB|GiB|ns|us|ms|s)\b|( +)|(\.\.\.)")


def pattern_of(shown):
    """A regular expression for outputs that have the shape of `shown`."""
    lines = []
    for line in shown.splitlines():
        if line.strip() == "...":
            lines.append(r"(?:.*\n)*?")
            continue
        pattern, end = "", 0
        for match in VARYING.finditer(line):
            number, unit, spaces, _ = match.groups()
            pattern += re.escape(line[end:match.start()])
            pattern += (r"\d[\d,.]*" if number else r"(?:[KMG]iB|B|[num]?s)" if unit
                        else " +" if spaces else ".*")
            end = match.end()
        lines.append(" *" + pattern.removeprefix(" +") + re.escape(line[end:]) + r" *\n")
    return "".join(lines)


def has_shape(output, shown):
    return re.fullmatch(pattern_of(shown), output) is not None


def commands_of(console):
    """(command, output shown), one a '$ ' line."""
    for part in re.split(r"^\$ ", console, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = command[:-1] + more
        yield command, shown


def run(command, shown, directory, environment):
    """The problem with it, or None."""
    done = subprocess.run(["bash", "-c", INSTEAD.get(command, command)], cwd=directory,
                          env=environment, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    status = re.search(r"# exit status (\d+)$", command)
    if done.returncode != (int(status.group(1)) if status else 0):
        return f"exit status {done.returncode}\n{done.stdout}"
    if command not in OUTPUT_UNCHECKED and not has_shape(done.stdout, shown):
        return f"shown:\n{shown}but it prints:\n{done.stdout}"
    return None


def check_itself():
    """What must match matches, and what must not does not."""
    right = [("a  1.5 s\n", "a 20 ms\n"), ("a\n...\nz\n", "a\nb\nc\nz\n"), ("x ...\n", "x y z\n")]
    wrong = [("a 1\n", "b 1\n"), ("a 1\n", "a x\n"), ("a\n", "a\nb\n"), ("a\n...\n", "b\n")]
    if not all(has_shape(output, shown) for shown, output in right):
        sys.exit("readme_test.py is wrong: it refuses what has the right shape")
    if any(has_shape(output, shown) for shown, output in wrong):
        sys.exit("readme_test.py is wrong: it accepts what has another shape")


def main():
    source, build, cxx = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    check_itself()
    readme = (source / "README.md").read_text(encoding="utf-8")
    problems = count = 0
    with tempfile.TemporaryDirectory() as scratch:
        directory = pathlib.Path(scratch)
        (directory / "build").mkdir()
        (directory / "build/release").symlink_to(build)
        for name in ("apps", "data", "tests"):
            (directory / name).symlink_to(source / name)
        environment = {**os.environ, "HOME": scratch, "CXX": cxx, "LC_ALL": "C.UTF-8",
                       "PATH": f"{build}/apps/kvtool:{os.environ['PATH']}"}
        for language, text in BLOCK.findall(readme):
            if language in FILES:
                (directory / FILES[language]).write_text(text, encoding="utf-8")
            if language != "console":
                continue
            for command, shown in commands_of(text):
                count += 1
                problem = run(command, shown, directory, environment)
                if problem:
                    problems += 1
                    print(f"README.md: {command}\n{problem}\n")
    print(f"{count} commands, {problems} problems")
    return 1 if problems or not count else 0


if __name__ == "__main__":
    sys.exit(main())
