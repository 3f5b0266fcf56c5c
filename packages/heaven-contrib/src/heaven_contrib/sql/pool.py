"""A bounded pool of connections, which loses none whatever happens to those who use them."""

from __future__ import annotations

import asyncio
import math
import random
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from heaven.errors import RegistrationError
from heaven_contrib.sql.errors import ConnectionFailed, DatabaseError, PoolTimeout

JITTER = 0.1
"""Connections that were opened together are not recycled together: their age differs by up to this part of it."""

CHECK_PART = 0.25
"""The part of `acquire_timeout` that a check may take, so that there is time left to connect when it fails."""

CLOSING = "The connections to the database are being closed."


class Pooled(Protocol):
    """What the pool asks of a connection: `heaven_contrib.sql.drivers.connection.Connection` says what each means."""

    tainted: bool

    @property
    def usable(self) -> bool: ...
    @property
    def in_transaction(self) -> bool: ...
    async def check(self) -> None: ...
    async def rollback(self) -> None: ...
    async def reset(self) -> None: ...
    async def close(self) -> None: ...
    def abandon(self) -> None: ...


C = TypeVar("C", bound=Pooled)


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """What a pool is doing, and what it has done since it was made.

    `size` connections of at most `limit` are open or being opened: `idle` wait for a user, `lent` have one, the others
    are being opened, checked, rolled back or closed. `waiting` callers wait for one. `opened` and `closed` count
    connections, `acquired` those handed out, `timeouts` callers that went away empty-handed at their deadline.
    `acquire_seconds` is the time that all callers waited, `slowest` the longest that one of them did.
    """

    size: int
    limit: int
    idle: int
    lent: int
    waiting: int
    opened: int
    closed: int
    acquired: int
    timeouts: int
    acquire_seconds: float
    slowest: float


@dataclass(slots=True, eq=False)
class _Slot(Generic[C]):
    """A connection in the pool, and the times that decide what becomes of it."""

    connection: C
    retire_at: float
    idle_since: float = -math.inf
    fresh_until: float = -math.inf


class Pool(Generic[C]):
    """Lends connections, at most `size` at once, the most recently used first and to whoever asked first.

    Whoever acquires only ever waits; opening, checking, rolling back and closing are done by tasks of the pool's own,
    each with a deadline. So nothing is half done when a caller is cancelled, a connection that becomes free goes to
    the caller who has waited longest, and one that comes back in the middle of something is never lent in that state:

    - one that is not `usable` is abandoned, and its place is free at once;
    - an open transaction is rolled back, a `tainted` session is reset; if that fails, the connection is abandoned;
    - one older than `recycle` is closed;
    - one that was idle for longer than `check_after` is checked before it is lent. When that fails, every connection
      that was idle meanwhile is abandoned as well, and the caller gets a new one.

    A pool is for one event loop. With `size=1, recycle=None, check_after=None` it is a queue for one connection.

    Args:
        connect: opens a connection; cancelled when it takes longer than `acquire_timeout`.
        size: the most connections there may be at any moment, those included that are being opened or closed.
        acquire_timeout: seconds to acquire a connection, opened and ready; also those for a rollback or a reset.
        recycle: seconds after which a connection is replaced, give or take a tenth; None for never.
        check_after: seconds idle after which a connection is checked before use; None for never.

    Raises:
        RegistrationError: the size is below 1.

    Example:
        >>> async def main(connect):
        ...     pool = Pool(connect, size=10, acquire_timeout=5.0)
        ...     async with pool.lend() as connection:
        ...         await connection.query("SELECT 1")
        ...     await pool.drain(10.0)
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        *,
        size: int,
        acquire_timeout: float,
        recycle: float | None = None,
        check_after: float | None = None,
    ) -> None:
        if size < 1:
            raise RegistrationError(f"a pool of {size} connections can't lend any: its size is 1 or more")
        self._connect = connect
        self._limit = size
        self._timeout = acquire_timeout
        self._recycle = math.inf if recycle is None else recycle
        self._check_after = math.inf if check_after is None else check_after
        self._places: set[_Slot[C] | asyncio.Future[C]] = set()  # at most `size`: connections, and those to be opened
        self._idle: list[_Slot[C]] = []
        self._lent: dict[C, _Slot[C]] = {}
        self._waiters: OrderedDict[asyncio.Future[C], bool] = OrderedDict()  # a dict is slow at its front
        """Who waits, and whether a connection is being opened for them."""
        self._coming = 0  # how many connections are being opened or checked
        self._closing = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks: dict[asyncio.Task[None], _Slot[C] | asyncio.Future[C]] = {}  # what is done, and in which place
        # The callbacks of a connection keep the context it was opened in: not the first request's, for half an hour.
        self._context = copy_context()
        self._opened = self._closed = self._acquired = self._timeouts = 0
        self._seconds = self._slowest = 0.0

    @property
    def statistics(self) -> PoolStatistics:
        """What it is doing, and what it has done so far."""
        return PoolStatistics(
            size=len(self._places),
            limit=self._limit,
            idle=len(self._idle),
            lent=len(self._lent),
            waiting=len(self._waiters),
            opened=self._opened,
            closed=self._closed,
            acquired=self._acquired,
            timeouts=self._timeouts,
            acquire_seconds=self._seconds,
            slowest=self._slowest,
        )

    async def acquire(self) -> C:
        """Give a connection that works, outside of any transaction; it has to be given to `release` afterwards.

        Returns:
            The connection, for the caller alone.

        Raises:
            PoolTimeout: all connections were in use until the deadline, or the pool is closing.
            ConnectionFailed: a new connection could not be opened, or not by the deadline.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._idle:  # PERF: no task, timer or future: 0.6 us with the way back, where waiting costs 7
            slot = self._idle[-1]
            if now < slot.fresh_until and slot.connection.usable:
                self._idle.pop()
                self._lent[slot.connection] = slot
                self._acquired += 1
                return slot.connection
        return await self._wait(loop, now)

    def release(self, connection: C) -> None:
        """Take a connection back, in whatever state it is; never raises, and does nothing to one that is not lent."""
        slot = self._lent.pop(connection, None)
        if slot is None:
            return
        if not connection.usable:
            self._drop(slot)
            self._supply()
        elif self._closing:  # which ends a transaction as well
            self._spawn(self._close(slot), slot)
        elif connection.tainted or connection.in_transaction:
            self._spawn(self._clean(slot), slot)
        else:
            self._offer(slot)

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[C, None]:
        """Acquire a connection for an `async with` block, and release it at the end of it."""
        connection = await self.acquire()
        try:
            yield connection
        finally:
            self.release(connection)

    async def drain(self, timeout: float) -> None:
        """Lend nothing any more, wait until every connection has come back, and close them all.

        Args:
            timeout: seconds; what is lent or not closed by then is abandoned, as it is when this is cancelled.
        """
        self._closing = True
        for waiter in [*self._waiters]:
            self._refuse(waiter, PoolTimeout(CLOSING))
        for task, place in self._tasks.items():
            if isinstance(place, asyncio.Future):
                task.cancel()
                self._leave(place)
        while self._idle:
            self._offer(self._idle.pop())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._empty.wait()
        finally:
            # Not left to the tasks: one that is cancelled before its first step does nothing at all.
            self._drop(*[place for place in self._places if isinstance(place, _Slot)])
            self._lent.clear()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait([*self._tasks], timeout=1.0)  # what has been cancelled ends now, if it ever does

    async def _wait(self, loop: asyncio.AbstractEventLoop, now: float) -> C:
        """Wait for one's turn, a connection or an error, until the deadline."""
        if self._closing:
            raise PoolTimeout(CLOSING)
        waiter: asyncio.Future[C] = loop.create_future()
        self._waiters[waiter] = False
        timer = loop.call_at(now + self._timeout, self._expire, waiter)
        try:
            self._supply()
            return await waiter
        except BaseException:
            self._waiters.pop(waiter, None)
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())  # cancelled in the moment it was served
            raise
        finally:
            timer.cancel()
            waited = loop.time() - now
            self._seconds += waited
            self._slowest = max(self._slowest, waited)

    def _expire(self, waiter: asyncio.Future[C]) -> None:
        """Say why somebody who waited got none by the deadline."""
        if not waiter.done():
            self._timeouts += 1
            busy = f"All connections to the database, {self._limit} of them, were in use for {self._timeout:g} s."
            self._refuse(waiter, silent(self._timeout) if self._coming else PoolTimeout(busy))

    def _refuse(self, waiter: asyncio.Future[C], error: Exception) -> None:
        """Give somebody who waits an error."""
        self._waiters.pop(waiter, None)
        if not waiter.done():
            waiter.set_exception(error)

    def _supply(self) -> None:
        """See that for everybody who waits a connection is on its way, as far as there may be so many."""
        while len(self._waiters) > self._coming:
            if self._idle:
                self._prepare(self._idle.pop())
            elif len(self._places) < self._limit:
                # One by whom no attempt is under way; those that were cancelled are about to leave.
                waiter = next((each for each, tried in self._waiters.items() if not (tried or each.done())), None)
                if waiter is None:
                    return
                self._waiters[waiter] = True
                self._coming += 1
                self._places.add(waiter)
                self._empty.clear()
                self._spawn(self._open(waiter), waiter)
            else:
                return

    def _prepare(self, slot: _Slot[C]) -> None:
        """Do what a connection that was idle needs before somebody who waits can have it."""
        now = asyncio.get_running_loop().time()
        if not slot.connection.usable:
            self._drop(slot)
        elif now < slot.fresh_until or now >= slot.retire_at:
            self._offer(slot)
        else:
            self._coming += 1
            self._spawn(self._check(slot, now), slot)

    def _offer(self, slot: _Slot[C]) -> None:
        """Hand a connection that is ready to whoever has waited longest, else keep it; close it if it is too old."""
        now = asyncio.get_running_loop().time()
        if self._closing or now >= slot.retire_at:
            self._spawn(self._close(slot), slot)
            return
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                self._lent[slot.connection] = slot
                self._acquired += 1
                waiter.set_result(slot.connection)
                return
        slot.idle_since = now
        slot.fresh_until = min(now + self._check_after, slot.retire_at)
        self._idle.append(slot)

    async def _open(self, waiter: asyncio.Future[C]) -> None:
        """Open a connection for somebody who waits; it goes to whoever is first when it is there, an error to them."""
        slot: _Slot[C] | None = None
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connect()
            age = self._recycle * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            slot = _Slot(connection, asyncio.get_running_loop().time() + age)
            self._opened += 1
        except TimeoutError:
            self._refuse(waiter, silent(self._timeout))
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for the connection
            self._refuse(waiter, error)
        finally:
            self._coming -= 1
            if waiter in self._waiters:
                self._waiters[waiter] = False
            if slot is not None:
                self._places.add(slot)
                self._offer(slot)
            self._leave(waiter)
            self._supply()

    async def _check(self, slot: _Slot[C], began: float) -> None:
        """Offer a connection that was idle for long, if it is alive; else abandon it and all that are idle since."""
        alive = False
        try:
            with suppress(DatabaseError, TimeoutError):
                async with asyncio.timeout(self._timeout * CHECK_PART):
                    await slot.connection.check()
                alive = slot.connection.usable
        finally:
            self._coming -= 1
            if alive:
                self._offer(slot)
            else:
                self._drop(slot, *(idle for idle in self._idle if idle.idle_since < began))
                self._idle = [idle for idle in self._idle if idle.idle_since >= began]
            self._supply()

    async def _clean(self, slot: _Slot[C]) -> None:
        """End what a user has left open and offer the connection again, or abandon it."""
        connection = slot.connection
        clean = False
        try:
            with suppress(DatabaseError, TimeoutError):
                async with asyncio.timeout(self._timeout):
                    if connection.tainted:
                        await connection.reset()
                        connection.tainted = False
                    else:
                        await connection.rollback()
                clean = connection.usable and not connection.in_transaction
        finally:
            if clean:
                self._offer(slot)
            else:
                self._drop(slot)
                self._supply()

    async def _close(self, slot: _Slot[C]) -> None:
        """Close a connection; until it is closed, nobody has its place."""
        try:
            await slot.connection.close()
        finally:
            self._drop(slot)
            self._supply()

    def _drop(self, *slots: _Slot[C]) -> None:
        """Close connections at once, without a word, and free their places."""
        for slot in slots:
            if slot in self._places:
                self._closed += 1
                self._leave(slot)
                slot.connection.abandon()

    def _leave(self, place: _Slot[C] | asyncio.Future[C]) -> None:
        self._places.discard(place)
        if not self._places:
            self._empty.set()

    def _spawn(self, work: Coroutine[Any, Any, None], place: _Slot[C] | asyncio.Future[C]) -> None:
        task = asyncio.create_task(work, context=self._context.copy())
        self._tasks[task] = place
        task.add_done_callback(self._tasks.pop)


def silent(seconds: float) -> ConnectionFailed:
    """What a database that gave no answer for so long has failed with."""
    return ConnectionFailed(f"The database did not answer within {seconds:g} s.")
