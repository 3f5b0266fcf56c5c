"""Values of Python as SQLite keeps them: numbers, text and bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from heaven_contrib.sql.drivers.values import encoder_of, finite, in_utc, without_exponent
from heaven_contrib.sql.errors import StatementError

Storable: TypeAlias = "int | float | str | bytes | bytearray | memoryview | None"

_AS_THEY_ARE: Final = frozenset((NoneType, bool, str, bytes))


def bound(values: Sequence[Any]) -> Sequence[Storable]:
    """Values as they are bound: dates and times as ISO 8601 text, datetimes in UTC, a Decimal or UUID as its text.

    Text sorts as the dates do, "2026-01-31 12:00:00+00:00", and is what SQLite's date functions take.

    Raises:
        TypeError: it is something that no column holds.
        StatementError: a number is infinite or no number, or has more than 64 bits.
    """
    return [value if type(value) in _AS_THEY_ARE else _encoded(value) for value in values]


def _encoded(value: object) -> Storable:
    encoder = _ENCODERS.get(type(value)) or encoder_of(value, _ENCODERS)
    return encoder(value)


def _int(value: int) -> int:
    if not -(1 << 63) <= value < 1 << 63:
        raise StatementError(f"{value} has more than the 64 bits of an INTEGER")
    return int(value)


# A subclass stands before its base; timedelta is an ISO 8601 duration, which msgspec knows.
_ENCODERS: Final[Mapping[type[Any], Callable[[Any], Storable]]] = {
    Enum: lambda value: _encoded(value.value),
    NoneType: lambda value: value,
    bool: lambda value: value,
    int: _int,
    str: str.__str__,
    float: lambda value: float(finite(value)),
    bytes: lambda value: value,
    bytearray: lambda value: value,
    memoryview: lambda value: value,
    datetime: lambda value: in_utc(value).isoformat(" "),
    date: lambda value: value.isoformat(),
    time: lambda value: value.replace(tzinfo=None).isoformat(),
    timedelta: lambda value: str(msgspec.to_builtins(value)),
    Decimal: without_exponent,
    UUID: str,
}
