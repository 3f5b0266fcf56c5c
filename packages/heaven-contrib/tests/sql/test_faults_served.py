"""What clients of an application see while its database fails, starts late or never, and while the application ends."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import ExitStack, suppress

import pytest

from chaos_mysql import DRIVERS
from faults_app import make
from heaven_contrib.sql import Database
from heaven_contrib.sql.errors import ConnectionFailed, LostOutcome
from heaven_contrib.sql.pool import Pool
from heaven_contrib.sql.transaction import Transaction
from heaven_testing import Client, LiveServer
from heaven_testing.errors import ServerDidNotStart
from heaven_testing.library import AsyncClient

QUICK = 0.4
"""Seconds that a route without the database may take on a busy machine."""


async def seconds(call) -> tuple[float, object]:
    """How long a call took, and what it gave or raised."""
    began = time.monotonic()
    try:
        result = await call
    except Exception as error:
        result = error
    return time.monotonic() - began, result


async def told_in_time(client, path, *, limit) -> bool:
    """Whether a request is a 503 within its limit, while another route answers at once."""
    broken = asyncio.create_task(seconds(client.get(path)))
    alive = [await seconds(client.get("/livez")) for _ in range(3)]
    took, answer = await broken
    assert all(each.status_code == 200 for _, each in alive)
    assert max(time for time, _ in alive) < QUICK
    return took < limit and getattr(answer, "status_code", None) == 503


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("idle", [False, True])
async def test_a_frozen_database_is_a_503_by_the_deadline(driver, idle, mysql_url, mysql_server):
    """While the database stands still, requests that need it are told so in time, and others are answered."""
    url = mysql_url(driver, timeout=0.5, acquire_timeout=0.5, check_after=0.1 if idle else 60)
    async with Client(make(url)) as client:
        assert (await client.get("/number")).status_code == 200
        if idle:
            await asyncio.sleep(0.2)  # so long that the connection is checked
        mysql_server.freeze()
        assert await told_in_time(client, "/number", limit=1.5)
        mysql_server.thaw()
        assert (await client.get("/number")).json() == {"number": 42}


@pytest.mark.parametrize("fault", ["frozen", "slow"])
async def test_waiting_for_long_is_found(fault, mysql_url, mysql_server):
    """The check above and the one below fail where the deadlines are long."""
    async with Client(make(mysql_url(timeout=2, acquire_timeout=2)), timeout=10) as client:
        await client.get("/number")
        if fault == "frozen":
            mysql_server.freeze()
        assert not await told_in_time(client, "/number" if fault == "frozen" else "/sleep/20", limit=1.5)
        mysql_server.thaw()


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_slow_query_is_a_503_by_the_deadline(driver, mysql_url, mysql_server):
    """A query that takes longer than its deadline costs its request, and nobody else anything."""
    async with Client(make(mysql_url(driver, timeout=0.3, pool_size=1))) as client:
        assert await told_in_time(client, "/sleep/20", limit=1.3)
        assert (await client.get("/number")).json() == {"number": 42}


@pytest.mark.parametrize(("acquire_timeout", "in_time"), [(0.5, True), (4, False)])
async def test_a_full_pool_is_a_503_by_the_deadline(acquire_timeout, in_time, mysql_url):
    """Of fifty requests for two connections some are served, and the others told to come back, in time."""
    async with Client(make(mysql_url(pool_size=2, acquire_timeout=acquire_timeout)), timeout=10) as client:
        requests = asyncio.gather(*(seconds(client.get("/sleep/0.2")) for _ in range(50)))
        took, alive = await seconds(client.get("/livez"))
        answers = await requests

    assert (alive.status_code, took < QUICK) == (200, True)
    assert {answer.status_code for _, answer in answers} == {200, 503}
    assert {answer.headers["retry-after"] for _, answer in answers if answer.status_code == 503} == {"1"}
    assert (max(took for took, _ in answers) < 2) == in_time


async def orders(url, server, toxic) -> tuple[list[int], list[str]]:
    """What became of three orders, and which are there, when the answer to the second COMMIT is lost."""
    name = url.partition("?")[0].rpartition("/")[2]
    server.execute(f"CREATE TABLE {name}.orders (name VARCHAR(10))")
    proxy = toxic(url)
    app = make(proxy.url)

    def lose_the_answer():
        proxy.swallow_replies()
        asyncio.get_running_loop().call_later(0.2, proxy.cut)

    async with Client(app) as client:
        answers = [await client.post("/orders/first")]
        app.keep("before_commit", lose_the_answer)
        answers.append(await client.post("/orders/second"))
        app.unkeep("before_commit")
        proxy.heal()
        answers.append(await client.post("/orders/third"))
    there = [row[0] for row in server.execute(f"SELECT name FROM {name}.orders")]
    return [answer.status_code for answer in answers], there


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_lost_commit_is_a_500_and_is_not_repeated(driver, mysql_url, mysql_server, toxic):
    """A client is never told that its order was taken when that is not known, and the order is there once at most."""
    found = await orders(mysql_url(driver, timeout=5), mysql_server, toxic)

    assert found == ([201, 500, 201], ["first", "second", "third"])


async def test_a_lost_commit_that_is_answered_with_201_is_found(mysql_url, mysql_server, toxic, monkeypatch):
    """The check above fails where nobody minds that there was no answer."""
    end = Transaction.end

    async def careless(self, *, keep):
        with suppress(LostOutcome):
            await end(self, keep=keep)

    monkeypatch.setattr(Transaction, "end", careless)
    statuses, _ = await orders(mysql_url(timeout=5), mysql_server, toxic)

    assert statuses == [201, 201, 201]


@pytest.fixture
def silent():
    """A TCP server that accepts and never says a word: its port."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        yield listener.getsockname()[1]


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_server_that_never_speaks_is_an_error_by_the_deadline(driver, silent):
    """One deadline is for waiting, connecting and the handshake together, whatever the driver's own are."""
    database = Database(f"mysql://user@127.0.0.1:{silent}/test?driver={driver}&acquire_timeout=0.5&start_timeout=0")
    took, error = await seconds(database.connect())

    assert isinstance(error, ConnectionFailed)
    assert 0.4 < took < 5


@pytest.mark.parametrize("driver", DRIVERS)
async def test_connecting_without_a_deadline_is_found(driver, silent):
    """The drivers by themselves wait for the handshake, for longer than the deadline above."""
    database = Database(f"mysql://user@127.0.0.1:{silent}/test?driver={driver}")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(database._driver.connect(), 1.6)


# Starting and ending, as processes do


def until(condition, what: str, limit: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {limit:g} s"
        time.sleep(0.02)


async def test_an_application_starts_before_its_database(mysql_url, mysql_server):
    """It waits for the database, and says so once; then it serves."""
    live = LiveServer("faults_app:make()", env={"DATABASE_URL": mysql_url(start_timeout=20)})
    mysql_server.stop()
    starting = asyncio.create_task(asyncio.to_thread(live.__enter__))
    try:
        await asyncio.to_thread(until, lambda: "can't be used yet" in _output(live), "the warning")
        assert not starting.done()
        await asyncio.to_thread(mysql_server.restart)
        await starting
        async with AsyncClient(timeout=20) as client:
            assert (await client.get(f"{live.url}/number")).json() == {"number": 42}
        assert live.output.count("can't be used yet") == 1
    finally:
        await asyncio.wait([starting])
        live.__exit__(None, None, None)


def _output(live: LiveServer) -> str:
    try:
        return live.output
    except RuntimeError:
        return ""


async def test_an_application_whose_database_never_comes_does_not_start(mysql_url, mysql_server):
    """It gives up at its deadline, says which database it was, and exits with an error."""
    url = mysql_url(start_timeout=1)
    mysql_server.stop()
    began = time.monotonic()
    with pytest.raises(ServerDidNotStart, match=r"faults_app:make\(\) ended with 3") as failure:
        with LiveServer("faults_app:make()", env={"DATABASE_URL": url}):
            pass

    assert time.monotonic() - began < 15
    assert f"mysql://127.0.0.1:{mysql_server.port}/" in str(failure.value)
    assert "Application startup failed" in str(failure.value)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_request_is_finished_before_the_application_ends(driver, mysql_url, mysql_server):
    """SIGTERM while a query runs: the client has its answer, then every connection is closed, and the code is 0."""
    async with AsyncClient(timeout=20) as client:
        with LiveServer("faults_app:make()", env={"DATABASE_URL": mysql_url(driver)}) as live:
            request = asyncio.create_task(client.get(f"{live.url}/sleep/1.5"))
            await _sleeping(mysql_server)
            live.terminate()
            assert (await request).json() == {"slept": 0}
            assert await asyncio.to_thread(live.stop) == 0


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_query_that_does_not_end_does_not_keep_the_application(driver, mysql_url, mysql_server):
    """SIGTERM while a query runs for longer than anybody waits: the application ends at its deadlines, with 0."""
    env = {"DATABASE_URL": mysql_url(driver, drain_timeout=1)}
    options = {"timeout_graceful_shutdown": 1}
    async with AsyncClient(timeout=20) as client:
        with LiveServer("faults_app:make()", env=env, options=options, tracebacks=True) as live:
            request = asyncio.create_task(client.get(f"{live.url}/sleep/60"))
            await _sleeping(mysql_server)
            live.terminate()
            began = time.monotonic()
            assert await asyncio.to_thread(live.stop) == 0
            took = time.monotonic() - began
            await asyncio.wait([request])
    assert took < 6


async def _sleeping(server) -> None:
    """Wait until a query sleeps in the server."""
    sleeps = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(%'"
    await asyncio.to_thread(until, lambda: server.execute(sleeps), "the query")


async def test_disconnecting_waits_to_its_deadline_and_no_longer(mysql_url, mysql_server):
    """Who uses a connection that is never given back has it broken, and no connection is left at the server."""
    database = Database(mysql_url(drain_timeout=0.5))
    await database.connect()
    sleeping = asyncio.create_task(seconds(database.fetch_value("SELECT SLEEP(60)")))
    await _sleeping(mysql_server)
    took, _ = await seconds(database.disconnect())
    assert 0.4 < took < 10
    took, error = await sleeping
    assert (took < 10, getattr(error, "status", None)) == (True, 503)


async def test_closing_what_is_in_use_is_found(mysql_url, mysql_server, monkeypatch):
    """A pool that does not wait for what is lent breaks a query off that had time enough."""

    async def hasty(self, timeout):
        while self._lent:
            self._drop(self._lent.popitem()[1])

    async def outcome():
        database = Database(mysql_url(drain_timeout=5))
        await database.connect()
        sleeping = asyncio.create_task(seconds(database.fetch_value("SELECT SLEEP(0.5)")))
        await _sleeping(mysql_server)
        await database.disconnect()
        return (await sleeping)[1]

    assert await outcome() == 0
    monkeypatch.setattr(Pool, "drain", hasty)
    assert await outcome() != 0
