"""Scenarios at the edges of HTTP: odd paths, odd lengths, clients that leave, and what the client library says of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from parity_agents import Agent
from parity_notes import noted, notes, open_gate
from parity_scenarios import Scenario, as_json, as_text, enter, exchange, exchanges, headers_of, scenario, seen

MEBIBYTE = 1024 * 1024

exchanges(
    "odd_paths",
    "heaven",
    [
        ("GET", f"/files/{path}")
        for path in (
            "a;b=c,d@e:!$&'()*+~",
            "%00",
            "%zz%4",
            "..%2f..%2fetc",
            "../files/up",
            'a|b"c<d>^`{}',
            "%E2%82",
            "%2e%2e/x",
        )
    ],
    [
        as_json('{"rest":"a;b=c,d@e:!$&\'()*+~"}'),
        as_json('{"rest":"\\u0000"}'),
        as_json('{"rest":"%zz%4"}'),
        as_json('{"rest":"../../etc"}'),
        as_json('{"rest":"up"}'),
        as_json('{"rest":"a|b\\"c<d>^`{}"}'),
        as_json('{"rest":"�"}'),
        as_json('{"rest":"../x"}'),
    ],
)
exchange(
    "host_outside_ascii",
    "heaven",
    "GET",
    "http://bücher.heaven.test/where",
    as_json('{"host":"xn--bcher-kva.heaven.test","subdomain":"xn--bcher-kva","ip":"127.0.0.1"}'),
)
exchange(
    "long_query",
    "heaven",
    "GET",
    "/all",
    (200, ["content-type: application/json", "content-length: 20010"], "20010 bytes, 9bfb119459aeb70f"),
    params={"a": "x" * 20_000},
)
exchange(
    "many_headers",
    "heaven",
    "GET",
    "/headers",
    (200, ["content-type: application/json", "content-length: 10071"], "10071 bytes, de1fb26a3c6d1238"),
    headers={f"x-{number}": "v" * 100 for number in range(90)},
)
exchange(
    "header_of_other_bytes", "heaven", "GET", "/headers", as_json('[["x-utf","Ã¼"]]'), headers={"x-utf": "ü".encode()}
)
exchanges(
    "pieces_with_a_length",
    "raw",
    [("HEAD", "/in-pieces"), ("GET", "/in-pieces")],
    [(200, ["content-length: 6"], ""), (200, ["content-length: 6"], "abcdef")],
)
exchange(
    "crumbs",
    "heaven",
    "GET",
    "/crumbs",
    (200, ["content-type: application/octet-stream"], "5000 bytes, 8026e5c96cf1e502"),
)


async def time_for_each_piece(agent: Agent) -> Any:
    """A stream may take longer than the client waits, if no piece does; over a socket a machine that stands still counts."""
    pause, timeout = (0.1, 0.35) if agent.in_process else (1.1, 4.2)
    return seen(await agent.request("GET", f"/in-time?pause={pause}", timeout=timeout))


enter(Scenario("time_for_each_piece", "heaven", time_for_each_piece, (200, ["content-type: text/plain"], "0 1 2 3 "), plain=True))  # fmt: skip
exchange(
    "cookie_of_a_redirect", "heaven", "GET", "/cookies/redirect", as_json('{"on-the-way":"1"}'), follow_redirects=True
)
exchange(
    "credentials_in_the_url",
    "heaven",
    "GET",
    "http://ada:pass@heaven.test/authorization",
    as_text("Basic YWRhOnBhc3M="),
)


@scenario(
    "raw", (200, ["x-padded: a  b", "content-length: 6"], "padded"), without=("uvicorn-h11",)
)  # which refuses to send such values
async def blanks_around_a_value(agent: Any) -> Any:
    """Blanks at the ends of a field are none of its value (RFC 9110 5.5)."""
    return seen(await agent.request("GET", "/padded"))


@scenario(
    "heaven",
    [
        ("HTTP/1.1", "OK", False, "utf-8", 5, "http://heaven.test/", True, True),
        ("HTTP/1.1", "", False, "utf-8", 7, "http://heaven.test/status/299", True, True),
        ("HTTP/1.1", "I'm a Teapot", False, "utf-8", 7, "http://heaven.test/status/418", True, True),
        ("HTTP/1.1", "Found", True, "utf-8", 0, "http://heaven.test/moved/302", True, True),
        ("HTTP/1.1", "Not Found", False, "utf-8", 55, "http://heaven.test/no-file", True, True),
        ("HTTP/1.1", "OK", False, "utf-8", 13, "http://heaven.test/stream", True, True),
    ],
)
async def facts_about_responses(agent: Any) -> Any:
    """What the client library tells of a response besides what it says."""
    facts = []
    for path in ("/", "/status/299", "/status/418", "/moved/302", "/no-file", "/stream"):
        answer = await agent.request("GET", path)
        told = (
            answer.http_version,
            answer.reason_phrase,
            answer.is_redirect,
            answer.encoding,
            answer.num_bytes_downloaded,
        )
        facts.append((*told, str(answer.url), answer.elapsed.total_seconds() > 0, answer.is_closed))
    return facts


@scenario("heaven", ["LocalProtocolError", "LocalProtocolError", "12345", "LocalProtocolError"])
async def lengths_that_are_wrong(agent: Any) -> Any:
    """A body that is not as long as its Content-Length says is refused by the client, before anybody waits for the rest."""
    refused = []
    for length, content in (("3", b"12345"), ("9", b"12345"), ("5", b"12345"), ("0", b"1")):
        try:
            answer = await agent.request("POST", "/echo", content=content, headers={"content-length": length})
            refused.append(answer.text)
        except Exception as error:  # over a socket it is h11's own, which the client library lets pass
            refused.append(type(error).__name__)
    return refused


@scenario("heaven", ["UnsupportedProtocol", 404, 404])
async def schemes_of_others(agent: Any) -> Any:
    """Only http and https are spoken."""
    refused = []
    for url in ("ftp://heaven.test/", "heaven.test/", "ws://heaven.test/ws/echo"):
        try:
            refused.append((await agent.request("GET", url)).status_code)
        except httpx.UnsupportedProtocol:
            refused.append("UnsupportedProtocol")
    return refused


@scenario("heaven", ["unset", "unset", "unset"])
async def context_variables(agent: Any) -> Any:
    """What a startup or a request sets in its context, the next request doesn't see."""
    return [(await agent.request("GET", "/variable")).text for _ in range(3)]


@scenario("heaven", ([404, 405], as_text("hello")))
async def body_nobody_reads(agent: Any) -> Any:
    """A large body to a path that isn't there is answered, and so is what comes after it."""
    answers = [await agent.request("POST", path, content=b"x" * 3 * MEBIBYTE) for path in ("/nothing", "/orders/7")]
    return [answer.status_code for answer in answers], seen(await agent.request("GET", "/"))


@scenario("raw", (["answered", "answered"], ["http.disconnect", "http.disconnect"]))
async def answered_before_anything_was_read(agent: Any) -> Any:
    """Once its response is complete an application reads no more of the request, however much there was."""
    answers = [
        await agent.request("POST", f"/answers-first?{agent.key}", content=content)
        for content in (b"", b"x" * MEBIBYTE)
    ]
    return [answer.text for answer in answers], await noted(agent.key, 2)


@scenario("raw", (202, ["x-early: 1"], "late"))
async def response_begins_without_a_body(agent: Any) -> Any:
    """Status and headers are there before there is any content."""
    async with agent.stream("GET", f"/starts?{agent.key}") as response:
        began = response.status_code, headers_of(response.headers.multi_items())
        open_gate(agent.key)
        return *began, (await response.aread()).decode()


@scenario("raw", (500, "Internal Server Error"))
async def cancellation_that_nobody_asked_for(agent: Any) -> Any:
    """An application that raises CancelledError, as one that waits for a cancelled task does, is answered for with a 500."""
    answer = await agent.request("GET", "/cancels-itself")
    return answer.status_code, answer.text


@scenario("raw", ["http.request http.disconnect"])
async def left_while_it_waited(agent: Any) -> Any:
    """An application that listens is told that the client left, before it answered anything."""
    try:
        await agent.request("GET", f"/listens?{agent.key}", timeout=httpx.Timeout(60, read=0.2))
    except httpx.ReadTimeout:
        return await noted(agent.key, 1)


@scenario("raw", ["http.request 5", "http.disconnect 0"])
async def left_while_sending(agent: Any) -> Any:
    """What was sent of a body is read; then comes http.disconnect, and never an end that looks like one."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"12345"
        await noted(agent.key, 1)
        raise KeyError("mine")

    try:
        await agent.request("POST", f"/uploads?{agent.key}", content=pieces())
    except KeyError:
        return await noted(agent.key, 2)


@scenario("heaven", True)
async def left_in_a_flood(agent: Any) -> Any:
    """An application that was held up by a slow client is let go when that leaves."""
    async with agent.stream("GET", f"/flood?key={agent.key}&count=1000") as response:
        await anext(response.aiter_raw())
    await agent.request("GET", "/")
    return "closed" in await noted_last(agent.key, "closed")


async def noted_last(key: str, line: str) -> list[str]:
    """The notes, once a line is among them."""
    count = 1
    while line not in (found := await noted(key, count)):
        count = len(found) + 1
    return found


@scenario(
    "heaven", (True, ["began", "cancelled"], "hello"), without=("SyncClient",)
)  # what runs in a thread can't be cancelled
async def request_cancelled(agent: Any) -> Any:
    """A request whose task is cancelled has left."""
    asking = asyncio.create_task(agent.request("GET", f"/watched?key={agent.key}"))
    await noted(agent.key, 1)
    asking.cancel()
    await asyncio.wait([asking])
    return asking.cancelled(), await noted(agent.key, 2), (await agent.request("GET", "/")).text


@scenario("heaven", ("first", ["hello", "hello", "hello"], "second"))
async def request_beside_an_open_stream(agent: Any) -> Any:
    """A client may ask for more while it reads a stream."""
    async with agent.stream("GET", f"/gated-stream?key={agent.key}") as response:
        chunks = response.aiter_raw()
        first = await anext(chunks)
        between = [(await agent.request("GET", "/")).text for _ in range(3)]
        open_gate(agent.key)
        return first.decode(), between, b"".join([chunk async for chunk in chunks]).decode()


@scenario("heaven", (["data: only", ""], ["closed"]))
async def silence_in_a_stream(agent: Any) -> Any:
    """A stream that says nothing for longer than the client waits is a ReadTimeout, and the client has left."""
    read = []
    try:
        async with agent.stream("GET", f"/quiet?key={agent.key}", timeout=httpx.Timeout(60, read=0.2)) as response:
            async for line in response.aiter_lines():
                read.append(line)
    except httpx.ReadTimeout:
        return read, notes(agent.key) or await noted(agent.key, 1)


@scenario("raw", (10000, "http.disconnect 0"))
async def left_after_some_bytes(agent: Any) -> Any:
    """A client that leaves after 10,000 bytes of its body: the application has these, and then http.disconnect."""
    await agent.leave_after(10_000, f"/uploads?{agent.key}", b"x" * 100_000)
    found = await noted_last(agent.key, "http.disconnect 0")
    return sum(int(line.split()[1]) for line in found), found[-1]


@scenario("heaven", ("the client left", "hello"))
async def left_after_some_bytes_of_a_whole_body(agent: Any) -> Any:
    """A body that doesn't arrive whole reaches no handler; the server serves on."""
    await agent.leave_after(10_000, f"/pieces?key={agent.key}", b"x" * 100_000)
    return (await noted_last(agent.key, "the client left"))[-1], (await agent.request("GET", "/")).text
