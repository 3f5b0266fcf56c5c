"""What the shop sells, what that costs, and the orders it begins with."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from heaven import ValidationError

from schemas import Line, NewLine, Order, Product

DATA = Path(__file__).parent / "data"
Catalogue = Mapping[str, Product]


def read_products() -> Catalogue:
    """The products of `data/products.csv` by their article number (SKU)."""
    with (DATA / "products.csv").open(encoding="utf-8", newline="") as file:
        products = (msgspec.convert(row, Product, strict=False) for row in csv.DictReader(file))
        return {product.sku: product for product in products}


def price(wanted: Sequence[NewLine], products: Catalogue) -> list[Line]:
    """Put the shop's names and prices to what a customer wants; raises ValidationError naming every unknown article."""
    unknown = [
        {"loc": ["lines", index, "sku"], "msg": f"The shop has no article {line.sku}."}
        for index, line in enumerate(wanted)
        if line.sku not in products
    ]
    if unknown:
        raise ValidationError(unknown)
    return [Line(line.sku, products[line.sku].name, line.quantity, products[line.sku].price) for line in wanted]


def read_orders(products: Catalogue) -> Iterator[Order]:
    """The orders of `data/orders.csv`, one after the other."""
    with (DATA / "orders.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            items = (item.rsplit("x", 1) for item in row["items"].split())
            lines = price([NewLine(sku, int(quantity)) for sku, quantity in items], products)
            total = sum(line.price * line.quantity for line in lines)
            created = datetime.fromisoformat(row["created"])
            values = {"id": int(row["id"]), "created": created, "total": total, "lines": lines}
            yield msgspec.convert({**row, **values}, Order)
