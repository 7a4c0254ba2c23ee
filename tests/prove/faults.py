"""Makes every system call of a scenario fail in turn, or kills the program at it.

`strace` injects the fault into the N-th call of one name, in each process of the program. It detaches
from the plugin (`--detach-on=execve`). N grows until a run gets no fault, so the calls need not be known
beforehand. Each worker is the subreaper of its runs, so it sees processes that they leave behind.
"""

import ctypes
import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

from world import Broken, World

# strace needs execve to start the program; without arch_prctl musl has no thread.
NEVER = {"execve", "arch_prctl"}
# These cannot fail, or can at most be interrupted. A failing close(2) has still closed the file, which
# strace cannot simulate.
CANNOT_FAIL = {
    "clock_gettime", "clock_nanosleep", "close", "exit", "exit_group", "geteuid", "getpid", "getppid", "getuid", "munmap",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "set_tid_address",
}  # fmt: skip
KILL = "signal=KILL"
# The exit status if the process was killed that was about to become the plugin.
PLUGIN_KILLED = 128 + signal.SIGKILL
CLONE_NEWUSER = 0x10000000
PR_SET_CHILD_SUBREAPER = 36
# The program must not make any of these calls.
NETWORK = {"accept", "accept4", "bind", "connect", "listen", "recvfrom", "sendto", "socket", "socketpair"}
# A limit for polls, whose number depends on the speed of the machine.
MOST_PER_CALL = 40


class Tally:
    """The number of runs of one scenario, and the failures."""

    def __init__(self, name):
        self.name = name
        self.tried = 0
        self.failures = []


def set_up_worker():
    """Makes the worker the subreaper of its runs, in a user namespace with its own keyring.

    If no such namespace can be created, keys go into the user's keyring.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def reap(limit_s=20):
    """Waits for every process that a run left, and returns how many had to be killed."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.002)
        except ChildProcessError:
            return 0
    killed = 0
    for pid in children():
        os.kill(pid, signal.SIGKILL)
        killed += 1
    return killed


def children():
    with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


def traced(scenario, world, injection, report):
    prefix = ["unshare", "--user", "--map-root-user"] if scenario.own_keyring else []
    call = re.split("[:=]", injection.removeprefix("inject="))[0] if injection else "all"
    trace = [f"trace={call}"] if injection else []
    options = [word for filter_ in [*trace, *([injection] if injection else [])] for word in ("-e", filter_)]
    return [
        *scenario.surroundings(world),
        *prefix,
        *("strace", "-f", "--detach-on=execve", "-o", str(report), *options),
        *scenario.command(world),
    ]


def calls_of(scenario, world, report):
    """Names of all system calls of a run without faults."""
    world.run(traced(scenario, world, None, report), **scenario.environment())
    reap()
    return set(re.findall(r"^\d+ +(\w+)\(", report.read_text(), re.MULTILINE)) - NEVER


def look(arguments):
    """The calls that can be made to fail."""
    program, kind = arguments
    scenario = kind()
    with World(program, scenario.encryption) as world:
        scenario.prepare(world)
        return calls_of(scenario, world, world.home / "report")


def attack(arguments):
    """Injects one fault into all calls of one name; the unit of work of a worker."""
    program, kind, call, what = arguments
    scenario = kind()
    tally = Tally(scenario.name)
    with World(program, scenario.encryption) as world:
        scenario.prepare(world)
        reap()
        saved = world.save()
        before = world.entries()
        report = world.home.parent / f"{world.home.name}.strace"
        for number in range(1, MOST_PER_CALL + 1):
            world.reset(saved)
            # With a plus, every later call fails too, as on a full or broken disk.
            when = f"{number}+" if what.endswith("+") else number
            injection = f"inject={call}:{what.rstrip('+')}:when={when}"
            try:
                if not attempt(scenario, world, injection, call, before, report, tally):
                    break
            except Broken as broken:
                tally.failures.append(f"{scenario.name}, {call}, {what}, {number}: {broken}")
        report.unlink(missing_ok=True)
    return tally


def attempt(scenario, world, injection, call, before, report, tally):
    """Does one run. Returns False if the fault was not reached."""
    killing = KILL in injection
    outcome = world.run(traced(scenario, world, injection, report), **scenario.environment())
    text = report.read_text(errors="replace")
    if outcome is None:
        reap(0)
        tally.tried += 1
        raise Broken("the run did not end")
    if not ("(INJECTED)" in text or "killed by SIGKILL" in text):
        reap()
        return False
    tally.tried += 1
    left = reap()
    if left:
        raise Broken(f"{left} processes left behind")
    if leak := world.leak(outcome[2]):
        raise Broken(leak)
    # A program that cannot write cannot report that either.
    is_mute = call == "write" and injection.endswith("+") and outcome[0] != 0
    if not killing and not is_mute:
        scenario.judge(world, outcome, call)
    scenario.after(world, before)
    if killing and outcome[0] == PLUGIN_KILLED:
        # That is a failure of the plugin, which is not run again for ten seconds.
        world.run(world.command("--clear", world.plugin, scenario.argument))
    scenario.again(world)
    if reap():
        raise Broken("the next run left processes behind")
    # Checked last, because a background refresh has a temporary file for a moment.
    if stray := world.stray_files():
        raise Broken(f"left behind: {', '.join(stray)}")
    return True


def run(program, kinds, faults, workers):
    """Injects every fault into every call of every scenario. Returns a tally per scenario."""
    totals = {kind.name: Tally(kind.name) for kind in kinds}
    with multiprocessing.Pool(workers, set_up_worker) as pool:
        seen = list(zip(kinds, pool.map(look, [(program, kind) for kind in kinds])))
        for kind, calls in seen:
            totals[kind.name].failures += [f"{kind.name}: it calls {call}" for call in sorted(calls & NETWORK)]
        work = [
            (program, kind, call, fault)
            for kind, calls in seen
            for call in sorted(calls)
            for fault in faults
            if fault == KILL or call not in CANNOT_FAIL
        ]
        for tally in pool.imap_unordered(attack, work):
            total = totals[tally.name]
            total.tried += tally.tried
            total.failures += tally.failures
    idle = [total.name for total in totals.values() if not total.tried]
    if idle:
        raise SystemExit(f"prove: strace injected no fault into: {', '.join(idle)}")
    return list(totals.values())
