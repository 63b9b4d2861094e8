#!/usr/bin/env python3
"""Weaves mutants into copies of the library's sources, all at once; one is chosen at run time.

usage: weave.py SOURCE_DIR OUTPUT_DIR LIST.toml...

A list says what each mutant puts in place of what:

    [[mutant]]
    name = "no-such-check"           # KVCACHE_MUTANT=no-such-check chooses it
    breaks = "one line: what is wrong then"
    [[mutant.edit]]                  # one or more
    file = "cache/in_flight.cc"      # below SOURCE_DIR
    original = "if (a) Do();"        # found exactly once in the file, or in `within`
    replacement = "Do();"            # may be empty, for a statement
    within = "..."                   # optional: a text found exactly once, to tell which `original`
    at = 123                         # optional, for lists that are made: where the original begins

A list may hold more keys, for those who run the mutants. An original that ends with ; or } is one
or more whole statements that declare nothing for those after them, and becomes

    if (::kvcache::mutant::Is(7)) { replacement } else { original }

Any other is an expression: (::kvcache::mutant::Is(7) ? (replacement) : (original)), whose two sides
have to have one type. Originals may lie within each other, or be the same; of mutants that overlap
otherwise one has to be given more text. With KVCACHE_MUTANT unset or empty the copy does what the
library does; a name that there is not ends the program with status 2.

Of names, numbers follow: in a woven source a mutant is its place among those of all lists.
"""

import pathlib
import re
import sys
import tomllib

HEADER = "base/mutant.h"

HEADER_TEXT = """\
// Which mutant is chosen. Written by weave.py.
#pragma once

namespace kvcache::mutant {

extern const int chosen;  // 0: none

inline bool Is(int number) { return chosen == number; }

}  // namespace kvcache::mutant
"""

SOURCE = "base/mutant.cc"

SOURCE_TEXT = """\
// Which mutant is chosen. Written by weave.py.
#include "base/mutant.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace kvcache::mutant {{
namespace {{

constexpr std::string_view kNames[] = {{"", {names}}};

int Choose() {{
  const char* name = std::getenv("KVCACHE_MUTANT");
  if (name == nullptr) return 0;
  for (int number = 0; number < {count}; ++number) {{
    if (kNames[number] == name) return number;
  }}
  std::fprintf(stderr, "KVCACHE_MUTANT=%s: there is no such mutant\\n", name);
  std::_Exit(2);
}}

}}  // namespace

extern const int chosen = Choose();

}}  // namespace kvcache::mutant
"""


class ListError(Exception):
    """A list that cannot be woven: what is wrong, and with which mutant."""


def read_lists(paths):
    """All mutants of these files, in order."""
    mutants = []
    for path in paths:
        mutants += tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))["mutant"]
    names = set()
    for mutant in mutants:
        name = mutant["name"]
        if not re.fullmatch("[a-z0-9-]+", name):
            raise ListError(f"{name}: a name is of a to z, 0 to 9 and -")
        if name in names:
            raise ListError(f"{name}: there are two of this name")
        names.add(name)
        if not mutant["breaks"] or not mutant["edit"]:
            raise ListError(f"{name}: it has to break something")
    return mutants


def only_place(text, part, what):
    """Where `part` begins in `text`, in which it is exactly once."""
    count = text.count(part) if part else 0
    if count != 1:
        raise ListError(f"{what} is there {count} times, not once:\n{part}")
    return text.index(part)


class Place:
    """A stretch of a file, what stands there, and what mutants put there."""

    def __init__(self, begin, end):
        self.begin = begin
        self.end = end
        self.replacements = []  # (number, text)
        self.inner = []         # places within this one, in order

    def woven(self, text):
        pieces = []
        at = self.begin
        for place in self.inner:
            pieces += [text[at:place.begin], place.woven(text)]
            at = place.end
        result = "".join(pieces) + text[at:self.end]
        statement = text[self.begin:self.end].rstrip()[-1:] in (";", "}")
        for number, replacement in self.replacements:
            condition = f"::kvcache::mutant::Is({number})"
            if statement:
                # On lines of their own: either may end with a comment.
                result = f"if ({condition}) {{\n{replacement}\n}} else {{\n{result}\n}}"
            else:
                result = f"({condition} ? ({replacement}) : ({result}))"
        return result


def places_of(text, edits):
    """The outermost places of (number, name, edit) in the text of a file, as a place of it all."""
    places = {}
    for number, name, edit in edits:
        what = f"{name}: {edit['file']}: what is to be replaced"
        begin = 0
        within = text
        if "at" in edit:
            begin = edit["at"]
            within = text[begin:begin + len(edit["original"])]
        elif "within" in edit:
            within = edit["within"]
            begin = only_place(text, within, f"{name}: {edit['file']}: `within`")
        begin += only_place(within, edit["original"], what)
        end = begin + len(edit["original"])
        if edit["replacement"] == edit["original"]:
            raise ListError(f"{name}: {edit['file']}: the replacement is the original")
        places.setdefault((begin, end), Place(begin, end)).replacements.append(
            (number, edit["replacement"]))
    whole = Place(0, len(text))
    # Of places with one beginning the longest comes first: it is around the others.
    open_places = [whole]
    for (begin, end), place in sorted(places.items(), key=lambda item: (item[0][0], -item[0][1])):
        while begin >= open_places[-1].end:
            open_places.pop()
        if end > open_places[-1].end:
            names = [name for number, name, _ in edits
                     if number in (place.replacements[0][0], open_places[-1].replacements[0][0])]
            raise ListError(f"{' and '.join(names)}: they overlap in {edits[0][2]['file']}: "
                            "let one be around the other")
        open_places[-1].inner.append(place)
        open_places.append(place)
    return whole


def weave(text, edits):
    """The text of a file with all of its edits, (number, name, edit), woven in."""
    woven = places_of(text, edits).woven(text)
    return f'#include "{HEADER}"\n' + woven


def weave_all(files, mutants):
    """The woven copy of all files, {path: text}."""
    edits = {}
    for number, mutant in enumerate(mutants, 1):
        for edit in mutant["edit"]:
            if edit["file"] not in files:
                raise ListError(f"{mutant['name']}: there is no file {edit['file']}")
            edits.setdefault(edit["file"], []).append((number, mutant["name"], edit))
    woven = {path: weave(text, edits[path]) if path in edits else text
             for path, text in files.items()}
    names = ", ".join(f'"{mutant["name"]}"' for mutant in mutants)
    woven[HEADER] = HEADER_TEXT
    woven[SOURCE] = SOURCE_TEXT.format(names=names, count=len(mutants) + 1)
    return woven


def write(files, output):
    """Writes {path: text} below `output`. What is as it was keeps its time, so that it is not
    compiled again.
    """
    for path, text in files.items():
        target = output / path
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def main():
    source, output, *lists = (pathlib.Path(argument) for argument in sys.argv[1:])
    files = {str(path.relative_to(source)): path.read_text(encoding="utf-8")
             for path in sorted(source.rglob("*")) if path.suffix in (".h", ".cc")}
    try:
        woven = weave_all(files, read_lists(lists))
    except ListError as error:
        print(f"weave.py: {error}", file=sys.stderr)
        return 1
    write(woven, output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
