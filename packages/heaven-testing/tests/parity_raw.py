"""A bare ASGI application: what one is told, and what it may say, word for word."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from parity_notes import gate, note

FLOOD = 64
"""Mebibytes: more than the buffers of two sockets, which grow to some ten on their own."""


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """Serve HTTP and WebSockets; it has no lifespan, and says so as ASGI wants it: with an exception."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    routes = RAW if scope["type"] == "http" else RAW_SOCKETS
    await routes[scope["path"]](scope, receive, send)


def described(scope: Any) -> bytes:
    """Everything a scope says but the ports, as JSON."""
    values = {name: _plain(value) for name, value in scope.items() if name not in ("client", "server", "extensions")}
    for name in ("client", "server"):
        host, port = scope[name]
        values[name] = [host if name == "client" else type(host).__name__, type(port).__name__]
    values["extensions"] = sorted(scope.get("extensions") or ())
    values["types"] = ", ".join(f"{name} {type(value).__name__}" for name, value in sorted(scope.items()))
    return json.dumps(values).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


async def whole(send: Any, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def dump(scope: Any, receive: Any, send: Any) -> None:
    await whole(send, 200, described(scope))


async def messages(scope: Any, receive: Any, send: Any) -> None:
    """Tell which messages came, the empty ones too, and what comes once all of the body has been read."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await whole(send, 200, json.dumps([sorted(message), len(body)]).encode())
    note(scope["query_string"].decode(), (await receive())["type"])


async def silent_about_lengths(scope: Any, receive: Any, send: Any) -> None:
    """Leave out everything that may be left out."""
    await receive()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "more_body": True})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b", "more_body": True})
    await send({"type": "http.response.body"})


async def odd_headers(scope: Any, receive: Any, send: Any) -> None:
    pairs = [
        (b"x-latin", b"caf\xe9"),
        (b"x-empty", b""),
        (b"set-cookie", b"a=1"),
        (b"x-b", b"1"),
        (b"set-cookie", b"b=2"),
    ]
    await whole(send, 299, b"odd", *pairs, (b"content-length", b"3"))


async def fails(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("before the start")


async def fails_after_start(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
    raise RuntimeError("after the start")


async def fails_in_body(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    await gate(scope["query_string"].decode())
    raise RuntimeError("in the body")


async def fails_at_the_end(scope: Any, receive: Any, send: Any) -> None:
    await whole(send, 200, b"complete", (b"content-length", b"8"))
    raise RuntimeError("after the end")


async def sends_to_nobody(scope: Any, receive: Any, send: Any) -> None:
    """Go on sending after the client left; servers let it pass in silence."""
    key = scope["query_string"].decode()
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    note(key, (await receive())["type"])
    await send({"type": "http.response.body", "body": b"for nobody", "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    note(key, (await receive())["type"])


async def head_with_body(scope: Any, receive: Any, send: Any) -> None:
    """Answer every method the same way; that HEAD gets no content is the server's business."""
    await whole(send, 200, b"content", (b"content-length", b"7"))


async def gzipped(scope: Any, receive: Any, send: Any) -> None:
    import gzip

    body = gzip.compress(b"pressed " * 100, mtime=0)
    await whole(send, 200, body, (b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(body)))


async def starts_and_waits(scope: Any, receive: Any, send: Any) -> None:
    """Say how the response begins, and nothing of its body until a gate opens."""
    await send({"type": "http.response.start", "status": 202, "headers": [(b"x-early", b"1")]})
    await gate(scope["query_string"].decode())
    await send({"type": "http.response.body", "body": b"late"})


async def answers_first(scope: Any, receive: Any, send: Any) -> None:
    """Answer without looking at the body: after that there is nothing to read any more, as for one that was read."""
    await whole(send, 200, b"answered", (b"content-length", b"8"))
    note(scope["query_string"].decode(), (await receive())["type"])


async def listens_while_waiting(scope: Any, receive: Any, send: Any) -> None:
    """Wait for the client to leave before anything was answered."""
    key = scope["query_string"].decode()
    kinds = [(await receive())["type"], (await receive())["type"]]
    note(key, " ".join(kinds))


async def padded(scope: Any, receive: Any, send: Any) -> None:
    """Blanks around a field's value are none of it (RFC 9110 5.5)."""
    await whole(send, 200, b"padded", (b"x-padded", b"  a  b\t"), (b"content-length", b"6"))


async def in_pieces(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    for piece in (b"ab", b"", b"cd"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"ef", "more_body": False})


async def cancels_itself(scope: Any, receive: Any, send: Any) -> None:
    raise asyncio.CancelledError


async def uploads(scope: Any, receive: Any, send: Any) -> None:
    """Note what comes of a body, its end or the client's."""
    key = scope["query_string"].decode()
    while True:
        message = await receive()
        note(key, f"{message['type']} {len(message.get('body', b''))}")
        if not message.get("more_body", False):
            return await whole(send, 200, b"read")


async def closes_connection(scope: Any, receive: Any, send: Any) -> None:
    await whole(send, 200, b"bye", (b"connection", b"close"), (b"content-length", b"3"))


RAW = {
    "/": dump,
    "/scope": dump,
    "/sc\xf6pe/a/b c": dump,
    "/messages": messages,
    "/silent": silent_about_lengths,
    "/odd-headers": odd_headers,
    "/fails": fails,
    "/fails-after-start": fails_after_start,
    "/fails-in-body": fails_in_body,
    "/fails-at-the-end": fails_at_the_end,
    "/sends-to-nobody": sends_to_nobody,
    "/head": head_with_body,
    "/gzip": gzipped,
    "/close": closes_connection,
    "/starts": starts_and_waits,
    "/answers-first": answers_first,
    "/listens": listens_while_waiting,
    "/padded": padded,
    "/in-pieces": in_pieces,
    "/cancels-itself": cancels_itself,
    "/uploads": uploads,
}


async def socket_dump(scope: Any, receive: Any, send: Any) -> None:
    connect = await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": described(scope).decode(), "bytes": None})
    await send({"type": "websocket.send", "text": None, "bytes": json.dumps(sorted(connect)).encode()})
    await send({"type": "websocket.close"})


async def socket_fails_before(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise RuntimeError("before the handshake")


async def socket_fails_after(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    raise RuntimeError("after the handshake")


async def socket_returns(scope: Any, receive: Any, send: Any) -> None:
    """Return without closing."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None})


async def socket_denies(scope: Any, receive: Any, send: Any) -> None:
    """Refuse with a response in pieces."""
    await receive()
    start = {"status": 418, "headers": [(b"content-type", b"text/x-tea"), (b"x-pot", b"1"), (b"content-length", b"6")]}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": b"tea", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"pot"})


async def socket_close_first(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 4000, "reason": "no"})


async def socket_hears(scope: Any, receive: Any, send: Any) -> None:
    """Note every message, and the keys that have a value."""
    key = scope["query_string"].decode()
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        note(key, json.dumps(sorted(name for name, value in message.items() if value is not None)))
        if message["type"] == "websocket.disconnect":
            return


async def socket_sends_to_nobody(scope: Any, receive: Any, send: Any) -> None:
    """Send after the client has left: an OSError, as ASGI wants it."""
    key = scope["query_string"].decode()
    await receive()
    await send({"type": "websocket.accept"})
    note(key, (await receive())["type"])
    try:
        await send({"type": "websocket.send", "text": "anyone?"})
        await asyncio.sleep(0)
        await send({"type": "websocket.send", "text": "anyone?"})
    except OSError:
        note(key, "OSError")


async def socket_waits(scope: Any, receive: Any, send: Any) -> None:
    """Never answer the handshake, and note how it ends."""
    key = scope["query_string"].decode()
    note(key, (await receive())["type"])
    note(key, (await receive())["type"])


async def socket_reads_late(scope: Any, receive: Any, send: Any) -> None:
    """Read nothing until a gate opens."""
    key = scope["query_string"].decode()
    await receive()
    await send({"type": "websocket.accept"})
    await gate(key)
    size = 0
    while (message := await receive())["type"] == "websocket.receive":
        size += len(message["bytes"])
        if message["bytes"] == b"end":
            await send({"type": "websocket.send", "text": str(size)})


async def socket_floods(scope: Any, receive: Any, send: Any) -> None:
    """Send more than fits between two ends, and note each message that went."""
    key = scope["query_string"].decode()
    await receive()
    await send({"type": "websocket.accept"})
    for _ in range(FLOOD):
        await send({"type": "websocket.send", "bytes": bytes(1024 * 1024)})
        note(key, "sent")
    await send({"type": "websocket.close"})


RAW_SOCKETS = {
    "/": socket_dump,
    "/scope": socket_dump,
    "/fails-before": socket_fails_before,
    "/fails-after": socket_fails_after,
    "/returns": socket_returns,
    "/denies": socket_denies,
    "/closes-first": socket_close_first,
    "/hears": socket_hears,
    "/waits": socket_waits,
    "/reads-late": socket_reads_late,
    "/floods": socket_floods,
    "/sends-to-nobody": socket_sends_to_nobody,
}
