"""The life of an application under the client: started on the test's loop, stopped in order, and named where it hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from client_apps import answer, broken, living, raw
from heaven import SHUTDOWN, STARTUP, App
from heaven_testing import Client, ConformanceError, StartupFailed

# In order


async def test_the_application_lives_on_the_loop_of_the_test() -> None:
    """Startup, handlers and shutdown run on one event loop, the test's."""
    loops: list[Any] = []
    app = App()
    app.ON(STARTUP, lambda app: loops.append(asyncio.get_running_loop()))
    app.ON(SHUTDOWN, lambda app: loops.append(asyncio.get_running_loop()))

    async def note(req, res, ctx):
        loops.append(asyncio.get_running_loop())

    app.GET("/", note)
    async with Client(app) as client:
        await client.get("/")
    assert 3 * [asyncio.get_running_loop()] == loops


async def test_startup_comes_first_and_shutdown_last() -> None:
    """Entering starts, leaving stops, whatever the test did between."""
    log: list[str] = []

    async def note(req, res, ctx):
        log.append("request")

    app = App()
    app.ON(STARTUP, lambda app: log.append("startup"))
    app.ON(SHUTDOWN, lambda app: log.append("shutdown"))
    app.GET("/", note)
    async with Client(app) as client:
        assert ["startup"] == log
        await client.get("/")
    assert ["startup", "request", "shutdown"] == log
    with pytest.raises(RuntimeError, match="of the test"):
        async with Client(app):
            raise RuntimeError("of the test")
    assert ["startup", "shutdown"] == log[3:]


# Failing to start


async def test_a_failed_startup_has_the_cause_that_heaven_knows() -> None:
    """Heaven keeps what a step raised, and so the test has it."""
    app = App()
    error = LookupError("no database")

    @app.ONCE
    def connect(app: App) -> None:
        raise error

    with pytest.raises(StartupFailed, match="the application did not start: LookupError: no database") as caught:
        async with Client(app):
            pytest.fail("it was entered")
    assert error is caught.value.__cause__


async def test_a_failed_startup_has_the_cause_that_starlette_raises() -> None:
    """Starlette says that it failed, and raises; the raised one is the cause."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        raise LookupError("no database")
        yield

    with pytest.raises(StartupFailed, match="LookupError: no database") as caught:
        async with Client(Starlette(lifespan=lifespan)):
            pytest.fail("it was entered")
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("mode", ["auto", "on"])
async def test_a_failed_startup_has_the_cause_that_a_raw_application_raises(mode: Any) -> None:
    """One that raises once it has received `lifespan.startup` knows the protocol: it failed."""
    with pytest.raises(StartupFailed, match="LookupError: no database") as caught:
        async with Client(living(startup=broken), lifespan=mode):
            pytest.fail("it was entered")
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize(
    ("told", "message"),
    [({"message": "no database"}, "start: no database$"), ({}, "start: it ended without an answer$")],
)
async def test_a_startup_that_only_says_so_has_no_cause(told: Any, message: str) -> None:
    """The message of `lifespan.startup.failed` is the reason where nothing was raised."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", **told})

    with pytest.raises(StartupFailed, match=message) as caught:
        async with Client(app):
            pytest.fail("it was entered")
    assert caught.value.__cause__ is None


async def test_what_failed_to_start_leaves_nothing() -> None:
    """The client closes, startups that had succeeded are undone, and nothing of it runs on."""
    log: list[str] = []
    app = App()
    app.ON(STARTUP, lambda app: log.append("started"))
    app.ON(SHUTDOWN, lambda app: log.append("stopped"))
    app.ON(STARTUP, lambda app: 1 / 0)
    before = asyncio.all_tasks()
    client = Client(app)
    with pytest.raises(StartupFailed, match="ZeroDivisionError"):
        await client.__aenter__()
    assert ["started", "stopped"] == log
    assert client.is_closed
    assert before == asyncio.all_tasks()
    with pytest.raises(RuntimeError):
        await client.get("/")


async def test_an_outcome_of_the_test_in_startup_is_the_tests() -> None:
    """`pytest.skip` in a startup skips, and `pytest.fail` fails, under their own names."""
    app = App()
    app.ON(STARTUP, lambda app: pytest.skip("no database here"))
    for failing in (app, living(startup=lambda send: pytest.skip("no database here"))):
        with pytest.raises(pytest.skip.Exception, match="no database here"):
            async with Client(failing):
                pytest.fail("it was entered")


# With and without the protocol


async def returning(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await answer(send, b"alive")


@pytest.mark.parametrize("app", [raw(lambda scope, receive, send: answer(send, b"alive")), returning])
async def test_auto_serves_applications_without_lifespan(app: Any) -> None:
    """One that raises or returns at the sight of the scope is served without, as a server does."""
    async with Client(app) as client:
        assert "alive" == (await client.get("/")).text


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (raw(lambda scope, receive, send: answer(send)), "NotImplementedError: no lifespan"),
        (returning, "it ended without an answer"),
    ],
)
async def test_on_demands_a_lifespan(app: Any, reason: str) -> None:
    """`lifespan="on"`: an application without is one that did not start."""
    with pytest.raises(StartupFailed, match=reason):
        async with Client(app, lifespan="on"):
            pytest.fail("it was entered")
    async with Client(living(), lifespan="on") as client:
        assert "alive" == (await client.get("/")).text


async def test_off_leaves_the_lifespan_out() -> None:
    """`lifespan="off"`: no such scope reaches the application."""
    app = living(startup=broken)
    async with Client(app, lifespan="off") as client:
        assert "alive" == (await client.get("/")).text
        await client.shutdown()
        with pytest.raises(httpx.ConnectError):
            await client.get("/")


async def test_starlette_starts_and_stops() -> None:
    """An application of another framework lives as under its own server, its state among the requests."""
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        log.append("startup")
        yield {"pool": "open"}
        log.append("shutdown")

    async def home(request: Any) -> PlainTextResponse:
        return PlainTextResponse(request.state.pool)

    async with Client(Starlette(routes=[Route("/", home)], lifespan=lifespan)) as client:
        assert "open" == (await client.get("/")).text
    assert ["startup", "shutdown"] == log


async def test_an_application_may_return_once_it_started() -> None:
    """One that wants to know nothing of the end is as good as one that has no lifespan."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(send, b"alive")
        else:
            await receive()
            await send({"type": "lifespan.startup.complete"})

    async with Client(app) as client:
        assert "alive" == (await client.get("/")).text


@pytest.mark.parametrize("swallows", [False, True])
async def test_a_broken_rule_of_the_lifespan_fails_the_test(swallows: bool) -> None:
    """Also where the application swallows the error, and waits as if all were well."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await send({"type": "lifespan.startup.done"})
        except ConformanceError:
            if not swallows:
                raise
        await receive()

    begun = time.monotonic()
    with pytest.raises(ConformanceError, match="lifespan.startup.done"):
        async with Client(app, timeout=60):
            pytest.fail("it was entered")
    assert time.monotonic() - begun < 30


async def test_a_broken_rule_of_the_shutdown_fails_the_test() -> None:
    """A second answer to the startup is none to the shutdown."""

    async def again(send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    with pytest.raises(ConformanceError, match="lifespan-once"):
        async with Client(living(shutdown=again)):
            pass


# Entered or not


async def test_a_client_that_was_not_entered_sends_nothing() -> None:
    """The application was not started, and the error says what to do."""
    client = Client(living())
    with pytest.raises(RuntimeError, match="enter the client first"):
        await client.get("/")
    await client.aclose()


async def test_a_client_is_entered_once() -> None:
    """Neither twice at the same time nor again after its end, as with the library."""
    client = Client(living())
    async with client:
        with pytest.raises(RuntimeError, match="more than once"):
            await client.__aenter__()
        assert "alive" == (await client.get("/")).text
    with pytest.raises(RuntimeError, match="reopen"):
        await client.__aenter__()


def test_a_client_stays_on_its_loop() -> None:
    """One that a fixture entered on another loop than the test's would wait for nobody; the error says so."""
    client = Client(living())
    mine, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        mine.run_until_complete(client.__aenter__())
        with pytest.raises(RuntimeError, match="entered on another event loop; give the fixture and the test the same"):
            other.run_until_complete(client.get("/"))
        assert "alive" == mine.run_until_complete(client.get("/")).text
        mine.run_until_complete(client.__aexit__())
    finally:
        mine.close()
        other.close()


async def test_an_application_may_live_again() -> None:
    """Each client gives it a new life."""
    log: list[str] = []
    app = App()
    app.ON(STARTUP, lambda app: log.append("startup"))
    app.ON(SHUTDOWN, lambda app: log.append("shutdown"))
    for _ in range(2):
        async with Client(app):
            pass
    assert 2 * ["startup", "shutdown"] == log
