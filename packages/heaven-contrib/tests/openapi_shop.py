"""A small shop of core routes, as the tests of OpenAPI document and serve it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from heaven import App, HTTPError, NotFound, Router
from heaven_contrib.openapi import OpenAPI, Problem, describe


class Line(Struct):
    """One line of an order."""

    sku: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    quantity: Annotated[int, Meta(ge=1, le=99)] = 1


class Order(Struct):
    """What a customer wants."""

    customer: str
    lines: list[Line]
    status: Literal["new", "paid"] = "new"


class Kept(Order, kw_only=True):
    """An order as the shop keeps it."""

    id: int


@describe(responses={401: Problem}, security=["key"])
async def require_key(req, res, ctx):
    if req.headers.get("x-key") != "secret":
        raise HTTPError(401, "Send the key.")


@describe(status=201, responses={409: Problem}, tags=["orders"])
async def create_order(req, res, ctx):
    """Take an order."""
    res.status = 201
    order = req.data
    return Kept(order.customer, order.lines, order.status, id=7)


@describe(tags=["orders"], responses={404: Problem})
async def read_order(req, res, ctx):
    """One *order*, as it was taken."""
    if req.params["id"] != 7:
        raise NotFound("There is no such order.")
    return Kept("Ada", [Line("TEA")], id=7)


@describe(tags=["orders"])
async def list_orders(req, res, ctx):
    """The newest orders first."""
    return []


@describe(summary="Send a picture", body={"multipart/form-data": dict[str, bytes]}, deprecated=True)
async def upload(req, res, ctx):
    async for _ in req.stream():
        pass


async def product(req, res, ctx):
    return {"id": req.params["id"]}


async def everything(req, res, ctx):
    return req.method


async def talk(req, ws, ctx):
    await ws.accept()


def make_shop(**settings):
    """The shop, with its documentation."""
    app, stock = App(), Router()
    app.plugin(
        OpenAPI(
            "Tea shop",
            "1.2",
            description="Everything for *tea*.",
            tags={"orders": "What customers want."},
            security_schemes={"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
            **settings,
        )
    )
    app.BEFORE("/orders/*", require_key, methods=["POST"])
    app.GET("/orders?page:int&status", list_orders, returns=list[Kept])
    app.POST("/orders", create_order, expects=Order, returns=Kept)
    app.GET("/orders/:id:int", read_order, returns=Kept)
    app.POST("/orders/:id:int/picture", upload, stream=True, max_body_size=10_000, timeout=5)
    app.HTTP("/echo/*", everything)
    app.WS("/talk", talk)
    stock.GET("/products/:id:uuid", product, returns=dict[str, UUID])
    app.mount(stock, "/stock")
    return app


app = make_shop()
