"""Litestar: typed handlers, msgspec Structs, `Provide`, and a Router with a guard for each level."""

from __future__ import annotations

from typing import Any

from litestar import Router, get, post
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from benchmarks.peers.litestar import build
from benchmarks.workload import TALLY, Order

DISTRIBUTIONS = ("litestar", "msgspec")
NOTES = {
    "declared-post": "msgspec Struct as `data`",
    "declared-dependencies": "three async functions",
    "declared-levels": "nested Routers with a guard each",
}


@get("/users/{user:int}/items")
async def items(
    user: int, limit: int = 10, offset: int = 0, search: str = "", available: bool = False
) -> dict[str, Any]:
    """`GET /users/{user}/items`."""
    return {"user": user, "limit": limit, "offset": offset, "search": search, "available": available}


@post("/orders")
async def create(data: Order) -> Order:
    """`POST /orders`."""
    return data


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


@get("/report", dependencies={"settings": Provide(settings), "database": Provide(database), "report": Provide(report)})
async def read(report: dict[str, Any]) -> dict[str, Any]:
    """`GET /report`."""
    return report


def guard() -> Any:
    """A guard of its own."""

    async def is_clerk(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        TALLY.steps += 1
        if connection.headers.get("x-role") != "clerk":
            raise PermissionDeniedException

    return is_clerk


@get("/orders")
async def orders() -> dict[str, int]:
    """`GET /api/v1/shop/orders`."""
    return {"orders": 3}


def declared() -> Any:
    """All four."""
    shop = Router("/shop", guards=[guard()], route_handlers=[orders])
    version = Router("/v1", guards=[guard()], route_handlers=[shop])
    return build([items, create, read, Router("/api", guards=[guard()], route_handlers=[version])])
