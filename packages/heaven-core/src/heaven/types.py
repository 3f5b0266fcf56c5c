"""The shapes that pass between the server, Heaven and the application (ASGI 3.0)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.messages.websocket import WebSocket

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]
Slashes: TypeAlias = Literal["ignore", "redirect", "strict"]
Outcome: TypeAlias = Literal["ok", "aborted", "rejected", "failed", "timeout", "disconnected", "cancelled"]

Handler: TypeAlias = Callable[["Request", "Response", "Context"], Any]
"""What serves a route, and every hook: `async def handler(req, res, ctx)`; it may be sync as well."""

SocketHandler: TypeAlias = Callable[["Request", "WebSocket", "Context"], Any]
ErrorHandler: TypeAlias = Callable[["Request", "Response", "Context", Any], Any]


@runtime_checkable
class Deliverable(Protocol):
    """A response body that knows how to send itself: a stream, a file, server-sent events."""

    async def deliver(self, req: Request, res: Response, send: Send) -> None:
        """Send `http.response.start` and every `http.response.body`."""
        ...
