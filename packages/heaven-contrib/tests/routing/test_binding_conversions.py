"""Conversions, for values and texts that nobody thought of."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from binding_case import bound
from heaven.errors import HTTPError
from heaven_contrib.routing.binding.annotations import is_finite
from heaven_contrib.routing.binding.params import Cookie, Form, Header, Query
from heaven_testing import make_context, make_request


class Colour(Enum):
    """Words with names."""

    RED = "red"
    DARK_RED = "dark red"


class Level(IntEnum):
    """Numbers with names."""

    LOW = 1
    HIGH = 9


def of(annotation) -> Callable[..., Any]:
    """A function of one query parameter."""

    def function(value): ...

    function.__annotations__["value"] = annotation
    return function


def read(binding, pairs, **request):
    req = make_request("POST", "/?" + urlencode(pairs, doseq=True), **request)
    return binding.read(req, make_context(), None)


def outcome(binding, req):
    """What a function is called with, or what answers the request."""
    try:
        return binding.read(req, make_context(), None), None
    except HTTPError as error:
        return None, error


def plainly(value):
    return format(value, "f") if isinstance(value, Decimal) else msgspec.to_builtins(value)


def written(value):
    text = plainly(value)
    return {True: "true", False: "false"}[text] if isinstance(text, bool) else str(text)


texts = st.text(st.characters(codec="utf-8"))
values: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.timedeltas(timedelta(0), timedelta(days=99999)),
    UUID: st.uuids(),
    Colour: st.sampled_from(Colour),
    Level: st.sampled_from(Level),
    Literal["a", "b"]: st.sampled_from(["a", "b"]),
    Literal[1, -2]: st.sampled_from([1, -2]),
}
BINDINGS = {kind: bound(of(kind)) for kind in values}
MANY = {kind: bound(of(list[kind])) for kind in values}
kinds = pytest.mark.parametrize("kind", values, ids=str)


@kinds
@settings(max_examples=40)
@given(data=st.data())
def test_a_value_comes_back_from_its_text(kind, data):
    """What a client writes for a value is this value for the function."""
    value = data.draw(values[kind])
    assert {"value": value} == read(BINDINGS[kind], {"value": written(value)})


@kinds
@settings(max_examples=40)
@given(data=st.data())
def test_several_values_come_back_in_their_order(kind, data):
    """All values of a key are a list, as they came."""
    several = data.draw(st.lists(values[kind], min_size=1, max_size=5))
    assert {"value": several} == read(MANY[kind], {"value": [written(each) for each in several]})


hostile = texts | st.sampled_from(
    ["nan", "-inf", "1e999", "1e-999", "9" * 400, "-0", "0x1", "1_0", "٣", "null", "NaN", "sNaN", "Infinity", "1E+9999999999",
     "0" * 5000, "1e", "-", "+1", "0001-01-01", "9999-12-31T23:59:59.999999Z", "\x00", "\ufeff1", "P99999999999D", "[]", "{}"]
)  # fmt: skip


@kinds
@settings(max_examples=40)
@given(text=hostile)
@example(text="1E+9999999999999999999")
def test_any_text_is_a_value_of_the_type_or_a_422(kind, text):
    """Nothing that a client can write gives a value of another type, or another failure than a 422 that says where."""
    req = make_request("POST", "/?" + urlencode({"value": text}))
    found, error = outcome(BINDINGS[kind], req)
    assert BINDINGS[kind].faults(req) == (list(error.errors) if error else [])
    if error:
        assert (422, [["query", "value"]]) == (error.status, [each["loc"] for each in error.errors])
        assert {"loc", "msg", "type"} == set(error.errors[0])
    else:
        assert isinstance(found["value"], kind if isinstance(kind, type) else (str, int))
        assert is_finite(found["value"])


@kinds
@settings(max_examples=40)
@given(several=st.lists(hostile, min_size=1, max_size=4))
def test_any_texts_are_a_list_or_a_422(kind, several):
    """Each text that is refused by itself is a fault of the list, and no other is."""
    alone = [BINDINGS[kind].faults(make_request("POST", "/?" + urlencode({"value": text}))) for text in several]
    together = MANY[kind].faults(make_request("POST", "/?" + urlencode({"value": several}, doseq=True)))
    assert bool(together) == any(alone)
    if not any(each["msg"] == "Expected a finite number" for told in alone for each in told):
        assert [index for index, told in enumerate(alone) if told] == [each["loc"][2] for each in together]


def everywhere(
    a: int = Query(default=0), b: int = Header(default=0), c: int = Cookie(default=0), d: int = Form(default=0)
): ...


EVERYWHERE = bound(everywhere)
numbers = st.integers(1, 9).map(str)
some = st.fixed_dictionaries({}, optional=dict.fromkeys("abcd", numbers))


@given(query=some, headers=some, cookies=some, form=some)
def test_a_source_gives_its_own_parameter_alone(query, headers, cookies, form):
    """Whatever the other sources hold under its name, a parameter is what its own source says."""
    expected = {"a": query.get("a", 0), "b": headers.get("b", 0), "c": cookies.get("c", 0), "d": form.get("d", 0)}
    found = read(EVERYWHERE, query, headers=headers, cookies=cookies, data=form or None)
    assert {name: int(value) for name, value in expected.items()} == found


@settings(max_examples=200)
@given(query=st.binary(max_size=60), body=st.binary(max_size=60), kind=st.sampled_from([
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "",
]))  # fmt: skip
def test_any_bytes_are_taken_or_refused(query, body, kind):
    """No bytes in query and body make anything else than a call or an answer of 4xx."""
    req = make_request("POST", "/", content=body, headers={"content-type": kind})
    req.scope["query_string"] = query
    for binding in (ANYTHING, FORM, OBJECT, TYPED):
        found, error = outcome(binding, req)
        assert found or 400 <= error.status < 500


class Thing(msgspec.Struct):
    """A body."""

    a: int
    b: list[str] = []


def anything(data, a: int = 0): ...
def form(data: Thing = Form(), a: list[int] = ()): ...  # noqa: B008
def mapping(data: dict, a: str = ""): ...
def typed(data: Thing | list[Thing], a: float = 0.0): ...


ANYTHING, FORM, OBJECT, TYPED = (bound(each) for each in (anything, form, mapping, typed))
