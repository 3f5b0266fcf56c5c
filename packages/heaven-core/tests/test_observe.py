"""Observers: what of a request's way they are shown, what they may put around it, and that others pay nothing."""

from __future__ import annotations

import doctest
import importlib

import pytest

from driver import request
from heaven import App, NotFound, RegistrationError, Step
from heaven.callables import place_of
from sockets import talk
from test_mounting import passing


def recording(log):
    """An observer that writes down what runs, before and after."""

    def observer(step, call):
        async def observed(*arguments):
            log.append(f"{step.kind} {step.name.rpartition('.')[2]} {step.pattern}")
            try:
                return await call(*arguments)
            finally:
                log.append(f"end {step.kind}")

        return observed

    return observer


def steps(log):
    return [line for line in log if not line.startswith("end ")]


def guard(req, res, ctx): ...


def read(req, res, ctx):
    return "read"


def fail(req, res, ctx):
    raise ValueError("broken")


def stamp(req, res, ctx): ...


def explain(req, res, ctx, error):
    res.body = type(error).__name__


def shop() -> App:
    app = App()
    app.BEFORE("/*", guard)
    app.AFTER("/*", stamp)
    app.GET("/orders/:id:int", read)
    app.GET("/fail", fail)
    app.ON(ValueError, explain)
    app.ON(404, explain)
    return app


async def test_everything_that_runs_is_observed_in_its_order() -> None:
    """BEFORE, HANDLER and AFTER; what they return and raise passes through."""
    log, app = [], shop()
    app.observe(recording(log))
    reply = await request(app, "GET", "/orders/7")
    assert (200, "read") == (reply.status, reply.text)
    assert [
        "BEFORE guard /*",
        "end BEFORE",
        "HANDLER read /orders/:id:int",
        "end HANDLER",
        "AFTER stamp /*",
        "end AFTER",
    ] == log


async def test_error_handlers_are_observed_by_what_they_are_for() -> None:
    """By class or by status, also where no route matched; the error comes along."""
    log, app = [], shop()
    app.observe(recording(log))
    assert "ValueError" == (await request(app, "GET", "/fail")).text
    assert ["BEFORE guard /*", "HANDLER fail /fail", "ON explain ValueError", "AFTER stamp /*"] == steps(log)
    log.clear()
    assert "NotFound" == (await request(app, "GET", "/nowhere")).text
    assert ["ON explain 404"] == steps(log)


async def test_a_step_says_what_was_registered() -> None:
    """Name and place are those of the function that was passed, not of the adapter around it; explain says the same."""
    seen, app = [], shop()
    app.observe(lambda step, call: seen.append(step) or call)
    explained = app.explain("GET", "/orders/7").steps
    assert {*explained} <= {*seen}
    assert Step("ON", f"{__name__}.explain", place_of(explain), "404") in seen
    assert f"HANDLER {__name__}.read  (/orders/:id:int)  {place_of(read)}" == str(explained[1])


@pytest.mark.parametrize("wrap", [False, True])
async def test_what_is_mounted_is_observed_as_well(wrap) -> None:
    """Children, whether they have middleware or not, and foreign applications; the child's observers see only its own."""
    outer, inner, root, child = [], [], App(), shop()
    if wrap:
        child.WRAP(passing)

    async def foreign(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"foreign"})

    root.BEFORE("/*", guard)
    root.mount(child, "/shop")
    root.mount(foreign, "/foreign")
    root.observe(recording(outer))
    child.observe(recording(inner))
    root.GET("/own", read)
    await request(root, "GET", "/shop/fail")
    expected = ["HANDLER fail /shop/fail", "ON explain ValueError", "AFTER stamp /shop/*"]
    assert ["BEFORE guard /*", *expected] == steps(outer)
    assert expected == steps(inner)
    outer.clear()
    inner.clear()
    await request(root, "GET", "/shop/nowhere")
    assert ["ON explain 404"] == steps(outer) == steps(inner)
    outer.clear()
    inner.clear()
    assert "foreign" == (await request(root, "GET", "/foreign/x")).text
    assert ["BEFORE guard /*", "HANDLER serve /foreign/*"] == steps(outer)
    await request(root, "GET", "/own")
    assert [] == inner


async def test_websockets_are_observed() -> None:
    """Their hooks, and their handler with the socket."""
    log, app = [], App()

    @app.WS("/echo")
    async def echo(req, ws, ctx):
        await ws.accept()

    app.BEFORE("/echo", guard)
    app.observe(recording(log))
    await talk(app, "/echo")
    assert ["BEFORE guard /echo", "HANDLER echo /echo"] == steps(log)


async def test_a_hook_whose_case_does_not_fit_is_not_seen() -> None:
    """Of a hook that runs for some requests of a route, only those are observed."""
    log, app = [], App()
    app.GET("/*", read)
    app.BEFORE("/private/*", guard)
    app.observe(recording(log))
    await request(app, "GET", "/public")
    assert ["HANDLER read /*"] == steps(log)
    log.clear()
    await request(app, "GET", "/private/key")
    assert ["BEFORE guard /private/*", "HANDLER read /*"] == steps(log)


async def test_the_first_observer_is_outermost() -> None:
    """As with WRAP; those of the applications around come first."""
    log, root, child = [], App(), App()
    root.mount(child, "/child")
    child.GET("/", read)

    def named(name):
        def observer(step, call):
            async def observed(*arguments):
                log.append(name)
                return await call(*arguments)

            return observed

        return observer

    child.observe(named("inner"))
    root.observe(named("first"))
    root.observe(named("second"))
    await request(root, "GET", "/child")
    assert ["first", "second", "inner"] == log


async def test_an_observer_counts_once() -> None:
    """Given twice, or to an application and to one that is mounted on it, it sees each step once."""
    log, root, child = [], App(), App()
    observer = recording(log)
    child.GET("/", read)
    root.mount(child, "/child")
    root.observe(observer)
    wiring = root.wire()
    root.observe(observer)
    assert wiring is root.wire()
    child.observe(observer)
    await request(root, "GET", "/child")
    assert ["HANDLER read /child"] == steps(log)


async def test_one_that_comes_late_is_asked_before_the_next_request() -> None:
    """The application is compiled anew."""
    log, app = [], shop()
    await request(app, "GET", "/orders/7")
    app.observe(recording(log))
    await request(app, "GET", "/orders/7")
    assert 3 == len(steps(log))


def test_without_observers_functions_are_called_as_they_are() -> None:
    """Nothing is put around them; nor where an observer gives back what it got."""

    async def hook(req, res, ctx): ...

    async def handler(req, res, ctx): ...

    app = App()
    app.GET("/", handler)
    app.BEFORE("/", hook)
    for _ in range(2):
        (entry, _) = app.wiring.entries
        assert (handler, (hook,)) == (entry.endpoint.handler, entry.endpoint.before)
        app.observe(lambda step, call: call)
    app.observe(recording([]))
    (entry, _) = app.wiring.entries
    assert handler is not entry.endpoint.handler


@pytest.mark.parametrize("wrong", [None, "observer", 7])
def test_what_can_not_be_called_is_no_observer(wrong) -> None:
    """Refused where it is said."""
    with pytest.raises(RegistrationError, match=r"observe at .*test_observe\.py:\d+ got .*; give a function \(step"):
        App().observe(wrong)


def test_an_observer_that_gives_nothing_back_is_named() -> None:
    """Before traffic, with the step it was asked about."""
    app = shop()
    app.observe(lambda step, call: None)
    with pytest.raises(
        RegistrationError, match=r"the observer .*<lambda> gave back None for BEFORE .*guard; give back"
    ):
        app.wire()


async def test_what_was_passed_is_kept_beside_its_awaitable_form() -> None:
    """Events and error handlers, as hooks and routes do."""
    app = shop()
    app.ONCE(guard_start)
    assert explain is app.written.rescues[404].function
    assert guard_start is app.written.startup[0].function
    assert guard_start is not app.written.startup[0].call
    error = NotFound()
    assert None is await app.written.rescues[404].call(None, Kept(), None, error)


def guard_start(app): ...


class Kept:
    body = None


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(importlib.import_module("heaven.app")).failed == 0
