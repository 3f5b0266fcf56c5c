"""What a test replaces in its application through the clients: in force from start to stop, and undone afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from heaven import SHUTDOWN, STARTUP, App, Key
from heaven_testing import Client, StartupFailed, SyncClient

NAME: Key[str] = Key("name")


@pytest.fixture(params=[Client, SyncClient])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def nothing(client: Any) -> None:
    pass


async def lead(
    kind: Any, app: Any, *, before: Callable[[Any], Any] = nothing, during: Callable[[Any], Any] = nothing
) -> str:
    """An application's life under a client of a kind; what it answered to one request."""
    client = kind(app)
    assert app is client.app
    before(client)
    if kind is Client:
        async with client:
            during(client)
            text: str = (await client.get("/")).text
    else:
        with client:
            during(client)
            text = client.get("/").text
    return text


class Shop:
    """An application with all that can be replaced, and what ran of it."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.app = App(lifespan=self.live)
        self.app.ON(STARTUP, self.connect)
        self.app.ON(SHUTDOWN, self.disconnect)
        self.app.DAEMON(self.poll, every=0.001)
        self.app.BEFORE("/", self.guard)
        self.app.GET("/", self.read)

    @asynccontextmanager
    async def live(self, app: App) -> AsyncIterator[None]:
        self.ran.append("live")
        yield

    async def connect(self, app: App) -> None:
        self.ran.append("connect")
        app.keep("db", "the real one")

    async def disconnect(self, app: App) -> None:
        self.ran.append(f"disconnect {app.unkeep('db')}")

    async def poll(self, app: App) -> None:
        self.ran.append("poll")
        await asyncio.Event().wait()

    async def guard(self, req: Any, res: Any, ctx: Any) -> None:
        self.ran.append("guard")
        ctx.user = "ada"

    async def read(self, req: Any, res: Any, ctx: Any) -> str:
        return f"{req.app.peek('db')}, {getattr(ctx, 'user', 'nobody')}"

    def written(self) -> list[list[Any]]:
        told = self.app.written
        return [[*told.startup], [*told.shutdown], [*told.daemons], [*told.hooks], [self.app.settled]]


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_nothing_is_replaced_unless_it_is_said(kind: Any, shop: Shop) -> None:
    """Control: a client that is told nothing runs the application's own."""
    assert "the real one, ada" == await lead(kind, shop.app)
    assert ["live", "connect", "guard", "disconnect the real one"] == [step for step in shop.ran if step != "poll"]


async def test_swap(kind: Any, shop: Shop) -> None:
    """Startup, shutdown, daemons and the lifespan run what the test puts in their place, and their own the next time."""
    before = shop.written()

    async def connect(app: App) -> None:
        shop.ran.append("another connect")
        app.keep("db", "a fake")

    def disconnect(app: App) -> None:
        shop.ran.append(f"another disconnect {app.unkeep('db')}")

    async def poll(app: App) -> None:
        pass

    @asynccontextmanager
    async def live(app: App) -> AsyncIterator[None]:
        yield

    def swap(client: Any) -> None:
        for own, other in (
            (shop.connect, connect),
            (shop.disconnect, disconnect),
            (shop.poll, poll),
            (shop.live, live),
        ):
            client.swap(own, other)

    assert "a fake, ada" == await lead(kind, shop.app, before=swap)
    assert ["another connect", "guard", "another disconnect a fake"] == shop.ran
    assert before == shop.written()
    assert "the real one, ada" == await lead(kind, shop.app)


async def test_swap_comes_before_the_start(kind: Any, shop: Shop) -> None:
    """Once the application runs there is nothing to swap any more, and what is unknown never was."""

    def late(client: Any) -> None:
        with pytest.raises(RuntimeError, match="has started already; swap before that"):
            client.swap(shop.connect, nothing)

    def unknown(client: Any) -> None:
        with pytest.raises(LookupError, match="test_overrides.py:.*nothing"):
            client.swap(nothing, nothing)

    await lead(kind, shop.app, before=unknown, during=late)


@pytest.mark.parametrize("when", ["before", "during"])
async def test_bypass(kind: Any, shop: Shop, when: Any) -> None:
    """A hook that is bypassed does not run, and runs again for the next client."""

    def bypass(client: Any) -> None:
        client.bypass(shop.guard)
        with pytest.raises(LookupError, match="test_overrides.py:.*nothing"):
            client.bypass(nothing)

    assert "the real one, nobody" == await lead(kind, shop.app, **{when: bypass})
    assert "guard" not in shop.ran
    assert "the real one, ada" == await lead(kind, shop.app)


@pytest.mark.parametrize("when", ["before", "during"])
async def test_override(kind: Any, shop: Shop, when: Any) -> None:
    """A value of the store is another one for requests; shutdown closes what startup had opened."""

    def override(client: Any) -> None:
        client.override("db", "a fake")
        client.override(NAME, "kept by the test alone")

    assert "a fake, ada" == await lead(kind, shop.app, **{when: override})
    assert "disconnect the real one" == shop.ran[-1]
    assert (None, None) == (shop.app.peek("db"), shop.app.peek(NAME))
    assert "the real one, ada" == await lead(kind, shop.app)


async def test_a_failed_start_undoes_everything(kind: Any, shop: Shop) -> None:
    """An application that does not start is as it was before, so that the next test can start it."""
    before = shop.written()

    async def refuse(app: App) -> None:
        raise LookupError("no database")

    def replace(client: Any) -> None:
        client.swap(shop.connect, refuse)
        client.bypass(shop.guard)
        client.override("db", "a fake")

    with pytest.raises(StartupFailed, match="no database"):
        await lead(kind, shop.app, before=replace)
    assert before == shop.written()
    assert shop.app.peek("db") is None
    assert "the real one, ada" == await lead(kind, shop.app)


async def test_a_failing_test_undoes_everything(kind: Any, shop: Shop) -> None:
    """What a test replaced is put back however it ends."""
    before = shop.written()

    def fail(client: Any) -> None:
        client.bypass(shop.guard)
        client.override("db", "a fake")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await lead(kind, shop.app, during=fail)
    assert before == shop.written()
    assert "the real one, ada" == await lead(kind, shop.app)


@pytest.mark.parametrize(
    ("method", "arguments"), [("swap", (nothing, nothing)), ("bypass", (nothing,)), ("override", ("db", 1))]
)
async def test_another_frameworks_application_has_nothing_to_replace(kind: Any, method: str, arguments: Any) -> None:
    """What can only be done to Heaven's applications says so of others."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    with pytest.raises(
        TypeError, match=rf"{method} at .*test_overrides.py:\d+ needs a heaven.App, and the client serves"
    ):
        getattr(kind(app), method)(*arguments)


async def test_a_client_that_is_never_entered_changes_nothing():
    """What is replaced is told when the client is made, and done when it is entered; a mistake leaves nothing behind."""
    app = App()
    calls: list[str] = []
    app.ON(STARTUP, start := (lambda app: calls.append("start")))
    app.BEFORE("/*", hook := (lambda req, res, ctx: calls.append("hook")))
    before = (*app.written.startup, *app.written.hooks)

    client = Client(app)
    client.swap(start, lambda app: calls.append("swapped"))
    client.bypass(hook)
    with pytest.raises(LookupError):
        client.bypass(lambda req, res, ctx: None)
    assert before == (*app.written.startup, *app.written.hooks)

    async with client:
        assert ["swapped"] == calls
    assert before == (*app.written.startup, *app.written.hooks)
