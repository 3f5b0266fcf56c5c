"""What answers where no route matched, with what was declared around it: middleware sees those requests as well."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heaven.serving.missing import Missing
    from heaven.types import ASGIApp, Receive, Scope, Send

_ANSWER: Final = "heaven.missing"


class Sheltered:
    """Lives with the wiring, in place of the `Missing` inside of it.

    Args:
        missing: what answers.
        enter: what is called first; it leads to `answer_inside`.
    """

    __slots__ = ("_enter", "_missing")

    def __init__(self, missing: Missing, enter: ASGIApp) -> None:
        self._missing = missing
        self._enter = enter

    @property
    def leads_to(self) -> str | None:
        """Where the fallback was said, if there is one."""
        return self._missing.leads_to

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404."""
        await self._enter({**scope, _ANSWER: self._missing.not_found}, receive, send)

    async def not_allowed(self, methods: Sequence[str], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS, and 405."""
        await self._enter({**scope, _ANSWER: partial(self._missing.not_allowed, methods)}, receive, send)

    async def redirect(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the client to the path with its slash put right."""
        await self._enter({**scope, _ANSWER: partial(self._missing.redirect, path)}, receive, send)

    async def refuse(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with an error."""
        await self._enter({**scope, _ANSWER: partial(self._missing.refuse, error)}, receive, send)


async def answer_inside(scope: Scope, receive: Receive, send: Send) -> None:
    """Go on with the answer that a request was sheltered for."""
    scope = {**scope}
    await scope.pop(_ANSWER)(scope, receive, send)
