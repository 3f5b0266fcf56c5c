"""What a connection to a database can do, whatever the driver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Isolation: TypeAlias = Literal["read uncommitted", "read committed", "repeatable read", "serializable"]

Credentials: TypeAlias = "Callable[[], tuple[str, str] | Awaitable[tuple[str, str]]]"
"""Gives `(user, password)`, sync or async; asked for every connection, so that passwords can change meanwhile."""


@dataclass(slots=True)  # PERF: a frozen one takes twice as long to make
class Result:
    """What a statement came to: `columns` and `rows` of a query, `affected` rows and the `last_id` of a change."""

    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[Any, ...]] = ()
    affected: int = 0
    last_id: int | None = None


class Connection(ABC):
    """One connection, used by one task at a time.

    Whatever goes wrong is raised as an exception of `heaven_contrib.sql.errors`: what the server refuses as
    StatementError, IntegrityError or SerializationFailure, a connection that breaks as ConnectionLost (the caller
    knows whether a change was on its way, and says LostOutcome then). After a break, a cancellation or whatever
    leaves the protocol in the middle of an answer, `usable` is False for good.
    """

    __slots__ = ("raw", "tainted")

    def __init__(self, raw: Any) -> None:
        self.raw: Any = raw
        self.tainted: bool = False
        """Its session may have been changed by SET, USE, LOCK and the like: `reset` before somebody else gets it."""

    @property
    @abstractmethod
    def usable(self) -> bool:
        """Whether it is open, and between two statements."""

    @property
    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether the server said, with its last answer, that a transaction is open."""

    @abstractmethod
    async def query(self, sql: str, values: Sequence[Any] = ()) -> Result:
        """Run one statement; its placeholders are the dialect's, and as many as there are values."""

    @abstractmethod
    async def query_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Result:
        """Run one statement once for each row of values, in as few round trips as the driver can."""

    @abstractmethod
    def stream(self, sql: str, values: Sequence[Any] = ()) -> AsyncGenerator[Result, None]:
        """Run a query and give its rows in batches, as they come from the server, in constant memory.

        At least one Result is given, so that `columns` are known of an empty one too. Closed early, it leaves the
        connection usable, or else closed.
        """

    @abstractmethod
    async def begin(self, isolation: Isolation | None = None, *, read_only: bool = False) -> None:
        """Begin a transaction."""

    async def commit(self) -> None:
        """End the transaction, keeping what it did."""
        await self.query("COMMIT")

    async def rollback(self) -> None:
        """End the transaction, undoing what it did."""
        await self.query("ROLLBACK")

    @abstractmethod
    async def check(self) -> None:
        """Ask the server for a sign of life; raises ConnectionLost without one."""

    @abstractmethod
    async def reset(self) -> None:
        """Bring the session back to how it was after connecting: variables, database, locks, open transactions."""

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye and close; never raises, and never waits for a server that is silent (at most a second)."""

    @abstractmethod
    def abandon(self) -> None:
        """Close at once, without a word to the server; for what is not usable, or must not be waited for."""


class Driver(ABC):
    """Makes connections to one database.

    `dialect` decides placeholders and quoting; `shared` says that there is one connection only, which every task
    shares and which is never replaced, as for a database in memory.
    """

    __slots__ = ()

    dialect: Literal["sqlite", "mysql"]
    shared: bool = False

    @abstractmethod
    async def connect(self) -> Connection:
        """Open a connection, ready for use; whoever calls sets the deadline by cancelling.

        Raises:
            ConnectionFailed: the server is not there, speaks no TLS where TLS is asked for, or refuses the user.
        """
