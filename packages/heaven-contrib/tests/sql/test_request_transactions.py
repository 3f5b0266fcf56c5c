from __future__ import annotations

import asyncio

import pytest

from heaven import App, HTTPError, Key
from heaven_contrib.sql import DATABASE, TRANSACTION, ConnectionLost, Database, Transaction
from heaven_contrib.sql.drivers.mysql import MySQLConnection
from heaven_contrib.sql.drivers.sqlite import SQLiteConnection
from heaven_contrib.sql.transaction import Transaction as RealTransaction
from heaven_testing import Client
from patience import PATIENT

ADD = "INSERT INTO notes (text) VALUES (:text)"


@pytest.fixture
def app(db):
    """An application whose POSTs each have a transaction, on a database that is connected."""
    app = App()
    app.keep(DATABASE, db)
    app.BEFORE("/notes/*", db.begin)

    async def add(req, res, ctx):
        tx = ctx.peek(TRANSACTION)
        await tx.execute(ADD, {"text": req.params["end"]})
        match req.params["end"]:
            case "abort":
                res.abort("enough", 200)
            case "reject":
                raise HTTPError(409)
            case "fail":
                raise OSError("the disk is full")
            case "status":
                res.status = 422
            case "redirect":
                res.redirect("/elsewhere")
        return {"added": req.params["end"]}

    app.POST("/notes/:end", add)
    return app


async def kept(db):
    return [row["text"] for row in await db.fetch_all("SELECT text FROM notes ORDER BY id")]


@pytest.mark.parametrize(
    ("end", "status", "is_kept"),
    [
        ("well", 200, True),
        ("redirect", 302, True),
        ("abort", 200, False),
        ("reject", 409, False),
        ("fail", 500, False),
        ("status", 422, False),
    ],
)
async def test_a_request_is_kept_or_undone_as_a_whole(app, db, end, status, is_kept):
    """Kept when it went well; undone after an abort, an error, and where the response is one."""
    async with Client(app, raise_app_exceptions=False, leaks={"tasks", "resources", "exceptions"}) as client:
        response = await client.post(f"/notes/{end}")
    assert (status, [end] if is_kept else []) == (response.status_code, await kept(db))
    assert 0 == db.statistics.lent


async def test_the_commit_comes_before_the_response(app, db, monkeypatch):
    """Whoever has the response finds what it tells of; and no response goes out before COMMIT was answered."""
    order = []
    end = RealTransaction.end

    async def ending(self, *, keep):
        await end(self, keep=keep)
        order.append("committed")

    monkeypatch.setattr(RealTransaction, "end", ending)

    async def noting(scope, receive, send):
        async def noted(message):
            order.append(message["type"])
            await send(message)

        await app(scope, receive, noted if scope["type"] == "http" else send)

    async with Client(noting, lifespan="off") as client:
        await client.post("/notes/well")
    assert ["committed", "http.response.start", "http.response.body"] == order


@pytest.mark.parametrize("error", [ConnectionLost("The connection broke."), OSError("broken")])
async def test_a_commit_that_fails_is_a_500(app, db, monkeypatch, caplog, error):
    """Never a 200, whatever the handler had said; it is in the log."""

    async def fail(self):
        raise error

    for connection in (SQLiteConnection, MySQLConnection):
        monkeypatch.setattr(connection, "commit", fail)
    async with Client(app, lifespan="off", raise_app_exceptions=False) as client:
        response = await client.post("/notes/well")
    assert (500, []) == (response.status_code, await kept(db))
    assert "added" not in response.text
    assert caplog.records


@pytest.mark.parametrize(("cancel", "is_kept"), [(True, False), (False, True)])
async def test_a_client_that_leaves_undoes_what_its_leaving_cancels(app, db, cancel, is_kept):
    """Without `cancel_on_disconnect` the handler ends as if somebody were there, and what it did is kept."""
    added = asyncio.Event()

    async def linger(req, res, ctx):
        await ctx.peek(TRANSACTION).execute(ADD, {"text": "left"})
        added.set()
        await asyncio.sleep(PATIENT if cancel else 0.2)

    app.PUT("/notes/left", linger, cancel_on_disconnect=cancel)
    waiting = [{"type": "http.request"}]

    async def receive():
        if waiting:
            return waiting.pop()
        await added.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    scope = {"type": "http", "method": "PUT", "path": "/notes/left", "query_string": b"", "headers": [], "asgi": {}}
    await app(scope, receive, send)
    assert (["left"] if is_kept else []) == await kept(db)
    assert 0 == db.statistics.lent


async def test_websockets_have_no_transaction(app, db):
    """It would stay open as long as they do."""

    async def talk(req, ws, ctx):
        await ws.accept()
        await ws.send_text(repr(ctx.peek(TRANSACTION)))

    app.WS("/notes/talk", talk)
    async with Client(app, lifespan="off") as client, client.ws("/notes/talk") as ws:
        assert "None" == await ws.receive_text()


async def test_a_hook_before_that_ends_the_request_costs_no_transaction(app, db):
    """`after` runs then as well, and finds nothing to end."""

    async def refuse(req, res, ctx):
        raise HTTPError(401)

    app.BEFORE("/*", refuse)
    async with Client(app, lifespan="off") as client:
        response = await client.post("/notes/well")
    assert (401, 0) == (response.status_code, db.statistics.lent)


async def test_two_databases_have_two_transactions():
    """Each under a key of its own: `db.begin.key`."""
    app = App()
    first, second = Database("sqlite://:memory:"), Database("sqlite://:memory:", key=Key("reports"))
    for database in (first, second):
        app.plugin(database)
        app.BEFORE("/*", database.begin)

    async def compare(req, res, ctx):
        one, other = ctx.peek(TRANSACTION), ctx.peek(second.begin.key)
        return [isinstance(one, Transaction), isinstance(other, Transaction), one is not other]

    app.GET("/", compare)
    async with Client(app) as client:
        assert [True, True, True] == (await client.get("/")).json()
    assert "reports_transaction" == second.begin.key.name
