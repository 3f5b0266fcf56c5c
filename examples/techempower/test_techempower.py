"""What TechEmpower asks of each response, on SQLite and on MariaDB, under uvicorn and in the test's own process."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from heaven_testing import MySQLServer, ServerProcess

HERE = Path(__file__).parent
GUNICORN = "gunicorn -w 2 -k uvicorn_worker.UvicornWorker -b 127.0.0.1:{port} application:app"
ROWS = range(1, 10_001)


class Store:
    """A database for the example, and what is in it as its own client sees it."""

    def __init__(self, url: str, look: Callable[[str], list[tuple[str, ...]]]) -> None:
        self.url = url
        self.look = look

    def world(self) -> dict[int, int]:
        """Every row: its id and its number."""
        return {int(key): int(number) for key, number in self.look("SELECT id, randomNumber FROM world")}


@pytest.fixture(scope="module", params=["sqlite", "mysql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """An SQLite file, and a database of MariaDB's that was made with another character set than it needs."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("techempower") / "worlds.db"

        def look(sql: str) -> list[tuple[str, ...]]:
            with closing(sqlite3.connect(file)) as connection:
                return [tuple(map(str, row)) for row in connection.execute(sql)]

        return Store(f"sqlite:///{file}?busy_timeout=20", look)
    server: MySQLServer = request.getfixturevalue("mysql_server")
    server.execute("CREATE DATABASE IF NOT EXISTS techempower CHARACTER SET latin1")
    url = f"mysql://{server.user}@{server.host}:{server.port}/techempower?acquire_timeout=20"
    return Store(url, lambda sql: server.execute(f"USE techempower; {sql}"))


@pytest.fixture(scope="module")
def server(serve: Callable[..., Any], store: Store) -> Any:
    """The example under uvicorn, for all tests of this module."""
    return serve("techempower", TECHEMPOWER_DATABASE=store.url)


@pytest.fixture
def client(way: str, start: Callable[..., Any], store: Store, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client for the example; in this process it fails the test that leaves something behind."""
    if way == "uvicorn":
        running = request.getfixturevalue("server").client()
    else:
        running = start("techempower", TECHEMPOWER_DATABASE=store.url)
    with running as client:
        yield client


def check_rows(answer: httpx.Response, expected: int) -> list[dict[str, int]]:
    """See that an answer is a JSON list of so many rows of `world`, as TechEmpower wants them."""
    rows: list[dict[str, int]] = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert expected == len(rows)
    for row in rows:
        assert list(row) == ["id", "randomNumber"]
        assert row["id"] in ROWS
        assert row["randomNumber"] in ROWS
    return rows


def test_json_and_plaintext(client: httpx.Client) -> None:
    """The body, its type and its length are what the rules say."""
    json, plaintext = client.get("/json"), client.get("/plaintext")

    assert json.json() == {"message": "Hello, World!"}
    assert json.headers["content-type"] == "application/json"
    assert str(len(json.content)) == json.headers["content-length"]
    assert plaintext.content == b"Hello, World!"
    assert plaintext.headers["content-type"] == "text/plain; charset=utf-8"


def test_db_gives_rows_that_differ(client: httpx.Client, store: Store) -> None:
    """Each request gives one row as it is in the database, whichever."""
    answers = [client.get("/db") for _ in range(10)]
    world = store.world()

    rows = [answer.json() for answer in answers]
    assert {"application/json"} == {answer.headers["content-type"] for answer in answers}
    assert [{"id": row["id"], "randomNumber": world[row["id"]]} for row in rows] == rows
    assert len({row["id"] for row in rows}) > 1


@pytest.mark.parametrize("path", ["/queries?queries=", "/updates?queries=", "/cached-queries?count="])
def test_the_number_of_rows_is_kept_within_bounds(client: httpx.Client, path: str) -> None:
    """1 for what is missing, empty, no number or below, 500 for what is above, and so many rows otherwise."""
    check_rows(client.get(path.partition("?")[0]), 1)
    for wanted, expected in {
        "": 1,
        "foo": 1,
        "1.5": 1,
        "-1": 1,
        "0": 1,
        "1": 1,
        "20": 20,
        "500": 500,
        "501": 500,
    }.items():
        check_rows(client.get(path + wanted), expected)


@pytest.mark.parametrize("path", ["/queries?queries=50", "/cached-queries?count=50"])
def test_rows_are_those_of_the_database(client: httpx.Client, store: Store, path: str) -> None:
    """Each row of a list is one of the table, read or cached; not all of them are the same."""
    world = store.world() if path.startswith("/queries") else None
    rows = check_rows(client.get(path), 50)

    assert len({row["id"] for row in rows}) > 1
    if world is not None:
        assert [world[row["id"]] for row in rows] == [row["randomNumber"] for row in rows]


def test_a_cached_row_stays_as_it_was_read(client: httpx.Client) -> None:
    """Rows that were cached are answered alike, though others wrote new numbers meanwhile."""
    before = {
        row["id"]: row["randomNumber"] for _ in range(20) for row in client.get("/cached-queries?count=500").json()
    }
    for _ in range(4):
        client.get("/updates?queries=500")
    after = [row for _ in range(4) for row in client.get("/cached-queries?count=500").json() if row["id"] in before]

    assert len(after) > 100
    assert [before[row["id"]] for row in after] == [row["randomNumber"] for row in after]


def test_updates_are_in_the_database_when_they_are_answered(client: httpx.Client, store: Store) -> None:
    """Every row of the answer has its new number in the table, and hardly any has its old one."""
    before = store.world()
    rows = check_rows(client.get("/updates?queries=500"), 500)
    after = store.world()

    assert len({row["id"] for row in rows}) == 500
    assert {row["id"]: row["randomNumber"] for row in rows} == {row["id"]: after[row["id"]] for row in rows}
    assert sum(before[row["id"]] != after[row["id"]] for row in rows) > 480
    written = {row["id"] for row in rows}
    assert {key: after[key] for key in after if key not in written} == {
        key: before[key] for key in before if key not in written
    }


def test_updates_at_the_same_time_are_all_answered(server: Any) -> None:
    """Requests that write rows of each other's wait for one another; none is refused."""
    with server.client() as client, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.get("/updates?queries=200"), range(24)))

    assert {200} == {answer.status_code for answer in answers}


class Table(HTMLParser):
    """The cells of a table as a browser reads them, and every tag of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag, and begin a cell."""
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        """Add to the cell."""
        if self.cells:
            self.cells[-1] += data


def test_fortunes_are_a_sorted_page_without_scripts(client: httpx.Client) -> None:
    """Thirteen rows in the order of their messages, the added one among them; markup in a message is text."""
    answer = client.get("/fortunes")
    page = Table(answer.text)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!DOCTYPE html><html>")
    assert ["html", "head", "title", "body", "table", "tr", "th", "th", *["tr", "td", "td"] * 13] == page.tags
    assert "&lt;script&gt;alert(&quot;This should not be displayed in a browser alert box.&quot;);" in answer.text
    assert page.cells[:2] == ["id", "message"]
    ids, messages = list(map(int, page.cells[2::2])), page.cells[3::2]
    assert ids == [11, 4, 5, 2, 8, 0, 3, 7, 10, 6, 9, 1, 12]
    assert sorted(messages) == messages
    assert messages[0] == '<script>alert("This should not be displayed in a browser alert box.");</script>'
    assert messages[3] == "A computer scientist is someone who fixes things that aren't broken."
    assert messages[-1] == "フレームワークのベンチマーク"


def test_the_fortune_that_is_added_is_never_stored(client: httpx.Client, store: Store) -> None:
    """It is added to each answer anew: there is one of it in the second, and none in the table."""
    client.get("/fortunes")

    assert client.get("/fortunes").text.count("Additional fortune added at request time.") == 1
    assert store.look("SELECT count(*) FROM fortune") == [("12",)]


def test_it_is_served_as_its_readme_says(store: Store) -> None:
    """Two workers of gunicorn's share the database, which is made once, and they shut down in order."""
    command = [sys.executable, "-m", *GUNICORN.split()]
    with ServerProcess(command, path="/json", cwd=HERE, env={"TECHEMPOWER_DATABASE": store.url}) as server:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            answers = [client.get("/queries?queries=20") for _ in range(8)]
        code = server.stop()

    for answer in answers:
        check_rows(answer, 20)
        assert {"server", "date"} <= set(answer.headers)
    assert (code, store.look("SELECT count(*) FROM world")) == (0, [("10000",)]), server.output
    assert "Traceback" not in server.output, server.output
