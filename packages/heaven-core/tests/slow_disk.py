"""A disk that is slow, and whether the event loop goes on while something is written to it."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Self


class SlowDisk:
    """`async with SlowDisk() as disk:` a write of a large block lasts until the event loop has come round three times.

    Give `disk.write` for `os.write`. `disk.alone` counts the writes in whose time the loop served nobody, and
    `disk.beside` the others:     a count of turns and not of seconds, so a busy machine changes nothing.

    Args:
        patience: seconds that a write waits for the loop, which can't come round where the write itself is on the loop.
    """

    def __init__(self, patience: float = 20.0) -> None:
        self.beside = self.alone = 0
        self._patience = patience
        self._turns = 0
        self._write = os.write

    def write(self, fd: int, data: bytes) -> int:
        """Write a block as `os.write` does."""
        if len(data) > 10_000 and not self.alone:
            until, end = self._turns + 3, time.monotonic() + self._patience
            while self._turns < until and time.monotonic() < end:
                time.sleep(0.001)
            if self._turns < until:
                self.alone += 1
            else:
                self.beside += 1
        return self._write(fd, data)

    async def __aenter__(self) -> Self:
        self._turning = asyncio.create_task(self._turn())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._turning.cancel()
        await asyncio.wait((self._turning,))

    async def _turn(self) -> None:
        while True:
            self._turns += 1
            await asyncio.sleep(0.001)
