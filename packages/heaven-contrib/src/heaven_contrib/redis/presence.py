"""Who is in a room, on all workers: each says so again and again, and who stops saying it has left."""

from __future__ import annotations

import asyncio
from logging import Logger
from typing import Any, Generic, Literal, TypeVar
from uuid import uuid4

import msgspec

from heaven.logs import logger
from heaven_contrib.redis.battery import Redis, Script
from heaven_contrib.redis.errors import RedisError, RedisUnavailable
from heaven_contrib.redis.keys import tagged

T = TypeVar("T")

log: Logger = logger("heaven.broadcast")

BATCH = 500
"""Members that are renewed with one call, so that none keeps Redis from its other work."""

# Deadlines are by Redis' own clock, so that the clocks of the workers do not matter. An entry is 32 characters that
# tell apart two connections of one member, and then the member; `counts` knows how many entries a member has.
_TOGETHER = """
local entries, counts, channel = KEYS[1], KEYS[2], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function tell(kind, member)
  redis.call('PUBLISH', channel, '{"kind":"' .. kind .. '","member":' .. member .. '}')
end
local function add(entry, ttl)
  if redis.call('ZADD', entries, now + ttl, entry) == 1 then
    local member = string.sub(entry, 33)
    if redis.call('HINCRBY', counts, member, 1) == 1 then tell('joined', member) end
  end
end
local function remove(entry)
  if redis.call('ZREM', entries, entry) == 1 then
    local member = string.sub(entry, 33)
    if redis.call('HINCRBY', counts, member, -1) < 1 then
      redis.call('HDEL', counts, member)
      tell('left', member)
    end
  end
end
local function sweep()
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', entries, '-inf', now)) do remove(entry) end
end
"""

# The keys outlive the last deadline, so that a sweep can still tell who has left.
_RENEW = """
local ttl = tonumber(ARGV[2])
for i = 3, #ARGV do add(ARGV[i], ttl) end
sweep()
redis.call('PEXPIRE', entries, 2 * ttl)
redis.call('PEXPIRE', counts, 2 * ttl)
"""

_LEAVE = """
for i = 2, #ARGV do remove(ARGV[i]) end
sweep()
"""

_MEMBERS = """
sweep()
return redis.call('HKEYS', counts)
"""


class RoomChange(msgspec.Struct, Generic[T], frozen=True):
    """Somebody came or went.

    Args:
        kind: "joined" with the first connection of a member, "left" with the last.
        member: who it is.
    """

    kind: Literal["joined", "left"]
    member: T


class _Room:
    """What this process says of a room: who is in it here, and whether somebody here wants to know."""

    __slots__ = ("changing", "entries", "watchers")

    def __init__(self) -> None:
        self.entries: dict[bytes, None] = {}
        self.watchers = 0
        self.changing = asyncio.Lock()  # a renewal that is under way must not bring back who leaves meanwhile


class Presence:
    """Lives with its `Broadcast`: the members of rooms in Redis, and the task that renews those of this process.

    Members are encoded values; two that encode alike are one member.

    Args:
        redis: where they are kept.
        prefix: what its keys and channels begin with.
        ttl: seconds after which who is not renewed has left; renewed three times as often.
    """

    def __init__(self, redis: Redis, prefix: str, *, ttl: float) -> None:
        self._prefix = prefix
        self._ttl = ttl
        self._milliseconds = round(ttl * 1000)
        self._rooms: dict[str, _Room] = {}
        self._renew = redis.script(_TOGETHER + _RENEW)
        self._leave = redis.script(_TOGETHER + _LEAVE)
        self._members = redis.script(_TOGETHER + _MEMBERS)

    def channel(self, room: str) -> str:
        """Where the changes of a room are published."""
        return f"{tagged(self._prefix, room)}:presence"

    async def enter(self, room: str, member: bytes) -> bytes:
        """Add a member.

        Returns:
            The entry, which `leave` takes.

        Raises:
            RedisUnavailable: it is not there, or for no longer than the ttl.
        """
        here = self._room(room)
        entry = uuid4().hex.encode() + member
        here.entries[entry] = None
        try:
            async with here.changing:
                await self._run(self._renew, room, self._milliseconds, entry)
        except BaseException as error:
            here.entries.pop(entry, None)
            self._forget(room, here)
            if isinstance(error, asyncio.CancelledError):
                await self.leave(room, entry)  # it may be there already
            raise
        return entry

    async def leave(self, room: str, entry: bytes) -> None:
        """Remove a member; while Redis is down it has left by the ttl."""
        try:
            await self._remove(room, entry)
        except RedisError as error:
            log.warning("a member of %r is there for up to %g s more: %s", room, self._ttl, error)

    async def leave_all(self) -> None:
        """Remove every member of this process; while Redis is down they have left by the ttl."""
        for room, here in tuple(self._rooms.items()):
            try:
                await self._remove(room, *here.entries)
            except RedisError as error:
                log.warning("the members of %r are there for up to %g s more: %s", room, self._ttl, error)
                if isinstance(error, RedisUnavailable):  # and so are those of other rooms
                    break

    async def members(self, room: str) -> list[bytes]:
        """The members of a room on all workers, each once, sorted.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        return sorted(await self._run(self._members, room))

    def watch(self, room: str) -> None:
        """Note that somebody here wants to know who leaves a room, even where nobody here is in it."""
        self._room(room).watchers += 1

    def unwatch(self, room: str) -> None:
        """Note that one who watched has ended that."""
        here = self._room(room)
        here.watchers -= 1
        self._forget(room, here)

    async def keep_alive(self) -> None:
        """Renew the members of this process until the task is cancelled."""
        while True:
            await asyncio.sleep(self._ttl / 3)
            for room, here in tuple(self._rooms.items()):
                try:
                    async with here.changing:
                        await self._keep(room, tuple(here.entries))
                except RedisError as error:
                    log.warning("the members of %r can't be renewed, and are gone by %g s: %s", room, self._ttl, error)
                    if isinstance(error, RedisUnavailable):  # nor can those of other rooms
                        break

    async def _keep(self, room: str, entries: tuple[bytes, ...]) -> None:
        for start in range(0, max(len(entries), 1), BATCH):  # a room that is only watched is swept
            await self._run(self._renew, room, self._milliseconds, *entries[start : start + BATCH])

    async def _remove(self, room: str, *entries: bytes) -> None:
        here = self._room(room)
        for entry in entries:
            here.entries.pop(entry, None)
        try:
            async with here.changing:
                for start in range(0, len(entries), BATCH):
                    await self._run(self._leave, room, *entries[start : start + BATCH])
        finally:
            self._forget(room, here)

    async def _run(self, script: Script, room: str, *args: bytes | int) -> Any:
        """Run a script on a room; each does the same when it runs twice."""
        key = tagged(self._prefix, room)
        return await script.run(
            keys=[f"{key}:entries", f"{key}:members"], args=[self.channel(room), *args], idempotent=True
        )

    def _room(self, room: str) -> _Room:
        return self._rooms.setdefault(room, _Room())

    def _forget(self, room: str, here: _Room) -> None:
        if not here.entries and not here.watchers and self._rooms.get(room) is here:
            del self._rooms[room]
