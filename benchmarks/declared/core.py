"""The same written by hand on the core of Heaven: what the declarations are a front for."""

from __future__ import annotations

from typing import Any

from benchmarks.workload import TALLY, Order
from heaven import App, Context, Request, Response

DISTRIBUTIONS = ("heaven-core", "msgspec")
NOTES = {
    "declared-dependencies": "the handler calls the first, and hands each to the next",
    "declared-levels": "3 BEFORE hooks",
}


async def items(req: Request, res: Response, ctx: Context) -> Any:
    """`GET /users/{user}/items`."""
    queries = req.queries
    return {
        "user": req.params["user"],
        "limit": queries.get("limit", 10),
        "offset": queries.get("offset", 0),
        "search": queries.get("search", ""),
        "available": queries.get("available", False),
    }


async def create(req: Request, res: Response, ctx: Context) -> Any:
    """`POST /orders`."""
    res.status = 201
    return req.data


async def settings() -> dict[str, str]:
    """The first dependency."""
    TALLY.steps += 1
    return {"database": "orders"}


async def database(settings: dict[str, str]) -> dict[str, str]:
    """The second, which needs the first."""
    TALLY.steps += 1
    return {"name": settings["database"]}


async def report(database: dict[str, str]) -> dict[str, Any]:
    """The third, which needs the second."""
    TALLY.steps += 1
    return {"database": database["name"], "rows": 3}


async def read(req: Request, res: Response, ctx: Context) -> Any:
    """`GET /report`."""
    return await report(await database(await settings()))


def permission() -> Any:
    """A hook of its own: each runs once a request."""

    async def is_clerk(req: Request, res: Response, ctx: Context) -> None:
        TALLY.steps += 1
        if req.headers.get("x-role") != "clerk":
            res.abort(403)

    return is_clerk


async def orders(req: Request, res: Response, ctx: Context) -> Any:
    """`GET /api/v1/shop/orders`."""
    return {"orders": 3}


def declared() -> Any:
    """All four."""
    app = App()
    app.GET("/users/:user:int/items?limit:int&offset:int&available:bool", items)
    app.POST("/orders", create, expects=Order)
    app.GET("/report", read)
    for level in ("/api/*", "/api/v1/*", "/api/v1/shop/*"):
        app.BEFORE(level, permission())
    app.GET("/api/v1/shop/orders", orders)
    return app
