#!/usr/bin/env python3
"""Makes mutants by rule of the protocol's and the policies' sources, for weave.py.

usage: generate.py LIB_DIR            # prints those that are chosen

One rule each:

    compare  a comparison changed: < and <=, > and >=, == and != for each other
    logic    && and || for each other
    negate   a negation dropped
    one      + 1 or - 1 dropped, 1 - x made 0 - x
    drop     a statement dropped: an assignment, a call, ++, --, or an early return, continue, break

All places where a rule applies are found in the order of the text; of each file and rule every few
are chosen, so that all are represented. A mutant is named by file, rule and its number among these
places. Sources are read as clang-format leaves them: spaces around binary operators, none in
template arguments.
"""

import bisect
import pathlib
import re
import sys

# Below LIB_DIR. Of a file with a tuple, only these functions: the others are about memory.
FILES = {
    "cache/audit.cc": None,
    "cache/flight_table.h": None,
    "cache/in_flight.cc": None,
    "cache/read_ahead.cc": None,
    "cache/read_path.cc": None,
    "cache/write_path.cc": None,
    "cache/writes.cc": None,
    "tier/memory_tier.cc": ("Link", "Drop", "Peek", "HitLocked", "ToAudit", "Repair", "Move"),
    "tier/shard.cc": None,
}
POLICIES = "policy"  # every header in there

ONE_IN = 12  # of the places of a file and a rule, and one at least

OPPOSITE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||",
            "||": "&&"}

# Places that the rules find and that are no mutants: name and reason. An entry whose name there is
# not is an error.
EXCLUDED = {}


class Source:
    """A file's text; `code`, the same with comments and literals blanked; and what lies where."""

    def __init__(self, text):
        self.text = text
        self.code = blank(text)
        self.blocks = {}  # where a { ( or [ begins: where it ends
        self.around = []  # for each place the innermost of these around it, or None
        self.bodies = {}  # for each {: None if no statements are in it, else if they may be mutated
        self.line_starts = [0] + [match.end() for match in re.finditer("\n", text)]
        self._find_blocks()

    def _find_blocks(self):
        stack = []
        for at, char in enumerate(self.code):
            if char in ")]}":
                self.blocks[stack.pop()] = at
            self.around.append(stack[-1] if stack else None)
            if char in "([{":
                if char == "{":
                    self.bodies[at] = self._body(at, stack)
                stack.append(at)

    def _body(self, at, stack):
        header = self.code[self.statement_begin(at):at]
        if not re.search(r"([])]|\b(else|try|do|const|override|noexcept)|\) -> [\w:<>,&* ]+)\s*$",
                         header):
            return None
        outer = [self.bodies[begin] for begin in stack if begin in self.bodies]
        return "constexpr" not in header and False not in outer

    def statement_begin(self, at):
        """Where what stands before `at` begins: after the last ; { } or the like."""
        begin = max(self.code.rfind(char, 0, at) for char in ";{}") + 1
        return begin + len(self.code[begin:at]) - len(self.code[begin:at].lstrip())

    def line(self, at):
        return bisect.bisect_right(self.line_starts, at)

    def in_code(self, at):
        """Whether a function's body is around this place, one that runs at run time."""
        while at is not None:
            at = self.around[at]
            if at in self.bodies and self.bodies[at] is not None:
                return self.bodies[at]
        return False


def blank(text):
    """The text with comments, literals and preprocessor's lines blanked, of the same length."""
    pattern = r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])'|^#[^\n]*"""
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match.group()), text,
                  flags=re.M | re.S)


def operand_bounds(source, begin, end, stops):
    """Where the expression around an operator at [begin, end) begins and ends, which reaches to the
    next of the operators `stops`, a pattern, to assignments, ?, : and what encloses it. None: it
    cannot be told.
    """
    code = source.code
    stop = re.compile(rf"[;,?]|\breturn\b|(?<!:):(?!:)|\s(?:[-+*/|&^]|<<|>>)?=\s|{stops}")
    inside = source.around[begin]
    if inside is None:
        return None
    left, right = inside + 1, source.blocks[inside]
    at = left
    while at < right:
        if at in source.blocks:
            if code[at] == "{" and at > end:
                return None
            at = source.blocks[at] + 1
            if code[at - 1] == "}":
                left = at
            continue
        if match := stop.match(code, at):
            if at >= end:
                right = at
                break
            left = match.end()
        at += 1
    left += len(code[left:begin]) - len(code[left:begin].lstrip())
    right = end + len(code[end:right].rstrip())
    if left >= begin or right <= end:
        return None
    return left, right


def postfix_end(source, at):
    """Where the expression that begins here ends: names, calls, indexes, members."""
    code = source.code
    while code[at] in "*&":
        at += 1
    while True:
        match = re.compile(r"\w+|::|\.|->|<[\w:, ]+>(?=\()").match(code, at)
        if match:
            at = match.end()
        elif code[at] in "([":
            at = source.blocks[at] + 1
        else:
            return at


def compares(source):
    for match in re.finditer(r"(?<=\s)([<>]=?|[=!]=)(?=\s)", source.code):
        bounds = operand_bounds(source, *match.span(), r"\s(?:&&|\|\|)\s")
        if bounds:
            yield *bounds, swapped(source, bounds, match)


def logics(source):
    for match in re.finditer(r"(?<=\s)(&&|\|\|)(?=\s)", source.code):
        bounds = operand_bounds(source, *match.span(), r"(?!)")
        if bounds:
            yield *bounds, swapped(source, bounds, match)


def swapped(source, bounds, match):
    return (source.text[bounds[0]:match.start()] + OPPOSITE[match.group()] +
            source.text[match.end():bounds[1]])


def negates(source):
    for match in re.finditer(r"!(?!=)", source.code):
        end = postfix_end(source, match.end())
        # Twice negated: of the type of the original, whatever it is that was negated.
        yield match.start(), end, "!" + source.text[match.start():end]


def ones(source):
    for match in re.finditer(r"(?<=\s[-+]\s)1\b(?![.'])|(?<![.\w'])1(?=\s[-+]\s)", source.code):
        yield *match.span(), "0"


STATEMENT = re.compile(r"""
    (?: \+\+ | -- | \*?[\w:]+ (?: (?:->|\.)\w+ | \[[^][]*\] | \([^()]*\) )* \s [-+*/|&^]?=\s
      | \*?[\w:]+ (?: (?:->|\.)\w+ | \[[^][]*\] | \([^()]*\) )* \(
      | \*?[\w:]+ (?: (?:->|\.)\w+ | \[[^][]*\] | \([^()]*\) )* (?:\+\+|--) ;
    )""", re.X)
KEYWORDS = re.compile(r"(?:return|if|for|while|switch|case|throw|using|static_assert|assert|sizeof|"
                      r"else|do|goto|delete|new)\b")
EARLY_EXIT = re.compile(r"(?:return|continue|break)\b")
AFTER_STATEMENT = re.compile(r"(?<=[;{}])\s+")


def drops(source):
    code = source.code
    begins = {match.end() for match in AFTER_STATEMENT.finditer(code)}
    for match in re.finditer(r"\b(?:if|for|while) \(", code):
        closed = source.blocks[match.end() - 1] + 1
        begins.add(closed + len(code[closed:]) - len(code[closed:].lstrip()))
    begins |= {match.end() for match in re.finditer(r"\belse\s+", code)}
    for begin in sorted(begins):
        inside = source.around[begin] if begin < len(code) else None
        if inside is None or code[inside] != "{" or source.bodies[inside] is None:
            continue
        end = statement_end(source, begin)
        if end is None:
            continue
        if code.startswith("if (", begin):
            after = source.blocks[begin + 3] + 1
            exits = EARLY_EXIT.match(code[after:].lstrip())
            if exits and not re.match(r"\s*else\b", code[end:]):
                yield begin, end, ""
        elif STATEMENT.match(code, begin) and not KEYWORDS.match(code, begin):
            yield begin, end, ""


def statement_end(source, begin):
    """After the ; of the simple statement that begins here."""
    at = begin
    while source.code[at] != ";":
        if source.code[at] in ")]}":
            return None
        at = source.blocks.get(at, at) + 1
    return at + 1


RULES = {"compare": compares, "logic": logics, "negate": negates, "one": ones, "drop": drops}


def skipped(source, begin, end):
    """What can be seen to be fixed when it is compiled, or not compiled at all."""
    statement = source.code[source.statement_begin(begin):end]
    return (not source.in_code(begin) or
            re.search(r"\b(constexpr|static_assert|assert|requires|operator)\b", statement))


def functions_of(source, names):
    """Where the definitions of these functions begin and end."""
    pattern = rf"^\S[^\n]*\b\w+::(?:{'|'.join(names)})\([^;{{]*{{"
    return [(match.start(), source.blocks[match.end() - 1])
            for match in re.finditer(pattern, source.code, re.M)]


def candidates(file, text, functions=None):
    """All mutants of a file, by rule and in order."""
    source = Source(text)
    spans = functions_of(source, functions) if functions else [(0, len(text))]
    stem = pathlib.PurePath(file).stem.replace("_", "-")
    found = []
    for rule, places in RULES.items():
        number = 0
        for begin, end, replacement in places(source):
            if skipped(source, begin, end) or not any(a <= begin < b for a, b in spans):
                continue
            number += 1
            original = text[begin:end]
            shown = " ".join(original.split())
            breaks = f"{shown} dropped"
            if replacement:
                breaks = f"{shown} made {' '.join(replacement.split())}"
            found.append({"name": f"{stem}-{rule}-{number}", "rule": rule, "breaks": breaks,
                          "line": source.line(begin),
                          "edit": [{"file": file, "at": begin, "original": original,
                                    "replacement": replacement}]})
    return found


def choose(found):
    """Of each file and rule every few, from the middle of the first few on."""
    groups = {}
    for mutant in found:
        groups.setdefault((mutant["edit"][0]["file"], mutant["rule"]), []).append(mutant)
    return [mutant for group in groups.values()
            for mutant in group[min(len(group) - 1, ONE_IN - 1) // 2::ONE_IN]]


def generate(lib):
    """The chosen mutants of the sources below `lib`."""
    lib = pathlib.Path(lib)
    files = dict(FILES)
    files |= {str(path.relative_to(lib)): None for path in sorted((lib / POLICIES).glob("*.h"))}
    found = []
    for file, functions in sorted(files.items()):
        found += candidates(file, (lib / file).read_text(encoding="utf-8"), functions)
    unknown = EXCLUDED.keys() - {mutant["name"] for mutant in found}
    if unknown:
        raise ValueError(f"excluded, and there is none: {', '.join(sorted(unknown))}")
    return choose([mutant for mutant in found if mutant["name"] not in EXCLUDED])


def describe(mutant):
    return f"{mutant['name']}  {mutant['edit'][0]['file']}:{mutant['line']}: {mutant['breaks']}"


if __name__ == "__main__":
    for chosen in generate(sys.argv[1]):
        print(describe(chosen))
