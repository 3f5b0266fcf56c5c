"""Where orders are kept: one class, and a database behind it.

The statements are the same for SQLite and MySQL; where the two differ, in their tables, `migrations/` has a file for
each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from heaven_contrib.sql import Database, IntegrityError, Queries

from schemas import Attachment, Line, NewOrder, Order, OrderRow, Page, Status, Summary

INSERT = "INSERT INTO orders VALUES (:id, :created, :customer, :email, :status, :total, :items, :note)"
ROW = "SELECT id, created, customer, status, total FROM orders"

LARGEST = 2**63 - 1
"""The largest number that a column can hold."""


class OrderMissing(LookupError):
    """There is no order, or no attachment, of this number."""


class OrderClosed(ValueError):
    """The order was shipped or cancelled already: it can't be cancelled any more."""


class OrderStore:
    """Lives as long as the application; several workers may have one each, on the same database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def load(self, orders: Iterable[Order]) -> int:
        """Fill an empty store with these orders; one that has orders stays as it is. Returns how many it holds now."""
        if await self._count() == 0:
            with suppress(IntegrityError):  # of several workers that start at the same time, one is the fastest
                await self._db.execute_many(INSERT, [to_row(order) for order in orders])
        return await self._count()

    async def _count(self, where: str = "", **values: Any) -> int:
        count: int = await self._db.fetch_value(f"SELECT count(*) FROM orders {where}", values)
        return count

    async def create(self, new: NewOrder, lines: Sequence[Line]) -> Order:
        """Keep a new order and give it its number."""
        total = sum(line.price * line.quantity for line in lines)
        now = datetime.now(UTC).replace(microsecond=0)
        order = Order(0, now, new.customer, new.email, "new", total, list(lines), new.note)
        done = await self._db.execute(INSERT, to_row(order))
        order.id = done.last_id or 0
        return order

    async def read(self, number: int) -> Order:
        """The order of this number, with its attachments; raises OrderMissing."""
        return await find(self._db, number)

    async def page(self, page: int, size: int, status: Status | None = None) -> Page:
        """One page of orders, newest first; all of them, or those of one status."""
        where, values = ("WHERE status = :status", {"status": status}) if status else ("", {})
        limit = {"size": size, "skipped": (page - 1) * size}
        query = f"{ROW} {where} ORDER BY id DESC LIMIT :size OFFSET :skipped"
        rows = await self._db.fetch_all(query, {**values, **limit}, into=OrderRow)
        return Page(rows, page, size, await self._count(where, **values))

    async def cancel(self, number: int) -> Order:
        """Cancel an order that was not shipped; raises OrderMissing or OrderClosed."""
        change = "UPDATE orders SET status = 'cancelled' WHERE id = :id AND status IN ('new', 'paid')"
        async with self._db.transaction() as tx:
            done = await tx.execute(change, {"id": known(number)})
            order = await find(tx, number)
        if not done.affected:
            raise OrderClosed(f"Order {number} is {order.status} and can't be cancelled.")
        return order

    async def attach(self, number: int, name: str, content_type: str, size: int, file: str) -> Attachment:
        """Note that `file` belongs to an order; raises OrderMissing."""
        insert = (
            "INSERT INTO attachments (order_id, name, content_type, size, file) "
            "VALUES (:order, :name, :content_type, :size, :file)"
        )
        values = {"order": known(number), "name": name, "content_type": content_type, "size": size, "file": file}
        try:
            done = await self._db.execute(insert, values)
        except IntegrityError as error:
            raise OrderMissing(f"There is no order {number}.") from error
        return Attachment(done.last_id or 0, name, content_type, size)

    async def attachment(self, number: int, attachment: int) -> tuple[str, str]:
        """The label and the file of an attachment; raises OrderMissing."""
        query = "SELECT name, file FROM attachments WHERE order_id = :order AND id = :id"
        row = await self._db.fetch_one(query, {"order": known(number), "id": known(attachment)})
        if row is None:
            raise OrderMissing(f"Order {number} has no attachment {attachment}.")
        return row["name"], row["file"]

    async def summary(self) -> Summary:
        """How many orders there are of each status, and what they are worth."""
        query = "SELECT status, count(*) AS orders, sum(total) AS total FROM orders GROUP BY status"
        rows = await self._db.fetch_all(query)
        counts: dict[str, int] = {row["status"]: row["orders"] for row in rows}
        return Summary(**counts, revenue=sum(int(row["total"]) for row in rows if row["status"] != "cancelled"))

    async def every(self, batch: int = 500) -> AsyncIterator[OrderRow]:
        """All orders, oldest first.

        In batches, so that memory holds one of them, and a client that reads slowly keeps no connection meanwhile.
        """
        query, last = f"{ROW} WHERE id > :last ORDER BY id LIMIT :batch", 0
        while rows := await self._db.fetch_all(query, {"last": last, "batch": batch}, into=OrderRow):
            for row in rows:
                yield row
            last = rows[-1].id


def known(number: int) -> int:
    """The number of something, if a column can hold it; raises OrderMissing."""
    if number > LARGEST:
        raise OrderMissing("No order has a number that large.")
    return number


def to_row(order: Order) -> dict[str, Any]:
    """An order as the columns of its table; one that has no number yet gets the next one."""
    values = {name: getattr(order, name) for name in ("created", "customer", "email", "status", "total", "note")}
    return {"id": order.id or None, "items": msgspec.json.encode(order.lines).decode(), **values}


async def find(db: Queries, number: int) -> Order:
    """The order of this number and its attachments, inside of a transaction or outside; raises OrderMissing."""
    row = await db.fetch_one("SELECT * FROM orders WHERE id = :id", {"id": known(number)})
    if row is None:
        raise OrderMissing(f"There is no order {number}.")
    query = "SELECT id, name, content_type, size FROM attachments WHERE order_id = :id ORDER BY id"
    attachments = await db.fetch_all(query, {"id": number}, into=Attachment)
    lines = msgspec.json.decode(row["items"])
    return msgspec.convert({**row, "lines": lines, "attachments": attachments}, Order, strict=False)
