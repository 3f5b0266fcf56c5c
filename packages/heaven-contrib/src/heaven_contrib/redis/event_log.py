"""A log that all workers write and follow: a client that comes back gets what it missed, from whatever worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, Generic, TypeVar, overload

import msgspec

from heaven import Request
from heaven.errors import BadRequest, RegistrationError
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.keys import tagged
from heaven_contrib.redis.log_tail import PAGE, Page, Position, Stored, Stream, Tail, parse, patiently, written
from heaven_contrib.redis.missed import Missed
from heaven_contrib.redis.values import decode, encode

T = TypeVar("T")


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """What was appended once.

    Args:
        id: names it; a later entry has a greater one.
        event: the name of the event, or None.
        value: what was appended.
    """

    id: str
    event: str | None
    value: T


class EventLog(Generic[T]):
    """Lives with the application: the same log on all workers, in a Redis stream.

    Its order is the order in which Redis took the entries, the same for every reader. A reader that goes on from the
    id of the last entry it dealt with sees **every later entry once**, in order: after a lost connection, on another
    worker, after a restart of a Redis that is persistent. Where entries are gone, because more than `keep` came after
    them or Redis lost its data, it gets a `Missed` in their place, never silence; it gets one too where that can't be
    ruled out because the entry it goes on from is not kept itself. `append` sends an entry at most once, and says so
    where the answer was lost.

    However many readers a process has, one connection waits for new entries, and the newest are read once for all of
    them. Nothing is queued for a reader: a slow one reads from Redis by id, as far back as the log goes.

    Args:
        redis: where it is.
        name: its name; its key is `log:{name}`.
        type: what each value has to be.
        keep: how many entries are kept at least; Redis lets go of older ones about a hundred at a time.

    Raises:
        RegistrationError: `keep` is not above 0.

    Example:
        >>> import asyncio
        >>> async def main() -> None:
        ...     redis = Redis("memory://")
        ...     await redis.connect()
        ...     log = EventLog(redis, "orders", type=dict[str, int])
        ...     first = await log.append({"order": 7}, event="created")
        ...     await log.append({"order": 7}, event="paid")
        ...     async for entry in log.read(first, follow=False):
        ...         print(entry.event, entry.value)
        ...     await redis.disconnect()
        >>> asyncio.run(main())
        paid {'order': 7}
    """

    @overload
    def __init__(self, redis: Redis, name: str, *, type: type[T], keep: int = ...) -> None: ...
    @overload
    def __init__(self: EventLog[Any], redis: Redis, name: str, *, type: Any = ..., keep: int = ...) -> None: ...
    def __init__(self, redis: Redis, name: str, *, type: Any = Any, keep: int = 10_000) -> None:  # noqa: A002
        if keep < 1:
            raise RegistrationError(f"EventLog {name!r} got keep={keep!r}; give the number of entries, 1 or more")
        self._type = type
        self._stream = Stream(redis, tagged("log", name), keep)
        self._tail: Tail | None = None

    async def append(self, value: T, event: str | None = None) -> str:
        """Add an entry at the end.

        Args:
            value: what msgspec writes as JSON.
            event: the name of the event, as server-sent events have it.

        Returns:
            Its id.

        Raises:
            TypeError: JSON has no such value, or it is not of the type.
            ValueError: the name of the event is more than one line.
            RedisUnavailable: it was not appended.
            RedisOutcomeUnknown: it may have been appended.
        """
        if event is not None and ("\n" in event or "\r" in event):
            raise ValueError(f"the name of an event is one line, and this is {event!r}")
        return await self._stream.append(event, self._encoded(value))

    def _encoded(self, value: T) -> bytes:
        """What is stored; one value that is of another type would end all who read it."""
        data = encode(value)
        try:
            msgspec.json.decode(data, type=self._type)
        except msgspec.ValidationError as error:
            raise TypeError(f"the event log {self._stream.key!r} has no such values: {error}") from None
        return data

    async def latest(self, count: int) -> list[Entry[T]]:
        """The last entries, oldest first; `read` goes on from the last of them.

        Args:
            count: how many, at most.

        Raises:
            DecodeError: a value is not of the type.
            RedisUnavailable: Redis does not answer.
        """
        return [self._entry(stored) for stored in await self._stream.latest(count)]

    def read(self, after: str | None = None, *, follow: bool = True) -> AsyncGenerator[Entry[T] | Missed, None]:
        """The entries after one, in order, and then the new ones as they come, for as long as anybody asks.

        While Redis is down the reader waits. Leave early by `contextlib.aclosing`.

        Args:
            after: the id of an entry, which need not exist; "0-0" for all that is kept; None for those alone that are
                appended after the first step.
            follow: whether to wait for new entries; else it ends with the last, and raises while Redis is down.

        Raises:
            ValueError: `after` is no id.
            DecodeError: a value is not of the type.
            RedisUnavailable: Redis does not answer, without `follow`.
        """
        position = None if after is None else parse(after)
        return self._read(self._followed(position) if follow else self._kept(position))

    def events(self, req: Request, *, after: str | None = None) -> AsyncGenerator[dict[str, Any], None]:
        """The log as server-sent events: `res.events(log.events(req))`.

        A browser that lost its connection says the id of the last event it got, and goes on from there, on any worker
        (WHATWG HTML 9.2.4). One that got no event yet does so too: the stream begins with the id of the log's end.
        The value of an entry is its data, as JSON. Where entries may be missing, an event called `gap` comes, with the
        id after which they are missing: the page loads its state anew, and goes on listening.

        Args:
            req: its Last-Event-ID says where to go on.
            after: where to begin if the client does not say, as for `read`.

        Raises:
            BadRequest: Last-Event-ID, or `after`, is no id.
        """
        return self._events(_position(last_event_id(req) or after))

    async def _read(self, pages: AsyncGenerator[Page, None]) -> AsyncGenerator[Entry[T] | Missed, None]:
        async with aclosing(pages):
            async for page in pages:
                if page.missed:
                    yield Missed()
                for stored in page.entries:
                    yield self._entry(stored)

    async def _events(self, position: Position | None) -> AsyncGenerator[dict[str, Any], None]:
        async with aclosing(self._followed(position)) as pages:
            if position is None:
                position = (await anext(pages)).after
                yield {"id": written(position)}
            async for page in pages:
                if page.missed:
                    yield {"event": "gap", "data": {"after": written(position)}}
                for stored in page.entries:
                    yield _event(stored)
                position = page.end

    async def _kept(self, position: Position | None) -> AsyncGenerator[Page, None]:
        while position is not None:
            page = await self._stream.page(position)
            yield page
            position = page.end if len(page.entries) >= PAGE else None

    async def _followed(self, position: Position | None) -> AsyncGenerator[Page, None]:
        """Pages from a position on; the first is empty where there was none, and says it."""
        stream = self._stream
        async with self._tailing() as tail:
            if position is None:
                position = await patiently(stream.end)
                yield Page([], position)
            while True:
                news = tail.news
                page = tail.after(position)
                if page is None:
                    page = await patiently(partial(stream.page, position))
                position = page.end
                if page.entries or page.missed:
                    yield page
                elif tail.failure is not None:
                    raise tail.failure
                else:
                    await news.wait()

    @asynccontextmanager
    async def _tailing(self) -> AsyncGenerator[Tail, None]:
        """The tail that all readers of this process share, while there is one that lives."""
        if self._tail is None or self._tail.failure is not None:
            self._tail = Tail(self._stream)
        tail = self._tail
        tail.readers += 1
        try:
            yield tail
        finally:
            tail.readers -= 1
            if not tail.readers:
                if self._tail is tail:
                    self._tail = None
                await tail.stop()

    def _entry(self, stored: Stored) -> Entry[T]:
        name = written(stored.position)
        return Entry(name, stored.event, decode(stored.data, self._type, f"{self._stream.key} {name}"))


def last_event_id(req: Request) -> str | None:
    """The id of the last event that a client got (WHATWG HTML 9.2.4), for event streams of your own making.

    Returns:
        The id, for `EventLog.read`; None where the client says none.

    Raises:
        BadRequest: it is no id of an event log.
    """
    name = req.headers.get("last-event-id")
    if not name:
        return None
    _position(name)
    return name


def _position(name: str | None) -> Position | None:
    try:
        return None if name is None else parse(name)
    except ValueError as error:
        raise BadRequest(f"Last-Event-ID names no event: {error}.") from error


def _event(stored: Stored) -> dict[str, Any]:
    # PERF: JSON goes out as it is stored, so that no client costs a value that is read and written again.
    event = {"id": written(stored.position), "data": stored.data.decode()}
    if stored.event is not None:
        event["event"] = stored.event
    return event
