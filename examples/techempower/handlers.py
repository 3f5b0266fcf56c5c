"""What each path answers; https://github.com/TechEmpower/FrameworkBenchmarks/wiki says why it is as it is."""

from __future__ import annotations

from html import escape
from random import randint, sample
from typing import Any

from cachetools import LRUCache
from heaven import Context, Request, Response
from heaven_contrib.sql import DATABASE, Database

WORLDS = 10_000
MOST = 500

READ = "SELECT id, randomNumber FROM world WHERE id = :id"
WRITE = "UPDATE world SET randomNumber = :randomNumber WHERE id = :id"
FORTUNES = "SELECT id, message FROM fortune"
ADDED = {"id": 0, "message": "Additional fortune added at request time."}

PAGE = (
    "<!DOCTYPE html><html><head><title>Fortunes</title></head>"
    "<body><table><tr><th>id</th><th>message</th></tr>{}</table></body></html>"
)
ROW = "<tr><td>{}</td><td>{}</td></tr>"

cache: LRUCache[int, Any] = LRUCache(WORLDS)


async def json(req: Request, res: Response, ctx: Context) -> dict[str, str]:
    """GET /json: an object that is made anew each time."""
    return {"message": "Hello, World!"}


async def plaintext(req: Request, res: Response, ctx: Context) -> str:
    """GET /plaintext: text."""
    return "Hello, World!"


async def db(req: Request, res: Response, ctx: Context) -> Any:
    """GET /db: one row, whichever."""
    return await world(req.app.peek(DATABASE), randint(1, WORLDS))


async def queries(req: Request, res: Response, ctx: Context) -> list[Any]:
    """GET /queries?queries=20: so many rows, each with a query of its own."""
    database = req.app.peek(DATABASE)
    return [await world(database, randint(1, WORLDS)) for _ in range(wanted(req, "queries"))]


async def updates(req: Request, res: Response, ctx: Context) -> list[Any]:
    """GET /updates?queries=20: read so many rows, give each a new number, write them.

    They are written in the order of their keys, so that two requests never wait for each other's rows.
    """
    database = req.app.peek(DATABASE)
    keys = sorted(sample(range(1, WORLDS + 1), wanted(req, "queries")))
    worlds = [await world(database, key) for key in keys]
    for each in worlds:
        each["randomNumber"] = randint(1, WORLDS)
    await database.execute_many(WRITE, worlds)
    return worlds


async def fortunes(req: Request, res: Response, ctx: Context) -> None:
    """GET /fortunes: a page with every fortune and one more, sorted, and nothing in it that a browser would run."""
    found = [*await req.app.peek(DATABASE).fetch_all(FORTUNES), ADDED]
    found.sort(key=lambda fortune: fortune["message"])
    res.headers["content-type"] = "text/html; charset=utf-8"
    res.body = PAGE.format("".join([ROW.format(each["id"], escape(each["message"])) for each in found]))


async def cached_queries(req: Request, res: Response, ctx: Context) -> list[Any]:
    """GET /cached-queries?count=20: the same rows from a cache in the process, which is filled by and by."""
    database = req.app.peek(DATABASE)
    return [await cached(database, randint(1, WORLDS)) for _ in range(wanted(req, "count"))]


async def world(database: Database, key: int) -> Any:
    """One row by its key."""
    return await database.fetch_one(READ, {"id": key})


async def cached(database: Database, key: int) -> Any:
    """The same row as long as the cache has it."""
    found = cache.get(key)
    if found is None:
        found = cache[key] = await world(database, key)
    return found


def wanted(req: Request, name: str) -> int:
    """How many rows a client wants: 1 to 500, and 1 for what is no number."""
    try:
        number = int(req.queries.get(name, 1))
    except ValueError:
        number = 1
    return min(max(number, 1), MOST)
