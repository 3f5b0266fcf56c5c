"""What holds for messages of every kind: they are dicts, have a type, and values that can be written down."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Any

from heaven_testing.conformance.rules import broken
from heaven_testing.errors import ConformanceError


def kind_of(message: object) -> str:
    """The type of a message.

    Raises:
        ConformanceError: it is no dict (`message-dict`), or does not say its type (`message-type`).
    """
    if not isinstance(message, dict):
        raise broken("message-dict", f"a message is {shown(message)}")
    kind: Any = message.get("type")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if not isinstance(kind, str):
        seen = f"has the type {shown(kind)}" if "type" in message else f"has no type: {shown(message)}"  # pyright: ignore[reportUnknownArgumentType]
        raise broken("message-type", f"a message {seen}")
    return kind


def unknown(kind: str, scope_type: str, direction: str) -> ConformanceError:
    """The error for a message that the specification does not have.

    Args:
        kind: the message's type.
        scope_type: http, websocket or lifespan.
        direction: "sent" by the application, or "received" by it.
    """
    return broken("message-known", f"the application {direction} {kind!r}, on a scope of the type {scope_type}")


def check_rest(message: Mapping[Any, Any], known: AbstractSet[str], kind: str) -> None:
    """Hold what the specification does not name in a message against what it allows as a value.

    Args:
        message: the message.
        known: the keys that have rules of their own.
        kind: its type, for the error.

    Raises:
        ConformanceError: `message-values`.
    """
    for key, value in message.items():
        if key in known:
            continue
        if not isinstance(key, str):
            raise broken("message-values", f"{kind} has the key {shown(key)}")
        if not _is_plain(value):
            raise broken("message-values", f"{kind}: {key!r} is {shown(value)}")


def shown(value: object) -> str:
    """A value as errors show it, shortened, with its type.

    Example:
        >>> shown("200")
        "'200' (str)"
    """
    return f"{_SHORT.repr(value)} ({type(value).__name__})"


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def _is_plain(value: Any) -> bool:
    if value is None or isinstance(value, bytes | str | bool):
        return True
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(held) for key, held in value.items())  # pyright: ignore[reportUnknownVariableType]
    return False
