"""JSON without a type: what comes in, and what goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from heaven.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSALS: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises; msgspec's own errors are ValueErrors since its version 0.22 alone, bad UTF-8 is one always."""

_BOM = b"\xef\xbb\xbf"
_decode_plain = msgspec.json.Decoder().decode


def _written(value: Any) -> Any:
    kind: type[Any] = value.__class__
    # Models of pydantic write themselves, under the names that their schema has; the core needs no pydantic for it.
    model = getattr(kind, "model_dump_json", None)
    if model is not None:
        return msgspec.Raw(model(value, by_alias=True).encode())
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} can't be written as JSON; "
        "make it a dict, list, str, number, msgspec.Struct or dataclass first"
    )


encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_written).encode
"""Write a value as JSON: what msgspec and pydantic know, else a TypeError that names the type. One C call, no frame."""


def decode_json(raw: bytes) -> Any:
    """Decode a JSON body without a type.

    Args:
        raw: UTF-8 without a byte order mark (RFC 8259 8.1).

    Raises:
        BadRequest: it is no JSON, is nested too deeply, or has a number out of range. The message says what is wrong
            and at which byte, and quotes nothing of it.

    Example:
        >>> decode_json(b'{"quantity": 2}')
        {'quantity': 2}
        >>> decode_json(b'{"quantity": NaN}')
        Traceback (most recent call last):
        heaven.errors.BadRequest: 400 Bad Request: JSON is malformed: invalid character (byte 13)
    """
    try:
        return _decode_plain(raw)
    except REFUSALS as error:
        raise bad_request(raw, error) from None


def bad_request(raw: bytes, error: Exception) -> BadRequest:
    """The answer to a body that is no JSON; says what is wrong and where, never what stands there."""
    if isinstance(error, RecursionError):
        return BadRequest("JSON is nested too deeply")
    if not raw:
        return BadRequest("The body is empty; JSON was expected")
    if raw.startswith(_BOM):
        return BadRequest("JSON is malformed: it begins with a byte order mark, which RFC 8259 forbids")
    try:
        raw.decode()
    except UnicodeDecodeError as invalid:
        return BadRequest(f"JSON is malformed: invalid UTF-8 (byte {invalid.start})")
    if isinstance(error, msgspec.ValidationError):
        return BadRequest("JSON has a number that is out of range")
    text = str(error)
    if text.startswith("JSON is malformed: "):
        return BadRequest(text)
    return BadRequest(f"JSON is malformed: it ends too early (byte {len(raw)})")
