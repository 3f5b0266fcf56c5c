"""Rows as what the application asked for: dicts, Structs or dataclasses."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec

from heaven_contrib.sql.drivers.connection import Result
from heaven_contrib.sql.errors import ConversionError

T = TypeVar("T")

# How msgspec ends its messages: "- at `$[3].total`", of a list of rows.
_PLACE: Final = re.compile(r" - at `\$\[(?P<row>\d+|\.\.\.)\](?:\.(?P<column>[^.\[`]+))?(?P<inner>[^`]*)`$")


def as_dicts(result: Result) -> list[dict[str, Any]]:
    """One dict for each row, from column to value; of two columns with one name the last counts."""
    columns = result.columns
    return [dict(zip(columns, row)) for row in result.rows]  # noqa: B905 - PERF: strict doubles its time


def as_type(result: Result, into: type[T]) -> list[T]:
    """One `into` for each row.

    Conversion is msgspec's, and lax: 0 and 1 are a bool, text is a datetime, a UUID or a Decimal where that is asked
    for. Columns that `into` does not have are left out, unless it forbids them.

    Raises:
        ConversionError: a row does not fit; the message names the column.
    """
    try:
        return msgspec.convert(as_dicts(result), list[into], strict=False)  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise ConversionError(_explained(str(error), into, result.columns)) from None


def _explained(text: str, into: type[Any], columns: tuple[str, ...]) -> str:
    name = getattr(into, "__name__", str(into))
    place = _PLACE.search(text)
    if place is None:
        return f"a row does not become {name}: {text}"
    reason = text[: place.start()]
    if place["column"] is None:
        return f"a row does not become {name}: {reason}; the statement gives {', '.join(columns)}"
    return f"column {place['column']!r} does not fit {name}.{place['column']}{place['inner']}: {reason}"
