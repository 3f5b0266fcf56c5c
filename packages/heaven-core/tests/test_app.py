"""The application: options, events, batteries, the store, names, and what it refuses."""

from __future__ import annotations

import asyncio
import doctest
import logging
import sys
from contextlib import asynccontextmanager

import pytest

from driver import Lifespan, request
from heaven import (
    SHUTDOWN,
    STARTUP,
    App,
    Application,
    HTTPError,
    Key,
    NotFound,
    RegistrationError,
    Router,
)
from heaven import app as app_module
from heaven.declaring import options as options_module
from heaven.running.lifespan import route_of


def test_the_three_names_are_one_class() -> None:
    """`App is Router is Application`."""
    assert App is Router is Application


async def test_every_application_starts_empty() -> None:
    """Without a route everything is a 404 problem document, and OPTIONS * has OPTIONS alone."""
    reply = await request(App())
    assert (404, "application/problem+json") == (reply.status, reply.headers["content-type"])
    assert {"type": "about:blank", "title": "Not Found", "status": 404} == reply.json
    assert "OPTIONS" == (await request(App(), "OPTIONS", "*")).headers["allow"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"slashes": "maybe"},
            "App at .*test_app.py:[0-9]+ got slashes='maybe', and takes 'ignore', 'redirect', 'strict'",
        ),
        ({"domain": "https://shop.test"}, "App at .* got domain='https://shop.test'; give a name such as 'shop.co.uk'"),
        ({"domain": "shop.test:80"}, "without scheme and port"),
        ({"monitor": 0}, "App at .* got monitor=0; give a number above 0, or None"),
        ({"monitor": "1"}, "App at .* got monitor='1'"),
        ({"max_body_size": -1}, "App at .* got max_body_size=-1; give a whole number above 0, or None for no limit"),
        ({"timeout": 0}, "App at .* got timeout=0; give a number above 0, or None for no limit"),
        (
            {"lifespan": 5},
            "App at .* got lifespan=5; give a function that takes the app, decorated with contextlib.async",
        ),
        ({"hosts": "shop.test"}, r"App at .* got hosts='shop.test'; give a list, as in \['shop.test'\]"),
        ({"trusted_proxies": "unix"}, r"App at .* got trusted_proxies='unix'; give a list, as in \['unix'\]"),
        ({"hosts": ["http://shop.test"]}, "'http://shop.test' is no pattern for a host"),
        ({"trusted_proxies": ["shop.test"]}, "shop.test"),
        ({"origins": "https://shop.test"}, r"App at .* got origins='https://shop.test'; give a list"),
        ({"origins": ["shop.test"]}, "App at .* got the origin 'shop.test'"),
    ],
)
def test_an_option_that_cannot_work_is_refused_when_the_application_is_made(options, text) -> None:
    """The message has the option, what was passed and what it takes."""
    with pytest.raises(RegistrationError, match=text):
        App(**options)


async def _async_generator(app):
    yield


async def _coroutine(app):
    pass


def _generator(app):
    yield


@pytest.mark.parametrize("lifespan", [_async_generator, _coroutine, _generator])
def test_a_lifespan_that_was_not_decorated_is_refused(lifespan) -> None:
    """Only a context manager has a beginning and an end, and the message says how a function becomes one."""
    with pytest.raises(RegistrationError, match="decorated with contextlib.asynccontextmanager"):
        App(lifespan=lifespan)
    App(lifespan=asynccontextmanager(_async_generator))


async def test_an_unknown_scope_type_raises() -> None:
    """A server that brings something new must not take silence for an answer (ASGI)."""
    with pytest.raises(
        ValueError, match="Heaven serves the scopes http, websocket and lifespan, and was called with 'smtp'"
    ):
        await App()({"type": "smtp"}, None, None)  # type: ignore[arg-type]


async def test_debug_shows_tracebacks_and_nothing_else_does() -> None:
    """An exception's text reaches the client with `debug=True` alone (CVE-2024-34069)."""
    for debug in (False, True):
        app = App(debug=debug)

        async def fail(req, res, ctx):
            raise ValueError("canary")

        app.GET("/", fail)
        assert debug is ("canary" in (await request(app)).text)


# Events


@pytest.mark.parametrize(
    ("event", "function", "text"),
    [
        (
            "begin",
            print,
            "ON at .*test_app.py:[0-9]+ got 'begin'; give STARTUP, SHUTDOWN, a status code from 400 to 599 or a class of",
        ),
        (200, print, "got 200; give"),
        (600, print, "got 600; give"),
        (True, print, "got True; give"),
        (asyncio.CancelledError, print, "got <class 'asyncio.exceptions.CancelledError'>; give"),
        (KeyboardInterrupt, print, "or a class of Exception"),
        (ValueError("x"), print, "give STARTUP"),
        (STARTUP, 5, r"ON\(startup\) at .* got 5, which can't be called"),
        (404, lambda: None, r"ON\(404\) at .*; it is called with \(req, res, ctx, error\)"),
        (ValueError, "nowhere", r"ON\(ValueError\) at .* got 'nowhere'; a dotted name is 'module.function'"),
    ],
)
def test_an_event_that_never_happens_is_refused(event, function, text) -> None:
    """So is a function that can't be called for it; the message has the place."""
    with pytest.raises(RegistrationError, match=text):
        App().ON(event, function)


class Missing(LookupError):
    pass


async def test_the_most_specific_class_answers() -> None:
    """Handlers are asked by class along the MRO, then by 500."""
    app = App()

    async def fail(req, res, ctx):
        raise {"missing": Missing, "key": KeyError, "type": TypeError, "http": NotFound}[req.params["what"]]

    app.GET("/:what", fail)
    app.ON(LookupError, lambda req, res, ctx, error: "lookup")
    app.ON(Missing, lambda req, res, ctx, error: "missing")
    app.ON(500, lambda req, res, ctx: "five hundred")
    app.ON(Exception, lambda req, res, ctx: "exception")
    for what, status, text in (("missing", 500, "missing"), ("key", 500, "lookup"), ("type", 500, "exception")):
        reply = await request(app, "GET", f"/{what}")
        assert (status, text) == (reply.status, reply.text)
    assert 404 == (await request(app, "GET", "/http")).json["status"]


async def test_a_failing_error_handler_hands_on_to_the_next_less_specific(caplog) -> None:
    """Its own failure goes to the next one, at last to the plain 500, and is logged."""
    app = App()

    async def fail(req, res, ctx, error=None):
        raise Missing("canary")

    app.GET("/", fail)
    app.ON(Missing, fail)
    app.ON(LookupError, lambda req, res, ctx, error: res.out(410, "gone"))
    assert (410, "gone") == ((reply := await request(app)).status, reply.text)
    app.ON(LookupError, fail)
    assert {"type": "about:blank", "title": "Internal Server Error", "status": 500} == (await request(app)).json
    assert "error handler" in caplog.text


async def test_every_error_of_the_framework_can_be_replaced() -> None:
    """`ON(404, fn)` and `ON(405, fn)` answer what no route does, `ON(HTTPError, fn)` what has no other answer."""
    app = App()
    app.GET("/x", print)
    app.ON(404, lambda req, res, ctx, error: f"no {req.path}, {req.route}")
    app.ON(HTTPError, lambda req, res, ctx, error: f"{error.status} {error.headers['allow']}")
    reply = await request(app, "GET", "/nope")
    assert (404, "no /nope, None") == (reply.status, reply.text)
    reply = await request(app, "POST", "/x")
    assert (405, "405 GET, HEAD, OPTIONS", "GET, HEAD, OPTIONS") == (reply.status, reply.text, reply.headers["allow"])


async def test_events_are_registered_by_decorator_and_by_dotted_name() -> None:
    """`@app.ON(404)` and `@app.ONCE` give the function back; a dotted name is imported."""
    app = App()

    @app.ON(404)
    def missing(req, res, ctx):
        return "decorated"

    started = []

    @app.ONCE
    def begin(given):
        started.append(given)

    app.ON(SHUTDOWN, "builtins.repr")
    assert ("missing", "begin") == (missing.__name__, begin.__name__)
    assert "decorated" == (await request(app)).text
    async with Lifespan(app):
        assert [app] == started


# Batteries, daemons, middleware


async def test_a_battery_installs_itself() -> None:
    """`app.plugin(battery)` calls `battery.install(app)`; what has none is refused."""

    class Clock:
        key: Key[str] = Key("clock")

        def install(self, app):
            app.ON(STARTUP, lambda app: app.keep(self.key, "ticking"))

    app = App()
    app.plugin(Clock())
    async with Lifespan(app):
        assert "ticking" == app.peek(Clock.key)
    with pytest.raises(
        RegistrationError, match=r"plugin at .*test_app.py:[0-9]+ got 5, which has no install\(app\) method"
    ):
        app.plugin(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "every", "text"),
    [
        (5, 1, "DAEMON at .* got 5, which can't be called"),
        (lambda: None, 1, r"DAEMON at .*; it is called with \(app\)"),
        (print, 0, "DAEMON at .* got every=0; give a number above 0"),
        (print, None, "DAEMON at .* got every=None; give the seconds between two calls"),
    ],
)
def test_a_daemon_that_cannot_work_is_refused_at_registration(function, every, text) -> None:
    """Not when the server starts."""
    with pytest.raises(RegistrationError, match=text):
        App().DAEMON(function, every=every)


async def test_a_daemon_runs_while_the_server_does_and_its_failure_is_reported(caplog) -> None:
    """It is called with the app; a failure is logged on `heaven.daemons`."""
    app = App()
    calls = []

    async def work(given):
        calls.append(given)
        raise ValueError("tired")

    app.DAEMON(work, every=60)
    with caplog.at_level(logging.ERROR, "heaven.daemons"):
        async with Lifespan(app):
            await asyncio.sleep(0.01)
    assert [app] == calls
    assert "work failed in the background" in caplog.text
    assert "tired" in caplog.text


def stamping(app, header, value):
    """Middleware that adds a header to every response."""

    async def middleware(scope, receive, send):
        async def stamped(message):
            if message["type"] == "http.response.start":
                message["headers"].append((header, value))
            await send(message)

        await app(scope, receive, stamped)

    return middleware


async def test_wrap_sees_every_request_and_the_first_is_outermost() -> None:
    """ASGI middleware runs around a 404 too; the one that was said first gets the response last."""
    app = App()
    app.WRAP(stamping, header=b"x-order", value=b"outer")
    app.WRAP(stamping, header=b"x-order", value=b"inner")
    app.GET("/x", lambda req, res, ctx: "x")
    assert ["inner", "outer"] == (await request(app, "GET", "/x")).all("x-order")
    reply = await request(app, "GET", "/nope")
    assert (404, ["inner", "outer"]) == (reply.status, reply.all("x-order"))


def test_wrap_refuses_what_cannot_make_middleware() -> None:
    """A factory that can't be called is refused at once, options that it doesn't take when it is wired up."""
    app = App()
    with pytest.raises(RegistrationError, match="WRAP at .*test_app.py:[0-9]+ got 5, which can't be called"):
        app.WRAP(5)  # type: ignore[arg-type]
    app.WRAP(stamping, colour="blue")
    with pytest.raises(RegistrationError, match="WRAP at .* could not make its middleware: .*colour"):
        app.wire()


async def test_the_middleware_s_scope_is_its_own_to_change() -> None:
    """A path that middleware rewrote decides the route, whatever raw_path still says."""
    app = App()

    def rewriting(inner):
        async def middleware(scope, receive, send):
            await inner({**scope, "path": "/new"}, receive, send)

        return middleware

    app.WRAP(rewriting)
    app.GET("/new", lambda req, res, ctx: req.path)
    assert "/new" == (await request(app, "GET", "/old%2Fer")).text


# Assets


@pytest.mark.parametrize("slashes", ["ignore", "redirect", "strict"])
@pytest.mark.parametrize("route", ["/static", "/static/", "/"])
async def test_assets_serve_a_folder(tmp_path, slashes, route) -> None:
    """The index is served at the door, where relative links are right, and files below it, whatever slashes mean."""
    (tmp_path / "index.html").write_text("<h1>home</h1>")
    (tmp_path / "app.js").write_text("go()")
    app = App(slashes=slashes)
    app.ASSETS(tmp_path, route)
    prefix = route.rstrip("/")
    assert (200, "<h1>home</h1>") == ((reply := await request(app, "GET", prefix + "/")).status, reply.text)
    if prefix:
        assert (307, "/static/") == ((reply := await request(app, "GET", prefix)).status, reply.headers["location"])
    assert "go()" == (await request(app, "GET", f"{prefix}/app.js")).text
    assert 404 == (await request(app, "GET", f"{prefix}/nope.js")).status


def test_assets_that_cannot_work_are_refused(tmp_path) -> None:
    """A route with a wildcard, and a folder that is missing."""
    with pytest.raises(
        RegistrationError, match=r"ASSETS at .* got the prefix '/static/\*'; leave out the wildcard and query"
    ):
        App().ASSETS(tmp_path, "/static/*")
    with pytest.raises(RegistrationError, match="nowhere"):
        App().ASSETS(tmp_path / "nowhere", "/static")


# Names


def test_url_for_gives_the_path_of_a_named_route() -> None:
    """Parameters are percent-encoded; the star is passed by its own name."""
    app = App()
    app.GET("/orders/:id:int", print, name="order")
    app.GET("/files/*", print, name="file")
    assert "/orders/7" == app.url_for("order", id=7)
    assert "/files/a%20b/c" == app.url_for("file", **{"*": "a b/c"})
    with pytest.raises(LookupError, match="nothing is routed as 'ordr'; did you mean 'order'\\?"):
        app.url_for("ordr")
    with pytest.raises(LookupError, match="needs 'id'"):
        app.url_for("order")


def test_one_name_for_two_paths_is_refused() -> None:
    """Two methods of one path may share a name, two paths may not; both places are told."""
    app = App()
    app.GET("/orders", print, name="orders")
    app.POST("/orders", print, name="orders")
    assert "/orders" == app.url_for("orders")
    app.GET("/all", print, name="orders")
    with pytest.raises(
        RegistrationError,
        match="the name 'orders' at .*:[0-9]+ is taken by /.* at .*:[0-9]+; give one of them, or its mount",
    ):
        app.wire()


def test_the_monitor_is_told_the_route_of_a_frame() -> None:
    """`route_of` finds the route in the frame that serves it, and None in others."""

    class Site:
        route = "/x"

    class Req:
        site = Site()

    def serving(req):
        return route_of(sys._getframe())

    assert "/x" == serving(Req())
    assert route_of(sys._getframe()) is None


async def test_what_was_registered_while_serving_is_served_next() -> None:
    """The application is compiled again when it changed, and not otherwise."""
    app = App()
    assert 404 == (await request(app, "GET", "/x")).status
    assert app.wiring is app.wiring
    app.GET("/x", lambda req, res, ctx: "x")
    assert 200 == (await request(app, "GET", "/x")).status


@pytest.mark.parametrize("module", [app_module, options_module])
def test_the_examples_of_the_module_run(module) -> None:
    """Every example in its docstrings gives what it says."""
    assert 0 == doctest.testmod(module).failed
