"""Advisories about header fields that are mistaken for others, or split a response (classes 18-20, 27, 46)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from driver import request
from heaven import App, HeaderError, HTTPError
from heaven.messages.websocket import WebSocket

# 18: underscores


async def test_class_18_x_user_with_an_underscore_is_another_header() -> None:
    """`x_user` never answers for `x-user`, in whatever case it comes."""
    app = App()
    app.GET("/", lambda req, res, ctx: {"dash": req.headers.get("X-User"), "both": req.headers.get("x_user")})
    for name in (b"x_user", b"X_User", b"X_USER"):
        assert {"dash": None, "both": "admin"} == (await request(app, headers=[(name, b"admin")])).json
    both = [(b"x_user", b"admin"), (b"x-user", b"guest")]
    assert {"dash": "guest", "both": "admin"} == (await request(app, headers=both)).json


def test_control_class_18_cgi_names_mix_them_up() -> None:
    """As CGI writes names, the two are one: which is where the hole comes from."""
    cgi = {name.upper().replace(b"-", b"_"): value for name, value in [(b"x-user", b"guest"), (b"x_user", b"admin")]}
    assert {b"X_USER": b"admin"} == cgi


# 19: response splitting

SPLITS = [
    "a\r\nSet-Cookie: admin=1",
    "a\nb",
    "a\rb",
    "a\0b",
    "\r\n\r\n<html>",
    "a\x1bb",
    "a\x7fb",
    "a\u010a\u010db",
    "a\u2028b",
    "\n",
    "ok\r\n",
]


def set_item(res: Any, text: str) -> None:
    res.headers["x-a"] = text


def set_pair(res: Any, text: str) -> None:
    res.headers = "x-a", text


def set_name(res: Any, text: str) -> None:
    res.headers[text] = "x"


def set_media_type(res: Any, text: str) -> None:
    async def nothing() -> Any:
        yield b""  # pragma: no cover

    res.stream(nothing(), media_type=text)


def set_file_type(res: Any, text: str) -> None:
    res.file(__file__, media_type=text)


SETTERS: list[Callable[[Any, str], Any]] = [
    set_item,
    set_pair,
    set_name,
    lambda res, text: res.headers.add("x-a", text),
    lambda res, text: res.headers.setdefault("x-a", text),
    lambda res, text: res.headers.update({"x-a": text}),
    lambda res, text: res.header("x-a", text),
    lambda res, text: res.out(200, None, {"x-a": text}),
    lambda res, text: res.cookie("name", text),
    lambda res, text: res.cookie(text, "value"),
    lambda res, text: res.cookie("name", "value", path="/" + text),
    lambda res, text: res.cookie("name", "value", domain=text),
]


@pytest.mark.parametrize("text", SPLITS, ids=ascii)
@pytest.mark.parametrize("setter", range(len(SETTERS)))
async def test_class_19_line_ends_and_nul_raise_where_they_are_set(text: str, setter: int) -> None:
    """CR, LF, NUL and other controls raise in the handler's own line, and nothing of them is sent."""
    raised: list[bool] = []
    app = App()

    def handler(req: Any, res: Any, ctx: Any) -> str:
        try:
            SETTERS[setter](res, text)
        except HeaderError:
            raised.append(True)
        return "fine"

    app.GET("/", handler)
    reply = await request(app)
    assert ([True], 200) == (raised, reply.status)
    assert not any(b"Set-Cookie" in value or b"\n" in value for pair in reply.start["headers"] for value in pair)


@pytest.mark.parametrize("text", SPLITS, ids=ascii)
async def test_class_19_what_is_set_without_a_look_never_reaches_the_wire(text: str) -> None:
    """Redirects, file names, media types and the headers of an HTTPError are checked or encoded; no answer is split."""

    def refuse(req: Any, res: Any, ctx: Any) -> None:
        raise HTTPError(401, headers={"www-authenticate": f'Basic realm="{text}"'})

    app = App()
    app.GET("/redirect", lambda req, res, ctx: res.redirect("/" + text) and None)
    app.GET("/name", lambda req, res, ctx: res.file(__file__, filename=text) and None)
    app.GET("/kind", lambda req, res, ctx: set_file_type(res, text))
    app.GET("/stream", lambda req, res, ctx: set_media_type(res, text))
    app.GET("/refuse", refuse)
    for path in ("/redirect", "/name", "/kind", "/stream", "/refuse"):
        reply = await request(app, url=path)
        assert not re.search(rb"[\r\n\0\x1b]", b"".join(b"".join(pair) for pair in reply.start["headers"]))
        assert reply.status in (200, 302, 500)


async def test_class_19_the_slash_redirect_does_not_split() -> None:
    """Line ends in a path or query, which only a broken server passes on, don't get into Location."""
    app = App(slashes="redirect")
    app.GET("/greet/:name/", lambda req, res, ctx: "hello")
    for query in (b"", b"a=\r\nSet-Cookie: x=1", b"a=\0", b"\xff\xfe", b"\x7f"):
        reply = await request(app, url="/greet/x%0d%0aSet-Cookie:%20a=1", query_string=query)
        assert 307 == reply.status
        assert not re.search(rb"[\r\n\0]", b"".join(b"".join(pair) for pair in reply.start["headers"]))


@pytest.mark.parametrize("kind", [str, bytes])
async def test_class_19_the_headers_of_a_handshake_are_checked(kind: type) -> None:
    """Headers of `ws.accept` and `ws.deny` are refused as those of a response are, given as text or bytes."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    ws = WebSocket({"type": "websocket", "path": "/", "headers": []}, receive, send)
    for name, value in (("x-a", "b\r\nSet-Cookie: admin=1"), ("x-a\r\nb", "c"), ("x-a", "\0")):
        pair: Any = (name, value) if kind is str else (name.encode(), value.encode())
        with pytest.raises(HeaderError):
            await ws.accept(headers=[pair])
        with pytest.raises(HeaderError):
            await ws.deny(403, headers=[pair])
    assert [] == sent


# 20: cookies


@pytest.mark.parametrize(
    "evil",
    ["a; Domain=evil.test", "a, b=c", "a\r\nx: y", "a\nb", "a;", "a b", 'a"b', "a\\b", "ü", "a\0", "a\tb"],
    ids=ascii,
)
async def test_class_20_a_cookie_gets_no_attribute_through_its_value(evil: str) -> None:
    """`;`, `,`, CR, LF and what else could end a value raise in name, value, path and domain."""
    app = App()
    raised: list[str] = []

    def handler(req: Any, res: Any, ctx: Any) -> None:
        for options in ({"name": evil}, {"value": evil}, {"path": "/" + evil}, {"domain": evil}, {"samesite": evil}):
            try:
                res.cookie(**{"name": "id", "value": "1", **options})
            except HeaderError:
                raised.append(next(iter(options)))

    app.GET("/", handler)
    reply = await request(app)
    harmless = {"path"} if evil in ('a"b', "a\\b") else set()
    assert {"name", "value", "path", "domain", "samesite"} - harmless == set(raised) - harmless
    assert not any(b"evil.test" in value or b"b=c" in value for _, value in reply.start["headers"])


def test_control_class_20_text_put_together_is_injected() -> None:
    """The same value in a cookie written as plain text sets the attacker's domain."""
    assert "Domain=evil.test" in "id={}; Path=/".format("a; Domain=evil.test").split("; ")


# 27: reading cookies


@pytest.mark.parametrize(
    "header",
    [
        "=__Host-id=evil",
        "__Host-id",
        ";=;__Host-id",
        "  =__Host-id=evil",
        "\t=__Host-id=evil",
        "=;=;=",
        "__Host-id ; =x",
    ],
)
async def test_class_27_a_nameless_cookie_is_nobody(header: str) -> None:
    """`=__Host-id=evil` sets no cookie, and never one called `__Host-id`."""
    app = App()
    app.GET("/", lambda req, res, ctx: req.cookies)
    assert {} == (await request(app, headers={"cookie": header})).json
    assert {"__Host-id": "good"} == (await request(app, headers={"cookie": f"{header}; __Host-id=good"})).json


@pytest.mark.parametrize("space", ["\u00a0", "\u0085", "\x0b", "\x0c", "\x1c", "\x1f"], ids=ascii)
async def test_class_27_odd_white_space_does_not_make_a_name(space: str) -> None:
    """What Python strips and browsers don't stays a part of the name, so that a prefix can't be smuggled past them."""
    app = App()
    app.GET("/", lambda req, res, ctx: "__Host-id" in req.cookies)
    assert (await request(app, headers={"cookie": f"{space}__Host-id=evil"})).json is False


# 46: fields given twice


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        (b"host", b"shop.test", b"evil.test"),
        (b"host", b"shop.test", b"shop.test"),
        (b"Host", b"shop.test", b"shop.test"),
        (b"content-length", b"2", b"20"),
        (b"content-length", b"2", b"2"),
        (b"CONTENT-LENGTH", b"2", b"2"),
        (b"content-type", b"application/json", b"text/plain"),
        (b"Content-Type", b"application/json", b"application/json"),
        (b"transfer-encoding", b"chunked", b"identity"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_class_46_a_second_host_length_or_type_is_refused(
    name: bytes, one: bytes, other: bytes, method: str
) -> None:
    """What says where a message ends, what it is or whom it is for comes once, else it is a 400 and no hook runs."""
    ran: list[str] = []
    app = App()
    app.HTTP("/", lambda req, res, ctx: ran.append("handler"))
    app.BEFORE("/*", lambda req, res, ctx: ran.append("before"))
    reply = await request(app, method, headers=[(name, one), (name, other)], body=b"{}", host=None)
    assert (400, []) == (reply.status, ran)


async def test_class_46_capitals_do_not_hide_the_second_one() -> None:
    """`Host` and `host` are one header, also for the table of subdomains and the allow-list."""
    for app in (App(), App(hosts=["shop.test"]), App(hosts=["*"])):
        app.GET("/", lambda req, res, ctx: "served")
        app.GET("/", lambda req, res, ctx: "inside", subdomain="admin")
        fields = [(b"host", b"shop.test"), (b"Host", b"admin.shop.test")]
        assert 400 == (await request(app, headers=fields, host=None)).status


async def test_class_46_a_length_and_a_transfer_encoding_together_are_refused() -> None:
    """A request that says its end in two ways may be two requests to another reader: 400, streaming or not."""
    app = App()
    app.POST("/whole", lambda req, res, ctx: req.body)
    app.POST("/stream", lambda req, res, ctx: "ran", stream=True)
    fields = [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")]
    for path in ("/whole", "/stream"):
        assert 400 == (await request(app, "POST", path, headers=fields, body=b"{}")).status


async def test_control_class_46_a_mapping_hides_the_second_one() -> None:
    """A handler that looks at the joined or the last value sees one host, and never that there were two."""
    twice = [(b"host", b"shop.test"), (b"host", b"evil.test")]
    assert {b"host": b"evil.test"} == dict(twice)
