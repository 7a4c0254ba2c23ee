#!/usr/bin/env python3
"""usage: report.py FOLDER

Compares the measurements in FOLDER/benchmark.json with the project's budgets. Writes FOLDER/benchmark.md
with a summary and its tables, and the bar charts FOLDER/benchmark.svg and FOLDER/day.svg. Also prints the page
and, if FOLDER is docs, writes the summary into the README between its marks.
"""

import json
import pathlib
import statistics
import sys
import textwrap
from html import escape

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- benchmark -->", "<!-- end of benchmark -->"

KB = 1024
US = 1e3
MS = 1e6

# Row -> its label, in the order of the table.
ROWS = {
    "floor": "a static C program that opens, reads and writes 2 KB",
    "hit": "**a hit**: encrypted, called by kubectl",
    "hit from a shell": "a hit, called by a shell",
    "hit, another client": "a hit, called by a client that sets no `KUBERNETES_EXEC_INFO`",
    "hit, kube-rs": "a hit, called by kube-rs",
    "hit, provideClusterInfo": "a hit with `provideClusterInfo: true`",
    "hit, 80 variables": "a hit with 80 variables",
    "hit, unknown plugin": "a hit of a plugin that is not in the table",
    "hit, unknown plugin, 80 variables": "the same with 80 variables",
    "hit, key in a file": "a hit with the encryption key in a file",
    "hit, not encrypted": "a hit, `K8S_TOKEN_CACHE_ENCRYPTION=off`",
    "hit, 100 entries": "a hit with 100 entries in the cache",
    "hit, 1000 entries": "a hit with 1,000 entries in the cache",
    "peer": "a hit of ryodocx/kube-credential-cache v0.5.1",
    "plugin": "the fastest plugin there can be, alone",
    "miss": "a miss with that plugin, with the cache file in memory",
    "aws": "`aws eks get-token` alone",
    "aws, cached": "`aws eks get-token` from the cache",
    "kubectl": "`kubectl get namespaces` with `aws eks get-token`",
    "kubectl, cached": "`kubectl get namespaces` with the cache before it",
}

SLOW_NS = 10 * MS

# A module with fewer bytes has no row of its own.
MODULE_SHOWN = 4096

# Bars of the chart: row -> label.
BARS = {
    "kubectl": "kubectl get namespaces",
    "kubectl, cached": "with k8s-token-cache",
    "aws": "aws eks get-token",
    "aws, cached": "with k8s-token-cache",
}

# Variants of the working day.
DAYS = {
    "none": "without a cache",
    "peer": "with kube-credential-cache v0.5.1",
    "refreshed": "with `K8S_TOKEN_CACHE_KEEP_WARM=0`",
    "kept warm": "with k8s-token-cache",
}


def main():
    folder = pathlib.Path(sys.argv[1])
    measured = json.loads((folder / "benchmark.json").read_text())
    spread = {name: statistics.quantiles(ns, n=4) for name, ns in measured["samples_ns"].items()}
    median = {name: quartiles[1] for name, quartiles in spread.items()}
    summary = summarize(measured, median)
    tables = [
        row_table(measured, spread),
        base_table(measured, median),
        budget_table(measured, median),
        growth_table(measured),
        day_table(measured),
        module_table(measured),
    ]
    parts = [["# Benchmark"], [summary], describe(measured), *tables]
    page = "\n\n".join(filter(None, ("\n".join(lines) for lines in parts))) + "\n"
    (folder / "benchmark.md").write_text(page)
    if set(BARS) <= set(median):
        bars = [(label, median[name] / MS, "cached" in name) for name, label in BARS.items()]
        (folder / "benchmark.svg").write_text(chart(measured, "Milliseconds, less is better", bars))
    if day := measured.get("day"):
        bars = [
            (DAYS[name].replace("`", ""), percent_waited(day, name), name == "kept warm") for name in day["variants"]
        ]
        title = "Calls of a working day that wait for the plugin, in percent, less is better"
        (folder / "day.svg").write_text(chart(measured, title, bars))
    if folder.resolve() == ROOT / "docs":
        into_readme(summary)
    print(page)


def into_readme(summary):
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"report: README.md lacks the marks {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{summary}\n{END}{after}")


def summarize(measured, median):
    """Returns the sentences for the README."""
    hit = f"A hit takes {duration(median['hit'])}"
    if "peer" in median:
        hit += f", and one of kube-credential-cache {median['peer'] / median['hit']:.1f} times as long"
    sentences = [f"{hit}. A C program that only reads and prints 2 KB takes {duration(median['floor'])}."]
    if "kubectl, cached" in median:
        sentences.append(
            f"`kubectl get namespaces` with `aws eks get-token` takes {duration(median['kubectl'])} without the cache "
            f"and {duration(median['kubectl, cached'])} with it."
        )
    if day := measured.get("day"):
        sentences.append(
            f"Of the {day['calls']} kubectl calls of a working day {percent_waited(day, 'none'):.0f} % wait for the "
            f"plugin without a cache, {percent_waited(day, 'refreshed'):.0f} % with one that only refreshes, and "
            f"{percent_waited(day, 'kept warm'):.1f} % with the credential kept warm."
        )
    sentences.append(f"The size of the program is {kilobytes(measured['bytes']['k8s-token-cache'])}.")
    return "\n".join(textwrap.wrap(" ".join(sentences), 118, break_on_hyphens=False))


def describe(measured):
    machine, versions = measured["machine"], measured["versions"]
    yield (
        f"Measured on {measured['date']} by `make bench`: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['kernel']}, load {machine['load']:.1f}; " + "; ".join(filter(None, versions.values())) + "."
    )


def budget_table(measured, median):
    yield "| what | measured | budget | aim | |"
    yield "|---|--:|--:|--:|---|"
    for what, value, form, budget, aim in budgets(measured, median):
        verdict = "pass" if value <= budget else "**MISS**"
        shown = [form(value), form(budget), form(aim) if aim else ""]
        yield f"| {what} | {' | '.join(shown)} | {verdict} |"
    if faults := measured.get("page_faults"):
        yield ""
        yield f"A hit touches {faults['hit']:.0f} pages for the first time, the C program {faults['floor']:.0f}."


def budgets(measured, median):
    """Yields the label, the value, its formatter, the budget and the aim. Less is better in every row."""
    bursts = measured["bursts"]
    yield "size", measured["bytes"]["k8s-token-cache"], kilobytes, 288 * KB, 224 * KB
    yield "a hit against the C program", median["hit"] / median["floor"], times, 1.6, 1.45
    if "hit, another client" in median:
        yield "the same by another client", median["hit, another client"] / median["floor"], times, 1.75, 1.6
        yield "the same of an unknown plugin", median["hit, unknown plugin"] / median["floor"], times, 2.2, 1.8
    yield "a hit, encrypted against `off`", median["hit"] / median["hit, not encrypted"], times, 1.1, 1.05
    if "peer" in median:
        yield "a hit against that of the peer", median["hit"] / median["peer"], one_in, 1 / 6, 1 / 8
    if measured["system_calls"]:
        yield "system calls of a hit", measured["system_calls"], str, 24, 20
    yield "a hit with 1,000 entries against 1", median["hit, 1000 entries"] / median["hit"], times, 1.1, 1.05
    yield "a miss beyond its plugin", median["miss"] - median["plugin"], milliseconds, 0.35 * MS, 0.25 * MS
    yield "64 cold calls at once: plugin runs", max(burst["plugin_runs"] for burst in bursts), str, 1, None
    after = [burst["last_after_first_ns"] for burst in bursts]
    what = f"64 cold calls at once: last answer after the first (at worst {milliseconds(max(after))})"
    yield what, statistics.median(after), milliseconds, 10 * MS, 5 * MS
    # Measurements of earlier versions lack the following.
    if pairs := measured.get("pairs"):
        after = statistics.median(pair["last_after_first_ns"] for pair in pairs)
        yield "two cold calls at once: the second answer after the first", after, milliseconds, 10 * MS, 0.2 * MS
    if growth := measured.get("growth"):
        took = {(row["what"], row["count"]): row["ns"] for row in growth}
        yield "`--list` of 10,000 entries", took["`--list`, entries", 10_000], milliseconds, 500 * MS, 300 * MS
        miss = took["a miss, entries", 1000] - median["plugin"]
        yield "a miss with 1,000 entries beyond its plugin", miss, milliseconds, 8 * MS, 5 * MS
        for what in ["--warm", "--doctor", "--explain"]:
            yield f"`{what}` over 10,000 users", took[f"`{what}`, users", 10_000], milliseconds, 1000 * MS, 500 * MS
    if day := measured.get("day"):
        waited = percent_waited(day, "kept warm")
        yield "calls of a working day that wait", waited, lambda percent: f"{percent:.1f} %", 3, 1
    if work := measured.get("inject_work_ns"):
        small, large = work.values()
        yield "`--inject` of a kubeconfig of 5 MB on one line: processor time", large, milliseconds, 2000 * MS, 1000 * MS
        yield "the same against 2.5 MB", large / small, times, 2.4, 2.0
    yield "third-party crates linked", measured["crates"], str, 20, 18


def row_table(measured, spread):
    yield "| run time | median | quartiles | against the C program |"
    yield "|---|--:|--:|--:|"
    for name, label in ROWS.items():
        if name in spread:
            low, median, high = spread[name]
            ratio = times(median / spread["floor"][1]) if median < SLOW_NS else ""
            yield f"| {label} | {duration(median)} | {duration(low)} to {duration(high)} | {ratio} |"


def base_table(measured, median):
    """Compares the rows with those of the other version of the program."""
    base = measured.get("base")
    if not base:
        return
    yield f"| run time | {base} | now | change |"
    yield "|---|--:|--:|--:|"
    for name, label in ROWS.items():
        if then := median.get(f"base: {name}"):
            now = median[name]
            yield f"| {label} | {duration(then)} | {duration(now)} | {now / then - 1:+.1%} |"
    then, now = (measured["bytes"][program] for program in ("base", "k8s-token-cache"))
    yield f"| size | {then:,} B | {now:,} B | {now - then:+,} B |"


def module_table(measured):
    modules = measured.get("modules")
    if not modules:
        return
    total = sum(modules.values())
    rest = modules.pop("")
    small = [name for name, size in modules.items() if size < MODULE_SHOWN]
    yield "## Size by module"
    yield ""
    yield "Code, constants and data, as `scripts/bench/modules.py` counts them. Functions of std count as std's."
    yield ""
    yield "| module | bytes | share |"
    yield "|---|--:|--:|"
    others = {f"{len(small)} others": sum(modules[name] for name in small)}
    shown = {f"`{name}`" if " " not in name else name: size for name, size in modules.items() if name not in small}
    for name, size in (shown | others | {"strings, tables and headers without a symbol": rest}).items():
        yield f"| {name} | {size:,} | {size / total:.1%} |"


def growth_table(measured):
    growth = measured.get("growth")
    if not growth:
        return
    counts = sorted({row["count"] for row in growth})
    cells = {(row["what"], row["count"]): f"{milliseconds(row['ns'])}, {row['kb'] / KB:.1f} MB" for row in growth}
    yield "## Growth"
    yield ""
    yield "The least time and memory of three runs, with so many entries in the cache, or users in the kubeconfig."
    yield "After its edit, `--inject` watches the kubeconfig for 250 ms, in case another program overwrites it."
    yield ""
    yield "| | " + " | ".join(f"{count:,}" for count in counts) + " |"
    yield "|---|" + "--:|" * len(counts)
    for what in dict.fromkeys(row["what"] for row in growth):
        yield f"| {what} | " + " | ".join(cells[what, count] for count in counts) + " |"


def day_table(measured):
    day = measured.get("day")
    if not day:
        return
    yield "## A working day"
    yield ""
    yield (
        f"{day['calls']} calls of kubectl in bursts, as `scripts/bench/day.py` describes, at {day['speed']:.0f} times the "
        f"speed, with a plugin that takes {day['plugin_s']:.2f} s."
    )
    yield ""
    yield "| | calls that waited | share | waited in all | plugin runs |"
    yield "|---|--:|--:|--:|--:|"
    for name, found in day["variants"].items():
        share = f"{percent_waited(day, name):.1f} %"
        yield f"| {DAYS[name]} | {found['waited']} | {share} | {found['waited_s']:.1f} s | {found['plugin_runs']} |"
    yield ""
    yield "![Bars: the share of calls that wait](day.svg)"


def percent_waited(day, name):
    return 100 * day["variants"][name]["waited"] / day["calls"]


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


# The chart, in units of the SVG. It has its own background: in an image, the browser's color scheme may
# differ from that of the page.
WIDTH = 760
LABEL_WIDTH = 240
BAR_WIDTH = 400
BAR_HEIGHT = 22
STEP = 32
TITLE_HEIGHT = 40
MARGIN = 20

STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { font-size: 12px; fill: #59636e }
  .background { fill: #ffffff; stroke: #d1d9e0 }
  .ours { fill: #1a7f37 }
  .other { fill: #8c959f }
"""


def chart(measured, title, bars):
    """Returns the SVG of a bar chart. Each bar has a label, a value, and whether it is ours; the scale is the same."""
    longest = max(value for _, value, _ in bars)
    parts = [text("title", MARGIN, MARGIN + 18, title)]
    for number, (label, value, is_ours) in enumerate(bars):
        top = MARGIN + TITLE_HEIGHT + STEP * number
        length = max(2, round(BAR_WIDTH * value / longest))
        kind = "ours" if is_ours else "other"
        x = MARGIN + LABEL_WIDTH
        parts.append(text("label", MARGIN, top + 16, label))
        parts.append(f'<rect class="{kind}" x="{x}" y="{top}" width="{length}" height="{BAR_HEIGHT}" rx="3"/>')
        parts.append(text("value", x + length + 8, top + 16, f"{value:,.1f}" if value < 10 else f"{value:,.0f}"))
    bottom = MARGIN + TITLE_HEIGHT + STEP * len(bars) + 16
    note = f"{measured['date']}, {measured['machine']['processor']}, {measured['machine']['cores']} cores"
    parts.append(text("note", MARGIN, bottom, note))
    height = bottom + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="Benchmark of k8s-token-cache">\n<style>{STYLE}</style>\n'
        f'<rect class="background" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def text(kind, x, y, content):
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(content)}</text>'


main()
