"""Media types: what a Content-Type says, and which of several types a client would rather have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from heaven.http.headers import TCHAR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Possessive quantifiers everywhere: what was read is never read again, so time grows with the length alone.
_TYPE = re.compile(rf"[ \t]*+({TCHAR}++/{TCHAR}++)[ \t]*+")
_PARAMETER = re.compile(rf'(?:;[ \t]*+)++(?:({TCHAR}++)=(?:({TCHAR}++)|"((?:[^"\\]|\\.)*+)"))?+[ \t]*+', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MOST_RANGES = _MOST_PARAMETERS = 100
_QUALITY = re.compile(r"[01](?:\.[0-9]{0,20})?+")


class _Found(NamedTuple):
    """A media type with its parameters, and the place in the text where reading ended."""

    media_type: str
    parameters: dict[str, str]
    end: int


def _read(text: str, start: int) -> _Found:
    """Read one media type, with 100 parameters at most; where nothing of the kind stands the type is empty."""
    found = _TYPE.match(text, start)
    if found is None:
        return _Found("", {}, start)
    parameters: dict[str, str] = {}
    end = found.end()
    for _ in range(_MOST_PARAMETERS):
        parameter = _PARAMETER.match(text, end)
        if parameter is None:
            break
        name, token, quoted = parameter.groups()
        if name is not None:
            # Of two with one name the first counts, so nothing appended can change a boundary or charset.
            parameters.setdefault(name.lower(), token if token is not None else _ESCAPED.sub(r"\1", quoted))
        end = parameter.end()
    return _Found(found[1].lower(), parameters, end)


def parse_media_type(value: str) -> tuple[str, dict[str, str]]:
    """Read the value of a Content-Type (RFC 9110 8.3.1).

    Args:
        value: the header's value; anything may stand in it, and the time taken grows with its length alone.

    Returns:
        The type in lower case, empty when there is none or something else follows it, and its parameters: their names
        in lower case, the first of several with one name.

    Example:
        >>> parse_media_type('Multipart/Form-Data; boundary="a b"; CHARSET=utf-8')
        ('multipart/form-data', {'boundary': 'a b', 'charset': 'utf-8'})
        >>> parse_media_type("text/plain, application/json")
        ('', {})
    """
    found = _read(value, 0)
    if found.end != len(value):
        return "", {}
    return found.media_type, found.parameters


def _ranges(accept: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The first 100 media ranges of an Accept with their quality; what can't be read, or is empty, is left out."""
    start = 0
    for _ in range(_MOST_RANGES):
        if start >= len(accept):
            return
        media_type, parameters, end = _read(accept, start)
        comma = accept.find(",", end)
        start = len(accept) if comma < 0 else comma + 1
        quality = parameters.pop("q", "1")
        readable = _QUALITY.fullmatch(quality)
        if media_type and readable and (comma == end or end == len(accept)):
            yield media_type, parameters, min(float(quality), 1.0)


def accepts(accept_header: str, media_types: Sequence[str]) -> str | None:
    """Choose what to answer with from the Accept header (RFC 9110 12.5.1).

    For each type the most specific range of the client counts; among equals the server's order decides.

    Args:
        accept_header: the header's value; an empty one accepts everything, and of a long one 100 ranges count.
        media_types: what can be sent, the most liked first.

    Returns:
        One of `media_types`, or None when the client wants none of them.

    Example:
        >>> accepts("text/html, application/json;q=0.9", ["application/json", "text/html"])
        'text/html'
        >>> accepts("*/*", ["application/json", "text/html"])
        'application/json'
        >>> accepts("image/png", ["application/json"]) is None
        True
    """
    exact: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    loose: dict[str, float] = {}
    for media_type, parameters, quality in _ranges(accept_header):
        exact.setdefault((media_type, frozenset(parameters.items())), quality)
        loose[media_type] = max(quality, loose.get(media_type, 0.0))
    if not accept_header.strip(" \t"):
        loose["*/*"] = 1.0
    best, best_quality = None, 0.0
    for offer in media_types:
        media_type, parameters = parse_media_type(offer)
        qualities = (
            exact.get((media_type, frozenset(parameters.items()))),
            exact.get((media_type, frozenset())),
            # `application/json;odata=verbose` asks for JSON: parameters a server doesn't know are no reason to refuse.
            loose.get(media_type),
            loose.get(media_type.partition("/")[0] + "/*"),
            loose.get("*/*"),
        )
        quality = next((known for known in qualities if known is not None), 0.0)
        if quality > best_quality:
            best, best_quality = offer, quality
    return best
