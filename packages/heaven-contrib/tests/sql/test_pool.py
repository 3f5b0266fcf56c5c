"""What a caller of the pool can rely on."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import asdict

import pytest

from heaven.errors import RegistrationError
from heaven_contrib.sql.errors import ConnectionFailed, PoolTimeout
from heaven_contrib.sql.pool import Pool
from pool_fakes import FakeConnection, FakeServer, settle, timeless


def make(server: FakeServer, **options) -> Pool[FakeConnection]:
    return Pool(server.connect, **{"size": 2, "acquire_timeout": 5.0, "recycle": 1800.0, "check_after": 5.0, **options})


async def numbers(pool) -> tuple[int, int, int, int]:
    """How many there are, idle, lent, and waiting, when everything has settled."""
    await settle()
    now = pool.statistics
    return now.size, now.idle, now.lent, now.waiting


def test_connections_are_opened_when_they_are_needed_and_used_again():
    """A connection is opened for the first caller, and an idle one serves the next."""

    async def main():
        server = FakeServer()
        pool = make(server)
        async with pool.lend() as first:
            pass
        async with pool.lend() as second:
            assert await numbers(pool) == (1, 0, 1, 0)
        return first is second, server.connects

    assert timeless(main()) == (True, 1)


def test_the_most_recently_used_connection_is_lent_first():
    """What was released last is warm, and what is needed at peaks only gets old."""

    async def main():
        pool = make(FakeServer())
        first, second = await pool.acquire(), await pool.acquire()
        pool.release(first)
        pool.release(second)
        return await pool.acquire() is second and await pool.acquire() is first

    assert timeless(main())


def test_who_has_waited_longest_is_served_first():
    """Callers are served in the order in which they came, new ones never before those who wait."""

    async def main():
        pool = make(FakeServer(), size=1)
        served = []

        async def caller(number):
            async with pool.lend():
                served.append(number)
                await asyncio.sleep(0.1)

        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(caller(number))
                await asyncio.sleep(0.05)
        return served

    assert timeless(main()) == [0, 1, 2, 3, 4]


def test_there_are_never_more_connections_than_the_size():
    """Fifty callers share two connections, and those count that are being opened or closed."""

    async def main():
        server = FakeServer()
        pool = make(server, recycle=0.05)

        async def caller():
            async with pool.lend():
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(caller())
        return server.most_open, pool.statistics.acquired

    assert timeless(main()) == (2, 50)


def test_a_full_pool_is_an_answer_by_the_deadline():
    """Who waits for longer than the deadline gets a 503 that says why, and leaves nothing behind."""

    async def main():
        loop, pool = asyncio.get_running_loop(), make(FakeServer())
        lent = [await pool.acquire() for _ in range(2)]
        began = loop.time()
        with pytest.raises(
            PoolTimeout, match=r"All connections to the database, 2 of them, were in use for 5 s\."
        ) as no:
            await pool.acquire()
        assert loop.time() - began == pytest.approx(5.0)
        assert no.value.status == 503
        assert await numbers(pool) == (2, 0, 2, 0)
        for connection in lent:
            pool.release(connection)
        return await numbers(pool), pool.statistics.timeouts

    assert timeless(main()) == ((2, 2, 0, 0), 1)


def test_a_silent_server_is_an_answer_by_the_deadline():
    """One deadline covers waiting, connecting and the handshake, for those too for whom no connection is opened."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        server.frozen = True
        pool = make(server)
        began = loop.time()
        errors = await asyncio.gather(*(pool.acquire() for _ in range(10)), return_exceptions=True)
        assert loop.time() - began == pytest.approx(5.0)
        assert {(type(error), error.detail) for error in errors} == {
            (ConnectionFailed, "The database did not answer within 5 s.")
        }
        server.frozen = False
        return (await pool.acquire()).usable

    assert timeless(main())


def test_a_server_that_is_down_is_an_error_for_each_caller():
    """Nobody waits for a deadline when connecting fails, everybody has an error of their own, and no place is lost."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        server.up = False
        pool = make(server)
        errors = await asyncio.gather(*(pool.acquire() for _ in range(10)), return_exceptions=True)
        assert loop.time() < 0.1
        assert {type(error) for error in errors} == {ConnectionFailed}
        assert len({id(error) for error in errors}) == 10
        server.up = True
        lent = [await pool.acquire() for _ in range(2)]
        return len(lent), await numbers(pool)

    assert timeless(main()) == (2, (2, 0, 2, 0))


def test_what_connecting_raises_reaches_the_caller():
    """A mistake, such as in the function that gives the credentials, is not hidden."""

    async def main():
        async def connect() -> FakeConnection:
            raise KeyError("password")

        pool = Pool(connect, size=1, acquire_timeout=5.0)
        with pytest.raises(KeyError, match="password"):
            await pool.acquire()
        return await numbers(pool)

    assert timeless(main()) == (0, 0, 0, 0)


def test_a_slow_connect_holds_nobody_up():
    """Who waits for a connection to be opened takes one that is released meanwhile; the new one is for the next."""

    async def main():
        loop, server = asyncio.get_running_loop(), FakeServer()
        pool = make(server)
        first = await pool.acquire()
        server.latency = 4.0
        began = loop.time()
        caller = asyncio.create_task(pool.acquire())
        await asyncio.sleep(1.0)
        pool.release(first)
        assert await caller is first
        assert loop.time() - began == pytest.approx(1.0)
        await asyncio.sleep(3.5)
        return await numbers(pool)

    assert timeless(main()) == (2, 1, 1, 0)


def test_an_attempt_that_fails_late_is_no_error_for_somebody_else():
    """Who came after the server was back does not get the error of an attempt that began before."""

    async def main():
        server = FakeServer()
        server.frozen = True
        pool = make(server, size=1)
        early = asyncio.create_task(pool.acquire())
        await asyncio.sleep(1.0)
        early.cancel()
        await asyncio.sleep(3.0)
        server.frozen = False
        return (await pool.acquire()).usable

    assert timeless(main())


def test_a_caller_that_is_cancelled_loses_no_connection():
    """The connection that was being opened is there for the next caller."""

    async def main():
        server = FakeServer()
        pool = make(server)
        caller = asyncio.create_task(pool.acquire())
        await settle()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert await numbers(pool) == (1, 0, 0, 0)
        await asyncio.sleep(1.0)
        return await numbers(pool), server.connects

    assert timeless(main()) == ((1, 1, 0, 0), 1)


class Swallowing(Pool[FakeConnection]):
    """Broken: who is cancelled in the moment of being served keeps the connection."""

    def release(self, connection):
        if asyncio.current_task().cancelling() == 0:
            super().release(connection)


@pytest.mark.parametrize(("kind", "left"), [(Pool, (1, 0, 1, 0)), (Swallowing, (1, 0, 1, 1))])
def test_who_is_cancelled_in_the_moment_of_being_served_hands_on(kind, left):
    """A connection is never given to somebody who has left; the control keeps it, and the next caller waits."""

    async def main():
        pool = kind(FakeServer().connect, size=1, acquire_timeout=5.0)
        connection = await pool.acquire()
        first, second = (asyncio.create_task(pool.acquire()) for _ in range(2))
        await settle()
        pool.release(connection)
        first.cancel()
        found = await numbers(pool)
        assert first.cancelled()
        second.cancel()
        return found

    assert timeless(main()) == left


@pytest.mark.parametrize("broken", [False, True])
def test_who_has_just_left_is_passed_over(broken):
    """A connection, or a place for a new one, that becomes free while somebody leaves is not kept for them."""

    async def main():
        pool = make(FakeServer(), size=1)
        connection = await pool.acquire()
        caller = asyncio.create_task(pool.acquire())
        await settle()
        caller.cancel()
        connection.halfway = broken
        pool.release(connection)
        return await numbers(pool)

    assert timeless(main()) == ((0, 0, 0, 0) if broken else (1, 1, 0, 0))


def test_who_is_served_at_the_deadline_is_served():
    """A connection that comes in the moment in which the time is over is taken."""

    async def main():
        loop = asyncio.get_running_loop()
        pool = make(FakeServer(), size=1)
        connection = await pool.acquire()
        loop.call_at(loop.time() + 5.0, pool.release, connection)
        return await pool.acquire() is connection, pool.statistics.timeouts

    assert timeless(main()) == (True, 0)


def test_a_coroutine_that_is_closed_leaves_the_queue():
    """What is torn down without being cancelled is not given anything either."""

    async def main():
        pool = make(FakeServer(), size=1)
        connection = await pool.acquire()
        waiting = pool.acquire()
        waiting.send(None)
        waiting.close()
        pool.release(connection)
        return await numbers(pool)

    assert timeless(main()) == (1, 1, 0, 0)


def test_a_connection_that_broke_is_never_lent_again():
    """Its place is free at once, for somebody who waits as well."""

    async def main():
        server = FakeServer()
        pool = make(server, size=1)
        connection = await pool.acquire()
        caller = asyncio.create_task(pool.acquire())
        await settle()
        connection.halfway = True
        pool.release(connection)
        return await caller is not connection, len(server.open), await numbers(pool)

    assert timeless(main()) == (True, 1, (1, 0, 1, 0))


def test_a_second_release_changes_nothing():
    """A connection that is given back twice is not lent to two callers."""

    async def main():
        pool = make(FakeServer())
        connection = await pool.acquire()
        pool.release(connection)
        pool.release(connection)
        return await numbers(pool)

    assert timeless(main()) == (1, 1, 0, 0)


def test_statistics_say_what_was_and_what_is():
    """Numbers for metrics: what there is now, what was since the beginning, and how long callers waited."""

    async def main():
        server = FakeServer(latency=0.5)
        pool = make(server)
        connection = await pool.acquire()
        pool.release(connection)
        await pool.acquire()
        connection.halfway = True
        pool.release(connection)
        return asdict(pool.statistics)

    assert timeless(main()) == {
        "size": 0,
        "limit": 2,
        "idle": 0,
        "lent": 0,
        "waiting": 0,
        "opened": 1,
        "closed": 1,
        "acquired": 2,
        "timeouts": 0,
        "acquire_seconds": 0.5,
        "slowest": 0.5,
    }


def test_one_connection_can_be_shared_for_good():
    """Without ages and checks one connection lives on, however long it is idle."""

    async def main():
        server = FakeServer()
        pool = Pool(server.connect, size=1, acquire_timeout=5.0)
        connections = set()
        for _ in range(5):
            async with pool.lend() as connection:
                connections.add(connection)
            await asyncio.sleep(1_000_000)
        return len(connections), server.checks

    assert timeless(main()) == (1, 0)


def test_a_connection_does_not_keep_the_context_of_a_request():
    """What opens and closes connections sees the variables of where the pool was made, not of who came first."""
    who: ContextVar[str] = ContextVar("who", default="nobody")
    seen = []

    async def main():
        server = FakeServer()

        async def connect():
            seen.append(who.get())
            return await server.connect()

        pool = Pool(connect, size=1, acquire_timeout=5.0)
        who.set("a request")
        await pool.acquire()

    timeless(main())
    assert seen == ["nobody"]


def test_a_pool_of_nothing_is_refused():
    """A size that can't lend is an error where it is given."""
    with pytest.raises(RegistrationError, match="a pool of 0 connections can't lend any: its size is 1 or more"):
        Pool(FakeServer().connect, size=0, acquire_timeout=5.0)
