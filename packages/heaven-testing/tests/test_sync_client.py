"""The client of sync tests: the same as the async one, with the application on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from client_apps import answer, events, raw
from heaven import App
from heaven_testing import (
    ApplicationTimeout,
    Disconnected,
    Response,
    SyncClient,
)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true, and fail when that takes too long."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


async def echo(req, res, ctx):
    return {
        "method": req.method,
        "query": req.scope["query_string"].decode(),
        "body": (req.body or b"").decode(),
        "cookies": dict(req.cookies),
        "host": req.host,
    }


async def bounce(req, res, ctx):
    res.cookie("seen", "yes", secure=False)
    res.redirect("/echo")


async def upload(req, res, ctx):
    return [chunk.decode() async for chunk in req.stream()]


async def hang(req, res, ctx):
    await asyncio.Event().wait()


@pytest.fixture
def app() -> App:
    """Echoes, uploads, streams."""
    app = App()
    for method in METHODS:
        if method != "HEAD":
            getattr(app, method)("/echo", echo)
    app.GET("/bounce", bounce)
    app.POST("/upload", upload, stream=True)
    app.POST("/hang", hang, stream=True)
    app.GET("/events", events)
    app.GET("/hang", hang)
    return app


@pytest.fixture
def client(app: App) -> Iterator[SyncClient]:
    """A client of it."""
    with SyncClient(app) as client:
        yield client


# The library's ways


@pytest.mark.parametrize("method", METHODS)
def test_each_method_of_the_library_sends_its_own(client: SyncClient, method: str) -> None:
    """`client.get` sends GET, and so on; the response is the one that knows its trace."""
    response = getattr(client, method.lower())("/echo")
    assert isinstance(response, Response)
    assert ("" if method == "HEAD" else method) == (response.json()["method"] if response.content else "")
    assert response.trace is not None
    assert ["HANDLER echo"] == response.trace.names


def test_requests_are_made_by_the_library(client: SyncClient) -> None:
    """params, json, cookies, redirects, hosts: what `httpx.Client` does."""
    assert "a=1" == client.get("/echo", params={"a": 1}).json()["query"]
    assert '{"b":2}' == client.post("/echo", json={"b": 2}).json()["body"]
    response = client.get("/bounce", follow_redirects=True)
    assert ([302], {"seen": "yes"}) == ([each.status_code for each in response.history], response.json()["cookies"])
    assert "api.shop.test" == client.get("http://api.shop.test/echo").json()["host"]
    client.base_url = httpx.URL("http://other.test")
    assert "other.test" == client.get("/echo").json()["host"]


def test_a_stream_is_read_as_it_comes_and_left(client: SyncClient) -> None:
    """An endless stream of events, read line by line; leaving it ends it."""
    with client.stream("GET", "/events") as response:
        lines = response.iter_lines()
        assert ["data: 0", "", "data: 1", ""] == [next(lines) for _ in range(4)]
    client.settled()


def test_a_body_is_made_in_the_thread_of_the_test(client: SyncClient) -> None:
    """The iterator runs where the test runs, piece by piece, each when there is room for it."""
    threads: set[threading.Thread] = set()

    def content() -> Iterator[bytes]:
        for piece in (b"one", b"two"):
            threads.add(threading.current_thread())
            yield piece

    assert "onetwo" == "".join(client.post("/upload", content=content()).json())
    assert {threading.current_thread()} == threads


def test_a_body_is_seen_as_it_comes(app: App) -> None:
    """The handler has each chunk before the test makes the next one."""
    seen: list[bytes] = []

    async def note(req, res, ctx):
        async for chunk in req.stream():
            seen.append(chunk)

    def content() -> Iterator[bytes]:
        for number in range(3):
            yield b"%d" % number
            until(lambda number=number: len(seen) == number + 1)

    app.POST("/note", note, stream=True)
    with SyncClient(app) as client:
        assert 200 == client.post("/note", content=content()).status_code
    assert [b"0", b"1", b"2"] == seen


def test_an_application_is_no_further_ahead_than_a_server_lets_it() -> None:
    """10 MiB for a client that does not read: at most 128 KiB are taken."""
    sent = 0

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while sent < 10 * 1024 * 1024:
            await send({"type": "http.response.body", "body": bytes(16_384), "more_body": True})
            sent += 16_384
        await send({"type": "http.response.body", "body": b""})

    with SyncClient(raw(flood)) as client, client.stream("GET", "/") as response:
        until(lambda: sent > 65_536)
        assert sent <= 131_072
        assert 10 * 1024 * 1024 == len(response.read())


def test_an_answer_may_come_before_the_body_was_made() -> None:
    """What an application does not want is not made."""
    made = 0

    def content() -> Iterator[bytes]:
        nonlocal made
        while made < 10 * 1024 * 1024:
            made += 16_384
            yield bytes(16_384)

    with SyncClient(raw(lambda scope, receive, send: answer(send, b"no", 413))) as client:
        assert 413 == client.post("/", content=content()).status_code
    assert made <= 131_072


def test_a_body_that_cannot_be_made_fails_with_its_own_error(client: SyncClient) -> None:
    """What the iterator raises is the test's, and the application sees its client leave."""

    def content() -> Iterator[bytes]:
        yield b"one"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        client.post("/upload", content=content())
    client.settled()


def test_an_async_iterator_is_no_body_of_a_sync_request(client: SyncClient) -> None:
    """There is no loop in the test that could read it; the error says what to give."""

    async def content() -> AsyncIterator[bytes]:
        yield b"one"

    request = client.build_request("POST", "/upload", content=content())
    with pytest.raises(RuntimeError, match="async request"):
        client.send(request)
    with pytest.raises(TypeError, match="read with `for`"):
        client._transport.handle_request(request)


# Faults


def test_faults_are_those_of_the_async_client(client: SyncClient) -> None:
    """Leaving half-way, in both directions, and pieces of a given size."""
    with pytest.raises(Disconnected, match="after 3 bytes of its body"):
        client.post("/upload", content=b"0123456789", disconnect_after=3)
    with pytest.raises(Disconnected, match="after 5 bytes of its body"):
        client.post("/upload", content=iter([b"012", b"3456", b"789"]), disconnect_after=5)
    with pytest.raises(Disconnected, match="after 5 bytes of the response"):
        client.get("/events", disconnect_after_response=5)
    with pytest.raises(ValueError, match="the body has only 10 bytes"):
        client.post("/upload", content=iter([b"0123456789"]), disconnect_after=11)
    assert ["0123", "4567", "89"] == [
        each for each in client.post("/upload", content=b"0123456789", send_chunk=4, send_delay=0.001).json() if each
    ]
    with client.stream("POST", "/upload", content=b"0123", read_chunk=4) as response:
        assert [b'["01', b'23"]'] == list(response.iter_raw())


# A life of its own


def test_the_application_runs_between_requests(app: App) -> None:
    """Daemons and deferred work go on while the test does something else."""
    beats: list[threading.Thread] = []

    async def beat(app: App) -> None:
        beats.append(threading.current_thread())

    app.DAEMON(beat, every=0.001)
    with SyncClient(app):
        until(lambda: len(beats) >= 3)
        assert "heaven-testing" == beats[0].name
        assert threading.current_thread() not in beats


def test_two_threads_may_ask_at_once(app: App) -> None:
    """One client, two threads: both requests are served side by side."""
    both: list[asyncio.Barrier] = []

    async def meet(req, res, ctx):
        if not both:
            both.append(asyncio.Barrier(2))
        await both[0].wait()
        return "met"

    app.GET("/meet", meet)
    with SyncClient(app) as client, concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(client.get, "/meet") for _ in range(2)]
        assert ["met", "met"] == [each.result(10).text for each in asked]


def test_ctrl_c_ends_the_waiting(app: App) -> None:
    """KeyboardInterrupt reaches the test at once, and the request it waited for is left."""
    left = threading.Event()
    main = threading.main_thread().ident

    async def wait(req, res, ctx):
        signal.pthread_kill(main, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    app.GET("/wait", wait)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            with SyncClient(app, timeout=0.5) as client:
                client.get("/wait", timeout=60)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert left.is_set()


@pytest.mark.parametrize("late", [False, True])
def test_sys_exit_in_a_handler_reaches_the_test(late: bool) -> None:
    """It ends neither the thread nor the loop in which the application runs, and the test does not wait for ever."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/exit":
            if late:
                await asyncio.sleep(0.001)
            raise SystemExit(3)
        if scope["path"] == "/task":
            await asyncio.create_task(serve({"path": "/exit"}, receive, send))
        await answer(send, b"alive")

    with SyncClient(raw(serve)) as client:
        for path in ("/exit", "/task"):
            with pytest.raises(SystemExit):
                client.get(path)
            assert "alive" == client.get("/").text


def test_a_client_is_entered_once(app: App) -> None:
    """Neither twice at the same time nor again after its end, as with the library."""
    client = SyncClient(app)
    with pytest.raises(RuntimeError, match="enter the client first"):
        client.get("/echo")
    client = SyncClient(app)
    with client:
        with pytest.raises(RuntimeError, match="more than once"):
            client.__enter__()
        assert 200 == client.get("/echo").status_code
    with pytest.raises(RuntimeError, match="reopen"):
        client.__enter__()


def test_a_client_that_was_not_entered_cannot_be_left(app: App) -> None:
    """There is nothing to stop, and the error says what was forgotten."""
    with pytest.raises(RuntimeError, match="enter the client first"):
        SyncClient(app).__exit__()


async def test_it_may_be_used_where_a_loop_runs(app: App) -> None:
    """In an async test it blocks the test's loop, and not the application's."""
    with SyncClient(app) as client:
        assert 200 == client.get("/echo").status_code


def test_an_application_that_blocks_its_loop_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that blocks in sync code neither hangs the test nor hides what the test itself failed with."""
    monkeypatch.setattr("heaven_testing.clients.sync_client.PATIENCE", 0.05)
    gate = threading.Event()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        gate.wait()

    try:
        with pytest.raises(ApplicationTimeout, match=r"kept its event loop .* 0.05 s: it is in serve at .*gate.wait"):
            with SyncClient(raw(serve), timeout=0.05, leaks=()) as client:
                client.get("/")
        with pytest.raises(LookupError, match="the test's own"):
            with SyncClient(raw(serve), timeout=0.05, leaks=()) as client:
                with pytest.raises(ApplicationTimeout):
                    client.get("/")
                raise LookupError("the test's own")
        with pytest.raises(ApplicationTimeout, match="kept its event loop"):
            with SyncClient(raw(serve), timeout=0.05, leaks=()) as client:
                with pytest.raises(ApplicationTimeout):
                    client.get("/")
    finally:
        gate.set()


def test_what_is_closed_after_the_client_is_closed_already() -> None:
    """Responses and WebSockets that the test closes when the client was left close without an error, as async ones."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        while not (await receive())["type"].endswith(".disconnect"):
            pass

    with ExitStack() as later:
        with SyncClient(raw(serve)) as client:
            response = client.send(client.build_request("GET", "/"), stream=True)
            later.callback(response.close)
            socket = later.enter_context(client.ws("/"))
        with pytest.raises(RuntimeError, match="the client was left"):
            socket.receive()
    assert response.is_closed
