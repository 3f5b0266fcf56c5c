"""heaven_contrib.routing, installed from this repository."""

from __future__ import annotations

from typing import Any

from benchmarks.workload import TALLY, Order
from heaven import Request
from heaven_contrib.routing import BasePermission, Gateway, Include, Inject, Router, get, post

DISTRIBUTIONS = ("heaven-contrib", "heaven-core", "msgspec")
NOTES = {"declared-dependencies": "three async functions"}


@get()
async def items(
    user: int, limit: int = 10, offset: int = 0, search: str = "", available: bool = False
) -> dict[str, Any]:
    """`GET /users/{user}/items`."""
    return {"user": user, "limit": limit, "offset": offset, "search": search, "available": available}


@post()
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


@get(dependencies={"settings": Inject(settings), "database": Inject(database), "report": Inject(report)})
async def read(report: dict[str, Any]) -> dict[str, Any]:
    """`GET /report`."""
    return report


class IsClerk(BasePermission):
    """What each level asks for."""

    def has_permission(self, request: Request, apiview: Any) -> bool:
        """Look at one header."""
        TALLY.steps += 1
        return request.headers.get("x-role") == "clerk"


class MayUseApi(IsClerk):
    """The outermost level's."""


class MayUseVersion(IsClerk):
    """The next level's."""


class MayShop(IsClerk):
    """The innermost level's."""


@get()
async def orders() -> dict[str, int]:
    """`GET /api/v1/shop/orders`."""
    return {"orders": 3}


def declared() -> Any:
    """All four."""
    shop = Include("/shop", permissions=[MayShop], routes=[Gateway("/orders", handler=orders)])
    version = Include("/v1", permissions=[MayUseVersion], routes=[shop])
    return Router(
        routes=[
            Gateway("/users/{user:int}/items", handler=items),
            Gateway("/orders", handler=create),
            Gateway("/report", handler=read),
            Include("/api", permissions=[MayUseApi], routes=[version]),
        ]
    )
