"""The classic example against a MariaDB and a Redis of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pymysql
import pytest
import redis

GUNICORN = "gunicorn -w 1 -k uvicorn.workers.UvicornWorker -b fd://{fd} --graceful-timeout 10 {target}"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def answers(connect: Callable[[], Any], errors: type[Exception]) -> bool:
    """Whether a server is there to connect to."""
    try:
        connect().close()
    except errors:
        return False
    return True


@pytest.fixture(scope="module")
def mariadb(
    program: Callable[..., str], background: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> int:
    """The port of a fresh MariaDB with an empty database `classic`."""
    install = program("mariadb-install-db", install="mariadb-server")
    daemon = program("mariadbd", install="mariadb-server")
    folder = tmp_path_factory.mktemp("mariadb")
    data, log, port = folder / "data", folder / "log", free_port()
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    prepare = [
        install,
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    subprocess.run([*prepare, *as_root], check=True, capture_output=True, timeout=120)
    command = [daemon, "--no-defaults", f"--datadir={data}", f"--socket={folder}/socket", "--bind-address=127.0.0.1"]

    def connect() -> pymysql.Connection[Any]:
        return pymysql.connect(host="127.0.0.1", port=port, user="root")

    background(
        [*command, f"--port={port}", f"--pid-file={folder}/pid", *as_root],
        log,
        lambda: answers(connect, pymysql.OperationalError),
    )
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE classic")
    return port


@pytest.fixture(scope="module")
def redis_port(
    program: Callable[..., str], background: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> int:
    """The port of a fresh Redis."""
    daemon = program("redis-server", install="redis-server")
    folder = tmp_path_factory.mktemp("redis")
    log, port = folder / "log", free_port()
    command = [daemon, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    background(command, log, lambda: answers(lambda: socket.create_connection(("127.0.0.1", port)), OSError))
    return port


@pytest.fixture
def environment(mariadb: int, redis_port: int) -> dict[str, str]:
    """Where the example finds its two servers."""
    return {"MYSQL_PORT": str(mariadb), "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis_port)}


def connected(mariadb: int, redis_port: int) -> tuple[int, int]:
    """How many others are connected to the two servers, when those have noted who left."""
    query = "SELECT count(*) FROM information_schema.processlist WHERE db = 'classic'"
    deadline = time.monotonic() + 10
    while True:
        with pymysql.connect(host="127.0.0.1", port=mariadb, user="root") as connection, connection.cursor() as cursor:
            cursor.execute(query)
            counts: list[int] = [row[0] for row in cursor.fetchall()]
        with redis.Redis("127.0.0.1", redis_port) as client:
            counts.append(len(client.client_list()) - 1)
        if not any(counts) or time.monotonic() > deadline:
            return counts[0], counts[1]
        time.sleep(0.05)


@pytest.mark.parametrize("command", [GUNICORN, "uvicorn {target} --fd {fd}"], ids=["gunicorn", "uvicorn"])
def test_it_uses_both_servers_and_closes_its_connections(
    serve: Callable[..., Any], environment: dict[str, str], mariadb: int, redis_port: int, command: str
) -> None:
    """What startup connected, handlers use and shutdown closes; nothing is connected afterwards."""
    server = serve("classic", "application:router", command, **environment)
    page = command.split(maxsplit=1)[0]
    with httpx.Client(base_url=server.url, timeout=15) as client:
        counts = [client.post(f"/visits/{page}").json()["count"] for _ in range(3)]
        client.post("/hello/Ada")
        hello = client.post("/hello/Grace").json()
    server.stop()

    assert counts == [1, 2, 3]
    assert hello == {"hello": "Grace", "before": "Ada"}
    with pymysql.connect(host="127.0.0.1", port=mariadb, user="root") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count FROM classic.visits WHERE page = %s", (page,))
        assert cursor.fetchall() == ((3,),)
    assert connected(mariadb, redis_port) == (0, 0)


def test_concurrent_visits_are_all_counted(serve: Callable[..., Any], environment: dict[str, str]) -> None:
    """One connection is shared by many requests, one at a time."""
    server = serve("classic", "application:router", **environment)
    with httpx.Client(base_url=server.url, timeout=15) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/visits/busy").json()["count"], range(40)))
    server.stop()

    assert list(range(1, 41)) == sorted(answers)


def test_it_does_not_serve_without_its_database(serve: Callable[..., Any], environment: dict[str, str]) -> None:
    """A startup function that fails keeps the server from serving."""
    environment["MYSQL_PORT"] = str(free_port())

    with pytest.raises(pytest.fail.Exception, match="Can't connect to MySQL server"):
        serve("classic", "application:router", **environment)
