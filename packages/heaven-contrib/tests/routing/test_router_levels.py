"""What a Router and an Application say as a level, each parameter by itself, and what a child keeps to itself."""

from __future__ import annotations

import logging

import pytest

from heaven import App, HTTPError, RegistrationError
from heaven_contrib.routing import (
    APIView,
    Application,
    BasePermission,
    Cookie,
    DefineMiddleware,
    Gateway,
    ImproperlyConfigured,
    Include,
    Inject,
    Injects,
    Interceptor,
    JSONResponse,
    PlainTextResponse,
    ResponseHeader,
    Router,
    get,
    post,
    websocket,
)
from heaven_testing import Client, WebSocketDenied


@pytest.fixture(params=[Router, Application])
def kind(request):
    return request.param


@get("/")
async def hello() -> str:
    return "hello"


@get("/fail")
async def fail() -> None:
    raise KeyError("lost")


class Refuse(BasePermission):
    message = "Not here."

    def has_permission(self, request, apiview):
        return "x-let-me" in request.headers


class Stamp:
    """Middleware that adds its name to a field of the response."""

    made = 0

    def __init__(self, app, name="stamp"):
        type(self).made += 1
        self.app, self.name = app, name.encode()

    async def __call__(self, scope, receive, send):
        async def stamped(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-stamp", self.name)]}
            await send(message)

        await self.app(scope, receive, stamped)


async def test_dependencies(kind):
    """Dependencies of the application reach every handler below."""

    @get("/")
    async def read(db: str = Injects()) -> str:
        return db

    app = kind(routes=[Include("/a", routes=[read])], dependencies={"db": Inject(lambda: "db")})
    async with Client(app) as client:
        assert "db" == (await client.get("/a")).json()


async def test_permissions(kind):
    """The application's permissions guard all of its routes, with their message."""
    async with Client(kind(routes=[Include("/a", routes=[hello])], permissions=[Refuse])) as client:
        refused = await client.get("/a")
        allowed = await client.get("/a", headers={"x-let-me": "in"})
    assert (403, "Not here.") == (refused.status_code, refused.json()["detail"])
    assert 200 == allowed.status_code


async def test_interceptors(kind):
    """The application's interceptors see the scope before handlers do."""

    class Tenant(Interceptor):
        async def intercept(self, scope, receive, send):
            scope["tenant"] = "acme"

    @get("/")
    async def read(request) -> str:
        return request.scope["tenant"]

    async with Client(kind(routes=[read], interceptors=[Tenant])) as client:
        assert "acme" == (await client.get("/")).json()


async def test_exception_handlers(kind):
    """The application's exception handlers answer what its routes raise, and what it misses."""

    async def lost(request, error):
        return JSONResponse({"lost": str(error)}, status_code=410)

    def missing(request, error):
        return PlainTextResponse("nowhere", status_code=404)

    app = kind(routes=[fail], exception_handlers={KeyError: lost, 404: missing})
    async with Client(app) as client:
        answer, miss = await client.get("/fail"), await client.get("/nothing")
    assert (410, {"lost": "'lost'"}) == (answer.status_code, answer.json())
    assert (404, "nowhere") == (miss.status_code, miss.text)


async def test_middleware(kind):
    """The application's middleware is around its routes, and around what nothing matched; the first is outermost."""
    app = kind(
        routes=[hello], middleware=[DefineMiddleware(Stamp, name="outer"), DefineMiddleware(Stamp, name="inner")]
    )
    async with Client(app) as client:
        answers = [await client.get("/"), await client.get("/nothing"), await client.post("/")]
    assert [["inner", "outer"]] * 3 == [each.headers.get_list("x-stamp") for each in answers]
    assert [200, 404, 405] == [each.status_code for each in answers]


async def test_response_class(kind):
    """The application's response class is what returned values become."""
    async with Client(kind(routes=[hello], response_class=PlainTextResponse)) as client:
        answer = await client.get("/")
    assert ("hello", "text/plain; charset=utf-8") == (answer.text, answer.headers["content-type"])


async def test_response_cookies(kind):
    """The application's cookies are set by every response."""
    async with Client(kind(routes=[hello], response_cookies=[Cookie("theme", "dark")])) as client:
        answer = await client.get("/")
    assert "dark" == answer.cookies["theme"]


async def test_response_headers(kind):
    """The application's header fields stand in every response."""
    async with Client(kind(routes=[hello], response_headers={"Authorize": ResponseHeader(value="granted")})) as client:
        answer = await client.get("/")
    assert "granted" == answer.headers["authorize"]


async def test_before_request(kind):
    """What a before_request gives back answers in place of the handler."""

    def closed(request):
        return PlainTextResponse("closed", status_code=503) if request.query else None

    app = kind(routes=[hello], before_request=[lambda request: None])
    assert "hello" == (await one(app)).json()
    app = kind(routes=[hello], before_request=[lambda request: PlainTextResponse("closed", status_code=503)])
    assert (503, "closed") == ((await one(app)).status_code, (await one(app)).text)


async def one(app, url="/", **options):
    async with Client(app) as client:
        return await client.get(url, **options)


async def test_after_request(kind):
    """An after_request sees the response, and may change it."""

    async def signed(request, response):
        response.headers["x-signed"] = request.method

    assert "GET" == (await one(kind(routes=[hello], after_request=[signed]))).headers["x-signed"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"tags": ["a", "b"]}, {"tags": ("a", "b", "own")}),
        ({"deprecated": True}, {"deprecated": True}),
        ({"include_in_schema": False}, {"include_in_schema": False}),
        ({"security": [{"oauth2": ["read"]}, "key"]}, {"security": ({"oauth2": ("read",)}, {"key": ()})}),
    ],
    ids=["tags", "deprecated", "include_in_schema", "security"],
)
def test_what_documentation_says(kind, said, expected):
    """Tags, deprecated, security and include_in_schema reach the documentation of every route."""

    @get("/x", tags=["own"])
    async def read() -> None: ...

    app = kind(routes=[Include("/a", routes=[read])], **said)
    found = {id(entry.folded.merged): entry.folded.merged for entry in app.wire().entries}
    for merged in found.values():
        assert expected == {name: getattr(merged, name) for name in expected}


@pytest.mark.parametrize(
    "wrong",
    [
        {"dependencies": {"db": 7}},
        {"dependencies": ["db"]},
        {"permissions": [print]},
        {"permissions": Refuse},
        {"interceptors": [Stamp]},
        {"middleware": [7]},
        {"exception_handlers": {200: print}},
        {"exception_handlers": [print]},
        {"response_class": dict},
        {"response_cookies": [("a", "b")]},
        {"response_headers": {"a": "b"}},
        {"tags": "users"},
        {"deprecated": "yes"},
        {"security": [7]},
        {"include_in_schema": 1},
        {"before_request": [7]},
        {"after_request": print},
        {"redirect_slashes": "yes"},
    ],
    ids=str,
)
def test_what_can_not_work_is_refused_at_construction(kind, wrong):
    """The message names the application, the parameter's value and the line."""
    with pytest.raises(ImproperlyConfigured, match=f"{kind.__name__}.* at .*test_router_levels.py:"):
        kind("/x", **wrong)


async def test_parameters_may_stand_in_their_order():
    """They are accepted by position in the order of the style."""
    seen = []
    router = Router("/p", None, None, [lambda: seen.append("up")], [lambda: seen.append("down")], True, None, [hello])
    assert 200 == (await one(router, "/p")).status_code
    assert 307 == (await one(router, "/p/")).status_code
    assert ["up", "down"] * 2 == seen


def test_options_of_the_core_are_taken():
    """What `heaven.App` takes besides, a Router passes on."""
    router = Router(config={"a": 1}, debug=True, max_body_size=10, hosts=["shop.test"])
    assert (1, True, 10) == (router.CONFIG("a"), router.settled.debug, router.defaults.max_body_size)


@pytest.mark.parametrize(
    "wrong", [{"max_body_size": -1}, {"timeout": "long"}, {"origins": "*"}, {"lifespan": 7}, {"monitor": 0}], ids=str
)
def test_options_of_the_core_that_can_not_work_are_refused(kind, wrong):
    """The message names the option, and the line it was passed at."""
    with pytest.raises(RegistrationError, match=f"test_router_levels.py:.* got {next(iter(wrong))}="):
        kind(**wrong)


def test_a_second_default_is_refused():
    """The message names the lines of both."""
    router = Router(default=Router())
    with pytest.raises(RegistrationError, match="test_router_levels.py:.* after that at .*test_router_levels.py"):
        router.fallback(Router())


# What a child keeps to itself


def handled(name):
    async def answer(request, error):
        return PlainTextResponse(name, status_code=418)

    return answer


OUTER = {"exception_handlers": {KeyError: handled("outer"), 404: handled("outer 404"), ValueError: handled("outer")}}


async def test_a_child_answers_its_own_404s():
    """What nothing matched below the child's prefix is the child's 404, with its exception handler."""
    child = Application(routes=[hello], exception_handlers={404: handled("inner 404")})
    app = Application(routes=[Include("/child", app=child)], **OUTER)
    assert ["inner 404", "outer 404"] == [(await one(app, url)).text for url in ("/child/x", "/x")]


async def test_a_child_at_the_root_answers_its_own_404s():
    """`Include(app=child)` has everything below it; what the child does not handle goes further out."""
    child = Application(routes=[hello], exception_handlers={404: handled("inner 404")}, middleware=[Stamp])
    app = Application(routes=[Include(app=child), fail], **OUTER)
    missing, own = await one(app, "/x"), await one(app, "/fail")
    assert ("inner 404", "stamp") == (missing.text, missing.headers["x-stamp"])
    assert ("outer", False) == (own.text, "x-stamp" in own.headers)
    app = Application(routes=[Include(app=Application(routes=[hello]))], **OUTER)
    assert "outer 404" == (await one(app, "/x")).text


async def test_a_child_handles_its_own_exceptions():
    """The child's exception handlers come before those outside."""
    child = Application(routes=[fail], exception_handlers={KeyError: handled("inner")})
    app = Application(routes=[Include("/child", app=child), fail], **OUTER)
    assert ["inner", "outer"] == [(await one(app, url)).text for url in ("/child/fail", "/fail")]


async def test_what_a_child_does_not_handle_goes_further_out():
    """Exception handlers are lexical: without one of its own, the levels around the child answer."""
    app = Application(routes=[Include("/child", app=Application(routes=[fail]))], **OUTER)
    assert "outer" == (await one(app, "/child/fail")).text


async def test_levels_above_apply_to_a_child():
    """Middleware, permissions, interceptors, response headers and cookies of the levels above are around a child."""
    seen = []

    class Note(Interceptor):
        async def intercept(self, scope, receive, send):
            seen.append(scope["path"])

    include = Include(
        "/child",
        app=Application(routes=[hello]),
        middleware=[Stamp],
        interceptors=[Note],
        permissions=[Refuse],
        response_headers={"x-from": ResponseHeader("include")},
        response_cookies=[Cookie("from", "include")],
    )
    app = Application(routes=[include], response_headers={"x-of": ResponseHeader("application")})
    answer = await one(app, "/child", headers={"x-let-me": "in"})
    assert ("stamp", "include", "application") == tuple(answer.headers[f"x-{each}"] for each in ("stamp", "from", "of"))
    assert ("include", ["/child"]) == (answer.cookies["from"], seen)
    assert 403 == (await one(app, "/child")).status_code


async def test_a_child_has_a_store_of_its_own():
    """An Application keeps its state to itself; a Router that is included shares the one around it."""

    @get("/")
    async def read(state) -> str:
        return state.db

    child, router = Application(routes=[read]), Router(routes=[read])
    app = Application(routes=[Include("/child", app=child), Include("/router", app=router)])
    app.keep("db", "outer")
    child.keep("db", "inner")
    try:
        assert ["inner", "outer"] == [(await one(app, url)).json() for url in ("/child", "/router")]
    finally:
        app.unkeep("db")
        child.unkeep("db")


# What nothing matched


def stamped(name):
    return DefineMiddleware(Stamp, name=name)


async def test_parts_answer_for_what_nothing_matched_below_them():
    """Middleware and exception handlers of the levels around a path see its 404 and 405, the innermost inside."""
    inner = Include("/b", routes=[hello], middleware=[stamped("b")], exception_handlers={405: handled("b")})
    outer = Include("/a", routes=[inner], middleware=[stamped("a")], exception_handlers={404: handled("a")})
    app = Router(routes=[outer], middleware=[stamped("router")])
    async with Client(app) as client:
        misses = [await client.get(url) for url in ("/a/b/x", "/a/x", "/x")]
        refused = await client.post("/a/b")
    assert [["b", "a", "router"], ["a", "router"], ["router"]] == [each.headers.get_list("x-stamp") for each in misses]
    assert [418, 418, 404] == [each.status_code for each in misses]
    assert (418, "b", "GET, HEAD, OPTIONS") == (refused.status_code, refused.text, refused.headers["allow"])


@pytest.mark.parametrize("kind", [Router, Application], ids=["Router", "Application"])
async def test_an_included_application_answers_for_what_nothing_matched_below_it(kind):
    """What a mounted Router says is around its part of the paths, and around nothing else."""
    inner = kind("/inner", routes=[hello], middleware=[stamped("inner")], exception_handlers={404: handled("inner")})
    async with Client(Router(routes=[Include("/in", app=inner)])) as client:
        below, beside = await client.get("/in/inner/x"), await client.get("/in/x")
    assert ("inner", "inner", 404) == (below.text, below.headers["x-stamp"], beside.status_code)


async def test_middleware_is_around_the_default_and_permissions_are_not():
    """A default is no route: like a 404 it can be had by everybody."""

    async def default(scope, receive, send):
        await send({"type": "http.response.start", "status": 203, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = Router(routes=[hello], default=default, middleware=[Stamp], permissions=[Refuse])
    answers = [await one(app, url) for url in ("/", "/x")]
    assert [(403, "stamp"), (203, "stamp")] == [(each.status_code, each.headers["x-stamp"]) for each in answers]


# Exceptions


async def broken(request, error):
    raise ValueError("in the handler")


async def test_what_an_exception_handler_raises_goes_to_the_next_level_out():
    """Its own level, and those inside, have had their turn."""
    gateway = Gateway(handler=fail, exception_handlers={KeyError: broken, ValueError: handled("same")})
    include = Include("/in", routes=[gateway], exception_handlers={ValueError: handled("include")})
    app = Router(routes=[include], exception_handlers={Exception: handled("router")})
    assert "include" == (await one(app, "/in/fail")).text


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ({"gateway": LookupError, "router": KeyError}, "gateway"),
        ({"gateway": ValueError, "router": KeyError}, "router"),
        ({"include": Exception, "router": KeyError}, "include"),
        ({"router": Exception}, "router"),
    ],
    ids=["base class", "another class", "any", "outermost"],
)
async def test_the_innermost_level_that_fits_answers(events, expected):
    """A base class at an inner level comes before the very class at an outer one."""
    said = {level: {event: handled(level)} for level, event in events.items()}
    gateway = Gateway(handler=fail, exception_handlers=said.get("gateway"))
    include = Include("/in", routes=[gateway], exception_handlers=said.get("include"))
    assert expected == (await one(Router(routes=[include], exception_handlers=said.get("router")), "/in/fail")).text


async def test_what_middleware_raises_is_for_its_own_level_and_those_outside():
    """Exception handlers are lexical: a Gateway's do not answer for the middleware of the Include around it."""

    class Broken:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            raise KeyError("middleware")

    gateway = Gateway(handler=hello, exception_handlers={KeyError: handled("gateway")})
    include = Include("/in", routes=[gateway], middleware=[Broken])
    assert (
        "router" == (await one(Router(routes=[include], exception_handlers={KeyError: handled("router")}), "/in")).text
    )


async def test_what_middleware_raises_once_an_answer_began_is_the_servers():
    """There is no second answer to a request; the server breaks the connection off."""

    class Late:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)
            raise KeyError("too late")

    app = Router(routes=[hello], middleware=[Late], exception_handlers={KeyError: handled("router")})
    async with Client(app) as client:
        with pytest.raises(KeyError, match="too late"):
            await client.get("/")


async def test_a_generator_that_fails_after_the_response_is_logged(caplog):
    """The client has its answer, and the other generators are cleaned up."""
    log = []

    async def outer():
        try:
            yield "outer"
        finally:
            log.append("outer")

    async def inner(outer):
        yield "inner"
        raise RuntimeError("at the end")

    @get("/", dependencies={"outer": outer, "inner": inner})
    async def read(inner: str) -> str:
        return inner

    with caplog.at_level(logging.ERROR, logger="heaven.errors"):
        answer = await one(Router(routes=[read]))
    assert (200, "inner", ["outer"]) == (answer.status_code, answer.json(), log)
    assert "at the end" in caplog.text


@pytest.mark.parametrize("status", [400, 403, 404, 405, 415, 422])
async def test_exception_handlers_see_what_the_framework_refuses(status):
    """By status, or as HTTPError: permissions, bindings, misses."""

    @post("/x")
    async def create(data: dict[str, int]) -> None: ...

    requests = {
        400: ("POST", "/x", {"content": b"{", "headers": {"content-type": "application/json"}}),
        403: ("POST", "/guarded/x", {}),
        404: ("GET", "/nothing", {}),
        405: ("GET", "/x", {}),
        415: ("POST", "/x", {"content": b"{}", "headers": {"content-type": "text/csv"}}),
        422: ("POST", "/x", {"json": {"a": "b"}}),
    }
    method, url, options = requests[status]
    for event in (status, HTTPError):
        said = {event: lambda request, error: PlainTextResponse(str(error.status), status_code=418)}
        app = Router(
            routes=[create, Gateway("/guarded", handler=create, permissions=[Refuse])], exception_handlers=said
        )
        async with Client(app) as client:
            answer = await client.request(method, url, **options)
        assert (418, str(status)) == (answer.status_code, answer.text)


# What is declared later


async def test_add_route_takes_what_a_gateway_takes():
    """Levels and a name can be said; the path stands before the handler's."""
    router = Router()
    router.add_route("/a/", hello, name="x", permissions=[Refuse], tags=["a"])
    assert [403, 404] == [(await one(router, url)).status_code for url in ("/a", "/")]
    assert "/a" == router.path_for("x")


async def test_add_route_takes_a_view():
    """An APIView is served like a handler."""

    class View(APIView):
        @get("/one")
        async def one(self) -> str:
            return "one"

    router = Router()
    router.add_route(path="/view", handler=View)
    assert "one" == (await one(router, "/view/one")).json()


@pytest.mark.parametrize(
    "wrong", [7, lambda: None, Router(), Gateway(handler=hello)], ids=["7", "f", "Router", "Gateway"]
)
def test_add_route_takes_no_other_handler(wrong):
    """The message says what would be accepted."""
    with pytest.raises(ImproperlyConfigured, match="decorated with @get"):
        Router().add_route("/x", wrong)


def test_add_route_is_for_requests_and_add_websocket_route_for_sockets():
    """Each refuses the handlers of the other, and names it."""

    @websocket("/")
    async def chat(socket) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="WebSocketGateway"):
        Router().add_route("/x", chat)
    with pytest.raises(ImproperlyConfigured, match="give it to a Gateway"):
        Router().add_websocket_route("/x", hello)


@pytest.mark.parametrize("word", ["add_apiview", "add_include", "add_router"])
def test_what_is_added_is_a_route(word):
    """Something else is refused, with the word it was said to."""
    with pytest.raises(ImproperlyConfigured, match=f"{word} at .*test_router_levels.py"):
        getattr(Router(), word)(7)


async def test_add_child_takes_levels_and_a_name():
    """`add_child` is an Include of an application."""
    app = Application()
    app.add_child("/child", Router(routes=[hello]), name="child", permissions=[Refuse])
    assert (403, "/child") == ((await one(app, "/child")).status_code, app.path_for("child:hello"))


async def test_an_app_of_the_core_can_be_added():
    """`add_router` and `add_child` take a `heaven.App` as well."""

    async def core(req, res, ctx):
        return {"id": req.params["id"]}

    inner = App()
    inner.GET("/core/:id:int", core)
    app = Application()
    app.add_child("/child", inner)
    app.add_router(inner)
    assert [{"id": 7}] * 2 == [(await one(app, url)).json() for url in ("/child/core/7", "/core/7")]


async def test_routes_are_added_while_the_application_serves():
    """What is added counts from the next request on; middleware that was made stays."""
    Stamp.made = 0
    router = Router(middleware=[Stamp])
    async with Client(router) as client:
        assert 404 == (await client.get("/x")).status_code
        router.add_route("/x", hello)
        assert "hello" == (await client.get("/x")).json()
    assert 1 == Stamp.made


@pytest.mark.parametrize("word", ["get", "head", "post", "put", "patch", "delete", "options", "trace"])
async def test_words_of_methods_serve_what_they_decorate(word):
    """`router.get(path, ...)` and its family declare a handler and serve it in one go."""
    router = Router("/r")

    @getattr(router, word)("/x/{n:int}", status_code=202, tags=["x"])
    async def handler(n: int) -> None: ...

    async with Client(router) as client:
        assert 202 == (await client.request(word.upper(), "/r/x/7")).status_code
    assert "/r/x/7" == router.path_for("handler", n=7)


async def test_the_words_route_and_websocket():
    """`router.route(methods=[...])` and `router.websocket(path)` do the same."""
    router = Router()

    @router.route("/x", methods=["GET", "DELETE"])
    async def both(request) -> str:
        return request.method

    @router.websocket("/ws/{n:int}")
    async def echo(socket, n: int) -> None:
        await socket.accept()
        await socket.send_json(n)
        await socket.close()

    async with Client(router) as client:
        assert ["GET", "DELETE"] == [(await client.request(each, "/x")).json() for each in ("GET", "DELETE")]
        async with client.ws("/ws/7") as socket:
            assert 7 == await socket.receive_json()
        with pytest.raises(WebSocketDenied):
            async with client.ws("/ws/x"):
                pass


# Errors


async def test_an_error_that_nobody_handles_reveals_nothing(kind, caplog):
    """The body of a 500 says nothing of what happened; the log does."""
    with caplog.at_level(logging.ERROR, logger="heaven.errors"):
        answer = await one(kind(routes=[fail]), "/fail")
    assert (500, {"type": "about:blank", "title": "Internal Server Error", "status": 500}) == (
        answer.status_code,
        answer.json(),
    )
    assert "KeyError: 'lost'" in caplog.text


async def test_an_http_error_is_a_problem(kind):
    """Raising HTTPError answers with its status and detail."""

    @post("/")
    async def teapot() -> None:
        raise HTTPError(418, "short and stout", headers={"x-tea": "green"})

    async with Client(kind(routes=[teapot])) as client:
        answer = await client.post("/")
    assert (418, "short and stout", "green") == (answer.status_code, answer.json()["detail"], answer.headers["x-tea"])
