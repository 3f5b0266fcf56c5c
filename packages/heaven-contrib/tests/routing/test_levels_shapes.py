from __future__ import annotations

import inspect

import pytest

from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import declared_at, shown
from heaven_contrib.routing.responding.cookies import Cookie
from heaven_contrib.routing.shapes import listed, takes


def test_a_declaration_is_where_the_application_wrote_it():
    """Neither this package nor what dataclasses generate is the application."""
    place, line = declared_at(), inspect.currentframe().f_lineno
    assert f"{__file__}:{line}" == place
    line = inspect.currentframe().f_lineno + 2
    with pytest.raises(ImproperlyConfigured) as refused:
        Cookie("no name")
    assert str(refused.value).startswith(f"Cookie at {__file__}:{line}: ")


def function(request, *, page=1): ...


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (42, "42"),
        ("text", "'text'"),
        (Cookie, "heaven_contrib.routing.responding.cookies.Cookie"),
        (function, f"{__name__}.function ({__file__}:{function.__code__.co_firstlineno})"),
        (print, "<built-in function print>"),
        ("x" * 300, f"'{'x' * 199}..."),
    ],
    ids=["number", "str", "class", "function", "builtin", "long"],
)
def test_a_message_shows_what_was_passed(value, expected):
    """Classes and functions are named, a function with its line; a long text is cut."""
    assert expected == shown(value)


@pytest.mark.parametrize("value", [[], (), [1], (1, 2)], ids=["list", "tuple", "one", "two"])
def test_a_list_is_a_list_or_tuple(value):
    """It is given back as it was passed."""
    assert value is listed(value, "tags", "Router at shop.py:3", "['orders']")


@pytest.mark.parametrize(
    "value", ["orders", {"orders"}, {}, None, 42, iter(())], ids=lambda value: type(value).__name__
)
def test_nothing_else_is_a_list(value):
    """A str, which is a sequence too, and sets, which have no order, are refused."""
    with pytest.raises(
        ImproperlyConfigured, match=r"^Router at shop.py:3 got tags=.*; give a list, as in \['orders'\]$"
    ):
        listed(value, "tags", "Router at shop.py:3", "['orders']")


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [((1,), {}, True), ((), {}, False), ((1, 2), {}, False), ((1,), {"page": 2}, True), ((1,), {"size": 2}, False)],
    ids=["one", "none", "two", "option", "unknown"],
)
def test_a_signature_tells_what_a_function_takes(arguments, options, expected):
    """Number and names of the arguments count, and not their values."""
    assert expected == takes(function, *arguments, **options)


def test_what_has_no_signature_may_take_anything():
    """Of some functions that are written in C nothing can be told."""
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(dict)
    assert takes(dict, 1, 2, 3)
