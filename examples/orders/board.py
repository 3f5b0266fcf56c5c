"""What happens in the shop, told to whoever listens, on whatever worker.

The public reads a log, in which a listener that was cut off finds what it missed. The staff have a channel, which
reaches who is there. Both go through Redis, or stay in this process where the shop has none.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from heaven_contrib.redis import Broadcast, EventLog, Redis
from heaven_contrib.redis.broadcast import Subscription
from msgspec import Struct

PUBLIC = ("created", "summary")
STAFF = ("created", "cancelled", "attached", "joined", "said", "left")

REMEMBERED = 1_000
"""So many events are kept for listeners that come back after a cut."""


class Change(Struct, frozen=True):
    """Something that happened: `kind` is a word such as `created`."""

    kind: str
    data: Any


class Board:
    """Lives as long as the application."""

    def __init__(self, redis: Redis, broadcast: Broadcast) -> None:
        self.log: EventLog[Any] = EventLog(redis, "shop", keep=REMEMBERED)
        self._broadcast = broadcast

    async def publish(self, kind: str, data: Any) -> None:
        """Tell everybody whom it concerns."""
        if kind in PUBLIC:
            await self.log.append(data, kind)
        if kind in STAFF:
            await self._broadcast.publish("staff", Change(kind, data))

    def listen(self) -> AbstractAsyncContextManager[Subscription[Change]]:
        """What the staff are told from now on."""
        return self._broadcast.subscribe("staff", type=Change)
