"""What becomes of a value that a handler returned."""

from __future__ import annotations

import enum
import logging
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import ModuleType
from typing import NamedTuple
from uuid import UUID

import msgspec
import pytest

import heaven
from answering import answered
from heaven.messages.streams import StreamBody
from heaven_contrib.routing.responding.responder import Responder, apply
from heaven_contrib.routing.responding.responses import JSONResponse, PlainTextResponse, Response
from heaven_testing import Client


class Order(msgspec.Struct):
    id: int
    note: str = ""


@dataclass
class Line:
    item: str
    quantity: int


class Colour(enum.Enum):
    RED = "red"


class Size(enum.StrEnum):
    SMALL = "s"


class Name(str):
    __slots__ = ()


class Point(NamedTuple):
    x: int
    y: int


JSON = {
    "dict": ({"id": 7, "lines": [{"item": "mug"}]}, b'{"id":7,"lines":[{"item":"mug"}]}'),
    "list": ([1, None, "a"], b'[1,null,"a"]'),
    "empty-dict": ({}, b"{}"),
    "empty-list": ([], b"[]"),
    "tuple": (({"id": 7}, 201), b'[{"id":7},201]'),
    "named-tuple": (Point(1, 2), b"[1,2]"),
    "set": ({3}, b"[3]"),
    "frozenset": (frozenset({3}), b"[3]"),
    "str": ("grüße", '"grüße"'.encode()),
    "empty-str": ("", b'""'),
    "subclass-of-str": (Name("ada"), b'"ada"'),
    "int": (7, b"7"),
    "zero": (0, b"0"),
    "float": (1.5, b"1.5"),
    "bool": (False, b"false"),
    "struct": (Order(7, "quick"), b'{"id":7,"note":"quick"}'),
    "structs": ([Order(7)], b'[{"id":7,"note":""}]'),
    "dataclass": (Line("mug", 2), b'{"item":"mug","quantity":2}'),
    "enum": (Colour.RED, b'"red"'),
    "enum-of-str": (Size.SMALL, b'"s"'),
    "uuid": (UUID(int=7), b'"00000000-0000-0000-0000-000000000007"'),
    "datetime": (datetime(2026, 1, 2, tzinfo=UTC), b'"2026-01-02T00:00:00Z"'),
    "date": (date(2026, 1, 2), b'"2026-01-02"'),
    "decimal": (Decimal("1.50"), b'"1.50"'),
    "raw": (msgspec.Raw(b'{"a":1}'), b'{"a":1}'),
}


@pytest.fixture(params=["with-pydantic", "without-pydantic"])
def _models(request, monkeypatch):
    """Values are the same whether something imported pydantic or not."""
    if request.param == "without-pydantic":
        monkeypatch.delitem(sys.modules, "pydantic", raising=False)
    elif "pydantic" not in sys.modules:
        monkeypatch.setitem(sys.modules, "pydantic", ModuleType("pydantic"))


pytestmark = pytest.mark.usefixtures("_models")


@pytest.mark.parametrize(("value", "content"), JSON.values(), ids=list(JSON))
@pytest.mark.parametrize("media_type", [None, "application/json"], ids=["unsaid", "json"])
async def test_a_value_is_sent_as_json(value, content, media_type):
    """What is no response and no bytes is JSON, whatever its type."""
    response = await answered(value, media_type=media_type)

    assert (200, "application/json", content) == (
        response.status_code,
        response.headers["content-type"],
        response.content,
    )


@pytest.mark.parametrize(("value", "content"), JSON.values(), ids=list(JSON))
async def test_a_type_that_ends_with_json_is_json(value, content):
    """A `+json` media type (RFC 6839) says what the JSON is called, not how it is written."""
    response = await answered(value, media_type="application/problem+json")

    assert ("application/problem+json", content) == (response.headers["content-type"], response.content)


async def test_what_attrs_defines_is_sent_as_json():
    """Objects of attrs are what dataclasses are."""
    attrs = pytest.importorskip("attrs")
    parcel = attrs.make_class("Parcel", {"weight": attrs.field(type=float)})
    response = await answered(parcel(1.5))

    assert {"weight": 1.5} == response.json()


@pytest.mark.parametrize("options", [{}, {"media_type": "text/html"}, {"response_class": JSONResponse}], ids=str)
async def test_none_is_empty(options):
    """None has no content, and therefore no Content-Type."""
    response = await answered(None, **options)

    assert (200, b"", "0", None) == (
        response.status_code,
        response.content,
        response.headers["content-length"],
        response.headers.get("content-type"),
    )


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [(None, "application/octet-stream"), ("application/json", "application/json"), ("image/png", "image/png")],
    ids=["unsaid", "json", "image"],
)
async def test_bytes_go_out_as_they_are(kind, media_type, content_type):
    """Bytes are never written again, whatever they are called."""
    response = await answered(kind(b'{"a": 1}'), media_type=media_type)

    assert (content_type, b'{"a": 1}') == (response.headers["content-type"], response.content)


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("text/csv; Charset=UTF-8", "text/csv; Charset=UTF-8"),
        ("Text/HTML", "Text/HTML; charset=utf-8"),
        ("application/xml", "application/xml"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
async def test_text_is_sent_as_it_is_where_the_media_type_is_another(media_type, content_type):
    """A str is the content itself under a media type that is none of JSON; text says that it is UTF-8."""
    response = await answered("<b>grün</b>", media_type=media_type)

    assert (content_type, "<b>grün</b>".encode()) == (response.headers["content-type"], response.content)


@pytest.mark.parametrize(("value", "content"), [(7, b"7"), (1.5, b"1.5"), (True, b"true"), (Size.SMALL, b"s")], ids=str)
async def test_numbers_can_be_text(value, content):
    """A number, as a str, can be written as text."""
    response = await answered(value, media_type="text/plain")

    assert ("text/plain; charset=utf-8", content) == (response.headers["content-type"], response.content)


@pytest.mark.parametrize("value", [{"a": "<script>"}, ["<script>"], Order(7)], ids=["dict", "list", "struct"])
async def test_what_is_no_text_is_never_passed_off_as_it(value, caplog):
    """JSON labelled as a page would be read as one; it is a logged 500 that reveals nothing."""
    with caplog.at_level(logging.ERROR, "heaven.errors"):
        response = await answered(value, media_type="text/html", fails=True)

    kind = type(value).__name__
    assert 500 == response.status_code
    assert "script" not in response.text
    assert f"{kind} can't be written as text/html; return str or bytes" in caplog.text


class Opaque:
    pass


@pytest.mark.parametrize(
    "value", [Opaque(), [Opaque()], {"a": {"b": Opaque()}}, (each for each in ())], ids=["bare", "list", "deep", "iter"]
)
async def test_what_cannot_be_written_is_a_logged_500(value, caplog):
    """An unserialisable value is a 500; the log names the type, the client learns nothing."""
    with caplog.at_level(logging.ERROR, "heaven.errors"):
        response = await answered(value, fails=True)

    assert (500, "Opaque" in response.text) == (response.status_code, False)
    assert "can't be written as JSON; make it a dict, list, str, number" in caplog.text


async def rows():
    yield b"one,"
    yield "two"


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [(None, "application/octet-stream"), ("text/csv", "text/csv; charset=utf-8"), ("application/json",) * 2],
    ids=["unsaid", "csv", "json"],
)
@pytest.mark.parametrize("kind", ["generator", "iterable", "body"])
async def test_async_iterators_stream(kind, media_type, content_type):
    """An async iterator goes out piece by piece, under the media type of the route."""

    class Rows:
        def __aiter__(self):
            return rows()

    value = {"generator": rows, "iterable": Rows, "body": lambda: StreamBody(rows())}[kind]()
    response = await answered(value, media_type=media_type)

    assert (content_type, b"one,two", None) == (
        response.headers["content-type"],
        response.content,
        response.headers.get("content-length"),
    )


@pytest.mark.parametrize("value", [{"id": 7}, Order(7), "made", None, Response("made")], ids=lambda v: type(v).__name__)
async def test_the_status_is_the_routes(value):
    """What says no status itself has the one that the route declares."""
    response = await answered(value, "POST", status_code=201)

    assert 201 == response.status_code


async def test_no_content_has_none():
    """A 204 is sent without content, whatever the handler returned."""
    response = await answered({"id": 7}, status_code=204)

    assert (204, b"") == (response.status_code, response.content)


async def test_a_response_class_makes_what_is_no_response():
    """A value is given to the response class of its level, with the status of the route."""
    response = await answered("pong", status_code=202, response_class=PlainTextResponse)

    assert (202, "text/plain; charset=utf-8", "pong") == (
        response.status_code,
        response.headers["content-type"],
        response.text,
    )


async def test_the_media_type_of_a_route_wins_over_the_response_class_of_its_levels():
    """A handler's own media type is said closer to it than a level's class."""
    response = await answered("<p>", media_type="text/html", response_class=JSONResponse)

    assert ("text/html; charset=utf-8", "<p>") == (response.headers["content-type"], response.text)


async def test_a_returned_response_is_of_its_own_class():
    """A response class is for values; a Response stays what it is."""
    response = await answered(PlainTextResponse("pong"), response_class=JSONResponse, media_type="text/html")

    assert ("text/plain; charset=utf-8", "pong") == (response.headers["content-type"], response.text)


async def test_a_response_class_may_make_an_envelope():
    """A class of one's own says in `render` what its content becomes."""

    class Enveloped(Response):
        def render(self, content):
            return {"data": content}

    response = await answered([1], response_class=Enveloped)

    assert {"data": [1]} == response.json()


async def test_a_response_class_may_take_less_than_those_here():
    """A class that knows no media type is not given one that nobody declared."""

    class Shouted(Response):
        media_type = "text/plain"

        def __init__(self, content, status_code=200):
            super().__init__(content.upper(), status_code)

    response = await answered("pong", response_class=Shouted, status_code=202)

    assert (202, "PONG") == (response.status_code, response.text)


async def test_the_cores_own_response_stays():
    """The response of the request itself, returned, is sent as it stands, with what the levels add to it."""
    app = heaven.App()
    respond = Responder(status_code=201, media_type="text/html", response_class=JSONResponse)

    async def handler(req, res, ctx):
        respond(res.out(202, {"id": 7}), res)

    app.GET("/", handler)
    async with Client(app) as client:
        response = await client.get("/")

    assert (202, "application/json", {"id": 7}) == (
        response.status_code,
        response.headers["content-type"],
        response.json(),
    )


async def test_another_response_of_the_core_is_taken_over():
    """A response of the core that a handler made says all: status, headers, body, and what is deferred."""
    ran = []
    made = heaven.Response(status=202, body="made").header("x-shop", "north").defer(ran.append, 1)
    response = await answered(made, status_code=201, media_type="text/html")

    assert (202, "north", "made", [1]) == (response.status_code, response.headers["x-shop"], response.text, ran)


def test_apply_leaves_the_status_to_who_says_it():
    """An exception handler's value has the default status, a response its own, and the response itself stays."""
    answers = []
    for value in ({"a": 1}, JSONResponse({}, 418), JSONResponse({})):
        res = heaven.Response(status=404)
        apply(value, res, 500)
        answers.append(res.status)
    itself = heaven.Response(status=404)
    apply(itself, itself, 500)
    kept = heaven.Response(status=404)
    apply({"a": 1}, kept)

    assert ([500, 418, 500], 404, 404) == (answers, itself.status, kept.status)
