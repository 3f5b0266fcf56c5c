"""Fallbacks: another ASGI application in place of 404, and what stays with the routes."""

from __future__ import annotations

import pytest

from driver import Lifespan, request
from heaven import App, NotFound, RegistrationError
from heaven.declaring.registrations import Part
from sockets import talk


class Answering:
    """An ASGI application that answers with a word, and remembers the scopes it was called with."""

    def __init__(self, word="fallback"):
        self.word = word
        self.scopes = []
        self.bodies = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                self.scopes.append(message["type"])
                scope["state"]["seen"] = True
                await send({"type": f"{message['type']}.complete"})
            return
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "subprotocol": self.word})
            await send({"type": "websocket.close"})
            return
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": self.word.encode()})


def said(text):
    return lambda req, res, ctx: text


@pytest.fixture
def fallback():
    return Answering()


@pytest.fixture
def app(fallback):
    """An application with a route, a 404 page for what handlers raise, and a fallback."""

    async def lose(req, res, ctx):
        raise NotFound

    app = App(slashes="redirect")
    app.GET("/orders", said("orders"))
    app.GET("/lost", lose)
    app.WS("/live", lambda req, ws, ctx: ws.accept())
    app.ON(404, said("the page for what is lost"))
    app.fallback(fallback)
    return app


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", "/orders", (200, "orders")),
        ("GET", "/none", (404, "fallback")),
        ("GET", "/", (404, "fallback")),
        ("GET", "/a%2Fb", (404, "fallback")),
        ("GET", "//evil.test/", (404, "fallback")),
        ("GET", "*", (404, "fallback")),
        ("POST", "/none", (404, "fallback")),
        ("HEAD", "/none", (404, "fallback")),
        ("OPTIONS", "/none", (404, "fallback")),
        ("FETCH", "/none", (404, "fallback")),
        ("GET", "/lost", (404, "the page for what is lost")),
        ("POST", "/orders", (405, None)),
        ("OPTIONS", "/orders", (204, "")),
        ("GET", "/orders/", (307, "")),
    ],
)
async def test_what_goes_to_the_fallback(app, method, url, expected) -> None:
    """What no route matched, and nothing that a path, a method or a slash answers; nor a handler's NotFound."""
    reply = await request(app, method, url)

    assert expected == (reply.status, reply.text if expected[1] is not None else None)


async def test_the_scope_is_the_server_s(app, fallback) -> None:
    """Path, query and root_path are as they came, and the body is the fallback's to read."""
    await request(app, "POST", "/none?x=1", body=b"body", root_path="/proxy")
    await request(app, "POST", "/a%2Fb")

    seen = [(each["path"], each["raw_path"], each["root_path"], each["query_string"]) for each in fallback.scopes]
    assert [("/none", b"/none", "/proxy", b"x=1"), ("/a/b", b"/a%2Fb", "", b"")] == seen
    assert [b"body", b""] == fallback.bodies


async def test_a_websocket_without_a_route_goes_to_it(app, fallback) -> None:
    """One with a route does not."""
    assert {"type": "websocket.accept", "subprotocol": "fallback"} == (await talk(app, "/none"))[0]
    assert None is (await talk(app, "/live"))[0].get("subprotocol")
    assert ["/none"] == [scope["path"] for scope in fallback.scopes]


@pytest.mark.parametrize("wrapped", [False, True], ids=["child", "island"])
@pytest.mark.parametrize("own", [False, True], ids=["without its own", "with its own"])
async def test_a_child_answers_for_itself(app, fallback, own, wrapped) -> None:
    """Below its prefix nothing goes to the fallback of the application around it; its own sees the root_path."""
    inner, child = Answering("inner"), App()
    child.GET("/x", said("x"))
    if wrapped:
        child.WRAP(lambda app: app)
    if own:
        child.fallback(inner)
    app.mount(child, "/shops/:shop")

    replies = [await request(app, "GET", url) for url in ("/shops/rome/none/at/all", "/shops/rome", "/shops")]

    ours = ["inner", "inner"] if own else ["the page for what is lost"] * 2
    assert [*ours, "fallback"] == [reply.text for reply in replies]
    seen = [(scope["path"], scope["root_path"]) for scope in inner.scopes]
    assert [("/shops/rome/none/at/all", "/shops/rome"), ("/shops/rome", "/shops/rome")][: 2 * own] == seen
    assert [("/shops", "")] == [(scope["path"], scope["root_path"]) for scope in fallback.scopes]


@pytest.mark.parametrize("options", [{}, {"subdomain": "api"}, {"host": "api.shop.test"}])
async def test_a_child_without_a_prefix_may_have_it(options) -> None:
    """There it takes what nothing at this place matches, whichever child was mounted first."""
    app, first, second = App(), App(), App()
    first.GET("/first", said("first"))
    second.GET("/second", said("second"))
    second.fallback(Answering("second's"))
    app.mount(first, **options)
    app.mount(second, **options)

    urls = ("/first", "/second", "/none")
    replies = [await request(app, "GET", url, headers={"host": "api.shop.test"}) for url in urls]

    assert ["first", "second", "second's"] == [reply.text for reply in replies]


async def test_a_part_of_an_application_has_no_fallback_of_its_own(fallback) -> None:
    """What is below its path goes to that of the application, as it came; what is mounted there answers for itself."""
    app, first, second = App(), App(), App()
    app.fallback(fallback)
    for path in ("", "/api", "/first", "/first/second"):
        app.written.parts.append(Part(path, ()))
    first.written.parts.append(Part("/second", ()))
    first.fallback(Answering("first"))
    second.ON(404, said("second"))
    app.mount(first, "/first")
    app.mount(second, "/first/second")

    replies = [await request(app, "GET", url) for url in ("/api/none", "/none", "/first/none", "/first/second/none")]

    assert ["fallback", "fallback", "first", "second"] == [reply.text for reply in replies]
    assert [("/api/none", ""), ("/none", "")] == [(scope["path"], scope["root_path"]) for scope in fallback.scopes]


async def test_what_it_raises_is_answered_as_a_handler_s_error(app) -> None:
    """Nothing is left to the server."""
    broken = App()

    async def fail(scope, receive, send):
        raise ValueError("no")

    broken.fallback(fail)
    broken.ON(ValueError, said("saved"))

    assert "saved" == (await request(broken, "GET", "/none")).text


async def test_middleware_is_around_it_and_hooks_are_not(app) -> None:
    """As for every answer without a route."""
    seen = []

    def noting(inner):
        async def middleware(scope, receive, send):
            seen.append(scope["path"])
            await inner(scope, receive, send)

        return middleware

    app.WRAP(noting)
    app.BEFORE("/*", lambda req, res, ctx: seen.append("hook"))
    await request(app, "GET", "/none")

    assert ["/none"] == seen


async def test_its_lifespan_runs(fallback, app) -> None:
    """With that of the application; what it leaves in its state comes with its requests."""
    async with Lifespan(app):
        await request(app, "GET", "/none")

    assert ["lifespan.startup", {"seen": True}, "lifespan.shutdown"] == [
        each if isinstance(each, str) else each["state"] for each in fallback.scopes
    ]


async def test_an_app_can_be_a_fallback(app) -> None:
    """It is an ASGI application like any other."""
    other, outer = App(), App()
    other.GET("/old", said("old"))
    outer.fallback(other)

    assert ["old", 404] == [(await request(outer, "GET", "/old")).text, (await request(outer, "GET", "/none")).status]


def test_explain_names_it(app) -> None:
    """Where it takes the request there is no status; elsewhere nothing changes."""
    found = [app.explain(*asked) for asked in (("GET", "/none"), ("WEBSOCKET", "/none"), ("POST", "/orders"))]

    assert [None, None, 405] == [each.status for each in found]
    assert [True, True, False] == [each.why.startswith(f"the fallback said at {__file__}:") for each in found]
    assert [None, None, None] == [each.route for each in found]


@pytest.mark.parametrize(
    ("application", "message"),
    [
        ("html", "got 'html'; give an ASGI application"),
        (Answering(), "is a second one, after that at .*; leave one out"),
    ],
    ids=["no application", "second"],
)
def test_what_can_t_work_is_refused(app, application, message) -> None:
    """When it is said, with the place."""
    with pytest.raises(RegistrationError, match=rf"fallback at {__file__}:\d+ {message}"):
        app.fallback(application)


def test_it_can_t_lead_back() -> None:
    """An application is no fallback of itself, or of what is mounted on it."""
    app, child = App(), App()
    app.mount(child, "/child")
    for each in (app, child):
        with pytest.raises(RegistrationError, match="would lead an application back to itself"):
            each.fallback(app)


def test_two_in_one_place_are_refused() -> None:
    """Nobody could tell which one answers."""
    app, child = App(), App()
    app.fallback(Answering())
    child.fallback(Answering())
    app.mount(child)

    with pytest.raises(RegistrationError, match=r"the fallbacks at .* and .* both take what no route matches below /;"):
        app.wire()


async def test_one_that_is_mounted_twice_is_no_second_one(fallback) -> None:
    """It is the same fallback in both places, or twice in one."""
    app, child = App(), App()
    child.fallback(fallback)
    for prefix in ("/a", "/b", "/b"):
        app.mount(child, prefix)

    assert ["fallback", "fallback"] == [(await request(app, "GET", url)).text for url in ("/a/x", "/b/x")]
