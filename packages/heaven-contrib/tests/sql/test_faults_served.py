"""What clients of an application see while its database fails, starts late or never, and while the application ends."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import ExitStack, asynccontextmanager, suppress

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
from patience import PATIENT, until

SLEEPING = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(%'"
"""The connections whose query sleeps in the server."""


async def seconds(call) -> tuple[float, object]:
    """How long a call took, and what it gave or raised."""
    began = time.monotonic()
    try:
        result = await call
    except Exception as error:
        result = error
    return time.monotonic() - began, result


async def asked(client, path) -> asyncio.Task:
    """A request that is under way, while another route answers."""
    broken = asyncio.create_task(client.get(path))
    for _ in range(3):
        assert (await client.get("/livez")).status_code == 200
    return broken


async def told(request, *, within=PATIENT) -> bool:
    """Whether a request is a 503 within so many seconds."""
    await asyncio.wait([request], timeout=within)
    return request.done() and request.result().status_code == 503


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("idle", [False, True])
async def test_a_frozen_database_is_a_503_by_the_deadline(driver, idle, mysql_url, mysql_server):
    """While the database stands still, requests that need it are told so in time, and others are answered."""
    url = mysql_url(driver, timeout=0.5, acquire_timeout=0.5, check_after=0.1 if idle else 600)
    async with Client(make(url), timeout=PATIENT) as client:
        await number(client)
        if idle:
            await asyncio.sleep(0.2)  # so long that the connection is checked
        mysql_server.freeze()
        assert await told(await asked(client, "/number"))
        mysql_server.thaw()
        await number(client)


async def number(client) -> None:
    """Ask until there is an answer: a deadline that is soon over may be over once more on a busy machine."""
    async with asyncio.timeout(PATIENT):
        while (answer := await client.get("/number")).status_code == 503:
            pass
    assert answer.json() == {"number": 42}


@pytest.mark.parametrize("fault", ["frozen", "slow"])
async def test_waiting_for_long_is_found(fault, mysql_url, mysql_server):
    """The check above and the one below fail where the deadlines are long; the other route answers all the same."""
    async with Client(make(mysql_url(timeout=60, acquire_timeout=60)), timeout=60) as client:
        await number(client)
        if fault == "frozen":
            mysql_server.freeze()
        broken = await asked(client, "/number" if fault == "frozen" else "/sleep/60")
        assert not await told(broken, within=1)
        mysql_server.thaw()
        if fault == "slow":
            await _sleeping(mysql_server)
            mysql_server.execute(f"KILL {mysql_server.execute(SLEEPING)[0][0]}")
        await broken


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_slow_query_is_a_503_by_the_deadline(driver, mysql_url, mysql_server):
    """A query that takes longer than its deadline costs its request, and nobody else anything."""
    async with Client(make(mysql_url(driver, timeout=0.3, pool_size=1)), timeout=PATIENT) as client:
        assert await told(await asked(client, "/sleep/60"))
        await number(client)


@pytest.mark.parametrize(("acquire_timeout", "in_time"), [(0.5, True), (60, False)])
async def test_a_full_pool_is_a_503_by_the_deadline(acquire_timeout, in_time, mysql_url):
    """Of fifty requests for two connections some are served, and the others told to come back, in time."""
    url = mysql_url(pool_size=2, acquire_timeout=acquire_timeout, check_after=600)
    async with Client(make(url), timeout=PATIENT) as client:
        requests = [asyncio.create_task(client.get("/sleep/0.2")) for _ in range(50)]
        assert (await client.get("/livez")).status_code == 200
        await asyncio.wait(requests, timeout=PATIENT if in_time else 1)
        answers = [request.result() for request in requests if request.done()]
        assert (len(answers) == 50) == in_time
        answers = [await request for request in requests]

    assert {answer.status_code for answer in answers} == ({200, 503} if in_time else {200})
    assert {answer.headers["retry-after"] for answer in answers if answer.status_code == 503} <= {"1"}


async def orders(url, server, toxic) -> tuple[list[int], list[str]]:
    """What became of three orders, and which are there, when the answer to the second COMMIT is lost."""
    name = url.partition("?")[0].rpartition("/")[2]
    server.execute(f"CREATE TABLE {name}.orders (name VARCHAR(10))")
    proxy = toxic(url)
    app = make(proxy.url)

    def there() -> list[str]:
        return [row[0] for row in server.execute(f"SELECT name FROM {name}.orders")]

    async def cut_when_committed():
        await until(lambda: "second" in there(), "the COMMIT")
        proxy.cut()

    async with Client(app, timeout=PATIENT) as client, asyncio.TaskGroup() as losing:

        def lose_the_answer():
            proxy.swallow_replies()
            losing.create_task(cut_when_committed())

        answers = [await client.post("/orders/first")]
        app.keep("before_commit", lose_the_answer)
        answers.append(await client.post("/orders/second"))
        app.unkeep("before_commit")
        proxy.heal()
        answers.append(await client.post("/orders/third"))
    return [answer.status_code for answer in answers], there()


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_lost_commit_is_a_500_and_is_not_repeated(driver, mysql_url, mysql_server, toxic):
    """A client is never told that its order was taken when that is not known, and the order is there once at most."""
    found = await orders(mysql_url(driver), mysql_server, toxic)

    assert found == ([201, 500, 201], ["first", "second", "third"])


async def test_a_lost_commit_that_is_answered_with_201_is_found(mysql_url, mysql_server, toxic, monkeypatch):
    """The check above fails where nobody minds that there was no answer."""
    end = Transaction.end

    async def careless(self, *, keep):
        with suppress(LostOutcome):
            await end(self, keep=keep)

    monkeypatch.setattr(Transaction, "end", careless)
    statuses, _ = await orders(mysql_url(), mysql_server, toxic)

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
    assert 0.4 < took < 20


@pytest.mark.parametrize("driver", DRIVERS)
async def test_connecting_without_a_deadline_is_found(driver, silent):
    """The drivers by themselves wait for the handshake, for longer than the deadline above."""
    database = Database(f"mysql://user@127.0.0.1:{silent}/test?driver={driver}")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(database._driver.connect(), 1.6)


# Starting and ending, as processes do


async def test_an_application_starts_before_its_database(mysql_url, mysql_server):
    """It waits for the database, and says so once; then it serves."""
    live = LiveServer("faults_app:make()", env={"DATABASE_URL": mysql_url(start_timeout=300)}, timeout=60)
    mysql_server.stop()
    starting = asyncio.create_task(asyncio.to_thread(live.__enter__))
    try:
        await until(lambda: "can't be used yet" in _output(live), "the warning")
        assert not starting.done()
        await asyncio.to_thread(mysql_server.restart)
        await starting
        async with AsyncClient(timeout=60) as client:
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
    """It gives up at its deadline, before who waits for it does; says which database it was, exits with an error."""
    url = mysql_url(start_timeout=1)
    mysql_server.stop()
    with pytest.raises(ServerDidNotStart, match=r"faults_app:make\(\) ended with 3") as failure:
        with LiveServer("faults_app:make()", env={"DATABASE_URL": url}):
            pass

    assert f"mysql://127.0.0.1:{mysql_server.port}/" in str(failure.value)
    assert "Application startup failed" in str(failure.value)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_request_is_finished_before_the_application_ends(driver, mysql_url, mysql_server):
    """SIGTERM while a query runs: the client has its answer, then every connection is closed, and the code is 0."""
    async with AsyncClient(timeout=60) as client:
        with LiveServer("faults_app:make()", env={"DATABASE_URL": mysql_url(driver)}) as live:
            async with closed_door(mysql_url()):
                request = asyncio.create_task(client.get(f"{live.url}/door"))
                await _knocking(mysql_server)
                live.terminate()
                await until(lambda: "Shutting down" in live.output, "the end")
            assert (await request).json() == {"entered": 1}
            assert await asyncio.to_thread(live.stop) == 0


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_query_that_does_not_end_does_not_keep_the_application(driver, mysql_url, mysql_server):
    """SIGTERM while a query runs for longer than anybody waits: the application ends at its deadlines, with 0."""
    env = {"DATABASE_URL": mysql_url(driver, drain_timeout=1)}
    options = {"timeout_graceful_shutdown": 1}
    async with AsyncClient(timeout=60) as client:
        with LiveServer("faults_app:make()", env=env, options=options, tracebacks=True) as live:
            request = asyncio.create_task(client.get(f"{live.url}/sleep/60"))
            await _sleeping(mysql_server)
            live.terminate()
            began = time.monotonic()
            assert await asyncio.to_thread(live.stop) == 0
            took = time.monotonic() - began
            await asyncio.wait([request])
    assert took < 25


async def _sleeping(server) -> None:
    """Wait until a query sleeps in the server."""
    await until(lambda: server.execute(SLEEPING), "the query")


async def _knocking(server) -> None:
    """Wait until a query waits for the door."""
    waits = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT GET_LOCK(%' AND state = 'User lock'"
    await until(lambda: server.execute(waits), "the query")


@asynccontextmanager
async def closed_door(url):
    """A block in which queries for the lock `door` wait."""
    async with Database(url) as database, database.connection() as holder:
        await holder.query(b"SELECT GET_LOCK('door', 0)")
        yield


async def test_disconnecting_waits_to_its_deadline_and_no_longer(mysql_url, mysql_server):
    """Who uses a connection that is never given back has it broken, and no connection is left at the server."""
    database = Database(mysql_url(drain_timeout=0.5, timeout=60))
    await database.connect()
    sleeping = asyncio.create_task(seconds(database.fetch_value("SELECT SLEEP(60)")))
    await _sleeping(mysql_server)
    took, _ = await seconds(database.disconnect())
    assert 0.4 < took < 25
    took, error = await sleeping
    assert (took < 55, getattr(error, "status", None)) == (True, 503)


async def test_closing_what_is_in_use_is_found(mysql_url, mysql_server, monkeypatch):
    """A pool that does not wait for what is lent breaks a query off that had time enough."""

    async def hasty(self, timeout):
        while self._lent:
            self._drop(self._lent.popitem()[1])

    async def outcome():
        database = Database(mysql_url(drain_timeout=60))
        await database.connect()
        async with closed_door(mysql_url()):
            knocking = asyncio.create_task(seconds(database.fetch_value("SELECT GET_LOCK('door', 60)")))
            await _knocking(mysql_server)
            leaving = asyncio.create_task(database.disconnect())
            await asyncio.sleep(0.1)
        await leaving
        return (await knocking)[1]

    assert await outcome() == 1
    monkeypatch.setattr(Pool, "drain", hasty)
    assert await outcome() != 1
