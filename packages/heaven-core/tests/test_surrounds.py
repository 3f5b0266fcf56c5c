"""What another package declares around routes: levels, from the root to a route, in every form of mounting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driver import request
from heaven import App, HTTPError, NoSuchURL, NotFound
from heaven.callables import awaitable
from heaven.declaring.registrations import Options, Part, Rescue, Route, checked_pattern
from heaven.declaring.surrounds import undeclared
from sockets import talk


class Level:
    """A surround that notes its name in the response, and has error handlers."""

    def __init__(self, name, rescues=(), shelters=True):
        self.name = name
        self.rescues = {
            event: Rescue(event, function, awaitable(function, 4, name, name), name, takes_all=True)
            for event, function in rescues
        }
        self.shelters = shelters

    def fold(self, surrounded):
        return Folded(surrounded)

    def shelter(self, placed, missing):
        if not self.shelters:
            return None

        async def enter(scope, receive, send):
            async def marked(message):
                if message["type"] == "http.response.start":
                    named = ".".join(each.surround.name for each in placed)
                    message = {**message, "headers": [*message["headers"], (b"x-sheltered", named.encode())]}
                await send(message)

            await missing(scope, receive, marked)

        return enter


class Folded:
    redirect_slashes = None

    def __init__(self, surrounded):
        self.names = [each.surround.name for each in surrounded.placed]
        self.lines = tuple(self.names)
        for each in surrounded.placed:
            each.made["folded"] = each.made.get("folded", 0) + 1
        self.folded = [each.made["folded"] for each in surrounded.placed]
        self.inner = surrounded.route.call if surrounded.route.declared is None else surrounded.route.declared
        self.around_it = 0

    async def call(self, req, res, ctx):
        result = await self.inner(req, res, ctx)
        return {"levels": self.names, "said": result}

    def around(self, endpoint):
        self.around_it += 1
        return endpoint


async def plain(req, res, ctx):
    return req.path


async def failing(req, res, ctx):
    raise NotFound("nothing here")


def declare(app, path, handler, *levels, method="GET", name=None, implied=False):
    """Write a route down as another package does."""
    pattern = checked_pattern(path, "test", "here")
    options = replace(Options(), name=name, implied_name=implied)
    app.register(Route(method, pattern, handler, undeclared, None, options, "here", levels, declared=handler))


async def levels_of(app, path):
    reply = await request(app, "GET", path)
    return reply.json["levels"]


async def test_levels_are_folded_from_the_root_to_the_route():
    """Application, mount, child and route each bring theirs, the outermost first."""
    child = App()
    child.written.surrounds.append(Level("child"))
    declare(child, "/orders", plain, Level("gateway"), Level("handler"))
    app = App()
    app.written.surrounds.append(Level("root"))
    app.mount(child, "/shop", surrounds=[Level("mount")])
    assert ["root", "mount", "child", "gateway", "handler"] == await levels_of(app, "/shop/orders")
    assert ["child", "gateway", "handler"] == await levels_of(child, "/orders")


async def test_a_route_of_the_core_is_surrounded_too():
    """Whoever mounts an application with levels has them around all its routes, and around foreign ones."""
    child = App()
    child.GET("/orders", plain)
    app = App()
    app.mount(child, "/shop", surrounds=[Level("mount")])
    app.GET("/bare", plain)
    assert {"levels": ["mount"], "said": "/shop/orders"} == (await request(app, "GET", "/shop/orders")).json
    assert "/bare" == (await request(app, "GET", "/bare")).text


async def test_a_child_with_middleware_is_surrounded_too():
    """An island has a wiring of its own, and the levels above it nevertheless."""
    child = App()
    child.WRAP(lambda app: app)
    declare(child, "/orders", plain)
    app = App()
    app.mount(child, "/shop", surrounds=[Level("mount")])
    assert ["mount"] == await levels_of(app, "/shop/orders")
    missing = await request(app, "GET", "/shop/nothing")
    assert (404, "mount") == (missing.status, missing.headers["x-sheltered"])


async def test_the_innermost_error_handler_answers():
    """Levels are lexical: the route's own handlers come first, then those around it, each outwards."""
    told = []

    def teller(name):
        async def tell(req, res, ctx, error):
            told.append(name)
            res.status = 418

        return tell

    child = App()
    child.written.surrounds.append(Level("child", [(NotFound, teller("child"))]))
    declare(child, "/orders", failing, Level("gateway", [(404, teller("gateway"))]))
    app = App()
    app.ON(HTTPError, teller("root"))
    app.mount(child, "/shop", surrounds=[Level("mount", [(404, teller("mount"))])])
    assert 418 == (await request(app, "GET", "/shop/orders")).status
    assert ["gateway"] == told
    told.clear()
    assert 418 == (await request(app, "GET", "/shop/nothing")).status
    assert ["child"] == told


async def test_a_handler_that_takes_all_answers_http_errors_too():
    """A level's handler for Exception sees an HTTPError where nobody knows it better; the core's own does not."""

    async def general(req, res, ctx, error):
        res.status = 418

    async def special(req, res, ctx, error):
        res.status = 410

    app = App()
    app.ON(Exception, general)
    declare(app, "/general", failing, Level("gateway", [(Exception, general)]))
    declare(app, "/special", failing, Level("gateway", [(Exception, general), (404, special)]))
    declare(app, "/core", failing, Level("gateway"))
    answers = [(await request(app, "GET", path)).status for path in ("/general", "/special", "/core")]
    assert [418, 410, 404] == answers


async def test_what_a_level_raises_goes_to_the_next_one():
    """A level's error handler that raises has its own error answered, by the levels outside of it."""

    async def translate(req, res, ctx, error):
        raise HTTPError(410) from error

    async def gone(req, res, ctx, error):
        res.status = error.status + 1

    app = App()
    declare(app, "/plain", failing, Level("outer"), Level("inner", [(404, translate), (410, gone)]))
    declare(app, "/caught", failing, Level("outer", [(410, gone)]), Level("inner", [(404, translate)]))
    assert [410, 411] == [(await request(app, "GET", path)).status for path in ("/plain", "/caught")]


async def test_what_was_made_for_a_place_is_kept():
    """A level has one memory for each place its application stands at, which outlives that routes are added later."""
    around, own = Level("around"), Level("own")
    child = App()
    child.written.surrounds.append(own)
    declare(child, "/orders", plain)
    app = App()
    declare(app, "/orders", plain, around)
    app.mount(child, "/a", surrounds=[around])
    app.mount(child, "/b", surrounds=[around])

    def folded() -> dict[str, list[int]]:
        entries = (entry for entry in app.wiring.entries if entry.folded and entry.method == "GET")
        return {entry.pattern.text: entry.folded.folded for entry in entries}

    assert {"/orders": [1], "/a/orders": [2, 1], "/b/orders": [3, 1]} == folded()
    app.GET("/later", plain)
    assert {"/orders": [4], "/a/orders": [5, 2], "/b/orders": [6, 2]} == folded()


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_what_no_route_matched_is_sheltered(method):
    """404, 405, OPTIONS and redirects pass what the levels have around them; a level without anything costs nothing."""
    app = App(slashes="redirect")
    app.written.surrounds.append(Level("root"))
    declare(app, "/orders", plain)
    found = await request(app, method, "/nothing" if method == "GET" else "/orders")
    assert "root" == found.headers["x-sheltered"]
    redirected = await request(app, "GET", "/orders/")
    assert (307, "root") == (redirected.status, redirected.headers["x-sheltered"])
    bare = App()
    bare.written.surrounds.append(Level("root", shelters=False))
    assert "x-sheltered" not in (await request(bare, "GET", "/nothing")).headers


async def test_a_part_of_an_application_answers_for_what_it_has_no_route_for():
    """Below its path the levels see what no route matched; the innermost part counts, and a child before it."""
    child = App()
    child.ON(404, lambda req, res, ctx, error: {"missing": "child"})
    outer, inner, level = Level("outer"), Level("inner"), Level("mount")
    app = App()
    declare(app, "/api/v1/orders", plain, outer, inner)
    app.written.parts += [Part("/api", (outer,)), Part("/api/v1", (outer, inner)), Part("/api/child", (outer, level))]
    app.mount(child, "/api/child", surrounds=[outer, level])

    async def shelter_of(path, method="GET"):
        return (await request(app, method, path)).headers.get("x-sheltered")

    assert "outer" == await shelter_of("/api/nothing")
    assert "outer.inner" == await shelter_of("/api/v1/nothing")
    assert "outer.inner" == await shelter_of("/api/v1/orders", "OPTIONS")
    assert await shelter_of("/nothing") is None
    assert {"missing": "child"} == (await request(app, "GET", "/api/child/nothing")).json


async def test_a_host_that_is_refused_is_sheltered_too():
    """Whatever is wrong with the Host, the levels see the answer."""
    app = App(hosts=["shop.test"])
    app.written.surrounds.append(Level("root"))
    refused = await request(app, "GET", "/", host="elsewhere.test")
    assert (400, "root") == (refused.status, refused.headers["x-sheltered"])


async def test_the_path_of_an_application_is_before_its_routes_wherever_it_is():
    """It is there at the root, below a mount, for hooks, for names and for what nobody found."""
    child = App()
    child.path = "/v1"
    child.GET("/orders/:id", plain, name="order")
    child.BEFORE("/orders/*", lambda req, res, ctx: res.header("x-hook", "ran"))
    child.ON(404, lambda req, res, ctx, error: {"missing": "child"})
    child.GET("/", plain)
    app = App()
    app.mount(child, "/api", name="api")
    assert "/api/v1/orders/7" == app.url_for("api:order", id="7") == child.url_for("order", id="7")
    reply = await request(app, "GET", "/api/v1/orders/7")
    assert ("/api/v1/orders/7", "ran") == (reply.text, reply.headers["x-hook"])
    assert "/api/v1" == (await request(app, "GET", "/api/v1")).text
    assert {"missing": "child"} == (await request(app, "GET", "/api/v1/nothing")).json
    assert "missing" not in (await request(app, "GET", "/api/nothing")).json


def test_of_implied_names_the_first_counts_and_a_said_one_before_it():
    """Functions may have the same name; only two names that somebody said contradict each other."""
    app = App()
    declare(app, "/a", plain, name="read", implied=True)
    declare(app, "/b", plain, name="read", implied=True)
    assert "/a" == app.url_for("read")
    declare(app, "/c", plain, name="read")
    assert "/c" == app.url_for("read")
    declare(app, "/d", plain, name="read", implied=True)
    assert "/c" == app.url_for("read")
    declare(app, "/e", plain, name="read")
    with pytest.raises(ValueError, match="the name 'read' at here is taken by /c at here"):
        app.url_for("read")
    with pytest.raises(NoSuchURL):
        App().url_for("read")


async def test_a_websocket_is_surrounded_as_well():
    """Its handler is folded, and its endpoint is what the levels made of it."""

    async def greet(req, ws, ctx):
        await ws.accept()
        await ws.send_text("hello")

    app = App()
    declare(app, "/live", greet, Level("gateway"), method="WEBSOCKET")
    entry = app.wiring.entries[0]
    assert (1, ("gateway",)) == (entry.folded.around_it, entry.folded.lines)
    assert "hello" == (await talk(app, "/live"))[1]["text"]


def test_people_are_shown_the_levels():
    """The wiring and explain say what stands around a route."""
    app = App()
    app.written.surrounds.append(Level("Router"))
    declare(app, "/orders", plain, Level("Gateway /orders"))
    assert ("Router", "Gateway /orders") == app.explain("GET", "/orders").levels
    assert "LEVEL   Gateway /orders" in str(app.explain("GET", "/orders"))
    assert "    LEVEL   Router" in str(app.wiring)
    assert () == app.explain("GET", "/nothing").levels


async def test_undeclared_stands_in_until_levels_make_the_call():
    """A route that waits for its levels does nothing by itself."""
    assert await undeclared(None, None, None) is None
