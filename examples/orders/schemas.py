"""What goes over the wire: the types of bodies, checked by `expects=` and written by `returns=`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from heaven import Upload
from msgspec import Meta, Struct

Status = Literal["new", "paid", "shipped", "cancelled"]
Cents = Annotated[int, Meta(ge=0)]


class Product(Struct, frozen=True):
    """Something the shop sells; money is always in cents."""

    sku: str
    name: str
    price: Cents


class NewLine(Struct, forbid_unknown_fields=True):
    """One line of an order as a customer asks for it: the price is the shop's to say."""

    sku: Annotated[str, Meta(pattern=r"^[A-Z]{3}-[0-9]{4}$", examples=["MUG-0201"])]
    quantity: Annotated[int, Meta(ge=1, le=99)] = 1


class NewOrder(Struct, forbid_unknown_fields=True):
    """The body of `POST /orders`."""

    customer: Annotated[str, Meta(min_length=1, max_length=80, examples=["Ada Lovelace"])]
    email: Annotated[str, Meta(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$", examples=["ada@example.com"])]
    lines: Annotated[list[NewLine], Meta(min_length=1, max_length=20)]
    note: Annotated[str, Meta(max_length=500)] = ""


class Line(Struct):
    """One line of an order as the shop keeps it."""

    sku: str
    name: str
    quantity: int
    price: Cents


class Form(Struct):
    """The body of `POST /orders/7/attachments`."""

    file: Upload


class Attachment(Struct):
    """A file that belongs to an order; `name` is what the uploader called it, a label and never a path."""

    id: int
    name: str
    content_type: str
    size: int
    url: str = ""


class Order(Struct):
    """An order with everything that belongs to it."""

    id: int
    created: datetime
    customer: str
    email: str
    status: Status
    total: Cents
    lines: list[Line]
    note: str = ""
    attachments: list[Attachment] = []


class OrderRow(Struct):
    """An order in a list."""

    id: int
    created: datetime
    customer: str
    status: Status
    total: Cents


class Page(Struct):
    """One page of orders, newest first, and where its neighbours are."""

    items: list[OrderRow]
    page: int
    size: int
    total: int
    next: str | None = None
    previous: str | None = None


class Summary(Struct):
    """How the shop is doing: orders by status, and the value of those that were not cancelled."""

    new: int = 0
    paid: int = 0
    shipped: int = 0
    cancelled: int = 0
    revenue: Cents = 0


class Hello(Struct, tag="hello"):
    """The first message on the staff board: who is there, and the API key that proves it."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    key: str


class Say(Struct, tag="say"):
    """A line of chat between the staff."""

    text: Annotated[str, Meta(min_length=1, max_length=500)]
