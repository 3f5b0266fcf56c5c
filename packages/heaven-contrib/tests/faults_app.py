"""An application with a database, for tests that break the database while it is used."""

from __future__ import annotations

import os

from heaven import App
from heaven_contrib.sql import DATABASE, TRANSACTION, Database


async def livez(req, res, ctx):
    """Whether the process is alive, which has nothing to do with the database."""
    return "alive"


async def number(req, res, ctx):
    """The quickest query there is."""
    return {"number": await req.app.peek(DATABASE).fetch_value("SELECT 42")}


async def sleep(req, res, ctx):
    """A query that takes as many seconds as it is told."""
    return {
        "slept": await req.app.peek(DATABASE).fetch_value("SELECT SLEEP(:seconds)", {"seconds": req.params["seconds"]})
    }


async def door(req, res, ctx):
    """A query that takes as long as somebody else has the lock `door`."""
    return {"entered": await req.app.peek(DATABASE).fetch_value("SELECT GET_LOCK('door', 600)")}


async def order(req, res, ctx):
    """A change that is kept when the response is sent."""
    await ctx.peek(TRANSACTION).execute("INSERT INTO orders VALUES (:name)", {"name": req.params["name"]})
    before = req.app.peek("before_commit", None)
    if before is not None:
        before()
    res.status = 201


def make(url: str | None = None) -> App:
    """The application, with the database of a URL, or of the environment."""
    app = App()
    db = Database(url or os.environ["DATABASE_URL"])
    app.plugin(db)
    app.BEFORE("/orders/*", db.begin)
    app.GET("/livez", livez)
    app.GET("/number", number)
    app.GET("/sleep/:seconds:float", sleep)
    app.GET("/door", door)
    app.POST("/orders/:name", order)
    return app
