"""The table of levels, generated: each feature at each level alone and at all together, in each form of mounting."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from heaven import HTTPError, Request, WebSocket
from heaven_contrib.routing import Injects, get, websocket
from heaven_contrib.routing.levels.level import SAID
from heaven_testing import Client
from level_features import FEATURES, SILENT, Feature
from mounting_forms import FORMS, WAYS, Way

IN_VIEWS = "view"


def declared(way: Way, **parameters: Any) -> Any:
    """The handler at the end of a way, with what its own level says."""

    async def leaf(request: Request, value: str = Injects(default="nobody"), fail: str | None = None) -> dict[str, Any]:
        if fail == "lookup":
            raise KeyError("lost")
        if fail == "conflict":
            raise HTTPError(409)
        return {"value": value, "marks": request.scope.get("marks", ())}

    async def method(
        self: Any, request: Request, value: str = Injects(default="nobody"), fail: str | None = None
    ) -> dict[str, Any]:
        return await leaf(request, value, fail)

    return get("/leaf", **parameters)(method if way.kind == IN_VIEWS else leaf)


async def seen(way: Way, feature: Feature, levels: tuple[str, ...]) -> Any:
    """What is seen when these levels say the feature."""
    log: list[str] = []
    said = {level: feature.say(level, log) for level in levels}
    app = way.build(lambda **parameters: declared(way, **parameters), said)
    entry = next(each for each in app.wire().entries if each.method == "GET" and each.folded is not None)
    async with Client(app, base_url=f"http://{way.form.host}", raise_app_exceptions=False) as client:
        response = await client.get(way.url + feature.url)
    return feature.see(response, entry.folded.merged, log)


def alone() -> list[Any]:
    """Every feature at every level there is, in every form."""
    return [
        pytest.param(way, feature, level, id=f"{way}-{feature}-{level}")
        for way in WAYS
        for feature in FEATURES
        for level in way.levels
    ]


def combined() -> list[Any]:
    """Every feature, in every form."""
    return [pytest.param(way, feature, id=f"{way}-{feature}") for way in WAYS for feature in FEATURES]


@pytest.mark.parametrize(("way", "feature", "level"), alone())
async def test_each_level_can_say_it_alone(way, feature, level):
    """Whichever level says it, and however the handler is mounted, it counts."""
    assert feature.expect([level]) == await seen(way, feature, (level,))


@pytest.mark.parametrize(("way", "feature"), combined())
async def test_all_levels_together_follow_the_rule(way, feature):
    """Where every level says it, the rule of the feature decides, from the outermost to the innermost."""
    assert feature.expect(way.levels) == await seen(way, feature, way.levels)


@pytest.mark.parametrize(("way", "feature"), combined())
async def test_without_a_word_nothing_of_it_is_seen(way, feature, caplog):
    """The control: what the other tests see comes from what the levels say."""
    caplog.set_level(logging.CRITICAL, "heaven.errors")
    status_or_value = SILENT[feature.name]
    if isinstance(status_or_value, tuple) and None in status_or_value:
        app = way.build(lambda **parameters: declared(way, **parameters), {})
        async with Client(app, base_url=f"http://{way.form.host}", raise_app_exceptions=False) as client:
            assert status_or_value[0] == (await client.get(way.url + feature.url)).status_code
    else:
        assert status_or_value == await seen(way, feature, ())


def test_the_table_is_whole():
    """A parameter that a level takes and no row stands for would be missing from all of these tests."""
    rows = {feature.say("mark", []).popitem()[0] for feature in FEATURES}
    assert set(SAID) - {"redirect_slashes"} == rows
    assert len(FORMS) * 2 == len(WAYS)
    assert {"application", "router", "include", "child", "gateway", "view", "handler"} <= {
        level for way in WAYS for level in way.levels
    }


# WebSockets

SOCKET_FEATURES = [
    feature
    for feature in FEATURES
    if feature.name in ("dependencies", "permissions", "interceptors", "middleware", "before_request")
]


def declared_socket(way: Way, **parameters: Any) -> Any:
    """The same for WebSockets."""

    async def leaf(socket: WebSocket, request: Request, value: str = Injects(default="nobody")) -> None:
        await socket.accept()
        await socket.send_json({"value": value, "marks": request.scope.get("marks", ())})

    async def method(self: Any, socket: WebSocket, request: Request, value: str = Injects(default="nobody")) -> None:
        await leaf(socket, request, value)

    return websocket("/leaf", **parameters)(method if way.kind == IN_VIEWS else leaf)


class Received:
    """What a WebSocket said, as a response would be looked at."""

    status_code = 200

    def __init__(self, message: Any) -> None:
        self.message = message

    def json(self) -> Any:
        return self.message


@pytest.mark.parametrize(
    ("way", "feature"),
    [pytest.param(way, feature, id=f"{way}-{feature}") for way in WAYS for feature in SOCKET_FEATURES],
)
async def test_all_levels_together_follow_the_rule_for_websockets(way, feature):
    """What runs before a handler runs before the handshake of a WebSocket as well, in the same order."""
    log: list[str] = []
    said = {level: feature.say(level, log) for level in way.levels}
    app = way.build(lambda **parameters: declared_socket(way, **parameters), said, socket=True)
    async with Client(app, base_url=f"http://{way.form.host}") as client:
        async with client.ws(way.url) as socket:
            message = await socket.receive_json()
        await client.settled()
    assert feature.expect(way.levels) == feature.see(Received(message), None, log)
