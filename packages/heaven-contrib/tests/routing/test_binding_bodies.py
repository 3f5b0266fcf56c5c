"""Bodies: JSON held to a type, whatever came, text and bytes."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pytest

from binding_case import faults, given, refusal
from heaven_contrib.routing.binding.params import Body, Query


class Item(msgspec.Struct):
    """What is ordered."""

    name: str
    quantity: Annotated[int, msgspec.Meta(ge=1)] = 1


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int = 0

    def __post_init__(self):
        if self.x == self.y:
            raise ValueError("x and y are the same")


def of(annotation, *default):
    """A function of a body."""

    def function(data): ...

    function.__annotations__["data"] = annotation
    function.__defaults__ = default
    return function


@pytest.mark.parametrize(
    ("annotation", "body", "expected"),
    [
        (Item, {"name": "tea"}, Item("tea")),
        (list[Item], [{"name": "tea"}], [Item("tea")]),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict[str, Item], {"a": {"name": "tea"}}, {"a": Item("tea")}),
        (Point, {"x": 1}, Point(1)),
        (Item | None, None, None),
        (list, [1, "a"], [1, "a"]),
        (int, 5, 5),
        (dict, {"a": [1]}, {"a": [1]}),
        (dict[str, Any], {"a": [1]}, {"a": [1]}),
        (Mapping[str, Any], {"a": [1]}, {"a": [1]}),
        (Any, {"a": [1]}, {"a": [1]}),
        (object, [1], [1]),
        (str, "ü", '"ü"'),
        (bytes, [1], b"[1]"),
    ],
    ids=str,
)
def test_json_is_held_to_the_type(annotation, body, expected):
    """A body of JSON becomes a value of the type; str and bytes are what was sent."""
    assert {"data": expected} == given(of(annotation), json=body)


def test_payload_is_another_name_for_the_body_and_a_marker_a_third():
    """`payload` and whatever is marked with Body() are the body."""

    def payload(payload: Item): ...
    def marked(thing: Item = Body()): ...
    def annotated(thing: Annotated[list[int], Body(min_length=1)]): ...

    assert {"payload": Item("tea")} == given(payload, json={"name": "tea"})
    assert {"thing": Item("tea")} == given(marked, json={"name": "tea"})
    assert {"thing": [1]} == given(annotated, json=[1])
    assert [(("body",), "Expected `array` of length >= 1", "value")] == faults(annotated, json=[])


def test_every_fault_of_a_body_is_told():
    """A 422 has the place of each fault below `body`."""
    assert [
        (("body", 0, "name"), "Expected `str`, got `int`", "type"),
        (("body", 0, "quantity"), "Expected `int` >= 1", "value"),
        (("body", 1, "name"), "Missing required field", "missing"),
    ] == faults(of(list[Item]), json=[{"name": 1, "quantity": 0}, {}])


def test_what_a_type_says_itself_is_told():
    """A ValueError of a type's own is a fault, in its words."""
    assert [(("body",), "x and y are the same", "value")] == faults(of(Point), json={"x": 0})


def test_faults_of_query_and_body_come_together():
    """One 422 has what is wrong with the query, and with the body."""

    def function(data: Item, page: int, size: int = Query(default=1, ge=1)): ...

    assert [
        (("query", "page"), "Missing required query parameter", "missing"),
        (("query", "size"), "Expected `int` >= 1", "value"),
        (("body", "name"), "Missing required field", "missing"),
    ] == faults(function, "/?size=0", json={})


def test_a_body_key_is_no_parameter():
    """Keys of the body never reach parameters of the query or the path."""

    def function(id: int, data: dict[str, int], page: int = 1): ...

    assert {"id": 7, "page": 1, "data": {"page": 2, "id": 3}} == given(
        function, json={"page": 2, "id": 3}, path={"id": "int"}, params={"id": 7}
    )


@pytest.mark.parametrize("annotation", [Item, dict, list[int], Item | int], ids=str)
def test_a_body_that_is_required_and_missing_is_a_422(annotation):
    """An empty body is told as missing, whatever Content-Type it has."""
    expected = [(("body",), "Missing required body", "missing")]
    assert expected == faults(of(annotation), content=b"")
    assert expected == faults(of(annotation), content=b"", headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    ("function", "expected"),
    [(of(Item, Item("x")), Item("x")), (of(Item | None), None), (of(dict | None, None), None), (of(str, "x"), "x")],
    ids=["default", "optional", "both", "text"],
)
def test_an_empty_body_is_the_default(function, expected):
    """Where the body may be left out, an empty one is the default."""
    assert {"data": expected} == given(function)


def test_a_body_that_is_optional_is_read_where_it_came():
    """A default is for empty bodies alone."""
    assert {"data": Item("tea")} == given(of(Item, None), json={"name": "tea"})
    assert 422 == refusal(of(Item, None), json={}).status


def test_bytes_and_text_may_be_empty():
    """What is taken as it is may be nothing."""
    assert {"data": b""} == given(of(bytes))
    assert {"data": ""} == given(of(str))


@pytest.mark.parametrize("content", [b"{", b"nope", b'{"name": NaN}', b"\xef\xbb\xbf{}", b'{"name": "\xff"}'], ids=repr)
@pytest.mark.parametrize("annotation", [Item, dict, Any, dict[str, int]], ids=str)
def test_malformed_json_is_a_400(annotation, content):
    """What is no JSON is malformed, whatever the type; faults of the query don't change that."""

    def function(data, page: int = 1): ...

    function.__annotations__["data"] = annotation
    headers = {"content-type": "application/json"}
    for url in ("/", "/?page=x"):
        error = refusal(function, url, content=content, headers=headers)
        assert (400, True) == (error.status, error.detail.startswith("JSON is malformed"))


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/jsonp"])
@pytest.mark.parametrize("annotation", [Item, list[int], dict[str, int]], ids=str)
def test_a_wrong_content_type_is_a_415(annotation, kind):
    """A typed body is JSON by its Content-Type, or refused with what would be accepted."""
    error = refusal(of(annotation), content=b"{}", headers={"content-type": kind})
    assert (415, {"accept": "application/json"}) == (error.status, error.headers)


def test_json_has_many_names():
    """A media type that ends in +json, and parameters behind it, are JSON."""
    for kind in ("application/problem+json", "application/json; charset=utf-8", "Application/JSON"):
        assert {"data": [1]} == given(of(list[int]), content=b"[1]", headers={"content-type": kind})


@pytest.mark.parametrize("annotation", [Item, dict, Any], ids=str)
def test_a_compressed_body_is_a_415(annotation):
    """A body that is compressed is refused as that, and not as malformed JSON."""
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    error = refusal(of(annotation), content=gzip.compress(b"{}"), headers=headers)
    assert (415, {"accept-encoding": "identity"}) == (error.status, error.headers)


def test_json_that_is_too_deep_is_a_400():
    """Nesting without an end is refused."""
    content = b"[" * 100_000
    assert 400 == refusal(of(list), content=content, headers={"content-type": "application/json"}).status


# By Content-Type


def test_a_dict_takes_a_form_as_well():
    """Fields of a form are as good as a JSON object for a plain dict."""
    assert {"data": {"a": "1", "b": "2"}} == given(of(dict), data={"a": "1", "b": "2"})
    assert {"data": {"a": "1"}} == given(of(dict[str, Any]), data={"a": "1"}, files={"f": b"x"})


def test_a_dict_takes_nothing_else():
    """JSON that is no object is a 422, and other media types are a 415."""
    assert [(("body",), "Expected `object`, got `array`", "type")] == faults(of(dict), json=[1])
    assert [(("body",), "Expected `object`, got `str`", "type")] == faults(of(dict), json="x")
    for kind in ("text/plain", "application/octet-stream", ""):
        assert 415 == refusal(of(dict), content=b"{}", headers={"content-type": kind}).status


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("text/plain", "[1]"), ("application/json", [1]), ("application/octet-stream", b"[1]"), ("", b"[1]")],
)
def test_a_body_without_a_type_is_read_by_its_content_type(kind, expected):
    """Untyped data is what `req.data` is."""

    def function(data): ...

    assert {"data": expected} == given(function, content=b"[1]", headers={"content-type": kind})


# As it is


def test_text_is_decoded_by_its_charset():
    """A str is the body in the charset of its Content-Type."""
    headers = {"content-type": "text/plain; charset=latin1"}
    assert {"data": "ü"} == given(of(str), content="ü".encode("latin1"), headers=headers)


def test_limits_hold_for_text():
    """A marker's limits are for the text, and no JSON is read."""

    def function(note: str = Body(max_length=3)): ...

    assert {"note": '"a"'} == given(function, content=b'"a"')
    assert [(("body",), "Expected `str` of length <= 3", "value")] == faults(function, content=b"abcd")


def test_a_media_type_that_was_named_is_required():
    """Bytes of a named media type are taken of this one alone."""

    def function(table: bytes = Body(media_type="Text/CSV; charset=utf-8")): ...

    assert {"table": b"1,2"} == given(function, content=b"1,2", headers={"content-type": "text/csv; header=absent"})
    error = refusal(function, content=b"1,2", headers={"content-type": "text/plain"})
    assert (415, "Send Content-Type: text/csv.", {"accept": "text/csv"}) == (error.status, error.detail, error.headers)


def test_a_media_type_of_json_is_json():
    """`media_type="application/vnd.shop+json"` changes the documentation, and not how JSON is read."""

    def function(data: Item = Body(media_type="application/vnd.shop+json")): ...

    headers = {"content-type": "application/vnd.shop+json"}
    assert {"data": Item("tea")} == given(function, content=b'{"name": "tea"}', headers=headers)
