"""The test clients that are compared: each is entered with an application, and gives a function that asks it `GET /`.

A client is used as its own documentation shows, with its own defaults. Litestar's clients take any ASGI application
(they put `state` into its scope), so all of them ask the same one. `bare` is no client: scopes and messages by hand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.scenarios import BY_NAME

SCENARIO = BY_NAME["static"]
Ask = Callable[[int], Awaitable[list[Any]]]
"""Asks so many times, one after the other; the last response as ASGI messages."""


def in_turn(client: Any) -> Ask:
    """Ask with an asynchronous client."""

    async def ask(number: int) -> list[Any]:
        response: Any = None
        for _ in range(number):
            response = await client.get("/")
        return messages(response)

    return ask


def in_turn_synchronously(client: Any) -> Ask:
    """Ask with a client that blocks."""

    async def ask(number: int) -> list[Any]:
        response: Any = None
        for _ in range(number):
            response = client.get("/")
        return messages(response)

    return ask


def messages(response: Any) -> list[Any]:
    """A response as the ASGI messages that it came of."""
    return [
        {"type": "http.response.start", "status": response.status_code, "headers": response.headers.raw},
        {"type": "http.response.body", "body": response.content},
    ]


@asynccontextmanager
async def bare(app: Any) -> AsyncIterator[Ask]:
    """The driver of part 1, with the lifespan by hand."""
    from benchmarks import driver

    life = driver.Life(app)
    await life.start()

    async def ask(number: int) -> list[Any]:
        _, sent = await driver.burst(app, SCENARIO, life.state, number)
        return sent

    yield ask
    await life.stop()


@asynccontextmanager
async def client(app: Any) -> AsyncIterator[Ask]:
    """heaven_testing.Client."""
    from heaven_testing import Client

    async with Client(app) as opened:
        yield in_turn(opened)


@asynccontextmanager
async def sync_client(app: Any) -> AsyncIterator[Ask]:
    """heaven_testing.SyncClient."""
    from heaven_testing import SyncClient

    with SyncClient(app) as opened:
        yield in_turn_synchronously(opened)


@asynccontextmanager
async def asgi_transport(app: Any) -> AsyncIterator[Ask]:
    """httpx.ASGITransport, which has no lifespan: that is by hand."""
    from httpx import ASGITransport, AsyncClient

    from benchmarks import driver

    life = driver.Life(app)
    await life.start()
    async with AsyncClient(transport=ASGITransport(app), base_url="http://testserver") as opened:
        yield in_turn(opened)
    await life.stop()


@asynccontextmanager
async def starlette(app: Any) -> AsyncIterator[Ask]:
    """Starlette's TestClient, entered: one event loop, and the lifespan."""
    from starlette.testclient import TestClient

    with TestClient(app) as opened:
        yield in_turn_synchronously(opened)


@asynccontextmanager
async def starlette_not_entered(app: Any) -> AsyncIterator[Ask]:
    """Starlette's TestClient as its documentation shows it first: an event loop for each request, and no lifespan."""
    from starlette.testclient import TestClient

    opened = TestClient(app)
    yield in_turn_synchronously(opened)
    opened.close()


@asynccontextmanager
async def litestar(app: Any) -> AsyncIterator[Ask]:
    """Litestar's TestClient."""
    from litestar.testing import TestClient

    with TestClient(app) as opened:
        yield in_turn_synchronously(opened)


@asynccontextmanager
async def litestar_async(app: Any) -> AsyncIterator[Ask]:
    """Litestar's AsyncTestClient."""
    from litestar.testing import AsyncTestClient

    async with AsyncTestClient(app) as opened:
        yield in_turn(opened)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of client.

    Attributes:
        title: What a table calls it.
        distributions: Whose versions are printed.
        open: Opens it for an application.
        lifespan: Whether opening and closing it starts the application and stops it.
    """

    title: str
    distributions: tuple[str, ...]
    open: Callable[[Any], Any]
    lifespan: bool = True


FLOOR, OURS, OURS_SYNC, BESIDE, STARLETTE, LITESTAR = (
    "bare",
    "client",
    "sync_client",
    "asgi_transport",
    "starlette",
    "litestar",
)
KINDS = {
    FLOOR: Kind("bare (no client)", (), bare),
    OURS: Kind("heaven_testing.Client", ("heaven-testing", "httpx"), client),
    OURS_SYNC: Kind("heaven_testing.SyncClient", ("heaven-testing", "httpx"), sync_client),
    BESIDE: Kind("httpx.ASGITransport", ("httpx",), asgi_transport, lifespan=False),
    STARLETTE: Kind("Starlette's TestClient", ("starlette", "httpx2", "anyio"), starlette),
    "starlette_not_entered": Kind(
        "Starlette's TestClient, not entered", ("starlette", "httpx2", "anyio"), starlette_not_entered, lifespan=False
    ),
    LITESTAR: Kind("Litestar's TestClient", ("litestar", "httpx", "anyio"), litestar),
    "litestar_async": Kind("Litestar's AsyncTestClient", ("litestar", "httpx", "anyio"), litestar_async),
}
