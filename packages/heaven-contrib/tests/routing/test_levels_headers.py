from __future__ import annotations

import inspect

import pytest

from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.responding.headers import ResponseHeader, baked_headers, checked_headers

PLACE = "Router at shop.py:3"


@pytest.mark.parametrize(
    ("value", "baked"),
    [("granted", b"granted"), ("", b""), (" padded ", b"padded"), (7, b"7"), (0.5, b"0.5"), (None, None)],
)
def test_a_header_is_written_as_it_goes_out(value, baked):
    """Numbers are written as text; without a value there is nothing to send."""
    assert baked == ResponseHeader(value=value).baked


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: admin=1", "a\x00", "日", ["granted"], b"granted", True])
def test_what_can_not_be_sent_is_refused_with_its_line(value):
    """A value that must not reach the wire is refused where it was written."""
    line = inspect.currentframe().f_lineno + 2
    with pytest.raises(ImproperlyConfigured) as refusal:
        ResponseHeader(value=value)
    assert str(refusal.value).startswith(f"ResponseHeader at {__file__}:{line}: The value of a header ")


def test_it_can_not_be_changed():
    """A declaration stays as it was written."""
    with pytest.raises(AttributeError):
        ResponseHeader(value="granted").value = "refused"


def test_names_are_lower_case_and_in_their_order():
    """The names of headers have no case (RFC 9110 5.1); values stay the objects that were declared."""
    granted, seen = ResponseHeader("granted"), ResponseHeader(7, description="How often.", deprecated=True)
    checked = checked_headers({"X-Authorize": granted, "x-seen": seen}, PLACE)
    assert [("x-authorize", granted), ("x-seen", seen)] == list(checked.items())


def test_the_mapping_is_not_the_one_that_was_passed():
    """What happens to the dict later changes nothing, and what was checked can't be changed."""
    given = {"x-shop": ResponseHeader("north")}
    checked = checked_headers(given, PLACE)
    given["x-page"] = ResponseHeader("2")
    assert ["x-shop"] == list(checked)
    with pytest.raises(TypeError):
        checked["x-page"] = ResponseHeader("2")


def test_what_is_only_documented_is_not_sent():
    """A header without a value stands in the documentation, and handlers set it themselves."""
    headers = {"x-shop": ResponseHeader("north"), "x-page": ResponseHeader(description="The next page.")}
    assert [(b"x-shop", b"north")] == baked_headers(headers)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (["x-shop"], "got response_headers=['x-shop']; give a mapping, as in {'x-shop': ResponseHeader('north')}"),
        ({"x-shop": "north"}, "got 'north' for the response header 'x-shop'; give a ResponseHeader(value=...)"),
        ({"x shop": ResponseHeader("north")}, "got a response header that can't be sent: 'x shop' can't name a header"),
        ({7: ResponseHeader("north")}, "got a response header that can't be sent: The name of a header is a str"),
        (
            {"X-Shop": ResponseHeader("north"), "x-shop": ResponseHeader("south")},
            "has the response header 'x-shop' twice; case does not tell them apart",
        ),
        (
            {"Set-Cookie": ResponseHeader("a=b")},
            "got the response header 'set-cookie'; declare cookies with response_cookies=[Cookie(...)]",
        ),
        (
            {"content-length": ResponseHeader(7)},
            "got the response header 'content-length'; leave it out, it follows from the body",
        ),
        (
            {"Transfer-Encoding": ResponseHeader("chunked")},
            "got the response header 'transfer-encoding'; leave it out, it is the server's",
        ),
    ],
    ids=["list", "str", "no token", "no name", "twice", "set-cookie", "content-length", "transfer-encoding"],
)
def test_what_is_no_header_is_refused(value, complaint):
    """The message names what was passed, where, and what would be accepted."""
    with pytest.raises(ImproperlyConfigured) as refusal:
        checked_headers(value, PLACE)
    assert str(refusal.value).startswith(f"{PLACE} {complaint}")
