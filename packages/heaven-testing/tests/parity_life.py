"""Applications whose life is the scenario: each runs in a process of its own, or in a client of its own."""

from __future__ import annotations

import json
import os
from typing import Any

from heaven import SHUTDOWN, App
from parity_heaven import ticks, wait_at_gate
from parity_notes import note

KEY = "HEAVEN_PARITY_KEY"
"""The variable of the environment with the key for the notes of this life."""


def say(what: object) -> None:
    note(os.environ[KEY], what)


def saying(what: str) -> Any:
    """A function for an event, that notes it."""
    return lambda app: say(what)


steady = App()
steady.ONCE(saying("startup one"))
steady.ONCE(saying("startup two"))
steady.ON(SHUTDOWN, saying("shutdown one"))
steady.ON(SHUTDOWN, saying("shutdown two"))
steady.GET("/", lambda req, res, ctx: say("request") or "hello")
steady.GET("/url", lambda req, res, ctx: {"path": req.path, "url": req.url, "own": req.url_for("url")}, name="url")
steady.GET("/ticks", ticks)
steady.GET("/gated", wait_at_gate)


@steady.WS("/ws")
async def listen(req: Any, ws: Any, ctx: Any) -> None:
    await ws.accept()
    async for message in ws:
        await ws.send_text(message)


failing = App()
failing.ONCE(saying("startup one"))
failing.ON(SHUTDOWN, saying("shutdown"))


@failing.ONCE
async def fail(app: App) -> None:
    raise RuntimeError("no database")


falling = App()
falling.ON(SHUTDOWN, saying("shutdown one"))
falling.GET("/", lambda req, res, ctx: "hello")


@falling.ON(SHUTDOWN)
async def fall(app: App) -> None:
    raise RuntimeError("can't close")


falling.ON(SHUTDOWN, saying("shutdown three"))


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Bare ASGI with a lifespan: what it puts into its state its requests have, each in a copy of its own."""
    if scope["type"] == "lifespan":
        await receive()
        said = {name: value for name, value in scope.items() if name != "state"}
        scope["state"]["shared"] = ["startup"]
        scope["state"]["own"] = "startup"
        await send({"type": "lifespan.startup.complete"})
        say(json.dumps([said, (await receive())["type"]]))
        await send({"type": "lifespan.shutdown.complete"})
        say("returned")
    elif scope["type"] == "http":
        seen = json.dumps(scope["state"]).encode()
        scope["state"]["own"] = "request"
        if scope["path"] == "/state":
            scope["state"]["shared"].append("request")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": seen})
    else:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": json.dumps(scope["state"])})
        say((await receive())["type"])


async def lifeless(scope: Any, receive: Any, send: Any) -> None:
    """An application that returns from its lifespan at once, which is to have none."""
    if scope["type"] != "lifespan":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(scope["state"]).encode()})


async def failing_bare(scope: Any, receive: Any, send: Any) -> None:
    """Bare ASGI that says itself that it can't start."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})


LIVES: dict[str, Any] = {
    "steady": steady,
    "failing": failing,
    "falling": falling,
    "bare": bare,
    "lifeless": lifeless,
    "failing_bare": failing_bare,
}
