"""Errors: who answers them, what the client sees of them, and what the log says."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import driver
from heaven import App, HTTPError, ValidationError
from heaven.declaring.registrations import Rescue
from heaven.errors import Abort, BadRequest, ClientDisconnected, NotFound
from heaven.serving.recovery import Recovery, unwrapped

CANARY = "s3cret-canary"


class ShopError(Exception):
    """An exception of an application's own."""


class OrderMissing(ShopError):
    """A more specific one."""


class Gone(HTTPError):
    """An answer of an application's own."""

    def __init__(self) -> None:
        super().__init__(410, "It was here.")


def failing(error: BaseException, **on: Any) -> App:
    """An application whose one route fails."""
    app = App()

    @app.GET("/")
    async def handler(req: Any, res: Any, ctx: Any) -> None:
        raise error

    return app


def saying(text: str, status: int | None = None) -> Any:
    """An error handler that answers with a text."""

    async def handler(req: Any, res: Any, ctx: Any, error: Any) -> str:
        if status is not None:
            res.status = status
        return text

    return handler


def broken(req: Any, res: Any, ctx: Any, error: Any) -> None:
    """An error handler that fails."""
    raise RuntimeError("the error handler broke")


# Who answers


@pytest.mark.parametrize(
    ("events", "error", "expected"),
    [
        ({OrderMissing: "order", ShopError: "shop", Exception: "any", 500: "500"}, OrderMissing(), "order"),
        ({ShopError: "shop", Exception: "any", 500: "500"}, OrderMissing(), "shop"),
        ({Exception: "any", 500: "500"}, OrderMissing(), "any"),
        ({500: "500"}, OrderMissing(), "500"),
        ({Gone: "gone", HTTPError: "http", 410: "410"}, Gone(), "gone"),
        ({HTTPError: "http", 410: "410"}, Gone(), "http"),
        ({Exception: "any", 410: "410"}, Gone(), "410"),
        ({404: "404", Exception: "any"}, NotFound(), "404"),
    ],
)
async def test_the_most_specific_handler_answers(events: Any, error: Any, expected: str) -> None:
    """By class along the MRO, then by status; handlers for Exception at large don't see answers."""
    app = failing(error)
    for event, text in events.items():
        app.ON(event, saying(text))

    assert expected == (await driver.request(app)).text


async def test_a_status_comes_with_the_error_unless_the_handler_sets_another() -> None:
    """500 for an exception, the HTTPError's own for an answer, and headers of the error stay."""
    app = failing(HTTPError(429, headers={"retry-after": "3"}))
    app.ON(429, saying("slow down"))
    reply = await driver.request(app)
    assert (429, "3", "slow down") == (reply.status, reply.headers["retry-after"], reply.text)

    app = failing(OrderMissing())
    app.ON(OrderMissing, saying("no such order", 404))
    assert 404 == (await driver.request(app)).status


async def test_what_an_error_handler_fails_on_goes_to_the_next_less_specific(caplog: Any) -> None:
    """Its own failure is logged, and the next one answers; at last the plain 500."""
    app = failing(OrderMissing())
    app.ON(OrderMissing, broken)
    app.ON(ShopError, saying("shop"))
    assert "shop" == (await driver.request(app)).text

    app.ON(ShopError, broken)
    app.ON(Exception, broken)
    app.ON(500, broken)
    reply = await driver.request(app)
    assert (500, "application/problem+json") == (reply.status, reply.headers["content-type"])
    assert "the error handler at" in caplog.text


@pytest.mark.parametrize(("event", "logged"), [(500, True), (Exception, True), (ShopError, False)])
async def test_what_a_handler_for_everything_answers_is_logged_all_the_same(
    event: Any, logged: bool, caplog: Any
) -> None:
    """A handler for one class knows what it answers; one for 500 or Exception would hide what nobody thought of."""
    app = failing(ShopError("sold out"))
    app.ON(event, saying("sorry"))

    assert "sorry" == (await driver.request(app)).text
    assert logged is ("sold out" in caplog.text)


async def test_a_handler_that_left_traces_before_it_failed_leaves_none() -> None:
    """The status, body and representation headers of a failed error handler are gone."""

    def half(req: Any, res: Any, ctx: Any, error: Any) -> None:
        res.out(418, "half", {"etag": '"half"'})
        raise RuntimeError

    app = failing(OrderMissing())
    app.ON(OrderMissing, half)
    app.ON(ShopError, lambda req, res, ctx, error: None)
    reply = await driver.request(app)

    assert (500, b"", False) == (reply.status, reply.body, "etag" in reply.headers)


async def test_the_innermost_application_answers_first() -> None:
    """A mounted child's handler is nearer than its parent's, and what it has none for goes to the parent."""
    child, parent = failing(OrderMissing()), App()
    parent.mount(child, "/shop")
    parent.ON(ShopError, saying("parent"))
    assert "parent" == (await driver.request(parent, "GET", "/shop")).text
    child.ON(Exception, saying("child"))
    assert "child" == (await driver.request(parent, "GET", "/shop")).text


async def test_an_error_handler_may_abort(caplog: Any) -> None:
    """res.abort in an error handler settles the response; what ON(500) answered is logged all the same."""
    app = failing(OrderMissing())
    app.ON(500, lambda req, res, ctx, error: res.abort("sorry", 503))
    reply = await driver.request(app)

    assert (503, "sorry", 1) == (reply.status, reply.text, len(caplog.records))


async def test_an_answer_replaced_by_status_is_not_logged(caplog: Any) -> None:
    """HTTPErrors are answers that somebody chose, 500 among them."""
    app = failing(HTTPError(500, "On purpose."))
    assert "On purpose." == (await driver.request(app)).json["detail"]
    app.ON(500, saying("x"))
    await driver.request(app)

    assert [] == caplog.records


# Groups


async def test_a_group_of_one_is_unwrapped() -> None:
    """What a task group raised alone is found by its handler; abort inside one is an abort."""
    app = failing(ExceptionGroup("g", [ExceptionGroup("h", [OrderMissing()])]))
    app.ON(OrderMissing, saying("order"))
    assert "order" == (await driver.request(app)).text

    aborting = failing(ExceptionGroup("g", [Abort()]))
    aborting.AFTER("/", lambda req, res, ctx: res.header("x-outcome", res.outcome))
    assert "aborted" == (await driver.request(aborting)).headers["x-outcome"]
    assert [] == (await driver.request(failing(ExceptionGroup("g", [ClientDisconnected()])))).messages


async def test_a_real_group_is_not_collapsed() -> None:
    """Two errors are a group, which handlers can ask for."""
    group = ExceptionGroup("g", [OrderMissing(), ValueError()])
    app = failing(group)
    app.ON(OrderMissing, saying("order"))
    assert 500 == (await driver.request(app)).status
    app.ON(ExceptionGroup, saying("group"))
    assert "group" == (await driver.request(app)).text
    assert group is unwrapped(group)


# What the client sees


@pytest.mark.parametrize("accept", [None, "text/html", "application/json", "*/*"])
@pytest.mark.parametrize(
    "error", [ValueError(CANARY), KeyError(CANARY), ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(CANARY)])]
)
async def test_the_text_of_an_exception_never_reaches_a_client(
    error: Exception, accept: str | None, caplog: Any
) -> None:
    """Class 38: a canary is in no header and no body with debug off, and it is in the log."""
    reply = await driver.request(failing(error), "GET", "/", {"accept": accept} if accept else None)

    assert 500 == reply.status
    assert CANARY not in str(reply.messages)
    assert CANARY in caplog.text


@pytest.mark.parametrize("where", ["before", "after", "encode", "on", "stream", "deferred", "validate"])
async def test_the_canary_is_nowhere_wherever_it_was_raised(where: str, caplog: Any) -> None:
    """Class 38, at every place where an application's own code runs."""
    app = App()

    def fail(*_: Any) -> Any:
        raise ValueError(CANARY)

    class Body:
        async def deliver(self, req: Any, res: Any, send: Any) -> None:
            fail()

    app.GET(
        "/", lambda req, res, ctx: Body() if where == "stream" else {CANARY: object()} if where == "encode" else None
    )
    if where == "before":
        app.BEFORE("/", fail)
    if where == "after":
        app.AFTER("/", fail)
    if where == "on":
        app.BEFORE("/", lambda req, res, ctx: 1 / 0)
        app.ON(ZeroDivisionError, fail)
    if where == "deferred":
        app.BEFORE("/", lambda req, res, ctx: res.defer(fail))
    reply = await driver.request(app)

    assert (200 if where in ("deferred", "validate") else 500) == reply.status
    assert CANARY not in str(reply.messages)


@pytest.mark.parametrize("accept", ["text/html", None])
async def test_a_traceback_is_shown_with_debug_alone_and_escaped(accept: str | None) -> None:
    """Class 21: with debug=True the client sees the traceback, and HTML in it is text."""
    app = App(debug=True)

    @app.GET("/")
    async def handler(req: Any, res: Any, ctx: Any) -> None:
        raise ValueError("<script>alert(1)</script>\ud800")

    reply = await driver.request(app, "GET", "/", {"accept": accept} if accept else None)

    assert (500, True, True) == (reply.status, "Traceback" in reply.text, "\\ud800" in reply.text)
    if accept:
        assert ("text/html; charset=utf-8", False) == (reply.headers["content-type"], "<script>" in reply.text)


@pytest.mark.parametrize(
    "error",
    [
        HTTPError(400, headers={"x-bad": "a\r\nset-cookie: b=1"}),
        HTTPError(400, "\ud800"),
        HTTPError(400, errors=[{"loc": [object()], "msg": "x"}]),
        HTTPError(400, errors=["no mapping, which JSON can show and a page can't"]),  # type: ignore[list-item]
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_an_error_that_cant_be_shown_is_a_plain_500(error: HTTPError, accept: str, caplog: Any) -> None:
    """What a handler put into an error may be wrong itself; then it is logged, and there is still a response."""
    reply = await driver.request(failing(error), "GET", "/", {"accept": accept})

    shown = bool(error.errors) and isinstance(error.errors[0], str) != (accept == "text/html")
    assert (400 if shown else 500) == reply.status
    assert shown or "can't be shown to the client" in caplog.text


async def test_an_exception_without_a_readable_text_is_answered(caplog: Any) -> None:
    """__str__ and __repr__ that fail keep nobody from an answer."""

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    for debug in (False, True):
        app = App(debug=debug)
        app.GET("/", lambda req, res, ctx: (_ for _ in ()).throw(Unspeakable()))
        assert 500 == (await driver.request(app)).status


async def test_a_subclass_that_forgets_its_parents_init_is_still_an_answer() -> None:
    """An HTTPError without a status of its own is a 500."""

    class Careless(HTTPError):
        def __init__(self) -> None:
            pass

    reply = await driver.request(failing(Careless()))

    assert {"type": "about:blank", "title": "Internal Server Error", "status": 500} == reply.json


async def test_a_validation_error_shows_all_errors() -> None:
    """422 has every error with loc and msg."""
    errors = [{"loc": ["a", 0], "msg": "m"}, {"loc": ["b"], "msg": "n"}]
    reply = await driver.request(failing(ValidationError(errors)))

    assert (422, errors) == (reply.status, reply.json["errors"])


# What the log says


async def test_a_failure_is_logged_once(caplog: Any) -> None:
    """One record, on heaven.errors, with the exception."""
    error = ValueError("x")
    await driver.request(failing(error))

    assert [("heaven.errors", "GET '/' failed", error)] == [
        (r.name, r.getMessage(), r.exc_info[1]) for r in caplog.records
    ]


@pytest.mark.parametrize("error", [BadRequest(), NotFound(), ValidationError([])])
async def test_an_answer_is_not_logged(error: HTTPError, caplog: Any) -> None:
    """What a client did wrong is no error of the server."""
    await driver.request(failing(error))

    assert [] == caplog.records


async def test_an_answer_from_500_on_says_what_caused_it(caplog: Any) -> None:
    """One line without a traceback: which answer, and what it came from in the first place."""
    error = HTTPError(503, "Come back later.")
    error.__cause__ = OSError("in between")
    error.__cause__.__cause__ = ConnectionRefusedError(111, "refused")
    await driver.request(failing(error))
    await driver.request(failing(HTTPError(503)))

    (record,) = caplog.records
    assert ("WARNING", None) == (record.levelname, record.exc_info)
    expected = "GET '/': 503 Service Unavailable: Come back later. (ConnectionRefusedError(111, 'refused'))"
    assert expected == record.getMessage()


async def test_an_answer_that_is_its_own_cause_is_logged_too(caplog: Any) -> None:
    """`raise error from error` makes a circle of the chain of causes, which is followed once."""
    error = HTTPError(503)
    error.__cause__ = error
    reply = await driver.request(failing(error))

    assert (503, 1) == (reply.status, len(caplog.records))


async def test_nobody_outside_can_forge_a_line_of_the_log(caplog: Any) -> None:
    """Class 44: CR, LF and ESC in a path or an exception are escaped or indented."""
    app = App()
    evil = "\r\n2030-01-01 INFO forged\x1b[2J\x9b\u2028"

    @app.GET("/*")
    async def handler(req: Any, res: Any, ctx: Any) -> None:
        raise ValueError(req.params["*"])

    await driver.request(app, "GET", "/x", path="/x" + evil, raw_path=b"/x")
    written = logging.Formatter("%(levelname)s %(message)s").format(caplog.records[0])

    assert [] == [character for character in "\r\x1b\x9b\u2028" if character in written]
    assert ["ERROR"] == [line.split()[0] for line in written.split("\n") if not line.startswith("  ")]


async def test_recovery_can_be_asked_who_would_answer() -> None:
    """What has no handler costs nothing: the wiring asks once."""
    rescue = Rescue(404, print, saying("x"), "here")
    recovery = Recovery([{404: rescue}])

    assert ([rescue], [], []) == (
        recovery.handlers(NotFound()),
        recovery.handlers(ValueError()),
        recovery.handlers(BadRequest()),
    )
