"""Migrations: numbered SQL files, each applied once, by one process at a time, whoever starts first.

The tools that exist bring a world of their own: yoyo-migrations, Alembic and SQLAlchemy block the event loop or come
with an engine of their own, aerich is for Tortoise, fastmigrate and caribou for SQLite alone, dbmate is a program in
Go. What is needed here is a lock, a table and a loop, on the connections that are there anyway.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeVar

from heaven_contrib.sql.drivers.connection import Connection
from heaven_contrib.sql.errors import DatabaseError, MigrationError, SerializationFailure
from heaven_contrib.sql.migration_files import Migration, read_migrations
from heaven_contrib.sql.statements import Dialect

T = TypeVar("T")

WAIT: Final = 60.0
"""Seconds that a process waits while another one applies migrations."""

_HERE: Final = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'heaven_migrations'",
    "mysql": "SELECT count(*) FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_name = 'heaven_migrations'",
}
_CREATE: Final = {
    "sqlite": "CREATE TABLE heaven_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, "
    "checksum TEXT NOT NULL, done INTEGER NOT NULL, applied_at TEXT)",
    "mysql": "CREATE TABLE heaven_migrations (number INT PRIMARY KEY, name VARCHAR(255) NOT NULL, "
    "checksum CHAR(64) NOT NULL, done INT NOT NULL, applied_at DATETIME) ENGINE=InnoDB",
}
_READ: Final = "SELECT number, name, checksum, done, applied_at FROM heaven_migrations"
_NOTE_WHOLE: Final = "INSERT INTO heaven_migrations VALUES (?, ?, ?, ?, datetime('now'))"
_NOTE_BEGUN: Final = "INSERT INTO heaven_migrations VALUES (%s, %s, %s, 0, NULL)"
_NOTE_DONE: Final = "UPDATE heaven_migrations SET done = %s WHERE number = %s"
_NOTE_APPLIED: Final = "UPDATE heaven_migrations SET applied_at = UTC_TIMESTAMP() WHERE number = %s"
_FORGET: Final = "DELETE FROM heaven_migrations WHERE number = %s AND done = 0"
_DONE: Final = "SELECT done FROM heaven_migrations WHERE number = %s"

_UNFINISHED: Final = """\
{file} was begun and not finished: {done} of its {count} statements are known to be in effect, and the next may be. \
Finish it by hand, and say so with: UPDATE heaven_migrations SET applied_at = UTC_TIMESTAMP(), checksum = '{checksum}' \
WHERE number = {number}; or undo it by hand, and have it applied anew with: \
DELETE FROM heaven_migrations WHERE number = {number};"""

# A lock of the server's has a name of at most 64 characters, and belongs to no database.
_LOCK: Final = "CONCAT('heaven:', SHA2(DATABASE(), 224))"


@dataclass(frozen=True, slots=True)
class _Record:
    """A row of the table; `done` statements of the file are in effect, and all of them where `applied_at` is known."""

    name: str
    checksum: str
    done: int
    applied_at: object


async def migrate(
    connection: Connection, dialect: Dialect, folder: str | PathLike[str], *, wait: float = WAIT
) -> list[str]:
    """Apply the migrations of a folder that were not applied yet, in order.

    What was applied stands in the table `heaven_migrations`. Everything is checked before anything is applied. On
    SQLite a file is one transaction: it is in effect as a whole or not at all. MySQL and MariaDB keep each CREATE or
    ALTER by itself; a file that fails there after its first statement has to be finished or undone by hand, and until
    then every start is refused, with the words to say what was done. A statement may take as long as it needs.

    Args:
        connection: a connection that nobody else uses meanwhile.
        dialect: what it speaks.
        folder: the folder; see `read_migrations` for the names of its files.
        wait: seconds to wait while another process applies migrations.

    Returns:
        The names of the files that this call has applied.

    Raises:
        MigrationError: a file was changed after it was applied, is missing, misnamed or misnumbered, or its SQL is
            refused; or another process did not end in time.
    """
    migrations = await asyncio.to_thread(read_migrations, Path(folder), dialect)
    deadline = asyncio.get_running_loop().time() + wait
    records = await _patiently(lambda: _records(connection, dialect), deadline)
    if not _pending(migrations, records, alone=False):
        return []
    connection.tainted = True
    apply = _on_sqlite if dialect == "sqlite" else _on_mysql
    return await apply(connection, migrations, deadline)


async def _records(connection: Connection, dialect: Dialect) -> dict[int, _Record]:
    if not (await connection.query(_HERE[dialect])).rows[0][0]:
        return {}
    found = await connection.query(_READ)
    return {number: _Record(*rest) for number, *rest in found.rows}


def _pending(migrations: Sequence[Migration], records: dict[int, _Record], *, alone: bool) -> Sequence[Migration]:
    """What is to be applied, after a comparison of what was applied with the files.

    Args:
        migrations: the files.
        records: what the table says.
        alone: nobody applies any meanwhile, so that what was begun and not finished has failed.
    """
    for position, (number, record) in enumerate(sorted(records.items())):
        if number > len(migrations):
            raise MigrationError(f"{record.name} was applied, and its file is missing; bring it back as it was")
        migration = migrations[position]
        if number != migration.number:
            raise MigrationError(
                f"{migration.file} was not applied, and {record.name} after it was; see the table heaven_migrations"
            )
        if record.applied_at is None:
            if alone:
                count, checksum = len(migration.statements), migration.checksum
                told = {"file": migration.file, "done": record.done, "count": count, "number": number}
                raise MigrationError(_UNFINISHED.format(**told, checksum=checksum))
        elif record.name != migration.name:
            raise MigrationError(
                f"{migration.file} was applied as {record.name}; give it that name again, or its application a "
                "database of its own: one database has one folder of migrations"
            )
        elif record.checksum != migration.checksum:
            raise MigrationError(
                f"{migration.file} was changed after it was applied; bring it back as it was, and write what "
                f"is to change into a new file, {len(migrations) + 1:04}_..."
            )
    return migrations[sum(record.applied_at is not None for record in records.values()) :]


async def _patiently(call: Callable[[], Awaitable[T]], deadline: float) -> T:
    """Call again while SQLite is busy: it waits for another writer, but not for as long as a migration takes."""
    while True:
        try:
            return await call()
        except SerializationFailure as error:
            pause = random.uniform(0.02, 0.1)  # noqa: S311 - spreads processes, keeps no secret
            if asyncio.get_running_loop().time() + pause > deadline:
                raise MigrationError(
                    "another process has had the database locked for too long; see what holds it, and start again"
                ) from error
            await asyncio.sleep(pause)


# SQLite: a file is a transaction


async def _on_sqlite(connection: Connection, migrations: Sequence[Migration], deadline: float) -> list[str]:
    applied: list[str] = []
    # To change a table in SQLite is often to replace it; with foreign keys on, what refers to it would go with it.
    (checked,) = (await connection.query("PRAGMA foreign_keys")).rows[0]
    await connection.query("PRAGMA foreign_keys = OFF")
    try:
        while name := await _next_on_sqlite(connection, migrations, deadline, check_keys=bool(checked)):
            applied.append(name)
    finally:
        if checked and connection.usable:
            await connection.query("PRAGMA foreign_keys = ON")
    return applied


async def _next_on_sqlite(
    connection: Connection, migrations: Sequence[Migration], deadline: float, *, check_keys: bool
) -> str | None:
    """Apply the first file that is not applied yet, if there is one; the lock is that of the writing transaction."""
    await _patiently(connection.begin, deadline)
    try:
        records = await _records(connection, "sqlite")
        pending = _pending(migrations, records, alone=True)
        if not pending:
            await connection.rollback()
            return None
        if not (await connection.query(_HERE["sqlite"])).rows[0][0]:
            await connection.query(_CREATE["sqlite"])
        migration = pending[0]
        await _run_whole(connection, migration)
        if check_keys:
            await _check_keys(connection, migration)
        await connection.query(
            _NOTE_WHOLE,
            (migration.number, migration.name, migration.checksum, len(migration.statements)),
        )
        await connection.commit()
    except BaseException:
        await _roll_back(connection)
        raise
    return migration.file


async def _run_whole(connection: Connection, migration: Migration) -> None:
    for index, statement in enumerate(migration.statements):
        try:
            await connection.query(statement.text)
        except DatabaseError as error:
            raise _refused(migration, index, error, "Nothing of the file is in effect") from error


async def _check_keys(connection: Connection, migration: Migration) -> None:
    broken = (await connection.query("PRAGMA foreign_key_check")).rows
    if broken:
        table, _, parent, _ = broken[0]
        raise MigrationError(
            f"{migration.file} would leave rows of {table} that refer to rows of {parent} which are not there; "
            "nothing of the file is in effect"
        )


# MySQL: what is defined is kept at once, so that progress is written down


async def _on_mysql(connection: Connection, migrations: Sequence[Migration], deadline: float) -> list[str]:
    seconds = max(int(deadline - asyncio.get_running_loop().time()), 1)
    if (await connection.query(f"SELECT GET_LOCK({_LOCK}, {seconds})")).rows[0][0] != 1:
        raise MigrationError(
            f"another process has been applying migrations for {seconds} s; start again when it is done"
        )
    try:
        records = await _records(connection, "mysql")
        if not records and not (await connection.query(_HERE["mysql"])).rows[0][0]:
            await connection.query(_CREATE["mysql"])
        applied: list[str] = []
        for migration in _pending(migrations, records, alone=True):
            await _run_in_steps(connection, migration)
            applied.append(migration.file)
        return applied
    finally:
        if connection.usable:
            await connection.query(f"DO RELEASE_LOCK({_LOCK})")


async def _run_in_steps(connection: Connection, migration: Migration) -> None:
    """Run a file and note how far it came.

    What is inserted or changed is kept together with the note on it. What is defined ends the transaction, so that
    notes up to there are kept; its own follows at once.
    """
    await connection.begin()
    await connection.query(_NOTE_BEGUN, (migration.number, migration.name, migration.checksum))
    for index, statement in enumerate(migration.statements):
        try:
            await connection.query(statement.text)
        except DatabaseError as error:
            raise _refused(migration, index, error, await _left_by(connection, migration)) from error
        kept = not connection.in_transaction
        await connection.query(_NOTE_DONE, (index + 1, migration.number))
        if kept:
            await connection.begin()
    await connection.query(_NOTE_APPLIED, (migration.number,))
    await connection.commit()


async def _left_by(connection: Connection, migration: Migration) -> str:
    """Undo what can be undone of a file whose statement was refused, and say what that leaves."""
    if not connection.usable:
        return "The connection broke, so that this statement may be in effect, as those before it may be"
    await _roll_back(connection)
    await connection.query(_FORGET, (migration.number,))
    left = await connection.query(_DONE, (migration.number,))
    if not left.rows:
        return "Nothing of the file is in effect"
    return f"Its first {left.rows[0][0]} statements are in effect; the next start says how to go on"


async def _roll_back(connection: Connection) -> None:
    if connection.usable and connection.in_transaction:
        await connection.rollback()


def _refused(migration: Migration, index: int, error: Exception, outcome: str) -> MigrationError:
    statement = migration.statements[index]
    code: Any = getattr(error, "code", None)
    return MigrationError(
        f"{migration.file}, line {statement.line}: the database refused statement {index + 1} of "
        f"{len(migration.statements)}: {error}. {outcome}. The statement: {statement.text[:1000]}",
        code,
    )
