"""A value as the body of a response: JSON, or what its media type says."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Encoder

from heaven import Response
from heaven.bodies.json import encode_json
from heaven.http.headers import field_value
from heaven.messages.response import deliverable
from heaven_contrib.routing.overlay import overlay

__all__ = ["json_body", "knows_models", "put_body"]

_BYTES: tuple[type, ...] = (bytes, bytearray, memoryview)
_LABELLED = (dict, list, Raw, Struct)


def put_body(value: Any, res: Response, media_type: str | None) -> None:
    """Have a value for the body.

    Args:
        value: anything that a handler may return, but no response. None is empty, bytes go out as they are, an async
            iterator piece by piece.
        res: the response that gets it.
        media_type: JSON is written for `application/json`, types that end with `+json`, and None; for any other, str is
            sent as it is, and numbers as text.

    Raises:
        TypeError: it can't be written under this media type.
        HeaderError: the media type can't stand in a header (RFC 9110 5.5).

    Example:
        >>> res = Response()
        >>> put_body("<h1>Hello</h1>", res, "text/html")
        >>> res.body, res.headers["content-type"]
        ('<h1>Hello</h1>', 'text/html; charset=utf-8')
    """
    if media_type is None:
        res.body = json_body(value)
        return
    is_json, content_type = _read(media_type)
    res.body = body = json_body(value) if is_json else _text_body(value, media_type)
    # PERF: the core says so by itself, and a response without header fields is sent in half the time.
    labelled = content_type == b"application/json" and isinstance(body, _LABELLED)
    if body is not None and not labelled:
        overlay(res, ((b"content-type", content_type),))


def json_body(value: Any) -> Any:
    """What the core sends as JSON for this value, or as it is where it is bytes or comes piece by piece.

    Args:
        value: what a handler returned.

    Raises:
        TypeError: it can't be written as JSON; the message names its type.

    Example:
        >>> json_body(b"7"), bytes(json_body("seven"))
        (b'7', b'"seven"')
    """
    if isinstance(value, str):
        return Raw(encode_json(str.__str__(value)))  # msgspec writes no subclass of str by itself
    if value is None or isinstance(value, _BYTES) or not knows_models():
        return value
    body = deliverable(value)
    return Raw(_encode(value)) if body is None else body


def knows_models() -> bool:
    """Whether there can be pydantic models in a value: only where something imported pydantic."""
    return "pydantic" in sys.modules


def _text_body(value: Any, media_type: str) -> Any:
    if value is None or isinstance(value, (str, *_BYTES)):
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


@lru_cache(maxsize=256)
def _read(media_type: str) -> tuple[bool, bytes]:
    """Whether a media type is one of JSON (RFC 6839 3.1), and the Content-Type; text is UTF-8 unless it says so."""
    essence = media_type.partition(";")[0].strip().lower()
    is_json = essence == "application/json" or essence.endswith("+json")
    charset = "; charset=utf-8" if essence.startswith("text/") and "charset=" not in media_type.lower() else ""
    return is_json, field_value(media_type + charset, "content-type")


def _model(value: Any) -> Any:
    """A pydantic model as the JSON that it writes of itself, under the names that its schema has."""
    kind: type[Any] = value.__class__
    write = getattr(kind, "model_dump_json", None)
    return encode_json(value) if write is None else Raw(write(value, by_alias=True).encode())


_encode = Encoder(enc_hook=_model).encode
