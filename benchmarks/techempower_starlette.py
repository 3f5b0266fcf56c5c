"""The TechEmpower set on Starlette and aiomysql's own pool, which `examples/techempower` is measured beside.

Written as both document it: function endpoints, the pool in the lifespan, a connection of it for a request, JSON by
msgspec. The tables are those that the example makes.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from random import randint, sample
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiomysql
from cachetools import LRUCache
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route

from benchmarks.workload import ENCODE

WORLDS = 10_000
MOST = 500

READ = "SELECT id, randomNumber FROM world WHERE id = %s"
WRITE = "UPDATE world SET randomNumber = %s WHERE id = %s"
FORTUNES = "SELECT id, message FROM fortune"
ADDED = {"id": 0, "message": "Additional fortune added at request time."}

PAGE = (
    "<!DOCTYPE html><html><head><title>Fortunes</title></head>"
    "<body><table><tr><th>id</th><th>message</th></tr>{}</table></body></html>"
)
ROW = "<tr><td>{}</td><td>{}</td></tr>"

cache: LRUCache[int, Any] = LRUCache(WORLDS)


class FastJSON(JSONResponse):
    """JSON through msgspec."""

    def render(self, content: Any) -> bytes:
        return ENCODE(content)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Open the pool, and close it."""
    url = urlsplit(os.environ["TECHEMPOWER_DATABASE"])
    pool = await aiomysql.create_pool(
        host=url.hostname,
        port=url.port,
        user=url.username,
        password=url.password or "",
        db=url.path[1:],
        charset="utf8mb4",
        autocommit=True,
        minsize=1,
        maxsize=int(parse_qs(url.query)["pool_size"][0]),
        pool_recycle=1800,
    )
    yield {"pool": pool}
    pool.close()
    await pool.wait_closed()


@asynccontextmanager
async def cursor(request: Request) -> AsyncIterator[Any]:
    """A cursor of a connection of the pool."""
    async with request.state.pool.acquire() as connection, connection.cursor(aiomysql.DictCursor) as opened:
        yield opened


async def json(request: Request) -> FastJSON:
    """`GET /json`."""
    return FastJSON({"message": "Hello, World!"})


async def plaintext(request: Request) -> PlainTextResponse:
    """`GET /plaintext`."""
    return PlainTextResponse("Hello, World!")


async def db(request: Request) -> FastJSON:
    """`GET /db`."""
    async with cursor(request) as opened:
        return FastJSON(await world(opened, randint(1, WORLDS)))


async def queries(request: Request) -> FastJSON:
    """`GET /queries?queries=20`."""
    async with cursor(request) as opened:
        return FastJSON([await world(opened, randint(1, WORLDS)) for _ in range(wanted(request, "queries"))])


async def updates(request: Request) -> FastJSON:
    """`GET /updates?queries=20`."""
    keys = sorted(sample(range(1, WORLDS + 1), wanted(request, "queries")))
    async with cursor(request) as opened:
        worlds = [await world(opened, key) for key in keys]
        for each in worlds:
            each["randomNumber"] = randint(1, WORLDS)
        await opened.connection.begin()
        await opened.executemany(WRITE, [(each["randomNumber"], each["id"]) for each in worlds])
        await opened.connection.commit()
    return FastJSON(worlds)


async def fortunes(request: Request) -> HTMLResponse:
    """`GET /fortunes`."""
    async with cursor(request) as opened:
        await opened.execute(FORTUNES)
        found = [*await opened.fetchall(), ADDED]
    found.sort(key=lambda fortune: fortune["message"])
    return HTMLResponse(PAGE.format("".join([ROW.format(each["id"], escape(each["message"])) for each in found])))


async def cached_queries(request: Request) -> FastJSON:
    """`GET /cached-queries?count=20`; a connection is taken when a row is missing."""
    return FastJSON([await cached(request, randint(1, WORLDS)) for _ in range(wanted(request, "count"))])


async def world(opened: Any, key: int) -> Any:
    """One row by its key."""
    await opened.execute(READ, (key,))
    return await opened.fetchone()


async def cached(request: Request, key: int) -> Any:
    """The same row as long as the cache has it."""
    found = cache.get(key)
    if found is None:
        async with cursor(request) as opened:
            found = cache[key] = await world(opened, key)
    return found


def wanted(request: Request, name: str) -> int:
    """How many rows a client wants: 1 to 500, and 1 for what is no number."""
    try:
        number = int(request.query_params.get(name, 1))
    except ValueError:
        number = 1
    return min(max(number, 1), MOST)


app = Starlette(
    routes=[
        Route("/json", json),
        Route("/plaintext", plaintext),
        Route("/db", db),
        Route("/queries", queries),
        Route("/updates", updates),
        Route("/fortunes", fortunes),
        Route("/cached-queries", cached_queries),
    ],
    lifespan=lifespan,
)
