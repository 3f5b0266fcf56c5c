"""What levels do where two of them meet: how often their middleware is made, and where errors go."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from heaven import HTTPError, Response, WebSocket
from heaven_contrib.routing import Application, Gateway, Include, Interceptor, Router, get, websocket
from heaven_testing import Client


@get("/leaf")
async def leaf() -> dict[str, Any]:
    return {}


def test_middleware_is_made_once_for_all_that_is_below_its_level():
    """Handlers, a Router and a child below one Include share its middleware, so that what it counts is counted once."""
    made: list[Any] = []

    def counting(app: Any) -> Any:
        made.append(app)
        return app

    Router(
        routes=[
            Include(
                "/api",
                middleware=[counting],
                routes=[
                    Gateway(handler=leaf),
                    Include("/child", app=Application(routes=[leaf])),
                    Include("/part", routes=[Router(path="/router", routes=[leaf])]),
                ],
            )
        ]
    ).wire()
    assert 1 == len(made)


@pytest.mark.parametrize("group", [False, True])
async def test_what_an_exception_handler_raises_in_a_group_of_one_is_that_error(group):
    """A TaskGroup in an exception handler raises a group, as one in a handler does; the one error in it counts."""

    async def translate(request: Any, error: KeyError) -> None:
        raise ExceptionGroup("of one", [HTTPError(410)]) if group else HTTPError(410)

    @get("/", exception_handlers={KeyError: translate})
    async def fails() -> None:
        raise KeyError("lost")

    async with Client(Router(routes=[fails])) as client:
        assert 410 == (await client.get("/")).status_code


async def test_an_interceptor_may_look_at_the_handshake_of_a_websocket():
    """It comes once, so that the handler would wait for it for ever."""

    class Looking(Interceptor):
        async def intercept(self, scope: Any, receive: Any, send: Any) -> None:
            assert {"type": "websocket.connect"} == await receive()

    @websocket("/", interceptors=[Looking, Looking])
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    async with Client(Router(routes=[talk])) as client, client.ws("/") as socket:
        await socket.send_text("hello")
        assert "hello" == await socket.receive_text()


async def test_middleware_that_makes_a_scope_of_its_own_is_named(caplog):
    """The scope leads to what comes next, so who replaces it is told what to do."""

    class Forgetful:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({name: scope[name] for name in ("type", "method", "path", "headers")}, receive, send)

    with caplog.at_level(logging.ERROR, "heaven.errors"):
        async with Client(Router(routes=[leaf], middleware=[Forgetful]), raise_app_exceptions=False) as client:
            assert 500 == (await client.get("/leaf")).status_code
    assert "Forgetful went on with a scope of its own; pass on the one it was given" in caplog.text


async def test_a_class_of_the_cores_response_is_a_response():
    """What a handler returns is a response by what it is, and a subclass is one as well."""

    class Teapot(Response):
        pass

    @get("/")
    async def brew() -> Response:
        return Teapot(status=418, body={"tea": "green"})

    async with Client(Router(routes=[brew])) as client:
        answer = await client.get("/")
    assert (418, {"tea": "green"}) == (answer.status_code, answer.json())


def noting(log: list[str], name: str) -> Any:
    """Middleware that notes that it ran."""

    class Noting:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            log.append(name)
            await self.app(scope, receive, send)

    return Noting


@pytest.mark.parametrize("path", ["/outer/inner/leaf", "/outer/inner/none"])
async def test_levels_stand_before_the_middleware_of_what_is_mounted_below_them(path):
    """What a mounted application is wrapped in may answer itself, so what guards the mount has to run before it."""
    log: list[str] = []
    inner = Application(routes=[leaf], middleware=[noting(log, "inner")])
    inner.WRAP(noting(log, "wrap of inner"))
    outer = Application(
        routes=[Include("/inner", app=inner, middleware=[noting(log, "to inner")])], middleware=[noting(log, "outer")]
    )
    outer.WRAP(noting(log, "wrap of outer"))
    app = Router(
        routes=[Include("/outer", app=outer, middleware=[noting(log, "to outer")])], middleware=[noting(log, "root")]
    )
    async with Client(app) as client:
        await client.get(path)
    assert ["root", "to outer", "wrap of outer", "outer", "to inner", "wrap of inner", "inner"] == log


async def test_an_application_that_is_wrapped_later_keeps_the_order():
    """The wiring is made anew with every word, and with it the way through the middleware."""
    log: list[str] = []
    inner = Application(routes=[leaf], middleware=[noting(log, "inner")])
    app = Router(routes=[Include("/inner", app=inner, middleware=[noting(log, "to inner")])])
    app.wire()
    inner.WRAP(noting(log, "wrap of inner"))
    async with Client(app) as client:
        assert 200 == (await client.get("/inner/leaf")).status_code
    assert ["to inner", "wrap of inner", "inner"] == log


def test_the_words_of_a_router_are_there_on_its_class():
    """Whoever looks through a class, as help() does, finds them without an instance."""
    assert all(hasattr(Router, word) for word in ("get", "post", "route", "websocket"))
