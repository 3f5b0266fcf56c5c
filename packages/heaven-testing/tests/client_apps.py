"""Applications as short as ASGI lets them be, a handler that sends events, and a look at what goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

TURNS = 50


def raw(serve: Callable[[Any, Any, Any], Awaitable[None]]) -> Any:
    """An application that knows HTTP alone: `serve(scope, receive, send)`; the lifespan it refuses."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError("no lifespan")
        await serve(scope, receive, send)

    return app


async def answer(send: Any, content: bytes = b"", status: int = 200, headers: Any = ()) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": content})


def reading(scopes: list[Any]) -> Any:
    """An application that keeps the scopes it is called with."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await answer(send, b"read")

    return raw(serve)


async def turns(number: int = TURNS) -> None:
    """Let everybody go on until nobody has anything to do but wait, a whole thread hand-over apart."""
    for _ in range(number):
        await asyncio.sleep(0)


def living(startup: Callable[[Any], Any] | None = None, shutdown: Callable[[Any], Any] | None = None) -> Any:
    """A raw application that answers both events, after what it is given was awaited with its `send`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(send, b"alive")
            return
        for event, step in (("startup", startup), ("shutdown", shutdown)):
            message = await receive()  # outside of the assert, which python -O leaves out of helpers
            assert {"type": f"lifespan.{event}"} == message
            if step is not None:
                await step(send)
            await send({"type": f"lifespan.{event}.complete"})

    return app


async def forever(send: Any) -> None:
    """Wait for what never comes."""
    await asyncio.Event().wait()


async def broken(send: Any) -> None:
    """Fail."""
    raise LookupError("no database")


async def ticks() -> AsyncIterator[str]:
    number = 0
    while True:
        yield str(number)
        number += 1
        await asyncio.sleep(0)


async def events(req, res, ctx):
    res.events(ticks(), ping=60)
