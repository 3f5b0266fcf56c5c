"""Several workers on MySQL and Redis: what one of them does, the others know."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from heaven_testing import MySQLServer, ServerProcess

HERE = Path(__file__).parent
KEY = {"authorization": "Bearer test-key"}
ADA = {"customer": "Ada Lovelace", "email": "ada@example.com", "lines": [{"sku": "MUG-0201", "quantity": 3}]}
GUNICORN = "gunicorn -w 3 -k uvicorn_worker.UvicornWorker -b 127.0.0.1:{port} --graceful-timeout 10 {module}:app"


SETTINGS = {"SHOP_API_KEY": "test-key", "SHOP_SUMMARY_EVERY": "0.2"}


@pytest.fixture(scope="module")
def servers(
    serve: Callable[..., Any], on_servers: Callable[[], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> list[Any]:
    """Two workers of one shop, each of which is a server of its own: whom one asks is no chance."""
    settings = {**SETTINGS, **on_servers(), "SHOP_DATA": str(tmp_path_factory.mktemp("data"))}
    return [serve("orders", **settings) for _ in range(2)]


@pytest.fixture
def workers(servers: list[Any]) -> Iterator[list[Any]]:
    """A client of each."""
    with ExitStack() as stack:
        yield [stack.enter_context(server.client()) for server in servers]


def events(answer: httpx.Response, *kinds: str) -> Iterator[dict[str, str]]:
    """The events of a stream that are of these kinds."""
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        else:
            if event.get("event") in kinds:
                yield event
            event = {}


def test_a_listener_goes_on_at_another_worker(workers: list[Any]) -> None:
    """An order that one takes is an event of the other, and Last-Event-ID of one means the same to the other."""
    one, other = workers
    with other.stream("GET", "/events") as answer:
        heard = events(answer, "summary", "created")
        position = next(heard)["id"]
        first = one.post("/orders", json=ADA, headers=KEY).json()
        created = next(event for event in heard if event["event"] == "created")
    second = other.post("/orders", json=ADA, headers=KEY).json()
    with one.stream("GET", "/events", headers={"last-event-id": position}) as answer:
        missed = events(answer, "created")
        again = [json.loads(next(missed)["data"])["id"] for _ in range(2)]

    assert first["id"] == json.loads(created["data"])["id"]
    assert [first["id"], second["id"]] == again


def test_the_staff_of_all_workers_hear_each_other(workers: list[Any]) -> None:
    """Who joins at one worker is seen at the other, and what is said there is heard here, in the same order."""
    heard: list[list[Any]] = []
    with ExitStack() as stack:
        boards = [stack.enter_context(worker.ws("/board")) for worker in workers]
        for name, board in zip(("Ada", "Grace"), boards, strict=True):
            board.send_text(json.dumps({"type": "hello", "name": name, "key": "test-key"}))
            assert json.loads(board.receive())["kind"] == "joined"
        assert json.loads(boards[0].receive())["data"] == {"name": "Grace"}
        for text in ("one", "two", "three"):
            boards[1].send_text(json.dumps({"type": "say", "text": text}))
        workers[0].post("/orders/1/attachments", files={"file": b"1"}, headers=KEY)
        heard += [[json.loads(board.receive()) for _ in range(4)] for board in boards]

    assert heard[0] == heard[1]
    assert sorted(change["kind"] for change in heard[0]) == ["attached", "said", "said", "said"]


def test_the_summary_is_told_once_however_many_workers_there_are(workers: list[Any]) -> None:
    """Each runs the daemon every 200 ms; six turns of it take their time, and not half of it.

    Between two turns there are 180 ms or more. What is told of a turn can be late, and then the next is told sooner.
    """
    with workers[0].stream("GET", "/events") as answer:
        told = [event["id"] for event in islice(events(answer, "summary"), 8)][1:]
    first, last = (int(name.partition("-")[0]) for name in (told[0], told[-1]))

    assert last - first >= 5 * 175


def test_workers_that_start_together_fill_an_empty_shop_once(
    module: str, on_servers: Callable[[], dict[str, str]], tmp_path: Path, mysql_server: MySQLServer
) -> None:
    """Three workers of gunicorn's find no tables; one makes them and one loads the data set, and all serve."""
    settings = {**SETTINGS, **on_servers(), "SHOP_DATA": str(tmp_path)}
    command = [sys.executable, "-m", *GUNICORN.replace("{module}", module).split()]
    with ServerProcess(command, cwd=HERE, env=settings) as server:
        with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
            totals = {client.get("/orders?size=1", headers={"connection": "close"}).json()["total"] for _ in range(10)}
        assert server.stop() == 0, server.output
    database = urlsplit(settings["SHOP_DATABASE"]).path.removeprefix("/")

    assert "Traceback" not in server.output, server.output
    assert totals == {3_000}
    assert mysql_server.execute(f"SELECT number, done FROM {database}.heaven_migrations") == [("1", "1"), ("2", "1")]
