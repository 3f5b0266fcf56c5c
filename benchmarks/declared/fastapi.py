"""FastAPI: typed functions, pydantic models, `Depends`, and an APIRouter with a dependency for each level."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse

from benchmarks.peers.fastapi import Order, build
from benchmarks.peers.starlette import FastJSON
from benchmarks.workload import TALLY

DISTRIBUTIONS = ("fastapi", "pydantic", "starlette")
NOTES = {
    "declared-get": "the response is returned directly",
    "declared-post": "pydantic model, in and as response model",
    "declared-dependencies": "three async functions",
    "declared-levels": "nested APIRouters with a dependency each",
}


async def items(user: int, limit: int = 10, offset: int = 0, search: str = "", available: bool = False) -> JSONResponse:
    """`GET /users/{user}/items`."""
    return FastJSON({"user": user, "limit": limit, "offset": offset, "search": search, "available": available})


async def create(order: Order) -> Order:
    """`POST /orders`."""
    return order


async def settings() -> dict[str, str]:
    """The first dependency."""
    TALLY.steps += 1
    return {"database": "orders"}


async def database(settings: Annotated[dict[str, str], Depends(settings)]) -> dict[str, str]:
    """The second, which needs the first."""
    TALLY.steps += 1
    return {"name": settings["database"]}


async def report(database: Annotated[dict[str, str], Depends(database)]) -> dict[str, Any]:
    """The third, which needs the second."""
    TALLY.steps += 1
    return {"database": database["name"], "rows": 3}


async def read(report: Annotated[dict[str, Any], Depends(report)]) -> JSONResponse:
    """`GET /report`."""
    return FastJSON(report)


def permission() -> Any:
    """A dependency of its own: the same one would run once for all three levels."""

    async def is_clerk(request: Request) -> None:
        TALLY.steps += 1
        if request.headers.get("x-role") != "clerk":
            raise HTTPException(403)

    return Depends(is_clerk)


async def orders() -> JSONResponse:
    """`GET /api/v1/shop/orders`."""
    return FastJSON({"orders": 3})


def declared() -> Any:
    """All four."""
    app = build()
    app.get("/users/{user}/items")(items)
    app.post("/orders", status_code=201)(create)
    app.get("/report")(read)
    shop = APIRouter(prefix="/shop", dependencies=[permission()])
    shop.get("/orders")(orders)
    version = APIRouter(prefix="/v1", dependencies=[permission()])
    version.include_router(shop)
    api = APIRouter(prefix="/api", dependencies=[permission()])
    api.include_router(version)
    app.include_router(api)
    return app
