"""WebSockets as a handler sees them: the handshake, messages, and every way to the end."""

from __future__ import annotations

import asyncio
import doctest
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

import heaven.messages.websocket
from heaven.errors import HeaderError, WebSocketDisconnected, WebSocketStateError
from heaven.messages.websocket import WebSocket

CONNECT = {"type": "websocket.connect"}
DENIAL: Mapping[str, Any] = MappingProxyType({"extensions": {"websocket.http.response": {}}})


def text(data: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": data}


def binary(data: bytes) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes": data}


def left(**more: Any) -> dict[str, Any]:
    return {"type": "websocket.disconnect", **more}


class Server:
    """Plays messages to the WebSocket, and writes down what it sends; `error` is raised by every send once it is set."""

    def __init__(self, *messages: dict[str, Any], **scope: Any) -> None:
        self.messages = [CONNECT, *messages]
        self.sent: list[Any] = []
        self.error: BaseException | None = None
        self.ws = WebSocket({"type": "websocket", "path": "/chat", **scope}, self.receive, self.send)

    async def receive(self) -> Any:
        return self.messages.pop(0)

    async def send(self, message: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(message)


async def opened(*messages: dict[str, Any], **scope: Any) -> tuple[WebSocket, Server]:
    server = Server(*messages, **scope)
    await server.ws.accept()
    server.sent.clear()
    return server.ws, server


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(heaven.messages.websocket).failed == 0


# The handshake


async def test_accept() -> None:
    """Accepting takes the connect message in and opens the connection."""
    server = Server()
    assert (server.ws.state, server.ws.accepted, server.ws.closed) == ("connecting", False, False)
    await server.ws.accept()
    assert server.sent == [{"type": "websocket.accept", "subprotocol": None, "headers": []}]
    assert server.messages == []
    assert (server.ws.state, server.ws.accepted, server.ws.closed) == ("open", True, False)
    assert repr(server.ws) == "<WebSocket '/chat' open>"


async def test_accept_with_subprotocol_and_headers() -> None:
    """The chosen subprotocol and checked headers go out with the handshake."""
    server = Server(subprotocols=["chat.v2", "chat.v1"])
    assert server.ws.subprotocols == ["chat.v2", "chat.v1"]
    await server.ws.accept("chat.v1", {"X-Room": " seven "})
    assert server.sent == [
        {"type": "websocket.accept", "subprotocol": "chat.v1", "headers": [(b"x-room", b"seven")]},
    ]


@pytest.mark.parametrize("headers", [{"x-a": "1"}, [("X-A", "1")], [(b"x-a", b"1")]])
async def test_headers_may_be_a_mapping_or_pairs(headers: Any) -> None:
    """Headers are a mapping, pairs of str, or pairs of bytes that are ready to go."""
    server = Server()
    await server.ws.accept(headers=headers)
    assert server.sent[0]["headers"] == [(b"x-a", b"1")]


async def test_a_header_that_splits_the_response_is_refused() -> None:
    """CR and LF raise before anything is sent."""
    server = Server()
    with pytest.raises(HeaderError):
        await server.ws.accept(headers={"x-a": "1\r\nx-b: 2"})
    assert server.sent == []
    assert server.ws.state == "connecting"


@pytest.mark.parametrize("scope", [{}, {"subprotocols": None}, {"subprotocols": ["soap"]}])
async def test_a_subprotocol_that_was_not_offered_is_refused(scope: dict[str, Any]) -> None:
    """The server chooses among what the client offers (RFC 6455 4.2.2)."""
    server = Server(**scope)
    offered = scope.get("subprotocols") or []
    with pytest.raises(ValueError) as caught:
        await server.ws.accept("chat")
    assert str(caught.value) == f"the client offers {offered}, and accept got 'chat'; choose one"
    assert server.sent == []


async def test_a_client_that_leaves_before_the_handshake() -> None:
    """A disconnect in place of the connect message ends the handler."""
    server = Server()
    server.messages = [left(code=1006)]
    with pytest.raises(WebSocketDisconnected) as caught:
        await server.ws.accept()
    assert caught.value.code == 1006
    assert server.ws.closed is True
    assert server.sent == []


async def test_accept_on_a_lost_connection() -> None:
    """An OSError while accepting is a client that left."""
    server = Server()
    server.error = OSError("gone")
    with pytest.raises(WebSocketDisconnected):
        await server.ws.accept()
    assert (server.ws.accepted, server.ws.closed) == (False, True)


async def test_deny_with_the_extension() -> None:
    """A server that offers denial responses sends the whole response."""
    server = Server(**DENIAL)
    await server.ws.deny(401, {"detail": "who?"}, headers={"WWW-Authenticate": "Bearer"})
    assert server.sent == [
        {
            "type": "websocket.http.response.start",
            "status": 401,
            "headers": [
                (b"www-authenticate", b"Bearer"),
                (b"content-type", b"application/json"),
                (b"content-length", b"17"),
            ],
        },
        {"type": "websocket.http.response.body", "body": b'{"detail":"who?"}'},
    ]
    assert (server.ws.accepted, server.ws.closed, server.ws.close_code) == (False, True, 1006)


@pytest.mark.parametrize("body", [None, b""])
async def test_deny_without_a_body(body: Any) -> None:
    """An empty refusal says nothing of a content type."""
    server = Server(**DENIAL)
    await server.ws.deny(body=body)
    assert server.sent[0]["status"] == 403
    assert server.sent[0]["headers"] == [(b"content-length", b"0")]
    assert server.sent[1]["body"] == b""


@pytest.mark.parametrize("scope", [{}, {"extensions": None}, {"extensions": {"tls": {}}}])
async def test_deny_without_the_extension(scope: dict[str, Any]) -> None:
    """Any other server closes, which it turns into a 403."""
    server = Server(**scope)
    await server.ws.deny(401, "who?")
    assert server.sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]
    assert server.ws.closed is True


async def test_deny_with_an_impossible_status() -> None:
    """A status that ends no response raises, and nothing was sent."""
    server = Server(**DENIAL)
    with pytest.raises(ValueError, match="200 to 599"):
        await server.ws.deny(99)
    assert server.sent == []


async def test_closing_before_accepting_refuses() -> None:
    """`close` before `accept` takes the connect message in and refuses (ASGI: 403)."""
    server = Server()
    await server.ws.close()
    assert server.sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]
    assert server.messages == []
    assert (server.ws.accepted, server.ws.closed) == (False, True)


# Messages


async def test_sending() -> None:
    """Each kind of message has exactly one of text and bytes."""
    ws, server = await opened()
    await ws.send_text("zwö")
    await ws.send_bytes(b"\x00")
    await ws.send_json({"a": [1, None]})
    assert server.sent == [
        {"type": "websocket.send", "text": "zwö"},
        {"type": "websocket.send", "bytes": b"\x00"},
        {"type": "websocket.send", "text": '{"a":[1,null]}'},
    ]


async def test_sending_the_wrong_type() -> None:
    """Text that is bytes, or the reverse, names the call that is meant, and leaves the connection open."""
    ws, server = await opened()
    with pytest.raises(TypeError, match="send_text got bytes; send_bytes and send_json are for what is no str"):
        await ws.send_text(b"x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="send_bytes got str; send_text is for str"):
        await ws.send_bytes("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="can't be written as JSON"):
        await ws.send_json(object())
    assert server.sent == []
    assert ws.state == "open"


@pytest.mark.parametrize("message", [text("hi"), {**text("hi"), "bytes": None}])
async def test_receive_text(message: dict[str, Any]) -> None:
    """The key that is not used may be missing or None."""
    ws, _ = await opened(message, text(""))
    assert await ws.receive_text() == "hi"
    assert await ws.receive_text() == ""


@pytest.mark.parametrize("message", [binary(b"hi"), {**binary(b"hi"), "text": None}])
async def test_receive_bytes(message: dict[str, Any]) -> None:
    """The key that is not used may be missing or None."""
    ws, _ = await opened(message, binary(b""))
    assert await ws.receive_bytes() == b"hi"
    assert await ws.receive_bytes() == b""


async def test_receive_json() -> None:
    """JSON comes as text or as binary data."""
    ws, _ = await opened(text('{"a": 1}'), binary(b"[2]"))
    assert await ws.receive_json() == {"a": 1}
    assert await ws.receive_json() == [2]


@pytest.mark.parametrize(
    ("call", "message", "code"),
    [
        ("receive_text", binary(b"x"), 1003),
        ("receive_bytes", text("x"), 1003),
        ("receive_json", {"type": "websocket.receive"}, 1003),
        ("receive_json", text("{"), 1007),
        ("receive_json", text(""), 1007),
        ("receive_json", binary(b"\xff"), 1007),
        ("receive_json", text("[" * 100_000), 1007),
    ],
)
async def test_a_message_that_can_not_be_taken(call: str, message: dict[str, Any], code: int) -> None:
    """A client that sends the wrong kind, or no JSON, is told and closed; the handler ends as if it had left."""
    ws, server = await opened(message)
    with pytest.raises(WebSocketDisconnected) as caught:
        await getattr(ws, call)()
    assert caught.value.code == code
    (sent,) = server.sent
    assert (sent["type"], sent["code"]) == ("websocket.close", code)
    assert 0 < len(sent["reason"].encode()) <= 123
    assert (ws.closed, ws.close_code) == (True, code)
    with pytest.raises(WebSocketDisconnected):
        await ws.send_text("still there?")


async def test_iterating() -> None:
    """`async for` gives text and binary messages until the client leaves."""
    ws, _ = await opened(text("a"), binary(b"b"), text(""), left(code=1001, reason="bye"))
    messages = [message async for message in ws]
    assert messages == ["a", b"b", ""]
    assert (ws.closed, ws.close_code, ws.close_reason) == (True, 1001, "bye")
    assert [message async for message in ws] == []


async def test_iterating_ends_when_this_side_closes() -> None:
    """After `ws.close()` the loop ends and asks for no further message."""
    ws, server = await opened(text("a"), text("b"))
    messages = []
    async for message in ws:
        messages.append(message)
        await ws.close()
    assert messages == ["a"]
    assert server.messages == [text("b")]


# The end


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (left(code=1001, reason="bye"), 1001, "bye"),
        (left(code=1001, reason=None), 1001, ""),
        (left(code=None), 1005, ""),
        (left(), 1005, ""),
    ],
)
@pytest.mark.parametrize("call", ["receive_text", "receive_bytes", "receive_json"])
async def test_a_client_that_leaves(call: str, message: dict[str, Any], code: int, reason: str) -> None:
    """Every receive raises once the client left, and so does everything after it."""
    ws, server = await opened(message)
    for again in (call, "receive_text", "receive_bytes", "receive_json"):
        with pytest.raises(WebSocketDisconnected) as caught:
            await getattr(ws, again)()
        assert (caught.value.code, caught.value.reason) == (code, reason)
    for send in (ws.send_text("x"), ws.send_bytes(b"x"), ws.send_json(1)):
        with pytest.raises(WebSocketDisconnected):
            await send
    await ws.close()
    assert server.sent == []
    assert (ws.state, ws.close_code, ws.close_reason) == ("closed", code, reason)


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("after sending 'websocket.close'")])
@pytest.mark.parametrize(("call", "value"), [("send_text", "x"), ("send_bytes", b"x"), ("send_json", 1)])
async def test_sending_to_a_client_that_left(call: str, value: Any, error: Exception) -> None:
    """OSError, and the RuntimeError of servers that closed already, end the handler as a client that left."""
    ws, server = await opened()
    server.error = error
    with pytest.raises(WebSocketDisconnected) as caught:
        await getattr(ws, call)(value)
    assert caught.value.__cause__ is error
    assert (ws.closed, ws.close_code) == (True, 1006)
    assert [message async for message in ws] == []


async def test_close() -> None:
    """Code and reason go out, once; closing again is no error."""
    ws, server = await opened()
    await ws.close(4001, "später")
    await ws.close(4002)
    assert server.sent == [{"type": "websocket.close", "code": 4001, "reason": "später"}]
    assert (ws.state, ws.accepted, ws.close_code, ws.close_reason) == ("closed", True, 4001, "später")


async def test_closing_a_lost_connection_is_quiet() -> None:
    """Closing what is gone already raises nothing."""
    ws, server = await opened()
    server.error = OSError("gone")
    await ws.close()
    assert (ws.closed, ws.close_code) == (True, 1006)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
async def test_a_code_that_can_not_be_sent_is_refused(code: int) -> None:
    """Codes that are reserved never go out (RFC 6455 7.4.1)."""
    ws, server = await opened()
    with pytest.raises(ValueError) as caught:
        await ws.close(code)
    assert str(caught.value) == f"close got the code {code}; give 1000, or one of your own, 4000 to 4999 (RFC 6455 7.4)"
    assert server.sent == []


async def test_a_reason_has_room_for_123_bytes() -> None:
    """A reason that does not fit its frame is refused (RFC 6455 5.5)."""
    ws, server = await opened()
    with pytest.raises(ValueError, match="close got a reason of 124 bytes; a close frame has room for 123"):
        await ws.close(4000, "ö" * 62)
    await ws.close(4000, "ö" * 61 + "x")
    assert len(server.sent) == 1


# The wrong moment


@pytest.mark.parametrize("call", ["receive_text", "receive_bytes", "receive_json", "__anext__"])
async def test_receiving_before_accepting(call: str) -> None:
    """The cure is in the message."""
    server = Server()
    with pytest.raises(WebSocketStateError) as caught:
        await getattr(server.ws, call)()
    name = "async for" if call == "__anext__" else call
    assert str(caught.value) == f"{name} came before the connection was accepted; await ws.accept() first"
    assert server.messages == [CONNECT]


@pytest.mark.parametrize(("call", "value"), [("send_text", "x"), ("send_bytes", b"x"), ("send_json", 1)])
async def test_sending_at_the_wrong_moment(call: str, value: Any) -> None:
    """Sending before `accept`, or after this side closed, names the call and the cure."""
    server = Server()
    with pytest.raises(WebSocketStateError) as caught:
        await getattr(server.ws, call)(value)
    assert str(caught.value) == f"{call} came before the connection was accepted; await ws.accept() first"
    await server.ws.accept()
    await server.ws.close()
    with pytest.raises(WebSocketStateError) as caught:
        await getattr(server.ws, call)(value)
    assert str(caught.value) == f"{call} came after this side closed or refused the connection; return after that"


@pytest.mark.parametrize("call", ["accept", "deny"])
async def test_a_handshake_happens_once(call: str) -> None:
    """Accepting or denying what is open, or was refused, is an error of the handler."""
    ws, server = await opened()
    with pytest.raises(WebSocketStateError) as caught:
        await getattr(ws, call)()
    assert str(caught.value) == f"{call} came after the connection was accepted; end it with ws.close()"
    denied = Server()
    await denied.ws.deny()
    with pytest.raises(WebSocketStateError) as caught:
        await getattr(denied.ws, call)()
    assert str(caught.value) == f"{call} came after this side closed or refused the connection; return after that"
    assert server.sent == []


async def test_two_tasks_share_a_connection() -> None:
    """When the reading task learns that the client left, the sending one ends too."""
    ws, server = await opened(left(code=1001))

    async def send() -> None:
        while True:
            await ws.send_text("tick")
            await asyncio.sleep(0)

    sending = asyncio.create_task(send())
    await asyncio.sleep(0)
    assert [message async for message in ws] == []
    with pytest.raises(WebSocketDisconnected):
        await sending
    assert server.sent == [{"type": "websocket.send", "text": "tick"}]


# Handing over


async def test_hand_over() -> None:
    """Another application speaks ASGI from the first message on, and the state stays true to what passes."""
    server = Server(text("hi"), left(code=1001, reason="bye"))
    receive, send = server.ws.hand_over()
    assert await receive() == CONNECT
    assert server.ws.state == "connecting"
    await send({"type": "websocket.accept"})
    assert (server.ws.state, server.ws.accepted) == ("open", True)
    await send({"type": "websocket.send", "text": "hello"})
    assert await receive() == text("hi")
    await receive()
    assert (server.ws.closed, server.ws.close_code, server.ws.close_reason) == (True, 1001, "bye")
    assert server.sent == [{"type": "websocket.accept"}, {"type": "websocket.send", "text": "hello"}]


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({"type": "websocket.close"}, 1000, ""),
        ({"type": "websocket.close", "code": 4000, "reason": None}, 4000, ""),
        ({"type": "websocket.close", "code": 4000, "reason": "enough"}, 4000, "enough"),
        ({"type": "websocket.http.response.start", "status": 401, "headers": []}, 1006, ""),
    ],
)
async def test_what_was_handed_over_may_end(message: dict[str, Any], code: int, reason: str) -> None:
    """Closing and refusing are noted."""
    server = Server()
    _, send = server.ws.hand_over()
    await send(message)
    assert (server.ws.closed, server.ws.close_code, server.ws.close_reason) == (True, code, reason)


async def test_what_was_handed_over_and_fails_can_still_be_denied() -> None:
    """The connect message that the other application took is not waited for again."""
    server = Server(**DENIAL)
    receive, _ = server.ws.hand_over()
    await receive()
    await server.ws.deny(500)
    assert server.sent[0]["status"] == 500
