"""Channels of Redis' pub/sub on one connection that comes back, and says so."""

# redis-py is typed in parts: what it leaves open is taken as it is documented.
# mypy: disable-error-code="no-untyped-call"
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from redis.asyncio.connection import AbstractConnection

from heaven.logs import logger
from heaven_contrib.redis.errors import RedisError, RedisUnavailable
from redis import exceptions as refusals

LOG: Final = logger("heaven.redis")
AHEAD: Final = 1000
"""How many messages may wait while `add` reads until its confirmation; after that, the consumer has to come first."""
PAUSES: Final = (0.05, 2.0)
"""Seconds between two attempts to connect again: after the first, and the longest."""
BROKEN: Final = (refusals.ConnectionError, refusals.TimeoutError, refusals.InvalidResponse, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody published."""

    channel: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """The connection was lost and all channels are subscribed again: messages in between never come."""

    reason: str


class _Asked:
    """A command: None until its reply comes, then whether the connection lived that long, or the refusal."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: bool | refusals.ResponseError | None = None


class Subscriber(AsyncIterator[Message | Gap]):
    """Channels that can be added and removed at any time; iterating gives what comes, and a `Gap` after each loss.

    Nothing is read ahead of the consumer, so that one who is slow holds up the server and not this process' memory:
    Redis closes a connection whose messages pile up, and that is a Gap.

    Args:
        connect: makes a connection, not yet connected.
        deadline: seconds that connecting and each confirmation may take; after as long without a message, Redis is
            asked for a sign of life.
    """

    def __init__(self, connect: Callable[[], Awaitable[AbstractConnection]], *, deadline: float) -> None:
        self._connect = connect
        self._deadline = deadline
        self._wanted: set[str] = set()
        self._asked: deque[_Asked] = deque()
        self._arrived: deque[Message | Gap] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._turn: asyncio.Future[None] | None = None
        self._connection: AbstractConnection | None = None
        self._lost = ""
        self._pause = 0.0
        self._pinged = False
        self._closed = False

    @property
    def channels(self) -> frozenset[str]:
        """What was added and not removed."""
        return frozenset(self._wanted)

    async def add(self, channel: str) -> None:
        """Subscribe; what is published after this has returned will come.

        Raises:
            RedisUnavailable: it was not confirmed by the deadline, and is not subscribed.
            RedisError: Redis refused.
        """
        self._wanted.add(channel)
        try:
            async with asyncio.timeout(self._deadline):
                while not await self._confirmed("SUBSCRIBE", channel):
                    await self._step()  # which comes back
        except BROKEN as error:
            self._wanted.discard(channel)
            raise RedisUnavailable("Redis did not confirm a subscription in time.") from error
        except BaseException:
            self._wanted.discard(channel)
            raise

    async def remove(self, channel: str) -> None:
        """Unsubscribe; nothing more comes from it, but for what has been taken from the connection already.

        Raises:
            RedisUnavailable: it was not confirmed by the deadline; nothing more comes from it all the same.
        """
        self._wanted.discard(channel)
        try:
            async with asyncio.timeout(self._deadline):
                await self._confirmed("UNSUBSCRIBE", channel)
        except BROKEN as error:
            raise RedisUnavailable("Redis did not confirm the end of a subscription in time.") from error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message | Gap:
        """The next message, however long it takes.

        Raises:
            RedisError: a channel was refused when it was to be subscribed again.
        """
        while not self._arrived:
            if self._closed:
                raise StopAsyncIteration
            await self._step()
        self._room.set()
        return self._arrived.popleft()

    async def open(self) -> None:
        """Connect.

        Raises:
            RedisUnavailable: Redis can't be reached.
        """
        try:
            await self._reach()
        except BROKEN as error:
            raise RedisUnavailable("Redis can't be reached, or did not answer in time.") from error

    async def close(self) -> None:
        """Disconnect; whoever iterates comes to the end."""
        self._closed = True
        await self._drop("closed")

    async def _confirmed(self, command: str, channel: str) -> bool:
        """Whether the connection lived until the reply."""
        if self._connection is None:
            return False
        try:
            asked = await self._send(self._connection, command, channel)
        except BROKEN as error:
            await self._drop(_words(error))
            return False
        while asked.answer is None:
            await self._room.wait()
            await self._step()
        if isinstance(asked.answer, refusals.ResponseError):
            raise RedisError(str(asked.answer)) from asked.answer
        return asked.answer

    async def _step(self) -> None:
        """One reply is taken in, by the caller or by whoever is reading already."""
        if self._turn is not None:
            await asyncio.wait([self._turn])
            return
        self._turn = asyncio.get_running_loop().create_future()
        try:
            await self._receive()
        finally:
            turn, self._turn = self._turn, None
            turn.set_result(None)

    async def _receive(self) -> None:
        if self._closed:
            raise refusals.ConnectionError("this subscriber is closed")
        if self._connection is None:
            await self._come_back()
            return
        try:
            await self._read(self._connection, self._arrived)
        except BROKEN as error:
            await self._drop(_words(error))

    async def _come_back(self) -> None:
        await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311 - workers come apart
        first, longest = PAUSES
        self._pause = min(max(2 * self._pause, first), longest)
        try:
            await self._reach()
        except BROKEN as error:
            LOG.warning("pub/sub is still away: %s", error)
        else:
            self._pause = 0.0

    async def _reach(self) -> None:
        """Connect, have all channels confirmed, and only then say that there was a gap."""
        arrived: deque[Message | Gap] = deque()
        connection = await self._connect()
        try:
            async with asyncio.timeout(self._deadline):
                await connection.connect()
                asked = [await self._send(connection, "SUBSCRIBE", channel) for channel in tuple(self._wanted)]
                while self._asked:
                    await self._read(connection, arrived)
            for each in asked:
                if isinstance(each.answer, refusals.ResponseError):
                    raise RedisError(str(each.answer)) from each.answer
        except BaseException:
            self._connection = connection
            await self._drop(self._lost)
            raise
        self._connection = connection
        if self._lost:
            self._arrived.append(Gap(self._lost))
        self._arrived.extend(arrived)

    async def _send(self, connection: AbstractConnection, *words: str) -> _Asked:
        asked = _Asked()
        self._asked.append(asked)
        await connection.send_packed_command(connection.pack_command(*words), check_health=False)
        return asked

    async def _read(self, connection: AbstractConnection, arrived: deque[Message | Gap]) -> None:
        try:
            reply = await connection.read_response(timeout=self._deadline, disconnect_on_error=False)
        except refusals.ResponseError as error:
            if self._asked:
                self._asked.popleft().answer = error
            return
        if reply is not None:
            self._pinged = False
            self._take(reply, arrived)
        elif self._pinged:
            raise refusals.ConnectionError("it did not answer PING")
        else:
            self._pinged = True
            await self._send(connection, "PING")

    def _take(self, reply: Any, arrived: deque[Message | Gap]) -> None:
        words = cast("list[bytes]", reply) if isinstance(reply, list) else []
        if words[:1] != [b"message"]:
            if self._asked:
                self._asked.popleft().answer = True
            return
        channel = words[1].decode(errors="surrogateescape")
        if channel in self._wanted:
            arrived.append(Message(channel, words[2]))
            if len(arrived) >= AHEAD:
                self._room.clear()

    async def _drop(self, reason: str) -> None:
        connection, self._connection = self._connection, None
        self._lost = reason
        self._pinged = False
        while self._asked:
            self._asked.popleft().answer = False
        if connection is not None:
            with suppress(*BROKEN):
                await connection.disconnect(nowait=True)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
