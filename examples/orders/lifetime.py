"""What lives as long as the application: opened before the first request, closed after the last."""

from __future__ import annotations

import asyncio
import logging

from heaven import App

from board import Board
from catalogue import read_orders, read_products
from settings import DEMO_KEY
from storage import OrderStore

logger = logging.getLogger("shop")


async def open_shop(app: App) -> None:
    """Read the catalogue, open the store, and fill it with the data set the first time."""
    if app.CONFIG("api_key") == DEMO_KEY:
        logger.warning("everybody can write with the key %r: set SHOP_API_KEY", DEMO_KEY)
    products = await asyncio.to_thread(read_products)
    orders = OrderStore(app.CONFIG("database"))
    await orders.open()
    app.keep("orders", orders)
    app.keep("products", products)
    app.keep("board", Board())
    logger.info("the shop is open with %d orders", await orders.load(read_orders(products)))


async def close_shop(app: App) -> None:
    """Close the store, and let go of what startup kept with it."""
    app.unkeep("board")
    app.unkeep("products")
    orders: OrderStore = app.unkeep("orders")
    await orders.close()


async def publish_summary(app: App) -> None:
    """Tell everybody how the shop is doing; a daemon runs this every few seconds."""
    board: Board = app.peek("board")
    orders: OrderStore = app.peek("orders")
    board.publish("summary", await orders.summary())
