"""What everybody may look at: the page, the articles, the summary, the export."""

from __future__ import annotations

from heaven_contrib.routing import FileResponse, ResponseHeader, StreamingResponse, get

from catalogue import Catalogue
from handlers import ONLY_OWN, csv_of
from schemas import Product, Summary
from settings import HERE
from storage import OrderStore


@get(response_headers={"content-security-policy": ResponseHeader(ONLY_OWN)})
async def home() -> FileResponse:
    """GET /: the page that uses all of this; it may load and run nothing that is not the shop's own."""
    return FileResponse(HERE / "static" / "index.html")


@get()
async def list_products(products: Catalogue) -> list[Product]:
    """GET /products: what the shop sells."""
    return list(products.values())


@get()
async def summarise(orders: OrderStore) -> Summary:
    """GET /summary: how the shop is doing."""
    return await orders.summary()


@get(
    media_type="text/csv",
    response_headers={"content-disposition": ResponseHeader('attachment; filename="orders.csv"')},
)
async def export_orders(orders: OrderStore) -> StreamingResponse:
    """GET /orders.csv: every order as CSV, sent while it is read, so that memory never holds them all."""
    return StreamingResponse(csv_of(orders))
