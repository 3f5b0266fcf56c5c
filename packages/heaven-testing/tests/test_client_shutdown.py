"""The end of a server that still has work: streams learn of it, connections end, and late work is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from client_apps import answer, living, raw
from heaven import SHUTDOWN, App
from heaven_testing import ApplicationTimeout, Client, WebSocketClosed


def noting(log: list[str]) -> App:
    app = App()
    app.ON(SHUTDOWN, lambda app: log.append("shutdown"))
    return app


async def test_shutdown_ends_a_stream_of_events() -> None:
    """As on SIGTERM: the stream learns of it and ends in order, and then the application shuts down."""
    log: list[str] = []
    app = noting(log)

    async def ticks() -> AsyncIterator[str]:
        try:
            while True:
                yield "tick"
                await asyncio.sleep(0.001)
        finally:
            log.append("ticks")

    async def events(req, res, ctx):
        res.events(ticks())

    app.GET("/events", events)
    async with Client(app) as client, client.stream("GET", "/events") as response:
        lines = response.aiter_lines()
        assert "data: tick" == await anext(lines)
        await client.shutdown()
        assert ["ticks", "shutdown"] == log
        rest = [line async for line in lines]
        assert {"data: tick", ""} >= set(rest)


async def test_shutdown_waits_for_a_stream_that_has_an_end() -> None:
    """A response that is on its way arrives whole; the application shuts down after it."""
    log: list[str] = []
    app = noting(log)

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"%d" % number
            await asyncio.sleep(0.001)
        log.append("sent")

    async def stream(req, res, ctx):
        res.stream(pieces(), "text/plain")

    app.GET("/stream", stream)
    async with Client(app) as client, client.stream("GET", "/stream") as response:
        await client.shutdown()
        assert b"01234" == await response.aread()
    assert ["sent", "shutdown"] == log


async def test_shutdown_closes_websockets() -> None:
    """Heaven says 1001 itself, and its handler ends before the shutdown."""
    log: list[str] = []
    app = noting(log)

    async def echo(req, ws, ctx):
        await ws.accept()
        async for message in ws:
            await ws.send_text(message)
        log.append("echo")

    app.WS("/echo", echo)
    async with Client(app) as client, client.ws("/echo") as ws:
        await ws.send_text("hello")
        assert "hello" == await ws.receive_text()
        await client.shutdown()
        with pytest.raises(WebSocketClosed) as caught:
            await ws.receive_text()
    assert 1001 == caught.value.code
    assert ["echo", "shutdown"] == log


async def test_shutdown_closes_websockets_that_stay_open() -> None:
    """An application that does not learn of the end is disconnected by the server, with 1012 as under uvicorn."""
    codes: list[int] = []

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            pass
        codes.append(message["code"])

    async with Client(raw(serve)) as client, client.ws("/") as ws:
        request = asyncio.create_task(client.shutdown())
        with pytest.raises(WebSocketClosed) as caught:
            await ws.receive_text()
        await request
    assert [1012] == codes == [caught.value.code]


async def test_nothing_is_served_after_the_shutdown() -> None:
    """A server that stopped takes no connection; a second shutdown changes nothing, nor does the exit."""
    log: list[str] = []
    app = noting(log)
    async with Client(app) as client:
        await client.shutdown()
        with pytest.raises(httpx.ConnectError, match="it was shut down"):
            await client.get("/")
        with pytest.raises(httpx.ConnectError, match="it was shut down"):
            async with client.ws("/"):
                pass
        await client.shutdown()
    assert ["shutdown"] == log


async def test_a_connection_that_does_not_end_is_cut_and_named() -> None:
    """Shutdown waits as long as it was told to, says who hangs, and shuts the application down all the same."""
    log: list[str] = []
    app = noting(log)

    async def hang(req, res, ctx):
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cut")

    app.GET("/hang", hang)
    async with Client(app) as client:
        request = asyncio.create_task(client.get("/hang"))
        await asyncio.sleep(0)
        with pytest.raises(ApplicationTimeout, match=r"did not finish in 0.2 s: GET /hang waits in hang at"):
            await client.shutdown(timeout=0.2)
        with pytest.raises(httpx.RemoteProtocolError, match="the server closed the connection"):
            await request
    assert ["cut", "shutdown"] == log


async def test_a_response_that_is_cut_breaks_off() -> None:
    """What was read of it is there, and then the connection is gone."""

    async def begin(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"so far", "more_body": True})
        await asyncio.Event().wait()

    read: list[bytes] = []
    async with Client(raw(begin)) as client, client.stream("GET", "/") as response:
        with pytest.raises(ApplicationTimeout):
            await client.shutdown(timeout=0.05)
        with pytest.raises(httpx.RemoteProtocolError, match="the server closed the connection"):
            async for chunk in response.aiter_raw():
                read.append(chunk)
    assert [b"so far"] == read


async def test_a_body_that_is_held_back_does_not_hold_the_end() -> None:
    """The server goes while a request is being sent: the request breaks off, and its body with it."""
    closed = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def read(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with Client(raw(read)) as client:
        request = asyncio.create_task(client.post("/", content=content()))
        await asyncio.sleep(0.01)
    with pytest.raises(httpx.RemoteProtocolError):
        await asyncio.wait_for(request, 5)
    assert closed.is_set()


# Work that goes on after the response


async def test_the_response_comes_before_the_work_that_was_deferred() -> None:
    """A complete response arrives at once, as from a server; `settled()` waits for the rest."""
    log: list[str] = []
    gate = asyncio.Event()
    app = App()

    async def mail() -> None:
        await gate.wait()
        log.append("mailed")

    async def order(req, res, ctx):
        res.defer(mail)
        return "ordered"

    app.POST("/orders", order)
    async with Client(app) as client:
        assert "ordered" == (await client.post("/orders")).text
        assert [] == log
        asyncio.get_running_loop().call_soon(gate.set)
        await client.settled()
        assert ["mailed"] == log
        await client.settled()


async def test_leaving_waits_for_what_was_deferred() -> None:
    """Before the shutdown, whose steps may close what that work needs."""
    log: list[str] = []
    app = noting(log)

    async def mail() -> None:
        await asyncio.sleep(0.02)
        log.append("mailed")

    async def order(req, res, ctx):
        res.defer(mail)

    app.POST("/orders", order)
    async with Client(app) as client:
        await client.post("/orders")
    assert ["mailed", "shutdown"] == log


async def test_settled_names_who_is_not_done() -> None:
    """It waits as long as it is told to; the exit cuts who hangs, and says so once more."""
    with pytest.raises(ApplicationTimeout, match=r"did not finish in 0.1 s: GET /b waits in linger at"):
        async with Client(raw(linger), timeout=0.1) as client:
            assert "done" == (await client.get("/b")).text
            with pytest.raises(ApplicationTimeout, match=r"did not finish in 0.01 s: GET /b waits in linger at"):
                await client.settled(timeout=0.01)


async def test_settled_may_wait_without_limit() -> None:
    """`timeout=None` of the client is no limit, also for the startup and the end."""
    app = App()

    async def mail() -> None:
        await asyncio.sleep(0.01)

    async def order(req, res, ctx):
        res.defer(mail)

    app.POST("/orders", order)
    async with Client(app, timeout=None) as client:
        await client.post("/orders")
        await client.settled()


async def test_a_hang_does_not_hide_a_failed_test() -> None:
    """A test that failed while a request hangs fails with its own error, and in time."""

    async def hang(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    request = None
    with pytest.raises(AssertionError, match="of the test"):
        async with Client(raw(hang), timeout=0.05) as client:
            request = asyncio.create_task(client.get("/"))
            await asyncio.sleep(0)
            raise AssertionError("of the test")
    assert request is not None
    with pytest.raises((httpx.RemoteProtocolError, ApplicationTimeout)):
        await request


async def linger(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, b"done")
    await asyncio.Event().wait()


async def test_what_was_cut_is_no_failure_of_its_own() -> None:
    """A hang was named by the shutdown; that it was cancelled then is nothing the exit has to tell."""
    async with Client(raw(linger)) as client:
        await client.get("/")
        with pytest.raises(ApplicationTimeout, match="GET / waits in linger at"):
            await client.shutdown(timeout=0.05)
        await client.settled()


async def test_late_work_that_hangs_does_not_hide_a_failed_test() -> None:
    """The same where the test has failed: its own error is the one that is raised."""
    with pytest.raises(AssertionError, match="of the test"):
        async with Client(raw(linger), timeout=0.05) as client:
            await client.get("/")
            raise AssertionError("of the test")


async def test_requests_that_are_left_end_with_the_client() -> None:
    """Leaving is a client that goes away: handlers that look see it, and nobody waits longer than that."""
    seen: list[str] = []

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        seen.append((await receive())["type"])

    async with Client(raw(wait)) as client:
        request = asyncio.create_task(client.get("/"))
        await asyncio.sleep(0)
    assert ["http.disconnect"] == seen
    with pytest.raises(httpx.RemoteProtocolError):
        await request


async def test_leaving_waits_for_a_shutdown_that_has_begun() -> None:
    """A shutdown that somebody else waits for is not cut short when the client is left, nor by a second one."""
    steps: list[str] = []
    gate = asyncio.Event()

    async def close(send: Any) -> None:
        steps.append("closing")
        asyncio.get_running_loop().call_later(0.05, gate.set)
        await gate.wait()
        steps.append("closed")

    async with Client(living(shutdown=close)) as client:
        first = asyncio.create_task(client.shutdown())
        while not steps:
            await asyncio.sleep(0)
        await client.shutdown()
        assert ["closing", "closed"] == steps
    await first
    steps.clear()
    gate.clear()
    async with Client(living(shutdown=close)) as client:
        first = asyncio.create_task(client.shutdown())
        while not steps:
            await asyncio.sleep(0)
    assert ["closing", "closed"] == steps
    await first
