"""Plays: what an application and its server say to each other, line by line, and a stage to play them on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heaven_testing.conformance import conforming
from heaven_testing.errors import ConformanceError

HTTP: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.5"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"testserver")],
    "client": ("127.0.0.1", 50000),
    "server": ("127.0.0.1", 80),
    "state": {},
}
WEBSOCKET: dict[str, Any] = {**HTTP, "type": "websocket", "scheme": "ws", "subprotocols": ["chat", "news"]}
del WEBSOCKET["method"]
LIFESPAN: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
SCOPES = {"http": HTTP, "websocket": WEBSOCKET, "lifespan": LIFESPAN}


@dataclass(frozen=True)
class Line:
    """One message, and who says it: the application (`sent`) or the server (`received`)."""

    who: str
    message: Any


def sent(kind: str, **fields: Any) -> Line:
    """The application says this."""
    return Line("sent", {"type": kind, **fields})


def received(kind: str, **fields: Any) -> Line:
    """The server says this, and the application listens."""
    return Line("received", {"type": kind, **fields})


@dataclass(frozen=True)
class Case:
    """A play that breaks a rule at its last line, or by ending there, and one beside it that does not."""

    rule: str
    detail: str
    wrong: list[Line]
    right: list[Line]
    scope: Any = "http"

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail[:50]}"


@dataclass
class Outcome:
    """How far the play went, what the server got, and what was found."""

    played: int = 0
    taken: int = 0
    violation: ConformanceError | None = None


async def play(lines: list[Line], scope: dict[str, Any]) -> Outcome:
    """Let a watched application play its part, against a server that plays the other and believes everything."""
    outcome = Outcome()
    said = [line.message for line in lines if line.who == "received"]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for line in lines:
            outcome.played += 1
            if line.who == "sent":
                await send(line.message)
            else:
                await receive()

    async def receive() -> Any:
        return said.pop(0)

    async def send(message: Any) -> None:
        outcome.taken += 1

    try:
        await conforming(application)(scope, receive, send)
    except ConformanceError as error:
        outcome.violation = error
    return outcome


def played(lines: list[Line], scope: Any = "http") -> Outcome:
    """The same, for a test that is not async; a scope by its type, or whole."""
    made = dict(SCOPES[scope]) if isinstance(scope, str) else scope
    try:
        play(lines, made).send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("nobody in a play waits for anything")
