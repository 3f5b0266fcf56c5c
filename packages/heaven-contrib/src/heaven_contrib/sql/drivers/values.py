"""What values become on their way to a database, where that is the same for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from heaven_contrib.sql.errors import StatementError

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
        f"a {type(value).__name__} is no SQL value; give its parts one by one, or encode it, "
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


def in_utc(value: datetime) -> datetime:
    """The moment in UTC; one without a timezone is in UTC already."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
