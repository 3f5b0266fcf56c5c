"""Conditional requests: whether a client's copy is still good (RFC 9110 13)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal

from heaven.http.headers import http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG = re.compile(r'(W/)?("[^"]*")')
_LONGEST_DATE = 64
_MOST_TAGS = 1000
_LAST_SECOND = 253_402_300_799  # of the year 9999


def evaluate(headers: Mapping[str, str], etag: str, modified: int) -> Literal[200, 304, 412]:
    """What the preconditions of a GET or HEAD come to.

    Args:
        headers: those of the request.
        etag: the entity tag of what would be sent, with its quotes.
        modified: when that was last modified, in whole seconds since 1970.

    Returns:
        304 when the client's copy is still good, 412 when what it asks for is no longer there, else 200.

    Source: RFC 9110 13.2.2.

    Example:
        >>> evaluate({"if-none-match": '"a", "b"'}, '"b"', 0)
        304
        >>> evaluate({"if-match": '"a"'}, '"b"', 0)
        412
    """
    match, since = headers.get("if-match"), headers.get("if-unmodified-since")
    if match is not None:
        if not _matches(match, etag, weak=False):
            return 412
    elif since is not None and (moment := _moment(since)) is not None and modified > moment:
        return 412
    none_match, since = headers.get("if-none-match"), headers.get("if-modified-since")
    if none_match is not None:
        return 304 if _matches(none_match, etag, weak=True) else 200
    if since is not None and (moment := _moment(since)) is not None and modified <= moment:
        return 304
    return 200


def range_applies(headers: Mapping[str, str], etag: str, last_modified: str) -> bool:
    """Whether If-Range lets a Range count: it is absent, or names exactly what would be sent (RFC 9110 13.1.5).

    Example:
        >>> range_applies({"if-range": '"a"'}, '"a"', "Sun, 06 Nov 1994 08:49:37 GMT")
        True
        >>> range_applies({"if-range": 'W/"a"'}, '"a"', "Sun, 06 Nov 1994 08:49:37 GMT")
        False
    """
    condition = headers.get("if-range")
    if condition is None:
        return True
    return condition.strip() == last_modified or (condition.strip() == etag and not etag.startswith("W/"))


def _matches(condition: str, etag: str, *, weak: bool) -> bool:
    if condition.strip() == "*":
        return True
    if not weak and etag.startswith("W/"):
        return False
    opaque = etag.removeprefix("W/")
    tags = (found.groups() for found in islice(_TAG.finditer(condition), _MOST_TAGS))
    return any(tag == opaque and (weak or not prefix) for prefix, tag in tags)


def _moment(date: str) -> float | None:
    """Seconds since 1970; None for what is no date, and such a header is ignored."""
    try:
        moment = parsedate_to_datetime(date[:_LONGEST_DATE])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def http_time(seconds: float) -> str:
    """A file's time as headers have it, in whole seconds.

    Example:
        >>> http_time(784111777.9)
        'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    return http_date(datetime.fromtimestamp(min(max(int(seconds), 0), _LAST_SECOND), UTC))
