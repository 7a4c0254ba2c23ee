#!/usr/bin/env python3
"""usage: compare.py --program FILE [--quick] [--real-time] [--client NAME]... [--scenario NAME]...
                     [--out FILE] [--keep FOLDER]

Runs real clients through the scenarios, without the cache and with it, and compares: with the cache a
client must not meet more errors, but for those in allowances.py, and the plugin must not run more often.
Ends with 1 if it does. --quick takes one client of each kind and the shorter scenarios.

FILE is the program to test. If it is statically linked, everything happens in real time and takes some
ten minutes; `cargo build` makes one whose clock can be moved. --client and --scenario may be repeated,
and choose by a part of the name. --out writes the tables. --keep leaves every world in FOLDER to look at.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import datetime
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

import report
from allowances import allowed_errors
from clients import CLIENTS, TOOLS, Client
from clock import RealClock, VirtualClock
from cluster import Authority
from scenarios import SCENARIOS, Calls, Scenario
from world import open_world

CLOCK = TOOLS / "clock.so"
# Worlds at once: those with a virtual clock never wait, those with the real one hardly do anything else.
BUSY_WORLDS = 1 + (os.cpu_count() or 1)
IDLE_WORLDS = 128


@dataclasses.dataclass
class Outcome:
    errors: list
    runs: int


@dataclasses.dataclass
class Cell:
    """One client in one scenario, without the cache and with it."""

    client: Client
    scenario: Scenario
    without: Outcome = None
    cached: Outcome = None

    def has_more_errors(self):
        allowed, _ = allowed_errors(self.client, self.scenario)
        return len(self.cached.errors) > len(self.without.errors) + allowed

    def has_more_runs(self):
        limits = [self.without.runs, self.scenario.most_runs]
        return self.cached.runs > min(limit for limit in limits if limit is not None)

    def faults(self):
        errors, runs = (
            f"{len(self.without.errors)} -> {len(self.cached.errors)}",
            f"{self.without.runs} -> {self.cached.runs}",
        )
        if self.has_more_errors():
            yield f"errors {errors}, the last: {self.cached.errors[-1]}"
        if self.has_more_runs():
            yield f"plugin runs {runs}"


class Comparison:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.authority = Authority(folder)
        self.is_real_time = options.real_time or is_static(options.program)
        self._busy = asyncio.Semaphore(BUSY_WORLDS)
        self._idle = asyncio.Semaphore(IDLE_WORLDS)

    async def run(self, cells):
        if not self.is_real_time:
            await self._check_clock()
        # Scenarios in real time take longest, so they start first.
        cells = sorted(cells, key=lambda cell: not self._needs_real_clock(cell.client))
        await asyncio.gather(
            *(self._measure(cell, is_cached) for cell in cells for is_cached in (False, True))
        )

    async def _check_clock(self):
        """Fails if the program does not see the virtual clock: everything would look as if it did not age."""
        clock = VirtualClock(CLOCK, self.folder / "checked-clock")
        async with open_world(self.folder / "checked", clock, self.authority, self.options.program) as world:
            await clock.advance(24 * 60 * 60)
            plugin = str(world.folder / "plugin" / "demo-login")
            command = [self.options.program, plugin]
            subprocess.run(command, env=world.environment, stdout=subprocess.DEVNULL, check=True)
            stamp = (world.folder / "cache.log").read_text().partition("T")[0]
        if stamp == datetime.datetime.now(datetime.UTC).date().isoformat():
            sys.exit(f"clients: {CLOCK} does not reach {self.options.program}: try --real-time")

    def _needs_real_clock(self, client):
        return self.is_real_time or client.needs_real_clock

    async def _measure(self, cell, is_cached):
        async with self._idle if self._needs_real_clock(cell.client) else self._busy:
            outcome = await self._live_through(cell, is_cached)
        if is_cached:
            cell.cached = outcome
        else:
            cell.without = outcome

    async def _live_through(self, cell, is_cached):
        column = "cached" if is_cached else "without"
        folder = self.folder / f"{cell.client.name} {cell.scenario.name} {column}".replace(" ", "_")
        folder.mkdir()
        real = self._needs_real_clock(cell.client)
        clock = RealClock() if real else VirtualClock(CLOCK, folder / "clock")
        program = self.options.program if is_cached else None
        async with open_world(folder, clock, self.authority, program) as world:
            calls = Calls(world, cell.client)
            try:
                await cell.scenario.act(calls)
            finally:
                await calls.stop()
            (folder / "errors").write_text("\n".join(calls.errors))
            return Outcome(calls.errors, world.runs())


def main():
    options = parse_arguments()
    wanted = [client for client in chosen(CLIENTS, options.client, options) if client.is_installed()]
    scenarios = chosen(SCENARIOS, options.scenario, options)
    not_installed = [client.name for client in CLIENTS if not client.is_installed()]
    cells = [Cell(client, scenario) for client in wanted for scenario in scenarios]
    # As Ctrl-C does, so that no client goes on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    with world_folder(options.keep) as folder:
        asyncio.run(Comparison(options, pathlib.Path(folder)).run(cells))
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(report.as_text(cells))
    print(
        f"clients: {len(cells)} comparisons took {time.monotonic() - started:.0f} s, and "
        f"{spent.ru_utime + spent.ru_stime + time.process_time():.0f} s of the processors"
    )
    announce("not set up", not_installed)
    if options.quick:
        skipped = [item.name for item in CLIENTS + SCENARIOS if not item.is_quick]
        announce("--quick; make clients runs all", [name for name in skipped if name not in not_installed])
    if options.out:
        options.out.write_text(report.as_markdown(cells, not_installed))
    return judge(cells)


def announce(reason, left_out):
    """Says what is not measured, so that it cannot be overlooked."""
    if not left_out:
        return
    frame = "*" * 80
    lines = textwrap.wrap(", ".join(left_out), 80, break_on_hyphens=False)
    print(frame, f"clients: LEFT OUT ({reason}):", *lines, frame, sep="\n", file=sys.stderr)


def judge(cells):
    """The exit status; says which cells are worse with the cache."""
    worse = 0
    for cell in cells:
        faults = list(cell.faults())
        worse += bool(faults)
        for fault in faults:
            print(
                f"clients: worse with the cache: {cell.client.name}, {cell.scenario.name}: {fault}",
                file=sys.stderr,
            )
    print(f"{len(cells) - worse} passed, {worse} failed")
    return 1 if worse else 0


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--program", required=True, type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--real-time", action="store_true")
    parser.add_argument("--client", action="append", default=[])
    parser.add_argument("--scenario", action="append", default=[])
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    return parser.parse_args()


def chosen(items, names, options):
    named = [item for item in items if not names or any(name in item.name for name in names)]
    return [item for item in named if item.is_quick or not options.quick]


def world_folder(keep):
    if keep is None:
        # scripts/without-trace looks for this name.
        return tempfile.TemporaryDirectory(prefix="k8s-token-cache-clients-")
    keep.mkdir(parents=True)
    return contextlib.nullcontext(keep)


def is_static(program):
    """Whether no dynamic loader starts it: the name of one would be in its first page."""
    return b"/ld-linux" not in program.read_bytes()[:4096]


if __name__ == "__main__":
    sys.exit(main())
