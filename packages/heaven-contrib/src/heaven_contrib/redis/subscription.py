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
from typing import Final, Self, cast

from redis import exceptions as refusals
from redis.asyncio.connection import AbstractConnection

from heaven.logs import logger
from heaven_contrib.redis.errors import RedisError, RedisUnavailable

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


class _Link:
    """One connection, and the commands on it that have no reply yet, in order."""

    __slots__ = ("asked", "connection", "pinged")

    def __init__(self, connection: AbstractConnection) -> None:
        self.connection = connection
        self.asked: deque[_Asked] = deque()
        self.pinged = False

    async def send(self, *words: str) -> _Asked:
        if not self.connection.is_connected:  # redis-py would connect again, and subscribe to nothing
            raise refusals.ConnectionError("the connection is closed")
        packed = self.connection.pack_command(*words)
        asked = _Asked()
        self.asked.append(asked)  # only what is sent has a reply
        await self.connection.send_packed_command(packed, check_health=False)
        return asked

    async def receive(self, seconds: float) -> Message | None:
        """One reply, or none within the time; after twice as long without any, the connection is taken for dead."""
        try:
            reply = await self.connection.read_response(timeout=seconds, disconnect_on_error=False)
        except refusals.ResponseError as error:
            self._answer(error)
            return None
        if reply is None:
            if self.pinged:
                raise refusals.ConnectionError("it did not answer PING")
            self.pinged = True
            await self.send("PING")
            return None
        self.pinged = False
        words = cast("list[bytes]", reply) if isinstance(reply, list) else []
        if words[:1] == [b"message"]:
            return Message(words[1].decode(errors="surrogateescape"), words[2])
        self._answer(True)  # noqa: FBT003 - what _Asked holds
        return None

    async def close(self) -> None:
        while self.asked:
            self._answer(False)  # noqa: FBT003 - what _Asked holds
        with suppress(*BROKEN):
            await self.connection.disconnect(nowait=True)

    def _answer(self, answer: bool | refusals.ResponseError) -> None:
        if self.asked:
            self.asked.popleft().answer = answer


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
        self._arrived: deque[Message | Gap] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._turn: asyncio.Future[None] | None = None
        self._link: _Link | None = None
        self._lost = ""
        self._pause = 0.0
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
        if self._link is not None:
            await self._drop(self._link, "closed")

    async def _confirmed(self, command: str, channel: str) -> bool:
        """Whether the connection lived until the reply."""
        link = self._link
        if link is None:
            return False
        try:
            asked = await link.send(command, channel)
        except BROKEN as error:
            await self._drop(link, error)
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
        link = self._link
        if link is None:
            await self._come_back()
            return
        try:
            message = await link.receive(self._deadline)
        except BROKEN as error:
            await self._drop(link, error)
            return
        self._pause = 0.0  # and not before: what connects and closes at once is not hurried
        if message is not None and message.channel in self._wanted:
            self._arrived.append(message)
            if len(self._arrived) >= AHEAD:
                self._room.clear()

    async def _come_back(self) -> None:
        await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311 - workers come apart
        first, longest = PAUSES
        self._pause = min(max(2 * self._pause, first), longest)
        try:
            await self._reach()
        except BROKEN as error:
            LOG.warning("pub/sub is still away: %s", error)

    async def _reach(self) -> None:
        """Connect, have all channels confirmed, and only then say that there was a gap."""
        arrived: list[Message] = []
        async with asyncio.timeout(self._deadline):
            link = _Link(await self._connect())
            try:
                await link.connection.connect()
                asked = [await link.send("SUBSCRIBE", channel) for channel in tuple(self._wanted)]
                while link.asked:
                    message = await link.receive(self._deadline)
                    if message is not None:
                        arrived.append(message)
                for each in asked:
                    if isinstance(each.answer, refusals.ResponseError):
                        raise RedisError(str(each.answer)) from each.answer
                if self._closed:
                    raise refusals.ConnectionError("this subscriber is closed")
            except BaseException:
                await link.close()
                raise
        self._link = link
        if self._lost:
            self._arrived.append(Gap(self._lost))
        self._arrived.extend(arrived)

    async def _drop(self, link: _Link, reason: object) -> None:
        if self._link is link:
            self._link = None
            self._lost = f"{type(reason).__name__}: {reason}" if isinstance(reason, BaseException) else str(reason)
        await link.close()
