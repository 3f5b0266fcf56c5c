"""Header fields of several sources on one response: which of them stands."""

from __future__ import annotations

from collections.abc import Sequence

from heaven import Response
from heaven.types import RawHeaders

__all__ = ["overlay", "underlay", "without"]


def overlay(res: Response, fields: Sequence[tuple[bytes, bytes]]) -> None:
    """Set header fields, in place of those that are there already.

    A cookie takes the place of the one that a client could not tell from it (RFC 6265 5.3): of the same name, domain
    and path.

    Args:
        res: the response.
        fields: as they go out, names in lower case; those of one name all stand.

    Example:
        >>> res = Response()
        >>> overlay(res, [(b"x-shop", b"north"), (b"set-cookie", b"theme=dark; Path=/")])
        >>> overlay(res, [(b"x-shop", b"south"), (b"set-cookie", b"seen=1; Path=/")])
        >>> res.headers.raw
        [(b'set-cookie', b'theme=dark; Path=/'), (b'x-shop', b'south'), (b'set-cookie', b'seen=1; Path=/')]
    """
    raw = res.headers.raw
    if raw:
        raw[:] = without(raw, fields)
    raw += fields


def underlay(res: Response, fields: Sequence[tuple[bytes, bytes]]) -> None:
    """Set header fields where they are not there already.

    Args:
        res: the response.
        fields: as they go out, names in lower case; those of one name all stand.

    Example:
        >>> res = Response().header("x-shop", "north")
        >>> underlay(res, [(b"x-shop", b"south"), (b"x-page", b"2")])
        >>> res.headers.raw
        [(b'x-shop', b'north'), (b'x-page', b'2')]
    """
    raw = res.headers.raw
    raw += without(fields, raw)


def without(fields: Sequence[tuple[bytes, bytes]], taken: Sequence[tuple[bytes, bytes]]) -> RawHeaders:
    """The fields that do not say what one of the taken says already.

    Args:
        fields: as they go out, names in lower case.
        taken: the others, likewise.
    """
    identities = {_identity(pair) for pair in taken}
    return [pair for pair in fields if _identity(pair) not in identities]


def _identity(pair: tuple[bytes, bytes]) -> tuple[bytes, ...]:
    name, value = pair
    if name != b"set-cookie":
        return (name,)
    cookie, *attributes = value.split(b"; ")
    # One that says no path is for that of the request, which the one with Path=/ is sent to as well.
    scope = {each for each in attributes if each.startswith((b"Domain=", b"Path="))} - {b"Path=/"}
    return (name, cookie.partition(b"=")[0], *sorted(scope))
