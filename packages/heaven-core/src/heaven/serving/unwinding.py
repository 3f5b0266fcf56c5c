"""How every request ends: its errors are answered, its AFTER hooks run, and its cancellation is passed on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from heaven.errors import Abort
from heaven.liveness import is_cancelled
from heaven.logs import logger

if TYPE_CHECKING:
    from logging import Logger

    from heaven.callables import AsyncFunction
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.serving.recovery import Recovery
    from heaven.types import Outcome

log: Logger = logger("heaven.errors")

_OVER: frozenset[Outcome] = frozenset(("disconnected", "cancelled"))
"""Outcomes after which nobody is there to be told anything else."""


async def unwind(
    after: tuple[AsyncFunction, ...], req: Request, res: Response, ctx: Context, recovery: Recovery | None
) -> None:
    """Run every AFTER hook; one that fails, or is cancelled, keeps no other from running.

    Args:
        after: the hooks in order.
        req: the request, or the handshake of a WebSocket.
        res: its response; the outcome tells each hook what became of the request, and of the hooks before it.
        ctx: its context.
        recovery: what answers the error of a hook; None where nothing can be answered any more, and it is logged.

    Raises:
        CancelledError: the request was cancelled inside a hook; all others ran.
    """
    over = res.outcome if res.outcome in _OVER else None
    cancelled: asyncio.CancelledError | None = None
    for hook in after:
        try:
            try:
                await hook(req, res, ctx)
            except Abort:
                res.outcome = over or "aborted"
            except (Exception, asyncio.CancelledError) as error:
                failure = failure_of(error)
                if recovery is not None:
                    await answer(failure, recovery, req, res, ctx, late=True)
                else:
                    log.exception("an AFTER hook of WebSocket %r failed", req.scope["path"], exc_info=failure)
                    res.outcome = "failed"
                res.outcome = over or res.outcome
        except asyncio.CancelledError as error:
            res.outcome = over = "cancelled"
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def answer(
    error: Exception | asyncio.CancelledError,
    recovery: Recovery,
    req: Request,
    res: Response,
    ctx: Context,
    *,
    late: bool = False,
) -> None:
    """Have an error answered; arguments and outcome are those of `Recovery.answer`.

    Raises:
        CancelledError: the request is cancelled, before or while its error is answered.
    """
    try:
        await recovery.answer(failure_of(error), req, res, ctx, late=late)
    except asyncio.CancelledError as stray:
        # The error handler itself waited for something that was cancelled; asked again, it would do so again.
        failure = failure_of(stray)
        log.exception("the error handler failed on %s", type(error).__name__, exc_info=failure)
        res.restart(late=late)
        res.out(500).outcome = "failed"


def failure_of(error: Exception | asyncio.CancelledError) -> Exception:
    """The error as one that can be answered.

    What waits for a task that somebody cancelled gets that task's CancelledError, which no error handler knows and
    which says nothing about the request; so it is the cause of one that does.

    Raises:
        CancelledError: the error is that the running task is cancelled, and there is nobody to be answered.
    """
    if isinstance(error, Exception):
        return error
    if is_cancelled(error):
        raise error
    failure = RuntimeError("something that was waited for was cancelled; the request was not")
    failure.__cause__ = error
    return failure
