"""BlackSheep: typed handlers, pydantic models, services of rodi, and a mounted application with three middlewares."""

from __future__ import annotations

from typing import Any

from blacksheep import Application, Content, FromJSON, Request, Response
from blacksheep.exceptions import Forbidden
from blacksheep.server.routing import Router
from blacksheep.settings.json import json_settings
from rodi import Container

from benchmarks.peers.blacksheep import respond
from benchmarks.peers.fastapi import Order
from benchmarks.workload import DECODE, TALLY

DISTRIBUTIONS = ("blacksheep", "rodi", "pydantic")
NOTES = {
    "declared-post": "FromJSON[pydantic model]: a dataclass is not held to its types",
    "declared-dependencies": "three transient classes: its services are made by constructors, which see no request",
    "declared-levels": "3 middlewares of one mounted application: those of the applications around it would not run",
}

json_settings.use(loads=DECODE)


async def items(user: int, limit: int = 10, offset: int = 0, search: str = "", available: bool = False) -> Response:
    """`GET /users/{user}/items`."""
    return respond({"user": user, "limit": limit, "offset": offset, "search": search, "available": available})


async def create(order: FromJSON[Order]) -> Response:
    """`POST /orders`."""
    return Response(201, None, Content(b"application/json", order.value.model_dump_json().encode()))


class Settings:
    """The first dependency."""

    def __init__(self) -> None:
        TALLY.steps += 1
        self.database = "orders"


class Database:
    """The second, which needs the first."""

    def __init__(self, settings: Settings) -> None:
        TALLY.steps += 1
        self.name = settings.database


class Report:
    """The third, which needs the second."""

    def __init__(self, database: Database) -> None:
        TALLY.steps += 1
        self.content = {"database": database.name, "rows": 3}


async def read(report: Report) -> Response:
    """`GET /report`."""
    return respond(report.content)


def permission() -> Any:
    """A middleware of its own."""

    async def is_clerk(request: Request, handler: Any) -> Response:
        TALLY.steps += 1
        if request.headers.get_first(b"x-role") != b"clerk":
            raise Forbidden
        response: Response = await handler(request)
        return response

    return is_clerk


async def orders(request: Request) -> Response:
    """`GET /api/v1/shop/orders`."""
    return respond({"orders": 3})


def build() -> Application:
    """An application with a router and services of its own."""
    return Application(router=Router(), services=Container(), show_error_details=False)


def declared() -> Any:
    """All four."""
    shop = build()
    shop.middlewares.extend([permission(), permission(), permission()])
    shop.router.add_get("/orders", orders)
    app = build()
    for service in (Settings, Database, Report):
        app.services.add_transient(service)
    app.router.add_get("/users/{int:user}/items", items)
    app.router.add_post("/orders", create)
    app.router.add_get("/report", read)
    app.mount_registry.auto_events = True
    app.mount("/api/v1/shop", shop)
    return app
