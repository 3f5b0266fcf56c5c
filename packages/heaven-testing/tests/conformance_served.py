"""What uvicorn serves in `test_conformance_peers.py`: all applications at once, each watched; a header says which."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from conformance_apps import PEERS, peer, rich, wrong
from heaven_testing import conforming

FOUND: dict[str, list[str]] = {}
APPS: dict[str, Any] = {}


def watched(name: str, app: Any) -> Any:
    FOUND[name] = []
    return conforming(app, on_violation=lambda error: FOUND[name].append(error.rule.id))


class Life:
    """One application's lifespan, fed with what the server says to all of them."""

    def __init__(self, app: Any, scope: Any) -> None:
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._answered = asyncio.Event()
        self._task = asyncio.create_task(self._run(app, {**scope, "state": {}}))

    async def _run(self, app: Any, scope: Any) -> None:
        try:
            await app(scope, self._inbox.get, self._send)
        except Exception:  # it takes no part
            pass
        finally:
            self._answered.set()

    async def _send(self, message: Any) -> None:
        self._answered.set()

    async def hear(self, message: Any) -> None:
        if not self._task.done():
            self._answered.clear()
            await self._inbox.put(dict(message))
            await self._answered.wait()

    async def end(self) -> None:
        await asyncio.wait((self._task,), timeout=5)


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    lives = [Life(app, scope) for app in APPS.values()]
    for event in ("startup", "shutdown"):
        message = await receive()
        for life in lives:
            await life.hear(message)
        if event == "shutdown":
            for life in lives:
                await life.end()
        await send({"type": f"lifespan.{event}.complete"})


async def report(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(FOUND).encode()})


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Hand a request to the application that its header names; without one, tell what was found."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    name = dict(scope["headers"]).get(b"x-peer", b"").decode()
    if name:
        await APPS[name](scope, receive, send)
    else:
        await report(send)


APPS.update({name: watched(name, peer(name)) for name in PEERS})
APPS["rich"] = watched("rich", rich())
APPS["wrong"] = watched("wrong", wrong)
