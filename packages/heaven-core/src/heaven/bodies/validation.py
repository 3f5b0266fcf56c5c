"""Typed bodies: JSON that is held to a type, with every fault told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from heaven.bodies.faults import MOST_FAULTS, FaultFinder
from heaven.bodies.json import REFUSALS, bad_request, decode_json
from heaven.errors import RegistrationError, ValidationError


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
            raise bad_request(raw, error) from None
        faults = self._faults.find(value, error)
        detail = f"These are the first {MOST_FAULTS} faults; there may be more." if len(faults) >= MOST_FAULTS else None
        raise ValidationError(faults, detail) from None

    def __repr__(self) -> str:
        """The type it was made for."""
        return f"TypedBody({self.annotation!r})"
