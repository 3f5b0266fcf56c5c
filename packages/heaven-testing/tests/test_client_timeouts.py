"""Five seconds are enough for everything; whoever takes longer is named, and does not hold the test up a second time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from client_apps import answer, raw, turns
from heaven import App
from heaven_testing import ApplicationTimeout, Client

SHORT = 0.05
WAIT = r"\(await asyncio.Event\(\).wait\(\)\)"


async def hang(req: Any, res: Any, ctx: Any) -> None:
    await asyncio.Event().wait()


async def deeper(req: Any, res: Any, ctx: Any) -> None:
    await hang(req, res, ctx)


async def gather(req: Any, res: Any, ctx: Any) -> None:
    await asyncio.gather(asyncio.sleep(0), hang(req, res, ctx))


async def task(req: Any, res: Any, ctx: Any) -> None:
    await asyncio.create_task(hang(req, res, ctx))


async def pieces() -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.Event().wait()


async def iterate(req: Any, res: Any, ctx: Any) -> None:
    async for _ in pieces():
        pass


async def stream(req: Any, res: Any, ctx: Any) -> None:
    res.stream(pieces())


async def events(req: Any, res: Any, ctx: Any) -> None:
    res.events((str(piece) async for piece in pieces()), ping=60)


async def hello(req: Any, res: Any, ctx: Any) -> str:
    return "hello"


async def upload(req: Any, res: Any, ctx: Any) -> int:
    size = 0
    async for chunk in req.stream():
        size += len(chunk)
    return size


@pytest.fixture
def app() -> App:
    """Routes that hang, each in another way."""
    app = App()
    for handler in (hang, deeper, gather, task, iterate, stream, events):
        app.GET(f"/{handler.__name__}", handler)
    app.GET("/hook/before", hello)
    app.BEFORE("/hook/*", hang)
    app.GET("/rescued", lambda req, res, ctx: 1 / 0)

    async def rescue(req, res, ctx, error):
        await hang(req, res, ctx)

    app.ON(ZeroDivisionError, rescue)
    app.POST("/upload", upload, stream=True)
    app.POST("/hang", hang, stream=True)
    app.GET("/hello", hello)
    return app


@pytest.mark.parametrize(
    ("path", "name", "code"),
    [
        ("/hang", "hang", WAIT),
        ("/deeper", "hang", WAIT),
        ("/gather", "hang", WAIT),
        ("/task", "hang", WAIT),
        ("/iterate", "pieces", WAIT),
        ("/hook/before", "hang", WAIT),
        ("/rescued", "hang", WAIT),
    ],
)
async def test_a_hang_is_named(app: App, path: str, name: str, code: str) -> None:
    """Function, file, line and code where the application waits, be it in a handler, a hook or deep below."""
    async with Client(app, timeout=SHORT) as client:
        with pytest.raises(
            ApplicationTimeout,
            match=rf"^GET {path} began no response in 0.05 s: the application waits in {name} at {__file__}:\d+ {code}$",
        ) as caught:
            await client.get(path)
    assert isinstance(caught.value, httpx.ReadTimeout)
    assert path == caught.value.request.url.path


@pytest.mark.parametrize("path", ["/stream", "/events"])
async def test_a_stream_that_hangs_is_named(app: App, path: str) -> None:
    """What came before can be read; the rest does not come, and the generator is told that it was to come from."""
    async with Client(app, timeout=SHORT) as client:
        async with client.stream("GET", path) as response:
            chunks = response.aiter_raw()
            assert b"first" in await anext(chunks)
            with pytest.raises(ApplicationTimeout, match=rf"sent no more of its response in 0.05 s: .*{__file__}:"):
                await anext(chunks)


async def test_a_body_that_nobody_ends_is_named(app: App) -> None:
    """The handler waits for the client: the test's own generator holds the rest back."""

    async def content() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async with Client(app, timeout=SHORT) as client:
        with pytest.raises(
            ApplicationTimeout,
            match=r"began no response in .* waits in upload at .*, for the next message of the client",
        ):
            await client.post("/upload", content=content())


async def test_a_body_that_nobody_reads_is_named(app: App) -> None:
    """The client has more to send, and the application takes nothing."""

    async def content() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(16 * 1024)

    async with Client(app, timeout=SHORT) as client:
        with pytest.raises(
            ApplicationTimeout, match=rf"POST /hang .* in 0.05 s: the application waits in hang at .*{WAIT}"
        ):
            await client.post("/hang", content=content())


async def test_a_body_that_is_no_longer_read_is_named() -> None:
    """The same for one that answered already, and reads no more while the client still sends."""

    async def begin(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    async def content() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(16 * 1024)

    async with Client(raw(begin), timeout=httpx.Timeout(60, read=SHORT)) as client:
        async with client.stream("POST", "/", content=content()) as response:
            with pytest.raises(ApplicationTimeout, match=r"did not read its body|sent no more of its response"):
                await response.aread()


async def test_who_waits_for_the_client_to_read_is_said_to(app: App) -> None:
    """An application that stands in `send` waits for a reader; the test settles before it read."""

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(4):
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
        await send({"type": "http.response.body"})

    async with Client(raw(flood)) as client, client.stream("GET", "/") as response:
        with pytest.raises(ApplicationTimeout, match=r"waits in flood at .*, for the client to read what was sent"):
            await client.settled(timeout=SHORT)
        await response.aread()


async def test_the_client_is_left_without_another_wait(app: App) -> None:
    """What was told once is cut when the client is left, not waited for again."""
    cut: list[str] = []

    async def stubborn(req, res, ctx):
        try:
            await asyncio.Event().wait()
        finally:
            cut.append("cut")

    app.GET("/stubborn", stubborn)
    async with Client(app, timeout=60) as client:
        with pytest.raises(ApplicationTimeout):
            await client.get("/stubborn", timeout=SHORT)
        assert "hello" == (await client.get("/hello")).text
        begun = time.monotonic()
    assert time.monotonic() - begun < 30
    assert ["cut"] == cut


async def test_who_ends_after_all_is_forgotten() -> None:
    """A hang that the leaving of the client ended leaves nothing to cut, and nothing to tell."""
    ended: list[str] = []

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        ended.append((await receive())["type"])
        raise LookupError("nobody waits for this")

    async with Client(raw(late)) as client:
        with pytest.raises(ApplicationTimeout, match="for the next message of the client"):
            await client.get("/", timeout=SHORT)
        await turns()
        assert set() == client._server._given_up
        await client.settled()
    assert ["http.disconnect"] == ended


async def test_seconds_are_those_of_the_client_or_of_the_request(app: App) -> None:
    """`timeout=` of a request goes before that of the client; the library's Timeout counts by its `read`."""
    async with Client(app, timeout=httpx.Timeout(60, read=SHORT)) as client:
        with pytest.raises(ApplicationTimeout, match="in 0.05 s"):
            await client.get("/hang")
        with pytest.raises(ApplicationTimeout, match="in 0.01 s"):
            await client.get("/hang", timeout=0.01)
    assert 5.0 == Client(app).timeout.read


async def test_none_is_no_limit() -> None:
    """`timeout=None` waits as long as it takes."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.02)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.02)
        await send({"type": "http.response.body", "body": b"late"})

    async with Client(raw(slow), timeout=None) as client:
        assert "late" == (await client.get("/")).text
    async with Client(raw(slow), timeout=0.01) as client:
        assert "late" == (await client.get("/", timeout=None)).text


async def test_time_is_counted_from_message_to_message() -> None:
    """A stream may take as long as it likes, as long as something comes."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(20):
            await asyncio.sleep(0.03)
            await send({"type": "http.response.body", "body": b"tick", "more_body": True})
        await send({"type": "http.response.body"})

    async with Client(raw(slow), timeout=0.5) as client:
        assert 20 * "tick" == (await client.get("/")).text


async def test_a_blocked_loop_is_no_hang() -> None:
    """What holds the whole event loop up holds the clock up with it, and is answered after all."""

    async def block(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        time.sleep(0.1)
        await turns()
        await answer(send, b"blocked")

    async with Client(raw(block), timeout=SHORT) as client:
        assert "blocked" == (await client.get("/")).text


async def test_an_application_that_asks_on_and_on_stops_nobody() -> None:
    """One that calls `receive` for ever after the client left gives way to others, and is named when it is given up."""

    async def greedy(scope: Any, receive: Any, send: Any) -> None:
        while True:
            await receive()

    async with Client(greedy, lifespan="off", timeout=0.2) as client:
        with pytest.raises(ApplicationTimeout, match="GET / began no response in 0.2 s"):
            await client.get("/")


async def test_a_test_that_failed_is_not_held_up() -> None:
    """What the application does not finish is cut at once where the test has failed already, and the failure stays."""

    async def stuck(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        async with Client(stuck, lifespan="off", timeout=60) as client, asyncio.timeout(0.05):
            await client.get("/")
    assert asyncio.get_running_loop().time() - began < 30
