"""How an application follows its life and its errors, as the type checkers see it. Never executed."""

from __future__ import annotations

from typing import assert_type

from heaven import (
    SHUTDOWN,
    STARTUP,
    App,
    BackgroundError,
    BadRequest,
    Battery,
    BodyTooLarge,
    ClientDisconnected,
    Context,
    HeaderError,
    HeavenError,
    HTTPError,
    NoSuchURL,
    NotFound,
    RegistrationError,
    Request,
    Response,
    UnsupportedMediaType,
    ValidationError,
    WebSocketDisconnected,
    WebSocketStateError,
    threaded,
)


class Database:
    def __init__(self, url: str) -> None:
        self.url = url

    def install(self, app: App) -> None:
        app.ONCE(self.open)
        app.ON(SHUTDOWN, self.close)
        app.DAEMON(self.ping, every=30)

    async def open(self, app: App) -> None:
        app.keep("db", self)

    async def close(self, app: App) -> None:
        app.unkeep("db", None)

    def ping(self, app: App) -> None:
        print(self.url, app.peek("db"))


class NoBattery:
    def setup(self, app: App) -> None: ...


async def opened(app: App) -> int:
    return 1


def closed(app: App) -> None: ...


async def not_found(req: Request, res: Response, ctx: Context, error: NotFound) -> str:
    return error.detail or req.path


def teapot(req: Request, res: Response, ctx: Context) -> bytes:
    return b"I'm a teapot"


async def life(app: App) -> None:
    assert_type(await app.ON(STARTUP, opened)(app), int)
    assert_type(app.ON(SHUTDOWN, closed)(app), None)
    assert_type(await app.ON("startup", opened)(app), int)
    assert_type(await app.ONCE(opened)(app), int)
    app.ON(SHUTDOWN, "shop.closed")
    app.DAEMON(opened, every=60)
    app.DAEMON(lambda app: app.peek("db"), every=0.5)
    app.ON(STARTUP, teapot)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]

    @app.ON(STARTUP)
    async def warm(app: App) -> list[str]:
        return [app.url_for("order", id=7)]

    @app.ONCE
    def once(app: App) -> float:
        return 0.5

    assert_type(await warm(app), list[str])
    assert_type(once(app), float)


async def rescues(app: App, req: Request, res: Response, ctx: Context) -> None:
    assert_type(await app.ON(NotFound, not_found)(req, res, ctx, NotFound()), str)
    assert_type(app.ON(418, teapot)(req, res, ctx), bytes)
    app.ON(404, "shop.not_found")
    app.ON(ZeroDivisionError, threaded(teapot))
    app.ON(500, opened)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]

    @app.ON(ValidationError)
    async def invalid(req: Request, res: Response, ctx: Context, error: ValidationError) -> int:
        return len(error.errors)

    @app.ON(503)
    def busy(req: Request, res: Response, ctx: Context) -> str:
        return "later"

    assert_type(await invalid(req, res, ctx, ValidationError([])), int)
    assert_type(busy(req, res, ctx), str)


def batteries(app: App) -> None:
    app.plugin(Database("postgres://"))
    battery: Battery = Database("postgres://")
    app.plugin(battery)
    app.plugin(NoBattery())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def in_a_thread(req: Request, res: Response, ctx: Context) -> None:
    assert_type(await threaded(teapot)(req, res, ctx), bytes)

    @threaded
    def add(left: int, right: int = 0) -> int:
        return left + right

    assert_type(await add(1, right=2), int)
    await add("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def errors() -> None:
    assert_type(BackgroundError(closed).function, object)
    assert_type(BadRequest("No.").status, int)
    assert_type(NotFound(headers={"x-hint": "orders"}).title, str)
    assert_type(BodyTooLarge().detail, str | None)
    assert_type(UnsupportedMediaType().title, str)
    assert_type(ValidationError([{"loc": ["quantity"], "msg": "missing"}], "No.").status, int)
    assert_type(WebSocketDisconnected(1001, "gone").code, int)
    assert_type(WebSocketDisconnected().reason, str)
    http: list[HTTPError] = [BadRequest(), NotFound(), BodyTooLarge(), UnsupportedMediaType(), ValidationError([])]
    ours: list[HeavenError] = [*http, ClientDisconnected(), BackgroundError(closed), WebSocketDisconnected()]
    values: list[ValueError] = [RegistrationError("No."), HeaderError("No.")]
    others: tuple[LookupError, RuntimeError] = (NoSuchURL("order"), WebSocketStateError("twice"))
    print(ours, values, others)
