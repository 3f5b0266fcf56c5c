"""What lives as long as the application: opened before the first request, closed after the last.

The database, Redis and the broadcast open and close themselves; what is here is the shop's own.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from heaven import App
from heaven_contrib.redis import BROADCAST, REDIS, Redis
from heaven_contrib.sql import DATABASE

from board import Board
from catalogue import read_orders, read_products
from settings import DEMO_KEY
from storage import OrderStore

logger = logging.getLogger("shop")


async def make_folder(app: App) -> None:
    """Make the folder that files are kept in; the first thing of all, since SQLite's may be one of them."""
    folder: Path = app.CONFIG("attachments")
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)


async def open_shop(app: App) -> None:
    """Read the catalogue, and fill the store with the data set the first time."""
    if app.CONFIG("api_key") == DEMO_KEY:
        logger.warning("everybody can write with the key %r: set SHOP_API_KEY", DEMO_KEY)
    products = await asyncio.to_thread(read_products)
    orders = OrderStore(app.peek(DATABASE))
    app.keep("orders", orders)
    app.keep("products", products)
    app.keep("board", Board(app.peek(REDIS), app.peek(BROADCAST)))
    logger.info("the shop is open with %d orders", await orders.load(read_orders(products)))


async def close_shop(app: App) -> None:
    """Let go of what startup kept."""
    for name in ("board", "products", "orders"):
        app.unkeep(name, None)  # none of them is there after a start that failed


async def publish_summary(app: App) -> None:
    """Tell everybody how the shop is doing; a daemon runs this every few seconds: on each worker, and one tells."""
    redis: Redis = app.peek(REDIS)
    board: Board = app.peek("board")
    orders: OrderStore = app.peek("orders")
    pause = int(app.CONFIG("summary_every") * 900)  # milliseconds: a little less than until the next turn
    if await redis.write(lambda client: client.set("shop:summary:told", 1, nx=True, px=pause)):
        await board.publish("summary", await orders.summary())
