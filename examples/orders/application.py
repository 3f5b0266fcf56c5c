"""A small shop back end: `uvicorn application:app` in this folder, then open http://127.0.0.1:8000.

This file says what there is; each line names the function that does it.
"""

from __future__ import annotations

from heaven import SHUTDOWN, App
from heaven_contrib.openapi import OpenAPI
from heaven_contrib.redis import Broadcast, Redis
from heaven_contrib.sql import Database

import attachments
import handlers
import hooks
import lifetime
import live
import problems
import settings
from schemas import Attachment, NewOrder, Order, Page, Product, Summary
from storage import OrderClosed, OrderMissing

config = settings.from_environment()
app = App(config, origins=config["origins"])
redis = Redis(config["redis"])

app.ONCE(lifetime.make_folder)
app.plugin(Database(config["database"], migrations=settings.HERE / "migrations"))
app.plugin(redis)
app.plugin(Broadcast(redis, "shop"))
app.plugin(OpenAPI(**settings.DOCUMENTED))
app.ONCE(lifetime.open_shop)
app.ON(SHUTDOWN, lifetime.close_shop)
app.DAEMON(lifetime.publish_summary, every=config["summary_every"])

app.BEFORE("/*", hooks.start_clock)
app.BEFORE("/orders/*", hooks.require_key, methods=["POST"])
app.AFTER("/*", hooks.stamp)

app.ON(404, problems.nothing_here)
app.ON(OrderMissing, problems.order_missing)
app.ON(OrderClosed, problems.order_closed)

app.GET("/", handlers.home)
app.ASSETS(settings.HERE / "static", "/static")

app.GET("/products", handlers.list_products, returns=list[Product])
app.GET("/summary", handlers.summarise, returns=Summary)
app.GET("/orders?page:int&size:int&status", handlers.list_orders, name="orders", returns=Page)
app.POST("/orders", handlers.create_order, expects=NewOrder, returns=Order)
app.GET("/orders.csv", handlers.export_orders)
app.GET("/orders/:id:int", handlers.read_order, name="order", returns=Order)
app.POST("/orders/:id:int/cancel", handlers.cancel_order, returns=Order)
app.POST(
    "/orders/:id:int/attachments",
    attachments.upload,
    name="attachments",
    returns=Attachment,
    stream=True,
    max_body_size=attachments.LARGEST_BODY,
    timeout=60,
)
app.GET("/orders/:id:int/attachments/:attachment:int", attachments.download, name="attachment")

app.GET("/events", live.events)
app.WS("/board", live.staff_board)
