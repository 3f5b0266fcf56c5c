"""What the application does wrong reaches the test: broken rules always, exceptions unless the test says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from client_apps import answer, raw, turns
from heaven import App
from heaven_testing import ApplicationTimeout, Client, ConformanceError

START = {"type": "http.response.start", "status": 200, "headers": []}


def sending(*messages: Any, swallow: bool = False, then: Any = None) -> Any:
    """An application that sends messages; it may swallow what that raises, and do something else after it."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            try:
                await send(message)
            except ConformanceError:
                if not swallow:
                    raise
        if then is not None:
            await then()

    return raw(serve)


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise LookupError("of the application")


VIOLATIONS = [
    ([{"type": "http.response.body"}], "http-start-first"),
    ([START, START], "http-start-once"),
    ([{**START, "headers": [("x", "str")]}], "header"),
    ([START, {"type": "http.response.body", "body": "str"}], "http-body-bytes"),
    ([START], "http-unfinished"),
    ([], "http-unanswered"),
]


@pytest.mark.parametrize(("messages", "rule"), VIOLATIONS)
@pytest.mark.parametrize("swallow", [False, True])
@pytest.mark.parametrize("raises", [False, True])
async def test_a_broken_rule_fails_the_test(messages: Any, rule: str, swallow: bool, raises: bool) -> None:
    """Whether the application swallows it or not, and whatever the test thinks of exceptions."""
    async with Client(sending(*messages, swallow=swallow), raise_app_exceptions=raises) as client:
        with pytest.raises(ConformanceError, match=rule):
            await client.get("/")


async def test_a_broken_rule_is_told_while_the_application_goes_on() -> None:
    """The test need not wait until an application that swallowed the error is done; the exit waits no longer than that."""

    async def content() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(16 * 1024)

    with pytest.raises(ApplicationTimeout, match="GET / waits in forever at"):
        async with Client(sending(START, START, swallow=True, then=forever), timeout=0.05) as client:
            with pytest.raises(ConformanceError, match="http-start-once"):
                await client.get("/", timeout=60)
            with pytest.raises(ConformanceError, match="http-start-once"):
                await client.post("/", content=content(), timeout=60)


async def test_what_follows_a_violation_is_not_sent() -> None:
    """The response is not what the application makes of it after the violation."""
    gate = asyncio.Event()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await gate.wait()
        for body in ("str", b"fine"):
            with suppress(ConformanceError):
                await send({"type": "http.response.body", "body": body})

    async with Client(raw(serve)) as client, client.stream("GET", "/") as response:
        assert 200 == response.status_code
        gate.set()
        with pytest.raises(ConformanceError, match="http-body-bytes"):
            await response.aread()


async def test_a_violation_after_the_response_fails_the_exit() -> None:
    """A response is complete when its last part was sent; one more part is seen at the latest when the client is left."""
    gate = asyncio.Event()
    end = {"type": "http.response.body", "body": b"all"}

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(end)
        await gate.wait()
        await send(end)

    with pytest.raises(ConformanceError, match="http-after-end"):
        async with Client(raw(serve)) as client:
            assert "all" == (await client.get("/")).text
            gate.set()
    gate.clear()
    async with Client(raw(serve)) as client:
        assert "all" == (await client.get("/")).text
        gate.set()
        with pytest.raises(ConformanceError, match="http-after-end"):
            await client.settled()


async def test_a_violation_in_a_request_nobody_waits_for_fails_the_exit() -> None:
    """The test cancelled its request, and the application broke a rule before it was told."""
    gate = asyncio.Event()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"all")
        await gate.wait()
        await send({"type": "http.response.nothing"})

    with pytest.raises(ConformanceError, match=r"http.response.nothing"):
        async with Client(raw(serve)) as client:
            for _ in range(2):
                await client.get("/")
            gate.set()


# Exceptions


async def test_an_exception_before_the_response_reaches_the_test() -> None:
    """It is the test's, with its traceback; with `raise_app_exceptions=False` it is a 500 as uvicorn sends it."""
    async with Client(sending(then=fail)) as client:
        with pytest.raises(LookupError, match="of the application"):
            await client.get("/")
    async with Client(sending(then=fail), raise_app_exceptions=False) as client:
        response = await client.get("/")
        assert (500, "Internal Server Error") == (response.status_code, response.text)
        assert [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", "21"),
        ] == response.headers.multi_items()
        async with client.stream("GET", "/", read_chunk=10) as response:
            assert [b"Internal S", b"erver Erro", b"r"] == [chunk async for chunk in response.aiter_raw()]


async def test_a_failed_head_has_no_content() -> None:
    """The 500 that a server sends in answer to HEAD is headers alone."""
    async with Client(sending(then=fail), raise_app_exceptions=False) as client:
        response = await client.head("/")
    assert (500, "21", b"") == (response.status_code, response.headers["content-length"], response.content)


async def test_an_exception_after_the_response_began_breaks_it_off() -> None:
    """Status and content so far are read, then the exception comes, or RemoteProtocolError as from a server."""
    part = {"type": "http.response.body", "body": b"so far", "more_body": True}
    for raises, expected in ((True, LookupError), (False, httpx.RemoteProtocolError)):
        read: list[bytes] = []
        async with Client(sending(START, part, then=fail), raise_app_exceptions=raises) as client:
            async with client.stream("GET", "/") as response:
                assert 200 == response.status_code
                with pytest.raises(expected, match=r"of the application|ended before its response did"):
                    async for chunk in response.aiter_raw():
                        read.append(chunk)
        assert [b"so far"] == read


async def test_an_exception_is_told_once() -> None:
    """What a test has caught does not come again when the client is left."""
    async with Client(sending(then=fail)) as client:
        for _ in range(2):
            with pytest.raises(LookupError):
                await client.get("/")
        await client.settled()


async def test_an_exception_after_the_response_surfaces_in_settled() -> None:
    """Nobody would see it otherwise; with `raise_app_exceptions=False` nobody does."""
    gate = asyncio.Event()

    async def late() -> None:
        await gate.wait()
        raise LookupError("of the application")

    app = sending(START, {"type": "http.response.body", "body": b"all"}, then=late)
    async with Client(app) as client:
        assert "all" == (await client.get("/")).text
        gate.set()
        with pytest.raises(LookupError, match="of the application"):
            await client.settled()
    gate.clear()
    with pytest.raises(LookupError, match="of the application"):
        async with Client(app) as client:
            await client.get("/")
            gate.set()
    gate.clear()
    async with Client(app, raise_app_exceptions=False) as client:
        await client.get("/")
        gate.set()
        await client.settled()


async def test_every_exception_is_told_one_after_the_other() -> None:
    """Two requests that failed behind the test's back are two failures."""
    gate = asyncio.Event()

    async def late() -> None:
        await gate.wait()
        raise LookupError("of the application")

    with pytest.raises(LookupError):
        async with Client(sending(START, {"type": "http.response.body"}, then=late)) as client:
            await client.get("/")
            await client.get("/")
            gate.set()
            with pytest.raises(LookupError):
                await client.settled()


async def test_a_failed_test_is_not_hidden_by_an_exception_of_the_application() -> None:
    """What the application raised late is told only where the test has not failed already."""
    gate = asyncio.Event()

    async def late() -> None:
        await gate.wait()
        raise LookupError("of the application")

    with pytest.raises(AssertionError, match="of the test"):
        async with Client(sending(START, {"type": "http.response.body"}, then=late)) as client:
            await client.get("/")
            gate.set()
            await turns()
            raise AssertionError("of the test")


async def test_heaven_answers_for_itself() -> None:
    """An exception that Heaven made a response of is a response."""
    app = App()
    app.GET("/", lambda req, res, ctx: 1 / 0)
    async with Client(app) as client:
        assert 500 == (await client.get("/")).status_code


# Outcomes of the test, and the end of everything


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("framework", ["heaven", "raw"])
async def test_an_outcome_in_a_handler_is_the_tests(framework: str, raises: bool) -> None:
    """`pytest.fail` in a handler fails the test: it is no exception of the application."""

    async def outcome(*arguments: Any) -> None:
        pytest.fail("in the handler")

    app: Any = raw(outcome)
    if framework == "heaven":
        app = App()
        app.GET("/", outcome)
    async with Client(app, raise_app_exceptions=raises) as client:
        with pytest.raises(pytest.fail.Exception, match="in the handler"):
            await client.get("/")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("late", [False, True])
def test_ctrl_c_ends_everything(kind: type[BaseException], late: bool) -> None:
    """KeyboardInterrupt and SystemExit in the application go through, whether it had something to wait for or not."""

    async def end() -> None:
        if late:
            await asyncio.sleep(0.01)
        raise kind

    async def ask() -> None:
        async with Client(sending(then=end), raise_app_exceptions=False) as client:
            await client.get("/")

    with pytest.raises(kind):
        asyncio.run(ask())


async def test_who_cancels_itself_has_failed() -> None:
    """An application that ends with CancelledError has not answered."""

    async def give_up() -> None:
        raise asyncio.CancelledError

    async with Client(sending(then=give_up), raise_app_exceptions=False) as client:
        assert 500 == (await client.get("/")).status_code


async def test_a_cancellation_of_the_applications_own_is_a_failure() -> None:
    """A CancelledError that the application raises fails the test, in a task group as well, which would swallow it."""

    async def give_up() -> None:
        raise asyncio.CancelledError("the pool is closed")

    async with Client(sending(then=give_up)) as client:
        with pytest.raises(RuntimeError, match="GET /: the application raised CancelledError, and nobody") as failed:
            await client.get("/")
        assert "the pool is closed" == str(failed.value.__cause__)
        with pytest.raises(ExceptionGroup) as group:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(client.get("/"))
        assert group.group_contains(RuntimeError, match="raised CancelledError")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_sends_on_and_on_holds_up_nobody(method: str) -> None:
    """Content that goes nowhere, and is sent without end, leaves the client its timeout."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        while True:
            body = b"x" if scope["method"] == "HEAD" else b""
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async with Client(raw(serve), timeout=0.05) as client:
        with pytest.raises(ApplicationTimeout, match="sent no more of its response"):
            await client.request(method, "/")


async def test_who_sends_on_when_the_client_has_left_holds_up_nobody() -> None:
    """An endless answer that goes on after its client has left is cut at the end, and told of."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    with pytest.raises(ApplicationTimeout, match="did not end after the client left"):
        async with Client(raw(serve), timeout=0.05) as client:
            await client.get("/", disconnect_after_response=10)
