"""What type checkers make of the SQL battery: rows are of the type that was asked for. Never executed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from heaven import App, Context, Request, Response
from heaven_contrib.sql import DATABASE, TRANSACTION, Database, Done, Queries, Transaction


@dataclass
class Order:
    id: int
    total: int


async def rows(db: Database) -> None:
    assert_type(await db.fetch_all("SELECT 1"), list[dict[str, Any]])
    assert_type(await db.fetch_all("SELECT 1", {"a": 1}, into=Order), list[Order])
    assert_type(await db.fetch_one("SELECT 1"), dict[str, Any] | None)
    assert_type(await db.fetch_one("SELECT 1", into=Order), Order | None)
    assert_type(await db.fetch_value("SELECT 1"), Any)
    assert_type(await db.execute("DELETE FROM orders"), Done)
    assert_type(await db.execute_many("DELETE FROM orders WHERE id = :id", [{"id": 1}]), int)
    async for row in db.fetch_iter("SELECT 1"):
        assert_type(row, dict[str, Any])
    async for order in db.fetch_iter("SELECT 1", into=Order):
        assert_type(order, Order)


async def inside_and_outside(db: Queries) -> int:
    async with db.transaction() as tx:
        assert_type(tx, Transaction)
        async with tx.transaction() as inner:
            assert_type(inner, Transaction)
            return (await inner.execute("DELETE FROM orders")).affected


async def handler(req: Request, res: Response, ctx: Context) -> None:
    assert_type(req.app.peek(DATABASE), Database | None)
    assert_type(ctx.peek(TRANSACTION), Transaction | None)


db = Database("sqlite://:memory:", credentials=lambda: ("user", "password"))
app = App()
app.plugin(db)
app.BEFORE("/orders/*", db.begin)
app.GET("/orders", handler)


async def both(db: Database) -> None:
    await inside_and_outside(db)
    async with db.transaction(isolation="serializable", read_only=True) as tx:
        await inside_and_outside(tx)
    db.transaction(isolation="strict")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.fetch_all("SELECT 1", ["a"])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
