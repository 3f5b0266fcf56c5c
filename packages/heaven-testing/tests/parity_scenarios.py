"""The table of scenarios: what is done to an application, and what a client is to see of it, whichever way it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from parity_agents import Agent, Closed, Denied

FROM_THE_SOCKET = frozenset({"date", "server", "connection", "transfer-encoding"})
"""Response headers that are left out of every comparison: the server writes them for the connection's sake.

`date` and `server` say who and when, `connection` and `transfer-encoding` how bytes are framed (RFC 9112 6 and 9), and
without a socket there is none of that. A Content-Length is compared: it is the application's own, and passed on.
"""
FROM_THE_HANDSHAKE = frozenset({"upgrade", "sec-websocket-accept", "sec-websocket-extensions"})
"""The same for the response to a WebSocket's handshake: they prove the upgrade of one connection (RFC 6455 4.2.2)."""
SHOWN = 2000
"""Bytes of a body that are compared as they are; of longer ones length and digest are."""


@dataclass(frozen=True)
class Scenario:
    """One scenario: for an application, what is done, and the observation that has to come of it.

    `without` are the ways it can't go; a comment beside it says why. `plain` is one that only asks and is answered.
    """

    name: str
    application: str
    run: Callable[[Agent], Awaitable[Any]]
    expected: Any
    without: tuple[str, ...] = ()
    plain: bool = False


SCENARIOS: dict[str, Scenario] = {}


def scenario(application: str, expected: Any, *, without: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Put a function into the table; its docstring says the rule."""

    def decorate(function: Any) -> Any:
        enter(Scenario(function.__name__, application, function, expected, without))
        return function

    return decorate


def exchange(name: str, application: str, method: str, url: str, expected: Any, **options: Any) -> None:
    """Put a single request into the table."""

    async def run(agent: Agent) -> Any:
        return seen(await agent.request(method, url, **options))

    enter(Scenario(name, application, run, expected, plain=True))


def exchanges(name: str, application: str, requests: Sequence[tuple[Any, ...]], expected: Any) -> None:
    """Put requests into the table that are made one after the other: `(method, url)` or `(method, url, options)`."""

    async def run(agent: Agent) -> Any:
        answers = []
        for method, url, *options in requests:
            answers.append(seen(await agent.request(method, url, **(options[0] if options else {}))))
        return answers

    enter(Scenario(name, application, run, expected, plain=True))


def enter(each: Scenario) -> None:
    if each.name in SCENARIOS:
        raise ValueError(f"there are two scenarios called {each.name}")
    SCENARIOS[each.name] = each


# Observations


def seen(response: Any) -> Any:
    """Status, headers in order, and body of a response that was read."""
    return (response.status_code, headers_of(response.headers.multi_items()), shown(response.content))


def headers_of(pairs: Any, *, without: frozenset[str] = FROM_THE_SOCKET) -> list[str]:
    """Header fields as lines, but for those of the socket."""
    return [f"{name.lower()}: {value}" for name, value in pairs if name.lower() not in without]


def shown(body: bytes) -> str:
    """A body as text, latin-1 where it is none in UTF-8; length and digest of a long one."""
    if len(body) > SHOWN:
        return f"{len(body)} bytes, {sha256(body).hexdigest()[:16]}"
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")


def as_json(body: str, status: int = 200) -> Any:
    """What `seen` makes of a response in JSON, with nothing but the headers for that."""
    return (status, ["content-type: application/json", f"content-length: {len(body.encode())}"], body)


def as_text(body: str, status: int = 200) -> Any:
    """What `seen` makes of a response in text."""
    return (status, ["content-type: text/plain; charset=utf-8", f"content-length: {len(body.encode())}"], body)


def as_problem(status: int, title: str, rest: str = "", *headers: str) -> Any:
    """What `seen` makes of a problem document; `rest` is its JSON behind the status, `headers` stand before its own."""
    body = f'{{"type":"about:blank","title":"{title}","status":{status}{rest}}}'
    own = ["content-type: application/problem+json", "vary: accept", f"content-length: {len(body.encode())}"]
    return (status, [*headers, *own], body)


async def parts(*chunks: bytes) -> AsyncIterator[bytes]:
    """A request's body in pieces."""
    for chunk in chunks:
        yield chunk


async def until_closed(ws: Any) -> list[Any]:
    """All messages up to the end, and then its code and reason."""
    received: list[Any] = []
    while True:
        try:
            received.append(await ws.receive())
        except Closed as closed:
            return [*received, (closed.code, closed.reason)]


async def refused(agent: Agent, url: str, **options: Any) -> Any:
    """The response that a handshake was refused with."""
    try:
        async with agent.ws(url, **options):
            return "accepted"
    except Denied as denied:
        return (denied.status, headers_of(denied.headers), shown(denied.body))
