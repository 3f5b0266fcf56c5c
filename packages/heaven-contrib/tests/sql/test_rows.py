from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
import pytest

from heaven_contrib.sql.drivers.connection import Result
from heaven_contrib.sql.errors import ConversionError
from heaven_contrib.sql.rows import as_dicts, as_type


class Order(msgspec.Struct):
    id: int
    paid: bool
    at: datetime | None = None


@dataclass
class Line:
    sku: str
    price: float


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename={"identity": "id"}):
    identity: int


def test_rows_are_dicts_by_column():
    """Of two columns with one name, the last counts."""
    assert [{"a": 1, "b": 3}] == as_dicts(Result(("a", "b", "b"), [(1, 2, 3)]))


def test_rows_become_structs_and_dataclasses():
    """What databases have no type for is understood: 0 and 1 are bools, text is a time."""
    rows = as_type(Result(("id", "paid", "at", "more"), [(1, 0, "2026-01-02 03:04:05", 9)]), Order)
    assert [Order(1, False, datetime.fromisoformat("2026-01-02T03:04:05"))] == rows
    assert [Line("a", 2.0)] == as_type(Result(("sku", "price"), [("a", 2)]), Line)


@pytest.mark.parametrize(
    ("into", "columns", "row", "words"),
    [
        (Order, ("id", "paid"), ("x", 1), "column 'id' does not fit Order.id: Expected `int`, got `str`"),
        (Order, ("id", "paid"), (1, 7), "column 'paid' does not fit Order.paid: Expected `bool`"),
        (
            Order,
            ("id",),
            (1,),
            "a row does not become Order: Object missing required field `paid`; the statement gives id",
        ),
        (Strict, ("id",), (None,), "column 'id' does not fit Strict.id: Expected `int`, got `null`"),
        (Strict, ("id", "x"), (1, 2), "a row does not become Strict: Object contains unknown field `x`"),
        (Line, ("sku", "price"), ("a", b"x"), "column 'price' does not fit Line.price"),
        (int, ("id",), (1,), "a row does not become int: Expected `int`, got `object`"),
    ],
)
def test_a_row_that_does_not_fit_names_the_column(into, columns, row, words):
    """And the type, and what was there."""
    with pytest.raises(ConversionError) as caught:
        as_type(Result(columns, [row]), into)
    assert words in str(caught.value)
