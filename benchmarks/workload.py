"""What every peer serves: the payloads, the 200 routes, the counters that hooks move."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

ENCODE = msgspec.json.Encoder().encode
DECODE = msgspec.json.Decoder().decode

HELLO = "Hello, world"
ORDER = {
    "id": 1730,
    "customer": "Ada Lovelace",
    "email": "ada@shop.test",
    "note": None,
    "items": [
        {"sku": "tea-earl-grey-500", "quantity": 2, "price": 12.5},
        {"sku": "cup-bone-china", "quantity": 6, "price": 8.25},
        {"sku": "spoon-silver", "quantity": 6, "price": 31.0},
    ],
}
ORDER_SUMMARY = {"customer": "Ada Lovelace", "items": 3}

CHUNK = b"All the world's a stage, and all the men and women merely players.\n"
CHUNKS = 100
MESSAGES = 100
HOOKS = 5
RESOURCES = 40


class Item(msgspec.Struct):
    """One line of an order, for the peers that decode with msgspec."""

    sku: str
    quantity: int
    price: float


class Order(msgspec.Struct):
    """An order, for the peers that decode with msgspec."""

    id: int
    customer: str
    email: str
    items: list[Item]
    note: str | None = None


DECODE_ORDER = msgspec.json.Decoder(Order).decode


class Tally:
    """Counts what ran: a BEFORE moves `before`, an AFTER that sees a 200 `after`, dependency or permission `steps`."""

    __slots__ = ("after", "before", "steps")

    def __init__(self) -> None:
        self.before = 0
        self.after = 0
        self.steps = 0


TALLY = Tally()


def paths(a: str, b: str) -> Iterator[tuple[str, int]]:
    """The 200 routes of a middling API.

    Args:
        a: The peer's spelling of an integer parameter named `a`.
        b: The same for `b`.

    Yields:
        A path and how many parameters it has.
    """
    for number in range(RESOURCES):
        root = f"/resource{number:02}"
        yield root, 0
        yield f"{root}/{a}", 1
        yield f"{root}/{a}/items", 1
        yield f"{root}/{a}/items/{b}", 2
        yield f"{root}/search", 0


def download_path() -> str:
    """The file that `GET /download` answers with."""
    return os.environ["BENCHMARK_DOWNLOAD"]
