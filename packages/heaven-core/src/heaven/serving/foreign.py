"""Other ASGI applications under a prefix: their requests, WebSockets and lifespans."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from heaven.errors import ClientDisconnected
from heaven.http.urls import path_below_root
from heaven.logs import logger

if TYPE_CHECKING:
    from logging import Logger

    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.messages.websocket import WebSocket
    from heaven.types import ASGIApp, Message, Scope, Send

# What may stand in a response more than once (RFC 9110 5.3), so that what hooks set stands beside it.
_REPEATABLE = frozenset((b"set-cookie", b"vary", b"link", b"cache-control", b"www-authenticate"))

log: Logger = logger("heaven.lifespan")

GRACE = 1.0
"""Seconds that a mounted application gets to return after its last word about its lifespan."""


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
        path = path_below_root(scope)
        rest: str = req.params.get("*", "")
        root: str = (scope.get("root_path") or "").rstrip("/")
        prefix = path.removesuffix(rest).rstrip("/")
        return {**scope, "root_path": root + prefix, "state": {**scope.get("state", {}), **self.state}}


class _Handover:
    """A body that lets the foreign application answer; header fields that hooks set are added to its own."""

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign

    async def deliver(self, req: Request, res: Response, send: Send) -> None:
        added = list(res.headers.raw)
        replaced = {name for name, _ in added} - _REPEATABLE
        lost: list[OSError] = []

        async def stamped(message: Message) -> None:
            if added and message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in replaced]
                message = {**message, "headers": [*kept, *added]}
            try:
                await send(message)
            except OSError as error:
                lost.append(error)
                raise

        try:
            await self._foreign.app(self._foreign.scope(req), req.receive, stamped)
        except OSError as error:
            if error in lost:
                raise ClientDisconnected("the client left before its response was sent") from error
            raise


class ForeignLifespan:
    """Lives as long as the lifespan of a mounted ASGI application, which it runs as a server would.

    An application that has no lifespan is left alone.

    Args:
        foreign: the application; what it puts into its state goes to its requests.
    """

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it up.

        Raises:
            RuntimeError: it said `lifespan.startup.failed`; the message is its own.
        """
        self._foreign.state.clear()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._foreign.state}
        task = self._task = asyncio.create_task(self._run(scope))
        answer = await self._exchange(task, "lifespan.startup")
        if answer is not None and answer["type"] == "lifespan.startup.failed":
            await self._end(task)
            raise RuntimeError(answer.get("message") or f"the mounted {self._foreign.app!r} failed to start")

    async def stop(self) -> None:
        """Shut it down, unless it ended before.

        Raises:
            RuntimeError: it said `lifespan.shutdown.failed`; the message is its own.
        """
        task = self._task
        if task is None or task.done():
            return
        answer = await self._exchange(task, "lifespan.shutdown")
        await self._end(task)
        if answer is not None and answer["type"] == "lifespan.shutdown.failed":
            raise RuntimeError(answer.get("message") or f"the mounted {self._foreign.app!r} failed to stop")

    async def _run(self, scope: Scope) -> None:
        try:
            await self._foreign.app(scope, self._inbox.get, self._outbox.put)
        except Exception as error:  # noqa: BLE001
            # ASGI: an application that raises for a lifespan scope has no lifespan.
            log.debug("%r has no lifespan: %r", self._foreign.app, error)

    async def _exchange(self, task: asyncio.Task[None], kind: str) -> Message | None:
        """Say what happens and wait for the answer, or for the end of the application's side: then None."""
        await self._inbox.put({"type": kind})
        answer = asyncio.ensure_future(self._outbox.get())
        await asyncio.wait((answer, task), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        return None

    async def _end(self, task: asyncio.Task[None]) -> None:
        """After its last word the application's side has to end; what does not is cancelled."""
        await asyncio.wait((task,), timeout=GRACE)
        task.cancel()
