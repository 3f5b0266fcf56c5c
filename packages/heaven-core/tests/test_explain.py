"""What a request would meet, in words: it says what the wiring then does."""

from __future__ import annotations

import doctest
import sys

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
        assert ("/a/x", ["BEFORE", "HANDLER"]) == (found.route, [step.kind for step in found.steps])
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
    assert 0 == doctest.testmod(sys.modules["heaven.looking.explain"]).failed
