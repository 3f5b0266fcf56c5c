"""Write orders.csv: 3,000 invented orders, the same ones every time (`python generate.py`).

Names, addresses and notes are made up. A fixed seed makes the file reproducible, so a change to it is
a change to this script.
"""

from __future__ import annotations

import csv
import random
import sys
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).parent
SEED = 20_250_301
ORDERS = 3_000
FIRST_DAY = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 214
"""The shop's first seven months."""

FIRST_NAMES = """
Ada Amara Anouk Astrid Bruno Carmen Chidi Clara Dario Elif Emeka Erik Esther Fatima Felix Freya Hana Henrik
Ines Ivo Jana Joaquín Jonas Kaito Katrin Lars Leïla Lena Luca Maeve Magda Malik Mateo Mei Mila Milan Nadia
Niamh Noor Olga Omar Oskar Pilar Priya Rafael Rosa Samir Sanne Sofia Søren Tariq Tomás Vera Viktor Wanda Yara
Yusuf Zoë
""".split()  # noqa: SIM905 - names are easier to read this way
LAST_NAMES = """
Abara Almeida Andersen Bakker Becker Bianchi Brandt Castillo Costa Dubois Engel Eriksen Farouk Ferrari Fischer
Fontaine García Haddad Hansen Hoffmann Ivanova Jansen Kaya Keller Kowalska Laurent Lindqvist Lopez Marchetti
Meyer Moreau Murphy Nakamura Novák Nowak O'Brien Okafor Olsen Park Petrov Ramos Rossi Sato Schneider Silva
Sørensen Tanaka Visser Vogel Weber Wójcik Yılmaz
""".split()  # noqa: SIM905 - names are easier to read this way
NOTES = (
    "Please leave it with the neighbours at number 12.",
    "It is a present: no invoice in the parcel, please.",
    "Ring twice, the bell is faint.",
    "Delivery after 17:00, thank you!",
    "Could you wrap the mugs separately?",
    "Third floor, no lift. Sorry.",
    "Leave the parcel in the shed behind the house.",
    "Für Oma, bitte mit Schleife 🎀",
)
BUSY_HOURS = (1, 1, 0, 0, 0, 1, 3, 6, 9, 10, 11, 12, 13, 11, 10, 10, 11, 13, 16, 19, 20, 17, 9, 4)
"""How busy each hour of a day is (UTC), midnight first."""


def email(first: str, last: str) -> str:
    """An address below example.com for this name, in ASCII."""
    name = unicodedata.normalize("NFKD", f"{first}.{last}".replace("ø", "o").replace("ı", "i"))
    return (
        "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter == ".")).lower()
        + "@example.com"
    )


def status(dice: random.Random, age: timedelta) -> str:
    """What became of an order this old: old ones are shipped, the youngest are still new."""
    if dice.random() < 0.04:
        return "cancelled"
    if age > timedelta(days=9):
        return "shipped"
    return dice.choice(["new", "paid"] if age < timedelta(days=4) else ["paid", "paid", "shipped"])


def moments(dice: random.Random) -> list[datetime]:
    """When the orders came in: more in the evenings, more at the end of the week, slowly growing."""
    chosen: list[datetime] = []
    while len(chosen) < ORDERS:
        day = int(DAYS * dice.random() ** 0.8)
        moment = FIRST_DAY + timedelta(days=day, seconds=dice.randrange(3600))
        if dice.random() < (0.7, 0.7, 0.75, 0.8, 0.95, 1.0, 0.9)[moment.weekday()]:
            chosen.append(moment + timedelta(hours=dice.choices(range(24), BUSY_HOURS)[0]))
    return sorted(chosen)


def rows() -> Iterator[list[str | int]]:
    """One row an order: id, created, customer, email, status, items (`SKUxQUANTITY` joined by spaces), note."""
    dice = random.Random(SEED)
    with (HERE / "products.csv").open(encoding="utf-8", newline="") as file:
        products = {row["sku"]: int(row["price"]) for row in csv.DictReader(file)}
    popularity = [10_000 / price for price in products.values()]
    end = FIRST_DAY + timedelta(days=DAYS + 1)
    for number, created in enumerate(moments(dice), start=1):
        first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        picks = dict.fromkeys(
            dice.choices(list(products), popularity, k=dice.choices((1, 2, 3, 4, 5), (45, 28, 15, 8, 4))[0])
        )
        items = " ".join(f"{sku}x{dice.choices((1, 2, 3, 4, 6), (68, 18, 6, 5, 3))[0]}" for sku in picks)
        note = dice.choice(NOTES) if dice.random() < 0.12 else ""
        state = status(dice, end - created)
        yield [
            number,
            created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            f"{first} {last}",
            email(first, last),
            state,
            items,
            note,
        ]


def write(file: TextIO) -> None:
    """Write the header and every row as CSV."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["id", "created", "customer", "email", "status", "items", "note"])
    writer.writerows(rows())


if __name__ == "__main__":
    with (HERE / "orders.csv").open("w", encoding="utf-8", newline="") as target:
        write(target)
    sys.stdout.write(f"wrote {ORDERS} orders\n")
