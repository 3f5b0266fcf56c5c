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

from heaven_contrib.sql.drivers._aiosqlite import RawConnection
from heaven_contrib.sql.drivers.connection import Connection, Driver, Isolation, Result
from heaven_contrib.sql.drivers.sqlite_errors import refusal
from heaven_contrib.sql.drivers.sqlite_values import bound
from heaven_contrib.sql.errors import ConnectionFailed, ConnectionLost, SerializationFailure
from heaven_contrib.sql.urls import MEMORY, Settings

T = TypeVar("T")

BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 64 * 1024
"""What `stream` gives at once: so many rows, or fewer when their text and bytes come to so much."""

GOODBYE: Final = 1.0
"""Seconds that closing may take."""

PATIENCE: Final = 0.25
"""Seconds that a cancelled statement has to end; one that waits for another writer does not hear of it earlier."""

_INSERTS: Final = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:INSERT|REPLACE)\b", re.IGNORECASE | re.DOTALL)


class SQLiteConnection(Connection):
    """A connection to an SQLite database.

    Any isolation level will do, since all its transactions are serializable. A transaction that writes takes its lock
    as it begins (BEGIN IMMEDIATE): it waits there, by `busy_timeout`, and not in the middle, where SQLite refuses.

    Dates, times, Decimals and UUIDs are kept as text, datetimes in UTC; `into=` makes of it again what it was. What a
    column may hold is its table's to say: `CREATE TABLE ... STRICT` refuses what does not fit, as MySQL does.
    """

    __slots__ = ("_between", "_driver")

    def __init__(self, raw: Any, driver: SQLiteDriver) -> None:
        super().__init__(raw)
        self._driver = driver
        self._between = True

    @property
    def usable(self) -> bool:
        # In memory the database goes with its connection; whatever runs, the thread does what comes next after it.
        return (self._between or self._driver.shared) and bool(self.raw.open)

    @property
    def in_transaction(self) -> bool:
        return bool(self.raw.open and self.raw.in_transaction)

    async def query(self, sql: str, values: Sequence[Any] = ()) -> Result:
        return await self._run(_query, sql, bound(values))

    async def query_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Result:
        return await self._run(_query_many, sql, [bound(row) for row in rows])

    async def stream(self, sql: str, values: Sequence[Any] = ()) -> AsyncGenerator[Result, None]:
        # At hand before it has a statement: one that nobody closes would have all later ones interrupted with it.
        cursor = await self._run(sqlite3.Connection.cursor)
        try:
            await self._run(_execute, cursor, sql, bound(values))
            columns = _columns(cursor)
            more = True
            while more:
                rows, more = await self._run(_batch, cursor)
                yield Result(columns, rows, len(rows)) if columns else _change(cursor, sql)
        finally:
            if self.usable:
                await self._run(_close, cursor)

    async def begin(self, isolation: Isolation | None = None, *, read_only: bool = False) -> None:  # noqa: ARG002
        await self._run(_begin, read_only)

    async def commit(self) -> None:
        await self._run(_commit)

    async def rollback(self) -> None:
        await self._run(_rollback)

    async def check(self) -> None:
        await self.query("SELECT 1")

    async def reset(self) -> None:
        await self._run(_rollback)
        if self._driver.shared:
            await self._run(furnish)
        else:
            await self._reopen()
        self.tainted = False

    async def _reopen(self) -> None:
        """Go on with a new connection of sqlite3, the only way to be rid of all that a session may hold."""
        self._between = False
        try:
            await self.raw.reopen()
        except BaseException as error:
            self.abandon()
            if isinstance(error, sqlite3.Error | OSError | ValueError):
                raise ConnectionLost("The database can't be opened again.") from error
            raise
        self._between = True

    async def close(self) -> None:
        try:
            if self.usable:
                with suppress(TimeoutError, sqlite3.Error, ValueError):
                    async with asyncio.timeout(GOODBYE):
                        await self.raw.close()
        finally:
            self.abandon()

    def abandon(self) -> None:
        self._between = False
        self.raw.hang_up()

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function on the connection's thread, and say what went wrong in our words."""
        self._between = False
        try:
            result: T = await self.raw.run(function, *arguments)
        except asyncio.CancelledError:
            self._between = await self.raw.call_off(None if self._driver.shared else PATIENCE)
            if not self._between:
                self.abandon()
            raise
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            if not self.raw.open:
                raise ConnectionLost("The connection to the database is closed.") from error
            failure = refusal(error)
            if isinstance(failure, ConnectionLost):
                self.abandon()
            elif isinstance(failure, SerializationFailure) and self.in_transaction:
                await self.rollback()
            self._between = self.raw.open
            raise failure from error
        self._between = True
        return result


def _columns(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    return tuple([column[0] for column in cursor.description or ()])


def _query(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Result:
    cursor = connection.execute(sql, values)
    if cursor.description is None:
        return _change(cursor, sql)
    rows = cursor.fetchall()
    return Result(_columns(cursor), rows, len(rows))


def _change(cursor: sqlite3.Cursor, sql: str) -> Result:
    """What a statement has changed; the last id is that of the last INSERT, however long ago it was."""
    affected = max(cursor.rowcount, 0)
    return Result(affected=affected, last_id=cursor.lastrowid if affected and _INSERTS.match(sql) else None)


def _query_many(connection: sqlite3.Connection, sql: str, rows: Sequence[Sequence[Any]]) -> Result:
    """All of them or none, also inside of a transaction."""
    connection.execute("SAVEPOINT heaven_many")
    try:
        affected = connection.executemany(sql, rows).rowcount
        connection.execute("RELEASE heaven_many")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO heaven_many")
            connection.execute("RELEASE heaven_many")
        raise
    return Result(affected=max(affected, 0))


def _execute(_: sqlite3.Connection, cursor: sqlite3.Cursor, sql: str, values: Sequence[Any]) -> None:
    cursor.execute(sql, values)


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


# Each statement may be interrupted; who is read-only is in a transaction, so that it is known what to undo.


def _begin(connection: sqlite3.Connection, read_only: bool) -> None:
    connection.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
    if read_only:
        connection.execute("PRAGMA query_only = ON")


def _commit(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = OFF")
    connection.execute("COMMIT")


def _rollback(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = OFF")
    if connection.in_transaction:  # a full disk, or an interruption, may have ended it
        connection.execute("ROLLBACK")


def furnish(connection: sqlite3.Connection) -> None:
    """Set what holds in every session; `synchronous` stays FULL, so that what is committed is on the disk."""
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
        raw = RawConnection(self.opened, f"sqlite {self._path}")
        try:
            await raw
            await raw.watch()
        except (sqlite3.Error, OSError) as error:
            failure = ConnectionFailed("The database can't be opened.")
            failure.add_note(f"{self._settings.safe_url}: {error}")
            raise failure from error
        except asyncio.CancelledError:
            raw.hang_up()
            raise
        return SQLiteConnection(raw, self)

    def opened(self) -> sqlite3.Connection:
        """A connection of sqlite3, on the thread that calls, with write-ahead logging: readers wait for nobody."""
        folder = Path(self._path).parent
        if not self.shared and not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}")
        connection = sqlite3.connect(self._path, timeout=self._settings.busy_timeout, isolation_level=None)
        try:
            furnish(connection)
            self._log_ahead(connection)
        except BaseException:
            connection.close()
            raise
        return connection

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
