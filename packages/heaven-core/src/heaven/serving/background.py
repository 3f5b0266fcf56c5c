"""What a handler deferred: called after its response was sent, each on its own account."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

from heaven.errors import BackgroundError
from heaven.liveness import is_cancelled

if TYPE_CHECKING:
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.serving.recovery import Recovery


async def run_deferred(req: Request, res: Response, ctx: Context, recovery: Recovery) -> None:
    """Call every deferred function in order; one that fails is reported, and the next one runs."""
    for function, args, kwargs in res.take_deferred():
        try:
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                await result
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled(error):
                raise
            failure = BackgroundError(function)
            failure.__cause__ = error
            await recovery.report(failure, req, res, ctx)
