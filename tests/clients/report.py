"""The tables, for a terminal and for docs/CLIENTS.md."""

import datetime

from allowances import allowed_errors

INTRODUCTION = """\
# Clients, without the cache and with it

Real Kubernetes clients talk to a fake API server. Each client goes through the same scenarios twice:
first its exec plugin is in the kubeconfig, then `k8s-token-cache` is in front of that plugin. The plugin
counts its runs, and issues tokens that live as long as the scenario says. With the cache a client must not
meet more errors than without it, and its plugin must not run more often.

`make clients` sets up the clients at the versions below, measures, and writes this page; it fails if a
client is worse off with the cache.
"""


def as_text(cells):
    """A line for each client and scenario."""
    lines = [f"{'':32}{'':18}{'errors':>12}{'plugin runs':>14}"]
    for cell in cells:
        errors = f"{len(cell.without.errors)} -> {len(cell.cached.errors)}"
        runs = f"{cell.without.runs} -> {cell.cached.runs}"
        mark = "  worse" if list(cell.faults()) else ""
        lines.append(f"{cell.client.name:32}{cell.scenario.name:18}{errors:>12}{runs:>14}{mark}")
    return "\n".join(lines)


def as_markdown(cells, left_out):
    clients = unique(cell.client for cell in cells)
    scenarios = unique(cell.scenario for cell in cells)
    by_place = {(cell.client.name, cell.scenario.name): cell for cell in cells}

    def rows(describe):
        for client in clients:
            yield [client.name, *(describe(by_place[client.name, scenario.name]) for scenario in scenarios)]

    titles = [scenario.title for scenario in scenarios]
    parts = [
        INTRODUCTION,
        f"Measured on {datetime.date.today()}.",
        "## The scenarios",
        "\n".join(f"- **{scenario.title}.** {scenario.text}" for scenario in scenarios),
        "## Errors",
        "Calls that failed, without the cache → with it. Bold: more with the cache than is allowed.",
        table(["client", *titles], rows(describe_errors)),
        "## Plugin runs",
        "Without the cache → with it. Bold: more often with the cache than is allowed.",
        table(["client", *titles], rows(describe_runs)),
        *unique(reason for cell in cells if (reason := allowed_errors(cell.client, cell.scenario)[1])),
        "## The clients",
        table(["client", "version"], ([client.name, client.version()] for client in clients)),
    ]
    if left_out:
        parts.append("Not measured, since it could not be set up: " + ", ".join(left_out) + ".")
    parts.append("kopf is an operator; its call is the next watch, after the server has ended the last.")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def describe_errors(cell):
    return describe(len(cell.without.errors), len(cell.cached.errors), cell.has_more_errors())


def describe_runs(cell):
    return describe(cell.without.runs, cell.cached.runs, cell.has_more_runs())


def describe(without, cached, is_worse):
    text = f"{without} → {cached}"
    return f"**{text}**" if is_worse else text


def table(titles, rows):
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def unique(items):
    return list(dict.fromkeys(items))
