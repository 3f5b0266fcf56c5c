"""What was computed once and is good for a while: one worker computes, all have it, and Redis may be down."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from logging import Logger
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar

from heaven import SHUTDOWN, STARTUP, App, Key
from heaven.errors import RegistrationError
from heaven.logs import logger
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.cached import Cached
from heaven_contrib.redis.errors import DecodeError
from heaven_contrib.redis.fail_open import FailOpen
from heaven_contrib.redis.keys import checked_prefix, milliseconds, tagged
from heaven_contrib.redis.values import decode, encode

P = ParamSpec("P")
T = TypeVar("T")

log: Logger = logger("heaven.cache")

CLAIM_LASTS: Final = 5.0
"""Seconds after which others may compute in place of a worker that has died; one that lives renews its claim."""

RENEWAL: Final = CLAIM_LASTS / 3
"""Seconds between two renewals."""

POLL: Final = 0.025
"""Seconds between two looks at what another worker computes, varied by half."""

GRACE: Final = 5.0
"""Seconds for which what is being computed is waited for at the end."""

# The value, and how many milliseconds it has left.
READ: Final = "return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}"

# What has appeared meanwhile, unless it is what the caller can't use; else whether the claim is ours.
CLAIM: Final = """
local value = redis.call('GET', KEYS[1])
if value and value ~= ARGV[4] and redis.call('PTTL', KEYS[1]) > tonumber(ARGV[3]) then
    return {value, 0}
end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then
    return {false, 0}
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {false, 1}
"""

RENEW: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
"""

# Stores nothing where the claim is gone: what was forgotten meanwhile was computed from what is no longer true.
STORE: Final = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
    if ARGV[2] ~= '' then
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    end
    redis.call('DEL', KEYS[2])
end
"""


@dataclass(slots=True)
class _Wanted:
    """Lives with one call: what is to be found, or made. Times are in milliseconds."""

    name: str
    make: Callable[[], Awaitable[Any]]
    ttl: int
    stale: int
    unusable: bytes = b""
    """What is stored and can't be decoded."""

    @property
    def keys(self) -> list[str]:
        return _keys(self.name)


@dataclass(slots=True, eq=False)
class _Flight:
    """Lives while callers wait for one computation; it ends with the last of them."""

    task: asyncio.Task[bytes]
    waiting: int = 0


class Cache:
    """Values that are good for a while, computed by one worker for all; without Redis every process computes its own.

    What is promised: in a process one key is computed once at a time, however many ask; a caller that is cancelled
    takes it from nobody else; an error goes to all who wait, and is not stored. Among processes one computes and the
    others wait for `patience`; then, or if Redis fails, they compute too: a cache is never the reason for an error, nor
    for a delay longer than `patience` and one deadline of Redis. What was computed from before a `forget` is not stored
    after it. Every caller gets a copy of its own, as JSON brings it back, the first one as well.

    What is not promised: that a value is computed no more than once, and that `forget` reaches a value which a caller
    is being given at that moment.

    Values that are served stale are refreshed in the background; install the cache, after its Redis, or use
    `async with cache`, so that this is awaited at the end.

    Args:
        redis: the battery.
        prefix: what tells its keys from those of others.
        patience: seconds to wait for another process that computes.
        jitter: the part by which a ttl is shortened at most, at random, so that values don't expire together.
        refreshes: how many values are refreshed in the background at the same time, at most.
        key: where the application keeps it; a second cache takes a key of its own.

    Raises:
        RegistrationError: the prefix or a number can't work.

    Example:
        >>> async def main():
        ...     redis = Redis("memory://")
        ...     await redis.connect()
        ...     async with Cache(redis, "shop") as cache:
        ...         @cache.cached(ttl=60, key="price:{item}")
        ...         async def price(item: str) -> int:
        ...             print("asking for the price of a", item)
        ...             return 12
        ...         prices = await price("mug"), await price("mug")
        ...     await redis.disconnect()
        ...     return prices
        >>> asyncio.run(main())
        asking for the price of a mug
        (12, 12)
    """

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        *,
        patience: float = 2.0,
        jitter: float = 0.1,
        refreshes: int = 16,
        key: Key[Cache] | None = None,
    ) -> None:
        if not 0 <= jitter < 1:
            raise RegistrationError(f"Cache got jitter={jitter!r}; give a part of the ttl, from 0 to below 1")
        for option, number in (("patience", patience), ("refreshes", refreshes)):
            if not number >= 0:
                raise RegistrationError(f"Cache got {option}={number!r}; give 0 or more")
        self.prefix: str = checked_prefix("Cache", prefix)
        self.key: Key[Cache] = CACHE if key is None else key
        self._redis = redis
        self._patience = patience
        self._jitter = jitter
        self._refreshes = refreshes
        self._ask = FailOpen(log, f"the cache {prefix!r}").ask
        self._look = redis.script(READ)
        self._claim = redis.script(CLAIM)
        self._renew = redis.script(RENEW)
        self._store = redis.script(STORE)
        self._flights: dict[str, _Flight] = {}
        self._refreshing: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def install(self, app: App) -> None:
        """Be in the store of the application while it runs, and end with it."""
        app.ON(STARTUP, self._start)
        app.ON(SHUTDOWN, self._stop)

    async def get_or_set(
        self,
        key: str,
        make: Callable[[], Awaitable[T]],
        *,
        ttl: float,
        stale: float = 0.0,
        type: Any = Any,  # noqa: A002
    ) -> T:
        """The value of a key; computed, and stored, if there is none. `None` is a value like others.

        Args:
            key: the name.
            make: computes it: an async function without parameters. It runs in a task of its own, for all who wait, and
                so uses nothing that ends with the request of one of them, such as its transaction.
            ttl: seconds for which it is good, to the millisecond.
            stale: seconds after the ttl for which the old value is given at once, while one worker refreshes it in the
                background. If that fails it is logged, and tried again with the next call.
            type: what it has to be, such as a Struct or `list[int]`; something else, stored by an older version, is
                computed again.

        Raises:
            TypeError: JSON has no such value.
            DecodeError: what `make` gave is not of that type.
            Exception: what `make` raises.
        """
        wanted = _Wanted(
            tagged(self.prefix, key), make, milliseconds("ttl", ttl), milliseconds("stale", stale, least=0)
        )
        found = None if wanted.name in self._flights else await self._find(wanted)
        if found is not None:
            data, fresh = found
            try:
                value: T = decode(data, type, wanted.name)
            except DecodeError:
                wanted.unusable = data
            else:
                if not fresh:
                    self._refresh(wanted)
                return value
        made: T = decode(await self._join(wanted), type, wanted.name)
        return made

    def cached(
        self,
        *,
        ttl: float,
        key: str | Callable[..., str],
        stale: float = 0.0,
        type: Any = None,  # noqa: A002
    ) -> Callable[[Callable[P, Awaitable[T]]], Cached[P, T]]:
        """A decorator that gives an async function this cache.

        Args:
            ttl: seconds for which a value is good.
            key: the key of a call: a template of its parameters, such as `"price:{item}:{order.currency}"`, in which
                values stand as text, percent-encoded so that none holds a `:`; or a function of the same arguments.
            stale: seconds for which an old value is given while a new one is made (see `get_or_set`).
            type: what a value has to be; None: what the function says that it returns.

        Raises:
            RegistrationError: the function is not async, the template names what is no parameter, or the type is
                nothing that JSON has.
        """
        return lambda function: Cached(self, function, ttl=ttl, key=key, stale=stale, type=type)

    async def forget(self, key: str) -> None:
        """Have a key computed anew by the next who asks, here and everywhere.

        It does not fail open: as long as it is not known to be forgotten, the old value may be given.

        Args:
            key: the name.

        Raises:
            RedisUnavailable: Redis can't be asked.
        """
        name = tagged(self.prefix, key)
        self._flights.pop(name, None)  # those who wait get its value, and nobody after them
        await self._redis.read(lambda client: client.delete(*_keys(name)))

    async def close(self) -> None:
        """Wait a while for what is being computed, and cancel what is not done by then."""
        self._closed = True
        late = set(self._tasks)
        if late:
            _, late = await asyncio.wait(late, timeout=GRACE)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=GRACE)

    async def __aenter__(self) -> Self:
        """Refresh in the background from now on."""
        self._closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def _start(self, app: App) -> None:
        self._closed = False
        app.keep(self.key, self)

    async def _stop(self, app: App) -> None:
        app.unkeep(self.key, None)
        await self.close()

    async def _find(self, wanted: _Wanted) -> tuple[bytes, bool] | None:
        """What is stored, and whether it is good; nothing if Redis fails."""
        if not wanted.stale:
            data = await self._ask(self._get, wanted.keys[0])
            return None if data is None else (data, True)
        answer = await self._ask(self._look.run, keys=wanted.keys[:1], idempotent=True)
        if answer is None or answer[0] is None:
            return None
        return answer[0], answer[1] > wanted.stale

    async def _get(self, name: str) -> Any:
        return await self._redis.read(lambda client: client.get(name))

    async def _join(self, wanted: _Wanted) -> bytes:
        """Wait for the one computation of this process."""
        flight = self._flights.get(wanted.name)
        if flight is None:
            flight = self._flights[wanted.name] = _Flight(self._own(self._fill(wanted)))
            flight.task.add_done_callback(lambda _: self._leave(wanted.name, flight))
        flight.waiting += 1
        try:
            await asyncio.wait((flight.task,))
            return flight.task.result()
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._leave(wanted.name, flight)
                flight.task.cancel()

    def _leave(self, name: str, flight: _Flight) -> None:
        if self._flights.get(name) is flight:
            del self._flights[name]

    async def _fill(self, wanted: _Wanted) -> bytes:
        """Compute, unless another process does."""
        loop = asyncio.get_running_loop()
        token = secrets.token_hex(8)
        deadline = loop.time() + self._patience
        while True:
            answer = await self._claimed(wanted, token)
            if answer is not None and answer[0] is not None:
                data: bytes = answer[0]
                return data
            if answer is not None and answer[1]:
                return await self._compute(wanted, token)
            if answer is None or loop.time() >= deadline:
                return encode(await wanted.make())
            await asyncio.sleep(POLL * random.uniform(0.5, 1.5))  # noqa: S311

    def _refresh(self, wanted: _Wanted) -> None:
        name = wanted.name
        if name in self._refreshing or len(self._refreshing) >= self._refreshes or self._closed:
            return
        task = self._refreshing[name] = self._own(self._refreshed(wanted))
        task.add_done_callback(lambda _: self._refreshing.pop(name))

    async def _refreshed(self, wanted: _Wanted) -> None:
        token = secrets.token_hex(8)
        answer = await self._claimed(wanted, token)
        if answer is None or not answer[1]:
            return
        try:
            await self._compute(wanted, token)
        except Exception:
            log.exception("%r could not be refreshed; its old value is given as long as it lasts", wanted.name)

    async def _claimed(self, wanted: _Wanted, token: str) -> list[Any] | None:
        args = [token, round(CLAIM_LASTS * 1000), wanted.stale, wanted.unusable]
        answer: list[Any] | None = await self._ask(self._claim.run, keys=wanted.keys, args=args, idempotent=True)
        return answer

    async def _compute(self, wanted: _Wanted, token: str) -> bytes:
        """Make the value and store it, unless it was forgotten meanwhile; in any case, give the claim back."""
        lasts = round(wanted.ttl * random.uniform(1 - self._jitter, 1)) + wanted.stale  # noqa: S311
        data = b""
        renewing = self._own(self._keep_renewing(wanted, token))
        try:
            data = encode(await wanted.make())
        finally:
            renewing.cancel()
            await self._ask(self._store.run, keys=wanted.keys, args=[token, data, max(lasts, 1)], idempotent=True)
        return data

    async def _keep_renewing(self, wanted: _Wanted, token: str) -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            args = [token, round(CLAIM_LASTS * 1000)]
            await self._ask(self._renew.run, keys=wanted.keys[1:], args=args, idempotent=True)

    def _own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that is awaited at the end."""
        task = asyncio.get_running_loop().create_task(work, name=f"{self!r}")
        self._tasks.add(task)
        task.add_done_callback(self._disown)
        return task

    def _disown(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # those who waited have it

    def __repr__(self) -> str:
        """Its prefix."""
        return f"<Cache {self.prefix!r}>"


def _keys(name: str) -> list[str]:
    """Where a value is, and the claim of who computes it."""
    return [f"{name}:cached", f"{name}:claim"]


CACHE: Final[Key[Cache]] = Key("cache")
"""Where an application keeps its cache."""
