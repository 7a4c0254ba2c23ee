"""Memory of long waits and of many users or entries.

The program's allocator frees nothing (`src/sys/arena.rs`), so a loop that allocates in each iteration
grows. Watched are a call that waits for the plugin of another one while the cache file changes, and a
`--warm` that waits. The commands that read many users or entries get an address space that is
proportional to their number.
"""

import os
import signal
import subprocess
import time
from contextlib import contextmanager

import faults
from world import KUBECONFIG, World

# A poll takes at most 20 ms, so a few bytes per poll exceed this within seconds.
WAITING_KB_PER_S = 8
# Address space without users and entries, and for each of them: the key of a plugin that is not known counts
# the environment and looks for the files of every row of the table. It is made several times for each user
# that `--warm` runs, and the allocator frees nothing: 80 to 96 KB.
BASE_KB = 4 << 10
EACH_KB = 112
MANY = 300
SIDE_BY_SIDE = 8

USER = """\
- name: user-{number}
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: {program}
      args: [{plugin}, {argument}]
      interactiveMode: Never
"""


class Memory:
    def __init__(self, world, seconds):
        self.world, self.seconds = world, seconds
        self.problems, self.figures = [], []
        sleep = 'case $1 in sleep*) exec sleep 1000 ;; esac\n'
        self.world.plugin.write_text(self.world.plugin.read_text().replace("case $1 in\n", sleep + "case $1 in\n"))

    @contextmanager
    def started(self, *arguments):
        """Starts the program in a new process group, which is killed at the end."""
        child = subprocess.Popen(
            self.world.command(*arguments),
            env=self.world.environment(),
            cwd=self.world.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield child.pid
        finally:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def watch(self, what, pid, meanwhile):
        """Measures how much the process grows while it waits."""
        # After a second it has allocated what it needs to begin with.
        until(1, meanwhile)
        before = resident_kb(pid)
        until(self.seconds, meanwhile)
        grown = resident_kb(pid) - before
        self.figures.append(f"{what}: grew by {grown} KB in {self.seconds} s")
        if grown > WAITING_KB_PER_S * self.seconds:
            self.problems.append(f"{what}: it grew by {grown} KB in {self.seconds} s")

    def call_that_waits(self):
        world = self.world
        for number in range(50):
            world.get(f"key-{number}")

        def store():
            world.run(world.command("--clear", world.plugin, "key-0"))
            world.get("key-0")

        with self.started(world.plugin, "sleep") as holder:
            wait_for_child(holder)
            with self.started(world.plugin, "sleep") as waiting:
                self.watch("a call that waits", waiting, lambda: time.sleep(0.1))
                self.watch("a call that waits while others store", waiting, store)

    def warm_that_waits(self):
        self.write_users(SIDE_BY_SIDE, "sleep")
        with self.started("--warm", self.world.kubeconfig) as warming:
            wait_for_child(warming)
            self.watch("--warm that waits", warming, lambda: time.sleep(0.1))

    def many(self):
        self.write_users(MANY, "user")
        kubeconfig = str(self.world.kubeconfig)
        for verb in (["--warm", kubeconfig], ["--warm", kubeconfig], ["--list"], ["--list", "--json"],
                     ["--doctor"], ["--restore", kubeconfig], ["--inject", kubeconfig]):  # fmt: skip
            limit_kb = BASE_KB + EACH_KB * MANY
            command = ["prlimit", f"--as={limit_kb << 10}", *self.world.command(*verb)]
            outcome = self.world.run(command, KUBECONFIG=kubeconfig)
            if outcome is None or outcome[0] != 0:
                why = outcome and (outcome[0], outcome[2])
                self.problems.append(f"{verb[0]} of {MANY}: {limit_kb} KB are too few: {why}")
        self.figures.append(f"{MANY} users and entries: {limit_kb} KB are enough")

    def write_users(self, count, argument):
        head = KUBECONFIG.partition("- name")[0]
        users = [
            USER.format(program=self.world.program, plugin=self.world.plugin, number=n, argument=f"{argument}-{n}")
            for n in range(count)
        ]
        self.world.kubeconfig.write_text(head + "".join(users))
        os.utime(self.world.kubeconfig, (1_700_000_000, 1_700_000_000))


def until(seconds, meanwhile):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        meanwhile()


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmRSS:")))


def wait_for_child(pid, limit_s=20):
    """Waits until the process has started its plugin."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            if file.read():
                return
        time.sleep(0.01)
    raise SystemExit("prove: the plugin was not started")


def main(arguments):
    """Runs in a separate process, which collects processes that are left."""
    program, seconds = arguments
    with World(program, "file") as world:
        memory = Memory(world, seconds)
        checks = (memory.call_that_waits, memory.warm_that_waits, memory.many)
        for check in checks:
            check()
        if faults.reap():
            memory.problems.append("processes were left behind")
    for figure in memory.figures:
        print(f"memory: {figure}")
    return len(checks), memory.problems
