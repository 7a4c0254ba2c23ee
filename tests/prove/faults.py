"""Makes every system call of a scenario fail in turn, or kills the program at it.

`strace` injects: the N-th call of one name in each process of the program; the plugin is let go
where it begins (`--detach-on=execve`). N grows until no run was hit any more, so that nothing has to
be known of the calls beforehand. Each worker is the reaper of its runs, so it sees what they leave.
"""

import ctypes
import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

from world import Broken, World

# strace has to start the program, and without the second musl has no thread.
NEVER = {"execve", "arch_prctl"}
# These cannot fail, or be interrupted at most. close(2) can, but then it has closed the file, which strace cannot do.
CANNOT_FAIL = {
    "clock_gettime", "clock_nanosleep", "close", "exit", "exit_group", "geteuid", "getpid", "getppid", "getuid", "munmap",
    "rt_sigprocmask", "rt_sigreturn", "set_tid_address",
}  # fmt: skip
KILL = "signal=KILL"
CLONE_NEWUSER = 0x10000000
PR_SET_CHILD_SUBREAPER = 36
# The program talks to nobody.
NETWORK = {"accept", "accept4", "bind", "connect", "listen", "recvfrom", "sendto", "socket", "socketpair"}
# Polls, of which there are as many as the machine is slow.
MOST_PER_CALL = 40


class Tally:
    """What was tried of one scenario, and what failed."""

    def __init__(self, name):
        self.name = name
        self.tried = 0
        self.failures = []


def set_up_worker():
    """Reaper of its runs, in a user namespace that has a keyring of its own.

    Where no such namespace is to be had, keys go into the user's keyring as they always do.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def reap(limit_s=20):
    """Waits for every process that a run left; how many had to be killed."""
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
        *prefix,
        *("strace", "-f", "--detach-on=execve", "-o", str(report), *options),
        *scenario.command(world),
    ]


def calls_of(scenario, world, report):
    """The names of all system calls that an undisturbed run makes."""
    world.run(traced(scenario, world, None, report), **scenario.environment())
    reap()
    return set(re.findall(r"^\d+ +(\w+)\(", report.read_text(), re.MULTILINE)) - NEVER


def look(arguments):
    """Which calls there are to fail."""
    program, kind = arguments
    scenario = kind()
    with World(program, scenario.encryption) as world:
        scenario.prepare(world)
        return calls_of(scenario, world, world.home / "report")


def attack(arguments):
    """All faults of one kind at all calls of one name: a worker's piece of work."""
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
            # With a plus the call goes on failing, as on a disk that is full or broken.
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
    """One run; false where it did not come to the fault."""
    killing = KILL in injection
    outcome = world.run(traced(scenario, world, injection, report), **scenario.environment())
    text = report.read_text(errors="replace")
    if outcome is None:
        reap(0)
        tally.tried += 1
        raise Broken("it did not end")
    if not ("(INJECTED)" in text or "killed by SIGKILL" in text):
        reap()
        return False
    tally.tried += 1
    left = reap()
    if left:
        raise Broken(f"{left} processes left behind")
    if leak := world.leak(outcome[2]):
        raise Broken(leak)
    # What can never write cannot say so either.
    is_mute = call == "write" and injection.endswith("+") and outcome[0] != 0
    if not killing and not is_mute:
        scenario.judge(world, outcome, call)
    scenario.after(world, before)
    scenario.again(world)
    if reap():
        raise Broken("the next run left processes behind")
    # Only now: a refresh in the background has its new file for a moment.
    if stray := world.stray_files():
        raise Broken(f"left behind: {', '.join(stray)}")
    return True


def run(program, kinds, faults, workers):
    """Every fault at every call of every scenario; one tally for each scenario."""
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
        raise SystemExit(f"prove: strace hit nothing in: {', '.join(idle)}")
    return list(totals.values())
