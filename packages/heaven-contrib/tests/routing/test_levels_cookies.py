from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven.http.cookies import parse_cookies
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.responding.cookies import Cookie, checked_cookies

PLACE = "Router at shop.py:3"


def test_a_cookie_is_hidden_from_scripts_and_other_sites_unless_said_otherwise():
    """The defaults are those of `res.cookie`."""
    assert b"theme=dark; Path=/; HttpOnly; SameSite=Lax" == Cookie("theme", "dark").baked


def test_everything_that_can_be_said_is_sent():
    """Each attribute stands in the Set-Cookie header; the description is for the documentation."""
    cookie = Cookie(
        key="csrf",
        value="CIwNZNlR4",
        max_age=3000,
        expires=datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC),
        path="/shop",
        domain="shop.test",
        secure=True,
        httponly=False,
        samesite="none",
        description="Against forged requests.",
    )
    assert (
        b"csrf=CIwNZNlR4; Max-Age=3000; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Path=/shop; Domain=shop.test; "
        b"Secure; SameSite=None"
    ) == cookie.baked
    assert "Against forged requests." == cookie.description


def test_cookies_are_values():
    """Two that say the same are equal, and none can be changed."""
    assert Cookie("theme", "dark") == Cookie(key="theme", value="dark")
    with pytest.raises(AttributeError):
        Cookie("theme", "dark").value = "light"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"key": "the me"}, "'the me' can't name a cookie"),
        ({"key": "theme", "value": "dark; Secure"}, "The value of the cookie 'theme' is no str of printable ASCII"),
        ({"key": "theme", "value": 7}, "The value of the cookie 'theme' is no str of printable ASCII"),
        ({"key": "theme", "max_age": "soon"}, "The max_age of the cookie 'theme' is of type str"),
        ({"key": "theme", "samesite": "none"}, "Browsers would drop the cookie 'theme'"),
        ({"key": "__Host-id", "secure": True, "path": "/shop"}, "Browsers would drop the cookie '__Host-id'"),
        ({"key": "theme", "domain": "https://shop.test"}, "The domain of the cookie 'theme' is none"),
        ({"key": "theme", "expires": datetime(2030, 1, 1)}, "A date in a header needs a time zone"),  # noqa: DTZ001
    ],
    ids=["name", "value", "number", "max_age", "samesite", "__Host-", "domain", "time zone"],
)
def test_what_browsers_would_not_keep_is_refused_with_its_line(given, complaint):
    """A cookie that can't work is refused where it was written, by its name."""
    line = inspect.currentframe().f_lineno + 2
    with pytest.raises(ImproperlyConfigured) as refusal:
        Cookie(**given)
    assert str(refusal.value).startswith(f"Cookie at {__file__}:{line}: {complaint}")


def test_seconds_are_no_moment():
    """Elsewhere `expires` may be seconds from now, which a declaration would have counted from the start of the server."""
    line = inspect.currentframe().f_lineno + 2
    with pytest.raises(ImproperlyConfigured) as refusal:
        Cookie("theme", expires=3600)
    expected = (
        f"Cookie 'theme' at {__file__}:{line} got expires=3600; give a datetime with a time zone, or max_age in seconds"
    )
    assert expected == str(refusal.value)


ASCII = st.text(st.characters(max_codepoint=0x7F))


@given(key=ASCII, value=ASCII | st.text())
def test_a_cookie_is_refused_or_arrives_as_it_is(key, value):
    """No name or value makes a header that says anything else."""
    try:
        cookie = Cookie(key, value)
    except ImproperlyConfigured:
        return
    assert {key: value} == parse_cookies([cookie.baked.decode("ascii").partition(";")[0]])


def test_cookies_stay_in_their_order():
    """A list or tuple of cookies is taken as it is; of one name there may be several, for other paths and domains."""
    cookies = [Cookie("a", "1"), Cookie("a", "2", path="/shop"), Cookie("a", "3", domain="shop.test"), Cookie("b", "4")]
    assert tuple(cookies) == checked_cookies(cookies, PLACE)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (Cookie("a", "1"), "got response_cookies=Cookie("),
        ({"a": "1"}, "got response_cookies={'a': '1'}; give a list, as in [Cookie('theme', 'dark')]"),
        (["a=1"], "got the response cookie 'a=1'; give a heaven_contrib.routing.Cookie(key, value)"),
        ([Cookie], "got the response cookie heaven_contrib.routing.responding.cookies.Cookie; give a"),
        ([Cookie("a", "1"), Cookie("a", "2")], "sets the response cookie 'a' twice; leave one out"),
    ],
    ids=["one", "mapping", "str", "class", "twice"],
)
def test_what_is_no_cookie_is_refused(value, complaint):
    """The message names what was passed, where, and what would be accepted."""
    with pytest.raises(ImproperlyConfigured) as refusal:
        checked_cookies(value, PLACE)
    assert str(refusal.value).startswith(f"{PLACE} {complaint}")
