"""Values: JSON in, and the type that was asked for out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pytest

from heaven_contrib.redis.errors import DecodeError
from heaven_contrib.redis.values import decode, encode


class Order(msgspec.Struct):
    item: str
    quantity: int


@dataclass
class Seen:
    at: datetime


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Order("mug", 3), Order),
        (Seen(datetime(2026, 1, 2, tzinfo=UTC)), Seen),
        ({"mug": [1, 2]}, dict[str, list[int]]),
        ("⛵", str),
        (None, int | None),
    ],
)
def test_what_was_stored_comes_back_as_its_type(value: object, kind: object):
    """Structs, dataclasses, dates and plain values come back as what they were."""
    assert value == decode(encode(value), kind, "key")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\x80\x04K\x01.", b'{"item": "mug"}', b'{"item": "secret", "quantity": "3"}']
)
def test_what_is_something_else_is_refused_with_its_key(data: bytes):
    """The message names the key and not the value; a pickle is as little JSON as anything else."""
    with pytest.raises(DecodeError, match="what is stored under 'order:7' is not what was asked for") as refused:
        decode(data, Order, "order:7")

    assert "secret" not in str(refused.value)


def test_what_json_does_not_have_is_refused():
    """An object of a class of one's own is not stored as anything."""
    with pytest.raises(TypeError, match="object"):
        encode(object())
