"""How an application is made and told its routes, as the type checkers see it. Never executed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, assert_type

from heaven import (
    App,
    Application,
    Assets,
    Config,
    Context,
    Handler,
    Request,
    Response,
    Router,
    WebSocket,
    register_converter,
    threaded,
)
from heaven.declaring.verbs import RouteOptions
from heaven.types import ASGIApp, Receive, Scope, Send


class Order(TypedDict):
    quantity: int


class Settings:
    secret_key = "not so secret"


async def read(req: Request, res: Response, ctx: Context) -> dict[str, Any]:
    return {"id": req.params["id"]}


def read_blocking(req: Request, res: Response, ctx: Context) -> str:
    return req.path


async def talk(req: Request, ws: WebSocket, ctx: Context) -> bool:
    await ws.accept()
    return ws.closed


class Reader:
    def __init__(self, table: str) -> None:
        self.table = table

    async def __call__(self, req: Request, res: Response, ctx: Context) -> str:
        return self.table

    async def list(self, req: Request, res: Response, ctx: Context) -> list[str]:
        return [self.table]


class Shop(App):
    currency: str = "EUR"


@asynccontextmanager
async def life(app: App) -> AsyncGenerator[None, None]:
    app.keep("shop", "open")
    yield


def parse_words(text: str) -> tuple[str, ...] | None:
    return tuple(text.split("-"))


def types_of_parameters() -> None:
    register_converter("slug", parse=lambda text: text if text.islower() else None, sample="first-post")
    register_converter("words", parse=parse_words, format="-".join, takes=(tuple, list), form="words", sample="a-b")
    register_converter("pair", parse=complex, takes=complex, sample="(1+2j)")
    register_converter("slug", parse=str.lower)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    register_converter("slug", parse=len, format=len, sample="a")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def construction() -> None:
    assert_type(App(), App)
    assert_type(Router(), App)
    assert_type(Application(), App)
    App({"secret_key": "not so secret"}, debug=True)
    App(Settings)
    App(lambda: {"secret_key": "not so secret"})
    app = App(
        config=Settings(),
        domain="shop.co.uk",
        hosts=["shop.co.uk", "*.shop.co.uk"],
        trusted_proxies=("10.0.0.0/8",),
        slashes="redirect",
        debug=False,
        max_body_size=None,
        timeout=2.5,
        lifespan=life,
        monitor=0.1,
        origins=["https://shop.co.uk"],
    )
    App(slashes="sometimes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(app.CONFIG, Config)
    assert_type(app.CONFIG("secret_key"), Any)
    assert_type(app.CONFIG("colour", "blue"), Any)
    served: ASGIApp = app
    assert_type(Config({"colour": "blue"})("colour"), Any)
    print(served)


async def calls(app: App, req: Request, res: Response, ctx: Context) -> None:
    # What was registered is given back, with its own type.
    assert_type(await app.GET("/orders/:id:int", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.HEAD("/orders/:id:int", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.POST("/orders", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.PUT("/orders/:id:int", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.PATCH("/orders/:id:int", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.DELETE("/orders/:id:int", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.OPTIONS("/orders", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.TRACE("/orders", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.CONNECT("/orders", read)(req, res, ctx), dict[str, Any])
    assert_type(await app.QUERY("/orders", read)(req, res, ctx), dict[str, Any])
    assert_type(app.HTTP("/anything/*", read_blocking)(req, res, ctx), str)

    assert_type(app.GET("/reader", Reader("orders")), Reader)
    assert_type(await app.GET("/reader/list", Reader("orders").list)(req, res, ctx), list[str])
    assert_type(app.GET("/files/*", Assets("public", cache="immutable", fallback="index.html")), Assets)
    app.GET("/threaded", threaded(read_blocking))
    app.GET("/partial", partial(read_table, "orders"))
    handler: Handler = read
    app.GET("/handler", handler)

    app.GET("/")(too_few)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


def strings(app: App) -> None:
    # A name that is imported later says nothing of its type.
    app.GET("/orders", "orders.list")
    app.POST("/orders", "orders.create", expects=Order, returns=Order)
    app.HTTP("/anything", "orders.anything")
    app.WS("/talk", "orders.talk", origins=["https://shop.test"])
    app.BEFORE("/*", "orders.authenticate")
    app.AFTER("/*", "orders.log")


def decorators(app: App) -> None:
    @app.GET("/orders/:id:int", name="order")
    async def order(req: Request, res: Response, ctx: Context) -> int:
        return 7

    @app.HTTP("/anything")
    def anything(req: Request, res: Response, ctx: Context) -> str:
        return req.method

    @app.subdomain("api").POST("/orders", expects=Order)
    async def create(req: Request, res: Response, ctx: Context) -> None:
        res.status = 201

    @app.WS("/talk", origins=["https://shop.test"])
    async def conversation(req: Request, ws: WebSocket, ctx: Context) -> bytes:
        return b""

    async def use(req: Request, res: Response, ws: WebSocket, ctx: Context) -> None:
        assert_type(await order(req, res, ctx), int)
        assert_type(anything(req, res, ctx), str)
        await create(req, res, ctx)
        assert_type(await conversation(req, ws, ctx), bytes)

    print(use)


async def sockets(app: App, req: Request, ws: WebSocket, ctx: Context) -> None:
    assert_type(await app.WS("/talk", talk, name="talk", subdomain="live", origins=None)(req, ws, ctx), bool)
    app.WS("/orders", read)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportCallIssue]


def options(app: App) -> None:
    app.POST(
        "/orders",
        read,
        subdomain="api",
        name="create",
        expects=list[Order],
        returns=Order,
        max_body_size=10_000,
        timeout=1.5,
        stream=False,
        cancel_on_disconnect=True,
    )
    shared: RouteOptions = {"subdomain": "api", "max_body_size": None, "timeout": 3}
    app.PUT("/orders", read, **shared)
    app.PUT("/orders", read, limit=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def assets(app: App) -> None:
    app.ASSETS("public")
    app.ASSETS(Path("public"), "/static", subdomain="cdn", index=None, fallback="index.html", precompressed=False)
    app.ASSETS("public", cache=lambda path: "no-store" if path.endswith(".html") else "immutable")
    app.ASSETS("public", caches="immutable")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def hooks(app: App) -> None:
    app.BEFORE("/*", read_blocking)
    app.BEFORE("/orders/*", lambda req, res, ctx: ctx.keep("user", req.headers.get("x-user")), methods="POST")
    app.AFTER("/orders/*", read, methods=["GET", "WEBSOCKET"], subdomain="api")
    app.AFTER("/*", read, subdomain=None)
    app.AFTER("/*", too_few)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def other_applications(app: App) -> None:
    blog = App()
    app.mount(blog, "/blog", name="blog")
    app.mount(Shop(), prefix="/shop", subdomain="shop", isolated=False)
    app.mount(plain, "/plain", host="{tenant}.shop.test")
    app.fallback(plain)
    app.fallback(Shop())
    app.fallback("not an application")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    app.WRAP(wrapped)
    app.WRAP(Timing, header="x-time")
    app.subdomain("api").GET("/orders", read)
    app.subdomain("api").WS("/talk", talk)
    assert_type(app.url_for("blog:post", id=7), str)
    assert_type(app.url_for("files", **{"*": "a/b"}), str)


async def too_few(req: Request, res: Response) -> None: ...


def read_table(table: str, req: Request, res: Response, ctx: Context) -> str:
    return table


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})


def wrapped(app: ASGIApp) -> ASGIApp:
    return app


class Timing:
    def __init__(self, app: ASGIApp, *, header: str) -> None:
        self.app = app
        self.header = header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
