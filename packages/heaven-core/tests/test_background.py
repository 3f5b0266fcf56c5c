"""Deferred work: after the response, in order, and each on its own account."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

import driver
from heaven import App, HTTPError
from heaven.errors import BackgroundError


async def run(handler: Any, *, events: list[str], on: Any = None, send_fails: bool = False) -> None:
    """One request whose sends are written down among what was deferred."""
    app = App()
    app.GET("/", handler)
    if on is not None:
        app.ON(*on)

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        events.append(message["type"])
        if send_fails:
            raise BrokenPipeError

    await app(driver.http_scope(), receive, send)


SENT = ["http.response.start", "http.response.body"]


async def test_deferred_work_runs_after_the_response_in_order() -> None:
    """Sync and async functions, with their arguments, in the order they were deferred."""
    events: list[str] = []

    async def later(text: str, *, end: str) -> None:
        await asyncio.sleep(0)
        events.append(text + end)

    await run(
        lambda req, res, ctx: (
            res.defer(later, "a", end="1").defer(events.append, "b").defer(functools.partial(later, "c"), end="2")
        ),
        events=events,
    )

    assert [*SENT, "a1", "b", "c2"] == events


@pytest.mark.parametrize("failing", [lambda: 1 / 0, None])
async def test_one_that_fails_is_logged_and_reported_and_the_next_one_runs(failing: Any, caplog: Any) -> None:
    """ON(BackgroundError) gets the error with its cause and function; the log has it too."""
    events: list[str] = []
    reported: list[Any] = []

    async def failing_async() -> None:
        raise ZeroDivisionError

    function = failing or failing_async
    on = (BackgroundError, lambda req, res, ctx, error: reported.append((error.function, type(error.__cause__))))
    await run(lambda req, res, ctx: res.defer(function).defer(events.append, "next"), events=events, on=on)

    assert ([*SENT, "next"], [(function, ZeroDivisionError)]) == (events, reported)
    assert [("heaven.background", True)] == [
        (r.name, "failed in the background" in r.getMessage()) for r in caplog.records
    ]


async def test_a_failing_report_goes_to_the_next_less_specific(caplog: Any) -> None:
    """And is logged; a handler for 500 is for responses, and this one was sent."""
    reported: list[str] = []
    app = App()
    app.GET("/", lambda req, res, ctx: res.defer(lambda: 1 / 0))
    app.ON(BackgroundError, lambda req, res, ctx, error: 1 / 0)
    app.ON(Exception, lambda req, res, ctx, error: reported.append("any"))
    app.ON(500, lambda req, res, ctx, error: reported.append("500"))
    await driver.request(app)
    assert (["any"], 2) == (reported, len(caplog.records))

    app.ON(Exception, lambda req, res, ctx, error: 1 / 0)
    await driver.request(app)
    assert ["any"] == reported


@pytest.mark.parametrize("error", [HTTPError(409), ValueError()])
async def test_deferred_work_is_dropped_where_the_request_fails(error: Exception) -> None:
    """An order that was not created sends no mail; what the error handler defers is done."""
    events: list[str] = []

    def handler(req: Any, res: Any, ctx: Any) -> None:
        res.defer(events.append, "dropped")
        raise error

    def answer(req: Any, res: Any, ctx: Any, error: Any) -> None:
        res.defer(events.append, "kept")

    await run(handler, events=events, on=(type(error), answer))

    assert [*SENT, "kept"] == events


async def test_deferred_work_is_dropped_where_the_body_cant_be_sent() -> None:
    """A body that can't be encoded is a request that failed."""
    events: list[str] = []
    await run(lambda req, res, ctx: res.defer(events.append, "dropped").out(200, object()), events=events)

    assert SENT == events


async def test_deferred_work_runs_after_an_abort() -> None:
    """res.abort is an ending that somebody chose."""
    events: list[str] = []
    await run(lambda req, res, ctx: res.defer(events.append, "kept").abort(), events=events)

    assert [*SENT, "kept"] == events


async def test_deferred_work_runs_though_the_client_left_before_its_response() -> None:
    """The handler succeeded; most servers don't even tell that nobody heard of it."""
    events: list[str] = []
    await run(lambda req, res, ctx: res.defer(events.append, "kept"), events=events, send_fails=True)

    assert ["http.response.start", "kept"] == events


async def test_after_hooks_may_defer() -> None:
    """They run before the response is sent, so there is still time."""
    events: list[str] = []
    app = App()
    app.GET("/", lambda req, res, ctx: None)
    app.AFTER("/", lambda req, res, ctx: res.defer(events.append, "x") and None)
    await driver.request(app)

    assert ["x"] == events


async def test_a_deferred_function_that_waited_for_something_cancelled_is_reported_as_any_other(caplog: Any) -> None:
    """A CancelledError that is not the request's own ends one function, and the next one runs."""
    ran: list[str] = []

    async def waits() -> None:
        other = asyncio.create_task(asyncio.sleep(60))
        other.cancel()
        await other

    app = App()
    app.GET("/", lambda req, res, ctx: res.defer(waits).defer(ran.append, "next"))

    assert 200 == (await driver.request(app)).status
    assert ["next"] == ran
    assert "waits failed in the background" in caplog.text


async def test_a_request_that_is_cancelled_while_something_is_deferred_stays_cancelled() -> None:
    """Its own cancellation is passed on, and nothing more is called."""
    ran: list[str] = []
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.sleep(60)

    app = App()
    app.GET("/", lambda req, res, ctx: res.defer(waits).defer(ran.append, "next"))
    task = asyncio.create_task(driver.request(app))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert [] == ran
