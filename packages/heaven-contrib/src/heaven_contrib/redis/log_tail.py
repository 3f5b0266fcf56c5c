"""What an event log reads from its Redis stream: pages by position, and its end, once for all readers of a process."""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable
from logging import Logger
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from heaven.logs import logger
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisOutcomeUnknown, RedisUnavailable

T = TypeVar("T")

log: Logger = logger("heaven.event_log")

Position: TypeAlias = tuple[int, int]
"""The id of an entry as Redis orders them: milliseconds, and a number within the millisecond."""

BEGINNING: Final[Position] = (0, 0)
PAGE: Final = 100
"""Entries that are read from Redis with one call."""
RECENT: Final = 256
"""Entries at the end of the log that a process keeps for its readers."""
BLOCK: Final = 5.0
"""Seconds that one call waits for new entries."""

_POSITION = re.compile("([0-9]{1,20})-([0-9]{1,20})")
_LARGEST = 2**64 - 1


def parse(text: str) -> Position:
    """The position that an id names.

    Raises:
        ValueError: it is no id of a stream's entry.

    Example:
        >>> parse("1700000000000-3")
        (1700000000000, 3)
    """
    found = _POSITION.fullmatch(text)
    position = (int(found[1]), int(found[2])) if found else None
    if position is None or max(position) > _LARGEST:
        raise ValueError(f"an id of an event log is two numbers with a hyphen between, and this is {text[:60]!r}")
    return position


def written(position: Position) -> str:
    """The id of a position."""
    return f"{position[0]}-{position[1]}"


class Stored(NamedTuple):
    """An entry as it is stored."""

    position: Position
    event: str | None
    data: bytes


class Page(NamedTuple):
    """Entries that follow each other.

    Args:
        entries: in order.
        after: the position before the first of them; where to go on when there is none.
        missed: whether entries may be missing before the first.
    """

    entries: list[Stored]
    after: Position
    missed: bool = False

    @property
    def end(self) -> Position:
        """Where to go on."""
        return self.entries[-1].position if self.entries else self.after


class Stream:
    """A Redis stream, read by positions.

    Args:
        redis: where it is.
        key: its key.
        keep: how many entries are kept at least.
    """

    def __init__(self, redis: Redis, key: str, keep: int) -> None:
        self.key: str = key
        self.keep: int = keep
        self._redis = redis

    async def append(self, event: str | None, data: bytes) -> str:
        """Add an entry, and let go of the oldest; gives its id."""
        fields: dict[Any, Any] = {b"data": data} if event is None else {b"data": data, b"event": event.encode()}
        # Trimming by whole nodes of Redis' tree is what makes it cheap.
        name: Any = await self._redis.write(lambda c: c.xadd(self.key, fields, maxlen=self.keep, approximate=True))
        return str(name, "ascii")

    async def page(self, after: Position) -> Page:
        """What follows a position. The entry there is read as well: only if it is still kept, none is missing."""
        found = await self._range(after)
        if found and found[0].position == after:
            return Page(found[1:], after)
        if after == BEGINNING:
            length: int = await self._redis.read(lambda c: c.xlen(self.key))
            return Page(found, after, missed=length >= self.keep)
        if not found and (end := await self.end()) <= after:  # the log is not what it was
            return Page(found, end, missed=True)
        return Page(found or await self._range(after), after, missed=True)

    async def latest(self, count: int) -> list[Stored]:
        """The last entries, in order."""
        found: Any = await self._redis.read(lambda c: c.xrevrange(self.key, count=count))
        return [_stored(*raw) for raw in reversed(found)]

    async def end(self) -> Position:
        """The position of the last entry."""
        found = await self.latest(1)
        return found[0].position if found else BEGINNING

    async def grows(self, after: Position) -> None:
        """Wait until there is an entry after a position, but not much longer than BLOCK."""
        milliseconds = round(BLOCK * 1000)
        await self._redis.wait(lambda c: c.xread({self.key: written(after)}, count=1, block=milliseconds), BLOCK)

    async def _range(self, start: Position) -> list[Stored]:
        found: Any = await self._redis.read(lambda c: c.xrange(self.key, min=written(start), count=PAGE + 1))
        return [_stored(*raw) for raw in found]


class Tail:
    """Lives as long as somebody follows a log in this process: reads what is new, once for all of them.

    It keeps the newest entries and no queues: readers ask for what follows their position, as often as they like, and
    those whose position it does not have read from Redis themselves.
    """

    __slots__ = ("_end", "_floor", "_recent", "_stream", "_task", "failure", "news", "readers")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._recent: deque[Stored] = deque()
        self._floor: Position | None = None
        self._end: Position | None = None
        self._task: asyncio.Task[None] = asyncio.create_task(self._run())
        self.readers: int = 0
        self.news: asyncio.Event = asyncio.Event()
        """Set at the next news, and replaced by another then."""
        self.failure: Exception | None = None
        """What ended it."""

    async def stop(self) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.wait((self._task,))

    def after(self, position: Position) -> Page | None:
        """What follows a position, or None where only Redis knows: that of no entry which is here, or was the last."""
        known = self._floor
        entries: list[Stored] = []
        for entry in reversed(self._recent):
            if entry.position <= position:
                known = entry.position
                break
            entries.append(entry)
        return Page(entries[::-1], position) if known == position else None

    async def _run(self) -> None:
        pause = Pause()
        sure = True
        while True:
            try:
                if self._end is None:
                    self._begin(await self._stream.end())
                elif sure:
                    await self._stream.grows(self._end)
                await self._catch_up()
                sure, pause = True, Pause()
            except (RedisUnavailable, RedisOutcomeUnknown) as error:
                if sure:
                    log.warning("%s can't be read, and is waited for: %s", self._stream.key, error)
                sure = False  # a server that comes back may not have all that it had
                await pause.take()
            except Exception as error:  # noqa: BLE001 - the readers raise it
                self.failure = error
                self._tell()
                return

    def _begin(self, end: Position) -> None:
        self._floor = self._end = end
        self._tell()

    async def _catch_up(self) -> None:
        """Read up to the end of the log; where entries are missing it begins anew, and readers find out themselves."""
        more = True
        while more and self._end is not None:
            page = await self._stream.page(self._end)
            if page.missed:
                self._end = self._floor = None
                self._recent.clear()
            else:
                self._take(page.entries)
            more = len(page.entries) >= PAGE

    def _take(self, entries: list[Stored]) -> None:
        for entry in entries:
            self._recent.append(entry)
            self._end = entry.position
            if len(self._recent) > RECENT:
                self._floor = self._recent.popleft().position
        if entries:
            self._tell()

    def _tell(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class Pause:
    """The waits between tries while Redis is down: longer and longer, and never the same for many processes."""

    __slots__ = ("_longest",)

    def __init__(self) -> None:
        self._longest = 0.1

    async def take(self) -> None:
        """Wait."""
        await asyncio.sleep(random.uniform(self._longest / 2, self._longest))  # noqa: S311 - no secret
        self._longest = min(2 * self._longest, 2.0)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call until Redis answers."""
    pause = Pause()
    while True:
        try:
            return await call()
        except RedisUnavailable:
            await pause.take()


def _stored(name: bytes, fields: dict[bytes, bytes]) -> Stored:
    event = fields.get(b"event")
    return Stored(parse(name.decode()), None if event is None else event.decode(), fields.get(b"data", b""))
