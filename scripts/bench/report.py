#!/usr/bin/env python3
"""usage: report.py FOLDER

Compares the measurements in FOLDER/benchmark.json with the project's budgets. Writes FOLDER/benchmark.md
with two tables, and FOLDER/benchmark.svg, a bar chart that is readable on light and dark pages. Also prints
the tables and, if FOLDER is docs, writes them into the README between its marks.
"""

import json
import pathlib
import statistics
import sys
from html import escape

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- benchmark -->", "<!-- end of benchmark -->"

KB = 1024
US = 1e3
MS = 1e6

# Row -> its label, in the order of the table.
ROWS = {
    "floor": "a static C program that opens, reads and writes 2 KB",
    "hit": "**a hit**: encrypted, called by a Kubernetes client",
    "hit from a shell": "a hit, called by a shell",
    "hit, not encrypted": "a hit, `K8S_TOKEN_CACHE_ENCRYPTION=off`",
    "hit, 100 entries": "a hit with 100 entries in the cache",
    "hit, 1000 entries": "a hit with 1,000 entries in the cache",
    "peer": "a hit of ryodocx/kube-credential-cache v0.5.1",
    "plugin": "the fastest plugin there can be, alone",
    "miss": "a miss with that plugin",
    "aws": "`aws eks get-token` alone",
    "aws, cached": "`aws eks get-token` from the cache",
    "kubectl": "`kubectl get namespaces` with `aws eks get-token`",
    "kubectl, cached": "`kubectl get namespaces` with the cache before it",
}

SLOW_NS = 10 * MS

# Panels of the chart: their unit, and the rows with their labels.
PANELS = [
    (
        "kubectl get namespaces, in milliseconds",
        MS,
        {"kubectl": "with aws eks get-token", "kubectl, cached": "and k8s-token-cache"},
    ),
    (
        "A credential from the cache, in microseconds",
        US,
        {
            "peer": "kube-credential-cache",
            "hit": "k8s-token-cache",
            "hit, 1000 entries": "with 1,000 entries",
            "floor": "a C program that reads 2 KB",
        },
    ),
]


def main():
    folder = pathlib.Path(sys.argv[1])
    measured = json.loads((folder / "benchmark.json").read_text())
    spread = {name: statistics.quantiles(ns, n=4) for name, ns in measured["samples_ns"].items()}
    text = "\n".join([*describe(measured), "", *row_table(measured, spread), "", *budget_table(measured, spread), ""])
    (folder / "benchmark.md").write_text(text)
    (folder / "benchmark.svg").write_text(chart(measured, {name: q[1] for name, q in spread.items()}))
    if folder.resolve() == ROOT / "docs":
        into_readme(text)
    print(text)


def into_readme(text):
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"report: README.md lacks the marks {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


def describe(measured):
    machine, versions = measured["machine"], measured["versions"]
    yield (
        f"Measured on {measured['date']} by `make bench`: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['kernel']}, load {machine['load']:.1f}; " + "; ".join(filter(None, versions.values())) + "."
    )


def budget_table(measured, spread):
    median = {name: quartiles[1] for name, quartiles in spread.items()}
    yield "| what | measured | budget | aim | |"
    yield "|---|--:|--:|--:|---|"
    for what, value, form, budget, aim in budgets(measured, median):
        verdict = "pass" if value <= budget else "**MISS**"
        shown = [form(value), form(budget), form(aim) if aim else ""]
        yield f"| {what} | {' | '.join(shown)} | {verdict} |"


def budgets(measured, median):
    """Yields the label, the value, its formatter, the budget and the aim. Less is better in every row."""
    bursts = measured["bursts"]
    yield "size", measured["bytes"]["k8s-token-cache"], kilobytes, 256 * KB, 200 * KB
    yield "a hit against the C program", median["hit"] / median["floor"], times, 1.6, 1.4
    yield "a hit, encrypted against `off`", median["hit"] / median["hit, not encrypted"], times, 1.15, 1.1
    if "peer" in median:
        yield "a hit against that of the peer", median["hit"] / median["peer"], one_in, 1 / 5, 1 / 6
    if measured["system_calls"]:
        yield "system calls of a hit", measured["system_calls"], str, 30, 22
    yield "a hit with 1,000 entries against 1", median["hit, 1000 entries"] / median["hit"], times, 1.1, 1.05
    yield "a miss beyond its plugin", median["miss"] - median["plugin"], milliseconds, 2 * MS, 1 * MS
    yield "64 cold calls at once: plugin runs", max(burst["plugin_runs"] for burst in bursts), str, 1, None
    after = [burst["last_after_first_ns"] for burst in bursts]
    what = f"64 cold calls at once: last answer after the first (at worst {milliseconds(max(after))})"
    yield what, statistics.median(after), milliseconds, 100 * MS, None
    yield "third-party crates linked", measured["crates"], str, 25, 20


def row_table(measured, spread):
    yield "| run time | median | quartiles | against the C program |"
    yield "|---|--:|--:|--:|"
    for name, label in ROWS.items():
        if name in spread:
            low, median, high = spread[name]
            ratio = times(median / spread["floor"][1]) if median < SLOW_NS else ""
            yield f"| {label} | {duration(median)} | {duration(low)} to {duration(high)} | {ratio} |"


def kilobytes(count):
    return f"{count / KB:.0f} KB"


def times(ratio):
    return f"{ratio:,.2f} ×" if ratio < 100 else f"{ratio:,.0f} ×"


def one_in(ratio):
    return f"1/{1 / ratio:.1f}"


def milliseconds(ns):
    return f"{ns / MS:.2f} ms"


def duration(ns):
    return f"{ns / US:,.0f} µs" if ns < SLOW_NS else f"{ns / MS:,.0f} ms"


# The chart, in units of the SVG.
WIDTH = 720
LABEL_WIDTH = 210
BAR_WIDTH = 420
BAR_HEIGHT = 22
STEP = 32
TITLE_HEIGHT = 40
MARGIN = 16

STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { font-size: 12px; fill: #59636e }
  .ours { fill: #1a7f37 }
  .other { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .note { fill: #9198a1 }
    .ours { fill: #3fb950 }
    .other { fill: #656c76 }
  }
"""


def chart(measured, median):
    parts, y = [], MARGIN
    for title, unit, labels in PANELS:
        rows = {label: median[name] / unit for name, label in labels.items() if name in median}
        ours = {label for name, label in labels.items() if "hit" in name or "cached" in name}
        if len(rows) > 1:
            parts += panel(title, rows, ours, y)
            y += TITLE_HEIGHT + STEP * len(rows)
    note = f"Medians, {measured['date']}, {measured['machine']['processor']}"
    parts.append(text("note", MARGIN, y + 16, note))
    height = y + 16 + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="Benchmark of k8s-token-cache">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def panel(title, rows, ours, y):
    """Yields the SVG elements of one group of bars. The longest bar fills the width."""
    yield text("title", MARGIN, y + 18, title)
    longest = max(rows.values())
    for number, (label, value) in enumerate(rows.items()):
        top = y + TITLE_HEIGHT - 8 + STEP * number
        length = max(2, round(BAR_WIDTH * value / longest))
        kind = "ours" if label in ours else "other"
        x = MARGIN + LABEL_WIDTH
        yield text("label", MARGIN, top + 16, label)
        yield f'<rect class="{kind}" x="{x}" y="{top}" width="{length}" height="{BAR_HEIGHT}" rx="3"/>'
        yield text("value", x + length + 8, top + 16, f"{value:,.0f}")


def text(kind, x, y, content):
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(content)}</text>'


main()
