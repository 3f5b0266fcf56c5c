"""What generators that requests were given values by have left to do: it is done once the response was sent."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

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
        """Serve one request, then let its generators go on to their ends; one that fails is logged."""
        exits = AsyncExitStack()
        try:
            await self._endpoint.run({**scope, EXITS: exits}, receive, send, params)
        finally:
            try:
                await exits.aclose()
            except Exception:
                log.exception("a dependency of %r failed after the response", scope["path"])
