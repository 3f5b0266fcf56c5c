"""A server without a socket: as small as one can be that still waits and ends as servers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from conformance_plays import HTTP, LIFESPAN, WEBSOCKET

PATIENCE = 30.0


async def asked(
    app: Any, path: str, *, method: str = "GET", body: Sequence[bytes] = (b"",), headers: Any = (), **scope: Any
) -> list[Any]:
    """One request; the messages that came back."""
    parts = [{"type": "http.request", "body": part, "more_body": True} for part in body]
    parts[-1]["more_body"] = False
    ended = asyncio.Event()
    got: list[Any] = []

    async def receive() -> Any:
        if parts:
            return parts.pop(0)
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        got.append(message)
        if message["type"].endswith("pathsend") or (message["type"].endswith("body") and not message.get("more_body")):
            ended.set()

    fields = [(b"host", b"testserver"), *headers]
    made = {**HTTP, "method": method, "path": path, "raw_path": path.encode(), "headers": fields, "state": {}, **scope}
    async with asyncio.timeout(PATIENCE):
        await app(made, receive, send)
    return got


async def talked(app: Any, path: str, *messages: Any, **scope: Any) -> list[Any]:
    """One WebSocket: what the client says, and then it leaves; the messages that came back."""
    said = [{"type": "websocket.connect"}, *({"type": "websocket.receive", **message} for message in messages)]
    got: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return said.pop(0) if said else {"type": "websocket.disconnect", "code": 1001}

    async def send(message: Any) -> None:
        got.append(message)

    async with asyncio.timeout(PATIENCE):
        await app({**WEBSOCKET, "path": path, "raw_path": path.encode(), "state": {}, **scope}, receive, send)
    return got


@asynccontextmanager
async def alive(app: Any) -> AsyncIterator[None]:
    """The application between its startup and its shutdown; one that knows neither is served without."""
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    answered = asyncio.Event()

    async def send(message: Any) -> None:
        answered.set()

    async def run() -> None:
        try:
            await app({**LIFESPAN, "state": {}}, inbox.get, send)
        finally:
            answered.set()

    task = asyncio.create_task(run())
    for event in ("startup", "shutdown"):
        answered.clear()
        if not task.done():
            await inbox.put({"type": f"lifespan.{event}"})
            await asyncio.wait_for(answered.wait(), PATIENCE)
        if event == "startup":
            yield
    async with asyncio.timeout(PATIENCE):
        await task
