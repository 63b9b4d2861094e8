"""Markdown tables between markers, as bench/RESULTS.md has them and README.md quotes them.

    <!-- begin: NAME -->
    ...
    <!-- end: NAME -->
"""

import re

BLOCK = re.compile(r"<!-- begin: (?P<name>[\w-]+) -->\n(?P<body>.*?)<!-- end: (?P=name) -->", re.S)


def block(name, body):
    """`body`, without blank lines around it, between its markers."""
    return f"<!-- begin: {name} -->\n\n{body.strip()}\n\n<!-- end: {name} -->"


def blocks(text):
    """{name: body} of what lies between markers."""
    return {match["name"]: match["body"].strip() for match in BLOCK.finditer(text)}


def replace(text, new):
    """`text` with the blocks that `new`, {name: body}, has."""
    return BLOCK.sub(lambda match: block(match["name"], new.get(match["name"], match["body"])),
                     text)


def table(header, rows):
    """A Markdown table with columns of one width, all but the first to the right."""
    lines = [header] + rows
    widths = [max(len(str(line[i])) for line in lines) for i in range(len(header))]
    rule = [":" + "-" * (widths[0] - 1)] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return "\n".join("| " + " | ".join(_cells(line, widths)) + " |"
                     for line in [header, rule] + rows)


def _cells(line, widths):
    first, *others = line
    return [str(first).ljust(widths[0])] + [
        str(cell).rjust(width) for cell, width in zip(others, widths[1:])]


def rows_of(body):
    """The cells of the table in `body`, header first, without its rule."""
    lines = [line for line in body.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return cells[:1] + cells[2:]


def number(value):
    """For a cell: with as many digits as the measurement is good for."""
    if value is None:
        return "not measured"
    return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}" if abs(value) < 100 \
        else f"{value:,.0f}"
