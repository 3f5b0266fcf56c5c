"""What values become on their way to a database, where that is the same for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from heaven_contrib.sql.errors import StatementError

LONGEST: Final = 1000
"""Digits before the point, or zeros after it; DECIMAL has 65 in MySQL."""

T = TypeVar("T")
Number = TypeVar("Number", float, Decimal)


def encoder_of(value: object, encoders: Mapping[type[Any], Callable[[Any], T]]) -> Callable[[Any], T]:
    """What encodes a value that is of none of the types by itself: an instance of a subclass, or nothing we know.

    Args:
        value: the value.
        encoders: for each type; a subclass stands before its base.

    Raises:
        TypeError: there is none.
    """
    for kind, encoder in encoders.items():
        if isinstance(value, kind):
            return encoder
    raise TypeError(
        f"a value of the type {type(value).__name__} is no SQL value; give its parts one by one, or encode it, "
        "as with msgspec.json.encode(value)"
    )


def finite(value: Number) -> Number:
    """The number, unless it is one that columns can't hold.

    Raises:
        StatementError: it is infinite, or no number at all.
    """
    if not math.isfinite(value):
        raise StatementError(f"{value} is no number that a column can hold")
    return value


def without_exponent(value: Decimal) -> str:
    """The digits of a number, all of them: 1E+3 is 1000.

    Raises:
        StatementError: it is infinite or no number, or its exponent alone stands for more digits than columns have;
            1E+999999999, which whoever sends JSON can write, would be a gigabyte.
    """
    if abs(finite(value).adjusted()) > LONGEST:
        raise StatementError(f"{value:.3E} has more digits than a column can hold")
    return format(value, "f")


def in_utc(value: datetime) -> datetime:
    """The moment in UTC; one without a timezone is in UTC already."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
