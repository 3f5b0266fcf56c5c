"""The whole body as one value: JSON held to a type, whatever came, text, bytes; forms stand in `forms.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, get_args, get_origin

import msgspec

from heaven import Request
from heaven.bodies.json import REFUSALS
from heaven.bodies.validation import TypedBody
from heaven.errors import HTTPError, UnsupportedMediaType, ValidationError
from heaven.http.media import parse_media_type
from heaven_contrib.routing.binding.annotations import bare, members, written
from heaven_contrib.routing.binding.texts import fault

BodyReader: TypeAlias = Callable[[Request], Any]
"""Gives the value of a body; raises ValidationError, BadRequest or UnsupportedMediaType."""

MISSING_BODY: Final[Mapping[str, Any]] = {"loc": ["body"], "msg": "Missing required body", "type": "missing"}


def body_reader(annotation: Any, media_type: str | None) -> BodyReader:
    """What reads a body as a value of a type.

    Args:
        annotation: `str` and `bytes` take the body as it is, `dict`, `Mapping` and `Any` by its Content-Type; others
            are JSON.
        media_type: what the Content-Type has to be, or None for what the type says.

    Raises:
        TypeError: the type can't be read in that media type.
        RegistrationError: JSON can't be decoded into the type.

    Example:
        >>> body_reader(list[int], "text/csv")
        Traceback (most recent call last):
        TypeError: a body of text/csv can be read as bytes or str, and not as list[int]
    """
    kinds = [each for each in members(annotation) if each not in (None, type(None))]
    kind = bare(kinds[0]) if len(kinds) == 1 else None
    if kind in (str, bytes):
        return _as_it_is(kind, annotation, media_type)
    require_json_type(annotation, media_type)
    if media_type is None and annotation in (Any, object):
        return lambda req: req.data
    if media_type is None and _is_any_mapping(kind):
        return _fields
    return _JSON(annotation)


def require_json_type(annotation: Any, media_type: str | None) -> None:
    """Refuse a media type that is no JSON.

    Raises:
        TypeError: it isn't.
    """
    if media_type is not None and media_type != "application/json" and not media_type.endswith("+json"):
        raise TypeError(f"a body of {media_type} can be read as bytes or str, and not as {written(annotation)}")


def _is_any_mapping(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return origin in (dict, Mapping) and get_args(kind) in ((), (str, Any))


def _as_it_is(kind: Any, annotation: Any, media_type: str | None) -> BodyReader:
    def read(req: Request) -> Any:
        if media_type is not None and parse_media_type(req.headers.get("content-type", ""))[0] != media_type:
            raise UnsupportedMediaType(f"Send Content-Type: {media_type}.", headers={"accept": media_type})
        return held_to(annotation, req.text if kind is str else req.body)

    return read


def held_to(annotation: Any, value: Any, *, strict: bool = True) -> Any:
    """A value that came as a whole, converted.

    Raises:
        ValidationError: 422, with what msgspec said.
    """
    try:
        return msgspec.convert(value, annotation, strict=strict)
    except REFUSALS as error:
        raise ValidationError([fault(["body"], str(error))]) from None


def _fields(req: Request) -> Any:
    """A JSON object, or the fields of a form."""
    if not req.body:
        raise ValidationError([MISSING_BODY])
    value = req.data
    if isinstance(value, str | bytes) and "json" not in req.headers.get("content-type", ""):
        raise UnsupportedMediaType("Send JSON or a form, with its Content-Type.")
    return held_to(dict[str, Any], value)


class _JSON:
    """A body of JSON, decoded by msgspec."""

    __slots__ = ("_body", "_decode")

    def __init__(self, annotation: Any) -> None:
        self._body = TypedBody(annotation)
        self._decode = msgspec.json.Decoder(annotation).decode

    def __call__(self, req: Request) -> Any:
        # PERF: TypedBody.decode, written out: its frame would be a fourth of what a small Struct takes.
        try:
            req.require_json()
            return self._decode(req.body)
        except (HTTPError, *REFUSALS):
            return self._refused(req)

    def _refused(self, req: Request) -> Any:
        if not req.body:
            raise ValidationError([MISSING_BODY]) from None
        _ = req.json  # what is no JSON, malformed or compressed is refused as that
        try:
            return self._body.decode(req.body)
        except ValidationError as error:
            faults = [fault(["body", *each["loc"]], each["msg"]) for each in error.errors]
            raise ValidationError(faults, error.detail) from None
