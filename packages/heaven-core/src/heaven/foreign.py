"""Other ASGI applications under a prefix: their requests, WebSockets and lifespans."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from heaven.errors import WebSocketStateError
from heaven.request import path_below_root

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from heaven.context import Context
    from heaven.request import Request
    from heaven.response import Response
    from heaven.types import ASGIApp, Message, Scope, Send
    from heaven.websocket import WebSocket

log = logging.getLogger("heaven.lifespan")


class Foreign:
    """Lives with the application: a mounted ASGI application, and what its lifespan left in its state.

    Args:
        app: the ASGI application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}

    async def serve(self, _req: Request, res: Response, _ctx: Context) -> None:
        """The handler of its routes: the application itself answers when it is the response's turn."""
        res.body = _Handover(self)

    async def connect(self, req: Request, ws: WebSocket, _ctx: Context) -> None:
        """The handler of its WebSockets."""
        await self.app(self.scope(req), *ws.hand_over())

    def scope(self, req: Request) -> Scope:
        """A copy of the scope whose `root_path` has grown by the prefix; `path` stays whole, as ASGI wants it."""
        scope = req.scope
        segments = (req.route or "").removesuffix("*").rstrip("/").count("/")
        prefix = "/".join(path_below_root(scope).split("/")[: segments + 1])
        root: str = (scope.get("root_path") or "").rstrip("/")
        return {**scope, "root_path": root + prefix, "state": {**scope.get("state", {}), **self.state}}


class _Handover:
    """A body that lets the foreign application answer; header fields that hooks set are added to its own."""

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign

    async def deliver(self, req: Request, res: Response, send: Send) -> None:
        added = list(res.headers.raw)

        def stamped(message: Message) -> Awaitable[None]:
            if added and message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            return send(message)

        await self._foreign.app(self._foreign.scope(req), req.receive, stamped)


class ForeignLifespan:
    """The lifespan of a mounted ASGI application, run as a server would; one that has none is left alone.

    Args:
        foreign: the application; what it puts into its state goes to its requests.
    """

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it up.

        Raises:
            RuntimeError: it said `lifespan.startup.failed`; the message is its own.
        """
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._foreign.state}
        self._task = asyncio.create_task(self._run(scope))
        answer = await self._exchange("lifespan.startup")
        if answer is None:
            self._task = None
        elif answer["type"] == "lifespan.startup.failed":
            raise RuntimeError(answer.get("message") or f"the mounted application {self._foreign.app!r} failed to start")

    async def stop(self) -> None:
        """Shut it down.

        Raises:
            RuntimeError: it said `lifespan.shutdown.failed`; the message is its own.
        """
        if self._task is None:
            return
        answer = await self._exchange("lifespan.shutdown")
        if answer is not None and answer["type"] == "lifespan.shutdown.failed":
            raise RuntimeError(answer.get("message") or f"the mounted application {self._foreign.app!r} failed to stop")

    async def _run(self, scope: Scope) -> None:
        try:
            await self._foreign.app(scope, self._inbox.get, self._outbox.put)
        except Exception as error:
            # ASGI: an application that raises for a lifespan scope has no lifespan.
            log.debug("%r has no lifespan: %r", self._foreign.app, error)

    async def _exchange(self, kind: str) -> Message | None:
        """Say what happens and wait for the answer, or for the end of the application's side: then None."""
        if self._task is None:
            raise WebSocketStateError("the lifespan was not started")
        await self._inbox.put({"type": kind})
        answer = asyncio.ensure_future(self._outbox.get())
        await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        return None
