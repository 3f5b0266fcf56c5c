"""What a database and a transaction have in common: the words that run statements."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from logging import Logger
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from heaven.logs import logger
from heaven_contrib.sql.deadlines import Deadline
from heaven_contrib.sql.drivers.connection import Connection, Isolation, Result
from heaven_contrib.sql.errors import ConnectionLost, LostOutcome, StatementTimeout
from heaven_contrib.sql.rows import as_dicts, as_type
from heaven_contrib.sql.statements import Dialect, Statement, Values

if TYPE_CHECKING:
    from heaven_contrib.sql.transaction import Transaction

log: Logger = logger("heaven.sql")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What a change came to: how many rows it matched, and the id that the database gave to the row it added."""

    affected: int
    last_id: int | None


class Queries(ABC):
    """Runs statements: each on a connection of its own (`Database`), or all on one (`Transaction`).

    A function that is to work inside and outside of a transaction takes `db: Queries`.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """What the database speaks: "sqlite" or "mysql"."""

    @abstractmethod
    async def _run(self, sql: str, values: Values | None, timeout: float | None) -> Result:
        """Run one statement."""

    @abstractmethod
    async def _run_many(self, sql: str, rows: Sequence[Values], timeout: float | None) -> Result:
        """Run one statement for each row of values, all of them or none."""

    @abstractmethod
    def _batches(self, sql: str, values: Values | None, timeout: float | None) -> AsyncGenerator[Result, None]:
        """Run a query, and have its rows as they come."""

    @abstractmethod
    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> AbstractAsyncContextManager[Transaction]:
        """A block whose changes are kept together, or not at all."""

    @overload
    async def fetch_all(
        self, sql: str, values: Values | None = ..., *, into: None = ..., timeout: float | None = ...
    ) -> list[dict[str, Any]]: ...
    @overload
    async def fetch_all(
        self, sql: str, values: Values | None = ..., *, into: type[T], timeout: float | None = ...
    ) -> list[T]: ...
    async def fetch_all(
        self, sql: str, values: Values | None = None, *, into: type[Any] | None = None, timeout: float | None = None
    ) -> list[Any]:
        """All rows of a query.

        Args:
            sql: one statement, with `:name` for values, and `IN (:names)` for lists of them.
            values: what each name stands for.
            into: a Struct, dataclass or TypedDict that each row becomes; without one, rows are dicts.
            timeout: seconds the statement may take, where it isn't what the URL says.

        Raises:
            ConversionError: a row does not fit `into`; the message names the column.
            PoolTimeout: no connection was free in time. It is a 503, as are:
            ConnectionFailed, ConnectionLost, StatementTimeout: the database is not there, or does not answer.
            StatementError, IntegrityError, SerializationFailure: the database refuses.
            TypeError, ValueError: a value is missing, too much, or none that SQL has.

        Example:
            >>> import asyncio
            >>> from heaven_contrib.sql import Database
            >>> async def example():
            ...     async with Database("sqlite://:memory:") as db:
            ...         return await db.fetch_all("SELECT :a AS a UNION SELECT 2", {"a": 1})
            >>> asyncio.run(example())
            [{'a': 1}, {'a': 2}]
        """
        result = await self._run(sql, values, timeout)
        return as_dicts(result) if into is None else as_type(result, into)

    @overload
    async def fetch_one(
        self, sql: str, values: Values | None = ..., *, into: None = ..., timeout: float | None = ...
    ) -> dict[str, Any] | None: ...
    @overload
    async def fetch_one(
        self, sql: str, values: Values | None = ..., *, into: type[T], timeout: float | None = ...
    ) -> T | None: ...
    async def fetch_one(
        self, sql: str, values: Values | None = None, *, into: type[Any] | None = None, timeout: float | None = None
    ) -> Any:
        """The first row of a query, or None where it has none; arguments and errors are those of `fetch_all`."""
        result = await self._run(sql, values, timeout)
        if not result.rows:
            return None
        if into is None:
            return dict(zip(result.columns, result.rows[0]))  # noqa: B905 - PERF: strict doubles its time
        return as_type(Result(result.columns, result.rows[:1]), into)[0]

    async def fetch_value(self, sql: str, values: Values | None = None, *, timeout: float | None = None) -> Any:
        """The first column of the first row, or None where there is no row; see `fetch_all`."""
        result = await self._run(sql, values, timeout)
        return result.rows[0][0] if result.rows else None

    @overload
    def fetch_iter(
        self, sql: str, values: Values | None = ..., *, into: None = ..., timeout: float | None = ...
    ) -> AsyncGenerator[dict[str, Any], None]: ...
    @overload
    def fetch_iter(
        self, sql: str, values: Values | None = ..., *, into: type[T], timeout: float | None = ...
    ) -> AsyncGenerator[T, None]: ...
    async def fetch_iter(
        self, sql: str, values: Values | None = None, *, into: type[Any] | None = None, timeout: float | None = None
    ) -> AsyncGenerator[Any, None]:
        """The rows of a query one by one, as they come from the server; memory holds a few hundred of them.

        It has a connection until its end. Who may leave early closes it:
        `async with aclosing(db.fetch_iter(...)) as rows:`. Arguments and errors are those of `fetch_all`, where
        `timeout` is for each batch of rows that is waited for.
        """
        async with aclosing(self._batches(sql, values, timeout)) as batches:
            async for batch in batches:
                for row in as_dicts(batch) if into is None else as_type(batch, into):
                    yield row

    async def execute(self, sql: str, values: Values | None = None, *, timeout: float | None = None) -> Done:
        """Run a statement that changes something; arguments and errors are those of `fetch_all`, and one more.

        Raises:
            LostOutcome: the connection broke, or the deadline passed, after it was sent: it may have happened. It was
                not repeated.
        """
        result = await self._run(sql, values, timeout)
        return Done(result.affected, result.last_id)

    async def execute_many(self, sql: str, rows: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> int:
        """Run a statement once for each row of values, in as few round trips as the driver can; all or nothing.

        Args:
            sql: one statement, with the same `:name` parameters for every row.
            rows: a mapping for each time; all have the same names. Lists don't expand here.
            timeout: seconds for all of them together.

        Returns:
            How many rows were affected.

        Raises:
            TypeError: the rows are no list of mappings.
        """
        if isinstance(rows, Mapping) or not hasattr(rows, "__getitem__"):
            kind = type(rows).__name__
            raise TypeError(f"rows are a list of mappings, one for each time, and a {kind} was given")
        if not rows:
            return 0
        return (await self._run_many(sql, rows, timeout)).affected


async def run(
    connection: Connection, statement: Statement, answer: Awaitable[Result], deadline: Deadline, *, alone: bool
) -> Result:
    """Wait for what a statement comes to, and say honestly what a failure means.

    Args:
        connection: the connection; nobody else uses it meanwhile.
        statement: what is run.
        answer: `connection.query(...)` or `connection.query_many(...)` of it, not begun yet.
        deadline: when there has to be an answer.
        alone: it is no part of a transaction, so that what it changes is kept at once.
    """
    if statement.taints:
        connection.tainted = True
    try:
        with deadline:
            return await answer
    except (TimeoutError, ConnectionLost) as error:
        fail(error, deadline.seconds, changed=alone and not statement.reads)


async def stream(
    connection: Connection, statement: Statement, values: Sequence[Any], timeout: float, *, alone: bool
) -> AsyncGenerator[Result, None]:
    """Rows in batches, each waited for as long as `timeout` says; other arguments are those of `run`."""
    if statement.taints:
        connection.tainted = True
    async with aclosing(connection.stream(statement.sql, values)) as batches:
        while True:
            try:
                async with asyncio.timeout(timeout):
                    batch = await anext(batches)
            except StopAsyncIteration:
                return
            except (TimeoutError, ConnectionLost) as error:
                fail(error, timeout, changed=alone and not statement.reads)
            yield batch


def lost(message: str) -> LostOutcome:
    """The error for a change that may have happened; it is logged here, also where no request is answered with it."""
    log.error(message)
    return LostOutcome(message)


def fail(error: TimeoutError | ConnectionLost, timeout: float, *, changed: bool) -> NoReturn:
    """Raise what it means that no answer came."""
    if changed:
        raise lost("The database did not answer; it is not known whether the change happened.") from error
    if isinstance(error, ConnectionLost):
        raise error
    raise StatementTimeout(f"The database did not answer within {timeout:g} s.") from error
