from __future__ import annotations

import threading
from functools import partial

import pytest

from heaven import App, HTTPError, NotFound
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.exception_handlers import checked_exception_handlers, rescues
from heaven_contrib.routing.responding.responses import JSONResponse
from heaven_testing import Client

PLACE = "Include /api at shop.py:7"


class OutOfStock(Exception):
    pass


class NoMugs(OutOfStock):
    pass


async def answered(error, handlers):
    """The response to an error, of an application that has these handlers."""

    async def fail(req, res, ctx):
        res.headers["x-failed"] = "yes"
        raise error

    app = App()
    app.GET("/orders", fail)
    app.written.rescues.update(rescues(checked_exception_handlers(handlers, PLACE), PLACE))
    async with Client(app) as client:
        return await client.get("/orders")


async def asynchronous(request, error):
    return {"path": request.path, "error": str(error)}


def synchronous(request, error):
    return {"path": request.path, "error": str(error)}


class Handler:
    async def __call__(self, request, error):
        return {"path": request.path, "error": str(error)}


@pytest.mark.parametrize(
    "handler",
    [asynchronous, synchronous, Handler(), partial(asynchronous), lambda request, error: asynchronous(request, error)],
    ids=["async", "sync", "object", "partial", "coroutine"],
)
@pytest.mark.parametrize("event", [NoMugs, OutOfStock, Exception, 500], ids=["own", "parent", "Exception", "status"])
async def test_the_handler_answers(event, handler):
    """What it returns is the body; the status is the error's as long as nothing else is said."""
    response = await answered(NoMugs("no mugs"), {event: handler})
    assert (500, {"path": "/orders", "error": "no mugs"}) == (response.status_code, response.json())


@pytest.mark.parametrize("event", [404, NotFound, HTTPError, Exception], ids=["status", "own", "parent", "Exception"])
async def test_an_error_with_a_status_is_handled_alike(event):
    """By its class, by its status, and by a handler for all exceptions, since handlers are lexical."""
    response = await answered(NotFound("No such order."), {event: asynchronous})
    assert (404, "404 Not Found: No such order.") == (response.status_code, response.json()["error"])


async def test_a_sync_handler_runs_in_a_thread():
    """What it waits for holds up nobody else."""
    seen = []

    def handle(request, error):
        seen.append(threading.current_thread())

    response = await answered(NoMugs(), {OutOfStock: handle})
    assert threading.main_thread() is not seen[0]
    assert (500, b"") == (response.status_code, response.content)


async def test_a_response_says_itself_what_it_is():
    """Its status and headers win over those of the error."""

    async def handle(request, error):
        return JSONResponse({"sold": "out"}, status_code=409, headers={"retry-after": "60"})

    response = await answered(NoMugs(), {OutOfStock: handle})
    assert (409, {"sold": "out"}, "60") == (response.status_code, response.json(), response.headers["retry-after"])
    assert "x-failed" in response.headers


def test_what_is_checked_can_not_be_changed():
    """The mapping is a copy of the one that was passed."""
    given = {404: asynchronous}
    checked = checked_exception_handlers(given, PLACE)
    given[405] = asynchronous
    assert {404: asynchronous} == dict(checked)
    with pytest.raises(TypeError):
        checked[405] = asynchronous


def test_the_core_knows_where_a_handler_was_said():
    """What is registered has the function that was given, and the place of its level."""
    (rescue,) = rescues({404: synchronous}, PLACE).values()
    assert (404, synchronous, PLACE) == (rescue.event, rescue.function, rescue.place)


def too_few(error): ...


EVENTS = "; give a status code from 400 to 599, or a class of Exception"
CALLED = "; it is called with (request, error), so give a function that takes them"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([asynchronous], "got exception_handlers=[<function asynchronous at"),
        ({200: asynchronous}, f"got an exception handler for 200{EVENTS}"),
        ({600: asynchronous}, f"got an exception handler for 600{EVENTS}"),
        ({True: asynchronous}, f"got an exception handler for True{EVENTS}"),
        ({"404": asynchronous}, f"got an exception handler for '404'{EVENTS}"),
        ({KeyboardInterrupt: asynchronous}, f"got an exception handler for builtins.KeyboardInterrupt{EVENTS}"),
        ({NoMugs("no mugs"): asynchronous}, f"got an exception handler for NoMugs('no mugs'){EVENTS}"),
        ({404: 42}, f"got the exception handler 42 for 404{CALLED}"),
        ({404: too_few}, f"got the exception handler {__name__}.too_few ({__file__}:"),
        ({NoMugs: Handler}, f"got the exception handler {__name__}.Handler for {__name__}.NoMugs{CALLED}"),
    ],
    ids=["list", "200", "600", "bool", "str", "no Exception", "instance", "number", "arguments", "class"],
)
def test_what_is_no_exception_handler_is_refused(value, complaint):
    """The message names what was passed, where, and what would be accepted."""
    with pytest.raises(ImproperlyConfigured) as refused:
        checked_exception_handlers(value, PLACE)
    assert str(refused.value).startswith(f"{PLACE} {complaint}")
