"""Middleware and interceptors around a route: each is made once for its place, and the scope leads to the next one.

A piece of middleware is given, when it is made, the application inside of it. It stands around many routes, so what it
is given is a signpost: the route that a request is for left in the scope what comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from heaven.callables import name_of
from heaven.serving.missing import Missing
from heaven_contrib.routing.levels.seen import Seen

if TYPE_CHECKING:
    from heaven.declaring.surrounds import Placed
    from heaven.serving.wiring import Runnable
    from heaven.types import ASGIApp, Receive, Scope, Send

MIDDLEWARE: Final = "heaven.middleware"
INTERCEPTORS: Final = "heaven.interceptors"
PARAMS: Final = "path_params"
"""Where middleware and interceptors find the path parameters; they may change them."""


class Step:
    """Lives with the application, one for each place: a piece of middleware, and who answers what it raises.

    Args:
        make: gives the middleware around an application.
        kind: MIDDLEWARE or INTERCEPTORS; the scope has the way of each kind under its name.
        index: how many of its kind are outside of it.
        placed: its level, whose error handlers answer, and those outside of it.
    """

    __slots__ = ("_guard", "_inner", "_kind", "_next")

    def __init__(self, make: Callable[[ASGIApp], ASGIApp], kind: str, index: int, placed: Placed) -> None:
        self._kind = kind
        self._next = index + 1
        self._guard = Missing(placed.site, placed.recovery)
        self._inner = make(self._go_on)

    async def _go_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._kind not in scope:
            raise RuntimeError(
                f"{name_of(self._inner)} went on with a scope of its own; pass on the one it was given, or a copy of it"
            )
        await scope[self._kind][self._next](scope, receive, send)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run it; what it raises is answered, unless an answer has begun."""
        seen = Seen(receive, send)
        try:
            await self._inner(scope, seen.receive, seen.send)
        except Exception as error:
            if seen.started:
                raise
            await self._guard.refuse(error, scope, seen.receive_again, send)


class Way:
    """Lives with the wiring: middleware, then interceptors, then what is inside of them.

    Args:
        middleware: the outermost first.
        interceptors: the outermost first.
        inside: what the innermost leads to.
    """

    __slots__ = ("_interceptors", "_middleware")

    def __init__(self, middleware: Sequence[ASGIApp], interceptors: Sequence[ASGIApp], inside: ASGIApp) -> None:
        self._interceptors: tuple[ASGIApp, ...] = (*interceptors, inside)
        self._middleware: tuple[ASGIApp, ...] = (*middleware, self._interceptors[0])

    async def enter(
        self, scope: Scope, receive: Receive, send: Send, given: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """Go the whole way; what is given is added to the scope."""
        scope = {**scope, **given, MIDDLEWARE: self._middleware, INTERCEPTORS: self._interceptors}
        await self._middleware[0](scope, receive, send)


class OnTheWay(Way):
    """Lives with the wiring, in place of an endpoint that has middleware or interceptors around it."""

    __slots__ = ("_endpoint",)

    def __init__(self, middleware: Sequence[ASGIApp], interceptors: Sequence[ASGIApp], endpoint: Runnable) -> None:
        super().__init__(middleware, interceptors, self._arrive)
        self._endpoint = endpoint

    async def run(self, scope: Scope, receive: Receive, send: Send, params: dict[str, Any]) -> None:
        """Serve one request."""
        await self.enter(scope, receive, send, {PARAMS: params})

    async def _arrive(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint.run(scope, receive, send, scope[PARAMS])
