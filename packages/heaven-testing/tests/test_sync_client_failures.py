"""What goes wrong in the application of a sync test reaches the test, and nothing is left of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from client_apps import answer, events, raw
from heaven import SHUTDOWN, STARTUP, App
from heaven_testing import (
    ApplicationTimeout,
    ConformanceError,
    LeakError,
    ShutdownFailed,
    StartupFailed,
    SyncClient,
)


async def hang(req, res, ctx):
    await asyncio.Event().wait()


@pytest.fixture
def client() -> Iterator[SyncClient]:
    """A client of an application that hangs."""
    app = App()
    app.POST("/hang", hang, stream=True)
    app.GET("/hang", hang)
    with SyncClient(app) as client:
        yield client


def test_what_the_application_does_wrong_reaches_the_test() -> None:
    """Exceptions, broken rules though they are swallowed, and outcomes of the test."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/rule":
            try:
                await send({"type": "http.response.body"})
            except ConformanceError:
                await asyncio.sleep(0.05)
        elif scope["path"] == "/outcome":
            pytest.fail("in the handler")
        raise LookupError("of the application")

    with SyncClient(raw(serve)) as client:
        with pytest.raises(LookupError, match="of the application"):
            client.get("/")
        with pytest.raises(LookupError, match="of the application"):
            client.post("/", content=iter([b"one"]))
        with pytest.raises(ConformanceError, match="http-start-first"):
            client.get("/rule")
        with pytest.raises(ConformanceError, match="http-start-first"):
            client.post("/rule", content=iter(100 * [bytes(16_384)]))
        with pytest.raises(pytest.fail.Exception, match="in the handler"):
            client.get("/outcome")
    with SyncClient(raw(serve), raise_app_exceptions=False) as client:
        assert (500, "Internal Server Error") == ((response := client.get("/")).status_code, response.text)
        with pytest.raises(pytest.fail.Exception, match="in the handler"):
            client.get("/outcome")


def test_what_comes_after_the_response_surfaces_in_settled() -> None:
    """A complete response arrives, and what the application raises after it is told later."""
    gate = threading.Event()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"all")
        await asyncio.to_thread(gate.wait)
        raise LookupError("of the application")

    with SyncClient(raw(serve)) as client:
        assert "all" == client.get("/").text
        gate.set()
        with pytest.raises(LookupError, match="of the application"):
            client.settled()


def test_a_hang_is_named_and_left(client: SyncClient) -> None:
    """Function and line where the application waits; the client is left without another wait."""
    with pytest.raises(ApplicationTimeout, match=rf"GET /hang .* waits in hang at {__file__}"):
        client.get("/hang", timeout=0.05)
    with pytest.raises(ApplicationTimeout, match=r"POST /hang did not read its body in 0.05 s: .* waits in hang at"):
        client.post("/hang", content=iter(100 * [bytes(16_384)]), timeout=0.05)


def test_startup_and_shutdown_fail_as_with_the_async_client() -> None:
    """With their causes, and nothing of the client is left."""
    threads = threading.active_count()
    app = App()
    app.ON(STARTUP, lambda app: app.keep("left", True))
    with pytest.raises(LeakError, match="'left'"):
        with SyncClient(app):
            pass
    app.ON(SHUTDOWN, lambda app: 1 / 0)
    with pytest.raises(ShutdownFailed, match="ZeroDivisionError"):
        with SyncClient(app, leaks=()):
            pass
    app.ON(STARTUP, lambda app: 1 / 0)
    client = SyncClient(app)
    with pytest.raises(StartupFailed, match="ZeroDivisionError") as caught:
        client.__enter__()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert client.is_closed
    assert threads == threading.active_count()


def test_a_failed_test_is_not_hidden() -> None:
    """A test that failed fails with its own error, whatever goes wrong after it."""
    app = App()
    app.ON(SHUTDOWN, lambda app: 1 / 0)
    with pytest.raises(AssertionError, match="of the test"):
        with SyncClient(app):
            raise AssertionError("of the test")


def test_shutdown_ends_streams() -> None:
    """As on SIGTERM: the stream of events ends in order; nothing is served after it."""
    app = App()
    app.GET("/events", events)
    with SyncClient(app) as client:
        with client.stream("GET", "/events") as response:
            lines = response.iter_lines()
            next(lines)
            reading = threading.Thread(target=lambda: list(lines))
            reading.start()
            client.shutdown()
            reading.join(10)
            assert not reading.is_alive()
        with pytest.raises(httpx.ConnectError):
            client.get("/events")
