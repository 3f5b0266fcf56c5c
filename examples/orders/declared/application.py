"""The same shop, declared: `uvicorn declared.application:app` in the folder above, then open http://127.0.0.1:8000.

This file is the tree of what there is; each leaf names the function or the class that does it.
"""

from __future__ import annotations

from heaven_contrib.openapi import OpenAPI
from heaven_contrib.redis import Broadcast, Redis
from heaven_contrib.routing import Application, Gateway, Include, Inject, WebSocketGateway
from heaven_contrib.sql import Database

import lifetime
import settings
from declared import dependencies, front, live, problems
from declared.attachments import download, upload
from declared.orders import ReadOrders, WrittenOrders
from declared.permissions import HasKey
from declared.stamp import Stamp
from storage import OrderClosed, OrderMissing

config = settings.from_environment()
redis = Redis(config["redis"])

app = Application(
    config=config,
    origins=config["origins"],
    routes=[
        Gateway("/", handler=front.home, include_in_schema=False),
        Gateway("/products", handler=front.list_products),
        Gateway("/summary", handler=front.summarise),
        Gateway("/orders.csv", handler=front.export_orders),
        Include("/orders", routes=[ReadOrders, download], tags=["orders"]),
        Include(
            "/orders",
            routes=[WrittenOrders, upload],
            tags=["orders"],
            permissions=[HasKey],
            security=["bearer", "key"],
        ),
        Gateway("/events", handler=live.events),
        WebSocketGateway("/board", handler=live.staff_board),
    ],
    dependencies={
        "board": Inject(dependencies.board),
        "orders": Inject(dependencies.orders),
        "products": Inject(dependencies.products),
    },
    middleware=[Stamp],
    exception_handlers={
        404: problems.nothing_here,
        OrderMissing: problems.order_missing,
        OrderClosed: problems.order_closed,
    },
    on_startup=[lifetime.make_folder],
    on_shutdown=[lifetime.close_shop],
)

app.plugin(Database(config["database"], migrations=settings.HERE / "migrations"))
app.plugin(redis)
app.plugin(Broadcast(redis, "shop"))
app.plugin(OpenAPI(**settings.DOCUMENTED))
app.on_event("startup")(lifetime.open_shop)  # when the database and Redis are there
app.DAEMON(lifetime.publish_summary, every=config["summary_every"])
app.ASSETS(settings.HERE / "static", "/static")
