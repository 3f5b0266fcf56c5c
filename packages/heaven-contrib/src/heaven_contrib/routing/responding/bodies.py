"""A value as the body of a response: JSON, or what its media type says."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeAlias

from msgspec import Raw, Struct

from heaven import Response
from heaven.bodies.json import encode_json
from heaven.http.headers import field_value
from heaven.messages.response import deliverable
from heaven_contrib.routing.responding.overlay import overlay

__all__ = ["Write", "writer"]

_BYTES: tuple[type, ...] = (bytes, bytearray, memoryview)
_TEXTS: tuple[type, ...] = (str, *_BYTES)
_LABELLED: tuple[type, ...] = (dict, list, Raw, Struct)

Write: TypeAlias = Callable[[Any, Response], None]
"""Has a value for the body of a response, with its Content-Type."""


@lru_cache(maxsize=256)
def writer(media_type: str | None) -> Write:
    """What writes values under one media type.

    It takes anything that a handler may return but responses, and raises TypeError for what can't be written. None is
    empty, bytes go out as they are, an async iterator piece by piece.

    Args:
        media_type: JSON is written for `application/json`, types that end with `+json` (RFC 6839 3.1), and None; for
            any other, str is sent as it is, in UTF-8, and numbers as text.

    Raises:
        HeaderError: the media type can't stand in a header (RFC 9110 5.5).

    Example:
        >>> res = Response()
        >>> writer("text/html")("<h1>Hello</h1>", res)
        >>> res.body, res.headers["content-type"]
        ('<h1>Hello</h1>', 'text/html; charset=utf-8')
    """
    if media_type is None:
        return _write_json
    essence = media_type.partition(";")[0].strip().lower()
    is_json = essence == "application/json" or essence.endswith("+json")
    charset = "; charset=utf-8" if essence.startswith("text/") and "charset=" not in media_type.lower() else ""
    fields = ((b"content-type", field_value(media_type + charset, "content-type")),)
    body_of = _json_body if is_json else partial(_text_body, media_type)
    # PERF: the core says so by itself, and a response without header fields is sent in half the time.
    labelled = _LABELLED if media_type == "application/json" else ()

    def write(value: Any, res: Response) -> None:
        res.body = body = body_of(value)
        if body is not None and not isinstance(body, labelled):
            overlay(res, fields)

    return write


def _write_json(value: Any, res: Response) -> None:
    res.body = _json_body(value)


def _json_body(value: Any) -> Any:
    """What the core sends as JSON for this value, or as it is where it is bytes or comes piece by piece."""
    return Raw(encode_json(value)) if isinstance(value, str) else value


def _text_body(media_type: str, value: Any) -> Any:
    if value is None or isinstance(value, _TEXTS):
        return value
    if isinstance(value, int | float):
        return encode_json(value)
    body = deliverable(value)
    if body is None:
        raise TypeError(
            f"{value.__class__.__qualname__} can't be written as {media_type}; "
            "return str or bytes, or declare a media type of JSON"
        )
    return body
