"""One transaction for each request: begun before its handler, committed before its response is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from heaven import Context, Key, Request, Response
from heaven_contrib.sql.transaction import Transaction

TRANSACTION: Final[Key[Transaction]] = Key("transaction")


class RequestTransaction:
    """A hook for both ways, `db.begin`: `app.BEFORE("/orders/*", db.begin)`.

    The handler finds the request's transaction with `ctx.peek(TRANSACTION)`. It is committed when the handler and the
    hooks inside have gone well, before the response is sent, so that no response tells of what was not kept: a
    commit that fails is a 500. It is rolled back after `res.abort`, after an exception, a timeout or a
    cancellation (as by `cancel_on_disconnect`, when the client leaves), and where the response is an error (a status
    from 400 on). WebSockets get none: theirs would stay open as long as they do.

    A body that is streamed is made after the commit, so it can't use the transaction.

    Args:
        begin: makes a transaction.
        key: what the context keeps it under; `TRANSACTION`, or for a database under another key, its name and
            `_transaction`.
    """

    __slots__ = ("_begin", "key")

    def __init__(self, begin: Callable[[], Awaitable[Transaction]], key: Key[Transaction]) -> None:
        self._begin = begin
        self.key: Final[Key[Transaction]] = key

    async def __call__(self, req: Request, res: Response, ctx: Context) -> None:  # noqa: ARG002 - a hook has them
        """Begin; the BEFORE hook."""
        if req.scope["type"] == "http":
            ctx.keep(self.key, await self._begin())

    async def after(self, req: Request, res: Response, ctx: Context) -> None:  # noqa: ARG002 - a hook has them
        """Commit or roll back; the AFTER hook."""
        tx = ctx.unkeep(self.key, None)
        if tx is not None:
            await tx.end(keep=res.outcome == "ok" and res.status < 400)
