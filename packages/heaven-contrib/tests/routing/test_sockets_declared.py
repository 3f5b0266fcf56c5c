"""Declared WebSocket handlers: what they are given, and what can happen before and after the handshake is accepted."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated
from uuid import UUID

import pytest

from heaven import Context, Headers, HTTPError, Request, WebSocket, WebSocketDisconnected
from heaven_contrib.routing import (
    APIView,
    BasePermission,
    Gateway,
    ImproperlyConfigured,
    Include,
    Inject,
    Injects,
    Interceptor,
    JSONResponse,
    PlainTextResponse,
    Router,
    WebSocketGateway,
    get,
    websocket,
)
from heaven_contrib.routing import params as p
from heaven_testing import Client, WebSocketClosed, WebSocketDenied


async def denied(app, url="/ws", **options):
    """The response that a handshake was refused with."""
    async with Client(app) as client:
        with pytest.raises(WebSocketDenied) as refusal:
            async with client.ws(url, **options):
                pass
    return refusal.value.response


async def heard(app, url="/ws", **options):
    """The first JSON message that an accepted socket sends."""
    async with Client(app) as client:
        async with client.ws(url, **options) as socket:
            return await socket.receive_json()


async def test_accept_receive_send_and_close():
    """A handler accepts, exchanges JSON, text and bytes, and closes with a code and a reason."""

    @websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.accept(subprotocol="chat", headers={"x-room": "1"})
        await socket.send_json({"got": await socket.receive_json()})
        await socket.send_text((await socket.receive_text()).upper())
        await socket.send_bytes((await socket.receive_bytes())[::-1])
        await socket.close(4001, "enough")

    async with Client(Router(routes=[talk])) as client:
        async with client.ws("/ws", subprotocols=["chat"]) as socket:
            await socket.send_json({"n": 1})
            assert {"got": {"n": 1}} == await socket.receive_json()
            await socket.send_text("hello")
            assert "HELLO" == await socket.receive_text()
            await socket.send_bytes(b"abc")
            assert b"cba" == await socket.receive_bytes()
            with pytest.raises(WebSocketClosed) as end:
                await socket.receive_text()
    assert (4001, "enough") == (end.value.code, end.value.reason)


async def test_messages_are_iterated_until_the_client_leaves():
    """`async for` ends when the client closes, and the handler goes on after it."""
    ended = []

    @websocket("/ws")
    async def listen(socket) -> None:
        await socket.accept()
        async for message in socket:
            await socket.send_text(message * 2)
        ended.append(True)

    async with Client(Router(routes=[listen])) as client:
        async with client.ws("/ws") as socket:
            await socket.send_text("ab")
            assert "abab" == await socket.receive_text()
        await client.settled()
    assert [True] == ended


async def test_every_source_but_a_body_binds():
    """Path, query, headers, cookies and reserved names are typed as for requests."""

    @websocket("/ws/{room:int}/{id:uuid}")
    async def show(
        socket: WebSocket,
        room: int,
        id: UUID,
        request: Request,
        headers: Headers,
        cookies,
        query,
        context: Context,
        state,
        tags: list[str],
        limit: int = 3,
        token: str = p.Header(alias="X-Token"),
        theme: Annotated[str, p.Cookie()] = "light",
        page: int = p.Query(default=1, ge=1),
    ) -> None:
        assert isinstance(socket, WebSocket)
        assert isinstance(request, Request)
        assert isinstance(headers, Headers)
        assert isinstance(context, Context)
        assert "x-token" in headers
        await socket.accept()
        await socket.send_json([room, str(id), tags, limit, token, theme, page, dict(cookies), dict(query)])
        await socket.close()

    said = await heard(
        Router("/v1", routes=[show]),
        f"/v1/ws/7/{UUID(int=1)}?tags=a&tags=b&limit=4",
        headers={"x-token": "secret", "cookie": "theme=dark"},
    )
    query = {"tags": "b", "limit": "4"}
    assert [7, str(UUID(int=1)), ["a", "b"], 4, "secret", "dark", 1, {"theme": "dark"}, query] == said


async def test_what_does_not_bind_refuses_the_handshake():
    """All errors are collected in one 422, before anything is accepted."""

    @websocket("/ws")
    async def show(socket, limit: int, page: int = 1, token: str = p.Header()) -> None:
        raise AssertionError("it must not be called")

    answer = await denied(Router(routes=[show]), "/ws?page=x")
    assert 422 == answer.status_code
    assert {("query", "limit"), ("query", "page"), ("header", "token")} == {
        tuple(each["loc"]) for each in answer.json()["errors"]
    }


async def test_a_converter_that_misses_is_a_404():
    """A path parameter that does not convert is a path without a route."""

    @websocket("/ws/{room:int}")
    async def show(socket, room: int) -> None: ...

    assert 404 == (await denied(Router(routes=[show]), "/ws/lobby")).status_code


@pytest.mark.parametrize("name", ["data", "payload"])
def test_a_body_is_refused_when_it_is_declared(name):
    """A WebSocket has no body, and the message says what to do."""
    function = {}
    exec(f"async def talk(socket, {name}: dict) -> None: ...", function)
    with pytest.raises(ImproperlyConfigured, match=name):
        websocket("/ws")(function["talk"])


def test_a_handler_without_a_socket_is_refused():
    """It could neither accept nor refuse."""
    with pytest.raises(ImproperlyConfigured, match="socket"):

        @websocket("/ws")
        async def talk() -> None: ...


def test_a_sync_handler_is_refused():
    """A thread could not wait for messages."""
    with pytest.raises(ImproperlyConfigured, match="async"):

        @websocket("/ws")
        def talk(socket) -> None: ...


# Before the handshake is accepted


async def accepting(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json("in")
    await socket.close()


class Members(BasePermission):
    message = "Members only."

    async def has_permission(self, request, apiview):
        return request.queries.get("member") == "yes"


LEVELS = ["application", "include", "gateway", "handler"]


def said_at(level, **said):
    """A Router with a socket at /in/ws, where one level says something."""
    given = {each: said if each == level else {} for each in LEVELS}
    handler = websocket("/ws", **given["handler"])(accepting)
    include = Include("/in", routes=[WebSocketGateway(handler=handler, **given["gateway"])], **given["include"])
    return Router(routes=[include], **given["application"])


@pytest.mark.parametrize("level", LEVELS)
async def test_permissions_are_asked_before_accept(level):
    """A permission of any level refuses the handshake with 403 and its message."""
    app = said_at(level, permissions=[Members])
    answer = await denied(app, "/in/ws")
    assert (403, "Members only.") == (answer.status_code, answer.json()["detail"])
    assert "in" == await heard(app, "/in/ws?member=yes")


@pytest.mark.parametrize("level", LEVELS)
async def test_interceptors_run_before_accept(level):
    """An interceptor of any level may change the scope, raise, or answer."""

    class Gate(Interceptor):
        async def intercept(self, scope, receive, send):
            if scope["query_string"] == b"raise":
                raise HTTPError(429, "Slow down.")
            if scope["query_string"] == b"close":
                await receive()
                await send({"type": "websocket.close", "code": 4003})

    app = said_at(level, interceptors=[Gate])
    assert "in" == await heard(app, "/in/ws")
    answer = await denied(app, "/in/ws?raise")
    assert (429, "Slow down.") == (answer.status_code, answer.json()["detail"])
    assert 403 == (await denied(app, "/in/ws?close")).status_code


@pytest.mark.parametrize("level", LEVELS)
async def test_middleware_is_around_the_connection(level):
    """Middleware of any level sees the handshake, every message, and the end."""
    seen = []

    class Watch:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def watched(message):
                seen.append(message["type"])
                await send(message)

            await self.app(scope, receive, watched)

    assert "in" == await heard(said_at(level, middleware=[Watch]), "/in/ws")
    assert ["websocket.accept", "websocket.send", "websocket.close"] == seen


@pytest.mark.parametrize("level", LEVELS)
async def test_middleware_may_refuse(level):
    """What middleware raises before the handshake is accepted refuses it."""

    class Refuse:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            raise HTTPError(401, "Who?")

    answer = await denied(said_at(level, middleware=[Refuse]), "/in/ws")
    assert (401, "Who?") == (answer.status_code, answer.json()["detail"])


async def test_middleware_may_have_received_the_handshake():
    """What it raises after that refuses the handshake as well, and what it passes on is accepted."""

    class Impatient:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            connected = await receive()
            if not scope["query_string"]:
                raise HTTPError(401, "Who?")

            async def again():
                return connected

            await self.app(scope, again, send)

    app = said_at("include", middleware=[Impatient])
    assert 401 == (await denied(app, "/in/ws")).status_code
    assert "in" == await heard(app, "/in/ws?ada")


@pytest.mark.parametrize("level", LEVELS)
async def test_before_request_may_refuse(level):
    """What a before_request gives back refuses the handshake with it."""

    def closed(request):
        return JSONResponse({"open": False}, status_code=503) if request.queries else None

    app = said_at(level, before_request=[closed])
    answer = await denied(app, "/in/ws?x=1")
    assert (503, {"open": False}) == (answer.status_code, answer.json())
    assert "in" == await heard(app, "/in/ws")


@pytest.mark.parametrize("level", LEVELS)
async def test_exception_handlers_answer_before_accept(level):
    """Before the handshake is accepted, an exception handler of any level answers it."""

    async def lost(request, error):
        return PlainTextResponse(f"lost {error}", status_code=410)

    def find() -> str:
        raise KeyError("room")

    async def enter(socket, room: str = Injects()) -> None:
        await socket.accept()

    given = {each: {"exception_handlers": {KeyError: lost}} if each == level else {} for each in LEVELS}
    handler = websocket("/ws", dependencies={"room": find}, **given["handler"])(enter)
    include = Include("/in", routes=[WebSocketGateway(handler=handler, **given["gateway"])], **given["include"])
    answer = await denied(Router(routes=[include], **given["application"]), "/in/ws")
    assert (410, "lost 'room'") == (answer.status_code, answer.text)


async def test_the_order_before_a_handshake():
    """Middleware, interceptors, permissions, before_request, dependencies, handler: outermost first in each."""
    seen = []

    def named(name):
        class Watch:
            def __init__(self, app):
                self.app = app

            async def __call__(self, scope, receive, send):
                seen.append(f"{name} middleware")
                await self.app(scope, receive, send)
                seen.append(f"{name} middleware ends")

        class Look(Interceptor):
            async def intercept(self, scope, receive, send):
                seen.append(f"{name} interceptor")

        class Allow(BasePermission):
            def has_permission(self, request, apiview):
                seen.append(f"{name} permission")
                return True

        return {
            "middleware": [Watch],
            "interceptors": [Look],
            "permissions": [Allow],
            "before_request": [lambda request: seen.append(f"{name} before")],
        }

    async def db():
        seen.append("db opens")
        yield 1
        seen.append("db closes")

    @websocket("/ws", **named("handler"))
    async def enter(socket, db) -> None:
        await accepting(socket)
        seen.append("handler")

    await heard(Router(routes=[enter], dependencies={"db": db}, **named("router")))
    kinds = ("middleware", "interceptor", "permission", "before")
    before = [f"{name} {kind}" for kind in kinds for name in ("router", "handler")]
    after = ["db opens", "handler", "db closes", "handler middleware ends", "router middleware ends"]
    assert before + after == seen


async def test_an_error_before_accept_that_nobody_handles(caplog):
    """It refuses the handshake with a 500 that reveals nothing, and is logged."""

    @websocket("/ws")
    async def enter(socket) -> None:
        raise RuntimeError("secret")

    with caplog.at_level(logging.ERROR, logger="heaven.errors"):
        answer = await denied(Router(routes=[enter]))
    assert 500 == answer.status_code
    assert "secret" not in answer.text
    assert "secret" in caplog.text


async def test_an_error_after_accept_closes_with_1011(caplog):
    """Once it is accepted there is nothing to answer: the connection is closed, and the error is logged."""
    called = []

    @websocket("/ws", exception_handlers={RuntimeError: lambda request, error: called.append(error)})
    async def enter(socket) -> None:
        await socket.accept()
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR, logger="heaven.errors"):
        async with Client(Router(routes=[enter])) as client:
            async with client.ws("/ws") as socket:
                with pytest.raises(WebSocketClosed) as end:
                    await socket.receive_text()
    assert (1011, []) == (end.value.code, called)
    assert "broken" in caplog.text


async def test_a_handler_that_says_nothing_refuses():
    """A handler that returns before it accepted leaves no connection behind."""

    @websocket("/ws")
    async def nothing(socket) -> None: ...

    assert 403 == (await denied(Router(routes=[nothing]))).status_code


async def test_a_handler_may_deny_with_a_response():
    """`socket.deny` refuses with a status, a body and header fields of its own."""

    @websocket("/ws")
    async def refuse(socket) -> None:
        await socket.deny(402, {"price": 3}, headers={"x-price": "3"})

    answer = await denied(Router(routes=[refuse]))
    assert (402, {"price": 3}, "3") == (answer.status_code, answer.json(), answer.headers["x-price"])


# Dependencies


async def test_generators_are_cleaned_up_when_the_connection_ends():
    """What a generator yields lives as long as the connection."""
    log = []

    async def session():
        log.append("open")
        yield "session"
        log.append("closed")

    @websocket("/ws", dependencies={"session": session})
    async def talk(socket, session: str) -> None:
        await socket.accept()
        log.append(session)
        async for _ in socket:
            pass
        log.append("left")

    async with Client(Router(routes=[talk])) as client:
        async with client.ws("/ws"):
            assert ["open"] == log[:1]
        await client.settled()
    assert ["open", "session", "left", "closed"] == log


async def test_generators_are_told_of_errors(caplog):
    """What the handler raises is thrown in where a generator waits."""
    log = []

    async def session():
        try:
            yield "session"
        except RuntimeError as error:
            log.append(str(error))
            raise
        finally:
            log.append("closed")

    @websocket("/ws", dependencies={"session": session})
    async def talk(socket, session: str) -> None:
        await socket.accept()
        raise RuntimeError("broken")

    async with Client(Router(routes=[talk])) as client:
        async with client.ws("/ws") as socket:
            with pytest.raises(WebSocketClosed):
                await socket.receive_text()
        await client.settled()
    assert ["broken", "closed"] == log


async def test_dependencies_may_take_the_socket_and_accept_it():
    """A dependency has the names that the handler has."""

    async def accepted(socket: WebSocket, room: int) -> int:
        await socket.accept()
        return room * 2

    @websocket("/ws/{room:int}", dependencies={"accepted": Inject(accepted)})
    async def talk(socket, accepted: int) -> None:
        await socket.send_json(accepted)
        await socket.close()

    assert 14 == await heard(Router(routes=[talk]), "/ws/7")


async def test_a_sync_dependency_runs_in_a_thread():
    """It must not hold up other connections."""
    import threading

    @websocket("/ws", dependencies={"name": Inject(lambda: threading.current_thread() is threading.main_thread())})
    async def talk(socket, name: bool) -> None:
        await socket.accept()
        await socket.send_json(name)
        await socket.close()

    assert False is await heard(Router(routes=[talk]))


# Views and places


async def test_a_view_may_have_both_kinds_of_handlers():
    """Requests and WebSockets of one view share its path, its levels and its instance."""

    class Rooms(APIView):
        path = "/rooms"
        permissions = [Members]

        def __init__(self):
            self.count = 0

        @get("/{room}")
        async def show(self, room: str) -> int:
            return self.count

        @websocket("/{room}")
        async def enter(self, socket, room: str) -> None:
            self.count += 1
            await socket.accept()
            await socket.send_json(f"{room} {self.count}")
            await socket.close()

    app = Router(routes=[Gateway("/v1", handler=Rooms)])
    async with Client(app) as client:
        for count in (1, 2):
            async with client.ws("/v1/rooms/a?member=yes") as socket:
                assert f"a {count}" == await socket.receive_json()
        assert 2 == (await client.get("/v1/rooms/a?member=yes")).json()
    assert 403 == (await denied(app, "/v1/rooms/a")).status_code


async def test_a_websocket_view_in_a_websocket_gateway():
    """A WebSocketGateway takes a view whose handlers are all for WebSockets."""

    class Rooms(APIView):
        @websocket("/{room}")
        async def enter(self, socket, room: str) -> None:
            await socket.accept()
            await socket.send_json(room)
            await socket.close()

    assert "a" == await heard(Router(routes=[WebSocketGateway("/ws", handler=Rooms)]), "/ws/a")


async def test_a_get_and_a_socket_may_share_a_path():
    """The kind of the connection tells them apart."""

    @get("/ws")
    async def read() -> str:
        return "page"

    app = Router(routes=[read, websocket("/ws")(accepting)])
    async with Client(app) as client:
        assert "page" == (await client.get("/ws")).json()
    assert "in" == await heard(app)


async def test_a_client_that_leaves_is_no_error(caplog):
    """Receiving raises WebSocketDisconnected; a handler that lets it through has simply ended."""
    left = []

    @websocket("/ws")
    async def talk(socket) -> None:
        await socket.accept()
        try:
            await socket.receive_json()
        except WebSocketDisconnected:
            left.append(True)
            raise

    async with Client(Router(routes=[talk])) as client:
        async with client.ws("/ws") as socket:
            await socket.close()
        await client.settled()
    assert ([True], []) == (left, caplog.records)


async def test_many_connections_do_not_mix():
    """Each connection has its own arguments."""

    @websocket("/ws/{n:int}")
    async def echo(socket, n: int) -> None:
        await socket.accept()
        async for message in socket:
            await socket.send_json([n, message])

    async with Client(Router(routes=[echo])) as client:

        async def talk(n):
            async with client.ws(f"/ws/{n}") as socket:
                for each in range(3):
                    await socket.send_text(str(each))
                    assert [n, str(each)] == await socket.receive_json()

        await asyncio.gather(*map(talk, range(20)))
