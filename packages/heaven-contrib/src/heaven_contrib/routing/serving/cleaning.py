"""What generators that requests were given values by have left to do: it is done once the response was sent."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from heaven.liveness import is_cancelled
from heaven.logs import logger

if TYPE_CHECKING:
    from logging import Logger

    from heaven.serving.wiring import Runnable
    from heaven.types import Receive, Scope, Send

log: Logger = logger("heaven.errors")

EXITS: Final = "heaven.exits"
"""Where the request's AsyncExitStack is in the scope."""


class Cleaning:
    """Lives with the wiring, around an endpoint some of whose dependencies are generators."""

    __slots__ = ("_endpoint",)

    def __init__(self, endpoint: Runnable) -> None:
        self._endpoint = endpoint

    async def run(self, scope: Scope, receive: Receive, send: Send, params: dict[str, Any]) -> None:
        """Serve one request, then let its generators go on to their ends; one that fails is logged.

        What ends a response that has begun, an error in its stream or a cancellation, they get at their yields.
        """
        exits = AsyncExitStack()
        try:
            await self._endpoint.run({**scope, EXITS: exits}, receive, send, params)
        except BaseException as error:
            await self._leave(exits, scope, error)
            raise
        await self._leave(exits, scope, None)

    async def _leave(self, exits: AsyncExitStack, scope: Scope, error: BaseException | None) -> None:
        details = (None, None, None) if error is None else (type(error), error, error.__traceback__)
        try:
            await exits.__aexit__(*details)
        except (Exception, asyncio.CancelledError) as raised:
            if is_cancelled(raised):
                raise
            log.exception("a dependency of %r failed after the response", scope["path"])
