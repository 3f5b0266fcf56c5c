"""Values of pydantic, where it is installed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import pytest

from answering import answered
from heaven_contrib.routing.responding.responses import JSONResponse, PlainTextResponse, Response

pydantic: Any = pytest.importorskip("pydantic")


class Item(pydantic.BaseModel):
    name: str
    day: date = date(2026, 1, 2)
    unit_price: float = pydantic.Field(default=1.5, serialization_alias="unitPrice")


class Items(pydantic.RootModel[list[Item]]):
    pass


@pydantic.dataclasses.dataclass
class Line:
    quantity: int


@dataclass
class Holder:
    item: Item


class Shelf(msgspec.Struct):
    item: Any


MUG = b'{"name":"mug","day":"2026-01-02","unitPrice":1.5}'


async def pieces():
    yield b"one"


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (Item(name="mug"), MUG),
        (Items([Item(name="mug")]), b"[%b]" % MUG),
        (Line(2), b'{"quantity":2}'),
        ([Item(name="mug"), 7], b"[%b,7]" % MUG),
        ((Item(name="mug"),), b"[%b]" % MUG),
        ({"items": {"first": Item(name="mug")}}, b'{"items":{"first":%b}}' % MUG),
        (Holder(Item(name="mug")), b'{"item":%b}' % MUG),
        (Shelf(Item(name="mug")), b'{"item":%b}' % MUG),
        (JSONResponse({"item": Item(name="mug")}), b'{"item":%b}' % MUG),
        (Response(Item(name="mug")), MUG),
    ],
    ids=["model", "root", "dataclass", "list", "tuple", "dict", "in-dataclass", "in-struct", "response", "unsaid"],
)
async def test_a_model_writes_itself_wherever_it_stands(value, content):
    """A model is JSON under the names that its schema has, alone or inside of what is JSON already."""
    response = await answered(value)

    assert ("application/json", content) == (response.headers["content-type"], response.content)


@pytest.mark.parametrize("response_class", [JSONResponse, Response])
async def test_a_model_is_made_into_the_response_class(response_class):
    """A response class gets the model, and writes it."""
    response = await answered(Item(name="mug"), response_class=response_class, status_code=201)

    assert (201, MUG) == (response.status_code, response.content)


async def test_a_model_is_no_text():
    """A model is never passed off as text."""
    response = await answered(PlainTextResponse(Item(name="mug")), fails=True)

    assert 500 == response.status_code


@pytest.mark.parametrize(
    ("value", "content_type", "content"),
    [(b"one", "application/octet-stream", b"one"), (pieces(), "application/octet-stream", b"one"), (None, None, b"")],
    ids=["bytes", "stream", "none"],
)
async def test_what_is_no_json_is_none_beside_pydantic(value, content_type, content):
    """Bytes, streams and nothing are what they are without pydantic."""
    response = await answered(value)

    assert (content_type, content) == (response.headers.get("content-type"), response.content)
