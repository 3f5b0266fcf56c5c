"""Cookies: what a client sent, and one to be set (RFC 6265)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from heaven.errors import HeaderError
from heaven.http.headers import TCHAR, http_date

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

SameSite: TypeAlias = Literal["lax", "strict", "none"]

_NAME = re.compile(f"{TCHAR}++")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*+")
_PATH = re.compile(r"/[\x21-\x2b\x2d-\x3a\x3c-\x7e]*+")
_DOMAIN = re.compile(r"\.?[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+")
_ESCAPED = re.compile(r"\\(?:([0-3][0-7]{2})|(.))", re.DOTALL)
_BLANKS = " \t"


def parse_cookies(values: Iterable[str]) -> dict[str, str]:
    """Read Cookie headers (RFC 6265 5.4). It never raises, and its time grows with the length of the input alone.

    Of two cookies with one name the first counts: clients send the one of the closest path first. A cookie without a
    name is ignored, so that `=__Host-id=x` can't stand in for `__Host-id`. Around names and values only blank and tab
    are taken away: other white space belongs to the name, else a browser's rule for `__Host-` could be got round.

    Args:
        values: the values of the Cookie headers; HTTP/2 sends several.

    Example:
        >>> parse_cookies(['theme=dark; id="a b"', "theme=light"])
        {'theme': 'dark', 'id': 'a b'}
    """
    cookies: dict[str, str] = {}
    for header in values:
        for pair in header.split(";"):
            name, equals, value = pair.partition("=")
            name = name.strip(_BLANKS)
            if equals and name and name not in cookies:
                cookies[name] = _unquote(value.strip(_BLANKS))
    return cookies


def _unquote(value: str) -> str:
    """The text of a quoted value; others are as they are."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    text = value[1:-1]
    return _ESCAPED.sub(_character, text) if "\\" in text else text


def _character(escaped: re.Match[str]) -> str:
    octal, plain = escaped.groups()
    return plain if octal is None else chr(int(octal, 8))


def bake_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    expires: datetime | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = True,
    samesite: SameSite | None = "lax",
    partitioned: bool = False,
) -> bytes:
    """Write the value of a Set-Cookie header (RFC 6265 4.1).

    Args:
        name: a token; after `__Secure-` and `__Host-` the rules that browsers have for them are checked.
        value: printable ASCII without blank, quote, comma, semicolon and backslash; percent-encode anything else.
        max_age: seconds to keep it; 0 deletes it. Without it and `expires` it goes when the browser closes.
        expires: when it goes, with a time zone.
        path: the path it is sent for, and everything below it.
        domain: the domain it is sent to, with all below it; without one, this host alone.
        secure: sent over https alone.
        httponly: scripts can't read it.
        samesite: whether other sites' pages send it: "lax", "strict", "none", or None to leave it to the browser.
        partitioned: kept apart for every site that embeds this one.

    Raises:
        HeaderError: something in it would end the value or begin another attribute, or browsers would drop the cookie.

    Example:
        >>> bake_cookie("theme", "dark", max_age=3600)
        b'theme=dark; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax'
    """
    _check_text(name, value)
    _check_scope(name, path, domain, samesite)
    if not secure and (samesite == "none" or partitioned or name.lower().startswith(("__secure-", "__host-"))):
        reason = "samesite='none', partitioned and the prefixes __Secure- and __Host- need secure=True"
        raise HeaderError(f"Browsers would drop the cookie {name!r}: {reason}")
    parts = (
        f"{name}={value}",
        "" if max_age is None else f"Max-Age={_seconds(name, max_age)}",
        "" if expires is None else f"Expires={http_date(expires)}",
        "" if path is None else f"Path={path}",
        "" if domain is None else f"Domain={domain}",
        "Secure" if secure else "",
        "HttpOnly" if httponly else "",
        "" if samesite is None else f"SameSite={samesite.capitalize()}",
        "Partitioned" if partitioned else "",
    )
    return "; ".join(filter(None, parts)).encode("ascii")


def _check_text(name: str, value: str) -> None:
    if not _fits(_NAME, name):
        raise HeaderError(f"{name!r:.80} can't name a cookie; use letters, digits, - and _ (a token, RFC 9110 5.6.2)")
    if not _fits(_VALUE, value):
        rule = "printable ASCII without blank, quote, comma, semicolon and backslash"
        raise HeaderError(_unfit(name, "value", f"is no str of {rule}; encode it, as with urllib.parse.quote"))


def _fits(pattern: re.Pattern[str], text: str) -> bool:
    try:
        return pattern.fullmatch(text) is not None
    except TypeError:
        return False


def _unfit(name: str, what: str, why: str) -> str:
    return f"The {what} of the cookie {name!r} {why}"


def _seconds(name: str, max_age: int) -> str:
    try:
        return f"{max_age:d}"
    except (TypeError, ValueError):
        kind = type(max_age).__name__
        raise HeaderError(_unfit(name, "max_age", f"is of type {kind}; it is an int, in seconds")) from None


def _check_scope(name: str, path: str | None, domain: str | None, samesite: str | None) -> None:
    """Refuse attributes that would be read as something else, or make every browser drop the cookie without a word."""
    if path is not None and not _fits(_PATH, path):
        raise HeaderError(_unfit(name, "path", "has to begin with / and be percent-encoded, without ; and ,"))
    if domain is not None and not _fits(_DOMAIN, domain):
        raise HeaderError(_unfit(name, "domain", "is none; write it like 'shop.test', other scripts in punycode"))
    if samesite not in {None, "lax", "strict", "none"}:
        raise HeaderError(_unfit(name, "samesite", "is unknown; use 'lax', 'strict', 'none' or None"))
    if name.lower().startswith("__host-") and (path != "/" or domain is not None):
        raise HeaderError(f"Browsers would drop the cookie {name!r}: the prefix __Host- needs path='/' and no domain")
