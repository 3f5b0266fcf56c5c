"""What a request would meet, in words: it says what the wiring then does."""

from __future__ import annotations

import doctest
import importlib

import pytest

from driver import request
from heaven import App
from test_mounting import passing


def guard(req, res, ctx): ...


def read(req, res, ctx):
    return "read"


def stamp(req, res, ctx): ...


def shop() -> App:
    app = App()
    app.BEFORE("/orders/*", guard)
    app.AFTER("/*", stamp)
    app.GET("/orders/:id:int", read, timeout=5, max_body_size=10)
    app.POST("/orders/:id:int", read)
    app.GET("/orders/new", read)
    app.GET("/orders/*", read)
    app.WS("/orders/live", read)
    return app


def test_a_match_is_told_with_all_that_was_decided_for_it() -> None:
    """Route and why, parameters, hooks in order with `file:line`, limits."""
    found = shop().explain("GET", "https://shop.test/orders/7?x=y")
    assert ("/orders/:id:int", {"id": 7}, None, None) == (found.route, found.params, found.status, found.subdomain)
    assert [("BEFORE", "guard"), ("HANDLER", "read"), ("AFTER", "stamp")] == [
        (step.kind, step.name.rpartition(".")[2]) for step in found.steps
    ]
    assert f"{__file__}:{guard.__code__.co_firstlineno}" == found.steps[0].place
    assert "/orders/*" == found.steps[0].pattern
    assert {"max_body_size": 10, "timeout": 5} == found.limits
    assert f"its parameters convert, and nothing more specific matches; registered at {__file__}:" in found.why
    assert "the routes without a subdomain" == found.table


def test_neighbours_are_told_once_each_with_why_not() -> None:
    """Other methods, other types, less specific ones; HEAD and what app.HTTP multiplies are no neighbours of their own."""
    app = shop()
    app.HTTP("/:any/:thing", read)
    found = app.explain("GET", "/orders/7")
    told = {(each.method, each.route): each.why_not for each in found.neighbours}
    assert {
        ("GET", "/orders/*"): "'/orders/:id:int' is more specific",
        ("POST", "/orders/:id:int"): "it is for POST",
        ("HTTP", "/:any/:thing"): "'/orders/:id:int' is more specific",
        ("GET", "/orders/new"): "literal 'new' is not '7'",
        ("WEBSOCKET", "/orders/live"): "literal 'live' is not '7'",
    } == told
    assert all(each.place.startswith(__file__) for each in found.neighbours)
    assert ["/orders/*", "/:any/:thing"] == [
        each.route for each in app.explain("HEAD", "/orders/7").neighbours if "specific" in each.why_not
    ]
    assert ("HTTP", "/orders/:id:int") not in told


@pytest.mark.parametrize(
    ("method", "url", "route", "why"),
    [
        ("GET", "/orders/new", "/orders/new", "the path is exactly this one"),
        ("GET", "/orders/a/b", "/orders/*", "nothing more specific takes the rest of the path"),
        ("HEAD", "/orders/new", "/orders/new", "the path is exactly this one"),
        ("WEBSOCKET", "/orders/live", "/orders/live", "the path is exactly this one"),
        ("PURGE", "/any", "/any", "the path is exactly this one"),
        ("GET", "/orders/%6eew", "/orders/new", "the path is exactly this one"),
    ],
)
def test_why_a_route_was_taken(method, url, route, why) -> None:
    """A literal path, a parameter, or the rest."""
    app = shop()
    app.HTTP("/any", read)
    found = app.explain(method, url)
    assert (route, True) == (found.route, found.why.startswith(why))


@pytest.mark.parametrize(
    ("method", "url", "status", "why", "allow"),
    [
        ("GET", "/nope", 404, "no route matches the path", ()),
        ("PUT", "/orders/7", 405, "the path is there, and not for PUT", ("GET", "HEAD", "OPTIONS", "POST")),
        ("OPTIONS", "/orders/new", 204, "OPTIONS is answered with the methods there are", ("GET", "HEAD", "OPTIONS")),
        ("OPTIONS", "*", 204, "OPTIONS is answered with the methods there are", ("GET", "HEAD", "OPTIONS", "POST")),
        (
            "WEBSOCKET",
            "/orders/new",
            404,
            "no WebSocket route has this path; servers without denial responses make it a 403",
            (),
        ),
        ("GET", "", 404, "no route matches the path", ()),
    ],
)
async def test_what_is_answered_without_a_route(method, url, status, why, allow) -> None:
    """Status, reason and Allow, the same as a request gets."""
    found = shop().explain(method, url)
    assert (None, status, why, allow) == (found.route, found.status, found.why, found.allow)
    if method != "WEBSOCKET":
        reply = await request(shop(), method, url or "/")
        assert (status, ", ".join(allow)) == (reply.status, reply.headers.get("allow", ""))


@pytest.mark.parametrize(
    ("query", "status", "why"),
    [
        ("?page=2&size=x&size=3&q=any", None, "the path is exactly this one"),
        ("", None, "the path is exactly this one"),
        ("?page=x", 422, "the path matches, and the query does not convert: page (Expected `int`)"),
        ("?page=%2B1&other=x", 422, "the path matches, and the query does not convert: page (Expected `int`)"),
        (
            "?page=&size=1&size=%FF#page=1",
            422,
            "the path matches, and the query does not convert: page (Expected `int`), size (Expected `int`)",
        ),
        (
            "?" + "&".join(["q=1"] * 1001),
            400,
            "the path matches, and the query can't be read: The query has more than 1000 parameters.",
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "WEBSOCKET"])
async def test_a_query_that_does_not_convert_is_told(method, query, status, why) -> None:
    """The route is named, with the status a request gets; hooks run, and the handler does not."""
    app = App()
    app.BEFORE("/s", guard)
    app.AFTER("/s", stamp)
    app.GET("/s?q&page:int&size:int", read)
    app.WS("/s?q&page:int&size:int", read)
    found = app.explain(method, f"/s{query}")
    place = app.written.routes[method == "WEBSOCKET"].place
    assert ("/s", status, f"{why}; registered at {place}") == (found.route, found.status, found.why)
    kinds = ["BEFORE", *(["HANDLER"] if status is None else []), "AFTER"]
    assert kinds == [step.kind for step in found.steps]
    assert f"  route      /s{f', so {status}' if status else ''}: {why}" in str(found)
    if method == "GET":
        assert (status or 200) == (await request(app, "GET", f"/s{query}".partition("#")[0])).status


def test_a_query_counts_where_the_route_says_its_type() -> None:
    """Other routes take it as it comes."""
    app = App()
    app.GET("/s", read)
    assert app.explain("GET", "/s?" + "&".join(["q=1"] * 1001)).status is None


class Middleware:
    """A class, as most middleware is."""

    def __init__(self, app, **options):
        self.app = app


def test_middleware_on_the_way_is_told() -> None:
    """Of the application and of each island on the way, the outermost first, also where nothing matches."""
    root, child, inner, plain, aside = App(hosts=["shop.test"]), App(), App(), App(), App()
    inner.WRAP(passing, name=b"x-inner")
    inner.GET("/x", read)
    inner.WS("/ws", read)
    aside.WRAP(passing)
    plain.mount(inner, "/:tenant")
    child.WRAP(Middleware)
    child.mount(plain, "/p")
    root.WRAP(Middleware)
    root.WRAP(passing)
    root.GET("/own", read)
    root.mount(child, "/a")
    root.mount(aside, "/aside")

    def wraps(method, url):
        return [(step, step.pattern) for step in root.explain(method, url).steps if step.kind == "WRAP"]

    outer = [(f"{__name__}.Middleware", "/*"), ("test_mounting.passing", "/*")]
    on_the_way = [*outer, (f"{__name__}.Middleware", "/a/*"), ("test_mounting.passing", "/a/p/:tenant/*")]
    places = [wrap.place for app in (root, child, inner) for wrap in app.written.wraps]
    for method, url, expected in (
        ("GET", "/a/p/t/x", on_the_way),
        ("PURGE", "/a/p/t", on_the_way),
        ("WEBSOCKET", "/a/p/t/ws", on_the_way),
        ("GET", "/a/p/t/nope", on_the_way),
        ("GET", "/a", on_the_way[:3]),
        ("GET", "/own", outer),
        ("GET", "/nope", outer),
        ("GET", "https://evil.test/own", outer),
    ):
        found = wraps(method, url)
        assert expected == [(step.name, pattern) for step, pattern in found], (method, url)
        assert places[: len(expected)] == [step.place for step, _ in found]
    assert ["WRAP", "WRAP", "HANDLER"] == [step.kind for step in root.explain("GET", "/own").steps]
    assert f"  WRAP    {__name__}.Middleware  (/*)  {places[0]}\n" in str(root.explain("GET", "/own"))


def test_an_island_without_a_prefix_is_told() -> None:
    """Its middleware is for everything."""
    root, child = App(), App()
    child.WRAP(passing)
    child.GET("/", read)
    root.mount(child)
    assert ["/*"] == [step.pattern for step in root.explain("GET", "/").steps if step.kind == "WRAP"]


def test_a_slash_redirect_is_told() -> None:
    """With `slashes="redirect"` the path with its slash put right is named."""
    app = App(slashes="redirect")
    app.GET("/x", read)
    found = app.explain("GET", "/x/")
    assert (307, "there is a route for '/x', and App(slashes='redirect') leads there") == (found.status, found.why)


def test_subdomains_and_hosts_are_told() -> None:
    """Which table was looked in, and why a host is refused."""
    app = App(hosts=["*.shop.test", "shop.test"])
    app.GET("/x", read, subdomain="api")
    app.GET("/x", read)
    found = app.explain("GET", "https://user@api.shop.test:8000/x")
    assert ("api", "its own routes (api)", "/x") == (found.subdomain, found.table, found.route)
    assert ("www", "the routes without a subdomain") == (
        (found := app.explain("GET", "https://www.shop.test/x")).subdomain,
        found.table,
    )
    app.GET("/x", read, subdomain="*")
    assert (
        'the routes of "*", which take subdomains that no route names'
        == app.explain("GET", "https://www.shop.test/x").table
    )
    for url in ("https://evil.test/x", "https://a b/x"):
        found = app.explain("GET", url)
        assert (400, f"the host of {url!r} is not among App(hosts=...)") == (found.status, found.why)
    assert "/x" == app.explain("GET", "/x").route


def test_a_child_s_routes_are_told_with_its_prefix() -> None:
    """Also those of a child with middleware of its own, and of a foreign application."""
    for wrapped in (False, True):
        parent, child = App(), App()
        if wrapped:
            child.WRAP(passing)
        child.GET("/x", read)
        parent.BEFORE("/*", guard)
        parent.mount(child, "/a")
        found = parent.explain("GET", "/a/x")
        assert ("/a/x", ["WRAP"] * wrapped + ["BEFORE", "HANDLER"]) == (
            found.route,
            [step.kind for step in found.steps],
        )
        assert 404 == parent.explain("GET", "/a/nope").status
    parent.mount(passing, "/legacy")
    assert "/legacy/*" == parent.explain("GET", "/legacy/x").route


def test_it_can_be_printed_and_read() -> None:
    """Every part on a line of its own, in the order of a request."""
    lines = str(shop().explain("GET", "/orders/7")).splitlines()
    starts = ["GET /orders/7", "  subdomain  none: ", "  route      /orders/:id:int: ", "  params     {'id': 7}", "  BEFORE  ", "  HANDLER ",
              "  AFTER   ", "  max_body_size 10", "  timeout    5", "  not        POST /orders/:id:int: it is for POST  "]  # fmt: skip
    assert [True] * len(starts) == [line.startswith(start) for line, start in zip(lines, starts, strict=False)]
    text = str(shop().explain("PUT", "/orders/7"))
    assert (
        "  route      none, so 405: the path is there, and not for PUT\n  allow      GET, HEAD, OPTIONS, POST\n" in text
    )


def test_the_examples_of_the_module_run() -> None:
    """Every example in its docstrings gives what it says."""
    assert 0 == doctest.testmod(importlib.import_module("heaven.looking.explain")).failed
