"""The classic example against a MariaDB and a Redis of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from heaven_testing import LiveServer, MySQLServer, RedisServer, ServerDidNotStart, ServerProcess, SyncClient

HERE = Path(__file__).parent
GUNICORN = "gunicorn -w 1 -k uvicorn.workers.UvicornWorker -b 127.0.0.1:{port} --graceful-timeout 10 application:router"

Serving = Callable[[dict[str, str]], AbstractContextManager[str]]


@pytest.fixture
def environment(mysql_server: MySQLServer, redis_server: RedisServer) -> dict[str, str]:
    """Where the example finds its two servers."""
    return {
        "MYSQL_PORT": str(mysql_server.port),
        "MYSQL_DB": mysql_server.database,
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(redis_server.port),
    }


@contextmanager
def gunicorn(environment: dict[str, str]) -> Iterator[str]:
    """The example under gunicorn, as its README says; it has to shut down in order."""
    command = [sys.executable, "-m", *GUNICORN.split()]
    with ServerProcess(command, cwd=HERE, env=environment) as server:
        yield server.url
        assert server.stop() == 0, server.output
    assert "Traceback" not in server.output, server.output
    assert "Application shutdown complete" in server.output, server.output


@contextmanager
def uvicorn(environment: dict[str, str]) -> Iterator[str]:
    """The example under uvicorn; the end of the block sees that it shuts down in order."""
    with LiveServer("application:router", cwd=HERE, env=environment) as server:
        yield server.url


def connected(mysql: MySQLServer, redis: RedisServer, wait: float = 30.0) -> tuple[int, int]:
    """How many others are connected to the two servers, when those have noted who left."""
    query = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id != connection_id()"
    deadline = time.monotonic() + wait
    while True:
        ((clients,),) = mysql.execute(query)
        counts = int(clients), len((redis.execute("CLIENT", "LIST") or "").splitlines()) - 1
        if counts == (0, 0) or time.monotonic() > deadline:
            return counts
        time.sleep(0.05)


@pytest.mark.parametrize("serving", [gunicorn, uvicorn])
def test_it_uses_both_servers_and_closes_its_connections(
    serving: Serving, environment: dict[str, str], mysql_server: MySQLServer, redis_server: RedisServer
) -> None:
    """What startup connected, handlers use and shutdown closes; nothing is connected afterwards."""
    redis_server.flush()
    page = serving.__name__
    with serving(environment) as url, httpx.Client(base_url=url, timeout=30) as client:
        counts = [client.post(f"/visits/{page}").json()["count"] for _ in range(3)]
        client.post("/hello/Ada")
        hello = client.post("/hello/Grace").json()
        during = connected(mysql_server, redis_server, wait=0)

    assert counts == [1, 2, 3]
    assert hello == {"hello": "Grace", "before": "Ada"}
    assert mysql_server.execute(f"SELECT count FROM visits WHERE page = '{page}'") == [("3",)]
    assert min(during) > 0
    assert connected(mysql_server, redis_server) == (0, 0)


@pytest.mark.filterwarnings("ignore:Table 'visits' already exists")
def test_it_leaves_nothing_behind(load: Callable[..., Any], environment: dict[str, str]) -> None:
    """In the test's own process, where the client sees tasks, sockets and keys that shutdown forgets."""
    with SyncClient(load("classic", "router", **environment), timeout=30) as client:
        visit = client.post("/visits/inside")
        client.post("/hello/Ada")

    assert visit.json() == {"page": "inside", "count": 1}
    assert visit.trace.names == ["HANDLER visit"]


def test_concurrent_visits_are_all_counted(environment: dict[str, str]) -> None:
    """One connection is shared by many requests, one at a time."""
    with (
        uvicorn(environment) as url,
        httpx.Client(base_url=url, timeout=30) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(lambda _: client.post("/visits/busy").json()["count"], range(40)))

    assert list(range(1, 41)) == sorted(answers)


def test_it_does_not_serve_without_its_database(environment: dict[str, str], mysql_server: MySQLServer) -> None:
    """A startup function that fails keeps the server from serving."""
    mysql_server.kill()

    with pytest.raises(ServerDidNotStart, match="Can't connect to MySQL server"), uvicorn(environment):
        pass
