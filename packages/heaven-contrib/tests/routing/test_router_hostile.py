"""Hostile requests: whatever a client sends, a declared route answers with what is the client's fault, never a 500."""

# ruff: noqa: A002, B006, B008

from __future__ import annotations

import datetime as dt
import enum
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote_to_bytes
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heaven import Upload
from heaven_contrib.routing import APIView, Application, Gateway, Include, Router, get, post, websocket
from heaven_contrib.routing.params import Cookie, File, Form, Header, Query


class Colour(enum.Enum):
    RED = "red"


class Item(msgspec.Struct):
    sku: str
    price: float
    count: Annotated[int, msgspec.Meta(ge=0, le=100)] = 1
    tags: list[str] = []
    parent: Item | None = None


@dataclass
class Line:
    id: int
    day: dt.date


class View(APIView):
    path = "/view"

    @get("/text/{text}")
    async def text(self, text: str) -> str:
        return text

    @get("/path/{rest:path}")
    async def rest(self, rest: str) -> str:
        return rest

    @get("/int/{n:int}")
    async def integer(self, n: int) -> int:
        return n

    @get("/float/{x:float}")
    async def real(self, x: float) -> float:
        return x

    @get("/uuid/{u:uuid}")
    async def uuid(self, u: UUID) -> str:
        return str(u)

    @get("/date/{d:date}")
    async def date(self, d: dt.date) -> str:
        return str(d)

    @get("/datetime/{d:datetime}")
    async def moment(self, d: dt.datetime) -> str:
        return str(d)

    @get("/literal/{which}")
    async def literal(self, which: Literal["a", "b"]) -> str:
        return which


@get("/query")
async def queries(
    text: str,
    n: int = 0,
    x: float = 0.0,
    flag: bool = False,
    items: list[int] = [],
    unique: set[str] = set(),
    pair: tuple[int, int] = (0, 0),
    day: dt.date | None = None,
    moment: dt.datetime | None = None,
    amount: Decimal | None = None,
    colour: Colour = Colour.RED,
    which: Literal[1, 2] = 1,
    u: UUID | None = None,
    small: int = Query(default=1, ge=1, le=3),
    code: str = Query(default="aaa", pattern="^a+$", max_length=10),
    token: str = Header(default=""),
    visits: int = Cookie(default=0),
) -> list[Any]:
    return [text, n, flag, items, visits]


@post("/struct", status_code=200)
async def struct(data: Item) -> Item:
    return data


@post("/line", status_code=200)
async def line(data: Line) -> Line:
    return data


@post("/list", status_code=200)
async def several(data: list[Item]) -> int:
    return len(data)


@post("/dict", status_code=200)
async def mapping(data: dict[str, Any]) -> int:
    return len(data)


@post("/any", status_code=200)
async def anything(data: Any) -> str:
    return type(data).__name__


@post("/text", status_code=200)
async def text(data: str) -> int:
    return len(data)


@post("/bytes", status_code=200)
async def octets(data: bytes) -> int:
    return len(data)


@post("/form", status_code=200)
async def form(data: Line = Form()) -> Line:
    return data


@post("/fields", status_code=200)
async def fields(n: int = Form(), name: str = Form(default="")) -> int:
    return n


@post("/upload", status_code=200)
async def upload(data: Upload = File()) -> int:
    return 1


@websocket("/ws/{n:int}")
async def talk(socket, n: int, x: float = 0.0) -> None:
    await socket.accept()
    await socket.close()


BODIES = ("struct", "line", "list", "dict", "any", "text", "bytes", "form", "fields", "upload")


def make():
    routes = [View, queries, struct, line, several, mapping, anything, text, octets, form, fields, upload, talk]
    router = Router(routes=[Include("/in", routes=[Gateway(handler=each) for each in routes[:-1]] + [talk])])
    return Application(routes=[Include("/v1", app=router), Include("/child", app=Application(routes=[View]))])


APP = make()
HOST = (b"host", b"testserver")


async def send(path, *, method="GET", query=b"", headers=(), body=b"", kind="http", app=APP):
    """The status of a request as a server would hand it over: `path` decoded, `raw_path` as it came."""
    raw = path if isinstance(path, bytes) else quote(path, safe="/%").encode()
    decoded = _unquoted(raw)
    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "path": decoded,
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "scheme": "http",
        "headers": [HOST, *headers],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    came = [{"type": "http.request", "body": body, "more_body": False}]
    if kind == "websocket":
        came = [{"type": "websocket.connect"}]
    sent = []

    async def receive():
        return came.pop() if came else {"type": kind + ".disconnect", "code": 1000}

    async def note(message):
        sent.append(message)

    await app(scope, receive, note)
    if sent[0]["type"] in {"websocket.accept", "websocket.close"}:
        return sent[0]["type"]
    if sent[0]["status"] >= 500:
        raise AssertionError(f"{method} {raw!r}?{query!r} {headers!r} {body[:80]!r}: {sent!r}")
    return sent[0]["status"]


def _unquoted(raw):
    return unquote_to_bytes(raw).decode("utf-8", "replace")


def typed(kind):
    return [(b"content-type", kind.encode("latin-1", "replace"))]


# Paths


PATHS = [
    b"/",
    b"//",
    b"///////",
    b"/v1//in//view//text//a",
    b"/v1/in/view/text/%00",
    b"/v1/in/view/text/a%00b",
    b"/v1/in/view/path/%00/%00",
    b"/v1/in/view/text/%2F",
    b"/v1/in/view/text/..%2F..%2Fetc%2Fpasswd",
    b"/v1/in/view/path/../../etc/passwd",
    b"/v1/in/view/path/%2e%2e/%2e%2e/etc/passwd",
    b"/v1/in/view/text/%",
    b"/v1/in/view/text/%zz",
    b"/v1/in/view/text/%ff%fe",
    b"/v1/in/view/text/%ed%a0%80",
    b"/v1/in/view/text/%E2%80%AE",
    b"/v1/in/view/text/" + b"a" * 100_000,
    b"/v1/in/view/path" + b"/a" * 20_000,
    b"/v1" * 10_000,
    b"/" * 50_000,
    b"/v1/in/view/int/" + b"9" * 10_000,
    b"/v1/in/view/int/-" + b"9" * 5_000,
    b"/v1/in/view/int/%D9%A3",
    b"/v1/in/view/int/1_000",
    b"/v1/in/view/int/+1",
    b"/v1/in/view/int/%201",
    b"/v1/in/view/int/1%0A",
    b"/v1/in/view/float/nan",
    b"/v1/in/view/float/inf",
    b"/v1/in/view/float/1e999",
    b"/v1/in/view/float/1e-999",
    b"/v1/in/view/float/" + b"1" * 5_000,
    b"/v1/in/view/uuid/{}",
    b"/v1/in/view/uuid/00000000000000000000000000000000",
    b"/v1/in/view/date/0000-00-00",
    b"/v1/in/view/date/9999-99-99",
    b"/v1/in/view/datetime/9999-12-31T23:59:60Z",
    b"/v1/in/view/datetime/0001-01-01T00:00:00+23:59",
    b"/v1/in/view/literal/c",
    b"/v1/in/view/literal/a",
    b"/child/view/text/%2F%2F/",
    b"/child//evil.example/",
    b"*",
    b"",
    b"no-slash",
    b"http://evil.example/v1",
]


@pytest.mark.parametrize("path", PATHS, ids=[str(n) for n in range(len(PATHS))])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "BREW", "get", ""])
async def test_absurd_paths(path, method):
    """Whatever the path and method, the answer is one of the client's."""
    assert await send(path, method=method) in {200, 204, 307, 308, 400, 404, 405, 422}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/v1/in/view/text/%2F", b'"/"'),
        (b"/v1/in/view/text/a%2Fb", b'"a/b"'),
        (b"/v1/in/view/text/a%252Fb", b'"a%2Fb"'),
        (b"/v1/in/view/text/%00", b'"\\u0000"'),
        (b"/v1/in/view/path/a%2Fb/c", b'"a/b/c"'),
    ],
)
async def test_an_encoded_slash_is_part_of_a_parameter(path, expected):
    """`%2F` does not divide a path, and `%00` is a character like any other."""
    got = []

    async def app(scope, receive, send_):
        async def note(message):
            got.append(message)
            await send_(message)

        await APP(scope, receive, note)

    assert 200 == await send(path, app=app)
    assert expected == got[1]["body"]


async def test_a_literal_that_is_wrong_is_not_found_or_unprocessable():
    """A value that the annotation refuses is the client's fault."""
    assert await send(b"/v1/in/view/literal/c") in {404, 422}


# Queries


async def test_ten_thousand_query_parameters():
    """They are read, or refused as too many; unknown ones do not matter."""
    query = b"&".join(b"p%d=%d" % (n, n) for n in range(10_000))
    assert await send("/v1/in/query", query=query + b"&text=a") in {200, 400, 413, 422}
    assert await send("/v1/in/query", query=b"text=a&" + b"&".join([b"items=1"] * 10_000)) in {200, 400, 413, 422}
    assert await send("/v1/in/query", query=b"text=a&" + b"n=1&" * 10_000) in {200, 400, 413, 422}


QUERIES = [
    b"text",
    b"text=",
    b"=&=&text=a",
    b"&&&&;;;;text=a",
    b"text=%00",
    b"text=%ff",
    b"text=%",
    b"text=\xff\xfe",
    b"text=a&n=" + b"9" * 5_000,
    b"text=a&n=1.0",
    b"text=a&n=1e5",
    b"text=a&n=",
    b"text=a&n=true",
    b"text=a&x=nan",
    b"text=a&x=inf",
    b"text=a&x=1e999",
    b"text=a&flag=maybe",
    b"text=a&items=1&items=x",
    b"text=a&items[]=1",
    b"text=a&items=[1,2]",
    b"text=a&pair=1",
    b"text=a&pair=1&pair=2&pair=3",
    b"text=a&day=2026-02-30",
    b"text=a&day=0",
    b"text=a&day=99999999999999999999",
    b"text=a&moment=99999999999999999999",
    b"text=a&moment=1e400",
    b"text=a&moment=2026-11-22",
    b"text=a&moment=0001-01-01T00:00:00%2B14:00",
    b"text=a&amount=NaN",
    b"text=a&amount=1e999999999",
    b"text=a&amount=" + b"1" * 10_000,
    b"text=a&colour=blue",
    b"text=a&which=3",
    b"text=a&which=one",
    b"text=a&u=x",
    b"text=a&small=0",
    b"text=a&code=" + b"a" * 1_000 + b"b",
    b"text=a&unique=" + b"a" * 100_000,
    b"text=a&text=b&text=c",
    b"a" * 100_000,
    b"[" * 10_000,
    b"%5B" * 10_000,
    b"__class__=1&self=1&request=1&data=1&text=a",
    b"n=0&n=x&text=a",
]


@pytest.mark.parametrize("query", QUERIES, ids=[str(n) for n in range(len(QUERIES))])
async def test_absurd_queries(query):
    """What does not convert is a 422, and everything else is served."""
    assert await send("/v1/in/query", query=query) in {200, 400, 422}


# Header fields


@pytest.mark.parametrize(
    "headers",
    [
        [(b"token", b"a"), (b"token", b"b")],
        [(b"cookie", b"visits=1"), (b"cookie", b"visits=2")],
        [(b"cookie", b"visits=x")],
        [(b"cookie", b"visits")],
        [(b"cookie", b";;;=;=;" * 1_000)],
        [(b"cookie", b"visits=\xff")],
        [(b"cookie", b'visits="1')],
        [(b"token", b"\xff\xfe\x00")],
        [(b"token", b"")],
        [(b"x-%d" % n, b"a") for n in range(5_000)],
        [(b"token", b"a" * 100_000)],
        [(b"accept", b"\xff")],
        [(b"accept", b"*/*;q=nan,text/html;q=inf,;;;,,")],
        [(b"content-length", b"x")],
        [(b"content-length", b"-1")],
        [(b"content-length", b"9" * 100)],
        [(b"content-type", b"\xff")],
        [(b"range", b"bytes=9999999999999999999-")],
        [(b"if-none-match", b'"')],
        [(b"if-modified-since", b"never")],
        [(b"forwarded", b"for=;;;")],
        [HOST],
        [(b"host", b"evil")],
    ],
    ids=str,
)
async def test_absurd_header_fields(headers):
    """Duplicates, garbage and masses of fields are no reason to fail."""
    headers = [(name, value) for name, value in headers]
    assert await send("/v1/in/query", query=b"text=a", headers=headers) in {200, 400, 413, 422}
    assert await send("/v1/in/any", method="POST", headers=headers, body=b"{}") in {200, 400, 413, 415, 422}


# Bodies


CONTENT_TYPES = [
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=nonsense",
    "application/json;;;=",
    "application/vnd.api+json",
    "text/plain",
    "text/plain; charset=nonsense",
    "text/plain; charset=idna",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=rot13",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x",
    'multipart/form-data; boundary="' + "x" * 5_000 + '"',
    "application/octet-stream",
    "nonsense",
    "",
    "/",
    ";",
    "\xff/\xff",
    None,
]

RAW = [
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"[[]]",
    b"{",
    b'{"a"',
    b'{"a":1}{"b":2}',
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 10_000,
    b"[" * 100_000,
    b"[" * 5_000 + b"]" * 5_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"parent":' * 5_000 + b"null" + b"}" * 5_000,
    b'{"sku":"a","price":1,"parent":' * 3_000 + b"null" + b"}" * 3_000,
    b'{"sku": 1, "price": "a", "count": -1, "tags": {}, "parent": []}',
    b'{"sku": "a", "price": 1e999}',
    b'{"sku": "a", "price": NaN}',
    b'{"sku": "\\ud800", "price": 1}',
    b'{"sku": "\xff", "price": 1}',
    b'{"sku": "a", "sku": "b", "price": 1}',
    b'{"sku": "a", "price": 1, "count": ' + b"9" * 5_000 + b"}",
    b'{"id": 1, "day": "2026-02-30"}',
    b'{"id": "1", "day": 1}',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"\x00" * 1_000,
    b"a=b&c=d",
    b"id=1&day=2026-11-22",
    b"id=1&id=2&day=x",
    b"&".join(b"a%d=1" % n for n in range(10_000)),
    b"%" * 1_000,
    b"n=" + b"9" * 10_000,
    b"n=%ff&name=%00",
    b"--x",
    b"--x--",
    b"--x\r\n\r\n\r\n--x--",
    b'--x\r\ncontent-disposition: form-data; name="data"; filename="../../a"\r\n\r\nabc\r\n--x--\r\n',
    b'--x\r\ncontent-disposition: form-data; name="n"\r\n\r\nx\r\n--x--\r\n',
    b"--x\r\ncontent-disposition: form-data\r\n\r\n" + b"a" * 1_000,
    b"--x\r\n" + b"a: b\r\n" * 2_000,
    json.dumps([{"sku": "a", "price": "x"}] * 1_000).encode(),
    json.dumps({str(n): n for n in range(10_000)}).encode(),
]


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("content_type", CONTENT_TYPES, ids=[str(n) for n in range(len(CONTENT_TYPES))])
async def test_absurd_bodies(kind, content_type):
    """Whatever the Content-Type says and the body is, the answer is 200 or one of the client's errors."""
    headers = [] if content_type is None else typed(content_type)
    for body in RAW:
        status = await send(f"/v1/in/{kind}", method="POST", headers=headers, body=body)
        assert status in {200, 400, 413, 415, 422}


async def test_malformed_json_is_400_and_a_misfit_is_422_and_another_type_is_415():
    """The three kinds of wrong are told apart."""
    wrong = [
        (b"{", "application/json", 400),
        (b'{"sku": 1}', "application/json", 422),
        (b"", "application/json", 422),
        (b"{}", "text/csv", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
    ]
    assert [status for *_, status in wrong] == [
        await send("/v1/in/struct", method="POST", headers=typed(kind), body=body) for body, kind, _ in wrong
    ]


async def test_a_body_that_is_too_large_is_413():
    """The application's limit counts for declared routes."""
    body = b'"' + b"a" * 2_000_000 + b'"'
    assert 413 == await send("/v1/in/any", method="POST", headers=typed("application/json"), body=body)


# WebSockets


@pytest.mark.parametrize(
    "path", [b"/v1/in/ws/1", b"/v1/in/ws/x", b"/v1/in/ws/" + b"9" * 5_000, b"/nothing", b"//", b""]
)
@pytest.mark.parametrize("query", [b"", b"x=nan", b"x=a", b"x=\xff", b"&" * 1_000], ids=repr)
async def test_absurd_handshakes(path, query):
    """A handshake is accepted, or refused with what is wrong."""
    assert await send(path, query=query, kind="websocket") in {"websocket.accept", 400, 404, 422}


# Whatever comes to mind


segments = st.one_of(
    st.sampled_from(["v1", "in", "view", "text", "int", "path", "query", "..", ".", "", "%2F", "%00", "child"]),
    st.text(max_size=8),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    parts=st.lists(segments, max_size=7),
    query=st.one_of(
        st.binary(max_size=40),
        st.lists(st.sampled_from([b"text=a", b"n=1", b"n", b"items=1", b"x=1.5", b"day=2026-11-22", b"="])).map(
            b"&".join
        ),
    ),
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "X"]),
    body=st.binary(max_size=60),
    kind=st.sampled_from([*filter(None, CONTENT_TYPES)]),
)
async def test_no_request_is_a_500(parts, query, method, body, kind):
    """Hypothesis finds no path, query, method, body and type that a declared application fails at."""
    raw = "/" + "/".join(parts)
    status = await send(
        quote(raw.encode("utf-8", "replace"), safe="/%").encode(),
        method=method,
        query=query,
        headers=typed(kind),
        body=body if method in {"POST", "PUT"} else b"",
    )
    assert status < 500


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
items = st.fixed_dictionaries(
    {},
    optional={
        "sku": values,
        "price": values,
        "count": values,
        "tags": values,
        "parent": values,
        "id": values,
        "day": values,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(BODIES[:5]), value=values | items)
async def test_no_json_is_a_500(kind, value):
    """Hypothesis finds no JSON that a typed body fails at."""
    body = json.dumps(value).encode()
    status = await send(f"/v1/in/{kind}", method="POST", headers=typed("application/json"), body=body)
    assert status in {200, 400, 422}
