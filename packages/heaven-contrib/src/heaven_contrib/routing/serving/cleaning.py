"""What generators that requests were given values by have left to do: it is done once the response was sent."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from heaven.liveness import is_cancelled
from heaven.logs import logger
from heaven.messages.response import Response

if TYPE_CHECKING:
    from logging import Logger

    from heaven.callables import AsyncFunction
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.websocket import WebSocket
    from heaven.serving.wiring import Runnable
    from heaven.types import Outcome, Receive, Scope, Send

log: Logger = logger("heaven.errors")

EXITS: Final = "heaven.exits"
"""Where the request's Exits are in the scope."""

_FAILED: frozenset[Outcome] = frozenset(("failed", "rejected", "timeout"))


class Exits(AsyncExitStack):
    """The generators of one request; `response` is what its handler returned with, None until it did."""

    response: Response | None = None


def cleaned(call: AsyncFunction) -> AsyncFunction:
    """A call some of whose dependencies are generators: what is raised in it is thrown in where they wait, at once.

    Args:
        call: of the handler, with what levels declare around it: an `after_request` that fails counts as well.
    """

    async def call_and_clean(req: Request, message: Response | WebSocket, ctx: Context) -> None:
        exits: Exits = req.scope[EXITS]
        try:
            await call(req, message, ctx)
        except BaseException as error:
            await exits.__aexit__(type(error), error, error.__traceback__)
            raise
        if isinstance(message, Response):
            exits.response = message

    return call_and_clean


class Cleaning:
    """Lives with the wiring, around an endpoint some of whose dependencies are generators."""

    __slots__ = ("_endpoint",)

    def __init__(self, endpoint: Runnable) -> None:
        self._endpoint = endpoint

    async def run(self, scope: Scope, receive: Receive, send: Send, params: dict[str, Any]) -> None:
        """Serve one request, then let its generators go on to their ends; one that fails is logged.

        What ends a response that has begun, an error in its stream or a cancellation, they get at their yields; so do
        they learn that an error was sent in place of what the handler returned, as where that could not be written.
        """
        exits = Exits()
        try:
            await self._endpoint.run({**scope, EXITS: exits}, receive, send, params)
        except BaseException as error:
            await self._leave(exits, scope, error)
            raise
        failed = exits.response is not None and exits.response.outcome in _FAILED
        await self._leave(exits, scope, RuntimeError("an error was sent in place of the response") if failed else None)

    async def _leave(self, exits: Exits, scope: Scope, error: BaseException | None) -> None:
        details = (None, None, None) if error is None else (type(error), error, error.__traceback__)
        try:
            await exits.__aexit__(*details)
        except (Exception, asyncio.CancelledError) as raised:
            if is_cancelled(raised):
                raise
            log.exception("a dependency of %r failed after the response", scope["path"])
