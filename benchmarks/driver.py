"""Drives an ASGI application in process, with the scope that uvicorn builds; the same for every peer.

For each request the scope, its headers and its state are made anew (a server does so too); what that costs, together
with the loop itself, is measured as `harness` and reported, and is subtracted from nothing.

Time is the processor time of the process: nothing here waits, so on an idle machine it is time on the wall, and on a
busy one it leaves out when the process was not running.
"""

from __future__ import annotations

import asyncio
import json
from time import process_time
from typing import Any

from benchmarks.scenarios import Scenario
from benchmarks.scope import http_scope
from benchmarks.workload import CHUNK, MESSAGES, TALLY


class WrongAnswer(Exception):
    """A peer answered, but not what was asked."""


class Exchange:
    """One request: its receive and its send."""

    __slots__ = ("body", "complete", "gone", "read", "sent")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent: list[Any] = []
        self.read = self.complete = False
        self.gone: asyncio.Future[None] | None = None

    async def receive(self) -> dict[str, Any]:
        """The body at once; then nothing until the response is complete, as a server does."""
        if not self.read:
            self.read = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        if not self.complete:
            self.gone = asyncio.get_running_loop().create_future()
            await self.gone
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Keep the message; a complete response lets a pending receive go."""
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.complete = True
            if self.gone is not None and not self.gone.done():
                self.gone.set_result(None)


class Conversation:
    """One WebSocket connection: the client says a message, waits for its echo, says the next, and leaves."""

    __slots__ = ("echoes", "heard", "said", "sent")

    def __init__(self, body: bytes) -> None:
        self.sent: list[Any] = []
        self.said = -1
        self.echoes = 0
        self.heard: asyncio.Future[None] | None = None

    async def receive(self) -> dict[str, Any]:
        """Connect, then a message after each echo, then disconnect. Waits only for a peer that reads ahead."""
        said = self.said
        if said < 0:
            self.said = 0
            return {"type": "websocket.connect"}
        if said > self.echoes:
            self.heard = asyncio.get_running_loop().create_future()
            await self.heard
        if said == MESSAGES:
            return {"type": "websocket.disconnect", "code": 1000}
        self.said = said + 1
        return {"type": "websocket.receive", "text": "tick"}

    async def send(self, message: Any) -> None:
        """Keep the message; an echo lets a pending receive go."""
        self.sent.append(message)
        if message["type"] == "websocket.send":
            self.echoes += 1
            if self.heard is not None and not self.heard.done():
                self.heard.set_result(None)


def template(scenario: Scenario, state: dict[str, Any]) -> dict[str, Any]:
    """The scope that uvicorn would build for a scenario."""
    more = list(scenario.headers)
    if scenario.body:
        more += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(scenario.body))]
    scope = http_scope(scenario.method, scenario.path, state, *more)
    scope["query_string"] = scenario.query
    if scenario.messages:
        scope["headers"] += [(b"upgrade", b"websocket"), (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")]
        scope["headers"] += [(b"sec-websocket-version", b"13")]
        extensions: dict[str, Any] = {"websocket.http.response": {}}
        scope |= {"type": "websocket", "scheme": "ws", "subprotocols": [], "extensions": extensions}
        scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
        del scope["method"]
    return scope


async def burst(app: Any, scenario: Scenario, state: dict[str, Any], number: int) -> tuple[float, list[Any]]:
    """Serve a scenario a number of times, one after the other.

    Returns:
        The seconds it took, and the messages of the last response.
    """
    scope = template(scenario, state)
    headers = scope["headers"]
    copy, copy_headers, copy_state = scope.copy, headers.copy, state.copy
    exchange_class = Conversation if scenario.messages else Exchange
    body = scenario.body
    exchange: Any = None
    begin = process_time()
    for _ in range(number):
        scope = copy()
        scope["headers"] = copy_headers()
        scope["state"] = copy_state()
        exchange = exchange_class(body)
        await app(scope, exchange.receive, exchange.send)
    return process_time() - begin, exchange.sent


async def harness(scope: Any, receive: Any, send: Any) -> None:
    """An application that does nothing: what is left is the cost of the driver."""


async def check(app: Any, scenario: Scenario, state: dict[str, Any]) -> None:
    """Serve a scenario and compare the answer.

    Raises:
        WrongAnswer: The answer is not the right one.
    """
    before, after, steps = TALLY.before, TALLY.after, TALLY.steps
    for _ in range(2):
        _, sent = await burst(app, scenario, state, 1)
        compare(scenario, sent)
    ran = (TALLY.before - before, TALLY.after - after)
    expect(f"hooks of {scenario.name}, before and after", (2 * scenario.hooks, 2 * scenario.hooks), ran)
    expect(f"dependencies and permissions of {scenario.name}", 2 * scenario.steps, TALLY.steps - steps)


def compare(scenario: Scenario, sent: list[Any]) -> None:
    """Compare the messages of one response with what is right."""
    if scenario.messages:
        texts = [message.get("text") for message in sent if message["type"] == "websocket.send"]
        expect("number of echoes", scenario.messages, len(texts))
        expect("echoes", {"tick"}, set(texts))
        return
    expect("first message", "http.response.start", sent[0]["type"] if sent else None)
    if scenario.refused:
        expect("refusal", 4, sent[0]["status"] // 100)
        return
    expect("status", scenario.status, sent[0]["status"])
    bodies = [bytes(message.get("body", b"")) for message in sent[1:]]
    if scenario.chunks:
        expect("number of chunks", scenario.chunks, sum(map(bool, bodies)))
        expect("chunks", {CHUNK}, {body for body in bodies if body})
    if scenario.answer is not None:
        headers = {bytes(name).lower(): bytes(value) for name, value in sent[0]["headers"]}
        expect("content-type", b"application/json", headers.get(b"content-type", b"").partition(b";")[0])
        length = b"%d" % len(b"".join(bodies))
        expect("content-length", length, headers.get(b"content-length", length))  # Sanic leaves it to the server
        expect("body", scenario.answer, json.loads(b"".join(bodies)))
    expect("end", False, sent[-1].get("more_body", False))


def expect(what: str, right: Any, actual: Any) -> None:
    """Refuse a wrong answer."""
    if right != actual:
        raise WrongAnswer(f"{what}: expected {right!r:.200}, got {actual!r:.200}")


class Life:
    """Keeps an application's lifespan open."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self.incoming: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[dict[str, str] | None] = asyncio.Queue()
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Send `lifespan.startup` and wait for the answer."""
        self.task = asyncio.create_task(self.run())
        await self.incoming.put({"type": "lifespan.startup"})
        message = await asyncio.wait_for(self.outgoing.get(), 30)
        if message is not None and message["type"] == "lifespan.startup.failed":
            raise RuntimeError(f"startup failed: {message.get('message')}")

    async def stop(self) -> None:
        """Send `lifespan.shutdown` and wait for the end."""
        if self.task is not None and not self.task.done():
            await self.incoming.put({"type": "lifespan.shutdown"})
            await asyncio.wait_for(self.task, 30)

    async def run(self) -> None:
        """Run the application's lifespan; an application without one may raise."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self.incoming.get, self.outgoing.put)
        except Exception:  # the specification: an exception means that the lifespan is not supported
            self.state.clear()
        finally:
            await self.outgoing.put(None)
