"""Advisories about bodies: too large, too slow, or taken for something else (classes 14-16, 36, 39)."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import Any

import msgspec
import pytest

from driver import request
from heaven import App
from stopwatch import cpu_seconds_of

MIB = 1024 * 1024
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


def file_form(size: int) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n\r\n'
    return head + b"a" * size + b"\r\n--x--\r\n"


class Item(msgspec.Struct):
    name: str = ""


# 14, 15: lengths and chunks


async def test_class_14_bytes_are_counted_and_not_believed() -> None:
    """A Content-Length that says too little doesn't get a larger body past the limit."""
    ran: list[int] = []
    app = App(max_body_size=1000)
    app.POST("/", lambda req, res, ctx: ran.append(len(req.body)))

    async def stream(req: Any, res: Any, ctx: Any) -> None:
        ran.append(sum([len(chunk) async for chunk in req.stream()]))

    app.POST("/stream", stream, stream=True, max_body_size=1000)
    for path in ("/", "/stream"):
        for declared in ("1", "5", "1000"):
            reply = await request(app, "POST", path, {"content-length": declared}, [b"a" * 400] * 3)
            assert (413, []) == (reply.status, ran)


@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_class_14_a_length_over_the_limit_is_refused_unread(path: str) -> None:
    """A Content-Length that is too large is a 413 before a byte is taken in."""
    app = App(max_body_size=1000)
    app.POST("/", lambda req, res, ctx: None)

    async def stream(req: Any, res: Any, ctx: Any) -> None:
        async for _ in req.stream():
            pass

    app.POST("/stream", stream, stream=True, max_body_size=1000)
    for declared in ("1001", "9" * 30, "9" * 5000):
        reply = await request(app, "POST", path, {"content-length": declared}, events=[])
        assert 413 == reply.status


@pytest.mark.parametrize("declared", ["-1", "+5", "5_0", "0x5", "5.0", " ", "", "five", "٥", "1e3", "5, 5", "²"])
async def test_class_14_a_length_that_is_no_number_is_a_400(declared: str) -> None:
    """Content-Length is ASCII digits and nothing else."""
    app = App()
    app.POST("/", lambda req, res, ctx: len(req.body))

    async def stream(req: Any, res: Any, ctx: Any) -> int:
        return sum([len(chunk) async for chunk in req.stream()])

    app.POST("/stream", stream, stream=True)
    for path in ("/", "/stream"):
        fields = [(b"content-length", declared.encode())]
        assert 400 == (await request(app, "POST", path, fields, b"12345")).status


async def tiny_cost(count: int, app: App, path: str, headers: dict[str, str], body: bytes) -> float:
    body = body.ljust(count, b" ") if headers is not MULTIPART else file_form(count - len(file_form(0)))
    events = [
        {"type": "http.request", "body": body[i : i + 1], "more_body": i < len(body) - 1} for i in range(len(body))
    ]

    async def ask() -> None:
        given = {**headers, "transfer-encoding": "chunked"}
        assert 200 == (await request(app, "POST", path, given, events=[*events], timeout=60)).status

    return await cpu_seconds_of(ask, 2)


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/json", JSON, b"[]"),
        ("/form", URLENCODED, b"a=1"),
        ("/form", MULTIPART, b""),
        ("/parts", MULTIPART, b""),
        ("/stream", {}, b""),
    ],
)
async def test_class_15_many_tiny_chunks_cost_linear_time(path: str, headers: dict[str, str], body: bytes) -> None:
    """100,000 chunks of one byte cost about five times as much as 20,000, and no more than a few microseconds each."""
    app = App()

    async def parts(req: Any, res: Any, ctx: Any) -> int:
        return sum([len(await part.read()) async for part in req.parts()])

    async def stream(req: Any, res: Any, ctx: Any) -> int:
        return sum([len(chunk) async for chunk in req.stream()])

    app.POST("/json", lambda req, res, ctx: req.json)
    app.POST("/form", lambda req, res, ctx: len(req.form))
    app.POST("/parts", parts, stream=True)
    app.POST("/stream", stream, stream=True)
    few = await tiny_cost(20_000, app, path, headers, body)
    many = await tiny_cost(100_000, app, path, headers, body)
    assert many < 12 * few
    assert many < 5


async def test_control_class_15_adding_up_is_found_out() -> None:
    """A reader that makes a new whole of every chunk grows with the square of their number."""
    app = App()

    async def naive(req: Any, res: Any, ctx: Any) -> None:
        body: tuple[int, ...] = ()
        async for chunk in req.stream():
            body = (*body, *chunk)

    app.POST("/", naive, stream=True)
    assert await tiny_cost(16_000, app, "/", {}, b"") > 12 * await tiny_cost(2_000, app, "/", {}, b"")


# 16: content codings


@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP", "deflate", "br", "zstd", "x-gzip", "gzip, identity", "identity, gzip"]
)
@pytest.mark.parametrize("path", ["/json", "/typed", "/form", "/data", "/parts", "/text"])
async def test_class_16_compressed_bodies_are_not_unpacked(coding: str, path: str) -> None:
    """A bomb of 64 MiB in 64 KB is a 415, and memory doesn't grow by what it would become."""
    app = App()

    async def parts(req: Any, res: Any, ctx: Any) -> Any:
        return [part.name async for part in req.parts()]

    app.POST("/json", lambda req, res, ctx: req.json)
    app.POST("/typed", lambda req, res, ctx: req.data.name, expects=Item)
    app.POST("/form", lambda req, res, ctx: dict(req.form))
    app.POST("/data", lambda req, res, ctx: req.data)
    app.POST("/text", lambda req, res, ctx: req.text)
    app.POST("/parts", parts, stream=True)
    kind = {"/form": URLENCODED, "/parts": MULTIPART}.get(path, JSON)
    tracemalloc.start()
    try:
        reply = await request(app, "POST", path, {**kind, "content-encoding": coding}, BOMB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    assert 415 == reply.status


BOMB = gzip.compress(b"[" + b" " * (64 * MIB) + b"]", 9)


async def test_class_16_identity_is_no_coding_and_bytes_stay_bytes() -> None:
    """`identity` and an empty coding change nothing; a handler that reads bytes gets them as they came."""
    app = App()
    app.POST("/json", lambda req, res, ctx: req.json)
    app.POST("/bytes", lambda req, res, ctx: req.body)
    for coding in ("identity", "", "Identity"):
        assert [1] == (await request(app, "POST", "/json", {**JSON, "content-encoding": coding}, b"[1]")).json
    assert BOMB == (await request(app, "POST", "/bytes", {**JSON, "content-encoding": "gzip"}, BOMB)).body


# 36: JSON from other types


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "text/plain; charset=utf-8", "text/plain;application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/jsonp", "xapplication/json", "application/json5", "text/json", "application/json, text/plain", "text/plain, application/json", "*/*"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/json", "/typed"])
async def test_class_36_json_is_read_from_a_json_body_alone(kind: str | None, path: str) -> None:
    """What a page of another site can send without asking is no JSON: 415."""
    app = App()
    app.POST("/json", lambda req, res, ctx: req.json)
    app.POST("/typed", lambda req, res, ctx: req.data.name, expects=Item)
    headers = {} if kind is None else {"content-type": kind}
    assert 415 == (await request(app, "POST", path, headers, b'{"name": "x"}')).status


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", " application/json "]
)
async def test_class_36_json_types_are_json(kind: str) -> None:
    """`application/json` in any case, with parameters, and `+json` are read."""
    app = App()
    app.POST("/", lambda req, res, ctx: req.json)
    assert {"name": "x"} == (await request(app, "POST", "/", {"content-type": kind}, b'{"name": "x"}')).json


async def test_control_class_36_decoding_without_a_look_is_found_out() -> None:
    """A handler that decodes the body itself takes JSON from `text/plain`."""
    app = App()
    app.POST("/", lambda req, res, ctx: msgspec.json.decode(req.body))
    assert 200 == (await request(app, "POST", "/", {"content-type": "text/plain"}, b'{"name": "x"}')).status


# 39: hostile JSON

HOSTILE_JSON = {
    "depth of lists": b"[" * 500_000,
    "depth closed": b"[" * 200_000 + b"]" * 200_000,
    "depth of objects": b'{"a":' * 200_000,
    "huge integer": b"9" * 500_000,
    "huge negative": b"-" + b"9" * 500_000,
    "integer in a field": b'{"name": ' + b"1" * 10_000 + b"}",
    "huge exponent": b"1e999999999",
    "small exponent": b"1e-99999999999999999999x",
    "nan": b"NaN",
    "nan in a field": b'{"name": NaN}',
    "infinity": b"-Infinity",
    "nothing": b"",
    "blank": b"   ",
    "nul": b"\0",
    "bom": b"\xef\xbb\xbf{}",
    "utf-16": '{"name": "x"}'.encode("utf-16"),
    "bad utf-8": b'{"name": "\xff"}',
    "control in a string": b'{"name": "a\nb"}',
    "two values": b"{}{}",
    "comma": b'{"name": "x",}',
    "single quotes": b"{'name': 1}",
    "cut": b'{"name": "x',
    "lone surrogate": b'{"name": "\\ud800"}',
}


@pytest.mark.parametrize("body", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
@pytest.mark.parametrize("path", ["/json", "/typed", "/any", "/list"])
async def test_class_39_hostile_json_is_a_400_and_the_worker_lives(body: bytes, path: str) -> None:
    """Depth, huge numbers, NaN and broken text are a 400 in time, and the next request is served."""
    app = App()
    app.POST("/json", lambda req, res, ctx: repr(req.json)[:10])
    app.POST("/typed", lambda req, res, ctx: req.data.name, expects=Item)
    app.POST("/any", lambda req, res, ctx: repr(req.data)[:10], expects=dict[str, Any])
    app.POST("/list", lambda req, res, ctx: repr(req.data)[:10], expects=list[list[Any]])

    async def ask() -> None:
        reply = await request(app, "POST", path, JSON, body)
        assert 400 == reply.status
        assert len(reply.body) < 1000

    assert await cpu_seconds_of(ask, 2) < 0.2
    assert 200 == (await request(app, "POST", "/json", JSON, b"[1]")).status


async def test_class_39_what_is_valid_json_is_no_400() -> None:
    """The bound is not met by ordinary depth and numbers."""
    app = App()
    app.POST("/json", lambda req, res, ctx: req.json)
    for body in (b"[" * 200 + b"]" * 200, b"9007199254740993", b"1e308", b'"\\ud83d\\ude00"'):
        assert 200 == (await request(app, "POST", "/json", JSON, body)).status


async def test_control_class_39_pythons_own_json_takes_nan() -> None:
    """Python's decoder lets NaN through, so the probe above would see it."""
    import json

    app = App()
    app.POST("/", lambda req, res, ctx: repr(json.loads(req.body)))
    assert "nan" == (await request(app, "POST", "/", JSON, b"NaN")).text
