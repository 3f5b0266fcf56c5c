"""Scenarios of bodies that come piece by piece, in both directions, and of connections that end before they do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from parity_notes import noted, notes, open_gate
from parity_scenarios import as_text, exchange, headers_of, scenario, seen, shown

MEBIBYTE = 1024 * 1024
FLOOD = 64
"""Mebibytes: more than the buffers of two sockets, which grow to some ten on their own."""


async def taken(chunks: Any, size: int) -> bytes:
    """At least so many bytes of a body, as they come."""
    data = b""
    while len(data) < size:
        data += await anext(chunks)
    return data


exchange("streamed_response", "heaven", "GET", "/stream", (200, ["content-type: text/plain"], "one two three"))
exchange("streamed_response_with_head", "heaven", "HEAD", "/stream", (200, ["content-type: text/plain"], ""))
exchange(
    "streamed_response_of_known_length",
    "heaven",
    "GET",
    "/stream-of-known-length",
    (200, ["content-type: application/octet-stream", "content-length: 8"], "abcdefgh"),
)
exchange(
    "large_response",
    "heaven",
    "GET",
    "/large",
    (200, ["content-type: application/octet-stream", "content-length: 3145728"], "3145728 bytes, 3bea8a9a07c1e8dc"),
)
exchange(
    "events",
    "heaven",
    "GET",
    "/events",
    (
        200,
        ["cache-control: no-store", "x-accel-buffering: no", "content-type: text/event-stream; charset=utf-8"],
        'retry: 1000\n\ndata: plain\n\nevent: named\ndata: two\ndata: lines\n\nid: 3\ndata: {"total":12}\n\n',
    ),
)


@scenario("heaven", (200, ["content-type: text/plain"], "first", "second"))
async def first_piece_before_the_last_is_made(agent: Any) -> Any:
    """A piece is there as soon as it was sent."""
    async with agent.stream("GET", f"/gated-stream?key={agent.key}") as response:
        chunks = response.aiter_raw()
        first = await taken(chunks, 5)
        open_gate(agent.key)
        rest = b"".join([chunk async for chunk in chunks])
    return response.status_code, headers_of(response.headers.multi_items()), first.decode(), rest.decode()


@scenario(
    "heaven",
    (
        ["cache-control: no-store", "x-accel-buffering: no", "content-type: text/event-stream; charset=utf-8"],
        [
            "retry: 3000",
            "",
            "event: tick",
            "id: 1",
            'data: {"number":1}',
            "",
            "event: tick",
            "id: 2",
            'data: {"number":2}',
            "",
        ],
        ["closed"],
    ),
)
async def events_left_in_the_middle(agent: Any) -> Any:
    """An endless stream is read event by event; when its client leaves, the generator is closed."""
    async with agent.stream("GET", f"/ticks?key={agent.key}") as response:
        lines = response.aiter_lines()
        read = [await anext(lines) for _ in range(10)]
    return headers_of(response.headers.multi_items()), read, await noted(agent.key, 1)


@scenario("heaven", (["data: only", ""], [], ["closed"]))
async def silent_stream_left(agent: Any) -> Any:
    """A stream that has nothing to say learns that its client left as well."""
    async with agent.stream("GET", f"/quiet?key={agent.key}") as response:
        lines = response.aiter_lines()
        read = [await anext(lines), await anext(lines)]
        before = notes(agent.key)
    return read, before, await noted(agent.key, 1)


@scenario("heaven", ("ReadTimeout", ["began", "cancelled"]))
async def left_before_the_response_began(agent: Any) -> Any:
    """A client that waits no longer is one that left: a handler that is to know of it is cancelled."""
    try:
        await agent.request("GET", f"/watched?key={agent.key}", timeout=httpx.Timeout(60, read=0.2))
    except httpx.ReadTimeout:
        return "ReadTimeout", await noted(agent.key, 2)


@scenario("heaven", (16777216, [0], 63))
async def big_download(agent: Any) -> Any:
    """16 MiB come through whole, in the order they were sent."""
    size, firsts = 0, []
    async with agent.stream("GET", "/big") as response:
        async for chunk in response.aiter_raw():
            if size % MEBIBYTE == 0:
                firsts.append(chunk[0])
            size += len(chunk)
    return size, firsts[:1], chunk[-1]


@scenario("heaven", (True, 67108864, 64))
async def slow_reader(agent: Any) -> Any:
    """An application waits for a client that doesn't read: not all is sent before it goes on."""
    async with agent.stream("GET", f"/flood?key={agent.key}&count={FLOOD}") as response:
        chunks = response.aiter_raw()
        size = len(await anext(chunks))
        still = 0
        while still < 20:  # until nothing moved for a while
            sent = len(notes(agent.key))
            await asyncio.sleep(0.01)
            still = still + 1 if len(notes(agent.key)) == sent else 0
        async for chunk in chunks:
            size += len(chunk)
    return sent < FLOOD, size, notes(agent.key).count("sent")


@scenario("heaven", ("all pieces came", [["piece 0"], ["piece 0", "piece 1"], ["piece 0", "piece 1", "piece 2"]]))
async def request_seen_as_it_comes(agent: Any) -> Any:
    """A handler has each piece of a body before the next one is sent."""
    seen_so_far: list[list[str]] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"piece %d" % number
            seen_so_far.append(list(await noted(agent.key, number + 1)))

    answer = await agent.request("POST", f"/pieces?key={agent.key}", content=pieces())
    return answer.text, seen_so_far


@scenario(
    "heaven",
    (
        200,
        "PIECE 0, PIECE 1, PIECE 2, PIECE 3, PIECE 4, PIECE 5, PIECE 6, PIECE 7, PIECE 8, PIECE 9, PIECE 10, PIECE 11, PIECE 12, PIECE 13, PIECE 14, PIECE 15, PIECE 16, PIECE 17, PIECE 18, PIECE 19, PIECE 20, PIECE 21, PIECE 22, PIECE 23, PIECE 24, PIECE 25, PIECE 26, PIECE 27, PIECE 28, PIECE 29, PIECE 30, PIECE 31, PIECE 32, PIECE 33, PIECE 34, PIECE 35, PIECE 36, PIECE 37, PIECE 38, PIECE 39, PIECE 40, PIECE 41, PIECE 42, PIECE 43, PIECE 44, PIECE 45, PIECE 46, PIECE 47, PIECE 48, PIECE 49, ",
    ),
)
async def body_transformed_on_the_way(agent: Any) -> Any:
    """A handler that answers while it reads answers everything, whatever of it the client reads while it sends."""

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"piece %d, " % number

    answer = await agent.request("POST", "/transform", content=pieces())
    return answer.status_code, shown(answer.content)


@scenario("heaven", ("'mine'", ["piece", "the client left"], "hello"))
async def request_that_fails_on_the_way(agent: Any) -> Any:
    """When what makes the body fails, so does the request, with that very error; the handler has no whole body."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"piece"
        await noted(agent.key, 1)
        raise KeyError("mine")

    try:
        await agent.request("POST", f"/pieces?key={agent.key}", content=pieces())
    except KeyError as error:
        return str(error), await noted(agent.key, 2), (await agent.request("GET", "/")).text


async def cut(agent: Any, url: str) -> Any:
    """What comes of a response whose connection is cut: read whole, and in pieces."""
    observed: list[Any] = []
    try:
        await agent.request("GET", url)
    except httpx.RemoteProtocolError:
        observed.append("RemoteProtocolError")
    pieces = b""
    try:
        async with agent.stream("GET", url) as response:
            observed.append(response.status_code)
            async for chunk in response.aiter_raw():
                pieces += chunk
    except httpx.RemoteProtocolError:
        observed += [pieces.decode(), "RemoteProtocolError"]
    return observed


@scenario(
    "heaven",
    (
        ["RemoteProtocolError", 200, "begun", "RemoteProtocolError"],
        ["RemoteProtocolError", 200, "begun", "RemoteProtocolError"],
        "hello",
    ),
)
async def exception_in_a_stream(agent: Any) -> Any:
    """An exception after the response began cuts the connection, with a Content-Length and without."""
    return (
        await cut(agent, "/fails-in-stream"),
        await cut(agent, "/fails-in-stream?length"),
        (await agent.request("GET", "/")).text,
    )


@scenario(
    "raw",
    (
        ["RemoteProtocolError", 200, "begun", "RemoteProtocolError"],
        ["RemoteProtocolError", 200, "", "RemoteProtocolError"],
    ),
)
async def exception_in_a_raw_stream(agent: Any) -> Any:
    """What was sent before the exception arrives; then the connection is cut."""
    open_gate(agent.key)
    return await cut(agent, f"/fails-in-body?{agent.key}"), await cut(agent, "/fails-after-start")


@scenario("raw", ("begun", ["http.disconnect", "http.disconnect"]))
async def sending_to_nobody(agent: Any) -> Any:
    """After its client left an application is told http.disconnect, again and again, and may send in vain."""
    async with agent.stream("GET", f"/sends-to-nobody?{agent.key}") as response:
        first = await taken(response.aiter_raw(), 5)
    return first.decode(), await noted(agent.key, 2)


@scenario("heaven", (200, "one two three", as_text("hello")))
async def stream_that_is_not_read(agent: Any) -> Any:
    """A response whose body nobody reads is left without harm, and the client goes on."""
    async with agent.stream("GET", "/large") as response:
        status = response.status_code
    async with agent.stream("GET", "/stream") as response:
        read = await response.aread()
    return status, shown(read), seen(await agent.request("GET", "/"))
