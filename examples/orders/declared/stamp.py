"""Middleware: say of every response which request it answers, and how long that took."""

from __future__ import annotations

from time import perf_counter

from heaven import Headers
from heaven.types import ASGIApp, Message, Receive, Scope, Send

from hooks import sound_id, stamped


class Stamp:
    """Adds header fields to every response, errors included; a request's id is a proxy's if that is a sound one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; or one WebSocket, which has no response."""
        started = perf_counter()
        request_id = sound_id(Headers(scope["headers"]).get("x-request-id", ""))

        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = {name.encode(): value.encode() for name, value in stamped(request_id, started).items()}
                others = [(name, value) for name, value in message["headers"] if name not in fields]
                message = {**message, "headers": [*others, *fields.items()]}
            await send(message)

        await self.app(scope, receive, stamp)
