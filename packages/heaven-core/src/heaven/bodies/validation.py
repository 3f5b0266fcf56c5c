"""JSON in and out: typed bodies with every fault told, plain bodies, and what goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from heaven.bodies.faults import MOST_FAULTS, REFUSALS, FaultFinder
from heaven.errors import BadRequest, RegistrationError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

_BOM = b"\xef\xbb\xbf"
_decode_plain = msgspec.json.Decoder().decode


class TypedBody:
    """A body's type, prepared once; lives as long as the route that expects it.

    A body that fits costs msgspec's decoding and nothing else. One that doesn't is gone through again, to tell
    everything that is wrong with it. A ValueError raised by a type's own `__post_init__` is a fault too, told in its
    own words: they reach the client.

    Args:
        annotation: what msgspec decodes: a Struct, dataclass, TypedDict, NamedTuple, list, dict, union, Annotated with
            `msgspec.Meta` and whatever they hold.

    Raises:
        RegistrationError: the type, or one within it, can't be decoded from JSON.

    Example:
        >>> class Item(msgspec.Struct):
        ...     name: str
        ...     quantity: int = 1
        >>> body = TypedBody(list[Item])
        >>> body.decode(b'[{"name": "tea"}]')
        [Item(name='tea', quantity=1)]
        >>> try:
        ...     body.decode(b'[{"name": 7, "quantity": "2"}]')
        ... except ValidationError as error:
        ...     for fault in error.errors:
        ...         print(fault)
        {'loc': [0, 'name'], 'msg': 'Expected `str`, got `int`'}
        {'loc': [0, 'quantity'], 'msg': 'Expected `int`, got `str`'}
    """

    __slots__ = ("_decode", "_faults", "annotation")

    def __init__(self, annotation: Any) -> None:
        self.annotation: Any = annotation
        try:
            self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(annotation).decode
            self._faults = FaultFinder(annotation)
        except (TypeError, ValueError, NameError, AttributeError) as error:
            raise RegistrationError(f"{annotation!r} can't be the type of a body: {error}") from error
        culprit = self._faults.undecodable()
        if culprit is not None:
            raise RegistrationError(
                f"{annotation!r} can't be the type of a body: JSON has no words for {culprit!r}; "
                "use a msgspec.Struct, a dataclass, a TypedDict or plain types"
            )

    def decode(self, raw: bytes) -> Any:
        """Decode a body.

        Raises:
            BadRequest: it is no JSON, is nested too deeply, or has a number out of range.
            ValidationError: it is JSON of another shape; `errors` has every fault with its `loc` and `msg`.
        """
        try:
            return self._decode(raw)
        except REFUSALS as error:
            self._refuse(raw, error)

    def _refuse(self, raw: bytes, error: Exception) -> NoReturn:
        value = decode_json(raw)
        if isinstance(error, RecursionError):
            raise _bad_request(raw, error) from None
        faults = self._faults.find(value, error)
        detail = f"These are the first {MOST_FAULTS} faults; there may be more." if len(faults) >= MOST_FAULTS else None
        raise ValidationError(faults, detail) from None

    def __repr__(self) -> str:
        """The type it was made for."""
        return f"TypedBody({self.annotation!r})"


def _unwritable(value: Any) -> NoReturn:
    kind: type[Any] = value.__class__
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} can't be written as JSON; "
        "make it a dict, list, str, number, msgspec.Struct or dataclass first"
    )


encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_unwritable).encode
"""Write a value as JSON: what msgspec knows, else a TypeError that names the type. One C call, no frame around it."""


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
        raise _bad_request(raw, error) from None


def _bad_request(raw: bytes, error: Exception) -> BadRequest:
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
