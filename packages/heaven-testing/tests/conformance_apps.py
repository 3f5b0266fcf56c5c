"""Applications to watch: every peer's smallest one, one of Heaven's with all its kinds of answers, and a wrong one."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

from heaven import STARTUP, App

HELLO = Path(__file__).parents[3] / "benchmarks" / "hello"
PEERS = tuple(sorted(path.stem for path in HELLO.glob("[a-z]*.py")))
FOLDER = "HEAVEN_TEST_CONFORMANCE_FOLDER"


@cache
def peer(name: str) -> Any:
    """A peer's hello application, loaded once: some keep a register of their names."""
    spec = importlib.util.spec_from_file_location(f"hello_of_{name}", HELLO / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # some look their own module up
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a peer deprecates in another is not ours to mend
        spec.loader.exec_module(module)
    return module.app


async def wrong(scope: Any, receive: Any, send: Any) -> None:
    """Breaks a rule that uvicorn lets pass, so that it is certain who found it."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def rich() -> App:
    """An application of Heaven's that answers in every way it can."""
    app = App()
    folder = Path(os.environ[FOLDER])
    app.ON(STARTUP, lambda app: app.keep("ready", True))
    app.ASSETS(folder, "/assets")

    @app.GET("/json")
    async def json(req: Any, res: Any, ctx: Any) -> dict[str, bool]:
        return {"ok": True}

    @app.POST("/echo")
    async def echo(req: Any, res: Any, ctx: Any) -> bytes:
        return req.body

    @app.GET("/nothing")
    async def nothing(req: Any, res: Any, ctx: Any) -> None:
        res.status = 204

    @app.GET("/see")
    async def see(req: Any, res: Any, ctx: Any) -> None:
        res.redirect("/json")

    @app.GET("/crash")
    async def crash(req: Any, res: Any, ctx: Any) -> None:
        raise LookupError("as it is told to")

    @app.GET("/file")
    async def file(req: Any, res: Any, ctx: Any) -> None:
        res.file(folder / "letters.txt")

    @app.GET("/stream")
    async def stream(req: Any, res: Any, ctx: Any) -> None:
        res.stream(letters(), "text/plain")

    @app.GET("/events")
    async def events(req: Any, res: Any, ctx: Any) -> None:
        res.events(letters(), retry=10)

    @app.GET("/cookies")
    async def cookies(req: Any, res: Any, ctx: Any) -> str:
        res.cookie("a", "b")
        return "crumbs"

    @app.WS("/chat")
    async def chat(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept(ws.subprotocols[0] if ws.subprotocols else None, {"x-room": "7"})
        async for message in ws:
            if message == "bye":
                await ws.close(4000, "as you like")
            elif isinstance(message, str):
                await ws.send_text(message)
            else:
                await ws.send_bytes(message)

    @app.WS("/closed")
    async def closed(req: Any, ws: Any, ctx: Any) -> None:
        await ws.close()

    @app.WS("/denied")
    async def denied(req: Any, ws: Any, ctx: Any) -> None:
        await ws.deny(401, {"detail": "who are you?"}, headers={"www-authenticate": "Bearer"})

    return app


async def letters() -> AsyncIterator[str]:
    for letter in "abc":
        yield letter
