"""The time in which a client, its plugin and the cache live.

A test moves the virtual clock and waits for nothing. It reaches every dynamically linked program, by
the library that tests/support/clock.c makes. A statically linked program such as kubectl keeps the
machine's time; it needs the real clock if it lives long enough to see a credential expire.
"""

import asyncio
import struct
import time


class RealClock:
    is_virtual = False
    environment = {}

    def now(self):
        return time.time()

    async def advance(self, seconds):
        await asyncio.sleep(seconds)


class VirtualClock:
    is_virtual = True

    def __init__(self, library, path):
        self._path = path
        self._offset_s = 0
        self._write()
        self.environment = {"LD_PRELOAD": str(library), "TEST_CLOCK_OUTPUT": str(path)}

    def now(self):
        return time.time() + self._offset_s

    async def advance(self, seconds):
        self._offset_s += seconds
        self._write()

    def _write(self):
        """Writes in place, since running programs have the file mapped."""
        setting = struct.pack("=qq", int(self._offset_s * 1e9), 1)
        with open(self._path, "r+b" if self._path.exists() else "xb") as file:
            file.write(setting)
