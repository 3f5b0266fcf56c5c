"""Requests: what the client sent, read to the letter, complete or not at all."""

from __future__ import annotations

import asyncio
import doctest
import gzip
import tracemalloc
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driver
from heaven import App, Request
from heaven.errors import BadRequest, ClientDisconnected, UnsupportedMediaType
from heaven.http import queries, urls
from heaven.http.queries import parse_query
from heaven.http.urls import authority, path_below_root, request_target
from heaven.messages import receiving, request
from heaven.messages.site import Site

JSON = {"content-type": "application/json"}


def app_with(
    handler: Any, method: str = "GET", url: str = "/", trusted: list[str] | None = None, **options: Any
) -> App:
    """An application with one route."""
    app = App(trusted_proxies=trusted or [])
    app.HTTP(url, handler, **options) if method == "*" else getattr(app, method)(url, handler, **options)
    return app


async def seen(handler: Any, target: str = "/", headers: Any = None, route: str = "/", **extra: Any) -> Any:
    """What a handler read off a GET request."""
    trusted = extra.pop("trusted", None)
    reply = await driver.request(app_with(handler, url=route, trusted=trusted), "GET", target, headers, **extra)
    assert 200 == reply.status, reply.body
    return reply.json


def chunked(*chunks: bytes, end: bool = True) -> list[dict[str, Any]]:
    """The messages of a body in chunks; without its end, where the client leaves."""
    events: list[dict[str, Any]] = [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
    return [*events, {"type": "http.request"} if end else {"type": "http.disconnect"}]


@pytest.mark.parametrize("module", [receiving, request, urls, queries])
def test_the_examples_run(module: Any) -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(module).failed


# A complete body or none


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_half_way_is_never_answered_nor_logged(caplog: Any, stream: bool) -> None:
    """A handler sees a complete body or none: on a truncated one it does not go on, nothing is sent or logged."""
    finished: list[bytes] = []

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        finished.append(b"".join([chunk async for chunk in req.stream()]))

    headers = [(b"content-length", b"100")]
    reply = await driver.request(
        app_with(handler, "POST", stream=stream), "POST", "/", headers, events=chunked(b"half", end=False)
    )

    assert ([], [], []) == (finished, reply.messages, caplog.records)


async def test_a_client_that_leaves_before_the_first_byte_is_not_served() -> None:
    """A disconnect in place of a body is no empty body."""
    ran: list[int] = []
    reply = await driver.request(
        app_with(lambda req, res, ctx: ran.append(1), "POST"), "POST", "/", events=[{"type": "http.disconnect"}]
    )

    assert ([], []) == (ran, reply.messages)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_has_no_body_does_not_wait_for_one(method: str, stream: bool) -> None:
    """Where no header announces a body, and the method has none by itself, receive is not called."""

    async def receive() -> Any:
        raise AssertionError("receive was called")

    async def handler(req: Any, res: Any, ctx: Any) -> int:
        return len([chunk async for chunk in req.stream()])

    reply = driver.Reply()

    async def send(message: Any) -> None:
        reply.messages.append(message)

    await app_with(handler, "*", stream=stream)(driver.http_scope(method), receive, send)

    assert 200 == reply.status


@pytest.mark.parametrize("stream", [False, True])
async def test_a_length_of_zero_is_no_body(stream: bool) -> None:
    """Content-Length: 0 says that there is no body, so none is waited for."""

    async def handler(req: Any, res: Any, ctx: Any) -> int:
        return len([chunk async for chunk in req.stream()])

    reply = await driver.request(
        app_with(handler, "POST", stream=stream), "POST", "/", {"content-length": "0"}, events=[]
    )

    assert b"0" == reply.body


async def test_body_and_more_body_may_be_absent() -> None:
    """A message without `body` has none, and one without `more_body` is the last."""
    app = app_with(lambda req, res, ctx: {"size": len(req.body)}, "POST")

    assert {"size": 0} == (await driver.request(app, "POST", "/", events=[{"type": "http.request"}])).json
    events = [{"type": "http.request", "more_body": True}, {"type": "http.request", "body": b"abc"}]
    assert {"size": 3} == (await driver.request(app, "POST", "/", events=events)).json


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
@settings(max_examples=60)
def test_a_body_is_what_came_however_it_was_cut(chunks: list[bytes]) -> None:
    """The same bytes come out, in one piece or in chunks, empty ones among them."""

    async def whole(req: Any, res: Any, ctx: Any) -> bytes:
        return req.body

    async def streamed(req: Any, res: Any, ctx: Any) -> bytes:
        return b"".join([chunk async for chunk in req.stream()])

    async def both() -> list[bytes]:
        apps = [app_with(whole, "POST"), app_with(streamed, "POST", stream=True), app_with(streamed, "POST")]
        return [(await driver.request(app, "POST", "/", body=chunks)).body for app in apps]

    assert [b"".join(chunks)] * 3 == asyncio.run(both())


async def test_a_body_of_100000_events_is_read_in_linear_time() -> None:
    """Class 15: one byte at a time takes as long for each byte at the end as at the beginning."""
    app = app_with(lambda req, res, ctx: {"size": len(req.body)}, "POST", max_body_size=200_000)

    async def seconds(count: int) -> float:
        events = [{"type": "http.request", "body": b"x", "more_body": True} for _ in range(count)]
        feed = iter([*events, {"type": "http.request"}])
        reply = driver.Reply()

        async def receive() -> Any:
            return next(feed)

        async def send(message: Any) -> None:
            reply.messages.append(message)

        loop = asyncio.get_running_loop()
        begin = loop.time()
        await app(driver.http_scope("POST", "/"), receive, send)
        assert {"size": count} == reply.json
        return loop.time() - begin

    assert await seconds(100_000) < 40 * max(await seconds(12_500), 0.001)


# Limits


@pytest.mark.parametrize("stream", [False, True])
async def test_a_declared_length_over_the_limit_is_refused_before_a_byte_is_read(stream: bool) -> None:
    """413 by Content-Length, and the handler does not begin."""
    ran: list[int] = []
    app = app_with(lambda req, res, ctx: ran.append(1), "POST", max_body_size=10, stream=stream)
    reply = await driver.request(app, "POST", "/", {"content-length": "11"}, events=[])

    assert (413, []) == (reply.status, ran)


@pytest.mark.parametrize("declared", [b"9" * 20, b"9" * 5000])
async def test_an_enormous_length_is_refused_without_being_converted(declared: bytes) -> None:
    """A Content-Length of thousands of digits is a 413, not a 500."""
    app = app_with(lambda req, res, ctx: None, "POST")

    assert 413 == (await driver.request(app, "POST", "/", [(b"content-length", declared)], events=[])).status


@pytest.mark.parametrize("declared", [b"", b"-1", b"+1", b"1_0", b"5, 5", b"0x10", b"\xb2", b"1 "])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_length_that_is_no_number_is_a_400(declared: bytes, stream: bool) -> None:
    """Content-Length is digits and nothing else (RFC 9110 8.6)."""
    app = app_with(lambda req, res, ctx: None, "POST", stream=stream)

    assert 400 == (await driver.request(app, "POST", "/", [(b"content-length", declared)], events=[])).status


@pytest.mark.parametrize("declared", [None, b"5"])
async def test_an_understated_length_does_not_help(declared: bytes | None) -> None:
    """Class 14: bytes are counted, whatever the Content-Length says."""
    headers = [(b"content-length", declared)] if declared else [(b"transfer-encoding", b"chunked")]
    app = app_with(lambda req, res, ctx: None, "POST", max_body_size=10)

    assert 413 == (await driver.request(app, "POST", "/", headers, events=chunked(b"x" * 8, b"x" * 8))).status
    assert (
        413
        == (
            await driver.request(app, "POST", "/", headers, events=[{"type": "http.request", "body": b"x" * 11}])
        ).status
    )


async def test_a_streamed_body_is_counted_as_well() -> None:
    """stream=True with max_body_size is a 413 once too much has come."""

    async def handler(req: Any, res: Any, ctx: Any) -> int:
        return sum([len(chunk) async for chunk in req.stream()])

    app = app_with(handler, "POST", stream=True, max_body_size=10)

    assert 413 == (await driver.request(app, "POST", "/", events=chunked(b"x" * 8, b"x" * 8))).status
    assert b"10" == (await driver.request(app, "POST", "/", events=chunked(b"x" * 10))).body


async def test_an_overstated_length_within_the_limit_is_not_believed() -> None:
    """What the server says is the end of the body is its end."""
    app = app_with(lambda req, res, ctx: req.text, "POST")
    reply = await driver.request(
        app, "POST", "/", {"content-length": "9"}, events=[{"type": "http.request", "body": b"abc"}]
    )

    assert "abc" == reply.text


async def test_memory_holds_while_a_body_over_the_limit_comes() -> None:
    """413 by counted bytes, with no more than the limit in memory; empty events cost nothing."""
    app = app_with(lambda req, res, ctx: None, "POST", max_body_size=100_000)
    count = 0

    async def receive() -> Any:
        nonlocal count
        count += 1
        return {"type": "http.request", "body": b"" if count < 50_000 else bytes(10_000), "more_body": True}

    reply = driver.Reply()

    async def send(message: Any) -> None:
        reply.messages.append(message)

    tracemalloc.start()
    await app(driver.http_scope("POST", "/"), receive, send)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (413, True) == (reply.status, peak < 400_000)


async def test_no_limit_is_no_limit() -> None:
    """max_body_size=None takes what comes."""
    app = app_with(lambda req, res, ctx: {"size": len(req.body)}, "POST", max_body_size=None)

    assert {"size": 2_000_000} == (await driver.request(app, "POST", "/", body=bytes(2_000_000))).json


# Framing


@pytest.mark.parametrize("spell", [bytes.lower, bytes.title, bytes.upper, bytes.capitalize])
@pytest.mark.parametrize("name", [b"host", b"content-length", b"content-type", b"transfer-encoding"])
async def test_what_may_be_there_once_is_refused_twice(name: bytes, spell: Any) -> None:
    """Class 46: duplicate Host, Content-Length, Content-Type or Transfer-Encoding is a 400, in any spelling."""
    value = {b"host": b"a.test", b"content-length": b"2"}.get(name, b"chunked")
    app = app_with(lambda req, res, ctx: None, "POST")

    reply = await driver.request(app, "POST", "/", [(spell(name), value), (name, value)], events=[])
    assert 400 == reply.status


@pytest.mark.parametrize("length", [b"0", b"5"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_length_beside_a_transfer_encoding_is_refused(length: bytes, stream: bool, method: str) -> None:
    """Two readers may find different ends in such a message (RFC 9112 6.3), also where one says that it is empty."""
    headers = [(b"content-length", length), (b"transfer-encoding", b"chunked")]
    app = app_with(lambda req, res, ctx: None, method, stream=stream)

    assert 400 == (await driver.request(app, method, "/", headers, events=[])).status


async def test_header_names_may_come_in_capitals() -> None:
    """Content-Type and Content-Length count whatever their case."""
    app = app_with(lambda req, res, ctx: {"json": req.json, "agent": req.headers["user-agent"]}, "POST")
    headers = [(b"CONTENT-TYPE", b"application/json"), (b"Content-Length", b"2"), (b"USER-AGENT", b"old")]

    assert {"json": {}, "agent": "old"} == (await driver.request(app, "POST", "/", headers, b"{}")).json


async def test_optional_keys_of_the_scope_may_be_absent() -> None:
    """A server may leave out what ASGI lets it leave out, and add what ASGI does not know."""

    def handler(req: Request, res: Any, ctx: Any) -> dict[str, Any]:
        return {"url": req.url, "path": req.path, "ip": req.ip, "scheme": req.scheme, "queries": req.queries}

    reply = driver.Reply()

    async def send(message: Any) -> None:
        reply.messages.append(message)

    scope = {"type": "http", "method": "GET", "path": "/ä", "headers": [], "x-odd": object()}
    await app_with(handler, url="/ä")(scope, None, send)  # type: ignore[arg-type]

    expected = {"url": "http://localhost/%C3%A4", "path": "/ä", "ip": None, "scheme": "http", "queries": {}}
    assert expected == reply.json


# Streams


async def test_a_streamed_body_has_no_whole() -> None:
    """req.body on a streaming route is an error that names the cure."""
    app = app_with(lambda req, res, ctx: req.body, "POST", stream=True)
    app.ON(RuntimeError, lambda req, res, ctx, error: str(error))
    reply = await driver.request(app, "POST", "/", body=b"abc")

    assert "/ was registered with stream=True: read req.stream() or req.parts(), or leave it out" == reply.text


async def test_a_stream_comes_once() -> None:
    """A second req.stream() is an error, not an empty body."""

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        async for _ in req.stream():
            break
        async for _ in req.stream():
            raise AssertionError("a chunk came twice")

    app = app_with(handler, "POST", stream=True)
    app.ON(RuntimeError, lambda req, res, ctx, error: str(error))
    reply = await driver.request(app, "POST", "/", events=chunked(b"a", b"b"))

    assert "/ read its body already: a stream comes once, so keep what is needed of it" == reply.text


async def test_a_body_in_memory_can_be_streamed_as_often_as_wanted() -> None:
    """Without stream=True, req.stream() gives the whole body each time."""

    async def handler(req: Any, res: Any, ctx: Any) -> list[str]:
        return [chunk.decode() for _ in range(2) for chunk in [c async for c in req.stream()]]

    assert ["abc", "abc"] == (await driver.request(app_with(handler, "POST"), "POST", "/", body=b"abc")).json


async def test_parts_come_one_by_one() -> None:
    """req.parts() reads a multipart body as it comes."""

    async def handler(req: Any, res: Any, ctx: Any) -> Any:
        return [[part.name, part.filename, (await part.read()).decode()] async for part in req.parts()]

    body = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\ncontent-disposition: form-data; name="f"; filename="x.txt"\r\n\r\ntext\r\n--b--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    reply = await driver.request(app_with(handler, "POST", stream=True), "POST", "/", headers, [body[:50], body[50:]])

    assert [["a", None, "1"], ["f", "x.txt", "text"]] == reply.json


# JSON, text, forms


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "text/json", "json", "application/jsonx"]
)
@pytest.mark.parametrize("expects", [None, dict])
async def test_json_under_another_name_is_a_415(kind: str | None, expects: Any) -> None:
    """Class 36: a page of another site can send text/plain without being asked, so it is never read as JSON."""
    app = app_with(lambda req, res, ctx: req.json, "POST", expects=expects)
    reply = await driver.request(app, "POST", "/", {"content-type": kind} if kind else None, b"{}")

    assert (415, "application/json") == (reply.status, reply.headers["accept"])


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"])
async def test_json_is_read_under_its_names(kind: str) -> None:
    """application/json and what ends in +json, with parameters and in any case."""
    app = app_with(lambda req, res, ctx: [req.json, req.json, req.data], "POST")

    assert [{"a": 1}] * 3 == (await driver.request(app, "POST", "/", {"content-type": kind}, b'{"a":1}')).json


@pytest.mark.parametrize("body", [b"", b"{", b"{'a': 1}", b"nan", b"\xff", b"[1e999]", b"[" * 100_000])
@pytest.mark.parametrize("expects", [None, Any])
async def test_malformed_json_is_a_400(body: bytes, expects: Any) -> None:
    """Class 39: depth, huge numbers, NaN and noise are the client's fault, whether the route names a type or not."""
    app = app_with(lambda req, res, ctx: {"fine": req.json}, "POST", expects=expects)

    assert 400 == (await driver.request(app, "POST", "/", JSON, body)).status


class Order(msgspec.Struct):
    name: str
    quantity: int


async def test_a_typed_body_arrives_as_its_type() -> None:
    """req.data is what the route expects."""
    app = app_with(lambda req, res, ctx: repr(req.data), "POST", expects=Order)

    assert (
        "Order(name='tea', quantity=2)"
        == (await driver.request(app, "POST", "/", json={"name": "tea", "quantity": 2})).text
    )


async def test_a_wrong_body_is_a_422_with_all_errors() -> None:
    """Every fault is told with its place, and the handler does not run."""
    app = app_with(lambda req, res, ctx: 1 / 0, "POST", expects=Order)
    reply = await driver.request(app, "POST", "/", json={"name": 7, "quantity": "x"})

    assert (422, [["name"], ["quantity"]]) == (reply.status, [e["loc"] for e in reply.json["errors"]])


async def test_errors_of_query_and_body_are_told_together() -> None:
    """422 with all errors: what is wrong in the query does not hide what is wrong in the body."""
    app = app_with(lambda req, res, ctx: None, "POST", "/?page:int&since:date", expects=Order)

    reply = await driver.request(app, "POST", "/?page=x&since=2024-02-30", json={"name": 7, "quantity": 1})
    assert [["query", "page"], ["query", "since"], ["name"]] == [e["loc"] for e in reply.json["errors"]]
    reply = await driver.request(app, "POST", "/?page=x", json={"name": "a", "quantity": 1})
    assert [["query", "page"]] == [e["loc"] for e in reply.json["errors"]]
    reply = await driver.request(app, "POST", "/?page=1", json={"name": 1, "quantity": 1})
    assert [["name"]] == [e["loc"] for e in reply.json["errors"]]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b"[1]", [1]),
        ("application/x-www-form-urlencoded", b"a=1&b=2", {"a": "1", "b": "2"}),
        ("text/csv", "ä".encode(), "ä"),
    ],
)
async def test_data_follows_the_content_type(kind: str, body: bytes, expected: Any) -> None:
    """Without a type of the route's own, req.data is read by what the client says it is."""
    app = app_with(lambda req, res, ctx: [req.data, req.data], "POST")

    assert [expected] * 2 == (await driver.request(app, "POST", "/", {"content-type": kind}, body)).json


async def test_data_of_an_unknown_type_is_bytes() -> None:
    """What nobody named stays what it is."""
    assert (
        b"\xff"
        == (await driver.request(app_with(lambda req, res, ctx: req.data, "POST"), "POST", "/", body=b"\xff")).body
    )


async def test_forms_have_fields_and_files() -> None:
    """req.form and req.files are read from one parse."""
    body = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\ncontent-disposition: form-data; name="f"; filename="x.txt"\r\n\r\ntext\r\n--b--\r\n'
    app = app_with(lambda req, res, ctx: [req.form["a"], req.files["f"].filename, req.files["f"].body.decode()], "POST")
    headers = {"content-type": "multipart/form-data; boundary=b"}

    assert ["1", "x.txt", "text"] == (await driver.request(app, "POST", "/", headers, body)).json


@pytest.mark.parametrize(
    ("kind", "body", "status", "text"),
    [
        ("text/plain", "ä".encode(), 200, "ä"),
        ("text/plain; charset=ISO-8859-1", b"\xe4", 200, "ä"),
        ("text/plain; charset=utf-8", b"\xe4", 400, None),
        ("text/plain; charset=punycode", b"a" * 1_000_000, 415, None),
        ("text/plain; charset=undefined", b"a", 415, None),
        ("text/plain; charset=idna", b"xn--a", 415, None),
        ("text/plain; charset=hex", b"00", 415, None),
        ('text/plain; charset="utf-8\x00"', b"a", 415, None),
        ("text/plain; charset=x-unheard-of", b"a", 415, None),
    ],
)
async def test_text_is_read_in_the_charsets_of_the_web(kind: str, body: bytes, status: int, text: str | None) -> None:
    """A client chooses among the usual charsets, not among everything that Python can decode."""
    app = app_with(lambda req, res, ctx: req.text, "POST")
    reply = await driver.request(app, "POST", "/", {"content-type": kind}, body)

    assert (status, text) == (reply.status, reply.text if text else None)


async def test_every_charset_that_is_named_can_be_read() -> None:
    """No name in the list is unknown to Python."""
    for name in receiving._CHARSETS:
        assert "" == b"".decode(name)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip"])
@pytest.mark.parametrize("expects", [None, dict])
async def test_a_compressed_body_is_a_415(coding: str, kind: str, expects: Any) -> None:
    """Class 16: nothing is unpacked, so nothing can grow; the client is told what it may send."""
    app = app_with(lambda req, res, ctx: [req.data], "POST", expects=expects if kind in JSON.values() else None)
    headers = {"content-type": kind, "content-encoding": coding}
    reply = await driver.request(app, "POST", "/", headers, gzip.compress(b"{}"))

    assert (415, "identity") == (reply.status, reply.headers["accept-encoding"])
    plain = await driver.request(app, "POST", "/", {**headers, "content-encoding": "identity"}, b"{}")
    assert 200 == plain.status


# The query


@pytest.mark.parametrize(
    ("query", "last", "everything"),
    [
        ("", {}, {}),
        ("a=1&a=2&b=", {"a": "2", "b": ""}, {"a": ["1", "2"], "b": [""]}),
        ("q=%C3%A4+b&r=%FF", {"q": "ä b", "r": "\ufffd"}, {"q": ["ä b"], "r": ["\ufffd"]}),
        ("flag", {"flag": ""}, {"flag": [""]}),
        ("a=1;b=2", {"a": "1;b=2"}, {"a": ["1;b=2"]}),
    ],
)
async def test_a_query_is_read_as_forms_are(query: str, last: Any, everything: Any) -> None:
    """The last value of each name, or all of them; percent-encoded UTF-8 (WHATWG URL 5.1)."""
    assert [last, everything] == await seen(lambda req, res, ctx: [req.queries, req.queries_all], f"/?{query}")


async def test_a_query_may_hold_plain_utf_8() -> None:
    """Clients that don't percent-encode are understood, as in forms."""
    got = await seen(lambda req, res, ctx: req.queries, "/", query_string="q=ä".encode())

    assert {"q": "ä"} == got


async def test_a_hint_converts_a_query() -> None:
    """Typed query hints convert; what is absent stays absent, and what has no hint stays text."""
    got = await seen(
        lambda req, res, ctx: [req.queries, type(req.queries["page"]).__name__],
        "/?page=2&x=3",
        route="/?page:int&on:bool",
    )

    assert [{"page": 2, "x": "3"}, "int"] == got


@pytest.mark.parametrize("value", ["", "x", "+1", "1_0", "٣", "1%0A"])
async def test_a_query_that_does_not_convert_is_a_422_that_names_it(value: str) -> None:
    """The handler does not run; the name and the type are told."""
    reply = await driver.request(
        app_with(lambda req, res, ctx: 1 / 0, url="/?page:int"), "GET", "/", query_string=f"page={value}".encode()
    )

    assert (422, [{"loc": ["query", "page"], "msg": "Expected `int`"}]) == (reply.status, reply.json["errors"])


@given(
    st.lists(st.text(alphabet="abc=&;%+ \u00fc\x00#?/", max_size=12), max_size=8).map("&".join)
    | st.lists(st.text(alphabet="ab=", max_size=5), max_size=8).map("&".join)
)
def test_a_query_is_read_as_a_form_is(text):
    """What is encoded and what is not is read in two ways, which agree with each other (WHATWG URL 5.1)."""
    query = text.encode()
    assert parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True) == parse_query(query)


async def test_a_query_of_too_many_fields_is_a_400() -> None:
    """Ten thousand parameters are refused, and a thousand read."""
    assert 1000 == len(parse_query(b"&".join([b"a=1"] * 1000)))
    with pytest.raises(BadRequest):
        parse_query(b"&".join([b"a=1"] * 1001))


# Where it goes to, and who sends it


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"path": "/a/b", "raw_path": b"/a%2Fb"}, "/a%2Fb"),
        ({"path": "/a/b", "raw_path": b"/a/b?x=1", "query_string": b"x=1"}, "/a/b?x=1"),
        ({"path": "/ä b?", "query_string": b""}, "/%C3%A4%20b%3F"),
        ({"path": "*", "raw_path": b"*"}, "/*"),
        ({"path": "", "raw_path": b""}, "/"),
        ({"path": "@evil.test/", "raw_path": b"@evil.test/"}, "/@evil.test/"),
        ({"path": "http://evil.test/", "raw_path": b"http://evil.test/"}, "/http://evil.test/"),
    ],
)
def test_the_path_of_a_url_never_moves_its_host(scope: Any, expected: str) -> None:
    """Class 23: what stands in the request line is a path, and begins with a slash."""
    assert expected == request_target(scope)


@pytest.mark.parametrize(
    ("server", "asked", "expected"),
    [
        (("127.0.0.1", 8000), "Shop.test:81", "Shop.test:81"),
        (("127.0.0.1", 8000), "evil.test/@shop.test", "127.0.0.1:8000"),
        (("127.0.0.1", 8000), None, "127.0.0.1:8000"),
        (("::1", 8000), None, "[::1]:8000"),
        (("::1", None), None, "[::1]"),
        (("/run/app.sock", None), None, "localhost"),
        (None, "a b", "localhost"),
    ],
)
def test_a_malformed_host_gives_way_to_the_servers_own(server: Any, asked: str | None, expected: str) -> None:
    """A URL always has a host that is one."""
    assert expected == authority({"server": server}, asked)


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/api/x", "/api", "/x"),
        ("/api", "/api", "/"),
        ("/api/x", "/api/", "/x"),
        ("/apix", "/api", "/apix"),
        ("/x", "/api", "/x"),
        ("/x", None, "/x"),
    ],
)
def test_root_path_is_taken_off_at_a_segment_boundary(path: str, root: Any, expected: str) -> None:
    """`/api` is no prefix of `/apix`."""
    assert expected == path_below_root({"path": path, "root_path": root})


async def test_a_url_is_what_the_client_sees() -> None:
    """Scheme, host, the path with root_path, and the query."""

    def handler(req: Request, res: Any, ctx: Any) -> list[Any]:
        return [
            req.url,
            req.base_url,
            req.path,
            req.host,
            req.subdomain,
            req.scheme,
            req.ip,
            req.method,
            req.route,
            repr(req),
        ]

    got = await seen(handler, "/v1/x?a=%20", host="API.Shop.test:81", route="/x", scheme="https", root_path="/v1")

    expected = [
        "https://API.Shop.test:81/v1/x?a=%20",
        "https://API.Shop.test:81",
        "/x",
        "api.shop.test",
        "api",
        "https",
        "127.0.0.1",
        "GET",
        "/x",
        "<Request GET '/v1/x'>",
    ]
    assert expected == got


@pytest.mark.parametrize("trusted", [[], ["127.0.0.1"], ["10.0.0.0/8"]])
async def test_forwarded_headers_count_from_trusted_proxies_alone(trusted: list[str]) -> None:
    """Classes 24 and 25: address, scheme and host are the connection's own, unless a trusted proxy says otherwise."""

    def handler(req: Request, res: Any, ctx: Any) -> list[Any]:
        return [req.ip, req.scheme, req.host, req.base_url]

    headers = {"x-forwarded-for": "1.2.3.4, 203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "shop.test"}
    own = ["127.0.0.1", "http", "testserver", "http://testserver"]
    told = ["203.0.113.9", "https", "shop.test", "https://shop.test"]

    assert (told if trusted == ["127.0.0.1"] else own) == await seen(handler, "/", headers, trusted=trusted)


@pytest.mark.parametrize("client", [None, ("", 0)])
async def test_a_peer_without_an_address_has_none(client: Any) -> None:
    """Behind a Unix socket req.ip is None, or what a trusted proxy says."""
    handler = lambda req, res, ctx: {"ip": req.ip}  # noqa: E731

    assert {"ip": None} == await seen(handler, "/", {"x-forwarded-for": "1.2.3.4"}, client=client)
    assert {"ip": "1.2.3.4"} == await seen(
        handler, "/", {"x-forwarded-for": "1.2.3.4"}, client=client, trusted=["unix"]
    )


async def test_a_request_without_a_host_has_neither_host_nor_subdomain() -> None:
    """HTTP/1.0 sends none; a malformed one is none."""
    handler = lambda req, res, ctx: [req.host, req.subdomain]  # noqa: E731

    assert [None, None] == await seen(handler, "/", host=None)
    assert [None, None] == await seen(handler, "/", host="a/b")


async def test_cookies_are_read_once_and_over_all_headers() -> None:
    """HTTP/2 repeats the Cookie header; the first of a name counts."""
    got = await seen(
        lambda req, res, ctx: [req.cookies, req.cookies is req.cookies],
        "/",
        [(b"cookie", b"a=1; b=2"), (b"cookie", b"a=3")],
    )

    assert [{"a": "1", "b": "2"}, True] == got


async def test_url_for_stays_below_root_path() -> None:
    """The path of a named route, as this client reaches it."""
    app = App()
    app.GET("/orders/:id:int", lambda req, res, ctx: [req.url_for("order", id=8), req.app is app], name="order")
    reply = await driver.request(app, "GET", "/a b/orders/7", root_path="/a b/")

    assert ["/a%20b/orders/8", True] == reply.json


async def test_a_websocket_begins_with_a_get() -> None:
    """req.method is there for hooks that run before HTTP handlers and WebSockets alike."""
    site = Site(app=App())

    assert "GET" == Request({"type": "websocket", "path": "/"}, None, site, {}).method  # type: ignore[arg-type]


# Whether the client is still there


async def test_is_disconnected_never_waits() -> None:
    """It is False while the client is there and True once it left, and leaves no task behind."""
    gone = asyncio.Event()
    answers: list[bool] = []

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        answers.append(await req.is_disconnected())
        gone.set()
        await asyncio.sleep(0)
        answers.append(await req.is_disconnected())

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None: ...

    await app_with(handler)(driver.http_scope(), receive, send)

    assert ([False, True], 1) == (answers, len(asyncio.all_tasks()))


async def test_is_disconnected_leaves_no_task_behind_when_the_client_stays() -> None:
    """What watches for the client ends with the request, also when that fails or is cancelled."""

    async def fine(req: Any, res: Any, ctx: Any) -> None:
        assert not await req.is_disconnected()

    async def broken(req: Any, res: Any, ctx: Any) -> None:
        await fine(req, res, ctx)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def streaming(req: Any, res: Any, ctx: Any) -> None:
        await fine(req, res, ctx)
        res.stream(half())

    async def half() -> Any:
        yield b"x"
        raise ValueError

    for handler, error in ((fine, None), (broken, asyncio.CancelledError), (streaming, ValueError)):
        if error is None:
            await driver.request(app_with(handler))
        else:
            with pytest.raises(error):
                await asyncio.create_task(driver.request(app_with(handler)))
        assert 1 == len(asyncio.all_tasks())


async def test_a_server_that_fails_to_receive_has_lost_its_client() -> None:
    """OSError out of receive is how some servers say that nobody is there."""
    answers: list[bool] = []

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        answers.append(await req.is_disconnected())

    async def receive() -> Any:
        raise ConnectionResetError

    async def send(message: Any) -> None: ...

    await app_with(handler)(driver.http_scope(), receive, send)

    assert [True] == answers


async def test_a_body_that_is_read_later_is_not_taken_for_news_of_the_client() -> None:
    """is_disconnected on a streaming route leaves every chunk where req.stream() finds it."""
    answers: list[bool] = []

    async def handler(req: Any, res: Any, ctx: Any) -> str:
        answers.append(await req.is_disconnected())
        body = b"".join([chunk async for chunk in req.stream()])
        answers.append(await req.is_disconnected())
        return body.decode()

    events = [*chunked(b"a", b"b"), {"type": "http.disconnect"}]
    reply = await driver.request(app_with(handler, "POST", stream=True), "POST", "/", events=events)

    assert ("ab", [False, True]) == (reply.text, answers)


async def test_nothing_streams_to_a_client_that_is_known_to_have_left() -> None:
    """Once is_disconnected said so, a stream that the handler still returns is not begun."""

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        assert await req.is_disconnected()
        res.stream(rows())

    async def rows() -> Any:
        yield b"x"

    reply = await driver.request(app_with(handler), events=[{"type": "http.disconnect"}])

    assert [] == reply.messages


async def test_errors_a_reader_meets_are_the_framework_s_own() -> None:
    """They can be caught by name."""
    caught: list[str] = []

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        try:
            _ = req.json
        except UnsupportedMediaType as error:
            caught.append(str(error.status))
        try:
            async for _ in req.stream():
                pass
        except ClientDisconnected:
            caught.append("left")
            raise

    await driver.request(app_with(handler, "POST", stream=True), "POST", "/", events=chunked(end=False))

    assert ["415", "left"] == caught
