"""Signatures: read once, with their types, or refused by name and line."""

import functools
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pytest

from heaven_contrib.routing.binding.params import Header, Query
from heaven_contrib.routing.binding.signature import EMPTY, read
from heaven_contrib.routing.errors import ImproperlyConfigured


class Thing(msgspec.Struct):
    """A Struct, which is a callable of its fields."""

    name: str
    size: int = 1


@dataclass
class Pair:
    """A dataclass, whose hints are text."""

    left: "int"
    right: "Thing | None" = None


class Counter:
    """A class with a constructor, methods and a call."""

    def __init__(self, start: "int", *, step: int = 1):
        self.start = start

    def count(self, by: "Thing") -> None:
        """A method."""

    def __call__(self, until: "int") -> None:
        """A call."""


class Bare:
    """A class without a constructor."""


def plain(a, b: int, c: "str" = "x", *, d: "Annotated[int, msgspec.Meta(ge=1)]" = 3):
    """Untyped, typed, typed by text, and limited."""


def decorated(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)

    return call


def told(function):
    return [(each.name, each.annotation, each.default) for each in read(function, "shop.py:7")]


def test_a_function_is_read_with_its_types():
    """Hints written as text are resolved, what has none is Any, and limits of an Annotated stay."""
    assert [
        ("a", Any, EMPTY),
        ("b", int, EMPTY),
        ("c", str, "x"),
        ("d", Annotated[int, msgspec.Meta(ge=1)], 3),
    ] == told(plain)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Thing, [("name", str, EMPTY), ("size", int, 1)]),
        (Pair, [("left", int, EMPTY), ("right", Thing | None, None)]),
        (Counter, [("start", int, EMPTY), ("step", int, 1)]),
        (Counter(1).count, [("by", Thing, EMPTY)]),
        (Counter(1), [("until", int, EMPTY)]),
        (Bare, []),
        (functools.partial(plain, 1), [("b", int, EMPTY), ("c", str, "x"), ("d", Annotated[int, msgspec.Meta(ge=1)], 3)]),
        (functools.partial(plain, 1, d=2), [("b", int, EMPTY), ("c", str, "x")]),
        (functools.partial(functools.partial(plain, 1, d=2), c=""), [("b", int, EMPTY)]),
        (functools.partial(Counter(1).count), [("by", Thing, EMPTY)]),
        (functools.partial(Counter, step=5), [("start", int, EMPTY)]),
        (decorated(plain), told(plain)),
    ],
    ids=[
        "struct", "dataclass", "class", "method", "object", "bare class", "partial", "partial by keyword",
        "partial of partial", "partial of method", "partial of class", "wrapped",
    ],
)  # fmt: skip
def test_everything_that_can_be_called_is_read(function, expected):
    """Classes, methods, objects, partials and wrapped functions have parameters; what a partial bound is no parameter."""
    assert expected == told(function)


def test_what_a_function_closes_over_resolves_its_hints():
    """A hint may be a name of the function around, where the function uses it."""
    Inner = Thing

    def make(thing: "Inner"):
        return Inner

    assert [("thing", Thing, EMPTY)] == told(make)


def test_a_method_is_read_while_its_class_is_made():
    """A closure cell that is still empty, as `__class__` is there, is passed over."""
    seen = []

    def note(function):
        seen.extend(told(function))
        return function

    class Handler:
        @note
        def handle(self, size: "int"):
            return __class__

    assert [("self", Any, EMPTY), ("size", int, EMPTY)] == seen


def test_markers_are_taken_from_defaults_and_annotated():
    """A marker's default counts where the function has none; other metadata stays."""

    def function(
        a: int = Query(default=1),
        b: Annotated[int, Query(default=2)] = 3,
        c: Annotated[str, "note", Header()] = "",
        d: Annotated[int, Query(default=4)] = EMPTY,
        e: Annotated[int, Query()] = EMPTY,
    ): ...

    assert [
        ("a", int, 1, "query"),
        ("b", int, 3, "query"),
        ("c", Annotated[str, "note"], "", "header"),
        ("d", int, 4, "query"),
        ("e", int, EMPTY, "query"),
    ] == [(each.name, each.annotation, each.default, each.marker.source) for each in read(function, "shop.py:7")]


def everything(*things: int): ...
def anything(**things: int): ...
def by_place(thing: int, /): ...
def unknown(thing: "Nothing"): ...  # noqa: F821
def broken(thing: "1 +"): ...  # noqa: F722
def twice(thing: Annotated[int, Query()] = Header()): ...
def uncalled(thing: int = Query): ...
def uncalled_in(thing: Annotated[int, Query]): ...


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (everything, r"everything at shop\.py:7 takes \*things; name every parameter"),
        (anything, r"anything at shop\.py:7 takes \*\*things; name every parameter"),
        (by_place, r"by_place at shop\.py:7 takes thing, /; name every parameter"),
        (
            unknown,
            r"unknown at shop\.py:7: the parameter 'thing' has the type 'Nothing', which can't be resolved: name 'Noth",
        ),
        (broken, r"broken at shop\.py:7: the parameter 'thing' has the type '1 \+', which can't be resolved"),
        (twice, r"twice at shop\.py:7: the parameter 'thing' has 2 markers; .* give one"),
        (uncalled, r"uncalled at shop\.py:7: the parameter 'thing' is marked with Query; call it, as in Query\(\)"),
        (uncalled_in, r"uncalled_in at shop\.py:7: the parameter 'thing' is marked with Query; call it"),
        (5, r"shop\.py:7 has no signature that can be read: 5 is not a callable object"),
    ],
    ids=["*", "**", "/", "unknown name", "syntax", "two markers", "default", "annotated", "no function"],
)
def test_what_can_not_be_read_is_refused_by_name_and_line(function, complaint):
    """A signature that can't be served is refused with the function, its line and the parameter."""
    with pytest.raises(ImproperlyConfigured, match=complaint):
        read(function, "shop.py:7")


def test_a_function_of_c_has_no_namespace():
    """What is written in C is read as far as it tells: its parameters have no types."""
    import operator

    with pytest.raises(ImproperlyConfigured, match="takes a, /"):
        read(operator.add, "shop.py:7")
