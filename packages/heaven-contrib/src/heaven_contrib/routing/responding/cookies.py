"""A cookie of the response that a level declares."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Any

from heaven.errors import HeaderError
from heaven.http.cookies import SameSite, bake_cookie
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import declared_at, shown
from heaven_contrib.routing.shapes import listed


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that is set by the response (RFC 6265 4.1); it is sent, and stands in the documentation.

    For a cookie that comes with the request use `heaven_contrib.routing.params.Cookie`.

    Args:
        key: its name, a token.
        value: printable ASCII without blank, quote, comma, semicolon and backslash; percent-encode anything else.
        max_age: seconds to keep it; 0 deletes it. Without it and `expires` it goes when the browser closes.
        expires: when it goes, with a time zone.
        path: the path it is sent for, and everything below it.
        domain: the domain it is sent to, with all below it; without one, this host alone.
        secure: sent over https alone.
        httponly: scripts can't read it.
        samesite: whether other sites' pages send it: "lax", "strict", "none", or None to leave it to the browser.
        description: what it is for.

    `baked` is the value of the Set-Cookie header.

    Raises:
        ImproperlyConfigured: something in it would begin another attribute, or browsers would drop the cookie.

    Example:
        >>> Cookie("theme", "dark", max_age=3600).baked
        b'theme=dark; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax'
        >>> Cookie("theme", "dark blue")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Cookie at <doctest ...>:1: The value of the cookie \
'theme' is no str of printable ASCII without blank, quote, comma, semicolon and backslash; encode it, as with \
urllib.parse.quote
    """

    key: str
    value: str = ""
    _: KW_ONLY
    max_age: int | None = None
    expires: datetime | None = None
    path: str | None = "/"
    domain: str | None = None
    secure: bool = False
    httponly: bool = True
    samesite: SameSite | None = "lax"
    description: str | None = None
    baked: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.expires, datetime | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ImproperlyConfigured(
                f"Cookie {self.key!r} at {declared_at()} got expires={shown(self.expires)}; "
                "give a datetime with a time zone, or max_age in seconds"
            )
        try:
            baked = bake_cookie(
                self.key,
                self.value,
                max_age=self.max_age,
                expires=self.expires,
                path=self.path,
                domain=self.domain,
                secure=self.secure,
                httponly=self.httponly,
                samesite=self.samesite,
            )
        except HeaderError as error:
            raise ImproperlyConfigured(f"Cookie at {declared_at()}: {error}") from None
        object.__setattr__(self, "baked", baked)  # the way to set what is frozen


def checked_cookies(value: Any, place: str) -> tuple[Cookie, ...]:
    """The response cookies of a level.

    Args:
        value: what was passed as `response_cookies`.
        place: which declaration got it, and where.

    Raises:
        ImproperlyConfigured: it is no list, one of them is no Cookie, or two are the same one.

    Example:
        >>> checked_cookies([Cookie("theme", "dark")], "Router at shop.py:3")[0].key
        'theme'
    """
    seen: set[tuple[str, str | None, str | None]] = set()
    for each in listed(value, "response_cookies", place, "[Cookie('theme', 'dark')]"):
        if not isinstance(each, Cookie):
            raise ImproperlyConfigured(
                f"{place} got the response cookie {shown(each)}; give a heaven_contrib.routing.Cookie(key, value)"
            )
        # A browser keeps cookies apart by these three (RFC 6265 5.3).
        identity = (each.key, each.domain, each.path)
        if identity in seen:
            raise ImproperlyConfigured(f"{place} sets the response cookie {each.key!r} twice; leave one out")
        seen.add(identity)
    return tuple(value)


__all__ = ["Cookie", "checked_cookies"]
