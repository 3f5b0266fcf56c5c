"""What the core calls for a route with levels around it: permissions, hooks, arguments, handler, answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from heaven.messages.response import Response
from heaven_contrib.routing.responding.overlay import underlay, without
from heaven_contrib.routing.responding.responder import apply
from heaven_contrib.routing.serving.cleaning import EXITS

if TYPE_CHECKING:
    from heaven.callables import AsyncFunction
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.websocket import WebSocket
    from heaven.types import Deliverable, Message, Send
    from heaven_contrib.routing.dependencies.plan import Read
    from heaven_contrib.routing.dependencies.resolution import Resolve
    from heaven_contrib.routing.levels.permissions import Check

Before: TypeAlias = "Callable[[Request], Awaitable[Any]]"
After: TypeAlias = "Callable[[Request, Response], Awaitable[None]]"
Respond: TypeAlias = Callable[[Any, Response], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Around:
    """What runs before and after a handler: of all levels, the outermost first (`after`: the innermost)."""

    check: Check | None = None
    before: Sequence[Before] = ()
    after: Sequence[After] = ()

    def __bool__(self) -> bool:
        return bool(self.check or self.before or self.after)


def simple(function: AsyncFunction, read: Read | None, respond: Respond) -> AsyncFunction:
    """The call of a handler that nothing is around, and that has no dependencies.

    Args:
        function: the handler, in its awaitable form.
        read: gives its arguments; None where it has none.
        respond: what becomes of its value.
    """
    if read is None:

        async def call_plainly(_req: Request, res: Response, _ctx: Context) -> None:
            respond(await function(), res)

        return call_plainly

    async def call(req: Request, res: Response, ctx: Context) -> None:
        respond(await function(**read(req, ctx, None)), res)

    return call


def resolved(function: AsyncFunction, resolve: Resolve, respond: Respond) -> AsyncFunction:
    """The call of a handler some of whose dependencies are generators.

    Args:
        function: the handler, in its awaitable form.
        resolve: gives its arguments.
        respond: what becomes of its value.
    """

    async def call_resolved(req: Request, res: Response, ctx: Context) -> None:
        respond(await function(**await resolve(req, ctx, None, req.scope[EXITS])), res)

    return call_resolved


def underlaid(call: AsyncFunction, fields: Sequence[tuple[bytes, bytes]]) -> AsyncFunction:
    """A call of the core's that adds header fields to what it responds, where it does not set them itself.

    Args:
        call: what the core would call.
        fields: as they go out, cookies among them.
    """

    async def call_and_add(req: Request, res: Response, ctx: Context) -> None:
        answer = await call(req, res, ctx)
        if answer is not None and answer is not res:
            res.body = answer
        underlay(res, fields)

    return call_and_add


def answered(fields: Sequence[tuple[bytes, bytes]]) -> Respond:
    """What a `before_request` that answers in place of a core route, or of another application, responds with.

    Args:
        fields: as they go out, added where the answer does not set them itself.
    """

    def respond(value: Any, res: Response) -> None:
        apply(value, res)
        underlay(res, fields)

    return respond


def completed(call: AsyncFunction, fields: Sequence[tuple[bytes, bytes]]) -> AsyncFunction:
    """A call that hands over to another ASGI application, whose answers get header fields that they do not set.

    Args:
        call: what the core would call.
        fields: as they go out, cookies among them.
    """

    async def call_and_complete(req: Request, res: Response, ctx: Context) -> None:
        await call(req, res, ctx)
        res.body = _Completed(fields, res.body)

    return call_and_complete


class _Completed:
    """The answer of another ASGI application; errors that are sent in its place stay as they are."""

    def __init__(self, fields: Sequence[tuple[bytes, bytes]], answer: Deliverable) -> None:
        self._fields = fields
        self._answer = answer

    async def deliver(self, req: Request, res: Response, send: Send) -> None:
        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower(), value) for name, value in message.get("headers", ())]
                message = {**message, "headers": [*own, *without(self._fields, own)]}
            await send(message)

        await self._answer.deliver(req, res, complete)


def surrounded(call: AsyncFunction, around: Around, respond: Respond = apply) -> AsyncFunction:
    """A call with what levels declare before and after it; itself where there is nothing.

    Args:
        call: what the core would call: of a declared handler, or of any other route.
        around: what is before and after it.
        respond: what becomes of the value with which a `before_request` answers in place of the handler.
    """
    if not around:
        return call
    check, before, after = around.check, tuple(around.before), tuple(around.after)
    if check is not None and not before and not after:
        # PERF: not a coroutine around another one.
        def call_if_allowed(req: Request, res: Response, ctx: Context) -> Awaitable[Any]:
            waiting = check(req)
            return call(req, res, ctx) if waiting is None else call_when_allowed(waiting, req, res, ctx)

        async def call_when_allowed(waiting: Awaitable[None], req: Request, res: Response, ctx: Context) -> Any:
            await waiting
            return await call(req, res, ctx)

        return call_if_allowed

    async def call_between(req: Request, res: Response, ctx: Context) -> None:
        if check is not None and (waiting := check(req)) is not None:
            await waiting
        for hook in before:
            answer = await hook(req)
            if answer is not None:
                respond(answer, res)
                break
        else:
            answer = await call(req, res, ctx)
            if answer is not None and answer is not res:
                res.body = answer
        for after_hook in after:
            await after_hook(req, res)

    return call_between


def connected(function: AsyncFunction, read: Read | None, resolve: Resolve | None) -> AsyncFunction:
    """The call of a WebSocket handler.

    Args:
        function: the handler, in its awaitable form.
        read: gives its arguments.
        resolve: gives them where it has dependencies.
    """
    if resolve is None:

        async def call(req: Request, ws: WebSocket, ctx: Context) -> None:
            await function(**({} if read is None else read(req, ctx, ws)))

        return call

    async def call_resolved(req: Request, ws: WebSocket, ctx: Context) -> None:
        await function(**await resolve(req, ctx, ws, req.scope.get(EXITS)))

    return call_resolved


def connected_between(call: AsyncFunction, around: Around) -> AsyncFunction:
    """A WebSocket's call with what levels declare before it; there is no response that anything could run after.

    Args:
        call: the call of its handler.
        around: what is before it. A value that a `before_request` gives back refuses the handshake with it.
    """
    check, before = around.check, tuple(around.before)
    if check is None and not before:
        return call

    async def call_if_allowed(req: Request, ws: WebSocket, ctx: Context) -> None:
        if check is not None and (waiting := check(req)) is not None:
            await waiting
        for hook in before:
            answer = await hook(req)
            if answer is not None:
                res = Response()
                apply(answer, res)
                await ws.deny(res.status, res.body, headers=res.headers.raw)
                return
        await call(req, ws, ctx)

    return call_if_allowed
