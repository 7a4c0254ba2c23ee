"""What every client goes through, without the cache and with it.

A scenario returns the errors that the client met, one for each call that failed, oldest first. The
plugin's runs are counted by the world. The time between two calls is the world's: see clock.py.
"""

import dataclasses

from clients import NEWEST_KUBECTL, OneShot, kubectl

MINUTE = 60
HOUR = 60 * MINUTE


@dataclasses.dataclass(frozen=True, eq=False)
class Scenario:
    name: str
    title: str
    # What happens, for the reader of the table.
    text: str
    act: object
    # How often the plugin may run at most with the cache, if not only as often as without.
    most_runs: int | None = None
    is_quick: bool = False


class Calls:
    """The calls of one client in one world, and what came of them."""

    def __init__(self, world, client):
        self.world = world
        self.client = client
        self.made = 0
        self.errors = []
        self._processes = []

    def start(self, client=None):
        process = (client or self.client).start(self.world)
        self._processes.append(process)
        return process

    async def call(self, process, times=1, every=1):
        """Calls, and lets `every` seconds go by after each call."""
        for _ in range(times):
            self.made += 1
            error = await process.call()
            if error is not None:
                self.errors.append(error)
            await self.world.clock.advance(every)

    async def call_for(self, process, seconds, every=1):
        """A program that makes one call and ends is called less often: it costs a hundred times more."""
        if self.client.kind is OneShot:
            every *= 5
        await self.call(process, seconds // every, every)

    async def stop(self):
        for process in self._processes:
            await process.stop()


async def two_processes(calls):
    for _ in range(2):
        process = calls.start()
        await calls.call(process, 3)
        await process.stop()


async def three_more_processes(calls):
    calls.world.issue_tokens_for(HOUR)
    process = calls.start()
    await calls.call(process)
    await process.stop()
    await calls.world.clock.advance(70)
    for _ in range(3):
        process = calls.start()
        await calls.call(process, 2)
        await process.stop()
        await calls.world.clock.advance(30)


async def revoked_young(calls):
    process = calls.start()
    await calls.call_for(process, 10)
    calls.world.revoke()
    await calls.call_for(process, 45)


async def revoked_old(calls):
    process = calls.start()
    await calls.call_for(process, 90, every=3)
    calls.world.revoke()
    await calls.call_for(process, 25)


async def failing_plugin(calls):
    calls.world.break_plugin()
    process = calls.start()
    await calls.call(process, 5)
    await calls.call(process, 8, every=15)


async def expires(calls):
    calls.world.issue_tokens_for(70)
    process = calls.start()
    # Far from a multiple of the life: how fast the machine is must not make a difference.
    await calls.call_for(process, 165, every=3)


async def started_late(calls):
    # Far more is left than the refresh margin, and less than half of a token's life.
    life, left = (10 * MINUTE, 100) if calls.world.clock.is_virtual else (150, 60)
    calls.world.issue_tokens_for(life)
    process = calls.start()
    await calls.call(process)
    await process.stop()
    await calls.world.clock.advance(life - left)
    process = calls.start()
    await calls.call_for(process, 2 * left, every=4)


async def healed_by_kubectl(calls):
    process = calls.start()
    await calls.call(process)
    await process.stop()
    other = calls.start(kubectl("", NEWEST_KUBECTL))
    await other.call()
    await calls.world.clock.advance(70)
    calls.world.revoke()
    for _ in range(2):
        await other.call()
    process = calls.start()
    await calls.call(process, 3)


SCENARIOS = [
    Scenario(
        "two-processes",
        "Two processes",
        "One process after the other makes three calls.",
        two_processes,
        most_runs=1,
    ),
    Scenario(
        "three-more",
        "Three more processes after a minute",
        "A process gets a token that lives for an hour. Three more processes follow, 70 s and more later.",
        three_more_processes,
        most_runs=1,
        is_quick=True,
    ),
    Scenario(
        "revoked-young",
        "The token is revoked after 10 s",
        "A process calls every second for 55 s; kubectl and helm are started every 5 s.",
        revoked_young,
        is_quick=True,
    ),
    Scenario(
        "revoked-old",
        "The token is revoked after 90 s",
        "A process calls every 3 s, and then every second for 25 s; kubectl and helm are started every 15 s, "
        "and then every 5 s.",
        revoked_old,
    ),
    Scenario(
        "failing-plugin",
        "The plugin fails",
        "The login has expired. Five calls within 5 s, then a call every 15 s for two minutes.",
        failing_plugin,
    ),
    Scenario(
        "expires",
        "The token expires while the client lives",
        "Tokens live for 70 s. A process calls every 3 s for 165 s; kubectl and helm are started every 15 s.",
        expires,
    ),
    Scenario(
        "started-late",
        "Started near the end of a token's life",
        "Tokens live for ten minutes. A second process starts when 100 s are left, and calls every 4 s for "
        "200 s; kubectl and helm are started every 20 s.",
        started_late,
        is_quick=True,
    ),
    Scenario(
        "healed-by-kubectl",
        "Revoked, and kubectl has got a new token",
        "A process and kubectl each have a token. The session ends, and kubectl is started twice. Then "
        "another process makes three calls.",
        healed_by_kubectl,
    ),
]
