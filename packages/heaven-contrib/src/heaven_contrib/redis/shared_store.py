"""What workers and machines keep together: the words of the application's store, in Redis."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload

import msgspec

from heaven.declaring.store import Key, name_of
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisUnavailable
from heaven_contrib.redis.keys import checked_prefix, milliseconds, tagged
from heaven_contrib.redis.subscription import Subscriber
from heaven_contrib.redis.values import decode, encode

T = TypeVar("T")
D = TypeVar("D")


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "ABSENT"

    def __repr__(self) -> str:
        """Its name."""
        return self.name


ABSENT: Final = Absent.ABSENT
"""Says that nothing is kept; `None` is a value like others."""

KEEP: Final = """
if ARGV[2] == '' then
    redis.call('SET', KEYS[1], ARGV[1])
else
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
redis.call('PUBLISH', ARGV[3], '')
"""

UNKEEP: Final = """
local value = redis.call('GET', KEYS[1])
if value then
    redis.call('DEL', KEYS[1])
    redis.call('PUBLISH', ARGV[1], '')
end
return value
"""

# An answer of 1 says that it was swapped; anything else is what is kept instead.
SWAP: Final = """
local current = redis.call('GET', KEYS[1])
local expected = ARGV[1] ~= '' and ARGV[1]
if current ~= expected then
    return current
end
if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then
    redis.call('SET', KEYS[1], ARGV[2])
else
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('PUBLISH', ARGV[4], '')
return 1
"""

LOOK: Final = "return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}"


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What is kept under a key that is watched.

    Attributes:
        value: the value, or `ABSENT`.
    """

    value: T | Absent


class SharedStore:
    """`keep`, `peek` and `unkeep` as on the application, across workers and machines, with `watch` and `swap`.

    Values are JSON: what one worker keeps, another one reads as the `type` it asks for, and never as an object that
    runs code. What lies in Redis has no Python type: without `type=` a Struct comes back as a dict.

    What is promised: every word is one atomic step at the server, which all others see from then on, in one order. A
    store that can't be asked raises and never looks empty. A change is sent at most once: `RedisUnavailable` (503) says
    that nothing was changed, `RedisOutcomeUnknown` (500) that it may have been. What is not: that something kept
    survives a Redis without persistence, or a replica that takes over before it has everything.

    Args:
        redis: the battery.
        prefix: what tells its keys from those of others.

    Raises:
        RegistrationError: the prefix can't work.

    Example:
        >>> STOCK: Key[int] = Key("stock")
        >>> async def main():
        ...     redis = Redis("memory://")
        ...     await redis.connect()
        ...     shared = SharedStore(redis, "shop")
        ...     await shared.keep(STOCK, 3, ttl=60)
        ...     swapped = await shared.swap(STOCK, 3, 2), await shared.swap(STOCK, 3, 2)
        ...     print(swapped, await shared.peek(STOCK, type=int))
        ...     await redis.disconnect()
        >>> asyncio.run(main())
        (True, False) 2
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.prefix: str = checked_prefix("SharedStore", prefix)
        self._redis = redis
        self._keep = redis.script(KEEP)
        self._unkeep = redis.script(UNKEEP)
        self._swap = redis.script(SWAP)
        self._look = redis.script(LOOK)

    @overload
    async def keep(self, key: Key[T], value: T, *, ttl: float | None = None) -> None: ...
    @overload
    async def keep(self, key: str, value: Any, *, ttl: float | None = None) -> None: ...
    async def keep(self, key: str | Key[Any], value: Any, *, ttl: float | None = None) -> None:
        """Keep a value under a name; what was there before is replaced, and so is how long it was kept for.

        Args:
            key: the name.
            value: what JSON has, Structs and dataclasses.
            ttl: seconds after which it is gone, to the millisecond; None keeps it until `unkeep`.

        Raises:
            TypeError: JSON has no such value.
            RedisUnavailable: nothing was changed.
            RedisOutcomeUnknown: it may have been kept.
        """
        name = self._key(key)
        await self._keep.run(keys=[name], args=[encode(value), _lifetime(ttl), _channel(name)])

    @overload
    async def peek(self, key: str | Key[Any], default: D, *, type: type[T]) -> T | D: ...
    @overload
    async def peek(self, key: str | Key[Any], *, type: type[T]) -> T | None: ...
    @overload
    async def peek(self, key: Key[T], default: D, *, type: Any = ...) -> T | D: ...
    @overload
    async def peek(self, key: Key[T], *, type: Any = ...) -> T | None: ...
    @overload
    async def peek(self, key: str, default: Any = None, *, type: Any = ...) -> Any: ...
    async def peek(self, key: str | Key[Any], default: Any = None, *, type: Any = Any) -> Any:  # noqa: A002
        """Look at what is kept under a name, or get `default` where nothing is.

        Args:
            key: the name.
            default: given back where nothing is kept.
            type: what it has to be, such as a Struct or `list[int]`.

        Raises:
            DecodeError: what is kept is not of that type.
            RedisUnavailable: Redis can't be asked.
        """
        name = self._key(key)
        data: Any = await self._redis.read(lambda client: client.get(name))
        return default if data is None else decode(data, type, name)

    @overload
    async def unkeep(self, key: str | Key[Any], default: D, *, type: type[T]) -> T | D: ...
    @overload
    async def unkeep(self, key: str | Key[Any], *, type: type[T]) -> T: ...
    @overload
    async def unkeep(self, key: Key[T], default: D, *, type: Any = ...) -> T | D: ...
    @overload
    async def unkeep(self, key: Key[T], *, type: Any = ...) -> T: ...
    @overload
    async def unkeep(self, key: str, default: Any = ..., *, type: Any = ...) -> Any: ...
    async def unkeep(self, key: str | Key[Any], default: Any = ABSENT, *, type: Any = Any) -> Any:  # noqa: A002
        """Stop keeping a value, and get it back; of many who ask at once, one gets it.

        Args:
            key: the name.
            default: given back where nothing is kept.
            type: what it has to be, such as a Struct or `list[int]`.

        Raises:
            KeyError: nothing is kept and there is no default.
            DecodeError: what was kept is not of that type; it is not kept any more.
            RedisUnavailable: nothing was changed.
            RedisOutcomeUnknown: it may not be kept any more.
        """
        name = self._key(key)
        data = await self._unkeep.run(keys=[name], args=[_channel(name)])
        if data is not None:
            return decode(data, type, name)
        if default is ABSENT:
            raise KeyError(f"nothing is kept as {name_of(key)!r} in the shared store {self.prefix!r}")
        return default

    @overload
    async def swap(self, key: Key[T], old: T | Absent, new: T | Absent, *, ttl: float | None = None) -> bool: ...
    @overload
    async def swap(self, key: str, old: Any, new: Any, *, ttl: float | None = None) -> bool: ...
    async def swap(self, key: str | Key[Any], old: Any, new: Any, *, ttl: float | None = None) -> bool:
        """Keep `new` if what is kept is `old`: compare and set, in one step that no other change comes between.

        Values are compared as JSON: 1 and 1.0 differ, and the order in which a mapping has its keys does not count.

        Args:
            key: the name.
            old: what has to be kept; `ABSENT` for nothing, so that of many who ask, one creates it.
            new: what is kept then; `ABSENT` for nothing.
            ttl: seconds after which the new value is gone; None keeps it until `unkeep`.

        Returns:
            Whether it was swapped.

        Raises:
            TypeError: JSON has no such value.
            RedisUnavailable: nothing was changed.
            RedisOutcomeUnknown: it may have been swapped.
        """
        name = self._key(key)
        expected, wanted = _optional(old), _optional(new)
        args = [wanted, _lifetime(ttl), _channel(name)]
        current = await self._swap.run(keys=[name], args=[expected, *args])
        while current != 1:
            if current is None or not expected or _canonical(current) != _canonical(expected):
                return False
            expected = current  # the same value, written in another way
            current = await self._swap.run(keys=[name], args=[expected, *args])
        return True

    @overload
    def watch(self, key: str | Key[Any], *, type: type[T]) -> Watch[T]: ...
    @overload
    def watch(self, key: Key[T], *, type: Any = ...) -> Watch[T]: ...
    @overload
    def watch(self, key: str, *, type: Any = ...) -> Watch[Any]: ...
    def watch(self, key: str | Key[Any], *, type: Any = Any) -> Watch[Any]:  # noqa: A002
        """What is kept under a name, now and whenever it is something else.

        The current state comes first, `ABSENT` if there is none. After that the last state is never missed, whether it
        was kept, swapped, removed or has expired, and whether or not Redis was out of reach meanwhile; states that were
        replaced before they could be looked at are. A value that is kept again is no change. Each watch has a
        connection of its own, which is closed at the end of its block.

        Args:
            key: the name.
            type: what it has to be, such as a Struct or `list[int]`.

        Raises:
            DecodeError: what is kept is not of that type.
            RedisUnavailable: Redis can't be asked at the start; later it is waited for.

        Example:
            ::

                async with shared.watch(STOCK, type=int) as changes:
                    async for change in changes:
                        print("sold out" if change.value is ABSENT else change.value)
        """
        return Watch(self._changes(self._key(key), type))

    async def _changes(self, name: str, type: Any) -> AsyncGenerator[Change[Any]]:  # noqa: A002
        async with self._listening(name) as news:
            data, remaining = await self._state(name)
            yield _change(data, type, name)
            while True:
                await news.wait(remaining)
                before = data
                try:
                    data, remaining = await self._state(name)
                except RedisUnavailable:
                    remaining = random.uniform(0.5, 1.0)  # noqa: S311
                if data != before:
                    yield _change(data, type, name)

    @asynccontextmanager
    async def _listening(self, name: str) -> AsyncGenerator[_News]:
        async with self._redis.subscriber() as subscriber:
            await subscriber.add(_channel(name))
            news = _News(subscriber)
            try:
                yield news
            finally:
                await news.close()

    async def _state(self, name: str) -> tuple[bytes | None, float | None]:
        """What is kept, and the seconds that are left to it, if it has a ttl."""
        data, left = await self._look.run(keys=[name], idempotent=True)
        return data, (left + 1) / 1000 if left >= 0 else None

    def _key(self, key: str | Key[Any]) -> str:
        return tagged(self.prefix, name_of(key))

    def __repr__(self) -> str:
        """Its prefix."""
        return f"<SharedStore {self.prefix!r}>"


class Watch(AsyncIterator[Change[T]]):
    """Lives with its block: what is kept under a key, now and whenever it is something else; `SharedStore.watch`.

    Args:
        changes: gives them.
    """

    def __init__(self, changes: AsyncGenerator[Change[T]]) -> None:
        self._changes = changes

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connection."""
        await self._changes.aclose()

    async def __anext__(self) -> Change[T]:
        """The next change, however long it takes."""
        return await anext(self._changes)


class _News:
    """Lives as long as a watch: knows whether something was said since it was last asked; many words count once."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._said = asyncio.Event()
        self._reading = asyncio.create_task(self._read(subscriber))

    async def _read(self, subscriber: Subscriber) -> None:
        try:
            async for _ in subscriber:  # a gap is news like a message: it may have hidden one
                self._said.set()
        finally:
            self._said.set()

    async def wait(self, most: float | None) -> None:
        """Until there is something new, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(most):
                await self._said.wait()
        self._said.clear()
        if self._reading.done():
            self._reading.result()
            raise RedisUnavailable("The connection to Redis was closed.")

    async def close(self) -> None:
        """End with the watch."""
        self._reading.cancel()
        await asyncio.wait((self._reading,))


def _channel(name: str) -> str:
    return f"{name}:changes"


def _lifetime(ttl: float | None) -> int | str:
    return "" if ttl is None else milliseconds("ttl", ttl)


def _optional(value: Any) -> bytes:
    """A value as a script reads it, to which no bytes are no value."""
    return b"" if value is ABSENT else encode(value)


def _canonical(data: bytes) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(data), order="deterministic")


def _change(data: bytes | None, type: Any, name: str) -> Change[Any]:  # noqa: A002
    return Change(ABSENT if data is None else decode(data, type, name))
