"""Where orders are kept: one class, SQLite behind it.

Every method is `async` and speaks in schemas, so replacing SQLite by a server is a change of this file alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from schemas import Attachment, Line, NewOrder, Order, OrderRow, Page, Status, Summary

T = TypeVar("T")

TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, created TEXT NOT NULL, customer TEXT NOT NULL, email TEXT NOT NULL,
    status TEXT NOT NULL, total INTEGER NOT NULL, lines TEXT NOT NULL, note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_by_status ON orders (status, id);
CREATE TABLE IF NOT EXISTS attachments (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders, name TEXT NOT NULL,
    content_type TEXT NOT NULL, size INTEGER NOT NULL, file TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attachments_by_order ON attachments (order_id);
"""

INSERT = "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class OrderMissing(LookupError):
    """There is no order, or no attachment, of this number."""


class OrderClosed(ValueError):
    """The order was shipped or cancelled already: it can't be cancelled any more."""


class OrderStore:
    """Lives as long as the application: one SQLite connection, used from threads, by one of them at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file, and create what is not in it."""

        def connect() -> sqlite3.Connection:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, check_same_thread=False, timeout=10)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(TABLES)
            return connection

        self._connection = await asyncio.to_thread(connect)

    async def close(self) -> None:
        """Close the file, when whatever is running on it has ended."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(self._alone, connection.close)

    def _alone(self, work: Callable[[], T]) -> T:
        with self._turn:
            return work()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a thread as one transaction: committed when it returns, rolled back when it raises."""
        connection = self._connection
        if connection is None:
            raise RuntimeError("OrderStore is closed; call open() first")

        def transaction() -> T:
            try:
                with connection:
                    return work(connection)
            except OverflowError as error:
                raise OrderMissing("No order has a number that large.") from error

        return await asyncio.to_thread(self._alone, transaction)

    async def load(self, orders: Iterable[Order]) -> int:
        """Fill an empty store with these orders; one that has orders stays as it is. Returns how many it holds now."""

        def work(db: sqlite3.Connection) -> int:
            db.execute("BEGIN IMMEDIATE")
            count: int = db.execute("SELECT count(*) FROM orders").fetchone()[0]
            if count == 0:
                count = db.executemany(INSERT, map(to_row, orders)).rowcount
            return count

        return await self._run(work)

    async def create(self, new: NewOrder, lines: Sequence[Line]) -> Order:
        """Keep a new order and give it its number."""
        total = sum(line.price * line.quantity for line in lines)
        now = datetime.now(UTC).replace(microsecond=0)
        order = Order(0, now, new.customer, new.email, "new", total, list(lines), new.note)

        def work(db: sqlite3.Connection) -> Order:
            order.id = db.execute(INSERT, to_row(order)).lastrowid or 0
            return order

        return await self._run(work)

    async def read(self, number: int) -> Order:
        """The order of this number, with its attachments; raises OrderMissing."""
        return await self._run(lambda db: find(db, number))

    async def page(self, page: int, size: int, status: Status | None = None) -> Page:
        """One page of orders, newest first; all of them, or those of one status."""
        where, values = ("WHERE status = ?", [status]) if status else ("", [])

        def work(db: sqlite3.Connection) -> Page:
            total = db.execute(f"SELECT count(*) FROM orders {where}", values).fetchone()[0]
            rows = db.execute(
                f"SELECT id, created, customer, status, total FROM orders {where} ORDER BY id DESC LIMIT ? OFFSET ?",
                [*values, size, (page - 1) * size],
            )
            return Page([msgspec.convert(dict(row), OrderRow) for row in rows], page, size, total)

        return await self._run(work)

    async def cancel(self, number: int) -> Order:
        """Cancel an order that was not shipped; raises OrderMissing or OrderClosed."""

        def work(db: sqlite3.Connection) -> Order:
            change = "UPDATE orders SET status = 'cancelled' WHERE id = ? AND status IN ('new', 'paid')"
            changed = db.execute(change, [number]).rowcount
            order = find(db, number)
            if not changed:
                raise OrderClosed(f"Order {number} is {order.status} and can't be cancelled.")
            return order

        return await self._run(work)

    async def attach(self, number: int, name: str, content_type: str, size: int, file: str) -> Attachment:
        """Note that `file` belongs to an order; raises OrderMissing."""

        def work(db: sqlite3.Connection) -> Attachment:
            find(db, number)
            cursor = db.execute(
                "INSERT INTO attachments (order_id, name, content_type, size, file) VALUES (?, ?, ?, ?, ?)",
                [number, name, content_type, size, file],
            )
            return Attachment(cursor.lastrowid or 0, name, content_type, size)

        return await self._run(work)

    async def attachment(self, number: int, attachment: int) -> tuple[str, str]:
        """The label and the file of an attachment; raises OrderMissing."""

        def work(db: sqlite3.Connection) -> tuple[str, str]:
            query = "SELECT name, file FROM attachments WHERE order_id = ? AND id = ?"
            row = db.execute(query, [number, attachment]).fetchone()
            if row is None:
                raise OrderMissing(f"Order {number} has no attachment {attachment}.")
            return row["name"], row["file"]

        return await self._run(work)

    async def summary(self) -> Summary:
        """How many orders there are of each status, and what they are worth."""

        def work(db: sqlite3.Connection) -> Summary:
            rows = db.execute("SELECT status, count(*), sum(total) FROM orders GROUP BY status").fetchall()
            counts: dict[str, int] = {row[0]: row[1] for row in rows}
            return Summary(**counts, revenue=sum(row[2] for row in rows if row[0] != "cancelled"))

        return await self._run(work)

    async def every(self, batch: int = 500) -> AsyncIterator[Order]:
        """All orders, oldest first, read in batches so that memory holds one of them."""
        query, last = "SELECT * FROM orders WHERE id > ? ORDER BY id LIMIT ?", 0
        while rows := await self._run(lambda db: db.execute(query, [last, batch]).fetchall()):  # noqa: B023 - awaited here
            for row in rows:
                yield from_row(row)
            last = rows[-1]["id"]


def to_row(order: Order) -> list[Any]:
    """An order as the columns of its table; one that has no number yet gets the next one."""
    lines = msgspec.json.encode(order.lines).decode()
    created = order.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [order.id or None, created, order.customer, order.email, order.status, order.total, lines, order.note]


def from_row(row: sqlite3.Row, attachments: Iterable[Attachment] = ()) -> Order:
    """The columns of its table as an order."""
    values = dict(row) | {"lines": msgspec.json.decode(row["lines"]), "attachments": list(attachments)}
    return msgspec.convert(values, Order)


def find(db: sqlite3.Connection, number: int) -> Order:
    """The order of this number and its attachments; raises OrderMissing."""
    row = db.execute("SELECT * FROM orders WHERE id = ?", [number]).fetchone()
    if row is None:
        raise OrderMissing(f"There is no order {number}.")
    query = "SELECT id, name, content_type, size FROM attachments WHERE order_id = ? ORDER BY id"
    return from_row(row, [Attachment(**dict(attachment)) for attachment in db.execute(query, [number])])
