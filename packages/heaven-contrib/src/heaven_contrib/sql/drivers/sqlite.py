"""SQLite, by aiosqlite: each connection has a thread of its own."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from heaven_contrib.errors import missing_extra
from heaven_contrib.sql.drivers.connection import Connection, Driver, Isolation, Result
from heaven_contrib.sql.drivers.sqlite_errors import refusal
from heaven_contrib.sql.drivers.sqlite_values import bound
from heaven_contrib.sql.errors import ConnectionFailed, ConnectionLost, DatabaseError
from heaven_contrib.sql.urls import MEMORY, Settings

try:
    import aiosqlite
except ImportError as error:
    raise missing_extra("sqlite:// URLs", "sqlite") from error

T = TypeVar("T")

BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 64 * 1024
"""What `stream` gives at once: so many rows, or fewer when their text and bytes come to so much."""

STEPS: Final = 10_000
"""Instructions of SQLite's machine after which a statement asks whether it is still wanted; 0.1 ms or so."""

PATIENCE: Final = 0.25
"""Seconds that a cancelled statement has to end; one that waits for another writer does not hear of it earlier."""

_INSERTS: Final = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:INSERT|REPLACE)\b", re.IGNORECASE | re.DOTALL)


class SQLiteConnection(Connection):
    """A connection to an SQLite database.

    Any isolation level will do, since all its transactions are serializable. A transaction that writes takes its lock
    as it begins (BEGIN IMMEDIATE): it waits there, by `busy_timeout`, and not in the middle, where SQLite refuses.
    """

    __slots__ = ("_between", "_driver", "_unwanted")

    def __init__(self, raw: Any, driver: SQLiteDriver) -> None:
        super().__init__(raw)
        self._driver = driver
        self._between = True
        self._unwanted = False

    @property
    def usable(self) -> bool:
        return self._between

    @property
    def in_transaction(self) -> bool:
        return self.raw._connection is not None and self.raw.in_transaction

    async def query(self, sql: str, values: Sequence[Any] = ()) -> Result:
        return await self._run(_query, sql, bound(values))

    async def query_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Result:
        return await self._run(_query_many, sql, [bound(row) for row in rows])

    async def stream(self, sql: str, values: Sequence[Any] = ()) -> AsyncGenerator[Result, None]:
        cursor = await self._run(sqlite3.Connection.execute, sql, bound(values))
        try:
            columns = _columns(cursor)
            more = True
            while more:
                rows, more = await self._run(_batch, cursor)
                yield Result(columns, rows, len(rows))
        finally:
            if self._between:
                await self._run(_close, cursor)

    async def begin(self, isolation: Isolation | None = None, *, read_only: bool = False) -> None:
        await self._run(_begin, read_only)

    async def commit(self) -> None:
        await self._run(_end, "COMMIT")

    async def rollback(self) -> None:
        await self._run(_end, "ROLLBACK")

    async def check(self) -> None:
        await self.query("SELECT 1")

    async def reset(self) -> None:
        if self._driver.shared:
            await self._run(_rolled_back)
        else:
            self.raw._connection = await self._run(self._driver.reopened)
            await self._run(self.watch)
        self.tainted = False

    def watch(self, raw: sqlite3.Connection) -> None:
        """Have a statement ask whether it is still wanted: `interrupt` alone is lost on one that only begins."""
        raw.set_progress_handler(lambda: self._unwanted, STEPS)

    async def close(self) -> None:
        try:
            if self._between:
                with suppress(TimeoutError, sqlite3.Error, ValueError):
                    async with asyncio.timeout(1.0):
                        await self.raw.close()
        finally:
            self.abandon()

    def abandon(self) -> None:
        self._between = False
        raw = self.raw
        if raw._connection is not None:
            self._unwanted = True
            raw._connection.interrupt()
            raw.stop()
            raw._thread.join(PATIENCE / 10)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function with the connection of sqlite3, on its thread: one hop for all that a statement takes."""
        raw = self.raw
        self._between = False
        try:
            result: T = await raw._execute(function, raw._connection, *arguments)
        except asyncio.CancelledError:
            await self._interrupted()
            raise
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            if raw._connection is None:
                raise ConnectionLost("The connection to the database is closed.") from error
            failure = refusal(error)
            if isinstance(failure, ConnectionLost):
                self.abandon()
            else:
                self._between = True
            raise failure from error
        self._between = True
        return result

    async def _interrupted(self) -> None:
        """Wait for the end of a statement that nobody wants any more; what is in memory can't be left behind."""
        raw = self.raw
        ended = asyncio.ensure_future(raw._execute(_nothing))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        self._unwanted = True
        while not ended.done() and (self._driver.shared or loop.time() < deadline):
            raw._connection.interrupt()
            with suppress(asyncio.CancelledError):  # the first one is on its way already
                await asyncio.wait((ended,), timeout=0.01)
        if ended.done():
            self._unwanted = False
            self._between = True
        else:
            ended.cancel()
            self.abandon()


def _nothing() -> None:
    pass


def _columns(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    return tuple([column[0] for column in cursor.description or ()])


def _query(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Result:
    cursor = connection.execute(sql, values)
    if cursor.description is None:
        affected = max(cursor.rowcount, 0)
        return Result(affected=affected, last_id=cursor.lastrowid if affected and _INSERTS.match(sql) else None)
    rows = cursor.fetchall()
    return Result(_columns(cursor), rows, len(rows))


def _query_many(connection: sqlite3.Connection, sql: str, rows: Sequence[Sequence[Any]]) -> Result:
    """All of them or none, also inside of a transaction."""
    connection.execute("SAVEPOINT heaven_many")
    try:
        affected = connection.executemany(sql, rows).rowcount
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO heaven_many")
            connection.execute("RELEASE heaven_many")
        raise
    connection.execute("RELEASE heaven_many")
    return Result(affected=max(affected, 0))


def _batch(_: sqlite3.Connection, cursor: sqlite3.Cursor) -> tuple[list[tuple[Any, ...]], bool]:
    """The next rows, and whether there may be more."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        rows.append(row)
        size += sum([len(value) for value in row if isinstance(value, str | bytes)])
        if len(rows) == BATCH_ROWS or size >= BATCH_BYTES:
            return rows, True
    return rows, False


def _close(_: sqlite3.Connection, cursor: sqlite3.Cursor) -> None:
    cursor.close()


def _begin(connection: sqlite3.Connection, read_only: bool) -> None:
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    connection.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _end(connection: sqlite3.Connection, how: str) -> None:
    connection.execute(how)
    connection.execute("PRAGMA query_only = OFF")


def _rolled_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    _furnish(connection)


def _furnish(connection: sqlite3.Connection) -> None:
    """What holds in every session; `synchronous` stays FULL, so that what is committed is on the disk."""
    for pragma in ("foreign_keys = ON", "query_only = OFF", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


class SQLiteDriver(Driver):
    """Makes connections to an SQLite database, in a file or in memory."""

    __slots__ = ("_path", "_settings", "shared")

    dialect: Literal["sqlite", "mysql"] = "sqlite"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.path
        self.shared: bool = settings.path == MEMORY

    async def connect(self) -> Connection:
        opened = aiosqlite.Connection(self.opened, 64)
        opened._thread.name = f"sqlite {self._path}"
        try:
            connection = SQLiteConnection(await opened, self)
            await opened._execute(connection.watch, opened._connection)
        except (sqlite3.Error, OSError) as error:
            failure = ConnectionFailed("The database can't be opened.")
            failure.add_note(f"{self._settings.safe_url}: {error}")
            raise failure from error
        return connection

    def opened(self) -> sqlite3.Connection:
        """A connection of sqlite3, on the thread that calls, with write-ahead logging: readers wait for nobody."""
        folder = Path(self._path).parent
        if not self.shared and not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}")
        connection = sqlite3.connect(self._path, timeout=self._settings.busy_timeout, isolation_level=None)
        try:
            _furnish(connection)
            self._log_ahead(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def reopened(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """Another connection in place of one, which is closed: nothing of its session is left."""
        connection.close()
        return self.opened()

    def _log_ahead(self, connection: sqlite3.Connection) -> None:
        """Several processes may want this of a new file at once, and SQLite does not wait there by itself."""
        deadline = time.monotonic() + self._settings.busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return
