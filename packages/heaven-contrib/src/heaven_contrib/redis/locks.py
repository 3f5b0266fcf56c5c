"""Locks across workers and machines: one holder at a time, who is told when that ends."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from logging import Logger
from typing import Final

from heaven.errors import RegistrationError
from heaven.logs import logger
from heaven_contrib.errors import ServiceUnavailable
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisError
from heaven_contrib.redis.keys import checked_prefix, milliseconds, tagged

log: Logger = logger("heaven.locks")

MARGIN: Final = 0.1
"""The part of the ttl by which a holder stops before Redis may give the lock to another."""

RENEWALS: Final = 3
"""How often a lease is renewed in the time that it lasts."""

# The fence outlives the lock by a day at least. It counts on from the server's clock (in milliseconds, which a double
# holds), so that it grows even if Redis lost it: a token that began at 1 again would be refused by whoever saw 57.
ACQUIRE: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token = math.max(now, tonumber(redis.call('GET', KEYS[2]) or 0) + 1)
local written = string.format('%.0f', token)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], written, 'PX', ARGV[2] + 86400000)
return written
"""

RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('PEXPIRE', KEYS[2], ARGV[2] + 86400000)
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
"""


class LockTimeout(ServiceUnavailable, RedisError):
    """503: others held the lock for as long as it was waited for."""


class LeaseLost(RedisError):
    """A lock was not held until the end of its block: it could not be renewed in time, or somebody else has it now."""


class Lease:
    """Lives from getting a lock to losing it or giving it back; `Lock.hold` makes it.

    Attributes:
        name: the name of the lock.
        token: the fencing token: a later lease of the same lock has a higher one, on whatever machine. What is
            changed under the lock remembers the highest it saw, and refuses a lower one.
        ends: the time of the event loop's clock at which it is lost, unless it is renewed before.
        lost: set as soon as the lease is lost, for the tasks that work for its holder.
    """

    __slots__ = ("ends", "lost", "name", "token")

    def __init__(self, name: str, token: int, ends: float) -> None:
        self.name: str = name
        self.token: int = token
        self.ends: float = ends
        self.lost: asyncio.Event = asyncio.Event()

    def check(self) -> None:
        """Do nothing while the lock is held.

        Raises:
            LeaseLost: it is not held any more; this knows it even before the event loop had time to say so.
        """
        if self.lost.is_set() or asyncio.get_running_loop().time() >= self.ends:
            raise LeaseLost(f"the lock {self.name!r} was lost before its block ended; others may hold it")

    def __repr__(self) -> str:
        """The lock and the token."""
        return f"<Lease of {self.name!r}, token {self.token}{', lost' if self.lost.is_set() else ''}>"


class _Holding:
    """Lives with the block of `hold`: what ends it when the lease is lost."""

    def __init__(self, lease: Lease, owner: str) -> None:
        self.lease = lease
        self.owner = owner
        self.block = asyncio.timeout(None)
        self.timer = asyncio.get_running_loop().call_at(lease.ends, self.lose)

    def prolong(self, ends: float) -> None:
        self.timer.cancel()
        self.lease.ends = ends
        self.timer = asyncio.get_running_loop().call_at(ends, self.lose)

    def lose(self) -> None:
        self.timer.cancel()
        self.lease.lost.set()
        self.block.reschedule(-math.inf)  # cancels it


class Lock:
    """One holder at a time, across tasks, workers and machines, for as long as Redis keeps its memory.

    What is promised: while Redis runs, no two blocks of `hold` of the same name run at the same time. A holder that
    can't renew its lease (Redis is down, frozen or out of reach) is cancelled and gets `LeaseLost` before the ttl has
    passed on its own clock, so before Redis gives the lock to another. Whoever leaves the block without an error held
    the lock until then. A holder that dies keeps the others waiting for the ttl, and no longer.

    What no lock with a ttl can promise: that a holder stops in time whose event loop is blocked, or whose machine was
    suspended; and when Redis loses its memory (a restart without persistence, a replica that takes over before it has
    everything), another may get the lock up to a third of the ttl before the holder notices. For that there is
    `lease.token`: the storage that is changed under the lock has to refuse a token lower than one it has seen.

    Waiting: in one process the tasks that wait for one `Lock` object are served in the order they came; among
    processes whoever asks first when it is free gets it. They ask every `poll` seconds, more or less. Who holds it and
    asks again waits for itself.

    Args:
        redis: the battery.
        name: what the lock is called, everywhere.
        ttl: seconds that a lease lasts without being renewed; it is renewed three times in that time.
        poll: seconds between two looks at a lock that others hold, varied by half.
        prefix: what the keys begin with.

    Raises:
        RegistrationError: the name, the prefix or a number can't work.

    Example:
        >>> async def main():
        ...     redis = Redis("memory://")
        ...     await redis.connect()
        ...     lock = Lock(redis, "relay", ttl=10)
        ...     async with lock.hold(timeout=5) as lease:
        ...         first = lease.token
        ...     async with lock.hold(timeout=5) as lease:
        ...         print("the token has grown:", lease.token > first)
        ...     await redis.disconnect()
        >>> asyncio.run(main())
        the token has grown: True

        A leader that works until it is not the leader any more, and then tries again::

            while True:
                try:
                    async with lock.hold() as lease:
                        await relay(lease.token)
                except (LeaseLost, RedisUnavailable):
                    await asyncio.sleep(1)
    """

    def __init__(self, redis: Redis, name: str, *, ttl: float = 10.0, poll: float = 0.05, prefix: str = "lock") -> None:
        try:
            key = tagged(checked_prefix("Lock", prefix), name)
            self._ttl_ms = milliseconds("ttl", ttl)
            milliseconds("poll", poll)
        except ValueError as error:
            raise RegistrationError(f"Lock {name!r}: {error}") from None
        self.name: str = name
        self._lasts = ttl * (1 - MARGIN)
        self._pause = ttl / RENEWALS
        self._poll = poll
        self._keys = [f"{key}:holder", f"{key}:fence"]
        self._acquire = redis.script(ACQUIRE)
        self._renew = redis.script(RENEW)
        self._release = redis.script(RELEASE)
        self._unanswered = ""
        self._queue = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def hold(self, *, timeout: float | None = None) -> AsyncGenerator[Lease]:
        """Hold the lock for a block; it is renewed meanwhile, and released at the end, by its holder alone.

        When the lease is lost the block is cancelled, and `LeaseLost` is raised in its place, as `asyncio.timeout`
        does it. It is raised as well if the block ended by itself after that, since others may have held the lock.

        Args:
            timeout: seconds to wait while others hold it; 0 asks once, None waits for ever. An answer of Redis is
                waited for until the deadline of the call.

        Raises:
            LockTimeout: others held it all the time.
            LeaseLost: the lock was lost before the block ended.
            RedisUnavailable: Redis can't be asked; the block did not run.
        """
        holding = await self._acquired(timeout)
        renewing = asyncio.create_task(self._keep_renewing(holding), name=f"renewal of the lock {self.name!r}")
        try:
            async with holding.block:
                yield holding.lease
            holding.lease.check()
        except TimeoutError:
            if holding.block.expired():
                holding.lease.check()
            raise
        finally:
            holding.timer.cancel()
            renewing.cancel()
            try:
                if not holding.lease.lost.is_set():  # else somebody else has it, or Redis does not answer
                    await self._give_back(holding.owner)
            finally:
                await asyncio.wait((renewing,))

    async def _acquired(self, timeout: float | None) -> _Holding:
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        queue = self._queue_here()
        try:
            async with asyncio.timeout_at(deadline):
                await queue.acquire()
        except TimeoutError:
            raise self._too_long(timeout) from None
        try:
            holding = await self._asked(math.inf if deadline is None else deadline)
        finally:
            queue.release()
        if holding is None:
            raise self._too_long(timeout)
        return holding

    def _queue_here(self) -> asyncio.Lock:
        """Who waits in this event loop: a lock outlives a loop, as where an application is started twice."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._queue, self._loop = asyncio.Lock(), loop
        return self._queue

    async def _asked(self, deadline: float) -> _Holding | None:
        """Ask for the lock until it is there; once more at the deadline, and then never again."""
        loop = asyncio.get_running_loop()
        owner, self._unanswered = self._unanswered or secrets.token_hex(16), ""
        while True:
            ends = loop.time() + self._lasts  # from before it was sent: Redis counts from later on
            try:
                token = await self._acquire.run(keys=self._keys, args=[owner, self._ttl_ms], idempotent=True)
            except asyncio.CancelledError:
                await self._give_back(owner)  # it may have been sent
                raise
            except RedisError:
                self._unanswered = owner  # it may have been given: who asks next is the same, and not kept waiting
                raise
            if token is not None and loop.time() < ends:
                return _Holding(Lease(self.name, int(token), ends), owner)
            if token is not None:  # the answer took longer than the lease lasts
                await self._give_back(owner)
                owner = secrets.token_hex(16)  # if that comes late, it must not take what is given from now on
            remaining = deadline - loop.time()
            if remaining <= 0:
                return None
            await asyncio.sleep(min(self._poll * random.uniform(0.5, 1.5), remaining))  # noqa: S311

    async def _keep_renewing(self, holding: _Holding) -> None:
        loop = asyncio.get_running_loop()
        args: list[str | int] = [holding.owner, self._ttl_ms]
        pause = self._pause
        while not holding.lease.lost.is_set():
            await asyncio.sleep(pause)
            ends = loop.time() + self._lasts
            try:
                held = await self._renew.run(keys=self._keys, args=args, idempotent=True)
            except RedisError as error:
                log.warning("the lock %r was not renewed: %s", self.name, error)
                pause = self._pause / RENEWALS
                continue
            pause = self._pause
            if not held:
                holding.lose()
            elif not holding.lease.lost.is_set():
                holding.prolong(ends)

    async def _give_back(self, owner: str) -> None:
        release = partial(self._release.run, keys=self._keys[:1], args=[owner], idempotent=True)
        try:
            try:
                await release()
            except asyncio.CancelledError:  # it may not have been sent
                await release()
                raise
        except RedisError as error:
            log.warning("the lock %r was not released, and ends by itself: %s", self.name, error)

    def _too_long(self, timeout: float | None) -> LockTimeout:
        return LockTimeout(f"The lock {self.name!r} was held by others for {timeout:g} s.")

    def __repr__(self) -> str:
        """Its name."""
        return f"<Lock {self.name!r}>"
