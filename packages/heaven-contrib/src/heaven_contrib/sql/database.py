"""The battery: a database behind one URL, with a pool, for as long as the application lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, get_args

from heaven import SHUTDOWN, STARTUP, Key
from heaven.errors import RegistrationError
from heaven_contrib.sql.deadlines import Deadlines
from heaven_contrib.sql.drivers.choosing import driver_for
from heaven_contrib.sql.drivers.connection import Connection, Credentials, Isolation, Result
from heaven_contrib.sql.errors import NotConnected
from heaven_contrib.sql.migrations import migrate
from heaven_contrib.sql.pool import Pool, PoolStatistics, silent
from heaven_contrib.sql.queries import Queries, run, stream
from heaven_contrib.sql.requests import TRANSACTION, RequestTransaction
from heaven_contrib.sql.statements import Dialect, Values, prepare, prepare_many
from heaven_contrib.sql.transaction import Transaction
from heaven_contrib.sql.urls import Settings, parse
from heaven_contrib.starting import keep_alone, until_it_answers

if TYPE_CHECKING:
    from heaven import App

DEFAULT: Final = "sqlite:///app.db"
ISOLATIONS: Final[tuple[str, ...]] = get_args(Isolation)


class Database(Queries):
    """Lives with the application, or as long as its `async with` block: a pool of connections, and what runs on them.

    Args:
        url: `sqlite:///app.db`, `sqlite://:memory:` or `mysql://user:password@host:3306/database`; options stand in
            its query, `?pool_size=20&timeout=5`, as `Settings` lists them.
        credentials: gives `(user, password)` for each new connection in place of the URL's, sync or async, so that
            a password can change while the application runs.
        migrations: a folder of numbered SQL files to apply when the database is connected to.
        key: what the application keeps it under.

    Raises:
        RegistrationError: the URL is wrong, or names an option that isn't there; the credentials are no function.
        ImportError: the library for such a URL is not installed; the message has the command that installs it.

    Example:
        >>> from heaven import App
        >>> app = App()
        >>> app.plugin(Database("sqlite://:memory:"))
        >>> async def read_order(req, res, ctx):
        ...     db = req.app.peek(DATABASE)
        ...     return await db.fetch_one("SELECT * FROM orders WHERE id = :id", {"id": req.params["id"]})
        >>> _ = app.GET("/orders/:id:int", read_order)
    """

    __slots__ = ("_deadlines", "_driver", "_key", "_migrations", "_pool", "begin", "settings")

    def __init__(
        self,
        url: str = DEFAULT,
        *,
        credentials: Credentials | None = None,
        migrations: str | PathLike[str] | None = None,
        key: Key[Database] | None = None,
    ) -> None:
        if not (credentials is None or callable(credentials)):
            raise RegistrationError("credentials are a function that gives (user, password), and no pair of them")
        self.settings: Final[Settings] = parse(url)
        self._driver = driver_for(self.settings, credentials)
        self._migrations = migrations
        self._key = DATABASE if key is None else key
        self._pool: Pool[Connection] | None = None
        self._deadlines = Deadlines()
        of_requests = TRANSACTION if key is None else Key[Transaction](f"{key.name}_transaction")
        self.begin: Final[RequestTransaction] = RequestTransaction(self.begin_transaction, of_requests)
        """A hook for both ways: `app.BEFORE("/orders/*", db.begin)`; see `RequestTransaction`."""

    def __repr__(self) -> str:
        return f"<Database {self.settings.safe_url}, {'connected' if self._pool else 'not connected'}>"

    @property
    def dialect(self) -> Dialect:
        """What the database speaks: "sqlite" or "mysql"."""
        return self.settings.scheme

    @property
    def statistics(self) -> PoolStatistics:
        """How the pool is doing, for metrics.

        Raises:
            NotConnected: there is no pool.
        """
        return self._connected().statistics

    # Life

    def install(self, app: App) -> None:
        """Connect at startup, keep itself under its key, disconnect at shutdown; `app.plugin(database)` calls it."""
        app.ON(STARTUP, self._start)
        app.ON(SHUTDOWN, self._stop)

    async def _start(self, app: App) -> None:
        await self.connect()
        keep_alone(app, self._key, self)

    async def _stop(self, app: App) -> None:
        app.unkeep(self._key, None)
        await self.disconnect()

    async def connect(self) -> None:
        """Open the pool, try until the database answers or `start_timeout` has passed, and apply migrations.

        Raises:
            ConnectionFailed: it did not answer in time, or refused.
            MigrationError: the migrations can't be applied.
            RuntimeError: it is connected already.
        """
        if self._pool is not None:
            raise RuntimeError(f"{self!r} is connected already")
        settings, shared = self.settings, self._driver.shared
        self._pool = Pool(
            self._driver.connect,
            size=1 if shared else settings.pool_size,
            acquire_timeout=settings.acquire_timeout,
            recycle=None if shared else settings.recycle,
            check_after=None if shared else settings.check_after,
        )
        try:
            await until_it_answers(self._ask, settings.safe_url, settings.start_timeout)
            if self._migrations is not None:
                await self.migrate(self._migrations)
        except BaseException:
            await self.disconnect()
            raise

    async def _ask(self) -> None:
        timeout = self.settings.acquire_timeout
        async with self._connected().lend() as connection:
            try:
                async with asyncio.timeout(timeout):
                    await connection.check()
            except TimeoutError as error:
                raise silent(timeout) from error

    async def disconnect(self) -> None:
        """Refuse new work, wait for what runs until `drain_timeout`, and close every connection; safe to repeat."""
        pool, self._pool = self._pool, None
        deadlines, self._deadlines = self._deadlines, Deadlines()  # others than those of who connects meanwhile
        if pool is not None:
            try:
                await pool.drain(self.settings.drain_timeout)
            finally:
                deadlines.close()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def migrate(self, folder: str | PathLike[str]) -> list[str]:
        """Apply the migrations of a folder that were not applied yet, as `migrations=` does it when it connects.

        Args:
            folder: the folder of numbered SQL files.

        Returns:
            The names of the files that this call has applied.

        Raises:
            MigrationError: the migrations can't be applied; the message names the file and what to do.
        """
        async with self._connected().lend() as connection:
            return await migrate(connection, self.dialect, folder)

    # Statements

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Any]:
        """The driver's own connection, for what this layer does not do; its session is reset afterwards.

        Example:
            >>> import asyncio
            >>> async def version():
            ...     async with Database("sqlite://:memory:") as db, db.connection() as connection:
            ...         cursor = await connection.execute("SELECT 6 * 7")
            ...         return await cursor.fetchone()
            >>> asyncio.run(version())
            (42,)
        """
        async with self._connected().lend() as connection:
            connection.tainted = True
            yield connection.raw

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False
    ) -> AsyncGenerator[Transaction]:
        """A block on one connection: committed at its end, rolled back when it is left by an exception.

        Args:
            isolation: "read uncommitted", "read committed", "repeatable read" or "serializable"; what the database
                does otherwise without one. SQLite's transactions are always serializable.
            read_only: refuse changes; in SQLite it lets others write meanwhile.

        Raises:
            LostOutcome: the answer to COMMIT was lost: it may have happened.
            SerializationFailure: the database gave up, after a deadlock say; the block may be run again.
            ValueError: there is no such isolation.
        """
        tx = await self.begin_transaction(isolation=isolation, read_only=read_only)
        try:
            yield tx
        except BaseException:
            await tx.end(keep=False)
            raise
        await tx.end(keep=True)

    async def begin_transaction(self, *, isolation: Isolation | None = None, read_only: bool = False) -> Transaction:
        """Begin a transaction that no block ends; who calls this calls its `end`. Arguments are `transaction`'s."""
        if isolation is not None and isolation not in ISOLATIONS:
            raise ValueError(f"the isolation of a transaction is one of {', '.join(ISOLATIONS)}, not {isolation!r}")
        pool = self._connected()
        timeout = self.settings.timeout
        connection = await pool.acquire()
        tx = Transaction(connection, pool.release, self.dialect, self._deadlines, timeout, read_only=read_only)
        await tx.begin(isolation)
        return tx

    def _connected(self) -> Pool[Connection]:
        if self._pool is None:
            raise NotConnected(f"{self!r}: await database.connect(), or install it with app.plugin(database)")
        return self._pool

    async def _run(self, sql: str, values: Values | None, timeout: float | None) -> Result:
        statement, ordered = prepare(sql, values, self.settings.scheme)
        pool = self._pool or self._connected()
        connection = await pool.acquire()
        try:
            deadline = self._deadlines.within(self.settings.timeout if timeout is None else timeout)
            return await run(connection, statement, connection.query(statement.sql, ordered), deadline, alone=True)
        finally:
            pool.release(connection)

    async def _run_many(self, sql: str, rows: Sequence[Values], timeout: float | None) -> Result:
        statement, values = prepare_many(sql, rows, self.dialect)
        async with self._connected().lend() as connection:
            deadline = self._deadlines.within(self.settings.timeout if timeout is None else timeout)
            return await run(connection, statement, connection.query_many(statement.sql, values), deadline, alone=True)

    async def _batches(self, sql: str, values: Values | None, timeout: float | None) -> AsyncGenerator[Result, None]:
        statement, ordered = prepare(sql, values, self.dialect)
        limit = self.settings.timeout if timeout is None else timeout
        async with (
            self._connected().lend() as connection,
            aclosing(stream(connection, statement, ordered, limit, alone=True)) as batches,
        ):
            async for batch in batches:
                yield batch


DATABASE: Final[Key[Database]] = Key("database")
