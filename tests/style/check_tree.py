#!/usr/bin/env python3
"""Checks the shape of the tree: what lies at the top, which floor may include which, sizes of files
and functions, sources that no build lists, suppressions without a reason, and words that must not
be there.

`check` is a pure function of the files' texts; check_tree_test.py shows that it finds each fault.
"""

import pathlib
import re
import sys

import tree

TOP_LEVEL = {
    "CMakeLists.txt", "lib", "apps", "tests", "bench", "data", "README.md", "CMakePresets.json",
    "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", ".clang-format", ".clang-tidy", ".editorconfig",
    ".gitignore", ".ci",
}

# An include goes to a lower floor or stays in its own folder. Floor 4 is not included by others.
FLOORS = {
    "lib/include": 0, "lib/base": 0, "lib/policy": 1, "lib/store": 2, "lib/tier": 2,
    "lib/cache": 3, "lib/simulate": 3, "apps": 4, "bench": 4, "tests": 4,
}
ROCKSDB_USERS = ("lib/store/rocksdb_", "apps/kvtool/bench_systems.cc", "tests/", "bench/")

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100

CODE = re.compile(r"\.(h|cc|py|sh|cmake|bash|awk)$|(^|/)CMakeLists\.txt$|^\.ci/run$")
CPP = re.compile(r"\.(h|cc)$")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)

# Each written so that it does not match itself.
FORBIDDEN = {
    "absolute path of a machine that the project was written on": r"(?<![\w.-])/wor[k]\b",
    "host of a package registry": r"\b(?:(?:deb|security|archive|snapshot)\.debian\.org"
                                  r"|pypi\.org|pythonhosted\.org|registry\.npmjs\.org"
                                  r"|proxy\.golang\.org|crates\.io)\b",
}


def check(files):
    """Problems, as lines 'path:line: what', of a tree given as {path: text}."""
    problems = [f"{top}: does not belong at the top level: put it into a folder there"
                for top in sorted({path.split("/")[0] for path in files} - TOP_LEVEL)]
    for path, text in sorted(files.items()):
        problems += forbidden_words(path, text)
        if CODE.search(path):
            problems += file_size(path, text)
        if CPP.search(path):
            problems += includes(path, text, files)
            problems += function_sizes(path, text)
            problems += unlisted(path, files)
            problems += bare_suppressions(path, text)
    return problems


def forbidden_words(path, text):
    return [f"{path}:{line_of(text, match.start())}: {match.group()}: {what}"
            for what, pattern in FORBIDDEN.items() for match in re.finditer(pattern, text)]


def file_size(path, text):
    lines = text.splitlines()
    problems = [f"{path}:{number}: {len(line)} columns, at most {MAX_COLUMNS}"
                for number, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS]
    if len(lines) > MAX_FILE_LINES:
        problems.append(f"{path}:1: {len(lines)} lines, at most {MAX_FILE_LINES}: split the file")
    return problems


SUPPRESSION = re.compile(r"\bNOLINT(?!END\b)\w*(?P<reasoned>\([\w.,* -]+\): *\S)?")


def bare_suppressions(path, text):
    return [f"{path}:{line_of(text, match.start())}: {match.group()} names no check or no reason: "
            f"write {match.group()}(check): reason"
            for match in SUPPRESSION.finditer(text) if not match.group("reasoned")]


def folder_of(path):
    """The folder that has a floor: 'lib/tier' of 'lib/tier/shard.h', 'apps' of 'apps/x/y.cc'."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "lib" else parts[0]


def includes(path, text, files):
    problems = []

    def report(match, what):
        problems.append(f"{path}:{line_of(text, match.start())}: {match.group(2)}: {what}")

    folder = folder_of(path)
    if folder not in FLOORS:
        return [f"{path}:1: {folder} has no floor: see FLOORS in tests/style/check_tree.py"]
    for match in INCLUDE.finditer(text):
        quote, name = match.groups()
        if name.startswith("rocksdb/") and not path.startswith(ROCKSDB_USERS):
            report(match, "only the store, tests and what measures RocksDB may include it")
        target = resolve(path, name, files)
        if target is None:
            if quote == '"':
                report(match, 'no such file of this project; others go in <>')
            elif folder == "lib/include" and "/" in name and not name.startswith("sys/"):
                report(match, "a public header includes the standard library and kvcache/ only")
            continue
        its = folder_of(target)
        if folder == its or folder == "tests":
            continue
        public_from_base = its == "lib/include" and folder == "lib/base"
        if FLOORS[its] >= FLOORS[folder] and not public_from_base:
            report(match, f"{folder} (floor {FLOORS[folder]}) may not include {its} "
                          f"(floor {FLOORS[its]}): includes go down")
    return problems


def resolve(path, name, files):
    """The project's file that an include names, as the compiler would find it."""
    beside = str(pathlib.PurePosixPath(path).parent / name)
    for candidate in (beside, f"lib/{name}", f"lib/include/{name}", f"apps/{name}",
                      f"tests/{name}", f"bench/{name}"):
        if candidate in files:
            return candidate
    return None


def unlisted(path, files):
    """Sources and public headers that no CMakeLists.txt above them names: built by nobody."""
    if not path.endswith(".cc") and not path.startswith("lib/include/"):
        return []
    for folder in pathlib.PurePosixPath(path).parents:
        cmake = files.get(str(folder / "CMakeLists.txt"), "")
        name = re.escape(str(pathlib.PurePosixPath(path).relative_to(folder)))
        if re.search(rf"(?<![\w.-]){name}(?![\w.-])", re.sub(r"#.*", "", cmake)):
            return []
    return [f"{path}:1: no CMakeLists.txt lists it"]


# What is not code: literals, comments and preprocessor lines. Numbers come first because of the
# quotes in 1'000.
NOT_CODE = re.compile(
    r"""(?P<number>\b\d[\w'.]*)
      | R"(?P<mark>[^\s(]*)\(.*?\)(?P=mark)"
      | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
      | //[^\n]* | /\*.*?\*/
      | ^[ \t]*\#(?:\\\n|[^\n])*""", re.S | re.M | re.X)
BEFORE_HEAD = re.compile(r"(?:\s|\b(?:public|private|protected):)*")
TYPE = re.compile(r"\b(?:namespace|class|struct|union|enum)\b")


def function_sizes(path, text):
    return [f"{path}:{first}: a function of {last - first + 1} lines, at most {MAX_FUNCTION_LINES}"
            for first, last in functions(text) if last - first + 1 > MAX_FUNCTION_LINES]


def functions(text):
    """First and last line of each outermost function, in text that clang-format has formatted."""
    code = NOT_CODE.sub(
        lambda m: m.group() if m.group("number") else " " + "\n" * m.group().count("\n"), text)
    open_braces = []  # (what the brace opens, where its head starts)
    head = 0          # the declaration being read starts here
    for mark in re.finditer("[;{}]", code):
        char, at = mark.group(), mark.start()
        closed = None
        if char == "{":
            nested = open_braces and open_braces[-1][0] != "scope"
            open_braces.append(("nested" if nested else opened_by(code[head:at]), head))
        elif char == "}" and open_braces:
            closed, start = open_braces.pop()
            if closed == "function":
                yield line_of(code, BEFORE_HEAD.match(code, start).end()), line_of(code, at)
        in_scope = not open_braces or open_braces[-1][0] == "scope"
        if in_scope and closed != "initializer":
            head = at + 1


def opened_by(head):
    """What a brace after `head` opens. clang-format puts a space before a body's brace and none
    before an initializer's."""
    while (shorter := re.sub(r"<[^<>]*>", "", head)) != head:
        head = shorter
    if TYPE.search(head.split("(")[0]):
        return "scope"
    if not head[-1:].isspace() or head.rstrip().endswith("="):
        return "initializer"
    return "function" if "(" in head else "scope"


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def main():
    files = {}
    for name in tree.files():
        try:
            files[name] = (tree.ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            files[name] = ""  # not text
    problems = check(files)
    print("\n".join(problems + [f"{len(files)} files, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
