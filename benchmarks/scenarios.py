"""The scenarios: what is asked of every peer, and what the only right answer is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

ORDER_BODY = (
    b'{"id":1730,"customer":"Ada Lovelace","email":"ada@shop.test","note":null,"items":['
    b'{"sku":"tea-earl-grey-500","quantity":2,"price":12.5},'
    b'{"sku":"cup-bone-china","quantity":6,"price":8.25},'
    b'{"sku":"spoon-silver","quantity":6,"price":31.0}]}'
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One request (or one connection) and its right answer.

    Attributes:
        name: What the command line calls it.
        title: What a table calls it.
        app: Which of a peer's applications serves it: `base`, `routes` or `hooks`.
        path: The path asked for.
        query: The query asked with.
        method: The method asked with.
        headers: More headers than a browser's, as pairs.
        body: The request body.
        status: The right status.
        answer: The right JSON; None where the body is not JSON or does not matter.
        chunks: How many chunks a stream must arrive in; 0 for no stream.
        messages: How many messages a WebSocket must echo; 0 for HTTP.
        hooks: How many hooks must run before, and how many after.
        steps: How many dependencies or permissions must run.
        refused: Whether it must be refused: any 4xx is right.
        served: Whether it is also measured behind a server.
    """

    name: str
    title: str
    path: str
    app: str = "base"
    query: bytes = b""
    method: str = "GET"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    status: int = 200
    answer: Any = field(default=None, hash=False)
    chunks: int = 0
    messages: int = 0
    hooks: int = 0
    steps: int = 0
    refused: bool = False
    served: bool = False


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("static", "static JSON", "/", answer={"message": "Hello, world"}, served=True),
    Scenario(
        "params",
        "2 parameters, 200 routes",
        "/resource20/42/items/7",
        app="routes",
        answer={"a": 42, "b": 7},
        served=True,
    ),
    Scenario("hooks", "5 BEFORE + 5 AFTER", "/", app="hooks", answer={"message": "Hello, world"}, hooks=5, served=True),
    Scenario(
        "echo", "POST JSON echo", "/echo", method="POST", body=ORDER_BODY, answer=json.loads(ORDER_BODY), served=True
    ),
    Scenario(
        "typed",
        "typed POST",
        "/typed",
        method="POST",
        body=ORDER_BODY,
        answer={"customer": "Ada Lovelace", "items": 3},
        served=True,
    ),
    Scenario("missing", "404", "/nothing/is/here", status=404),
    Scenario("websocket", "WebSocket, 100 echoes", "/ws", messages=100),
    Scenario("stream", "stream of 100 chunks", "/stream", chunks=100),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
APPS = ("base", "routes", "hooks")
PEERS = (  # each, but for the first two, is a distribution of that name: what is run is what is installed
    "bare",
    "heaven",
    "starlette",
    "fastapi",
    "litestar",
    "falcon",
    "blacksheep",
    "muffin",
    "sanic",
    "quart",
)
FLOOR = "bare"
OURS = "heaven"
