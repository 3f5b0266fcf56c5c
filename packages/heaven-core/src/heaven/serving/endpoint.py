"""One route, ready to run: hooks, handler, limits, and what becomes of errors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from heaven.errors import Abort, BadRequest, ClientDisconnected, ValidationError
from heaven.liveness import WhileConnected
from heaven.logs import logger
from heaven.messages.context import Context
from heaven.messages.receiving import BODY_METHODS, refuse_length
from heaven.messages.request import Request
from heaven.messages.response import WHOLE, Response, deliverable, is_whole, messages
from heaven.serving.background import run_deferred
from heaven.serving.recovery import DeadlineExceeded
from heaven.serving.unwinding import answer, failure_of, unwind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Mapping
    from logging import Logger

    from heaven.callables import AsyncFunction
    from heaven.messages.site import Site
    from heaven.serving.recovery import Recovery
    from heaven.types import Message, Receive, Scope, Send

log: Logger = logger("heaven.errors")

_LENGTH, _CODING = 2, 8
_HAS_BODY = _LENGTH | _CODING
# The fields that say where a message ends or whom it is for; given twice, two readers may understand it differently.
_SINGLE = {
    spelling: bit
    for name, bit in ((b"host", 1), (b"content-length", _LENGTH), (b"content-type", 4), (b"transfer-encoding", _CODING))
    for spelling in (name, name.capitalize(), name.title(), name.upper())
}


class Endpoint:
    """Lives with the wiring: runs every request of one route and method.

    Args:
        site: what the requests share.
        handler: the awaitable form of the handler.
        before: BEFORE hooks in order.
        after: AFTER hooks in order.
        recovery: what answers errors.
        method: the method it is registered for.
        timeout: seconds for the body to arrive, and again for BEFORE hooks and the handler together.
        cancel_on_disconnect: stop the handler when the client leaves.
    """

    __slots__ = ("_guard", "_head", "_takes_body", "_validates", "after", "before", "handler", "recovery", "site")

    def __init__(
        self,
        site: Site,
        handler: AsyncFunction,
        *,
        before: tuple[AsyncFunction, ...] = (),
        after: tuple[AsyncFunction, ...] = (),
        recovery: Recovery,
        method: str,
        timeout: float | None = None,
        cancel_on_disconnect: bool = False,
    ) -> None:
        self.site: Site = site
        self.handler: AsyncFunction = handler
        self.before: tuple[AsyncFunction, ...] = before
        self.after: tuple[AsyncFunction, ...] = after
        self.recovery: Recovery = recovery
        self._head = method == "HEAD"
        self._takes_body = method in BODY_METHODS
        self._validates = site.expected is not None or bool(site.hints)
        self._guard = _Guard(timeout, cancel_on_disconnect) if timeout is not None or cancel_on_disconnect else None

    # Long on purpose: PERF: what is written out here would cost a frame for each piece, a fifth of a static JSON route.
    async def run(  # noqa: C901, PLR0912, PLR0915
        self, scope: Scope, receive: Receive, send: Send, params: dict[str, Any]
    ) -> None:
        """Serve one request, from its first byte to what was deferred."""
        req = Request(scope, receive, self.site, params)
        res = Response()
        ctx = Context()
        after: tuple[AsyncFunction, ...] = ()
        try:
            try:
                seen = 0
                length: bytes | None = None
                for pair in scope["headers"]:
                    if pair[0] in _SINGLE:
                        bit = _SINGLE[pair[0]]
                        if seen & bit:
                            raise BadRequest(f"The request has more than one {pair[0].decode().title()}.")
                        seen |= bit
                        if bit == _LENGTH:
                            length = pair[1]
                if self._takes_body or seen & _HAS_BODY:
                    if seen & _HAS_BODY == _HAS_BODY:
                        raise BadRequest("The request has both a Content-Length and a Transfer-Encoding.")
                    if length is not None:
                        refuse_length(length, self.site.max_body_size)
                    if length != b"0" and not self.site.streams:
                        reading = req.read(self.site.max_body_size)
                        await (reading if self._guard is None else self._guard.by_deadline(reading))
                after = self.after
                if self._guard is None:
                    # PERF: produce, written out: one frame less, -4% on static JSON.
                    for hook in self.before:
                        await hook(req, res, ctx)
                    if self._validates:
                        self._validate(req)
                    result = await self.handler(req, res, ctx)
                    if result is not None and result is not res:
                        res.body = result
                else:
                    await self._guard.hold(req, self.produce(req, res, ctx))
            except Abort:
                res.outcome = "aborted"
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 (it is answered)
                await answer(error, self.recovery, req, res, ctx)
            if after:
                unwinding, after = after, ()
                await unwind(unwinding, req, res, ctx, self.recovery)
            # PERF: _send for the bodies that nearly all responses have, written out: three frames less, -20% on
            # static JSON.
            whole: tuple[Message, Message] | None = None
            kind = res.body.__class__
            if (kind in WHOLE or is_whole(kind)) and res.outcome != "disconnected":
                try:
                    whole = messages(res, head=self._head)
                except Exception as error:  # noqa: BLE001 (it is answered)
                    await answer(error, self.recovery, req, res, ctx, late=True)
            if whole is None:
                await self._send(req, res, ctx, send)
            else:
                try:
                    await send(whole[0])
                    await send(whole[1])
                except OSError:
                    res.outcome = "disconnected"
            if res.deferred is not None:
                await run_deferred(req, res, ctx, self.recovery)
        except asyncio.CancelledError:
            res.outcome = "cancelled"
            await unwind(after, req, res, ctx, self.recovery)
            raise
        finally:
            if req.watch is not None:
                await req.release()

    async def produce(self, req: Request, res: Response, ctx: Context) -> None:
        """Run BEFORE hooks and handler, and have what the handler returns for the body; errors are the caller's."""
        for hook in self.before:
            await hook(req, res, ctx)
        if self._validates:
            self._validate(req)
        result = await self.handler(req, res, ctx)
        if result is not None and result is not res:
            res.body = result

    def _validate(self, req: Request) -> None:
        """Convert what the route declares, so that a handler meets only what is valid; all errors are told at once."""
        errors: list[Mapping[str, Any]] = []
        if self.site.hints:
            try:
                _ = req.queries
            except ValidationError as error:
                errors += error.errors
        if self.site.expected is not None:
            try:
                _ = req.data
            except ValidationError as error:
                if not errors:
                    raise
                errors += error.errors
        if errors:
            raise ValidationError(errors)

    async def _send(self, req: Request, res: Response, ctx: Context, send: Send) -> None:
        tracked = _Tracked(send)
        if await req.release():
            res.outcome = "disconnected"
        try:
            # What answers an error may fail as well, a page for 404 that is missing itself: then that is answered,
            # and at last there is an empty 500.
            for _ in range(3):
                if res.outcome == "disconnected":
                    return
                error = await self._attempt(req, res, tracked)
                if error is None:
                    return
                await answer(error, self.recovery, req, res, ctx, late=True)
            res.restart()
            await self._attempt(req, res.out(500), tracked)
        except ClientDisconnected:
            res.outcome = "disconnected"

    async def _attempt(self, req: Request, res: Response, send: _Tracked) -> Exception | None:
        """Send the response; give back the error that shows before anything has left."""
        try:
            body = deliverable(res.body)
            if body is not None:
                await body.deliver(req, res, send)
            else:
                await _send_whole(res, send, head=self._head)
        except ClientDisconnected:
            raise
        except (Exception, asyncio.CancelledError) as error:
            failure = failure_of(error)
            if not send.started:
                return failure
            log.exception("%s %r failed after its response had begun", req.method, req.scope["path"], exc_info=failure)
            raise failure  # noqa: B904 (it is the error itself, or has it as its cause)
        return None


async def _send_whole(res: Response, send: Send, *, head: bool) -> None:
    start, content = messages(res, head=head)
    try:
        await send(start)
        await send(content)
    except OSError as error:
        raise ClientDisconnected("the client left before its response was sent") from error


class _Tracked:
    """The server's send, and whether it was used. `direct` is the send itself, for those who have used it once."""

    __slots__ = ("direct", "started")

    def __init__(self, send: Send) -> None:
        self.direct = send
        self.started = False

    def __call__(self, message: Message) -> Awaitable[None]:
        self.started = True
        return self.direct(message)


class _Guard:
    """What stops a handler from outside: its deadline, or that the client left."""

    __slots__ = ("_cancel_on_disconnect", "_timeout")

    def __init__(self, timeout: float | None, cancel_on_disconnect: bool) -> None:
        self._timeout = timeout
        self._cancel_on_disconnect = cancel_on_disconnect

    async def hold(self, req: Request, work: Coroutine[Any, Any, None]) -> None:
        """Wait for the work as long as there is time, and somebody to have its result."""
        if not self._cancel_on_disconnect:
            await self.by_deadline(work)
            return
        async with WhileConnected(req.receive, delay=0):
            await self.by_deadline(work)

    async def by_deadline(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for the work until the deadline; raise DeadlineExceeded then, and nothing else's TimeoutError."""
        deadline = asyncio.timeout(self._timeout)
        try:
            async with deadline:
                await work
        except TimeoutError:
            if self._timeout is None or not deadline.expired():
                raise
            raise DeadlineExceeded(self._timeout) from None
