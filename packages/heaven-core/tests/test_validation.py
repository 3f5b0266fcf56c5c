"""Validation: a body that fits is decoded, one that doesn't is told everything at once, and nothing of it is quoted."""

from __future__ import annotations

import datetime as dt
import decimal
import doctest
import enum
import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, NamedTuple, Required, TypedDict, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from heaven.bodies import faults, validation
from heaven.bodies.faults import DEEPEST, MOST_FAULTS, FaultFinder
from heaven.bodies.json import decode_json, encode_json
from heaven.bodies.validation import TypedBody
from heaven.errors import BadRequest, RegistrationError, ValidationError

T = TypeVar("T")
CANARY = "canary-7f3a"


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(Struct):
    sku: str
    qty: Annotated[int, Meta(ge=1, le=99)]
    tags: list[str] = []


class Order(Struct, rename="camel", forbid_unknown_fields=True):
    first_name: Annotated[str, Meta(min_length=1, pattern="^[A-Z]")]
    items: list[Item]
    note: str | None = None
    color: Color | None = None


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog", tag_field="type"):
    tricks: list[str]


class Point(Struct, array_like=True):
    x: int
    y: int = 0


class Strict(Struct, array_like=True, forbid_unknown_fields=True, tag=True):
    x: int


class Loose(Struct, array_like=True, tag="loose"):
    x: int


class Page(Struct, Generic[T]):
    rows: list[T]


class Tree(Struct):
    size: int
    children: list[Tree] = []


class Span(Struct):
    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError("end lies before start")


@dataclass
class Address:
    street: str
    zips: list[int] = field(default_factory=list)


class Patch(TypedDict, total=False):
    id: Required[int]
    name: str


class Row(NamedTuple):
    name: str
    count: int = 0


def told(annotation: Any, value: Any) -> list[tuple[list[str | int], str]]:
    """What is said against a value, as (loc, msg)."""
    with pytest.raises(ValidationError) as caught:
        TypedBody(annotation).decode(json.dumps(value).encode())
    assert 422 == caught.value.status
    assert all(set(error) == {"loc", "msg"} for error in caught.value.errors)
    return [(error["loc"], error["msg"]) for error in caught.value.errors]


@pytest.mark.parametrize("module", [validation, faults])
def test_the_examples_run(module: Any) -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(module).failed


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Item, {"sku": "a", "qty": 1}, Item("a", 1)),
        (list[Item], [{"sku": "a", "qty": 1, "other": 2}], [Item("a", 1)]),
        (Order, {"firstName": "Ann", "items": []}, Order("Ann", [])),
        (Address, {"street": "x", "zips": [1]}, Address("x", [1])),
        (Patch, {"id": 1}, {"id": 1}),
        (Row, ["a"], Row("a")),
        (Point, [1, 2, 3], Point(1, 2)),
        (Cat | Dog, {"type": "dog", "tricks": []}, Dog([])),
        (dict[int, str], {"7": "x"}, {7: "x"}),
        (Any, {"a": [1]}, {"a": [1]}),
        (int | None, None, None),
    ],
)
def test_a_body_that_fits(annotation: Any, value: Any, expected: Any) -> None:
    """A body that fits is the typed value."""
    assert expected == TypedBody(annotation).decode(json.dumps(value).encode())


def test_everything_that_is_wrong_is_told() -> None:
    """All faults come at once, each with the place in the names that the client wrote."""
    body = {
        "firstName": "",
        "items": [{"sku": 1, "qty": 0}, {"sku": "b", "qty": 5}, {"qty": "2", "tags": ["a", 2, None]}, 7],
        "note": 3,
        "color": CANARY,
        "surprise": CANARY,
    }

    assert [
        (["firstName"], "Expected `str` of length >= 1"),
        (["items", 0, "sku"], "Expected `str`, got `int`"),
        (["items", 0, "qty"], "Expected `int` >= 1"),
        (["items", 2, "sku"], "Missing required field"),
        (["items", 2, "qty"], "Expected `int`, got `str`"),
        (["items", 2, "tags", 1], "Expected `str`, got `int`"),
        (["items", 2, "tags", 2], "Expected `str`, got `null`"),
        (["items", 3], "Expected `object`, got `int`"),
        (["note"], "Expected `str | null`, got `int`"),
        (["color"], 'Expected one of "red", "blue"'),
        (["surprise"], "Unknown field"),
    ] == told(Order, body)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Item, {}, [(["sku"], "Missing required field"), (["qty"], "Missing required field")]),
        (Item, [], [([], "Expected `object`, got `array`")]),
        (Item, "x", [([], "Expected `object`, got `str`")]),
        (Address, {"zips": [1, "x"]}, [(["street"], "Missing required field"), (["zips", 1], "Expected `int`, got `str`")]),
        (Patch, {"name": 1}, [(["id"], "Missing required field"), (["name"], "Expected `str`, got `int`")]),
        (Row, [1, "x"], [([0], "Expected `str`, got `int`"), ([1], "Expected `int`, got `str`")]),
        (Row, [], [([], "Expected `array` of length 1 to 2, got 0")]),
        (Row, [1, 2, 3], [([], "Expected `array` of length 1 to 2, got 3"), ([0], "Expected `str`, got `int`")]),
        (Row, {}, [([], "Expected `array`, got `object`")]),
        (Point, [], [([], "Expected `array` of length 1 or more, got 0")]),
        (Point, ["1", "2", "3"], [([0], "Expected `int`, got `str`"), ([1], "Expected `int`, got `str`")]),
        (Strict, ["Strict", 1, 2], [([], "Expected `array` of length 2, got 3")]),
        (Strict, ["other", "1"], [([0], 'Expected "Strict"'), ([1], "Expected `int`, got `str`")]),
        (Strict | Loose, ["loose", "1"], [([1], "Expected `int`, got `str`")]),
        (Strict | Loose, [CANARY, 1], [([0], "Value is not one of those allowed")]),
        (tuple[int, str], [1], [([], "Expected `array` of length 2, got 1")]),
        (tuple[int, str], ["1", 2], [([0], "Expected `int`, got `str`"), ([1], "Expected `str`, got `int`")]),
        (tuple[int, ...], [1, "2"], [([1], "Expected `int`, got `str`")]),
        (set[int], [1, "2"], [([1], "Expected `int`, got `str`")]),
        (frozenset[int], [1, "2"], [([1], "Expected `int`, got `str`")]),
        (Sequence[int], [1, "2"], [([1], "Expected `int`, got `str`")]),
        (Collection[int], [1, "2"], [([1], "Expected `int`, got `str`")]),
        (Annotated[list[int], Meta(min_length=2)], ["1"], [([], "Expected `array` of length >= 2"), ([0], "Expected `int`, got `str`")]),
        (Annotated[list[int], Meta(max_length=1)], [1, "2"], [([], "Expected `array` of length <= 1"), ([1], "Expected `int`, got `str`")]),
        (Annotated[list[int], Meta(title="x")], ["1"], [([0], "Expected `int`, got `str`")]),
        (dict[str, int], {"a": 1, "b": "2", "c": None}, [(["b"], "Expected `int`, got `str`"), (["c"], "Expected `int`, got `null`")]),
        (Mapping[str, int], {"b": "2"}, [(["b"], "Expected `int`, got `str`")]),
        (dict[int, int], {"1": 2, "x": "3"}, [(["x"], "Expected `int`, got `str`"), (["x"], "Expected `int`, got `str`")]),
        (Annotated[dict[str, int], Meta(min_length=1)], {}, [([], "Expected `object` of length >= 1")]),
        (Annotated[dict[str, int], Meta(max_length=1)], {"a": 1, "b": ""}, [([], "Expected `object` of length <= 1"), (["b"], "Expected `int`, got `str`")]),
        (Cat, {"type": "dog", "lives": "9"}, [(["type"], 'Expected "cat"'), (["lives"], "Expected `int`, got `str`")]),
        (Cat | Dog, {"lives": 9}, [(["type"], "Missing required field")]),
        (Cat | Dog, {"type": CANARY}, [(["type"], 'Expected one of "cat", "dog"')]),
        (Cat | Dog, {"type": ["x"]}, [(["type"], 'Expected one of "cat", "dog"')]),
        (Cat | Dog, {"type": "dog", "tricks": [1, 2]}, [(["tricks", 0], "Expected `str`, got `int`"), (["tricks", 1], "Expected `str`, got `int`")]),
        (Cat | Dog | None, 5, [([], "Expected `object | null`, got `int`")]),
        (Item | None, {"sku": 1, "qty": 1}, [(["sku"], "Expected `str`, got `int`")]),
        (Item | list[int], ["x"], [([0], "Expected `int`, got `str`")]),
        (list[int] | str, {}, [([], "Expected `str | array`, got `object`")]),
        (int | str, None, [([], "Expected `int | str`, got `null`")]),
        (dict[str, int] | int, {"a": "x"}, [(["a"], "Expected `int`, got `str`")]),
        (Page[int], {"rows": [1, "2"]}, [(["rows", 1], "Expected `int`, got `str`")]),
        (Tree, {"size": "1", "children": [{"size": 1}, {"children": [{"size": None}]}]}, [
            (["size"], "Expected `int`, got `str`"), (["children", 1, "size"], "Missing required field"),
            (["children", 1, "children", 0, "size"], "Expected `int`, got `null`"),
        ]),
        (Span, {"start": 2, "end": 1}, [([], "end lies before start")]),
        (list[Span], [{"start": 2, "end": 1}, {"start": "1"}], [
            ([0], "end lies before start"), ([1, "start"], "Expected `int`, got `str`"), ([1, "end"], "Missing required field"),
        ]),
        (Literal["a", "b"], CANARY, [([], 'Expected one of "a", "b"')]),
        (Literal["a"] | None, CANARY, [([], 'Expected "a"')]),
        (Color, CANARY, [([], 'Expected one of "red", "blue"')]),
        (Color, 5, [([], "Expected `str`, got `int`")]),
        (list[Literal[1]], [2], [([0], "Expected 1")]),
    ],
)  # fmt: skip
def test_each_kind_of_type(annotation: Any, value: Any, expected: list[tuple[list[str | int], str]]) -> None:
    """Every kind of type tells its faults part by part."""
    assert expected == told(annotation, value)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (bool, 1, "Expected `bool`, got `int`"),
        (None, 1, "Expected `null`, got `int`"),
        (float, "1", "Expected `float`, got `str`"),
        (Annotated[float, Meta(gt=0, multiple_of=0.5)], -1.0, "Expected `float` > 0.0"),
        (bytes, "!", "Invalid base64 encoded string"),
        (bytearray, "!", "Invalid base64 encoded string"),
        (Annotated[bytes, Meta(max_length=1)], "YWJj", "Expected `bytes` of length <= 1"),
        (dt.datetime, "x", "Invalid RFC3339 encoded datetime"),
        (
            Annotated[dt.datetime, Meta(tz=True)],
            "2026-01-01T00:00:00",
            "Expected `datetime` with a timezone component",
        ),
        (dt.date, "2026-13-01", "Invalid RFC3339 encoded date"),
        (dt.time, "25:00", "Invalid RFC3339 encoded time"),
        (dt.timedelta, "x", "Invalid ISO8601 duration"),
        (uuid.UUID, "x", "Invalid UUID"),
        (decimal.Decimal, "x", "Invalid decimal string"),
        (Annotated[str, Meta(pattern="^a$")], "b", "Expected `str` matching regex '^a$'"),
    ],
)
def test_scalars_within_containers(annotation: Any, value: Any, message: str) -> None:
    """A value is told in msgspec's words wherever it stands: alone, in a list, in a union, in a dict."""
    assert [([], message)] == told(annotation, value)
    assert [([1], message)] == told(tuple[Any, annotation], [0, value])
    assert [(["a", 0], message)] == told(dict[str, list[annotation]], {"a": [value]})


def test_a_key_that_comes_twice() -> None:
    """Plain decoding keeps the last of two keys; where that one fits, what msgspec said about the first is told."""
    with pytest.raises(ValidationError) as caught:
        TypedBody(list[Item]).decode(b'[{"sku": 1, "sku": "a", "qty": 1}]')

    assert [{"loc": [0, "sku"], "msg": "Expected `str`, got `int`"}] == caught.value.errors


class Closed(Struct, forbid_unknown_fields=True):
    deeper: Closed | None = None
    values: list[Any] = []


def test_depth_is_bounded() -> None:
    """Below a depth the first fault of a value is told for it, in its right place and without quoting the client."""
    deep: dict[str, Any] = {"values": 1, "deeper": 2}
    closed: dict[str, Any] = {CANARY: 1}
    for _ in range(DEEPEST + 3):
        deep, closed = {"deeper": deep}, {"deeper": closed}

    assert [([*["deeper"] * (DEEPEST + 3), "values"], "Expected `array`, got `int`")] == told(Closed, deep)
    ((loc, message),) = told(Closed, closed)
    assert (["deeper"] * (DEEPEST + 3), "Object contains an unknown field") == (loc, message)


def test_the_number_of_faults_is_bounded() -> None:
    """A body with endless faults is told the first ones, and that there may be more."""
    with pytest.raises(ValidationError) as caught:
        TypedBody(list[int]).decode(b"[" + b'"x",' * 50_000 + b'"x"]')

    assert MOST_FAULTS == len(caught.value.errors)
    assert f"These are the first {MOST_FAULTS} faults; there may be more." == caught.value.detail


def test_one_fault_among_many() -> None:
    """A single fault is found wherever it stands in a long list, and the rest is passed over."""
    values: list[Any] = list(range(5_000))
    for place in (0, 63, 64, 4_999):
        wrong = [*values[:place], "x", *values[place + 1 :]]
        assert [([place], "Expected `int`, got `str`")] == told(list[int], wrong)


def test_too_deep_to_look_at() -> None:
    """Where a part can't be written again for its depth, that is what is told of it."""
    value: Any = []
    for _ in range(100_000):
        value = [value]

    found = FaultFinder(list[int]).find([1, value])
    while value:
        value = value.pop()

    assert [{"loc": [1], "msg": "Nested too deeply"}] == found


def test_unstrict_finding() -> None:
    """Form fields and queries are text: a number written as text is one."""
    assert [] == FaultFinder(dict[str, int], strict=False).find({"a": "5"})
    assert [{"loc": ["b"], "msg": "Expected `int`, got `str`"}] == FaultFinder(dict[str, int], strict=False).find(
        {"a": "5", "b": "x"}
    )


MALFORMED = {
    b"": "The body is empty; JSON was expected",
    b" ": "JSON is malformed: it ends too early (byte 1)",
    b"[1, 2": "JSON is malformed: it ends too early (byte 5)",
    b'{"a": NaN}': "JSON is malformed: invalid character (byte 6)",
    b"Infinity": "JSON is malformed: invalid character (byte 0)",
    b"[1] " + CANARY.encode(): "JSON is malformed: trailing characters (byte 5)",
    b"{'a': 1}": "JSON is malformed: object keys must be strings (byte 1)",
    b"[1,]": "JSON is malformed: trailing comma in array (byte 3)",
    b'\xef\xbb\xbf{"a": 1}': "JSON is malformed: it begins with a byte order mark, which RFC 8259 forbids",
    b'["' + CANARY.encode() + b'\xff"]': "JSON is malformed: invalid UTF-8 (byte 13)",
    b'{"\xff": 1}': "JSON is malformed: invalid UTF-8 (byte 2)",
    b"\xff\xfe[\x00]\x00": "JSON is malformed: invalid UTF-8 (byte 0)",
    b'["\xed\xa0\x80"]': "JSON is malformed: invalid UTF-8 (byte 2)",
    b'["\\udc00"]': "JSON is malformed: invalid utf-16 surrogate pair (byte 8)",
    b'["\\ud800 and more"]': "JSON is malformed: unexpected end of escaped utf-16 surrogate pair (byte 8)",
    b'["\\ud800"]': "JSON is malformed: it ends too early (byte 10)",
    b"9" * 5_000: "JSON has a number that is out of range",
    b"-" + b"9" * 5_000: "JSON has a number that is out of range",
    b"[1e999]": "JSON has a number that is out of range",
    b"1" + b"0" * 400 + b".5": "JSON has a number that is out of range",
    b"[" * 1_000_000: "JSON is nested too deeply",
    b'{"a":' * 1_000_000: "JSON is nested too deeply",
    b"[" * 1_000_000 + b"]" * 1_000_000: "JSON is nested too deeply",
}


@pytest.mark.parametrize(("raw", "message"), MALFORMED.items(), ids=range(len(MALFORMED)))
@pytest.mark.parametrize(
    "decode",
    [decode_json, TypedBody(Any).decode, TypedBody(list[Any]).decode, TypedBody(Item).decode, TypedBody(int).decode],
)
def test_malformed_json(decode: Any, raw: bytes, message: str) -> None:
    """What is no JSON is a 400 that says what is wrong and where, with a type or without, and quotes nothing."""
    with pytest.raises(BadRequest) as caught:
        decode(raw)

    assert (400, message) == (caught.value.status, caught.value.detail)


def test_a_typed_body_nested_too_deeply() -> None:
    """A recursive type has its limit too, and the worker lives on."""
    body = TypedBody(Tree)
    with pytest.raises(BadRequest, match="nested too deeply"):
        body.decode(b'{"size":1,"children":[' * 200_000 + b"]}" * 200_000)

    assert Tree(1) == body.decode(b'{"size":1}')


def test_a_type_deeper_than_plain_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where typed decoding runs out of depth before plain decoding does, it is nested too deeply all the same."""

    def exhausted(raw: bytes) -> Any:
        raise RecursionError

    body = TypedBody(int)
    monkeypatch.setattr(body, "_decode", exhausted)
    with pytest.raises(BadRequest, match="nested too deeply"):
        body.decode(b"[]")


def test_malformed_comes_before_wrong() -> None:
    """A body that stops being JSON behind a wrong value is malformed first of all."""
    with pytest.raises(BadRequest, match="ends too early"):
        TypedBody(Item).decode(b'{"sku": 1, "qty": ')


def test_large_integers_within_reason() -> None:
    """Integers beyond 64 bits are integers."""
    assert 10**30 == decode_json(b"1" + b"0" * 30)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["sku", "qty", "tags", "items", "firstName", "note", "type", "x"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
TYPES = [
    Order,
    Item,
    Cat | Dog,
    Tree,
    Page[Item],
    dict[str, Item | None],
    list[Row | None],
    tuple[Item, Point],
    Patch,
    Address,
    Strict | None,
]


@settings(max_examples=200)
@given(st.sampled_from(TYPES), JSON)
def test_faults_are_told_exactly_when_msgspec_refuses(annotation: Any, value: Any) -> None:
    """Whatever arrives, it is decoded as msgspec does or refused with one fault at least, each once."""
    raw = json.dumps(value).encode()
    try:
        expected = msgspec.json.decode(raw, type=annotation)
    except msgspec.ValidationError:
        with pytest.raises(ValidationError) as caught:
            TypedBody(annotation).decode(raw)
        seen = [json.dumps(error) for error in caught.value.errors]
        assert seen
        assert len(seen) == len(set(seen))
        assert seen == [json.dumps(error) for error in FaultFinder(annotation).find(value)]
    else:
        assert expected == TypedBody(annotation).decode(raw)
        assert [] == FaultFinder(annotation).find(value)


@settings(max_examples=200)
@given(
    st.sampled_from([Any, *TYPES]),
    st.binary(max_size=40) | st.text(alphabet='{}[]":,\\u0d8 1e9', max_size=40).map(str.encode),
)
def test_any_bytes_are_a_value_or_refused(annotation: Any, raw: bytes) -> None:
    """No bytes raise anything but a 400 or a 422."""
    with suppress(BadRequest, ValidationError):
        TypedBody(annotation).decode(raw)


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from(["sku", "qty"]), unique=True),
    st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True),
)
def test_every_planted_fault_is_found(names: list[str], places: list[int]) -> None:
    """Of several faults planted in a list of objects each is told, and no other."""
    values: list[dict[str, Any]] = [{"sku": "a", "qty": 1} for _ in range(10)]
    for place in places:
        for name in names:
            values[place][name] = None
    expected = [[place, name] for place in sorted(places) for name in ("sku", "qty") if name in names]

    assert expected == [fault["loc"] for fault in FaultFinder(list[Item]).find(values)]


class Opaque:
    """A class that JSON can't say."""


class Holder(Struct):
    part: Opaque


class Unresolved(Struct):
    part: Missing  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    "annotation",
    [
        Opaque,
        list[Opaque],
        Holder,
        dict[str, Holder | None],
        tuple[int, Opaque],
        Annotated[list[Opaque], Meta(title="x")],
        complex,
    ],
)
def test_a_type_that_json_cant_say_is_refused(annotation: Any) -> None:
    """A class without a JSON form is refused where the route is written down, by name and with the cure."""
    with pytest.raises(
        RegistrationError,
        match=r"can't be the type of a body: JSON has no words for <class '.*(Opaque|complex)'>; use a msgspec.Struct",
    ):
        TypedBody(annotation)


@pytest.mark.parametrize("annotation", [3, "Order", lambda: None, Item | Address, Unresolved])
def test_what_is_no_type_is_refused(annotation: Any) -> None:
    """What msgspec can't make a decoder for is refused with its reason."""
    with pytest.raises(RegistrationError, match="can't be the type of a body: .*"):
        TypedBody(annotation)


def test_a_repr_shows_the_type() -> None:
    """A repr shows what the body is decoded to."""
    assert "TypedBody(list[int])" == repr(TypedBody(list[int]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, "x", None, 1.5]}, b'{"a":[1,"x",null,1.5]}'),
        (Item("a", 1), b'{"sku":"a","qty":1,"tags":[]}'),
        (Address("x"), b'{"street":"x","zips":[]}'),
        (Row("a"), b'["a",0]'),
        (Color.RED, b'"red"'),
        (dt.date(2026, 1, 2), b'"2026-01-02"'),
        (float("nan"), b"null"),
        ("<\u20ac>", '"<\u20ac>"'.encode()),
    ],
)
def test_writing_json(value: Any, expected: bytes) -> None:
    """What msgspec writes goes out as it writes it."""
    assert expected == encode_json(value)


def test_what_cant_be_written_is_named() -> None:
    """A value without a JSON form is a TypeError that names its type and the cure."""
    with pytest.raises(
        TypeError,
        match=r"Opaque can't be written as JSON; make it a dict, list, str, number, msgspec.Struct or dataclass first$",
    ):
        encode_json({"a": [Opaque()]})
