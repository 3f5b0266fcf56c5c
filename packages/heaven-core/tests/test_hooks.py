"""Hooks: which routes they cover, in which order they run, and that AFTER always unwinds."""

from __future__ import annotations

import asyncio
import random

import pytest

from driver import request
from heaven import App, HTTPError, RegistrationError
from heaven.declaring.hooks import EVERY, Hook
from heaven.routing.patterns import parse_pattern


def hook_of(pattern, *, methods=None, subdomain=EVERY):
    """A BEFORE hook for a pattern."""
    return Hook("BEFORE", parse_pattern(pattern), print, print, methods and frozenset(methods), subdomain, "here:1")


@pytest.mark.parametrize(
    ("hook", "all_of", "some_of", "none_of"),
    [
        ("/*", ["/", "/x", "/x/y", "/:id", "/*"], [], []),
        ("/", ["/"], [], ["/x", "/*", "/:id"]),
        (
            "/orders/*",
            ["/orders", "/orders/", "/orders/:id", "/orders/:id/lines", "/orders/*"],
            ["/*", "/:name", "/:name/x", "/:name/*"],
            ["/", "/ordersx", "/users", "/:id:int", "/x/*"],
        ),
        ("/orders", ["/orders", "/orders/"], ["/*", "/:name"], ["/orders/:id", "/orders/*", "/:id/*"]),
        (
            "/users/:id",
            ["/users/:name", "/users/:id:int", "/users/:id/"],
            ["/users/*", "/*", "/:a/:b"],
            ["/users", "/users/me", "/users/:id/x", "/users/:id/*"],
        ),
        ("/users/:id:int", ["/users/:number:int"], ["/users/:id", "/users/:id:uuid", "/users/*"], ["/users/me"]),
        ("/users/:id/*", ["/users/:id", "/users/:name/x", "/users/:id/*"], ["/users/*"], ["/users", "/users/me"]),
        ("/users/7", ["/users/7"], ["/users/:id:int", "/users/:name", "/users/*"], ["/users/:id:uuid", "/users/8"]),
        ("/a/:rest:path", ["/a", "/a/b", "/a/*"], ["/*"], ["/b"]),
    ],
)
def test_a_pattern_covers_all_some_or_none_of_a_routes_requests(hook, all_of, some_of, none_of) -> None:
    """A star covers its own door and all below, a parameter parameters; where the route is wider, the path decides."""
    said = {route: hook_of(hook).covers(parse_pattern(route), "GET", None) for route in (*all_of, *some_of, *none_of)}
    assert (dict.fromkeys(all_of, "all") | dict.fromkeys(some_of, "some") | dict.fromkeys(none_of, "none")) == said


@pytest.mark.parametrize(
    ("path", "guarded"),
    [
        ("/private", True),
        ("/private/", True),
        ("/private/x", True),
        ("/%70rivate/x", True),
        ("/private%2Fx", True),
        ("//private/x", True),
        ("/./private/x", True),
        ("/public/../private/x", True),
        ("/public", False),
        ("/privateer", False),
        ("/public/private", False),
    ],
)
async def test_a_guard_has_no_hole_where_a_wider_route_serves_its_paths(path, guarded) -> None:
    """A hook for `/private/*` runs for what a route `/*` serves below `/private`, however the path is spelled."""
    app = App()
    app.BEFORE("/private/*", lambda req, res, ctx: res.abort(None, 401))
    app.GET("/*", lambda req, res, ctx: "open")

    assert (401 if guarded else 200) == (await request(app, url=path)).status
    assert guarded is ("BEFORE" in [step.kind for step in app.explain("GET", f"https://shop.test{path}").steps])


async def test_a_function_runs_once_for_the_requests_of_all_its_patterns() -> None:
    """Registered for several patterns that a wider route meets in part, a function runs once where any of them matches."""
    runs: list[str] = []
    hook = runs_note(runs)
    app = App()
    for pattern in ("/a/*", "/b", "/a/x"):
        app.BEFORE(pattern, hook)
    app.GET("/*", lambda req, res, ctx: None)
    app.GET("/a/:id", lambda req, res, ctx: None)

    for path in ("/a/x/y", "/b", "/c", "/a/x"):
        await request(app, url=path)

    assert ["/a/x/y", "/b", "/a/x"] == runs


def runs_note(runs):
    """A hook that notes the path of each request it runs for."""

    def note(req, res, ctx) -> None:
        runs.append(req.path)

    return note


@pytest.mark.parametrize(
    ("methods", "method", "covers"),
    [
        (None, "GET", True),
        (["POST"], "POST", True),
        (["POST"], "GET", False),
        (["GET"], "HEAD", True),
        (["HEAD"], "GET", False),
        (["HEAD"], "HEAD", True),
        (["POST"], "HEAD", False),
        (["WEBSOCKET"], "WEBSOCKET", True),
        (["GET"], "WEBSOCKET", False),
    ],
)
def test_methods_limit_a_hook(methods, method, covers) -> None:
    """A hook for GET guards HEAD too, which the GET route answers."""
    assert ("all" if covers else "none") == hook_of("/*", methods=methods).covers(parse_pattern("/x"), method, None)


@pytest.mark.parametrize(
    ("hook", "covered"),
    [
        (EVERY, {None: "all", "api": "all", "*": "all"}),
        ("api", {None: "some", "api": "all", "*": "some"}),
        ("*", {None: "some", "api": "none", "*": "all"}),
        (None, {None: "all", "api": "none", "*": "none"}),
    ],
)
def test_a_subdomain_limits_a_hook(hook, covered) -> None:
    """Without one a hook covers all. Where a route serves other hosts too, the host of each request decides."""
    route = parse_pattern("/x")
    assert covered == {each: hook_of("/*", subdomain=hook).covers(route, "GET", each) for each in covered}


@pytest.mark.parametrize("subdomain", ["api", "*"])
async def test_a_guard_of_a_subdomain_has_no_hole_where_the_default_routes_serve_it(subdomain) -> None:
    """A subdomain without routes of its own falls to the default ones, and its guard goes with it."""
    app = App()
    app.BEFORE("/admin/*", lambda req, res, ctx: res.abort(None, 401), subdomain=subdomain)
    app.GET("/admin/x", lambda req, res, ctx: "open")

    assert 401 == (await request(app, url="/admin/x", headers={"host": "api.shop.test"})).status
    assert 200 == (await request(app, url="/admin/x", headers={"host": "shop.test"})).status
    steps = app.explain("GET", "https://api.shop.test/admin/x").steps
    assert ["BEFORE", "HANDLER"] == [step.kind for step in steps]


def test_no_subdomain_is_taken_for_all_of_them() -> None:
    """A subdomain may have any name."""
    assert "none" == hook_of("/*", subdomain="every").covers(parse_pattern("/x"), "GET", "api")


def recording(log, name):
    async def hook(req, res, ctx):
        log.append(name)

    return hook


NARROWING = ["/*", "/:any/*", "/orders/*", "/orders/:id/*", "/orders/:id", "/orders/:id:int"]


@pytest.mark.parametrize("seed", range(5))
async def test_before_runs_from_the_broadest_pattern_inwards_and_after_mirrors_it(seed) -> None:
    """The order of registration of different patterns does not matter."""
    log: list[str] = []
    app = App()
    patterns = NARROWING.copy()
    random.Random(seed).shuffle(patterns)
    for pattern in patterns:
        app.BEFORE(pattern, recording(log, pattern))
        app.AFTER(pattern, recording(log, pattern))
    app.GET("/orders/:id:int", recording(log, "handler"))
    await request(app, "GET", "/orders/7")
    applying = [pattern for pattern in NARROWING if pattern != "/:any/*"]
    assert [*applying, "handler", *reversed(applying)] == log


async def test_within_one_pattern_hooks_run_as_registered_and_after_mirrored() -> None:
    """Two BEFORE hooks of one pattern run first to last, two AFTER hooks last to first."""
    log: list[str] = []
    app = App()
    for name in ("first", "second"):
        app.BEFORE("/*", recording(log, f"before {name}"))
        app.AFTER("/*", recording(log, f"after {name}"))
    app.GET("/", recording(log, "handler"))
    await request(app)
    assert ["before first", "before second", "handler", "after second", "after first"] == log


class Paired:
    """A hook that brings its own AFTER hook."""

    def __init__(self, log):
        self.log = log

    async def __call__(self, req, res, ctx):
        self.log.append("paired before")

    async def after(self, req, res, ctx):
        self.log.append(f"paired after {res.outcome}")


@pytest.mark.parametrize(
    ("handler", "outcome"), [(lambda req, res, ctx: None, "ok"), (lambda req, res, ctx: 1 / 0, "failed")]
)
async def test_a_hook_with_an_after_runs_on_both_ways(handler, outcome) -> None:
    """Its AFTER takes the mirrored place, and runs whatever became of the request."""
    log: list[str] = []
    app = App()
    app.BEFORE("/*", recording(log, "outer before"))
    app.AFTER("/*", recording(log, "outer after"))
    app.BEFORE("/*", Paired(log))
    app.BEFORE("/*", recording(log, "inner before"))
    app.AFTER("/*", recording(log, "inner after"))
    app.GET("/", handler)
    await request(app)
    assert ["outer before", "paired before", "inner before"] == log[:3]
    assert ["inner after", f"paired after {outcome}", "outer after"] == log[3:]


async def test_the_after_of_a_hook_covers_what_the_hook_covers() -> None:
    """Methods and pattern are the hook's; registered twice, both run once."""
    log: list[str] = []
    app = App()
    paired = Paired(log)
    app.BEFORE("/x/*", paired, methods="POST")
    app.BEFORE("/x/y", paired, methods=["POST", "PUT"])
    app.GET("/x/y", lambda req, res, ctx: None)
    app.POST("/x/y", lambda req, res, ctx: None)
    await request(app, "GET", "/x/y")
    assert [] == log
    await request(app, "POST", "/x/y")
    assert ["paired before", "paired after ok"] == log


def test_an_after_of_the_wrong_shape_is_refused_with_the_hook() -> None:
    """The message says what is called and how."""

    class Wrong(Paired):
        async def after(self, res):
            pass

    with pytest.raises(RegistrationError, match=r"AFTER /\* at .* it is called with \(req, res, ctx\)"):
        App().BEFORE("/*", Wrong([]))


class Guard:
    def __init__(self):
        self.calls = []

    def check(self, req, res, ctx):
        self.calls.append(req.path)


async def test_each_hook_runs_at_most_once_a_request() -> None:
    """A function that two patterns bring runs once, at its broadest place; bound methods are known again."""
    app, guard, log = App(), Guard(), []
    same = recording(log, "same")
    app.BEFORE("/x/y", same)
    app.BEFORE("/x/*", recording(log, "between"))
    app.BEFORE("/*", same)
    for pattern in ("/*", "/x/*"):
        app.BEFORE(pattern, guard.check)
        app.AFTER(pattern, same)
    app.GET("/x/y", recording(log, "handler"))
    await request(app, "GET", "/x/y")
    assert ["same", "between", "handler", "same"] == log
    assert ["/x/y"] == guard.calls


async def abort(req, res, ctx):
    res.abort("enough", 418)


async def reject(req, res, ctx):
    raise HTTPError(409)


async def fail(req, res, ctx):
    raise ValueError("canary")


async def linger(req, res, ctx):
    await asyncio.sleep(10)


@pytest.mark.parametrize(
    ("handler", "options", "status", "outcome"),
    [
        (abort, {}, 418, "aborted"),
        (reject, {}, 409, "rejected"),
        (fail, {}, 500, "failed"),
        (linger, {"timeout": 0.01}, 503, "timeout"),
        (abort, {"expects": list[int]}, 415, "rejected"),
        (lambda req, res, ctx: None, {}, 200, "ok"),
    ],
    ids=["abort", "HTTPError", "exception", "timeout", "validation", "ok"],
)
async def test_after_unwinds_whatever_became_of_the_handler(handler, options, status, outcome) -> None:
    """AFTER sees the response as it goes out, may still set headers, and `res.outcome` says what happened."""
    app = App()
    seen = []

    def stamp(req, res, ctx):
        seen.append((res.status, res.outcome))
        res.headers["x-stamp"] = "set"

    app.AFTER("/*", stamp)
    app.POST("/", handler, **options)
    reply = await request(app, "POST", body=b"body")
    assert [(status, outcome)] == seen
    assert (status, "set") == (reply.status, reply.headers["x-stamp"])


async def test_after_unwinds_when_the_request_is_cancelled_and_the_cancellation_goes_on() -> None:
    """CancelledError is not swallowed; AFTER sees `cancelled`."""
    app = App()
    seen = []
    app.AFTER("/*", lambda req, res, ctx: seen.append(res.outcome))
    app.GET("/", linger)
    task = asyncio.ensure_future(request(app))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ["cancelled"] == seen


async def test_a_before_hook_that_aborts_ends_the_request_and_every_after_hook_runs() -> None:
    """Once BEFORE began AFTER unwinds, also where a guard refuses; the handler does not run."""
    app, log = App(), []
    app.BEFORE("/*", recording(log, "first"))
    app.BEFORE("/*", abort)
    app.BEFORE("/*", recording(log, "never"))
    app.AFTER("/*", recording(log, "after"))
    app.GET("/", recording(log, "handler"))
    assert 418 == (await request(app)).status
    assert ["first", "after"] == log


async def test_an_after_hook_that_fails_is_answered_and_the_others_still_run() -> None:
    """The failure becomes the response; what the other AFTER hooks do stands."""
    app, log = App(), []
    app.AFTER("/*", recording(log, "outer"))
    app.AFTER("/*", fail)
    app.AFTER("/*", recording(log, "inner"))
    app.ON(ValueError, lambda req, res, ctx, error: res.out(400, "answered"))
    app.GET("/", lambda req, res, ctx: "fine")
    assert "answered" == (await request(app)).text
    assert ["inner", "outer"] == log


async def test_no_hook_runs_where_no_route_matched() -> None:
    """A 404, 405 or automatic OPTIONS runs no hook, a WebSocket without a route neither."""
    app, log = App(), []
    app.BEFORE("/*", recording(log, "before"))
    app.AFTER("/*", recording(log, "after"))
    app.GET("/x", recording(log, "handler"))
    statuses = [
        (await request(app, method, url)).status for method, url in (("GET", "/y"), ("POST", "/x"), ("OPTIONS", "/x"))
    ]
    assert ([404, 405, 204], []) == (statuses, log)


async def test_hooks_of_subdomains_and_methods_run_for_their_requests_alone() -> None:
    """`methods=` and `subdomain=` limit what a hook covers."""
    app, log = App(), []
    app.BEFORE("/*", recording(log, "post"), methods="POST")
    app.BEFORE("/*", recording(log, "api"), subdomain="api")
    app.BEFORE("/*", recording(log, "bare"), subdomain=None)
    app.HTTP("/", recording(log, "handler"))
    app.HTTP("/", recording(log, "handler"), subdomain="api")
    await request(app, "POST", host="api.shop.test")
    await request(app, "GET", host="shop.test")
    await request(app, "POST", host="shop.test")
    assert ["post", "api", "handler", "bare", "handler", "post", "bare", "handler"] == log


def test_a_hook_that_covers_nothing_costs_nothing() -> None:
    """It is in no endpoint's tuples."""
    app = App()
    app.BEFORE("/nowhere/*", fail)
    app.GET("/", reject)
    assert [(), ()] == [entry.before for entry in app.wiring.entries]


def test_a_hook_registered_later_counts_from_then_on() -> None:
    """The application is wired up again when something was registered."""
    app = App()
    app.GET("/", reject)
    before = app.wiring
    app.AFTER("/*", fail)
    assert before is not app.wiring
    assert 1 == len(app.wiring.entries[0].after)


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (("orders", reject), {}, "BEFORE orders at .*: the URL 'orders' must begin with '/'"),
        (
            ("/orders?page:int", reject),
            {},
            "BEFORE .* has query hints; a hook covers routes by their path, so leave them out",
        ),
        (("/orders", 5), {}, "BEFORE /orders at .* got 5, which can't be called"),
        (("/orders", lambda req: None), {}, r"it is called with \(req, res, ctx\)"),
        (("/orders", reject), {"methods": []}, r"BEFORE /orders at .* got methods=\[\]; give some of GET, HEAD"),
        (("/orders", reject), {"methods": "get"}, "got methods='get'; give some of GET, .*WEBSOCKET, or leave it out"),
        (("/orders", reject), {"subdomain": "a/b"}, "BEFORE /orders at .* got the subdomain 'a/b'"),
    ],
)
def test_a_hook_that_cannot_work_is_refused_with_its_place(arguments, options, text) -> None:
    """The message names the hook, the place and the cure."""
    with pytest.raises(RegistrationError, match=text):
        App().BEFORE(*arguments, **options)


async def test_what_is_chainable_may_be_returned() -> None:
    """`return res.redirect(...)`, in a handler, with a timeout or in an error handler, gives what it says."""
    app = App()
    app.GET("/", lambda req, res, ctx: res.redirect("/login"))
    app.GET("/timed", lambda req, res, ctx: res.out(201, "made"), timeout=5)
    app.ON(404, lambda req, res, ctx: res.header("x-missing", "yes"))
    assert (302, "/login", b"") == ((reply := await request(app)).status, reply.headers["location"], reply.body)
    assert (201, "made") == ((reply := await request(app, "GET", "/timed")).status, reply.text)
    assert (404, "yes") == ((reply := await request(app, "GET", "/nope")).status, reply.headers["x-missing"])
