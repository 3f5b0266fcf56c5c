"""The fixture `route_snapshot`."""

from __future__ import annotations

import pytest

from plugin_runs import configured, modules, run

pytest_plugins = ("pytester",)

SHOP = """
    from heaven import App

    async def handle(req, res, ctx): ...
    async def guard(req, res, ctx): ...
    async def seal(req, res, ctx): ...
    def wrapped(app):
        return app

    def make():
        app = App(domain="shop.test")
        app.WRAP(wrapped)
        app.BEFORE("/orders/*", guard)
        app.GET("/orders/:id:int", handle, timeout=3)
        app.POST("/orders", handle, max_body_size=100)
        app.AFTER("/orders", seal, methods="POST")
        app.WS("/chat", handle, origins=["https://shop.test"])
        app.subdomain("api").GET("/orders", handle)
        return app

    app = make()
"""
TEST = """
    def test_requests(app, route_snapshot):
        route_snapshot(app, "GET /orders/7", "DELETE /orders/7", "WEBSOCKET /chat", "GET http://api.shop.test/orders")

    def test_table(app, route_snapshot):
        route_snapshot(app)
"""

REQUESTS = """\
GET /orders/7
  subdomain  none: the routes without a subdomain
  route      /orders/:id:int: its parameters convert, and nothing more specific matches
  params     {'id': 7}
  WRAP    shop.wrapped  (/*)
  BEFORE  shop.guard  (/orders/*)
  HANDLER shop.handle  (/orders/:id:int)
  max_body_size 1048576
  timeout    3
  not        POST /orders: the path goes on after the end of the pattern

DELETE /orders/7
  subdomain  none: the routes without a subdomain
  route      none, so 405: the path is there, and not for DELETE
  allow      GET, HEAD, OPTIONS
  WRAP    shop.wrapped  (/*)
  not        GET /orders/:id:int: it is for GET
  not        POST /orders: the path goes on after the end of the pattern

WEBSOCKET /chat
  subdomain  none: the routes without a subdomain
  route      /chat: the path is exactly this one
  WRAP    shop.wrapped  (/*)
  HANDLER shop.handle  (/chat)

GET http://api.shop.test/orders
  subdomain  api: its own routes (api)
  route      /orders: the path is exactly this one
  WRAP    shop.wrapped  (/*)
  BEFORE  shop.guard  (/orders/*)
  HANDLER shop.handle  (/orders)
  max_body_size 1048576
  timeout    None
"""
TABLE = """\
POST      /orders  shop.handle
    BEFORE  shop.guard  (/orders/*)
    AFTER   shop.seal  (/orders)
    limits  max_body_size 100
WEBSOCKET /chat  shop.handle
GET       /orders/:id:int  shop.handle
    BEFORE  shop.guard  (/orders/*)
    limits  max_body_size 1048576, timeout 3
HEAD      /orders/:id:int  shop.handle
    BEFORE  shop.guard  (/orders/*)
    limits  max_body_size 1048576, timeout 3
GET       api./orders  shop.handle
    BEFORE  shop.guard  (/orders/*)
    limits  max_body_size 1048576
HEAD      api./orders  shop.handle
    BEFORE  shop.guard  (/orders/*)
    limits  max_body_size 1048576
"""


@pytest.fixture
def inner(pytester):
    configured(pytester, heaven_app="shop:app")
    modules(pytester, shop=SHOP, test_it=TEST)
    return pytester


def _snapshots(inner):
    folder = inner.path / "__snapshots__"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()} if folder.exists() else {}


def test_it_says_what_requests_meet_and_what_routes_there_are(inner):
    """In the words of `app.explain` and `app.wiring`, without places, which change with every edit."""
    run(inner, "--heaven-update-snapshots").assert_outcomes(passed=2)
    written = _snapshots(inner)
    assert ["test_it.test_requests.txt", "test_it.test_table.txt"] == sorted(written)
    assert REQUESTS == written["test_it.test_requests.txt"]
    assert TABLE == written["test_it.test_table.txt"]
    modules(inner, shop=SHOP.replace("from heaven", "\n\n    from heaven"), test_it=TEST)
    run(inner).assert_outcomes(passed=2)


def test_one_that_is_missing_fails_and_says_how_it_is_written(inner):
    """Nothing is written unless it is asked for."""
    result = run(inner)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*Failed: there is no *test_it.test_requests.txt; --heaven-update-snapshots writes it*"]
    )
    assert {} == _snapshots(inner)


def test_one_that_differs_fails_with_the_difference(inner):
    """As a unified diff, from the file to the application; updating makes it pass."""
    run(inner, "--heaven-update-snapshots")
    modules(inner, shop=SHOP.replace('"/orders/*", guard', '"/orders/*", seal'), test_it=TEST)
    result = run(inner)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*Failed: the routes changed; if they should, --heaven-update-snapshots writes them anew:",
            "E*--- *test_it.test_requests.txt",
            "E*+++ the application",
            "E*-  BEFORE  shop.guard  (/orders/[*])",
            "E*+  BEFORE  shop.seal  (/orders/[*])",
        ]
    )
    run(inner, "--heaven-update-snapshots").assert_outcomes(passed=2)
    run(inner).assert_outcomes(passed=2)


def test_each_test_and_each_call_has_a_file_of_its_own(inner):
    """Whatever the parameters are called; their names are safe on every file system."""
    modules(
        inner,
        shop=SHOP,
        test_it="""
            import pytest
            @pytest.mark.parametrize("url", ["a/b", "a?b", "a::b", "a.b", "a", "a.2", "A", "", "é", "x" * 300])
            def test_routes(app, route_snapshot, url):
                route_snapshot(app, f"GET /{url}")
                route_snapshot(app)
            class TestRoutes:
                def test_routes(self, app, route_snapshot):
                    route_snapshot(app)
        """,
    )
    run(inner, "--heaven-update-snapshots").assert_outcomes(passed=11)
    run(inner).assert_outcomes(passed=11)
    names = sorted(_snapshots(inner))
    assert 21 == len(names)
    assert {
        "test_it.TestRoutes.test_routes.txt",
        "test_it.test_routes-a.txt",
        "test_it.test_routes-a.2.txt",
    } < {*names}
    assert 21 == len({name.lower() for name in names})
    assert all(len(name) < 100 and name.isascii() and not {*name} & {*'/\\?*:|"<>'} for name in names)


def test_one_that_is_right_already_is_not_written_again(inner):
    """An update changes what has to change."""
    run(inner, "--heaven-update-snapshots")
    for file in inner.path.joinpath("__snapshots__").iterdir():
        before = file.stat().st_mtime_ns
        run(inner, "--heaven-update-snapshots").assert_outcomes(passed=2)
        assert before == file.stat().st_mtime_ns


WRONG = {
    'app, "/orders/7"': "*UsageError: route_snapshot got '/orders/7'; write method and URL, as in 'GET /orders/7'",
    'app, "GET orders"': "*UsageError: route_snapshot got 'GET orders'; write method and URL, as in 'GET /orders/7'",
    'app, "get /orders"': "*UsageError: route_snapshot got 'get /orders'; write method and URL, as in 'GET /orders/7'",
    "print": "*TypeError: route_snapshot got <built-in function print>; it is for a heaven.App, which can tell its routes",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_what_is_no_request_or_has_no_routes_is_told(inner, arguments):
    """With what was given, and what to give."""
    modules(inner, shop=SHOP, test_it=f"def test_it(app, route_snapshot):\n    route_snapshot({arguments})\n")
    result = run(inner, "--heaven-update-snapshots")
    result.stdout.fnmatch_lines([WRONG[arguments]])
    assert {} == _snapshots(inner)
