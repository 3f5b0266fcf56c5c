"""What the pool does with connections between two users, and at the end; each rule with a pool that breaks it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from heaven_contrib.sql.errors import ConnectionFailed, PoolTimeout
from heaven_contrib.sql.pool import Pool
from pool_fakes import FakeConnection, FakeServer, settle, timeless


class Careless(Pool[FakeConnection]):
    """Broken: connections go from one user to the next as they are."""

    def release(self, connection):
        self._offer(self._lent.pop(connection))


def make(server: FakeServer, kind=Pool, **options) -> Pool[FakeConnection]:
    return kind(server.connect, **{"size": 2, "acquire_timeout": 4.0, "recycle": 1800.0, "check_after": 5.0, **options})


@pytest.mark.parametrize(("check_after", "usable"), [(5.0, True), (None, False)])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_dead_idle_connection_is_replaced_silently(check_after, usable, frozen):
    """One that was idle for long is checked before use, and replaced within the deadline; without a check it is lent."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server, check_after=check_after)
        async with pool.lend() as connection:
            pass
        await asyncio.sleep(6.0)
        server.restart(noticed=False)
        if frozen and check_after:  # as if a router had forgotten the connection
            server.frozen = True
            loop.call_later(0.5, setattr, server, "frozen", False)
        began = loop.time()
        connection = await pool.acquire()
        assert loop.time() - began < 4.0
        return not connection.broken

    assert timeless(main()) == usable


def test_a_connection_that_is_alive_is_checked_once():
    """A check keeps a connection fresh for as long as a use does."""

    async def main():
        server = FakeServer()
        pool = make(server)
        for pause in (6.0, 1.0, 4.9, 6.0):
            async with pool.lend():
                pass
            await asyncio.sleep(pause)
        await pool.acquire()
        return server.checks, server.connects

    assert timeless(main()) == (2, 1)


def test_after_a_restart_one_check_is_enough():
    """When a check fails, everything that was idle meanwhile is dropped: ten dead ones cost the time of one."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server, size=10)
        for connection in [await pool.acquire() for _ in range(10)]:
            pool.release(connection)
        await asyncio.sleep(6.0)
        server.restart(noticed=False)
        began = loop.time()
        connections = [await pool.acquire() for _ in range(10)]
        assert loop.time() - began == pytest.approx(0.01 * 11)
        return server.checks, any(connection.broken for connection in connections)

    assert timeless(main()) == (1, False)


def test_what_was_used_meanwhile_survives_the_check_of_another():
    """A connection that came back alive while another was found dead is kept."""

    async def main():
        server = FakeServer(latency=0.5)
        pool = make(server, size=3)
        old, busy, new = [await pool.acquire() for _ in range(3)]
        pool.release(old)
        await asyncio.sleep(6.0)
        old.broken = True
        caller = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0.1)
        pool.release(busy)
        assert await caller is busy
        pool.release(new)
        await asyncio.sleep(1.0)
        return old in server.open, pool.statistics.idle

    assert timeless(main()) == (False, 1)


def test_a_break_that_was_noticed_needs_no_check():
    """Connections whose end has been seen are dropped without asking, however short they were idle."""

    async def main():
        server = FakeServer()
        pool = make(server)
        for connection in [await pool.acquire() for _ in range(2)]:
            pool.release(connection)
        server.restart(noticed=True)
        connection = await pool.acquire()
        return connection.broken, server.checks, pool.statistics.size

    assert timeless(main()) == (False, 0, 1)


def test_a_server_that_stays_away_is_an_error():
    """When nothing can replace a dead connection, the caller hears of it at once."""

    async def main():
        server = FakeServer()
        pool = make(server)
        async with pool.lend():
            pass
        await asyncio.sleep(6.0)
        server.restart(noticed=False)
        server.up = False
        with pytest.raises(ConnectionFailed):
            await pool.acquire()
        return pool.statistics.size

    assert timeless(main()) == 0


def test_a_driver_that_fails_a_check_strangely_costs_one_connection():
    """What is no error of a database is reported to the loop, and the caller is served nevertheless."""

    async def main():
        reports = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, report: reports.append(report))
        server = FakeServer()
        pool = make(server)
        async with pool.lend() as connection:
            pass

        async def strange():
            raise KeyError("a mistake in a driver")

        connection.check = strange
        await asyncio.sleep(6.0)
        other = await pool.acquire()
        await settle()
        return other is connection, [type(report["exception"]) for report in reports]

    assert timeless(main()) == (False, [KeyError])


def ages(recycle: float | None) -> list[float]:
    """How old connections became, of which one was always in use for a second."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server, size=1, recycle=recycle)
        births = {}
        while loop.time() < 40_000:
            async with pool.lend() as connection:
                births.setdefault(connection, loop.time())
                await asyncio.sleep(1.0)
        assert server.most_open == 1
        return [after - before for before, after in pairwise(births.values())]

    return timeless(main())


def test_connections_are_replaced_at_their_age_but_not_together():
    """Ages differ by up to a tenth, so that connections opened together are not closed together; None is for ever."""
    found = ages(1800.0)

    assert len(found) > 15
    assert all(1620 <= age <= 1982 for age in found)
    assert max(found) - min(found) > 100
    assert ages(None) == []


def test_an_idle_connection_that_is_too_old_is_replaced():
    """Age is looked at when a connection is lent too: nobody gets one that the server may be about to close."""

    async def main():
        server = FakeServer()
        pool = make(server, recycle=100.0)
        async with pool.lend() as connection:
            pass
        await asyncio.sleep(111.0)
        return await pool.acquire() is connection, server.checks, len(server.open)

    assert timeless(main()) == (False, 0, 1)


@pytest.mark.parametrize(("kind", "clean"), [(Pool, True), (Careless, False)])
@pytest.mark.parametrize("left", ["tainted", "in_transaction"])
def test_what_a_user_left_open_is_ended_before_the_next(kind, clean, left):
    """A transaction is rolled back and a session reset before anybody else gets the connection."""

    async def main():
        pool = make(FakeServer(), kind, size=1)
        async with pool.lend() as connection:
            setattr(connection, left, True)
        assert await pool.acquire() is connection
        return not getattr(connection, left)

    assert timeless(main()) == clean


@pytest.mark.parametrize("left", ["tainted", "in_transaction"])
@pytest.mark.parametrize("how", ["refused", "silent"])
def test_what_can_not_be_ended_is_abandoned(left, how):
    """A rollback or reset that fails, or does not come by the deadline, costs the connection, and no place."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server, size=1)
        async with pool.lend() as connection:
            setattr(connection, left, True)
            connection.refuses_to_clean = how == "refused"
            server.frozen = how == "silent"
        loop.call_later(3.99, setattr, server, "frozen", False)
        pool_again = await asyncio.gather(pool.acquire(), return_exceptions=True)
        if how == "silent":
            assert isinstance(pool_again[0], PoolTimeout)
            pool_again = [await pool.acquire()]
        return pool_again[0] is connection, connection in server.open

    assert timeless(main()) == (False, False)


def test_drain_waits_for_what_is_lent():
    """Users finish what they have begun; then every connection is closed, and nothing is left."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server)
        lent, idle = await pool.acquire(), await pool.acquire()
        pool.release(idle)
        lent.in_transaction = True
        loop.call_later(3.0, pool.release, lent)
        began = loop.time()
        await pool.drain(10.0)
        assert loop.time() - began == pytest.approx(3.01)
        assert len(asyncio.all_tasks()) == 1
        return len(server.open), pool.statistics.size, pool.statistics.closed

    assert timeless(main()) == (0, 0, 2)


def test_drain_does_not_wait_for_ever():
    """What has not come back by the deadline is abandoned, and giving it back afterwards does nothing."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server)
        connection = await pool.acquire()
        began = loop.time()
        await pool.drain(10.0)
        assert loop.time() - began == pytest.approx(10.0)
        assert not connection.usable
        pool.release(connection)
        return len(server.open), pool.statistics.size, len(asyncio.all_tasks())

    assert timeless(main()) == (0, 0, 1)


def test_a_pool_that_drains_lends_nothing():
    """Those who wait and those who come are refused at once, and what is being opened is given up."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server)
        lent = await pool.acquire()
        server.frozen = True
        waiting = [asyncio.create_task(pool.acquire()) for _ in range(3)]
        await settle()
        began = loop.time()
        drain = asyncio.create_task(pool.drain(10.0))
        await settle()
        for result in [*await asyncio.gather(*waiting, pool.acquire(), return_exceptions=True)]:
            assert isinstance(result, PoolTimeout)
            assert result.detail == "The connections to the database are being closed."
        pool.release(lent)
        await drain
        return loop.time() - began < 1, server.connecting, len(asyncio.all_tasks())

    assert timeless(main()) == (True, 0, 1)


@pytest.mark.parametrize("state", ["closing", "checking", "cleaning"])
def test_drain_ends_what_the_pool_itself_is_doing(state):
    """A server that is silent holds nothing up: closing, checks and rollbacks end at the deadline."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server, acquire_timeout=100.0)
        connection = await pool.acquire()
        connection.in_transaction = state == "cleaning"
        server.frozen = True
        server.latency = 50.0
        pool.release(connection)
        if state == "checking":
            await asyncio.sleep(6.0)
            asyncio.create_task(pool.acquire()).add_done_callback(lambda task: task.exception())
            await settle()
        began = loop.time()
        await pool.drain(10.0)
        assert loop.time() - began == pytest.approx(10.0)
        return len(server.open), pool.statistics.size, len(asyncio.all_tasks())

    assert timeless(main()) == (0, 0, 1)


def test_drain_ends_what_has_not_begun():
    """A task that is cancelled before its first step does nothing, and holds nothing up all the same."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server)
        caller = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        await pool.drain(10.0)
        with pytest.raises(PoolTimeout):
            await caller
        return loop.time(), server.connects, pool.statistics.size, len(asyncio.all_tasks())

    assert timeless(main()) == (0.0, 0, 0, 1)


def test_drain_that_is_cancelled_abandons_everything():
    """Whoever has no patience gets it over with, and still nothing is left."""

    async def main():
        server = FakeServer()
        pool = make(server)
        await pool.acquire()
        drain = asyncio.create_task(pool.drain(10.0))
        await asyncio.sleep(1.0)
        drain.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drain
        return len(server.open), pool.statistics.size, len(asyncio.all_tasks())

    assert timeless(main()) == (0, 0, 1)


def test_an_empty_pool_drains_at_once():
    """A pool that was never used, and one that was drained before, have nothing to wait for."""

    async def main():
        loop = asyncio.get_running_loop()
        pool = make(FakeServer())
        await pool.drain(10.0)
        await pool.drain(10.0)
        return loop.time()

    assert timeless(main()) == 0.0
