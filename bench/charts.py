"""Bar charts as SVG, by gnuplot."""

import subprocess

# Of the palette by Okabe and Ito, which people see apart whatever their colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73")
BAR = 0.8  # of the height that a label has, shared by its series

HEAD = """\
set terminal svg size 800,{height} font "sans-serif,14" background "white"
set output "{path}"
set title "{title}"
set xlabel "{axis}"
set key outside top center horizontal samplen 1 font ",12"
set grid xtics lt 1 lc rgb "#cccccc"
set border 3
set tics nomirror
set xtics font ",12"
set ytics ({labels}) scale 0
set yrange [{count} - 0.4 : -0.6]
set style fill solid
set format x "{format}"
"""


def label_of(value):
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2f}"


def bars(path, title, axis, series, rows, log=False):
    """Draws `rows`, (label, [a value or None a series]), as groups of horizontal bars."""
    rows = [row for row in rows if any(value is not None for value in row[1])]
    if not rows:
        path.unlink(missing_ok=True)
        return
    values = [value for _, row in rows for value in row if value is not None]
    low = 10 ** (len(str(int(min(values)))) - 1) / 2 if log else min(0, *values)
    high = max(values) * 2 if log else max(values) * 1.15
    # gnuplot takes a mark's label for a format.
    labels = ", ".join(f'"{name.replace("%", "%%")}" {place}'
                       for place, (name, _) in enumerate(rows))
    script = HEAD.format(height=130 + len(rows) * (12 + 18 * len(series)), path=path, title=title,
                         axis=axis + ", log scale" * log, labels=labels, count=len(rows),
                         format="%.0f" if log else "%g")
    script += f"set xrange [{low}:{high}]\n" + ("set logscale x\n" if log else "")
    plots, blocks = [], []
    thick = BAR / len(series)
    for i, name in enumerate(series):
        lines = []
        for place, (_, row) in enumerate(rows):
            if row[i] is not None:
                middle = place - BAR / 2 + (i + 0.5) * thick
                lines.append(f'{row[i]} {middle} {max(low, 0)} {row[i]} {middle - thick / 2} '
                             f'{middle + thick / 2} "{label_of(row[i])}"')
        blocks.append(f"$s{i} << EOD\n" + "\n".join(lines) + "\nEOD\n")
        plots.append(f'$s{i} using 1:2:3:4:5:6 with boxxyerror lc rgb "{COLOURS[i]}" '
                     f'title "{name}"')
        plots.append(f'$s{i} using 1:2:7 with labels left offset 0.5,0 font ",12" notitle')
    script += "".join(blocks) + "plot " + ", ".join(plots) + "\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
