"""Whatever callers, the clock and the server do, in whatever order, the pool loses nothing; pools that do are found."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from heaven_contrib.sql.errors import ConnectionFailed, PoolTimeout
from heaven_contrib.sql.pool import Pool
from pool_fakes import FakeConnection, FakeServer, Timeless, settle

SIZE = 3
TIMEOUT = 4.0


class Callers(RuleBasedStateMachine):
    """Callers of one pool, who come, go, fail and are cancelled, on a server that comes and goes."""

    kind: type[Pool[FakeConnection]] = Pool

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=Timeless)
        self.server = FakeServer(latency=0.1)
        self.reports: list[Any] = []
        self.runner.get_loop().set_exception_handler(lambda loop, report: self.reports.append(report))
        self.pool = self.make()
        self.waiting: dict[asyncio.Task[FakeConnection], float] = {}
        self.lent: list[FakeConnection] = []

    def make(self) -> Pool[FakeConnection]:
        return self.kind(self.server.connect, size=SIZE, acquire_timeout=TIMEOUT, recycle=20.0, check_after=5.0)

    def now(self) -> float:
        return self.runner.get_loop().time()

    def pass_time(self, seconds: float = 0.0) -> None:
        """Let time pass, and look at every caller who is done."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            await settle()

        self.runner.run(wait())
        for task, began in [*self.waiting.items()]:
            if task.done():
                del self.waiting[task]
                self.served(task)
            else:
                assert self.now() - began <= TIMEOUT, "somebody waits for longer than the deadline"

    def served(self, task: asyncio.Task[FakeConnection]) -> None:
        if task.cancelled():
            return
        if error := task.exception():
            assert isinstance(error, (ConnectionFailed, PoolTimeout))
            return
        connection = task.result()
        assert connection not in self.lent, "two callers have the same connection"
        assert not connection.tainted, "a caller has somebody else's session"
        assert not connection.in_transaction, "a caller is in somebody else's transaction"
        self.lent.append(connection)

    @rule(callers=st.integers(1, 6), seconds=st.sampled_from([0.0, 0.05, 0.2]))
    def acquire(self, callers: int, seconds: float) -> None:
        """Some callers come."""
        began = self.now()

        async def come() -> list[asyncio.Task[FakeConnection]]:
            return [asyncio.create_task(self.pool.acquire()) for _ in range(callers)]

        self.waiting |= dict.fromkeys(self.runner.run(come()), began)
        self.pass_time(seconds)

    @precondition(lambda self: self.lent)
    @rule(data=st.data(), left=st.sampled_from(["clean", "clean", "tainted", "in_transaction", "halfway", "stuck"]))
    def release(self, data: st.DataObject, left: str) -> None:
        """A user gives a connection back, in some state."""
        connection = self.lent.pop(data.draw(st.integers(0, len(self.lent) - 1)))
        if left == "stuck":
            connection.in_transaction = connection.refuses_to_clean = True
        elif left != "clean":
            setattr(connection, left, True)
        self.runner.run(self.give_back(connection))
        self.pass_time()

    @precondition(lambda self: self.lent and self.waiting)
    @rule()
    def leave_when_served(self) -> None:
        """Who has waited longest is cancelled in the moment of being served."""
        self.runner.run(self.give_back(self.lent.pop(), next(iter(self.waiting))))
        self.pass_time()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Somebody who waits is cancelled."""
        data.draw(st.sampled_from([*self.waiting])).cancel()
        self.pass_time()

    @rule(seconds=st.sampled_from([0.05, 0.1, 0.1, 0.2, 0.2, 1.0, 3.9, 6.0, 25.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        while seconds > 0:  # in steps, as the deadline of every caller is looked at
            self.pass_time(min(seconds, 0.5))
            seconds -= 0.5

    @rule(state=st.sampled_from(["up", "up", "up", "down", "frozen"]))
    def change(self, state: str) -> None:
        """The server goes, comes back or stands still."""
        self.server.up, self.server.frozen = state != "down", state == "frozen"

    @rule(noticed=st.booleans())
    def restart(self, noticed: bool) -> None:
        """Every connection breaks."""
        self.server.restart(noticed=noticed)

    @rule(seconds=st.sampled_from([0.0, 0.1, 5.0]))
    def drain(self, seconds: float) -> None:
        """The application ends, whatever goes on, and another begins."""
        ended, self.pool = self.pool, self.make()
        self.runner.run(ended.drain(seconds))
        for task in self.waiting:
            self.runner.run(asyncio.wait([task], timeout=0))
            assert task.done(), "somebody waits for a pool that has ended"
            assert task.cancelled() or isinstance(task.exception(), (ConnectionFailed, PoolTimeout))
        self.waiting.clear()
        self.runner.run(self.give_back_too_late(ended))
        self.nothing_is_left(ended)

    async def give_back_too_late(self, pool: Pool[FakeConnection]) -> None:
        while self.lent:
            pool.release(self.lent.pop())

    def nothing_is_left(self, pool: Pool[FakeConnection]) -> None:
        assert (pool.statistics.size, self.server.open, self.server.connecting) == (0, set(), 0)
        assert asyncio.all_tasks(self.runner.get_loop()) == set()

    @invariant()
    def bounded(self) -> None:
        """There are never more connections than the size, not even for a moment."""
        assert self.server.most_open <= SIZE, "there were more connections than the size"
        assert self.reports == []

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        """Who waits has something to wait for: a connection that is lent, or one that the pool is working at."""
        now = self.pool.statistics
        assert now.waiting == len(self.waiting)
        if now.waiting:
            assert now.idle == 0 or now.size - now.idle - now.lent, "somebody waits while a connection is idle"
            assert now.size == SIZE or now.size > now.lent, "somebody waits while there is a free place"
        assert now.lent == len(self.lent), "a connection is lent to nobody"

    def teardown(self) -> None:
        """When all have gone and the server is well, every place is there again, and after `drain` nothing is."""
        with self.runner:
            self.server.up, self.server.frozen = True, False
            for task in self.waiting:
                task.cancel()
            self.pass_time()
            while self.lent:
                self.runner.run(self.give_back(self.lent.pop()))
            self.pass_time(TIMEOUT + 1)
            self.acquire(SIZE, 0.0)
            self.pass_time(TIMEOUT - 0.1)
            assert len(self.lent) == SIZE, "a place was lost"
            for connection in self.lent:
                self.runner.run(self.give_back(connection))
            self.runner.run(self.pool.drain(10.0))
            self.bounded()
            self.nothing_is_left(self.pool)

    async def give_back(self, connection: FakeConnection, leaver: asyncio.Task[FakeConnection] | None = None) -> None:
        self.pool.release(connection)
        if leaver is not None:
            leaver.cancel()


def play(kind: type[Pool[FakeConnection]], examples: int, steps: int) -> None:
    """Run the callers on a kind of pool, the same ones each time."""
    machine = type("Machine", (Callers,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )


def test_nothing_is_lost_whatever_happens():
    """Thousands of random moves: no place is lost, nobody waits for nothing, nobody gets what another left."""
    play(Pool, 150, 40)


class Forgetful(Pool[FakeConnection]):
    """Broken: a connection that broke keeps its place."""

    def _drop(self, *slots):
        for slot in slots:
            slot.connection.abandon()


class Deaf(Pool[FakeConnection]):
    """Broken: a place that became free is nobody's until somebody new comes."""

    def release(self, connection):
        if connection.usable or connection not in self._lent:
            super().release(connection)
        else:
            self._drop(self._lent.pop(connection))


class Careless(Pool[FakeConnection]):
    """Broken: connections go from one user to the next as they are."""

    def release(self, connection):
        if connection.usable:
            self._offer(self._lent.pop(connection))
        else:
            super().release(connection)


class Swallowing(Pool[FakeConnection]):
    """Broken: who is cancelled in the moment of being served keeps the connection."""

    def release(self, connection):
        if asyncio.current_task().cancelling() == 0:
            super().release(connection)


class Hasty(Pool[FakeConnection]):
    """Broken: a place is free before its connection is closed."""

    async def _close(self, slot):
        self._leave(slot)
        self._supply()
        await slot.connection.close()


class Generous(Pool[FakeConnection]):
    """Broken: it opens a connection for everybody who waits."""

    def _supply(self):
        self._limit = len(self._places) + len(self._waiters)
        super()._supply()


class Hoarding(Pool[FakeConnection]):
    """Broken: a connection that has been cleaned is kept, though somebody waits."""

    async def _clean(self, slot):
        waiters, self._waiters = self._waiters, type(self._waiters)()
        try:
            await super()._clean(slot)
        finally:
            self._waiters = waiters | self._waiters


class Patient(Pool[FakeConnection]):
    """Broken: nobody is told that the deadline has passed."""

    def _expire(self, waiter):
        pass


class Messy(Pool[FakeConnection]):
    """Broken: an attempt to connect that fails keeps its place."""

    async def _open(self, waiter):
        before = self._opened
        await super()._open(waiter)
        if self._opened == before:
            self._places.add(waiter)


class Abrupt(Pool[FakeConnection]):
    """Broken: at the end, what is idle and what is lent is closed, and nothing else."""

    async def drain(self, timeout):
        self._closing = True
        self._drop(*self._idle, *self._lent.values())


class Trusting(Pool[FakeConnection]):
    """Broken: at the end, its tasks are to close what they have, though one may not have taken its first step."""

    def _leave(self, place):
        if not (self._closing and asyncio.current_task().get_coro().__name__ == "drain"):
            super()._leave(place)


BROKEN = [Abrupt, Trusting, Forgetful, Deaf, Careless, Swallowing, Hasty, Generous, Hoarding, Patient, Messy]


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_pool_is_found(kind):
    """The same moves find every mistake that a pool can make, so that finding none means something."""
    with pytest.raises((AssertionError, ExceptionGroup)):
        play(kind, 150, 40)
