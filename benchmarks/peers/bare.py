"""A bare ASGI callable: the floor. It does the work of the scenario (JSON included) and nothing else."""

from __future__ import annotations

from typing import Any

from benchmarks.workload import CHUNK, CHUNKS, DECODE, DECODE_ORDER, ENCODE, HELLO, TALLY, download_path

DISTRIBUTIONS: tuple[str, ...] = ("msgspec",)
NOTES: dict[str, str] = {}

NOT_FOUND = ENCODE({"title": "Not Found"})


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    """Send a JSON response."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive: Any, send: Any) -> None:
    """Start and stop at once."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def websocket(receive: Any, send: Any) -> None:
    """Echo until the client leaves."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def stream(send: Any) -> None:
    """A hundred chunks."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def read(receive: Any) -> bytes:
    """The whole body."""
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


def base() -> Any:
    """The scenarios on one path each."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            return await lifespan(receive, send)
        if kind == "websocket":
            return await websocket(receive, send)
        path = scope["path"]
        if path == "/":
            return await answer(send, ENCODE({"message": HELLO}))
        if path == "/echo":
            return await answer(send, ENCODE(DECODE(await read(receive))))
        if path == "/typed":
            order = DECODE_ORDER(await read(receive))
            return await answer(send, ENCODE({"customer": order.customer, "items": len(order.items)}))
        if path == "/stream":
            return await stream(send)
        return await answer(send, NOT_FOUND, 404)

    return app


def routes() -> Any:
    """Splits the path; there is nothing to find."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        _, _, a, _, b = scope["path"].split("/")
        return await answer(send, ENCODE({"a": int(a), "b": int(b)}))

    return app


def hooks() -> Any:
    """Ten steps in the callable itself."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        for _ in range(5):
            TALLY.before += 1
        body = ENCODE({"message": HELLO})
        for _ in range(5):
            TALLY.after += 1
        return await answer(send, body)

    return app


def transfer() -> Any:
    """Counts what is uploaded; sends the file in blocks of 64 KiB, read in the loop's thread."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        if scope["path"] == "/download":
            return await download(send)
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message.get("more_body", False)
        return await answer(send, ENCODE({"size": size}))

    async def download(send: Any) -> None:
        headers = [(b"content-type", b"application/octet-stream")]
        with open(download_path(), "rb", buffering=0) as file:  # noqa: ASYNC230, PTH123 - the floor
            headers.append((b"content-length", b"%d" % file.seek(0, 2)))
            file.seek(0)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while block := file.read(65536):
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app
