"""One WebSocket route, ready to run: hooks before the handshake, the handler, and a close code for every end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from heaven.errors import Abort, HTTPError, WebSocketDisconnected
from heaven.logs import logger
from heaven.messages.context import Context
from heaven.messages.request import Request
from heaven.messages.response import Response, messages
from heaven.messages.websocket import GOING_AWAY, WebSocket
from heaven.serving.unwinding import answer, failure_of, unwind

if TYPE_CHECKING:
    from logging import Logger
    from types import TracebackType

    from heaven.callables import AsyncFunction
    from heaven.liveness import Stopping
    from heaven.messages.site import Site
    from heaven.serving.recovery import Recovery
    from heaven.types import Receive, Scope, Send

log: Logger = logger("heaven.errors")

GRACE = 1.0
"""Seconds that a handler has to end by itself when the server stops, once its connection was closed."""


class SocketEndpoint:
    """Lives with the wiring: runs every connection of one WebSocket route.

    Args:
        site: what the connections share.
        handler: the awaitable form of `async def handler(req, ws, ctx)`.
        before: BEFORE hooks in order; they run before the handshake is accepted, and what they abort is refused.
        after: AFTER hooks in order; they run once the connection has ended.
        recovery: what answers errors before the handshake is accepted.
        origins: the Origins whose pages may connect, or None for all; clients that are no browsers send none.
    """

    __slots__ = ("_after", "_before", "_handler", "_origins", "_recovery", "_site")

    def __init__(
        self,
        site: Site,
        handler: AsyncFunction,
        *,
        before: tuple[AsyncFunction, ...] = (),
        after: tuple[AsyncFunction, ...] = (),
        recovery: Recovery,
        origins: frozenset[str] | None = None,
    ) -> None:
        self._site = site
        self._handler = handler
        self._before = before
        self._after = after
        self._recovery = recovery
        self._origins = origins

    async def run(self, scope: Scope, receive: Receive, send: Send, params: dict[str, Any]) -> None:
        """Serve one connection, from its handshake to its end."""
        req = Request(scope, receive, self._site, params)
        ws = WebSocket(scope, receive, send)
        res = Response()
        ctx = Context()
        after: tuple[AsyncFunction, ...] = ()
        try:
            try:
                self._check_origin(req)
                after = self._after
                for hook in self._before:
                    await hook(req, res, ctx)
                if self._site.hints:
                    _ = req.queries
                async with _UntilStopped(ws, self._site.stopping):
                    await self._handler(req, ws, ctx)
            except WebSocketDisconnected:
                res.outcome = "disconnected"
            except Abort:
                res.outcome = "aborted"
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 (it is answered, or logged)
                if _only_left(error):
                    res.outcome = "disconnected"
                else:
                    await self._fail(failure_of(error), req, ws, res, ctx)
            await self._end(ws, req, res)
        except asyncio.CancelledError:
            res.outcome = "cancelled"
            raise
        finally:
            await unwind(after, req, res, ctx, None)

    def _check_origin(self, req: Request) -> None:
        """Refuse pages of other sites, which a browser lets connect with this site's cookies (RFC 6455 10.2)."""
        if self._origins is None or "*" in self._origins:
            return
        origin = req.headers.get("origin")
        if origin is not None and origin.lower() not in self._origins:
            raise HTTPError(403, "Pages of this origin may not connect.")

    async def _fail(self, error: Exception, req: Request, ws: WebSocket, res: Response, ctx: Context) -> None:
        if ws.accepted:
            res.outcome = "failed"
            log.error("WebSocket %r failed", req.scope["path"], exc_info=error)
        else:
            await answer(error, self._recovery, req, res, ctx)

    async def _end(self, ws: WebSocket, req: Request, res: Response) -> None:
        """Leave no connection without an end: what was not accepted is refused, what is open is closed."""
        try:
            if not ws.accepted:
                if not ws.closed and res.outcome != "disconnected":
                    await self._deny(ws, req, res)
            elif not ws.closed:
                await ws.close(1011 if res.outcome == "failed" else 1000)
        except (OSError, WebSocketDisconnected):
            res.outcome = "disconnected"

    async def _deny(self, ws: WebSocket, req: Request, res: Response) -> None:
        if res.outcome == "ok":
            res.out(403, None)  # the handler returned without a word
        try:
            start, content = messages(res)
        except Exception:
            log.exception("the refusal of WebSocket %r can't be sent", req.scope["path"])
            res.restart()
            start, content = messages(res.out(500))
        await ws.deny(start["status"], content["body"], headers=start["headers"])


def _only_left(error: BaseException) -> bool:
    """Whether a group, as a TaskGroup raises it, says nothing but that the client left."""
    if not isinstance(error, BaseExceptionGroup):
        return False
    group = cast("BaseExceptionGroup[BaseException]", error)
    return group.split(WebSocketDisconnected)[1] is None


class _UntilStopped:
    """Runs a handler until the server stops: then its connection is closed, and what runs on is cancelled after GRACE.

    Not every server closes WebSockets when it stops, and some wait for them for ever.
    """

    __slots__ = ("_closing", "_deadline", "_stopping", "_ws")

    def __init__(self, ws: WebSocket, stopping: Stopping) -> None:
        self._ws = ws
        self._stopping = stopping
        self._deadline = asyncio.timeout(None)
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        await self._deadline.__aenter__()
        self._stopping.held += 1
        self._stopping.add(self._stop)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.held -= 1
        self._stopping.discard(self._stop)
        try:
            await self._deadline.__aexit__(kind, error, trace)
        except TimeoutError:
            if self._ws.state == "connecting":
                raise HTTPError(503, "The server is stopping.") from None
            raise WebSocketDisconnected(GOING_AWAY) from None
        finally:
            if self._closing is not None:
                self._closing.cancel()
                await asyncio.wait((self._closing,))

    def _stop(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline.reschedule(loop.time() + GRACE)
        self._closing = loop.create_task(self._ws.go_away())
