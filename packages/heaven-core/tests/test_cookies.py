"""Cookies: what browsers send is read whatever it is, and what is set can't say more than it should."""

from __future__ import annotations

import doctest
from datetime import datetime, timedelta, timezone
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import is_linear
from heaven.errors import HeaderError
from heaven.http import cookies
from heaven.http.cookies import bake_cookie, parse_cookies

NAMES = st.from_regex(r"[!#$%&'*+.^`|~0-9A-Za-z-]{1,12}", fullmatch=True)
VALUES = st.from_regex(r"[!#-+\--:<-\[\]-~]{0,20}", fullmatch=True)


def test_the_examples_run() -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(cookies).failed


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ("a = 1 ;\tb\t=\t2", {"a": "1", "b": "2"}),
        ("a=1; a=2", {"a": "1"}),
        ("a=; b", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ('a="x y"; b="', {"a": "x y", "b": '"'}),
        ('a="x\\"y\\\\z\\073"', {"a": 'x"y\\z;'}),
        ('a=""', {"a": ""}),
        ("a=\\073", {"a": "\\073"}),
        ("=__Host-id=evil", {}),
        ("__Host-id; =x;;", {}),
        ("", {}),
        ("$Version=1; a=1", {"$Version": "1", "a": "1"}),
    ],
)
def test_what_browsers_send(header: str, expected: dict[str, str]) -> None:
    """Names and values are told apart at the first `=`, the first of a name counts, and nameless ones are ignored."""
    assert expected == parse_cookies([header])


def test_several_headers() -> None:
    """HTTP/2 sends each cookie in a header of its own; the first of a name still counts."""
    assert {"a": "1", "b": "2"} == parse_cookies(["a=1", "b=2", "a=3"])


@pytest.mark.parametrize("space", ["\xa0", "\x85", "\x0b", "\x0c", "\x1c", "\u2003"])
def test_white_space_cant_disguise_a_prefix(space: str) -> None:
    """White space that browsers keep in a name stays in it, so it never becomes `__Host-id` here."""
    assert "__Host-id" not in parse_cookies([f"{space}__Host-id=evil; __Host-id{space}=evil"])


@given(st.lists(st.text(max_size=40) | st.text(alphabet=' \t"\\;=,a013', max_size=80), max_size=3))
def test_nothing_that_is_sent_raises(headers: list[str]) -> None:
    """Whatever a client sends, reading cookies doesn't fail, and none is nameless."""
    assert "" not in parse_cookies(headers)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_a_baked_cookie_is_read_back(pairs: dict[str, str]) -> None:
    """What was set comes back as it was, from a browser that sends name and value as they are."""
    sent = "; ".join(bake_cookie(name, value, secure=True).decode().partition(";")[0] for name, value in pairs.items())

    assert pairs == parse_cookies([sent])


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_no_attribute_can_be_injected(name: str, value: str, path: str, domain: str) -> None:
    """Whatever is passed, the cookie has the attributes that were asked for and no others, or is refused."""
    try:
        baked = bake_cookie(name, value, path=path, domain=domain, httponly=False, samesite=None).decode()
    except HeaderError:
        return
    assert [f"{name}={value}", f"Path={path}", f"Domain={domain}"] == baked.split("; ")
    assert not {"\r", "\n", "\0"} & set(baked)


@given(NAMES, st.sampled_from([*'\x00\x01\t\r\n ",;\\\x7f\xe9\u20ac']))
def test_refused_characters(name: str, character: str) -> None:
    """`;`, `,`, quotes, blanks, backslashes, control characters and other scripts are refused everywhere."""
    for words in (
        {"name": name + character, "value": "v"},
        {"name": name, "value": "v" + character},
        {"name": name, "value": "v", "domain": "shop.test" + character},
    ):
        with pytest.raises(HeaderError):
            bake_cookie(**words)  # type: ignore[arg-type]
    if character not in '"\\':
        with pytest.raises(HeaderError):
            bake_cookie(name, "v", path="/" + character)


def test_every_attribute() -> None:
    """Each option becomes its attribute, in a fixed order."""
    expires = datetime(2026, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    baked = bake_cookie(
        "__Secure-id", "a.b", max_age=0, expires=expires, path="/shop", domain="shop.test", secure=True, httponly=True,
        samesite="none", partitioned=True,
    )  # fmt: skip

    assert (
        b"__Secure-id=a.b; Max-Age=0; Expires=Fri, 02 Jan 2026 03:04:05 GMT; Path=/shop; Domain=shop.test; "
        b"Secure; HttpOnly; SameSite=None; Partitioned"
    ) == baked


def test_no_attribute_but_the_safe_ones() -> None:
    """Without options a cookie is for the whole site, out of reach of scripts and of other sites' posts."""
    assert b"a=b; Path=/; HttpOnly; SameSite=Lax" == bake_cookie("a", "b")
    assert b"a=b" == bake_cookie("a", "b", path=None, httponly=False, samesite=None)


def test_the_standard_library_reads_it() -> None:
    """Another reader finds the same cookie."""
    jar = SimpleCookie(bake_cookie("id", "x", max_age=5, samesite="strict").decode())

    assert ("x", "5", "Strict", True) == (
        jar["id"].value,
        jar["id"]["max-age"],
        jar["id"]["samesite"],
        jar["id"]["httponly"],
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a b"}, "'a b' can't name a cookie; use letters, digits, - and _"),
        ({"name": ""}, "'' can't name a cookie"),
        ({"name": 7}, "7 can't name a cookie"),
        ({"value": "secret;"}, "The value of the cookie 'id' is no str of printable ASCII"),
        ({"value": 7}, "The value of the cookie 'id' is no str of printable ASCII"),
        ({"max_age": "5; Domain=evil.test"}, "The max_age of the cookie 'id' is of type str; it is an int, in seconds"),
        ({"max_age": 1.5}, "The max_age of the cookie 'id' is of type float"),
        ({"expires": datetime(2026, 1, 1)}, "A date in a header needs a time zone"),  # noqa: DTZ001
        ({"path": "shop"}, "The path of the cookie 'id' has to begin with /"),
        ({"path": "/a;b"}, "The path of the cookie 'id' has to begin with /"),
        ({"domain": "a..b"}, "The domain of the cookie 'id' is none"),
        ({"domain": ""}, "The domain of the cookie 'id' is none"),
        (
            {"samesite": "Lax; Secure"},
            "The samesite of the cookie 'id' is unknown; use 'lax', 'strict', 'none' or None",
        ),
        ({"samesite": "none"}, "Browsers would drop the cookie 'id': samesite='none', partitioned and the prefixes"),
        ({"partitioned": True}, "Browsers would drop the cookie 'id': samesite='none', partitioned and the prefixes"),
        ({"name": "__Secure-id"}, "Browsers would drop the cookie '__Secure-id': samesite='none'"),
        ({"name": "__HOST-id"}, "Browsers would drop the cookie '__HOST-id': samesite='none'"),
        ({"name": "__Host-id", "secure": True, "path": "/a"}, "the prefix __Host- needs path='/' and no domain"),
        ({"name": "__Host-id", "secure": True, "path": None}, "the prefix __Host- needs path='/' and no domain"),
        ({"name": "__Host-id", "secure": True, "domain": "a.test"}, "the prefix __Host- needs path='/' and no domain"),
    ],
)
def test_a_refused_cookie_names_the_cure(options: dict[str, Any], message: str) -> None:
    """The error says what can't be set and what to write instead, and doesn't repeat the value."""
    with pytest.raises(HeaderError) as caught:
        bake_cookie(**{"name": "id", "value": "v", **options})

    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_host_cookie() -> None:
    """A cookie that keeps the rules of its prefix is set."""
    assert b"__Host-id=x; Path=/; Secure; HttpOnly; SameSite=Lax" == bake_cookie("__Host-id", "x", secure=True)


@pytest.mark.parametrize("unit", ["\\", '"', ";", "a=b;", "=", ' a="\\', '\\"', "\\0", "a"])
def test_reading_takes_linear_time(unit: str) -> None:
    """A hostile Cookie header takes time that grows with its length alone."""
    assert is_linear(lambda text: parse_cookies([text]), unit)
    assert is_linear(lambda text: parse_cookies([f'a="{text}"']), unit)
