"""What the program is caught doing while its system calls fail or it is killed.

A scenario prepares a home, names a command, and says what the user must have got from it and what
must be true of the home afterwards, whichever call failed.
"""

import json
import os
import time

from world import Broken, own_message

# Of these, at least one failure leaves no way to a credential: nothing to read from the plugin, no
# word of its end, nowhere to print. Then an honest error is what the user must get.
ESSENTIAL = {"read", "wait4", "write", "writev"}
# Without memory a program may end as it likes; what it leaves behind must be whole all the same.
MEMORY = {"brk", "mmap", "mprotect"}


class Scenario:
    """Base of all; `name` stands in the table."""

    name = ""
    encryption = "auto"
    # For every run a keyring of its own, which is empty at first.
    own_keyring = False

    def prepare(self, world):
        """Makes the home that every run begins with."""

    def command(self, world):
        raise NotImplementedError

    def environment(self):
        return {}

    def judge(self, world, outcome, call):
        """Raises Broken if the user did not get what was due; `call` is what failed, or `None`."""
        raise NotImplementedError

    def after(self, world, before):
        """Raises Broken if the home is not as it must be once everything has ended."""
        lost = before - world.entries()
        if lost:
            raise Broken(f"{len(lost)} stored credentials are lost")

    def again(self, world):
        """The same without fault: everything must work. It also cleans up, in the background perhaps."""
        outcome = world.run(self.command(world), **self.environment())
        self.judge(world, outcome, None)
        outcome = world.get("cleaner")
        if outcome != (0, world.credential("cleaner"), b""):
            raise Broken(f"another call: {outcome}")


class Get(Scenario):
    """The program in front of a plugin."""

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
        # A place for the key that was asked for by name and cannot be had is an error.
        if self.encryption == "file" and call and b"K8S_TOKEN_CACHE_ENCRYPTION=file: " in stderr:
            if (status, stdout) == (2, b"") and own_message(stderr):
                return
        raise Broken(f"status {status}, {len(stdout)} bytes on stdout, stderr: {stderr!r}")


class Miss(Get):
    """The very first call: directories, key and file are made."""

    name = "first miss, key in the keyring"
    own_keyring = True


class FileMiss(Get):
    name = "first miss, key in a file"
    encryption = "file"


class Store(Get):
    """A miss beside three entries, which must survive it."""

    name = "store"

    def prepare(self, world):
        for name in ("one", "two", "three"):
            world.get(name)


class Hit(Store):
    name = "hit"
    argument = "two"


class FailingPlugin(Store):
    """Its status and its words come through."""

    name = "failing plugin"
    argument = "fail"

    def judge(self, world, outcome, call):
        status, stdout, stderr = outcome
        if (status, stdout, stderr) == (3, b"", b"plugin: no such user\n"):
            return
        # Where the program became the plugin, strace let it go and does not know its status.
        if call and (status, stdout, stderr) == (0, b"", b"plugin: no such user\n"):
            return
        if call in MEMORY and status != 0:
            return
        own = stderr.removeprefix(b"plugin: no such user\n")
        if call in ESSENTIAL and status != 0 and not stdout and (not own or own_message(own)):
            return
        raise Broken(f"status {status}, {len(stdout)} bytes on stdout, stderr: {stderr!r}")


class Refresh(Store):
    """A hit on an entry with little life left, which is renewed in the background."""

    name = "background refresh"
    encryption = "off"
    argument = "two"

    def prepare(self, world):
        super().prepare(world)
        # Plain entries can be made older by hand: two hours ago, with half an hour left.
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
    """Injecting and restoring; `wanted` is what the file becomes."""

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
            raise Broken("status 0, and nothing was done")

    def after(self, world, before):
        if world.kubeconfig.read_bytes() not in (self.old, self.wanted):
            raise Broken("the kubeconfig is neither the old nor the new one")

    def again(self, world):
        self.judge(world, world.run(self.command(world)), None)
        if world.kubeconfig.read_bytes() != self.wanted:
            raise Broken("the next run did not do it")


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


ALL = [Miss, FileMiss, Store, Hit, FailingPlugin, Refresh, Clear, Inject, Restore]
