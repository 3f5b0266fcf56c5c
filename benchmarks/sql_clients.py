"""The clients of part `sql`: the same statements on the same table, with the same session settings and pools of 10.

Each task is a method. What the others do is what their documentation shows: a connection of the pool, a cursor of it,
`DictCursor` where rows are dicts. SQLAlchemy's statements are Core expressions, made once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Any
from urllib.parse import urlsplit

POOL = 10
TASKS = 32
WORLDS = 10_000
MANY = [{"name": f"number {number}", "number": number} for number in range(10_000)]
MANY_VALUES = [tuple(row.values()) for row in MANY]

ROW = "SELECT id, randomNumber FROM worlds WHERE id = {}"
ROWS = "SELECT id, randomNumber FROM worlds WHERE id BETWEEN {} AND {}"
INSERT = "INSERT INTO filled (name, number) VALUES ({}, {})"
EMPTY = "TRUNCATE filled"
TABLES = (
    "SET sql_notes = 0",
    "DROP TABLE IF EXISTS worlds, filled",
    "CREATE TABLE worlds (id INT PRIMARY KEY, randomNumber INT NOT NULL)",
    "CREATE TABLE filled (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), number INT)",
)
ROWS_OF_WORLDS = [(key, 1 + key * 7919 % WORLDS) for key in range(1, WORLDS + 1)]
SESSION = "SET time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',TRADITIONAL')"


def keys() -> Callable[[], int]:
    """Gives keys of rows, whichever, and costs next to nothing."""
    chance = Random(1)
    return cycle([chance.randint(1, WORLDS - 100) for _ in range(5_000)]).__next__


def place(url: str) -> dict[str, Any]:
    """Where the server is, as drivers want to know it, and what holds for every session."""
    parts = urlsplit(url)
    where = {"host": parts.hostname, "port": parts.port, "user": parts.username, "db": parts.path[1:]}
    return {**where, "charset": "utf8mb4", "autocommit": True, "init_command": SESSION}


async def furnish(url: str) -> None:
    """Make the tables anew."""
    import aiomysql

    connection = await aiomysql.connect(**place(url))
    async with connection.cursor() as cursor:
        for table in TABLES:
            await cursor.execute(table)
        await cursor.executemany("INSERT INTO worlds VALUES (%s, %s)", ROWS_OF_WORLDS)
    connection.close()


async def by_many(one: Callable[[], Awaitable[Any]]) -> Any:
    """Do something 320 times by 32 tasks."""

    async def some() -> Any:
        for _ in range(9):
            await one()
        return await one()

    return (await asyncio.gather(*[some() for _ in range(TASKS)]))[0]


class Heaven:
    """`heaven_contrib.sql.Database`."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.key = keys()

    async def row(self) -> Any:
        """One row."""
        return await self.database.fetch_one(ROW.format(":id"), {"id": self.key()})

    async def busy(self) -> Any:
        """One row, by many tasks."""
        return await by_many(self.row)

    async def rows(self) -> Any:
        """A hundred rows."""
        first = self.key()
        return await self.database.fetch_all(ROWS.format(":first", ":last"), {"first": first, "last": first + 99})

    async def queries(self) -> Any:
        """Twenty rows, each by itself."""
        return [await self.row() for _ in range(20)]

    async def transaction(self) -> Any:
        """Twenty rows in a transaction."""
        sql = ROW.format(":id")
        async with self.database.transaction() as tx:
            return [await tx.fetch_one(sql, {"id": self.key()}) for _ in range(20)]

    async def before_many(self) -> None:
        """Make room."""
        await self.database.execute(EMPTY)

    async def many(self) -> Any:
        """Insert rows."""
        return await self.database.execute_many(INSERT.format(":name", ":number"), MANY)


class Driver:
    """A driver's own pool, and cursors of one kind."""

    def __init__(self, pool: Any, cursor: Any) -> None:
        self.pool = pool
        self.cursor = cursor
        self.key = keys()

    async def row(self) -> Any:
        """One row."""
        async with self.pool.acquire() as connection, connection.cursor(self.cursor) as cursor:
            await cursor.execute(ROW.format("%s"), (self.key(),))
            return await cursor.fetchone()

    async def busy(self) -> Any:
        """One row, by many tasks."""
        return await by_many(self.row)

    async def rows(self) -> Any:
        """A hundred rows."""
        first = self.key()
        async with self.pool.acquire() as connection, connection.cursor(self.cursor) as cursor:
            await cursor.execute(ROWS.format("%s", "%s"), (first, first + 99))
            return await cursor.fetchall()

    async def queries(self) -> Any:
        """Twenty rows on one connection."""
        async with self.pool.acquire() as connection, connection.cursor(self.cursor) as cursor:
            return await self.twenty(cursor)

    async def transaction(self) -> Any:
        """Twenty rows in a transaction."""
        async with self.pool.acquire() as connection, connection.cursor(self.cursor) as cursor:
            await connection.begin()
            found = await self.twenty(cursor)
            await connection.commit()
            return found

    async def twenty(self, cursor: Any) -> Any:
        """Twenty rows by one cursor."""
        sql, found = ROW.format("%s"), []
        for _ in range(20):
            await cursor.execute(sql, (self.key(),))
            found.append(await cursor.fetchone())
        return found

    async def before_many(self) -> None:
        """Make room."""
        async with self.pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(EMPTY)

    async def many(self) -> Any:
        """Insert rows."""
        async with self.pool.acquire() as connection, connection.cursor() as cursor:
            return await cursor.executemany(INSERT.format("%s", "%s"), MANY_VALUES)


class Alchemy:
    """SQLAlchemy's asynchronous engine, in autocommit mode."""

    def __init__(self, engine: Any) -> None:
        from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, insert, select, text

        metadata = MetaData()
        worlds = Table("worlds", metadata, Column("id", Integer, primary_key=True), Column("randomNumber", Integer))
        columns = Column("id", Integer, primary_key=True), Column("name", String(40)), Column("number", Integer)
        self.engine = engine
        self.key = keys()
        self.one = select(worlds.c.id, worlds.c.randomNumber).where(worlds.c.id == bindparam("key"))
        between = worlds.c.id.between(bindparam("first"), bindparam("last"))
        self.hundred = select(worlds.c.id, worlds.c.randomNumber).where(between)
        self.insert = insert(Table("filled", metadata, *columns))
        self.empty = text(EMPTY)

    async def read(self, connection: Any) -> Any:
        """One row on a connection."""
        return dict((await connection.execute(self.one, {"key": self.key()})).mappings().one())

    async def row(self) -> Any:
        """One row."""
        async with self.engine.connect() as connection:
            return await self.read(connection)

    async def busy(self) -> Any:
        """One row, by many tasks."""
        return await by_many(self.row)

    async def rows(self) -> Any:
        """A hundred rows."""
        first = self.key()
        async with self.engine.connect() as connection:
            found = await connection.execute(self.hundred, {"first": first, "last": first + 99})
            return [dict(row) for row in found.mappings()]

    async def queries(self) -> Any:
        """Twenty rows on one connection."""
        async with self.engine.connect() as connection:
            return [await self.read(connection) for _ in range(20)]

    async def transaction(self) -> Any:
        """Twenty rows in a transaction."""
        engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
        async with engine.begin() as connection:
            return [await self.read(connection) for _ in range(20)]

    async def before_many(self) -> None:
        """Make room."""
        async with self.engine.connect() as connection:
            await connection.execute(self.empty)

    async def many(self) -> Any:
        """Insert rows."""
        async with self.engine.connect() as connection:
            return (await connection.execute(self.insert, MANY)).rowcount


@asynccontextmanager
async def heaven(url: str, driver: str) -> AsyncIterator[Heaven]:
    """Ours."""
    from heaven_contrib.sql import Database

    async with Database(f"{url}?driver={driver}&pool_size={POOL}") as database:
        yield Heaven(database)


@asynccontextmanager
async def driver(url: str, name: str, cursor: str) -> AsyncIterator[Driver]:
    """Theirs."""
    from importlib import import_module

    module = import_module(name)
    pool = await module.create_pool(minsize=1, maxsize=POOL, pool_recycle=1800, **place(url))
    yield Driver(pool, getattr(import_module(f"{name}.cursors"), cursor))
    pool.close()
    await pool.wait_closed()


@asynccontextmanager
async def sqlalchemy(url: str) -> AsyncIterator[Alchemy]:
    """SQLAlchemy, with a pool that says nothing to the server when a connection comes back."""
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        url.replace("mysql://", "mysql+aiomysql://"),
        pool_size=POOL,
        max_overflow=0,
        pool_recycle=1800,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        connect_args={"charset": "utf8mb4", "init_command": SESSION},
    )
    yield Alchemy(engine)
    await engine.dispose()


@dataclass(frozen=True, slots=True)
class Kind:
    """One client: whose versions are printed, and what connects it."""

    distributions: tuple[str, ...]
    connect: Callable[[str], AbstractAsyncContextManager[Any]]


CLIENTS = {
    "heaven": Kind(("heaven-contrib", "aiomysql"), lambda url: heaven(url, "aiomysql")),
    "aiomysql": Kind(("aiomysql", "PyMySQL"), lambda url: driver(url, "aiomysql", "DictCursor")),
    "aiomysql_tuples": Kind(("aiomysql", "PyMySQL"), lambda url: driver(url, "aiomysql", "Cursor")),
    "sqlalchemy": Kind(("SQLAlchemy", "aiomysql"), sqlalchemy),
    "heaven_asyncmy": Kind(("heaven-contrib", "asyncmy"), lambda url: heaven(url, "asyncmy")),
    "asyncmy": Kind(("asyncmy",), lambda url: driver(url, "asyncmy", "DictCursor")),
    "asyncmy_tuples": Kind(("asyncmy",), lambda url: driver(url, "asyncmy", "Cursor")),
}


def is_row(answer: Any) -> None:
    """Refuse what is no row of the table."""
    key, number = answer.values() if isinstance(answer, dict) else answer
    if isinstance(answer, dict) and list(answer) != ["id", "randomNumber"]:
        raise ValueError(f"columns: {list(answer)}")
    if number != 1 + key * 7919 % WORLDS:
        raise ValueError(f"no row of the table: {answer!r}")


def are_rows(number: int) -> Callable[[Any], None]:
    """Refuse what are not so many rows of the table."""

    def check(answer: Any) -> None:
        if len(answer) != number:
            raise ValueError(f"{len(answer)} rows, and not {number}")
        for row in answer:
            is_row(row)

    return check


def is_many(answer: Any) -> None:
    """Refuse what is not the number of the rows that were inserted."""
    if answer != len(MANY):
        raise ValueError(f"{answer!r} rows inserted, and not {len(MANY)}")


ANSWERS: dict[str, Callable[[Any], None]] = {
    "row": is_row,
    "busy": is_row,
    "rows": are_rows(100),
    "queries": are_rows(20),
    "transaction": are_rows(20),
    "many": is_many,
}
