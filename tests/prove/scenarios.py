"""The scenarios in which system calls fail or the program is killed.

A scenario prepares a home directory and names a command. It checks the output that the user gets and the
state of the home directory afterwards, whichever call failed.
"""

import json
import os
import time

from world import Broken, own_message

# A failure of one of these can make a credential impossible: no output or exit status of the plugin, or
# no way to print. Then the user must get an error message.
ESSENTIAL = {"read", "wait4", "write", "writev"}
# Without memory the program may end in any way, but the files that it leaves must be valid.
MEMORY = {"brk", "mmap", "mprotect"}
LIMIT_OF_FILES = 128 << 10


class Scenario:
    """Base class; `name` is shown in the table."""

    name = ""
    encryption = "auto"
    # Whether every run gets a new, empty keyring.
    own_keyring = False

    def prepare(self, world):
        """Prepares the home directory that every run begins with."""

    def command(self, world):
        raise NotImplementedError

    def environment(self):
        return {}

    def surroundings(self, world):
        """Words in front of the command, which prepare the surroundings that it starts in."""
        return []

    def judge(self, world, outcome, call):
        """Raises Broken if the output is wrong. `call` is the call that failed, or `None`."""
        raise NotImplementedError

    def after(self, world, before):
        """Raises Broken if the home directory is wrong after every process has ended."""
        lost = before - world.entries()
        if lost:
            raise Broken(f"{len(lost)} stored credentials are lost")

    def again(self, world):
        """Runs without faults: everything must work, and a refresh may clean up in the background."""
        outcome = world.run(self.command(world), **self.environment())
        self.judge(world, outcome, None)
        outcome = world.get("cleaner")
        if outcome != (0, world.credential("cleaner"), b""):
            raise Broken(f"another call: {outcome}")


class Get(Scenario):
    """The program with a plugin."""

    argument = "wanted"

    def command(self, world):
        return world.command(world.plugin, self.argument)

    def judge(self, world, outcome, call):
        status, stdout, stderr = outcome
        if (status, stdout, stderr) == (0, world.credential(self.argument), b""):
            return
        if call in MEMORY and status != 0:
            return
        if call in ESSENTIAL and status != 0 and own_message(stderr):
            if world.credential(self.argument).startswith(stdout):
                return
        # With `file`, a key file that cannot be used is an error.
        if self.encryption == "file" and call and b"K8S_TOKEN_CACHE_ENCRYPTION=file: " in stderr:
            if (status, stdout) == (2, b"") and own_message(stderr):
                return
        raise Broken(f"status {status}, {len(stdout)} bytes on stdout, stderr: {stderr!r}")


class Miss(Get):
    """The first call of a user: creates directories, encryption key and cache file."""

    name = "first miss, key in the keyring"
    own_keyring = True


class FileMiss(Get):
    name = "first miss, key in a file"
    encryption = "file"


class Store(Get):
    """A miss in a cache with three entries, which must survive."""

    name = "store"

    def prepare(self, world):
        for name in ("one", "two", "three"):
            world.get(name)


class IgnoredSignals(Store):
    """Python, Perl and C programs start their children so."""

    name = "store, signals are ignored"

    def surroundings(self, world):
        return ["sh", "-c", "trap '' CHLD PIPE XFSZ; exec \"$@\"", "sh"]


class LimitedFiles(Store):
    """The cache file is larger than a file may get, so that SIGXFSZ comes; strace's report and the log are not."""

    name = "store, files are limited"

    def prepare(self, world):
        for name in ("one", "two", "three"):
            world.get(name + (LIMIT_OF_FILES // 4) * "x")

    def surroundings(self, world):
        return ["prlimit", f"--fsize={LIMIT_OF_FILES}"]


class ReadOnlyCache(Store):
    name = "store, the cache is read-only"

    def surroundings(self, world):
        mount = "mount --bind . . && mount -o remount,bind,ro ."
        script = f"cd '{world.cache_directory}' && {mount} && cd '{world.home}' && exec \"$@\""
        return ["unshare", "--mount", "sh", "-c", script, "sh"]


class Hit(Store):
    name = "hit"
    argument = "two"


class FailingPlugin(Store):
    """Its exit status and messages are passed through."""

    name = "failing plugin"
    argument = "fail"

    def judge(self, world, outcome, call):
        status, stdout, stderr = outcome
        if (status, stdout, stderr) == (3, b"", b"plugin: no such user\n"):
            return
        # Soon after a failure the plugin is not run, and the status is the same.
        if (status, stdout) == (3, b"") and own_message(stderr) and b"; next attempt in " in stderr:
            return
        # If the program replaced itself with the plugin, strace detached and does not know the status.
        if call and (status, stdout, stderr) == (0, b"", b"plugin: no such user\n"):
            return
        if call in MEMORY and status != 0:
            return
        own = stderr.removeprefix(b"plugin: no such user\n")
        if call in ESSENTIAL and status != 0 and not stdout and (not own or own_message(own)):
            return
        raise Broken(f"status {status}, {len(stdout)} bytes on stdout, stderr: {stderr!r}")


class Refresh(Store):
    """A hit on an entry close to its expiry, which is refreshed in the background."""

    name = "background refresh"
    encryption = "off"
    argument = "two"

    def prepare(self, world):
        super().prepare(world)
        # Without encryption, entries can be made older: two hours old, with half an hour left.
        now = int(time.time())
        document = json.loads(world.cache_file.read_bytes())
        stamps = {(entry["created"], entry["expires"]) for entry in document["entries"].values()}
        content = world.cache_file.read_text()
        for created, expires in stamps:
            content = content.replace(str(created), str(now - 7200)).replace(str(expires), str(now + 1800))
        world.cache_file.write_text(content)

    def environment(self):
        return {"K8S_TOKEN_CACHE_REFRESH_AHEAD": "1h"}


class Clear(Store):
    name = "--clear of one"
    argument = "two"

    def command(self, world):
        return world.command("--clear", world.plugin, self.argument)

    def judge(self, world, outcome, call):
        status, _, stderr = outcome
        if not (status == 0 or (call and own_message(stderr)) or call in MEMORY):
            raise Broken(f"status {status}, stderr: {stderr!r}")

    def after(self, world, before):
        if len(before - world.entries()) > 1:
            raise Broken("more than one entry is gone")


class Kubeconfig(Scenario):
    """Injects or restores; `wanted` is the resulting file."""

    def prepare(self, world):
        world.write_kubeconfig()
        self.old = world.kubeconfig.read_bytes()
        saved = world.save()
        self.judge(world, world.run(self.command(world)), None)
        self.wanted = world.kubeconfig.read_bytes()
        world.reset(saved)

    def command(self, world):
        return world.command("--inject", world.kubeconfig)

    def judge(self, world, outcome, call):
        status, _, stderr = outcome
        if call is None and (status != 0 or stderr):
            raise Broken(f"status {status}, stderr: {stderr!r}")
        if status != 0 and not own_message(stderr) and call not in MEMORY:
            raise Broken(f"status {status}, stderr: {stderr!r}")
        if status == 0 and world.kubeconfig.read_bytes() == self.old:
            raise Broken("status 0, but the kubeconfig is unchanged")

    def after(self, world, before):
        if world.kubeconfig.read_bytes() not in (self.old, self.wanted):
            raise Broken("the kubeconfig is neither the old nor the new one")

    def again(self, world):
        self.judge(world, world.run(self.command(world)), None)
        if world.kubeconfig.read_bytes() != self.wanted:
            raise Broken("the next run did not complete the edit")


class Inject(Kubeconfig):
    name = "--inject"


class Restore(Kubeconfig):
    name = "--restore"

    def prepare(self, world):
        world.write_kubeconfig()
        world.run(world.command("--inject", world.kubeconfig))
        injected = world.kubeconfig.read_bytes()
        world.write_kubeconfig()
        self.wanted = world.kubeconfig.read_bytes()
        world.kubeconfig.write_bytes(injected)
        os.utime(world.kubeconfig, (1_700_000_000, 1_700_000_000))
        self.old = injected

    def command(self, world):
        return world.command("--restore", world.kubeconfig)


ALL = [
    *(Miss, FileMiss, Store, IgnoredSignals, LimitedFiles, ReadOnlyCache, Hit, FailingPlugin, Refresh, Clear),
    *(Inject, Restore),
]
