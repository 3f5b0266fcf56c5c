"""Orders over HTTP: list, create, read, cancel, export."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import AsyncIterator
from typing import get_args

from heaven import Context, Request, Response, ValidationError
from heaven_contrib.openapi import OpenAPIResponse, Problem, describe

from board import Board
from catalogue import Catalogue, price
from schemas import NewOrder, Order, OrderRow, Page, Product, Status, Summary
from settings import HERE
from storage import OrderStore

logger = logging.getLogger("shop")

ONLY_OWN = "default-src 'self'; frame-ancestors 'none'"
"""The Content-Security-Policy of the page."""

LARGEST_PAGE = 100
LAST_PAGE = 1_000_000
STATUSES: tuple[Status, ...] = get_args(Status)


@describe(include_in_schema=False)
async def home(req: Request, res: Response, ctx: Context) -> None:
    """GET /: the page that uses all of this; it may load and run nothing that is not the shop's own."""
    res.headers["content-security-policy"] = ONLY_OWN
    res.file(HERE / "static" / "index.html")


async def list_products(req: Request, res: Response, ctx: Context) -> list[Product]:
    """GET /products: what the shop sells."""
    products: Catalogue = req.app.peek("products")
    return list(products.values())


async def summarise(req: Request, res: Response, ctx: Context) -> Summary:
    """GET /summary: how the shop is doing."""
    orders: OrderStore = req.app.peek("orders")
    return await orders.summary()


async def list_orders(req: Request, res: Response, ctx: Context) -> Page:
    """GET /orders?page=1&size=20&status=new: one page of orders, newest first."""
    orders: OrderStore = req.app.peek("orders")
    number, size, status = page_wanted(req)
    return with_neighbours(req, await orders.page(number, size, status), status)


def with_neighbours(req: Request, page: Page, status: Status | None) -> Page:
    """Fill in where the pages before and after this one are."""
    address = req.url_for("orders") + f"?size={page.size}" + (f"&status={status}" if status else "") + "&page="
    page.previous = f"{address}{page.page - 1}" if page.page > 1 else None
    page.next = f"{address}{page.page + 1}" if page.page * page.size < page.total else None
    return page


def page_wanted(req: Request) -> tuple[int, int, Status | None]:
    """Which page a client asks for; raises ValidationError with everything that is wrong with it."""
    number: int = req.queries.get("page", 1)
    size: int = req.queries.get("size", 20)
    status: Status | None = req.queries.get("status") or None
    wrong = {
        "page": not 1 <= number <= LAST_PAGE and f"Expected 1 to {LAST_PAGE}.",
        "size": not 1 <= size <= LARGEST_PAGE and f"Expected 1 to {LARGEST_PAGE}.",
        "status": status not in (None, *STATUSES) and f"Expected one of {', '.join(STATUSES)}.",
    }
    errors = [{"loc": ["query", name], "msg": message} for name, message in wrong.items() if message]
    if errors:
        raise ValidationError(errors)
    return number, size, status


@describe(status=201)
async def create_order(req: Request, res: Response, ctx: Context) -> Order:
    """POST /orders: take a new order; once the answer is sent, tell everybody, and confirm it to the customer."""
    orders: OrderStore = req.app.peek("orders")
    board: Board = req.app.peek("board")
    new: NewOrder = req.data
    order = await orders.create(new, price(new.lines, req.app.peek("products")))
    res.defer(board.publish, "created", to_list(order))
    res.defer(confirm, order)
    res.status = 201
    res.headers["location"] = req.url_for("order", id=order.id)
    return order


def to_list(order: Order) -> OrderRow:
    """An order as it stands in a list."""
    return OrderRow(order.id, order.created, order.customer, order.status, order.total)


def confirm(order: Order) -> None:
    """Stands for a mail to the customer: slow things that the answer need not wait for."""
    logger.info("order %d is confirmed to its customer", order.id)


@describe(responses={404: Problem})
async def read_order(req: Request, res: Response, ctx: Context) -> Order:
    """GET /orders/7: one order, with links to its attachments."""
    orders: OrderStore = req.app.peek("orders")
    return with_links(req, await orders.read(req.params["id"]))


@describe(responses={404: Problem, 409: Problem})
async def cancel_order(req: Request, res: Response, ctx: Context) -> Order:
    """POST /orders/7/cancel: cancel an order that was not shipped; the staff see it on the board."""
    orders: OrderStore = req.app.peek("orders")
    board: Board = req.app.peek("board")
    order = await orders.cancel(req.params["id"])
    res.defer(board.publish, "cancelled", to_list(order))
    return with_links(req, order)


def with_links(req: Request, order: Order) -> Order:
    """Fill in where the attachments of an order can be downloaded."""
    for attachment in order.attachments:
        attachment.url = req.url_for("attachment", id=order.id, attachment=attachment.id)
    return order


@describe(responses={200: OpenAPIResponse(str, "A line an order.", "text/csv")})
async def export_orders(req: Request, res: Response, ctx: Context) -> None:
    """GET /orders.csv: every order as CSV, sent while it is read, so that memory never holds them all."""
    orders: OrderStore = req.app.peek("orders")
    res.headers["content-type"] = "text/csv; charset=utf-8"
    res.headers["content-disposition"] = 'attachment; filename="orders.csv"'
    res.stream(csv_of(orders))


async def csv_of(orders: OrderStore) -> AsyncIterator[str]:
    """A header line, then a line an order."""
    yield csv_line("id", "created", "customer", "status", "total")
    async for order in orders.every():
        yield csv_line(order.id, order.created.isoformat(), order.customer, order.status, f"{order.total / 100:.2f}")


def csv_line(*values: object) -> str:
    """One line of CSV; text that a spreadsheet would take for a formula is defused with an apostrophe."""
    line = io.StringIO()
    csv.writer(line).writerow(f"'{value}" if str(value)[:1] in "=+-@" else value for value in values)
    return line.getvalue()
