"""The board: what happens in the shop is written on it once, and read by everybody who listens at that moment.

It lives in one process. Several workers each have a board of their own; to join them, publish through a server
such as Redis.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

REMEMBERED = 100
"""So many changes are kept: for listeners that come back after a cut, and for those that read slowly."""


class Change(Struct, frozen=True):
    """Something that happened: `kind` is a word such as `created`, `number` grows by one with every change."""

    number: int
    kind: str
    data: Any


class Board:
    """Lives as long as the application, and tells every listener about every change."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Change]] = set()
        self._recent: deque[Change] = deque(maxlen=REMEMBERED)
        self._count = 0

    def publish(self, kind: str, data: Any) -> None:
        """Tell everybody at once, waiting for nobody: who reads too slowly loses the oldest changes."""
        self._count += 1
        change = Change(self._count, kind, data)
        self._recent.append(change)
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(change)

    @contextmanager
    def listen(self, after: int | None = None) -> Iterator[asyncio.Queue[Change]]:
        """Hand out a queue of changes from now on, or from the one after number `after` if it is remembered."""
        queue: asyncio.Queue[Change] = asyncio.Queue(REMEMBERED)
        for change in self._recent:
            if after is not None and change.number > after:
                queue.put_nowait(change)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
