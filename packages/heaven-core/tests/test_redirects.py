"""Slashes put right by a redirect, where a route says so itself: for each route, beside what the application says."""

from __future__ import annotations

import pytest

from driver import request
from heaven import App
from heaven.callables import awaitable
from heaven.declaring.registrations import Options, Route
from heaven.routing.patterns import parse_pattern


def register(app, url, redirects=None, method="GET", subdomain=None):
    """Write down a route as what declares routes elsewhere does."""

    async def answer(req, res, ctx):
        return req.path

    call = awaitable(answer, 3, "route", "here")
    options = Options(redirect_slashes=redirects)
    app.register(Route(method, parse_pattern(url), answer, call, subdomain, options, "here"))


async def lead(app, url, method="GET", **options):
    """Where a request is led, or the status it gets."""
    reply = await request(app, method, url, **options)
    return reply.headers["location"] if reply.status == 307 else reply.status


@pytest.mark.parametrize(
    ("slashes", "redirects", "expected"),
    [
        ("redirect", None, "/x"),
        ("redirect", True, "/x"),
        ("redirect", False, 404),
        ("strict", None, 404),
        ("strict", True, "/x"),
        ("strict", False, 404),
        ("ignore", None, 200),
        ("ignore", True, 200),
        ("ignore", False, 200),
    ],
)
async def test_a_route_decides_for_itself(slashes, redirects, expected) -> None:
    """True redirects, False never, None as the outermost application says; where slashes are ignored there is no need."""
    app = App(slashes=slashes)
    register(app, "/x", redirects)

    assert [200, expected] == [await lead(app, "/x"), await lead(app, "/x/")]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/x/", "/x"),
        ("/x/?a=1&b=%2F", "/x?a=1&b=%2F"),
        ("/deep/y", "/deep/y/"),
        ("/users/7/", "/users/7"),
        ("/users/seven/", 404),
        ("/tags/a%2Fb/", 404),
        ("/never/", 404),
        ("/silent/", 404),
        ("//evil.test/", 404),
        ("/%5Cevil.test/", 404),
        ("//x/", 404),
        ("/", 404),
    ],
)
async def test_where_a_strict_application_redirects(url, expected) -> None:
    """To the route that said so, with the query; never to a route that did not, and never to another host."""
    app = App(slashes="strict")
    for path in ("/x", "/deep/y/", "/users/:id:int", "/tags/:tag", "/:host"):
        register(app, path, redirects=True)
    register(app, "/never", redirects=False)
    register(app, "/silent")

    assert expected == await lead(app, url)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "FETCH", "OPTIONS"])
async def test_every_method_is_redirected_with_307(method) -> None:
    """Also one that the route does not have: it is told so where it is led."""
    app = App(slashes="strict")
    register(app, "/x", redirects=True)

    assert "/x" == await lead(app, "/x/", method)


@pytest.mark.parametrize(
    ("method", "expected"), [("GET", "/x"), ("HEAD", "/x"), ("POST", 404), ("PUT", "/x"), ("FETCH", "/x")]
)
async def test_of_several_methods_the_one_that_is_asked_for_decides(method, expected) -> None:
    """Where the path does not have it, any other that redirects does."""
    app = App(slashes="strict")
    register(app, "/x", redirects=True)
    register(app, "/x", redirects=False, method="POST")

    assert expected == await lead(app, "/x/", method)


async def test_a_route_for_every_method_decides_for_those_without_one() -> None:
    """After the route of the method itself, as in everything."""
    app = App(slashes="redirect")
    register(app, "/x", redirects=False, method=None)
    register(app, "/x", method="POST")

    assert [404, 404, "/x"] == [await lead(app, "/x/", method) for method in ("GET", "FETCH", "POST")]


@pytest.mark.parametrize("wrapped", [False, True], ids=["child", "island"])
async def test_it_holds_wherever_an_application_is_mounted(wrapped) -> None:
    """The prefix and the root_path are part of where it leads; the slashes of the child's own App do not count."""
    app, child = App(slashes="strict"), App(slashes="ignore")
    if wrapped:
        child.WRAP(lambda inner: inner)
    register(child, "/x", redirects=True)
    register(child, "/y")
    app.mount(child, "/child", host="{tenant}.test")

    urls = ("/child/x/", "/child/y/")
    assert ["/child/x", 404] == [await lead(app, url, headers={"host": "a.test"}) for url in urls]
    proxied = await lead(app, "/child/x/", headers={"host": "a.test"}, root_path="/proxy")
    assert "/proxy/child/x" == proxied


def test_explain_tells_who_redirects() -> None:
    """The application or the route."""
    reasons = []
    for slashes in ("strict", "redirect"):
        app = App(slashes=slashes)
        register(app, "/x", redirects=True)
        reasons.append(app.explain("GET", "/x/").why)

    assert [
        "there is a route for '/x', and its redirect_slashes leads there",
        "there is a route for '/x', and App(slashes='redirect') leads there",
    ] == reasons
