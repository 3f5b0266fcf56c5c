"""Values of Python as MySQL writes them in a statement, and columns as values of Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Final
from uuid import UUID

from heaven_contrib.sql.drivers.values import encoder_of, finite, in_utc, without_exponent


def literal(value: object, escape: Callable[[str], str]) -> str:
    """A value as it stands in a statement.

    A datetime is written in UTC. Infinite numbers are refused, since no column holds them.

    Args:
        value: None, a bool, a number, text, bytes, a date or a time, a UUID, or an Enum of these.
        escape: the driver's, for what stands between quotes: it knows the connection's mode.

    Raises:
        TypeError: it is something else.
        StatementError: it is infinite, or not a number.
    """
    if type(value) is str:
        return f"'{escape(value)}'"
    encoder = _ENCODERS.get(type(value))
    if encoder is not None:
        return encoder(value)
    if isinstance(value, Enum):
        return literal(value.value, escape)
    if isinstance(value, str):
        return f"'{escape(str.__str__(value))}'"
    return encoder_of(value, _ENCODERS)(value)


def _float(value: float) -> str:
    text = float.__repr__(finite(value))
    return text if "e" in text else f"{text}e0"


def _datetime(value: datetime) -> str:
    return f"'{in_utc(value).replace(tzinfo=None).isoformat(' ')}'"


def _time(value: time) -> str:
    return f"'{value.replace(tzinfo=None).isoformat()}'"


def _timedelta(value: timedelta) -> str:
    sign, value = ("-", -value) if value.days < 0 else ("", value)
    minutes, seconds = divmod(value.days * 86400 + value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"'{sign}{hours:02}:{minutes:02}:{seconds:02}.{value.microseconds:06}'"


# A subclass stands before its base. Bytes are in hexadecimal, as PyMySQL writes them: no quote can end them.
_ENCODERS: Final[Mapping[type[Any], Callable[[Any], str]]] = {
    NoneType: lambda _: "NULL",
    bool: lambda value: "1" if value else "0",
    int: int.__repr__,
    float: _float,
    bytes: lambda value: f"_binary X'{value.hex()}'",
    bytearray: lambda value: f"_binary X'{value.hex()}'",
    memoryview: lambda value: f"_binary X'{value.hex()}'",
    datetime: _datetime,
    date: lambda value: f"'{value.isoformat()}'",
    time: _time,
    timedelta: _timedelta,
    Decimal: without_exponent,
    UUID: lambda value: f"'{value}'",
}


def _moment(text: str) -> datetime | str:
    """A DATETIME or TIMESTAMP, in UTC as the session is; what is no date, as 0000-00-00, stays text."""
    try:
        return datetime.fromisoformat(f"{text}+00:00")
    except ValueError:
        return text


def _number(bits: bytes) -> int:
    return int.from_bytes(bits, "big")


DECODERS: Final[Mapping[int, Callable[[Any], Any]]] = {7: _moment, 12: _moment, 16: _number}
"""For TIMESTAMP, DATETIME and BIT; for all other types the drivers' own are right.

They give int, float, Decimal, str (JSON too), bytes, date, and timedelta for TIME.
"""
