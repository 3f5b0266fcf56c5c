"""Applications inside applications: prefixes, subdomains, names, hooks, errors, stores, middleware, foreign ASGI."""

from __future__ import annotations

import pytest

from driver import http_scope, request
from heaven import App, RegistrationError


def said(text):
    """A handler that answers with a text, the route and the parameters."""
    return lambda req, res, ctx: {"said": text, "route": req.route, "params": req.params}


def recording(log, name):
    async def hook(req, res, ctx):
        log.append(name)

    return hook


def passing(app, name=b"x-wrapped", value=b"yes"):
    """Middleware that marks every response."""

    async def middleware(scope, receive, send):
        async def marked(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (name, value)]}
            await send(message)

        await app(scope, receive, marked)

    return middleware


@pytest.fixture(params=["child", "island"])
def wraps(request):
    """Whether the child has middleware of its own, and so a wiring of its own: it must make no other difference."""

    def wrap(app):
        if request.param == "island":
            app.WRAP(passing)
        return app

    return wrap


# Prefixes


@pytest.mark.parametrize(
    ("prefix", "url", "route"),
    [
        ("/blog", "/blog/post/1", "/blog/post/:id:int"),
        ("/blog/", "/blog/post/1", "/blog/post/:id:int"),
        ("/blog", "/blog", "/blog"),
        ("/blog", "/blog/", "/blog"),
        ("/:tenant/blog", "/acme/blog/post/1", "/:tenant/blog/post/:id:int"),
        ("", "/post/1", "/post/:id:int"),
        ("/", "/", "/"),
        ("/blog", "/blog/files/a/b", "/blog/files/*"),
    ],
)
async def test_a_child_is_found_below_its_prefix(prefix, url, route, wraps) -> None:
    """Its routes have the prefix in front of them, parameters of the prefix among theirs."""
    parent, child = App(), App()
    wraps(child)
    child.GET("/", said("home"))
    child.GET("/post/:id:int", said("post"))
    child.GET("/files/*", said("files"))
    parent.mount(child, prefix)
    reply = await request(parent, "GET", url)
    assert (200, route) == (reply.status, reply.json["route"])


async def test_a_child_s_query_hints_come_along() -> None:
    """`/search?page:int` below a prefix still converts its query."""
    parent, child = App(), App()
    child.GET("/search?q&page:int", lambda req, res, ctx: req.queries)
    parent.mount(child, "/blog")
    assert {"q": "x", "page": 2} == (await request(parent, "GET", "/blog/search?q=x&page=2")).json
    assert 422 == (await request(parent, "GET", "/blog/search?page=x")).status


async def test_what_a_child_registers_later_is_served() -> None:
    """A change of a child, or of its child, wires the parent up again."""
    parent, child, grandchild = App(), App(), App()
    parent.mount(child, "/a")
    child.mount(grandchild, "/b")
    assert 404 == (await request(parent, "GET", "/a/b/c")).status
    grandchild.GET("/c", said("c"))
    assert 200 == (await request(parent, "GET", "/a/b/c")).status


async def test_a_child_serves_on_its_own_as_well() -> None:
    """Mounting changes nothing in the child."""
    parent, child = App(), App()
    child.GET("/x", said("x"))
    parent.mount(child, "/a")
    assert "/x" == (await request(child, "GET", "/x")).json["route"]


async def test_405_counts_the_methods_of_parent_and_child_together() -> None:
    """One path may have methods from several applications, and Allow names them all."""
    parent, child = App(), App()
    parent.GET("/blog/x", said("parent"))
    child.POST("/x", said("child"))
    parent.mount(child, "/blog")
    reply = await request(parent, "PUT", "/blog/x")
    assert (405, "GET, HEAD, OPTIONS, POST") == (reply.status, reply.headers["allow"])


@pytest.mark.parametrize("word", ["GET", "HTTP", "WS"])
def test_a_route_of_parent_and_child_in_one_place_is_refused(word) -> None:
    """Both places are named."""
    parent, child = App(), App()
    getattr(parent, word)("/blog/:id", said("parent"))
    getattr(child, word)("/:number", said("child"))
    parent.mount(child, "/blog")
    with pytest.raises(
        RegistrationError,
        match=r"(GET|HTTP|WEBSOCKET) /blog/:number at .*:\d+ is the same route as /blog/:id at .*:\d+; leave one out",
    ):
        parent.wire()


async def test_several_children_share_a_prefix() -> None:
    """Two versions' parts under /v1 are one tree; the first one answers for what neither has."""
    parent, orders, users = App(), App(), App()
    orders.GET("/orders", said("orders"))
    users.GET("/users", said("users"))
    orders.ON(404, lambda req, res, ctx: "no order")
    parent.mount(orders, "/v1")
    parent.mount(users, "/v1")
    texts = [(await request(parent, "GET", f"/v1/{what}")).text for what in ("orders", "users", "nope")]
    assert "orders" in texts[0]
    assert "users" in texts[1]
    assert "no order" == texts[2]


def test_two_islands_in_one_place_are_refused() -> None:
    """Each takes everything below its prefix, so the second one would never be asked."""
    parent = App()
    for _ in range(2):
        child = App()
        child.WRAP(passing)
        parent.mount(child, "/blog")
    with pytest.raises(
        RegistrationError, match=r"the mounts at .*:\d+ and .*:\d+ both have WRAP and everything below /blog; give one"
    ):
        parent.wire()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((5, "/x"), "mount at .*test_mounting.py:[0-9]+ got 5; give an App or an ASGI application"),
        ((App(), "x"), "mount at .*: the URL 'x' must begin with '/'"),
        ((App(), "/x/*"), r"mount at .* got the prefix '/x/\*'; leave out the wildcard and query, as in '/blog'"),
        ((App(), "/x?a"), r"got the prefix '/x\?a'"),
        ((App(), "/x", "a/b"), "mount at .* got the subdomain 'a/b'"),
    ],
)
def test_a_mount_that_cannot_work_is_refused(arguments, text) -> None:
    """The message has the place, and nothing was mounted."""
    parent = App()
    with pytest.raises(RegistrationError, match=text):
        parent.mount(*arguments)
    assert [] == parent.written.mounts
    if isinstance(arguments[0], App):
        assert [] == arguments[0]._parents


def test_an_application_cannot_contain_itself() -> None:
    """Neither directly nor through another."""
    parent, child = App(), App()
    parent.mount(child, "/x")
    for inner, outer in ((parent, parent), (parent, child)):
        with pytest.raises(RegistrationError, match="mount at .* would put an application inside itself"):
            outer.mount(inner, "/y")


# Subdomains


async def test_a_child_has_a_subdomain(wraps) -> None:
    """All its routes are found on hosts of that subdomain, and nowhere else; its own subdomains go first."""
    parent, child = App(), App()
    wraps(child)
    child.GET("/x", said("child"))
    child.GET("/x", said("deeper"), subdomain="eu")
    parent.GET("/x", said("parent"))
    parent.mount(child, subdomain="api")
    for host, expected in (("api.shop.test", "child"), ("eu.shop.test", "deeper"), ("shop.test", "parent")):
        assert expected == (await request(parent, "GET", "/x", host=host)).json["said"]


async def test_a_child_s_subdomain_is_found_below_its_prefix(wraps) -> None:
    """A child's route for a subdomain gets the prefix, also where the parent has no such subdomain, or has it."""
    for known in (False, True):
        parent, child = App(), App()
        wraps(child)
        child.GET("/x", said("api"), subdomain="api")
        parent.mount(child, "/blog")
        if known:
            parent.GET("/own", said("own"), subdomain="api")
        assert "api" == (await request(parent, "GET", "/blog/x", host="api.shop.test")).json["said"]
        assert 404 == (await request(parent, "GET", "/blog/x", host="shop.test")).status


async def test_a_hook_for_routes_without_subdomain_means_the_child_s() -> None:
    """`subdomain=None` in a child covers the routes that have none in the child, wherever it is mounted."""
    parent, child, log = App(), App(), []
    child.BEFORE("/*", recording(log, "bare"), subdomain=None)
    child.GET("/x", said("x"))
    child.GET("/x", said("x"), subdomain="eu")
    parent.mount(child, subdomain="api")
    await request(parent, "GET", "/x", host="api.shop.test")
    await request(parent, "GET", "/x", host="eu.shop.test")
    assert ["bare"] == log


# Hooks and errors


async def test_hooks_nest_parent_before_child_and_mirrored_after(wraps) -> None:
    """The parent's hooks are around the child's, whatever their patterns; a child's cover its own routes alone."""
    parent, child, grandchild, log = App(), App(), App(), []
    wraps(child)
    for name, app, pattern in (("grandchild", grandchild, "/*"), ("child", child, "/*"), ("parent", parent, "/a/b/c")):
        app.BEFORE(pattern, recording(log, f"before {name}"))
        app.AFTER(pattern, recording(log, f"after {name}"))
    grandchild.GET("/c", recording(log, "handler"))
    parent.GET("/a/other", recording(log, "other"))
    child.mount(grandchild, "/b")
    parent.mount(child, "/a")
    assert 200 == (await request(parent, "GET", "/a/b/c")).status
    names = ["parent", "child", "grandchild"]
    assert [*(f"before {name}" for name in names), "handler", *(f"after {name}" for name in reversed(names))] == log
    log.clear()
    if child.written.wraps:
        return
    await request(parent, "GET", "/a/other")
    assert ["other"] == log


async def test_a_hook_of_parent_and_child_runs_once() -> None:
    """The same function at two levels runs once a request, at the outermost."""
    parent, child, log = App(), App(), []
    hook = recording(log, "hook")
    for app in (parent, child):
        app.BEFORE("/*", hook)
    child.GET("/x", said("x"))
    parent.mount(child, "/a")
    await request(parent, "GET", "/a/x")
    assert ["hook"] == log


async def test_errors_are_answered_by_the_innermost_application(wraps) -> None:
    """A child's handlers go first, then its parent's; req.app is the application that owns the route."""
    parent, child = App(), App()
    wraps(child)

    async def fail(req, res, ctx):
        raise {"value": ValueError, "type": TypeError}[req.params["what"]]

    child.GET("/:what", fail)
    child.ON(ValueError, lambda req, res, ctx, error: f"child {req.app is child}")
    parent.ON(ValueError, lambda req, res, ctx, error: "parent")
    parent.ON(TypeError, lambda req, res, ctx, error: "parent")
    parent.mount(child, "/a")
    assert ["child True", "parent"] == [(await request(parent, "GET", f"/a/{what}")).text for what in ("value", "type")]


async def test_a_child_answers_for_what_it_has_no_route_for(wraps) -> None:
    """404 and 405 below a prefix are the child's, elsewhere the parent's; the innermost counts."""
    parent, child, grandchild = App(), App(), App()
    wraps(child)
    for name, app in (("parent", parent), ("child", child), ("grandchild", grandchild)):
        app.ON(404, lambda req, res, ctx, error, name=name: f"{name} 404")
        app.ON(405, lambda req, res, ctx, error, name=name: f"{name} 405")
        app.GET("/x", said(name))
    child.mount(grandchild, "/b")
    parent.mount(child, "/a")
    for method, url, expected in (
        ("GET", "/nope", "parent 404"),
        ("GET", "/ab", "parent 404"),
        ("GET", "/a", "child 404"),
        ("GET", "/a/", "child 404"),
        ("GET", "/a/nope", "child 404"),
        ("GET", "/a/b/nope", "grandchild 404"),
        ("POST", "/x", "parent 405"),
        ("POST", "/a/x", "child 405"),
        ("POST", "/a/b/x", "grandchild 405"),
    ):
        assert expected == (await request(parent, method, url)).text


async def test_a_child_without_a_prefix_leaves_404_to_its_parent() -> None:
    """Its routes are among the parent's; a child's child without a prefix is no different."""
    parent, child, grandchild = App(), App(), App()
    parent.ON(404, lambda req, res, ctx: "parent")
    child.ON(404, lambda req, res, ctx: "child")
    grandchild.ON(404, lambda req, res, ctx: "grandchild")
    parent.mount(child)
    assert "parent" == (await request(parent, "GET", "/nope")).text
    outer = App()
    child.mount(grandchild)
    outer.mount(child, "/a")
    assert "child" == (await request(outer, "GET", "/a/nope")).text


async def test_a_child_on_a_subdomain_answers_its_404() -> None:
    """Everything on its subdomain is the child's."""
    parent, child = App(), App()
    child.GET("/x", said("x"))
    child.ON(404, lambda req, res, ctx: "child")
    parent.ON(404, lambda req, res, ctx: "parent")
    parent.mount(child, subdomain="api")
    assert ["child", "parent"] == [
        (await request(parent, "GET", "/nope", host=host)).text for host in ("api.shop.test", "shop.test")
    ]


# Names


def test_names_join_with_a_colon_through_every_mount(wraps) -> None:
    """An application's `url_for` knows its own names, and those of its children after the names of their mounts."""
    parent, child, grandchild = App(), App(), App()
    wraps(child)
    grandchild.GET("/c/:id:int", said("c"), name="c")
    child.mount(grandchild, "/b", name="inner")
    parent.mount(child, "/a", name="outer")
    assert "/a/b/c/7" == parent.url_for("outer:inner:c", id=7)
    assert "/a/b/c/7" == child.url_for("inner:c", id=7)
    assert "/a/b/c/7" == grandchild.url_for("c", id=7)
    with pytest.raises(LookupError, match="did you mean 'outer:inner:c'"):
        parent.url_for("inner:c", id=7)


def test_a_mount_without_a_name_is_transparent() -> None:
    """Its names are the parent's; two routes of one name are refused."""
    parent, child = App(), App()
    child.GET("/x", said("x"), name="x")
    parent.mount(child, "/a")
    assert "/a/x" == parent.url_for("x")
    parent.GET("/y", said("y"), name="x")
    with pytest.raises(
        RegistrationError, match="the name 'x' at .* is taken by .*; give one of them, or its mount, another name"
    ):
        parent.wire()


async def test_a_child_may_be_mounted_twice() -> None:
    """It works in both places, its hooks too; named in the place it was mounted at first, in others by the mount's name."""
    parent, child, log = App(), App(), []
    child.GET("/x", said("x"), name="x")
    child.BEFORE("/x", recording(log, "hook"))
    parent.mount(child, "/a", name="a")
    parent.mount(child, "/b", name="b")
    assert ["/a/x", "/b/x"] == [(await request(parent, "GET", f"/{at}/x")).json["route"] for at in "ab"]
    assert ["hook", "hook"] == log
    assert ("/a/x", "/b/x", "/a/x") == (parent.url_for("a:x"), parent.url_for("b:x"), child.url_for("x"))


# Stores


def test_a_child_keeps_its_own_store_and_config_unless_told_otherwise() -> None:
    """`isolated=False` lets it share the parent's; what it kept before comes along."""
    parent, isolated, sharing = App({"name": "parent"}), App({"name": "isolated"}), App({"name": "sharing"})
    parent.keep("db", 1)
    sharing.keep("cache", 2)
    parent.mount(isolated, "/a")
    parent.mount(sharing, "/b", isolated=False)
    assert (None, "isolated") == (isolated.peek("db"), isolated.CONFIG("name"))
    assert (1, "parent", 2) == (sharing.peek("db"), sharing.CONFIG("name"), parent.peek("cache"))
    sharing.keep("later", 3)
    assert 3 == parent.peek("later")


def test_sharing_goes_through_every_level_whatever_the_order() -> None:
    """A child that shares with its parent shares with the grandparent, when that mounts the parent later."""
    outer, middle, inner, apart = App({"name": "outer"}), App(), App(), App()
    middle.mount(inner, "/inner", isolated=False)
    middle.mount(apart, "/apart")
    middle.mount(lambda scope, receive, send: None, "/foreign", isolated=False)
    outer.mount(middle, "/middle", isolated=False)
    outer.mount(middle, "/again", isolated=False)
    outer.keep("db", 1)
    assert (1, "outer", None) == (inner.peek("db"), inner.CONFIG("name"), apart.peek("db"))


def test_sharing_a_store_never_loses_a_value() -> None:
    """Where both keep something under one name, the mount is refused, and both stay as they were."""
    parent, child = App(), App()
    parent.keep("db", 1)
    child.keep("db", 2)
    with pytest.raises(
        RegistrationError,
        match="mount at .* with isolated=False would lose a value: both applications keep db; keep it on one",
    ):
        parent.mount(child, "/a", isolated=False)
    assert (1, 2, []) == (parent.peek("db"), child.peek("db"), parent.written.mounts)


# Middleware of a child


async def test_a_child_s_middleware_sees_all_below_its_prefix_and_nothing_else() -> None:
    """Its 404s among it; the parent's routes below the same prefix go first."""
    parent, child = App(), App()
    child.WRAP(passing)
    child.GET("/x", said("child"))
    parent.GET("/x", said("parent"))
    parent.HTTP("/a/own", said("parent"))
    parent.mount(child, "/a")
    wrapped = {
        url: "x-wrapped" in (await request(parent, "GET", url)).headers
        for url in ("/x", "/a/x", "/a/nope", "/a", "/nope", "/a/own")
    }
    assert {"/x": False, "/a/x": True, "/a/nope": True, "/a": True, "/nope": False, "/a/own": False} == wrapped
    reply = await request(parent, "POST", "/a/x")
    assert (405, "GET, HEAD, OPTIONS", "yes") == (reply.status, reply.headers["allow"], reply.headers["x-wrapped"])


async def test_a_parent_s_route_goes_before_a_child_s_middleware() -> None:
    """Where both have one place, what was said of one route beats what takes everything below a prefix."""
    parent, child = App(), App()
    child.WRAP(passing)
    child.POST("/", said("child"))
    parent.GET("/a", said("parent"))
    parent.mount(child, "/a")
    assert ("parent", "child") == (
        (await request(parent, "GET", "/a")).json["said"],
        (await request(parent, "POST", "/a")).json["said"],
    )


async def test_middleware_nests_as_applications_do() -> None:
    """The parent's is around the child's."""
    parent, child, grandchild = App(), App(), App()
    for app, value in ((parent, b"parent"), (child, b"child"), (grandchild, b"grandchild")):
        app.WRAP(passing, name=b"x-order", value=value)
    grandchild.GET("/x", said("x"))
    child.mount(grandchild, "/b")
    parent.mount(child, "/a")
    assert ["grandchild", "child", "parent"] == (await request(parent, "GET", "/a/b/x")).all("x-order")


# Foreign applications


def foreign_app(log):
    """A raw ASGI application that writes down how it was called."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan here")
        log.append((scope["path"], scope["root_path"], scope["state"]))
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "http.response.start", "status": 202, "headers": [(b"x-foreign", b"yes")]})
        await send({"type": "http.response.body", "body": scope["method"].encode()})

    return app


@pytest.mark.parametrize(
    ("slashes", "prefix", "root", "url", "root_path"),
    [
        ("ignore", "/legacy", "", "/legacy/x", "/legacy"),
        ("ignore", "/legacy", "", "/legacy", "/legacy"),
        ("ignore", "/legacy", "", "/legacy/", "/legacy"),
        ("strict", "/legacy", "", "/legacy/", "/legacy"),
        ("redirect", "/legacy", "", "/legacy/", "/legacy"),
        ("ignore", "/legacy", "", "/legacy/legacy/", "/legacy"),
        ("ignore", "/legacy", "", "/legacy//x", "/legacy"),
        ("ignore", "/legacy", "/api", "/api/legacy/x", "/api/legacy"),
        ("ignore", "/legacy", "/api/", "/api/legacy/x", "/api/legacy"),
        ("ignore", "/:tenant/app", "", "/acme/app/x/y", "/acme/app"),
        ("ignore", "/:tenant", "", "/a%2Fb/x", "/a/b"),
        ("ignore", "", "", "/x", ""),
        ("ignore", "", "", "/", ""),
        ("ignore", "", "/api", "/api/x", "/api"),
    ],
)
async def test_a_foreign_application_gets_its_root_path(slashes, prefix, root, url, root_path) -> None:
    """`root_path` grows by the prefix and `path` stays whole, as ASGI wants it; every method reaches it."""
    log = []
    parent = App(slashes=slashes)
    parent.mount(foreign_app(log), prefix)
    for method in ("GET", "POST", "OPTIONS", "PURGE"):
        reply = await request(parent, method, url, root_path=root, state=None)
        assert (202, "yes", method) == (reply.status, reply.headers["x-foreign"], reply.text)
    from urllib.parse import unquote

    assert [(unquote(url), root_path, {})] * 4 == log


async def test_hooks_of_the_parent_surround_a_foreign_application() -> None:
    """BEFORE may refuse; headers that hooks set are added to its own."""
    parent, log = App(), []
    parent.BEFORE("/legacy/*", lambda req, res, ctx: req.headers.get("authorization") or res.abort("who?", 401))
    parent.AFTER("/legacy/*", lambda req, res, ctx: res.header("x-stamp", "set"))
    parent.mount(foreign_app(log), "/legacy")
    assert (401, []) == ((await request(parent, "GET", "/legacy")).status, log)
    reply = await request(parent, "GET", "/legacy", {"authorization": "me"})
    assert (202, "yes", "set") == (reply.status, reply.headers["x-foreign"], reply.headers["x-stamp"])


async def test_a_foreign_application_that_fails_is_answered() -> None:
    """Before its response began it is a 500; what was sent is not sent again."""

    async def fail(scope, receive, send):
        raise OSError("disk full")

    parent = App()
    parent.mount(fail, "/legacy")
    assert 500 == (await request(parent, "GET", "/legacy")).status


async def test_a_client_that_left_is_no_error_of_a_foreign_application(caplog) -> None:
    """`send` may raise OSError after the client left; that is logged by nobody and ends quietly."""
    parent = App()
    parent.mount(foreign_app([]), "/legacy")

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        raise OSError("gone")

    await parent(http_scope("GET", "/legacy"), receive, send)
    assert "" == caplog.text


async def test_the_body_reaches_a_foreign_application_untouched() -> None:
    """It is not read and not limited on the way."""

    async def echo(scope, receive, send):
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body + message["body"]})

    parent = App(max_body_size=1)
    parent.mount(echo, "/legacy")
    assert b"abcdef" == (await request(parent, "POST", "/legacy", body=[b"abc", b"def"])).body
    parent.AFTER("/*", lambda req, res, ctx: res.header("x-stamp", "set"))
    assert "set" == (await request(parent, "POST", "/legacy", body=b"x")).headers["x-stamp"]


def test_a_foreign_application_and_a_route_in_one_place_are_refused() -> None:
    """Two that take everything below a prefix hide each other."""
    parent = App()
    for _ in range(2):
        parent.mount(foreign_app([]), "/legacy")
    with pytest.raises(RegistrationError, match=r"/legacy at .* is the same route as /legacy at"):
        parent.wire()


async def test_a_foreign_application_s_websockets_are_its_own() -> None:
    """They get the grown root_path as well."""
    log, sent = [], []
    parent = App()
    parent.mount(foreign_app(log), "/legacy")

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "/legacy/ws", "headers": [], "query_string": b""}
    await parent(scope, receive, send)
    assert (["websocket.accept", "websocket.close"], [("/legacy/ws", "/legacy", {})]) == (sent, log)


async def test_what_hooks_set_replaces_what_a_foreign_application_says() -> None:
    """A header has one value, but for those that may stand more than once."""

    async def foreign(scope, receive, send) -> None:
        headers = [(b"X-Frame-Options", b"SAMEORIGIN"), (b"vary", b"accept"), (b"set-cookie", b"a=1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def stamp(req, res, ctx) -> None:
        res.headers = {"x-frame-options": "DENY", "vary": "cookie"}
        res.cookie("b", "2", httponly=False, samesite=None, path=None)

    app = App()
    app.AFTER("/*", stamp)
    app.mount(foreign, "/old")

    reply = await request(app, url="/old")

    assert ["DENY"] == reply.all("x-frame-options") + reply.all("X-Frame-Options")
    assert (["accept", "cookie"], ["a=1", "b=2"]) == (reply.all("vary"), reply.all("set-cookie"))


async def test_middleware_is_made_once_and_kept_when_something_is_registered_later() -> None:
    """What it has counted stays; a WRAP more makes all of it anew, since the order around it is another."""
    made: list[int] = []

    class Counting:
        def __init__(self, app) -> None:
            made.append(0)
            self.app, self.at = app, len(made) - 1

        async def __call__(self, scope, receive, send) -> None:
            made[self.at] += 1
            await self.app(scope, receive, send)

    child = App()
    child.WRAP(Counting)
    child.GET("/x", lambda req, res, ctx: "x")
    app = App()
    app.WRAP(Counting)
    app.mount(child, "/child")
    await request(app, url="/child/x")
    app.GET("/later", lambda req, res, ctx: "later")
    child.GET("/later", lambda req, res, ctx: "later")

    assert ["later", "later"] == [(await request(app, url=url)).text for url in ("/later", "/child/later")]
    assert [3, 2] == sorted(made, reverse=True)


async def test_a_child_of_two_parents_names_its_urls_below_the_one_that_serves() -> None:
    """`req.url_for` goes by the application that the request came to."""
    child = App()
    child.GET("/x", lambda req, res, ctx: req.url_for("x"), name="x")
    one, two = App(), App()
    one.mount(child, "/one")
    two.mount(child, "/two")

    assert ["/one/x", "/two/x"] == [
        (await request(app, url=url)).text for app, url in ((one, "/one/x"), (two, "/two/x"))
    ]


# Transparent mounts


async def test_what_a_transparent_child_serves_is_its_parents():
    """`req.app` is the application around it, whose names are found, and whose store it has."""

    async def seen(req, res, ctx):
        return {"app": req.app is app, "inner": req.url_for("part:inner"), "outer": req.url_for("outer")}

    part = App()
    part.GET("/inner", seen, name="inner")
    part.ON(404, lambda req, res, ctx, error: {"part": req.app is part})
    app = App()
    app.GET("/outer", seen, name="outer")
    app.mount(part, "/part", name="part", transparent=True)
    assert {"app": True, "inner": "/part/inner", "outer": "/outer"} == (await request(app, "GET", "/part/inner")).json
    assert {"part": False} == (await request(app, "GET", "/part/nothing")).json
    assert "/part/inner" == part.url_for("inner")


async def test_a_child_below_a_transparent_one_is_itself():
    """Only the transparent one is looked through; what is mounted on it answers for itself."""
    child, part, app = App(), App(), App()
    child.GET("/", lambda req, res, ctx: {"child": req.app is child})
    part.mount(child, "/child")
    app.mount(part, "/part", transparent=True)
    assert {"child": True} == (await request(app, "GET", "/part/child")).json
    assert (False, True, True) == (app.is_mounted, part.is_mounted, child.is_mounted)
    assert app is child.outermost


async def test_a_child_that_tells_slashes_apart_is_mounted_on_one_that_does_not(tmp_path):
    """Assets say both paths where they differ; where they don't, it is one and the same route."""
    (tmp_path / "index.html").write_text("assets")
    child = App(slashes="strict")
    child.ASSETS(tmp_path, "/static", index="index.html")
    app = App()
    app.mount(child, "/v2")
    assert ["assets", "assets"] == [
        (await request(app, "GET", path)).text for path in ("/v2/static/", "/v2/static/index.html")
    ]
    assert ["ignored option"] == [finding.kind for finding in app.check()]
