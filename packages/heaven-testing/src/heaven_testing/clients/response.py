"""The response, with what the application did for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from heaven_testing import library

if TYPE_CHECKING:
    from heaven import Context, Request
    from heaven_testing.tracing import Trace

PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
"""The reason phrases that servers send, uvicorn for one (RFC 9110 15)."""
TRACE = "heaven.trace"
"""Under which name a response carries its trace (in its `extensions`)."""


class Response(library.Response):
    """The HTTP client library's response, and what of the application ran to make it.

    Example:
        >>> import asyncio, heaven
        >>> from heaven_testing import Client
        >>> app = heaven.App()
        >>> async def greet(req, res, ctx):
        ...     ctx.greeted = req.params["name"]
        ...     return "hello"
        >>> _ = app.GET("/hello/:name", greet)
        >>> async def ask():
        ...     async with Client(app) as client:
        ...         response = await client.get("/hello/ada")
        ...         return response.text, response.trace.route, response.ctx.greeted
        >>> asyncio.run(ask())
        ('hello', '/hello/:name', 'ada')
    """

    @property
    def trace(self) -> Trace | None:
        """Which route, hooks and error handlers ran, in order, with times; None where no App of Heaven's is asked."""
        trace: Trace | None = self.extensions.get(TRACE)
        return trace

    @property
    def req(self) -> Request | None:
        """The request as the handler saw it; None where no handler, hook or error handler ran."""
        return self.trace.req if self.trace is not None else None

    @property
    def ctx(self) -> Context | None:
        """The context as the handler left it; None where no handler, hook or error handler ran."""
        return self.trace.ctx if self.trace is not None else None
