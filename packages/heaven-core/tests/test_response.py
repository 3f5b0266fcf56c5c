"""Responses: every way to set one, and what goes out."""

from __future__ import annotations

import dataclasses
import doctest
import http
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import driver
from heaven import App, Response
from heaven.errors import Abort, HeaderError
from heaven.messages import response
from heaven.messages.response import messages


async def sent(handler: Any, method: str = "GET", **request: Any) -> driver.Reply:
    """The response to a request."""
    app = App()
    app.HTTP("/", handler)
    return await driver.request(app, method, **request)


def setting(**attributes: Any) -> Any:
    """A handler that sets the response."""

    def handler(req: Any, res: Any, ctx: Any) -> None:
        for name, value in attributes.items():
            setattr(res, name, value)

    return handler


def test_the_examples_run() -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(response).failed


# Bodies


class Order(msgspec.Struct):
    id: int
    deliver: bool = True


@dataclasses.dataclass
class Parcel:
    id: int

    def deliver(self) -> str:
        return "no body of a response"


class Pair(NamedTuple):
    a: int
    b: int


class Text(str):
    """A str of somebody's own."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ("ä", "text/plain; charset=utf-8", "ä".encode()),
        (Text("a"), "text/plain; charset=utf-8", b"a"),
        (b"\xff", "application/octet-stream", b"\xff"),
        (bytearray(b"a"), "application/octet-stream", b"a"),
        (memoryview(b"a"), "application/octet-stream", b"a"),
        ({"a": 1}, "application/json", b'{"a":1}'),
        ([], "application/json", b"[]"),
        ((1, 2), "application/json", b"[1,2]"),
        (Pair(1, 2), "application/json", b"[1,2]"),
        (0, "application/json", b"0"),
        (False, "application/json", b"false"),
        (1.5, "application/json", b"1.5"),
        (date(2024, 2, 29), "application/json", b'"2024-02-29"'),
        (UUID(int=0), "application/json", b'"00000000-0000-0000-0000-000000000000"'),
        (Order(1), "application/json", b'{"id":1,"deliver":true}'),
        (Parcel(1), "application/json", b'{"id":1}'),
        (None, None, b""),
    ],
)
async def test_a_body_goes_out_as_what_it_is(body: Any, kind: str | None, expected: bytes) -> None:
    """str is text, bytes are bytes, nothing is nothing, everything else is JSON; the length is always right."""
    reply = await sent(setting(body=body))

    assert (expected, kind, str(len(expected))) == (
        reply.body,
        reply.headers.get("content-type"),
        reply.headers["content-length"],
    )


@given(
    st.one_of(
        st.binary(),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63), 2**63 - 1)),
    )
)
@settings(max_examples=100)
def test_the_length_is_always_the_bodys(body: Any) -> None:
    """Whatever is sent, Content-Length is the number of its bytes, and there is one."""
    res = Response()
    res.body = body
    res.headers.add("content-length", "7")
    res.headers.add("transfer-encoding", "chunked")
    start, content = messages(res)

    assert [(b"content-length", b"%d" % len(content["body"]))] == [
        p for p in start["headers"] if p[0] in (b"content-length", b"transfer-encoding")
    ]


async def test_a_content_type_that_is_set_stays() -> None:
    """What a handler says about its body counts, once and in any case."""

    def handler(req: Any, res: Any, ctx: Any) -> str:
        res.headers["Content-Type"] = "text/html"
        return "<p>"

    assert ["text/html"] == (await sent(handler)).all("content-type")


@pytest.mark.parametrize("body", ["text", b"bytes", {"a": 1}, None, Order(1)])
async def test_head_has_the_headers_of_get_and_no_content(body: Any) -> None:
    """HEAD is answered as GET is, without its content (RFC 9110 9.3.2)."""
    app = App()
    app.GET("/", setting(body=body))
    get, head = await driver.request(app, "GET"), await driver.request(app, "HEAD")

    assert (get.headers, get.status, b"") == (head.headers, head.status, head.body)


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_some_statuses_have_no_content(status: int) -> None:
    """204, 205 and 304 carry neither content nor a length of it; other headers stay."""
    reply = await sent(lambda req, res, ctx: res.out(status, "text", {"etag": '"1"', "content-length": "4"}))

    assert (status, b"", {"etag": '"1"'}) == (reply.status, reply.body, reply.headers)


@pytest.mark.parametrize("status", [http.HTTPStatus.OK, http.HTTPStatus.CREATED, http.HTTPStatus.NO_CONTENT, 200, 599])
async def test_a_status_goes_out_as_a_number(status: int) -> None:
    """HTTPStatus is an int to people; a server gets a plain one."""
    reply = await sent(setting(status=status))

    assert (int(status), int) == (reply.status, type(reply.status))


# Headers


async def test_headers_can_be_set_in_every_way() -> None:
    """By name, as a pair, as a mapping, as pairs, and chained."""

    def handler(req: Any, res: Any, ctx: Any) -> None:
        res.headers["X-A"] = "1"
        res.headers["x-a"] = "2"
        res.headers = "X-B", "1"
        res.headers = "x-b", 2
        res.headers = {"x-c": "1"}
        res.headers = [("x-d", "1"), ("X-D", "2")]
        res.header("x-e", "1").header("x-e", "2").cookie("a", "1").cookie("b", "2")

    reply = await sent(handler)

    assert ["2"] == reply.all("x-a")
    assert ["1", "2"] == reply.all("x-b")
    assert ["1"] == reply.all("x-c")
    assert ["1", "2"] == reply.all("x-d")
    assert ["2"] == reply.all("x-e")
    assert ["a=1", "b=2"] == [value.partition(";")[0] for value in reply.all("set-cookie")]


async def test_what_can_be_there_once_is_there_once() -> None:
    """A second Content-Type or Location replaces the first, also when it is assigned as a pair."""

    def handler(req: Any, res: Any, ctx: Any) -> str:
        res.headers = "content-type", "text/plain"
        res.headers = "Content-Type", "text/html"
        res.headers = [("location", "/a"), ("location", "/b")]
        return "x"

    reply = await sent(handler)

    assert (["text/html"], ["/b"]) == (reply.all("content-type"), reply.all("location"))


@pytest.mark.parametrize("bad", ["a\r\nset-cookie: x=1", "a\nb", "a\rb", "a\x00b", "\x1b"])
@pytest.mark.parametrize(
    "assign",
    [
        lambda res, bad: res.header("x", bad),
        lambda res, bad: res.header(bad, "x"),
        lambda res, bad: res.headers.add("x", bad),
        lambda res, bad: setattr(res, "headers", ("x", bad)),
        lambda res, bad: setattr(res, "headers", {"x": bad}),
        lambda res, bad: res.out(200, None, {"x": bad}),
        lambda res, bad: res.redirect("/" + bad),
        lambda res, bad: res.redirect("/ä" + bad),
        lambda res, bad: res.cookie("a", bad),
        lambda res, bad: res.cookie(bad, "a"),
        lambda res, bad: res.cookie("a", "b", path="/" + bad),
        lambda res, bad: res.stream(None, bad),
    ],
)
def test_control_characters_never_reach_the_wire(assign: Any, bad: str) -> None:
    """Class 19: CR, LF, NUL and ESC raise where they are set."""

    class Nothing:
        def __aiter__(self) -> Nothing:
            return self

    with pytest.raises((HeaderError, TypeError)):
        assign(Response(), bad)


async def test_a_cookie_is_hidden_and_bound_to_its_site_unless_said_otherwise() -> None:
    """The defaults are the safe ones; every attribute can be said."""
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    reply = await sent(
        lambda req, res, ctx: res.cookie("a", "1").cookie(
            "b", "2", max_age=1, expires=expires, path="/x", domain="shop.test", secure=True, httponly=False, samesite="none", partitioned=True
        ) and None
    )  # fmt: skip

    plain, full = reply.all("set-cookie")
    assert "a=1; Path=/; HttpOnly; SameSite=Lax" == plain
    assert (
        "b=2; Max-Age=1; Expires=Tue, 01 Jan 2030 00:00:00 GMT; Path=/x; Domain=shop.test; Secure; SameSite=None; Partitioned"
        == full
    )


# Endings


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/orders/7?a=1&b=%20#top", "/orders/7?a=1&b=%20#top"),
        ("https://shop.test:81/[x]", "https://shop.test:81/[x]"),
        ("/ä?q=ö", "/%C3%A4?q=%C3%B6"),
        ("/a b", "/a%20b"),
        ("/\\evil.test", "/%5Cevil.test"),
        ('/"<x>', "/%22%3Cx%3E"),
        ("\u2028/x", "%E2%80%A8/x"),
    ],
)
async def test_a_redirect_is_a_url(url: str, location: str) -> None:
    """What a URL can't hold is percent-encoded; what is encoded stays as it is."""
    reply = await sent(lambda req, res, ctx: res.redirect(url, 303))

    assert (303, location, b"") == (reply.status, reply.headers["location"], reply.body)


@pytest.mark.parametrize("status", [200, 300, 304, 305, 404])
def test_a_redirect_takes_a_redirections_status(status: int) -> None:
    """Others are no redirection, or need no Location."""
    with pytest.raises(ValueError, match=f"redirect takes 301, 302, 303, 307 or 308, and got {status}"):
        Response().redirect("/", status)


async def test_abort_ends_the_request_with_what_is_set() -> None:
    """The body, the status and the headers so far; what stands behind it does not run."""

    def handler(req: Any, res: Any, ctx: Any) -> None:
        res.header("x-a", "1").abort({"error": "no"}, 403)
        res.status = 200

    reply = await sent(handler)

    assert (403, {"error": "no"}, "1") == (reply.status, reply.json, reply.headers["x-a"])


def test_abort_without_words_is_an_empty_400() -> None:
    """The defaults are those of a bad request."""
    res = Response()
    with pytest.raises(Abort):
        res.abort()

    assert (400, None) == (res.status, res.body)


async def test_out_says_it_all_at_once() -> None:
    """Status, body and headers; without headers those that are set stay."""
    reply = await sent(lambda req, res, ctx: res.header("x", "1").out(201, "a").out(202, "b", {"y": "2"}))

    assert (202, "b", "1", "2") == (reply.status, reply.text, reply.headers["x"], reply.headers["y"])


def test_only_what_can_be_called_can_be_deferred() -> None:
    """A coroutine in place of its function is the usual mistake, so the message names the cure."""
    with pytest.raises(TypeError, match="leave the call to Heaven"):
        Response().defer(7)  # type: ignore[arg-type]


async def test_streams_events_and_files_send_themselves(tmp_path: Any) -> None:
    """res.stream, res.events and res.file set a body that knows how."""

    async def rows() -> Any:
        yield "a"
        yield b"b"

    async def events() -> Any:
        yield "a"

    (tmp_path / "a.txt").write_text("text")
    app = App()
    app.GET("/stream", lambda req, res, ctx: res.stream(rows(), "text/csv"))
    app.GET("/events", lambda req, res, ctx: res.events(events(), ping=1, retry=2))
    app.GET("/file", lambda req, res, ctx: res.file("a.txt", filename="b.txt", within=tmp_path, media_type="text/x-a"))

    stream = await driver.request(app, "GET", "/stream")
    assert (b"ab", "text/csv") == (stream.body, stream.headers["content-type"])
    file = await driver.request(app, "GET", "/file")
    assert (b"text", "text/x-a") == (file.body, file.headers["content-type"])
    assert "text/event-stream" in (await driver.request(app, "GET", "/events")).headers["content-type"]


async def test_a_class_with_an_async_deliver_is_a_body() -> None:
    """Anybody may write a kind of body that sends itself."""

    class Teapot:
        async def deliver(self, req: Any, res: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 418, "headers": []})
            await send({"type": "http.response.body"})

    assert 418 == (await sent(setting(body=Teapot()))).status


def test_a_response_shows_its_status_and_outcome() -> None:
    """The repr is for logs: it has no body and no header."""
    assert "<Response 200 ok>" == repr(Response())


async def test_a_model_writes_itself_under_the_names_of_its_schema():
    """What has `model_dump_json`, as models of pydantic do, is JSON wherever JSON is written; so is a str of a kind."""

    class Model:
        def model_dump_json(self, *, by_alias):
            return '{"orderId":7}' if by_alias else "{}"

    class Colour(str):
        __slots__ = ()

    app = App()
    app.GET("/model", lambda req, res, ctx: Model())
    app.GET("/nested", lambda req, res, ctx: {"models": [Model()], "colour": Colour("red")})
    assert {"orderId": 7} == (await driver.request(app, "GET", "/model")).json
    assert {"models": [{"orderId": 7}], "colour": "red"} == (await driver.request(app, "GET", "/nested")).json


async def test_a_client_that_is_gone_when_an_error_is_told_is_gone():
    """Where the body can't be written and nobody is there for the error either, AFTER hooks ran and nothing is raised."""
    outcomes = []
    app = App()
    app.GET("/", lambda req, res, ctx: object())
    app.AFTER("/*", lambda req, res, ctx: outcomes.append(res.outcome))

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        raise OSError("gone")

    await app(driver.http_scope("GET", "/"), receive, send)
    assert ["ok"] == outcomes
