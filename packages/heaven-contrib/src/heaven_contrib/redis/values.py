"""What is stored in Redis: JSON by msgspec, read back as the type that is asked for; never pickle."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from heaven_contrib.redis.errors import DecodeError

T = TypeVar("T")

_ENCODER: Final = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """A value as it is stored.

    Args:
        value: what JSON has, and Structs, dataclasses, dates, UUIDs, enumerations.

    Returns:
        JSON (RFC 8259), in UTF-8.

    Raises:
        TypeError: JSON has no such value.

    Example:
        >>> encode({"mug": 3})
        b'{"mug":3}'
    """
    return _ENCODER.encode(value)


def decode(data: bytes, type: type[T] | Any, key: str) -> T:  # noqa: A002 - as msgspec calls it
    """A stored value, held to a type.

    Args:
        data: what was stored.
        type: what it has to be: a Struct, a dataclass, `list[int]`; `Any` takes what is there.
        key: where it was stored, for the message.

    Raises:
        DecodeError: it is something else; the message names the key, and not the value.

    Example:
        >>> decode(b'{"mug":3}', dict[str, int], "stock")
        {'mug': 3}
        >>> decode(b'"none"', int, "stock")
        Traceback (most recent call last):
        heaven_contrib.redis.errors.DecodeError: what is stored under 'stock' is not what was asked for: Expected `int`, got `str`
    """  # noqa: E501 - the message is one line
    try:
        return msgspec.json.decode(data, type=type)
    except msgspec.DecodeError as error:
        raise DecodeError(f"what is stored under {key!r} is not what was asked for: {error}") from error
