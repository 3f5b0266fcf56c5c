"""Ravyn, formerly Esmerald: Gateways, Includes, `Inject`, permissions, msgspec Structs.

Its handlers want annotations that are types: it decodes no Struct whose name is a string.
"""

from typing import Any

from ravyn import Gateway, Include, Inject, Ravyn, Request, get, post
from ravyn.permissions import BasePermission

from benchmarks.workload import TALLY, Order

DISTRIBUTIONS = ("ravyn", "lilya", "msgspec")
NOTES = {
    "declared-post": "msgspec Struct as `data`",
    "declared-dependencies": "three async functions",
    "declared-levels": "nested Includes with a permission each",
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


async def settings() -> Any:
    """The first dependency."""
    TALLY.steps += 1
    return {"database": "orders"}


async def database(settings: Any) -> Any:
    """The second, which needs the first."""
    TALLY.steps += 1
    return {"name": settings["database"]}


async def report(database: Any) -> Any:
    """The third, which needs the second."""
    TALLY.steps += 1
    return {"database": database["name"], "rows": 3}


@get("/report", dependencies={"settings": Inject(settings), "database": Inject(database), "report": Inject(report)})
async def read(report: Any) -> dict[str, Any]:
    """`GET /report`."""
    content: dict[str, Any] = report
    return content


class IsClerk(BasePermission):
    """What each level asks for."""

    async def has_permission(self, request: Request, controller: Any) -> bool:
        """Look at one header."""
        TALLY.steps += 1
        return request.headers.get("x-role") == "clerk"


class MayUseApi(IsClerk):
    """The outermost level's."""


class MayUseVersion(IsClerk):
    """The next level's."""


class MayShop(IsClerk):
    """The innermost level's."""


@get("/orders")
async def orders() -> dict[str, int]:
    """`GET /api/v1/shop/orders`."""
    return {"orders": 3}


def declared() -> Any:
    """All four."""
    shop = Include("/shop", permissions=[MayShop], routes=[Gateway(handler=orders)])
    version = Include("/v1", permissions=[MayUseVersion], routes=[shop])
    api = Include("/api", permissions=[MayUseApi], routes=[version])
    return Ravyn(
        routes=[Gateway(handler=items), Gateway(handler=create), Gateway(handler=read), api], enable_openapi=False
    )
