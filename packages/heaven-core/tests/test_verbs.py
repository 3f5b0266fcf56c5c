"""The words that register routes, their options, and what is refused as it is written down."""

from __future__ import annotations

import asyncio
import doctest
import re
from dataclasses import dataclass

import pytest

from driver import request
from heaven import App, RegistrationError
from heaven.declaring import registrations, verbs
from heaven.declaring.registrations import METHODS


def answer(req, res, ctx):
    return req.method


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_has_its_word(method) -> None:
    """`app.GET` to `app.QUERY` register a handler for that method and no other."""
    app = App()
    assert answer is getattr(app, method)("/x", answer)
    reply = await request(app, method, "/x")
    assert (200, "" if method == "HEAD" else method) == (reply.status, reply.text)
    other = "PATCH" if method != "PATCH" else "PUT"
    assert 405 == (await request(app, other, "/x")).status


@pytest.mark.parametrize("method", [*METHODS, "PURGE", "WEBSOCKET", "*"])
async def test_http_registers_every_method(method) -> None:
    """`app.HTTP` answers all methods, also those that no standard names."""
    app = App()
    app.HTTP("/x", answer)
    app.WS("/x", answer)
    reply = await request(app, method, "/x")
    assert (200, "" if method == "HEAD" else method) == (reply.status, reply.text)


@pytest.mark.parametrize("first", ["HTTP", "GET"])
async def test_a_method_of_its_own_goes_before_http(first) -> None:
    """A route for one method beats that for every method, whichever was registered first, and HEAD follows GET."""
    app = App()
    for word in (first, {"HTTP": "GET", "GET": "HTTP"}[first]):
        app.__getattribute__(word)("/x", lambda req, res, ctx, word=word: res.header("x-word", word) and word)
    assert "GET" == (await request(app, "GET", "/x")).text
    assert "GET" == (await request(app, "HEAD", "/x")).headers["x-word"]
    assert "HTTP" == (await request(app, "POST", "/x")).text


async def test_a_word_without_a_handler_is_a_decorator() -> None:
    """`@app.GET("/x")` registers what it decorates, gives it back, and keeps its options."""
    app = App()

    @app.GET("/x", name="x")
    async def read(req, res, ctx):
        return "read"

    @app.WS("/ws", name="ws")
    async def talk(req, ws, ctx): ...

    assert "read" == read.__name__
    assert "talk" == talk.__name__
    assert "read" == (await request(app, "GET", "/x")).text
    assert ("/x", "/ws") == (app.url_for("x"), app.url_for("ws"))
    assert app.written.routes[0].place.startswith(__file__)


async def test_a_decorator_that_is_used_twice_keeps_its_subdomain() -> None:
    """Options belong to the decorator, so its second use is told that the route is taken."""
    decorate = App().GET("/x", subdomain="api")
    decorate(answer)
    with pytest.raises(RegistrationError, match="is the same route as"):
        decorate(answer)


async def test_a_dotted_name_is_imported_at_registration() -> None:
    """A string names the handler; nothing is given back, as there was nothing to decorate."""
    app = App()
    assert app.GET("/set", "operator.setitem") is None
    assert app.WS("/set", "operator.setitem") is None
    with pytest.raises(RegistrationError, match=r"WS /y at .* got 'nowhere.talk', and it can't be imported"):
        app.WS("/y", "nowhere.talk")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("x", "GET x at .*: the URL 'x' must begin with '/': write '/x'"),
        ("/:id:typ", "GET /:id:typ at .*: the URL '/:id:typ' can't work: "),
        ("//x", "there is nothing between two slashes: write '/x'"),
        ("/*/x", "takes the rest of the path, so nothing can follow it"),
        (5, "a URL is a str like '/orders/:id', and 5 is a int"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_its_place(url, text) -> None:
    """The message has the word, the URL, the place and the cure."""
    with pytest.raises(RegistrationError, match=text):
        App().GET(url, answer)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"stram": True},
            "POST /x at .*py:[0-9]+ got stram, and takes subdomain, name, expects, returns, max_body_size, timeout,",
        ),
        ({"max_body_size": 0}, "got max_body_size=0; give a whole number above 0, or None for no limit"),
        ({"max_body_size": 1.5}, "got max_body_size=1.5; give a whole number above 0"),
        ({"max_body_size": True}, "got max_body_size=True"),
        ({"timeout": -1}, "got timeout=-1; give a number above 0, or None for no limit"),
        ({"timeout": float("nan")}, "got timeout=nan; give a number above 0"),
        ({"timeout": "5"}, "got timeout='5'; give a number above 0"),
        (
            {"subdomain": "a b"},
            "POST /x at .* got the subdomain 'a b'; give labels such as 'api' or 'eu.api', or '\\*'",
        ),
        ({"subdomain": ""}, "got the subdomain ''"),
        ({"subdomain": 5}, "got the subdomain 5"),
        ({"subdomain": "é"}, "got the subdomain 'é'"),
        (
            {"expects": dict, "stream": True},
            "has expects= and stream=True; a body is read whole or in pieces, not both",
        ),
        (
            {"stream": True, "cancel_on_disconnect": True},
            "POST /x at .* has stream=True and cancel_on_disconnect=True; both would read",
        ),
        ({"expects": App}, "POST /x at .*: .*App"),
    ],
)
def test_an_option_that_cannot_work_is_refused_with_its_place(options, text) -> None:
    """The message says what was passed, and how to mend it."""
    with pytest.raises(RegistrationError, match=text):
        App().POST("/x", answer, **options)


@pytest.mark.parametrize("method", ["GET", "HEAD", "TRACE", "CONNECT"])
def test_what_has_no_body_expects_none(method) -> None:
    """Every request of such a route would be a 415."""
    with pytest.raises(RegistrationError, match=f"has expects=, and a body of {method} means nothing"):
        getattr(App(), method)("/x", answer, expects=dict)


def test_a_class_is_no_handler() -> None:
    """It can be called with three arguments, and would be made anew for each request, to no effect."""

    class Handler:
        def __init__(self, req, res, ctx) -> None: ...

    with pytest.raises(RegistrationError, match="got the class .*Handler; give one of its instances"):
        App().GET("/x", Handler)


@pytest.mark.parametrize(
    ("origins", "text"),
    [
        (
            "https://shop.test",
            r"WS /x at .* got origins='https://shop.test'; give a list, as in \['https://shop.test'\]",
        ),
        (["shop.test"], "WS /x at .* got the origin 'shop.test'; write 'https://shop.test', without a path"),
        (["https://shop.test/"], "got the origin 'https://shop.test/'"),
        (["https://*.shop.test"], "got the origin"),
        (["://shop.test"], "got the origin"),
        (["https://"], "got the origin"),
        (["null"], "got the origin 'null'"),
    ],
)
def test_origins_are_scheme_and_host(origins, text) -> None:
    """An origin that no browser sends, "null" among them, is refused."""
    with pytest.raises(RegistrationError, match=text):
        App().WS("/x", answer, origins=origins)


def test_the_same_route_twice_is_refused_with_both_places() -> None:
    """One method and the same shape of path, whatever the parameters' names, is a duplicate."""
    app = App()
    app.GET("/orders/:id", answer)
    here = re.escape(app.written.routes[0].place)
    with pytest.raises(
        RegistrationError,
        match=rf"GET /orders/:number/ at .*py:[0-9]+ is the same route as /orders/:id at {here}; leave one",
    ):
        app.GET("/orders/:number/", answer)
    app.HTTP("/x", answer)
    with pytest.raises(RegistrationError, match="HTTP /x at .* is the same route as /x at"):
        app.HTTP("/x", answer)
    app.GET("/orders/:id:int", answer)
    app.GET("/orders/:id", answer, subdomain="api")
    app.POST("/orders/:id", answer)
    app.WS("/orders/:id", answer)
    app.HEAD("/orders/:id", answer)
    assert 7 == len(app.written.routes)


def test_slashes_make_two_routes_where_they_count() -> None:
    """With `slashes="strict"`, /x and /x/ are two routes."""
    app = App(slashes="strict")
    app.GET("/x", answer)
    app.GET("/x/", answer)
    assert 2 == len(app.written.routes)


@dataclass
class Order:
    item: str


async def test_a_typed_body_reaches_the_handler_as_a_value() -> None:
    """`expects=` converts the body before the handler runs; what does not fit is a 422."""
    app = App()
    app.POST("/orders", lambda req, res, ctx: req.data.item, expects=Order, returns=str)
    assert "tea" == (await request(app, "POST", "/orders", json={"item": "tea"})).text
    assert 422 == (await request(app, "POST", "/orders", json={"item": 5})).status
    assert str is app.written.routes[0].options.returns


async def test_a_route_s_limits_go_before_the_application_s() -> None:
    """`max_body_size` and `timeout` of a route replace the application's; None takes the limit away."""
    app = App(max_body_size=4, timeout=5)
    app.POST("/small", lambda req, res, ctx: str(len(req.body)))
    app.POST("/large", lambda req, res, ctx: str(len(req.body)), max_body_size=10)
    app.POST("/any", lambda req, res, ctx: str(len(req.body)), max_body_size=None, timeout=None)
    assert 413 == (await request(app, "POST", "/small", body=b"12345")).status
    assert "5" == (await request(app, "POST", "/large", body=b"12345")).text
    assert 413 == (await request(app, "POST", "/large", body=b"x" * 11)).status
    assert "11" == (await request(app, "POST", "/any", body=b"x" * 11)).text
    assert [5, 5, None] == [route.options.timeout for route in app.written.routes]


async def test_a_streaming_route_has_no_limit_unless_somebody_gave_one() -> None:
    """`stream=True` hands the body over piece by piece: the default limit is off, the application's own is not."""

    async def size(req, res, ctx):
        return str(sum([len(chunk) async for chunk in req.stream()]))

    app = App()
    app.POST("/any", size, stream=True)
    app.POST("/small", size, stream=True, max_body_size=4)
    limited = App(max_body_size=4)
    limited.POST("/small", size, stream=True)
    limited.POST("/any", size, stream=True, max_body_size=None)

    for served in (app, limited):
        assert "2000000" == (await request(served, "POST", "/any", body=[b"x" * 1_000_000, b"x" * 1_000_000])).text
        assert 413 == (await request(served, "POST", "/small", body=[b"123", b"456"])).status


async def test_a_route_s_timeout_ends_its_handler() -> None:
    """After `timeout` seconds the answer is 503."""
    app = App()

    async def slow(req, res, ctx):
        await asyncio.sleep(10)

    app.GET("/slow", slow, timeout=0.01)
    assert 503 == (await request(app, "GET", "/slow")).status


async def test_a_subdomain_s_words_are_the_application_s() -> None:
    """`app.subdomain("api").GET(...)` is `app.GET(..., subdomain="api")`; a route's own subdomain goes first."""
    app = App()
    api = app.subdomain("API")
    api.GET("/x", lambda req, res, ctx: "api")
    api.GET("/x", lambda req, res, ctx: "eu", subdomain="eu")
    api.WS("/x", answer)
    app.GET("/x", lambda req, res, ctx: "none")
    for host, expected in (("api.shop.test", "api"), ("eu.shop.test", "eu"), ("shop.test", "none")):
        assert expected == (await request(app, "GET", "/x", host=host)).text
    assert ["api", "eu", "api", None] == [route.subdomain for route in app.written.routes]
    with pytest.raises(RegistrationError, match="subdomain at .* got the subdomain 'a/b'"):
        app.subdomain("a/b")


def test_the_words_say_what_they_do() -> None:
    """Each word has a docstring of its own."""
    assert "Register a handler for QUERY: `app.QUERY(url, handler)`." == verbs.Verbs.__dict__["QUERY"].__doc__
    assert "Register a handler for every method: `app.HTTP(url, handler)`." == verbs.Verbs.__dict__["HTTP"].__doc__


@pytest.mark.parametrize("module", [verbs, registrations])
def test_the_examples_of_the_modules_run(module) -> None:
    """Every example in their docstrings gives what it says."""
    assert 0 == doctest.testmod(module).failed
