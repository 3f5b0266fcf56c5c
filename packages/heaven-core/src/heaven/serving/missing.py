"""What answers where no route matched: 404, 405 with the methods that would, OPTIONS, and slashes put right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from heaven.errors import HTTPError, NotFound
from heaven.messages.problems import render
from heaven.serving.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.messages.site import Site
    from heaven.serving.recovery import Recovery
    from heaven.types import Message, Receive, Scope, Send

_ACCEPT = frozenset((b"accept", b"Accept", b"ACCEPT"))

_IN_QUERIES = "%/:=&?~+!$,;'@()*[]"


class Missing:
    """Lives with the wiring: one for each application, for what is under its prefix and matches none of its routes.

    Args:
        site: what such requests share; its route is None.
        recovery: the error handlers of the application.
    """

    __slots__ = ("_content", "_recovery", "_site", "_start")

    def __init__(self, site: Site, recovery: Recovery) -> None:
        self._site = site
        self._recovery = recovery
        self._start: Message | None = None
        self._content: Message = {"type": "http.response.body", "body": b""}
        if not recovery.handlers(NotFound()):
            body, media_type = render(NotFound(), None)
            fields = [(b"content-type", media_type), (b"vary", b"accept"), (b"content-length", b"%d" % len(body))]
            self._start = {"type": "http.response.start", "status": 404, "headers": fields}
            self._content["body"] = body

    @property
    def leads_to(self) -> str | None:
        """Where the fallback was said that takes what no route matched; None where 404 is the answer."""
        return None

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404; a WebSocket is refused with it."""
        # PERF: nobody replaced this answer, so it is the same each time: 0.4 of the time that making it takes.
        if self._start is not None and scope["type"] == "http" and scope["method"] != "HEAD":
            for name, value in scope["headers"]:
                if name in _ACCEPT and b"html" in value:
                    break
            else:
                await send({**self._start, "headers": [*self._start["headers"]]})
                await send({**self._content})
                return
        await self.refuse(NotFound(), scope, receive, send)

    async def not_allowed(self, methods: Sequence[str], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS with the methods there are, and every other method with 405 (RFC 9110 9.3.7, 15.5.6)."""
        allow = ", ".join(methods)
        if scope["method"] == "OPTIONS":
            await self._end(scope, receive, send, 204, {"allow": allow})
        else:
            await self.refuse(HTTPError(405, headers={"allow": allow}), scope, receive, send)

    async def redirect(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the client to the same path with its slash put right (RFC 9110 15.4.8); the query comes along."""
        root: str = (scope.get("root_path") or "").rstrip("/")
        query: bytes = scope.get("query_string", b"")
        # Quoted, though well-formed already: a server that lets a line end through must not make this a 500.
        location = quote(root + path, safe="/:@!$&'()*+,;=~") + (f"?{quote(query, safe=_IN_QUERIES)}" if query else "")
        await self._end(scope, receive, send, 307, {"location": location})

    async def refuse(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with an error, as `ON(status, ...)` would have it; a WebSocket is refused with it."""

        async def fail(_req: Request, _res: Any, _ctx: Context) -> Any:
            raise error

        if scope["type"] == "websocket":
            from heaven.serving.websocket_endpoint import SocketEndpoint  # loaded with the first WebSocket

            endpoint = SocketEndpoint(self._site, fail, recovery=self._recovery)
            await endpoint.run(scope, receive, send, {})
        else:
            await self._run(fail, scope, receive, send)

    async def _end(self, scope: Scope, receive: Receive, send: Send, status: int, headers: dict[str, str]) -> None:
        async def end(_req: Request, res: Response, _ctx: Context) -> None:
            res.out(status, None, headers)

        await self._run(end, scope, receive, send)

    async def _run(self, handler: Any, scope: Scope, receive: Receive, send: Send) -> None:
        # The body is nobody's, so it is not read: as far as the endpoint knows, the method has none.
        method = "HEAD" if scope["method"] == "HEAD" else ""
        await Endpoint(self._site, handler, recovery=self._recovery, method=method).run(scope, receive, send, {})
