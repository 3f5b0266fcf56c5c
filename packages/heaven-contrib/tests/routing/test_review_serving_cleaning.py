"""When generators are cleaned up: exactly once, after everything that used them, and told what went wrong."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from driver_of_scopes import http_scope
from heaven import HTTPError, WebSocket
from heaven_contrib.routing import BackgroundTask, Gateway, Router, StreamingResponse, get, websocket
from heaven_testing import Client


class Session:
    """A dependency that notes how it was ended."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def opened(self) -> Any:
        try:
            yield self.log
        except BaseException as error:
            self.log.append(f"rolled back on {type(error).__name__}")
            raise
        self.log.append("committed")


def router(session: Session, handler: Any, **levels: Any) -> Router:
    return Router(routes=[Gateway(handler=handler, dependencies={"db": session.opened}, **levels)])


def streaming(session: Session, *, fails: bool = False) -> Any:
    @get("/")
    async def stream(db: Any) -> StreamingResponse:
        async def rows() -> Any:
            try:
                yield b"1"
                if fails:
                    raise ValueError("lost")
                while True:
                    await asyncio.sleep(0.001)
                    yield b"2"
            finally:
                session.log.append("stream ended")

        return StreamingResponse(rows())

    return stream


async def never() -> Any:
    await asyncio.sleep(60)


async def test_a_stream_that_fails_is_a_failure_of_its_session(caplog):
    """What a stream raises once it has begun is raised at the yields of what it used, so that nothing is committed."""
    caplog.set_level(logging.CRITICAL, "heaven.errors")
    session = Session()

    async def send(_message: Any) -> None: ...

    with pytest.raises(ValueError, match="lost"):
        await router(session, streaming(session, fails=True))(http_scope("/"), never, send)
    assert ["stream ended", "rolled back on ValueError"] == session.log


async def test_a_stream_that_is_cancelled_is_a_failure_of_its_session():
    """A server that stops cancels what runs on: generators learn of it, after the stream that used them has ended."""
    session, begun = Session(), asyncio.Event()

    async def send(message: Any) -> None:
        if message.get("body"):
            begun.set()

    serving = asyncio.create_task(router(session, streaming(session))(http_scope("/"), never, send))
    await begun.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert ["stream ended", "rolled back on CancelledError"] == session.log


async def test_a_client_that_leaves_its_stream_is_no_failure():
    """The client may leave when it has read enough: the generators go on to their ends after the stream."""
    session = Session()

    async def send(message: Any) -> None:
        if message.get("body") == b"2":
            raise OSError("the client is gone")

    await router(session, streaming(session))(http_scope("/"), never, send)
    assert ["stream ended", "committed"] == session.log


async def test_an_after_request_hook_that_fails_is_a_failure_of_the_session(caplog):
    """The client gets a 500 for it, so nothing must be committed."""
    caplog.set_level(logging.CRITICAL, "heaven.errors")
    session = Session()

    def fail(request: Any, response: Any) -> None:
        raise ValueError("lost")

    @get("/")
    async def read(db: Any) -> dict[str, Any]:
        return {}

    async with Client(router(session, read, after_request=[fail]), raise_app_exceptions=False) as client:
        assert 500 == (await client.get("/")).status_code
    assert ["rolled back on ValueError"] == session.log


@pytest.mark.parametrize("fails", ["conversion", "hook", "refusal"])
async def test_an_error_in_place_of_the_response_is_a_failure_of_the_session(fails, caplog):
    """What comes after the handler may fail as well: the client has an error, so nothing must be committed."""
    caplog.set_level(logging.CRITICAL, "heaven.errors")
    session = Session()

    @get("/")
    async def read(db: Any) -> Any:
        return object() if fails == "conversion" else {}

    async def after(req: Any, res: Any, ctx: Any) -> None:
        if fails != "conversion":
            raise ValueError("lost") if fails == "hook" else HTTPError(409)

    app = router(session, read)
    app.AFTER("/", after)
    async with Client(app, raise_app_exceptions=False) as client:
        assert (409 if fails == "refusal" else 500) == (await client.get("/")).status_code
    assert ["rolled back on RuntimeError"] == session.log


async def test_a_handler_out_of_time_is_a_failure_of_its_session():
    """The deadline cancels the handler, and the generators are cleaned up once, before the 503 goes out."""
    session = Session()

    @get("/", timeout=0.02)
    async def read(db: Any) -> None:
        await never()

    async with Client(router(session, read)) as client:
        assert 503 == (await client.get("/")).status_code
    assert ["rolled back on CancelledError"] == session.log


async def test_generators_outlive_what_runs_in_the_background():
    """Background work was handed what the generators gave, and they end after it."""
    session = Session()

    @get("/", background=BackgroundTask(session.log.append, "in the background"))
    async def read(db: Any) -> None: ...

    async with Client(router(session, read)) as client:
        await client.get("/")
        await client.settled()
    assert ["in the background", "committed"] == session.log


async def test_cleanup_that_waits_for_something_cancelled_is_logged(caplog):
    """That the thing was cancelled says nothing about the request, so its CancelledError does not leave the application."""

    async def opened() -> Any:
        yield 1
        other = asyncio.create_task(never())
        other.cancel()
        await other

    @get("/", dependencies={"db": opened})
    async def read(db: int) -> dict[str, int]:
        return {"db": db}

    with caplog.at_level(logging.ERROR, "heaven.errors"):
        async with Client(Router(routes=[read])) as client:
            assert {"db": 1} == (await client.get("/")).json()
            await client.settled()
    assert ["a dependency of '/' failed after the response"] == [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("fails", [False, True])
async def test_the_session_of_a_websocket_ends_with_it(fails, caplog):
    """Once, when the handler has returned, or with what it raised."""
    caplog.set_level(logging.CRITICAL, "heaven.errors")
    session = Session()

    @websocket("/")
    async def talk(socket: WebSocket, db: Any) -> None:
        await socket.accept()
        await socket.send_text("hello")
        if fails:
            raise ValueError("lost")

    app = Router(routes=[talk], dependencies={"db": session.opened})
    async with Client(app, raise_app_exceptions=False) as client:
        async with client.ws("/") as socket:
            assert "hello" == await socket.receive_text()
        await client.settled()
    assert (["rolled back on ValueError"] if fails else ["committed"]) == session.log
