"""Scenarios of an application's life: each starts one, uses it, and sees how it ended."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from heaven_testing import ServerDidNotStart, ServerProcess, ShutdownFailed, StartupFailed
from parity_agents import Agent, OverClient, OverSocket, OverSyncClient
from parity_life import KEY, LIVES
from parity_notes import noted, notes, open_gate
from parity_scenarios import until_closed

TESTS = Path(__file__).parent
UVICORN = (sys.executable, "-m", "uvicorn", "--app-dir", str(TESTS), "--port", "{port}", "--no-proxy-headers")
"""Without proxy headers: that a server believes them is an option of it, and not ASGI."""


class NotStarted(Exception):
    """The application refused to start."""


class Launch:
    """Starts applications one way: `async with launch("steady") as agent`; `ended` says afterwards how that ended."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.key = uuid.uuid4().hex
        self.ended: Literal["complete", "failed", ""] = ""

    @asynccontextmanager
    async def __call__(self, name: str, *, root_path: str = "") -> AsyncIterator[Agent]:
        begin = self._process(name, root_path) if self.way == "uvicorn" else self._client(name, root_path)
        async with begin as agent:
            yield agent

    @asynccontextmanager
    async def _process(self, name: str, root_path: str) -> AsyncIterator[Agent]:
        options = ["--root-path", root_path] if root_path else []
        server = ServerProcess([*UVICORN, f"parity_life:{name}", *options], path="/nothing", env={KEY: self.key})
        try:
            await asyncio.to_thread(server.__enter__)
        except ServerDidNotStart as error:
            if "Application startup failed" not in str(error):
                raise
            raise NotStarted from None
        agent = OverSocket(name, server)
        try:
            await agent.begin()
            yield agent
            await agent.end()
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)
        self.ended = "failed" if "Application shutdown failed" in server.output else "complete"

    @asynccontextmanager
    async def _client(self, name: str, root_path: str) -> AsyncIterator[Agent]:
        agent = (OverClient if self.way == "Client" else OverSyncClient)(name, LIVES[name], root_path=root_path)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv(KEY, self.key)
            try:
                await agent.begin()
            except StartupFailed:
                raise NotStarted from None
            self.ended = "complete"
            try:
                yield agent
            finally:
                try:
                    await agent.end()
                except ShutdownFailed:
                    self.ended = "failed"


@dataclass(frozen=True)
class Life:
    """One scenario of this kind."""

    run: Callable[[Launch], Awaitable[Any]]
    expected: Any


LIFESPANS: dict[str, Life] = {}


def life(expected: Any) -> Callable[[Any], Any]:
    """Put a function into the table; its docstring says the rule."""

    def decorate(function: Any) -> Any:
        LIFESPANS[function.__name__] = Life(function, expected)
        return function

    return decorate


@life(("complete", ["startup one", "startup two", "request", "shutdown two", "shutdown one"]))
async def events_in_order(launch: Launch) -> Any:
    """What starts runs before the first request, and what stops after the last one, the other way round."""
    async with launch("steady") as agent:
        await agent.request("GET", "/")
    return launch.ended, notes(launch.key)


@life(("NotStarted", ["startup one", "shutdown"]))
async def startup_that_fails(launch: Launch) -> Any:
    """Nothing is served, and what had started is shut down."""
    try:
        async with launch("failing"):
            pass
    except NotStarted as error:
        return type(error).__name__, notes(launch.key)


@life("NotStarted")
async def startup_that_is_said_to_have_failed(launch: Launch) -> Any:
    """An application that isn't Heaven's refuses to start in the same way."""
    try:
        async with launch("failing_bare"):
            pass
    except NotStarted as error:
        return type(error).__name__


@life(("hello", "failed", ["shutdown three", "shutdown one"]))
async def shutdown_that_fails(launch: Launch) -> Any:
    """A step of the shutdown that fails keeps no other from running, and the server is told."""
    async with launch("falling") as agent:
        answer = await agent.request("GET", "/")
    return answer.text, launch.ended, notes(launch.key)


@life(
    (
        {"shared": ["startup"], "own": "startup"},
        {"shared": ["startup", "request"], "own": "startup"},
        '{"shared": ["startup", "request", "request"], "own": "startup"}',
        "complete",
        [
            "websocket.disconnect",
            '[{"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}, "lifespan.shutdown"]',
            "returned",
        ],
    )
)
async def state_of_a_lifespan(launch: Launch) -> Any:
    """Every request and WebSocket has a copy of the state; what it changes in place it changes for all."""
    async with launch("bare") as agent:
        first, second = await agent.request("GET", "/state"), await agent.request("GET", "/state")
        async with agent.ws("/state") as ws:
            third = await ws.receive()
        await noted(launch.key, 1)
    return first.json(), second.json(), third, launch.ended, notes(launch.key)


@life(([(1012, "")], "complete", "websocket.disconnect"))
async def shutdown_closes_websockets(launch: Launch) -> Any:
    """A WebSocket whose application doesn't know that the server stops is closed with 1012 by the server."""
    async with launch("bare") as agent:
        async with agent.ws("/state") as ws:
            await ws.receive()
            await agent.stop()
            closed = await until_closed(ws)
    return closed, launch.ended, notes(launch.key)[0]


@life(({}, "complete"))
async def no_lifespan(launch: Launch) -> Any:
    """An application that returns from its lifespan at once has none, and serves all the same."""
    async with launch("lifeless") as agent:
        answer = await agent.request("GET", "/")
    return answer.json(), launch.ended


@life(
    (
        {"path": "/url", "url": "http://steady.test/shop/url?a=1", "own": "/shop/url"},
        404,
        "found",
    )
)
async def root_path(launch: Launch) -> Any:
    """A server that is mounted below a path puts it before the path of every request."""
    async with launch("steady", root_path="/shop") as agent:
        answer = await agent.request("GET", "/url?a=1")
        below = await agent.request("GET", "/shop/url")
        async with agent.ws("/ws") as ws:
            await ws.send("found")
            return answer.json(), below.status_code, await ws.receive()


@life(
    (
        "retry: 3000",
        "",
        ["closed"],
        [(1001, "")],
        "ConnectError",
        "done",
        "complete",
        ["startup one", "startup two", "shutdown two", "shutdown one"],
    )
)
async def shutdown_in_the_middle(launch: Launch) -> Any:
    """Streams of events end in order, WebSockets are closed, what is being answered is answered, and nobody new is let in."""
    ticking, slow = f"{launch.key}-ticks", f"{launch.key}-slow"
    async with launch("steady") as agent:
        async with agent.stream("GET", f"/ticks?key={ticking}") as events, agent.ws("/ws") as ws:
            lines = events.aiter_lines()
            first = await anext(lines)
            answering = asyncio.create_task(agent.request("GET", f"/gated?key={slow}"))
            await noted(slow, 1)
            await agent.stop()
            last = [line async for line in lines][-1]
            # Whoever is first: the application goes away (1001), the server says that it restarts (1012).
            closed = [(1001, "") if each == (1012, "") else each for each in await until_closed(ws)]
            refusal = await _refusal(agent)
            open_gate(slow)
            answer = await answering
    return first, last, notes(ticking), closed, refusal, answer.text, launch.ended, notes(launch.key)


async def _refusal(agent: Agent) -> str:
    """What new requests get, once the server has begun to stop."""
    end = asyncio.get_running_loop().time() + 30
    while asyncio.get_running_loop().time() < end:
        try:
            await agent.request("GET", "/url")
        except httpx.ConnectError:
            return "ConnectError"
        except httpx.TransportError:
            pass  # a connection that was kept alive, and is closed at this moment
        await asyncio.sleep(0.01)
    return "still served"
