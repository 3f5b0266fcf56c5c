"""A route of the core whose handler has a value written by a `Responder`, and a client that asks for it once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heaven import App
from heaven_contrib.routing.responding.responder import Responder
from heaven_testing import Client


async def answered(
    value: Any, method: str = "GET", *, asking: Mapping[str, str] | None = None, fails: bool = False, **options: Any
) -> Any:
    """What a client gets for a value; `options` are those of the Responder."""
    app = App()
    respond = Responder(**options)

    async def handler(req, res, ctx):
        respond(value, res)

    app.GET("/", handler)
    app.POST("/", handler)
    async with Client(app, raise_app_exceptions=not fails) as client:
        response = await client.request(method, "/", headers=asking)
        await client.settled()
    return response
