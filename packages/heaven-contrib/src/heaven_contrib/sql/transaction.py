"""A transaction: statements on one connection, kept together or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from logging import Logger
from typing import Final

from heaven.logs import logger
from heaven_contrib.sql.deadlines import Deadlines
from heaven_contrib.sql.drivers.connection import Connection, Isolation, Result
from heaven_contrib.sql.errors import (
    ConnectionBusy,
    ConnectionLost,
    DatabaseError,
    TransactionOver,
)
from heaven_contrib.sql.queries import Queries, fail, lost, run, stream
from heaven_contrib.sql.statements import Dialect, Statement, Values, prepare, prepare_many

log: Logger = logger("heaven.sql")

ROLLBACK_SECONDS: Final = 2.0
"""How long a rollback may take before it is left to the pool, which closes the connection if it has to."""


class Transaction(Queries):
    """Lives as long as its block: `async with db.transaction() as tx:`, or as long as a request (`db.begin`).

    It is one connection, which does one thing at a time: its statements are awaited one after the other. What is left
    early, by an exception or a cancellation, is rolled back.

    Example:
        >>> from heaven_contrib.sql import Database
        >>> async def example():
        ...     async with Database("sqlite://:memory:") as db:
        ...         async with db.transaction() as tx:
        ...             await tx.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        ...             return await tx.execute("INSERT INTO notes (text) VALUES (:text)", {"text": "hello"})
        >>> asyncio.run(example())
        Done(affected=1, last_id=1)
    """

    __slots__ = (
        "_begun",
        "_busy",
        "_connection",
        "_deadlines",
        "_depth",
        "_dialect",
        "_read_only",
        "_release",
        "_spoiled",
        "_timeout",
    )

    def __init__(
        self,
        connection: Connection,
        release: Callable[[Connection], None],
        dialect: Dialect,
        deadlines: Deadlines,
        timeout: float,
        *,
        read_only: bool,
    ) -> None:
        self._connection: Connection | None = connection
        self._release = release
        self._dialect: Dialect = dialect
        self._deadlines = deadlines
        self._timeout = timeout
        self._read_only = read_only
        self._begun = False
        self._busy = False
        self._depth = 0
        self._spoiled = False
        """What was to be undone was not, so that nothing may be kept."""

    def __repr__(self) -> str:
        return f"<Transaction {'open' if self._connection else 'over'}>"

    @property
    def dialect(self) -> Dialect:
        """What the database speaks: "sqlite" or "mysql"."""
        return self._dialect

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> AsyncGenerator[Transaction]:
        """A part of this transaction that can be undone by itself: a savepoint.

        Args:
            isolation: has to be None: it is that of the transaction around.
            read_only: has to be False, for the same reason.

        Raises:
            ValueError: one of them is something else.
        """
        if isolation is not None or read_only:
            raise ValueError("isolation and read_only are said where the outermost transaction begins")
        self._depth += 1
        name = f"heaven_{self._depth}"
        await self._control(f"SAVEPOINT {name}")
        try:
            yield self
        except BaseException:
            await self._undo(name)
            raise
        else:
            await self._control(f"RELEASE SAVEPOINT {name}")
        finally:
            self._depth -= 1

    async def begin(self, isolation: Isolation | None) -> None:
        """Begin it; who made it calls this, and `end` later. A transaction that can't begin has ended."""
        connection = self._open()
        try:
            with self._deadlines.within(self._timeout):
                await connection.begin(isolation, read_only=self._read_only)
        except BaseException as error:
            self._over(connection)
            if isinstance(error, TimeoutError):
                fail(error, self._timeout, changed=False)
            raise
        self._begun = True

    async def end(self, *, keep: bool) -> None:
        """Commit it, or roll it back, and give its connection back; who made it calls this.

        Args:
            keep: commit.

        Raises:
            LostOutcome: the answer to COMMIT was lost: it may have been kept, or not. It was not repeated.
            TransactionOver: there is nothing to commit, since the database has ended it.
        """
        connection = self._connection
        if connection is None:
            return
        kept = False
        try:
            if keep:
                await self._commit(self._open())
                kept = True
        finally:
            try:
                if not kept:
                    await self._undo()
            finally:
                self._over(connection)

    async def _commit(self, connection: Connection) -> None:
        try:
            with self._deadlines.within(self._timeout):
                await connection.commit()
        except (TimeoutError, ConnectionLost) as error:
            if self._read_only:
                fail(error, self._timeout, changed=False)
            raise lost("The answer to COMMIT was lost; it is not known whether the changes were kept.") from error

    def _over(self, connection: Connection) -> None:
        self._connection = None
        self._release(connection)

    async def _undo(self, savepoint: str = "") -> None:
        """Roll back, all or to a savepoint; what does not roll back in time is left to the pool, all of it."""
        connection = self._connection
        # A connection that broke is rolled back by the database, as is what a deadlock has ended.
        if connection is None or not connection.usable or (savepoint and not connection.in_transaction):
            return
        self._spoiled = True
        try:
            async with asyncio.timeout(ROLLBACK_SECONDS):
                await (connection.query(f"ROLLBACK TO SAVEPOINT {savepoint}") if savepoint else connection.rollback())
            self._spoiled = False
        except (TimeoutError, DatabaseError) as error:
            log.warning("a rollback failed, and is left to the pool: %s", type(error).__name__)

    async def _control(self, sql: str) -> None:
        await self._on_connection(Statement(sql, (), taints=False, reads=True), [], None)

    async def _run(self, sql: str, values: Values | None, timeout: float | None) -> Result:
        return await self._on_connection(*prepare(sql, values, self._dialect), timeout)

    async def _on_connection(self, statement: Statement, values: Sequence[object], timeout: float | None) -> Result:
        with self._alone() as connection:
            deadline = self._deadlines.within(self._timeout if timeout is None else timeout)
            return await run(connection, statement, connection.query(statement.sql, values), deadline, alone=False)

    async def _run_many(self, sql: str, rows: Sequence[Values], timeout: float | None) -> Result:
        statement, values = prepare_many(sql, rows, self._dialect)
        with self._alone() as connection:
            deadline = self._deadlines.within(self._timeout if timeout is None else timeout)
            return await run(connection, statement, connection.query_many(statement.sql, values), deadline, alone=False)

    async def _batches(self, sql: str, values: Values | None, timeout: float | None) -> AsyncGenerator[Result, None]:
        statement, ordered = prepare(sql, values, self._dialect)
        with self._alone() as connection:
            async with aclosing(
                stream(connection, statement, ordered, self._timeout if timeout is None else timeout, alone=False)
            ) as batches:
                async for batch in batches:
                    yield batch

    @contextmanager
    def _alone(self) -> Generator[Connection]:
        connection = self._open()
        self._busy = True
        try:
            yield connection
        finally:
            self._busy = False

    def _open(self) -> Connection:
        connection = self._connection
        if connection is None:
            raise TransactionOver("this transaction has ended; what comes later needs the database, or another one")
        if self._busy:
            raise ConnectionBusy(
                "a transaction was given a statement while another one runs on it, or while its rows are read; "
                "await one after the other, or use the database where they need not belong together"
            )
        if self._begun and not connection.usable:
            raise ConnectionLost("The connection broke that a transaction was on; its changes are undone.")
        if self._spoiled:
            raise TransactionOver("a part of this transaction could not be undone, so that none of it can be kept")
        if self._begun and not connection.in_transaction:
            raise TransactionOver(
                "the database has ended this transaction: after a deadlock, or because a statement commits by itself, "
                "as CREATE TABLE does in MySQL; nothing more is run on it"
            )
        return connection
