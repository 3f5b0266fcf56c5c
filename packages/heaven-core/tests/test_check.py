"""What looks wrong in an application although it runs."""

from __future__ import annotations

import doctest
import importlib

import pytest

from heaven import App
from test_mounting import passing


def handler(req, res, ctx): ...


def other(req, res, ctx): ...


def findings(app, kind):
    return [finding for finding in app.check() if finding.kind == kind]


def test_a_clean_application_has_no_findings() -> None:
    """Routes of every type, with and without rest and slash, shadow nobody."""
    app = App(slashes="strict")
    for kind in ("int", "float", "bool", "str", "date", "datetime", "uuid"):
        app.GET(f"/x/:value:{kind}", handler)
    app.GET("/x/literal", handler)
    app.GET("/x/", handler)
    app.GET("/", handler)
    app.GET("/files/*", handler)
    app.GET("/x/:a/:b:path", handler)
    app.HTTP("/any", handler)
    app.WS("/ws", handler, origins=["https://shop.test"])
    app.BEFORE("/*", handler)
    app.mount(passing, "/legacy")
    assert [] == app.check()


def test_a_route_that_never_matches_is_found() -> None:
    """A child with middleware takes everything below its prefix, and a parent's more specific route hides the child's."""
    parent, child = App(), App()
    child.WRAP(passing)
    child.GET("/x", handler)
    child.GET("/y", handler)
    parent.GET("/a/x", other)
    parent.mount(child, "/a")
    (found,) = findings(parent, "shadowed route")
    assert child.written.routes[0].place == found.place
    place = parent.written.routes[0].place
    assert (
        f"GET /a/x is hidden by what takes '/a/x' before it: /a/x at {place}; give one of them another path"
        == found.message
    )
    assert f"{found.place}: shadowed route: {found.message}" == str(found)


def test_a_route_that_a_mounted_application_takes_is_found() -> None:
    """A parent's parameter route whose every path a child's island takes."""
    parent, child = App(), App()
    child.WRAP(passing)
    child.GET("/nope", handler)
    parent.GET("/:any/:thing", handler)
    parent.mount(child, "/heaven-sample")
    (found,) = findings(parent, "shadowed route")
    assert (
        "GET /:any/:thing is hidden by what takes '/heaven-sample/heaven-sample' before it: a mounted application; give"
        in found.message
    )


def test_a_hook_that_covers_no_route_is_found() -> None:
    """Also where its function is used by another hook; one whose function runs at a broader place is at work."""
    app = App()
    app.GET("/orders/:id", handler)
    app.BEFORE("/*", other)
    app.BEFORE("/orders/*", other)
    app.BEFORE("/order/*", other)
    app.AFTER("/users/*", handler)
    found = findings(app, "idle hook")
    assert [
        "BEFORE /order/* covers no route; app.wiring lists the routes there are",
        "AFTER /users/* covers no route; app.wiring lists the routes there are",
    ] == [each.message for each in found]
    assert all(each.place.startswith(__file__) for each in found)


def test_a_child_s_hooks_are_checked_with_its_prefix() -> None:
    """They cover the child's routes alone, not a sibling's under the same prefix."""
    parent, child = App(), App()
    parent.GET("/a/x", handler)
    child.GET("/y", handler)
    child.BEFORE("/x", other)
    parent.mount(child, "/a")
    assert ["BEFORE /a/x covers no route; app.wiring lists the routes there are"] == [
        each.message for each in parent.check()
    ]


def test_a_websocket_for_every_origin_is_found() -> None:
    """`origins=["*"]` lets every page connect with its visitors' cookies."""
    app = App()
    app.WS("/ws", handler, origins=["*"])
    app.WS("/own", handler, origins=["https://shop.test"])
    app.WS("/any", handler)
    assert ["WS /ws lets pages of every origin connect with their visitors' cookies; name the origins"] == [
        each.message for each in app.check()
    ]


def wrapping(app, **options):
    return app


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"allow_origins": ["*"], "allow_credentials": True}, True),
        ({"origins": "*", "credentials": True}, True),
        ({"ORIGIN": {"*"}, "Credentials": "yes"}, True),
        ({"allow_origins": ["*"], "allow_credentials": False}, False),
        ({"allow_origins": ["*"]}, False),
        ({"allow_origins": ["https://shop.test"], "allow_credentials": True}, False),
        ({"allow_origins": None, "allow_credentials": True}, False),
    ],
)
def test_credentials_for_every_origin_are_found(options, found) -> None:
    """In the options of any middleware, a child's too; foreign applications can't be looked into."""
    parent, child = App(), App()
    child.WRAP(wrapping, **options)
    parent.mount(child, "/a")
    parent.mount(passing, "/legacy")
    assert ["credentials are allowed for every origin; name the origins"] * found == [
        each.message for each in parent.check()
    ]


def test_bodies_without_a_limit_are_found() -> None:
    """Once a route, for methods that have a body."""
    app = App(max_body_size=None)
    app.GET("/x", handler)
    app.POST("/x", handler)
    app.POST("/small", handler, max_body_size=5)
    app.HTTP("/any", handler)
    assert [
        "POST /x takes bodies of any size; give it max_body_size=",
        "HTTP /any takes bodies of any size; give it max_body_size=",
    ] == [each.message for each in findings(app, "unbounded body")]


@pytest.mark.parametrize(
    ("option", "value", "another"),
    [
        ("domain", "shop.test", "shop.example"),
        ("hosts", ["shop.test"], ["*"]),
        ("trusted_proxies", ["127.0.0.1"], ["10.0.0.0/8"]),
        ("slashes", "strict", "redirect"),
        ("debug", True, False),
        ("monitor", 0.1, 0.2),
    ],
)
def test_an_option_that_does_not_count_where_it_was_said_is_found(option, value, another) -> None:
    """Of children and grandchildren, at each place they are mounted; what the outermost App says as well is no loss."""

    def around(grandchild: App, **options) -> App:
        root, child = App(**options), App()
        child.mount(passing, "/legacy")
        child.mount(grandchild, "/a")
        child.mount(grandchild, "/b")
        root.mount(child, "/c")
        return root

    told = App(**{option: value})
    for root in (around(told), around(told, **{option: another})):
        found = findings(root, "ignored option")
        places = [mount.place for mount in root.written.mounts[0].child.written.mounts[1:]]
        assert places == [each.place for each in found]
        message = f"{option}= of the App that is mounted here does not count; give it to the outermost App"
        assert [message] * 2 == [each.message for each in found]
    assert [] == findings(around(told, **{option: value}), "ignored option")
    assert [] == findings(around(App(), **{option: value}), "ignored option")
    assert [] == findings(told, "ignored option")


def test_options_that_count_for_a_child_are_no_findings() -> None:
    """Limits, origins and lifespans are a child's own."""
    parent = App()
    parent.mount(App({"a": 1}, max_body_size=5, timeout=5, origins=["https://shop.test"]), "/a")
    assert [] == parent.check()


def test_the_examples_of_the_module_run() -> None:
    """Every example in its docstrings gives what it says."""
    assert 0 == doctest.testmod(importlib.import_module("heaven.looking.check")).failed
