"""Drive a WebSocket of an application by hand: what the client does is a list of messages, what it gets is written down."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from driver import http_scope

CONNECT: dict[str, Any] = {"type": "websocket.connect"}
DENIAL: dict[str, Any] = {"websocket.http.response": {}}


def text(content: str) -> dict[str, Any]:
    """A text message as servers hand it over."""
    return {"type": "websocket.receive", "text": content}


async def talk(
    app: Any,
    url: str = "/",
    *messages: dict[str, Any],
    headers: list[tuple[bytes, bytes]] | dict[str, str] | None = None,
    timeout: float = 10.0,
    **extra: Any,
) -> list[dict[str, Any]]:
    """Connect, send these messages, and leave; what the application sent comes back."""
    scope = http_scope("GET", url, headers, type="websocket", scheme="ws", subprotocols=[], **extra)
    del scope["method"]
    pending = deque([CONNECT, *messages, {"type": "websocket.disconnect", "code": 1001}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return pending.popleft() if pending else {"type": "websocket.disconnect", "code": 1001}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async with asyncio.timeout(timeout):
        await app(scope, receive, send)
    return sent


def refused_with(sent: list[dict[str, Any]]) -> int | None:
    """The HTTP status that a handshake was refused with, 403 for a plain close, None where it was accepted."""
    if sent[0]["type"] == "websocket.http.response.start":
        return int(sent[0]["status"])
    return 403 if sent[0]["type"] == "websocket.close" else None
