"""Declared routes and those of the core in one application: verbs, hooks, store, plugins, mounts, explain and check."""

from __future__ import annotations

import gc
import importlib.util
from collections import Counter

import pytest

from heaven import App, HTTPError, Key
from heaven_contrib.routing import (
    APIView,
    Application,
    BasePermission,
    Cookie,
    Gateway,
    Host,
    Include,
    Inject,
    Interceptor,
    JSONResponse,
    ResponseHeader,
    Router,
    get,
    post,
    websocket,
)
from heaven_testing import Client, WebSocketDenied


@get("/declared/{id:int}")
async def declared(id: int, request) -> dict[str, object]:
    return {"declared": id, "route": request.route}


async def core(req, res, ctx):
    return {"core": req.params["id"], "user": ctx.user if "user" in vars(ctx) else None}


async def asked(app, url, method="GET", **options):
    async with Client(app) as client:
        return await client.request(method, url, **options)


# Verbs, hooks, store


async def test_a_router_takes_verbs_of_the_core():
    """Core routes and declared ones stand side by side, and 405 knows both."""
    router = Router("/v1", routes=[declared])
    router.POST("/declared/:id:int", core)
    router.GET("/core/:id:int", core)
    async with Client(router) as client:
        assert {"declared": 7, "route": "/v1/declared/:id:int"} == (await client.get("/v1/declared/7")).json()
        assert 7 == (await client.post("/v1/declared/7")).json()["core"]
        assert 8 == (await client.get("/v1/core/8")).json()["core"]
        assert "GET, HEAD, OPTIONS, POST" == (await client.put("/v1/declared/7")).headers["allow"]


async def test_hooks_of_the_core_cover_declared_routes():
    """BEFORE and AFTER of a Router see its declared routes, in the core's own order around the handler."""
    seen = []

    async def before(req, res, ctx):
        seen.append("before")
        ctx.user = "ada"

    async def after(req, res, ctx):
        seen.append("after")
        res.headers["x-after"] = str(res.status)

    @get("/x", before_request=[lambda request: seen.append("before_request")])
    async def read(context) -> str:
        seen.append("handler")
        return context.user

    router = Router(routes=[Include("/in", routes=[read])])
    router.BEFORE("/in/*", before)
    router.AFTER("/*", after)
    answer = await asked(router, "/in/x")
    assert ("ada", "200") == (answer.json(), answer.headers["x-after"])
    assert ["before", "before_request", "handler", "after"] == seen


async def test_a_hook_of_the_core_may_answer_for_a_declared_route():
    """`res.abort` in a BEFORE hook ends the request before permissions and handler."""

    async def closed(req, res, ctx):
        res.abort({"closed": True}, 503)

    router = Router(routes=[declared])
    router.BEFORE("/*", closed)
    answer = await asked(router, "/declared/7")
    assert (503, {"closed": True}) == (answer.status_code, answer.json())


async def test_hooks_of_an_outer_app_cover_a_mounted_router():
    """A core App's hooks see what the Router below declares."""

    async def stamp(req, res, ctx):
        res.headers["x-route"] = req.route

    app = App()
    app.AFTER("/v2/*", stamp)
    app.mount(Router("/r", routes=[declared]), prefix="/v2")
    answer = await asked(app, "/v2/r/declared/7")
    assert (200, "/v2/r/declared/:id:int") == (answer.status_code, answer.headers["x-route"])


async def test_error_handlers_of_the_core_answer_for_declared_routes():
    """`ON` of a Router is further out than exception handlers of levels, which come first."""

    @get("/a")
    async def lost() -> None:
        raise KeyError("a")

    @get("/b", exception_handlers={KeyError: lambda request, error: JSONResponse("level", status_code=410)})
    async def found() -> None:
        raise KeyError("b")

    async def outermost(req, res, ctx, error):
        res.status = 418
        res.body = {"core": str(error)}

    router = Router(routes=[lost, found])
    router.ON(KeyError, outermost)
    a, b = await asked(router, "/a"), await asked(router, "/b")
    assert (418, {"core": "'a'"}) == (a.status_code, a.json())
    assert (410, "level") == (b.status_code, b.json())


async def test_the_store_is_the_applications():
    """What is kept on a Router is `state` for handlers, and the store for core handlers."""
    key: Key[list] = Key("log")

    @post("/write")
    async def write(state) -> None:
        state.log.append("declared")

    async def read(req, res, ctx):
        return req.app.peek(key)

    router = Router(routes=[write])
    router.keep(key, [])
    router.GET("/read", read)
    async with Client(router, leaks=()) as client:
        await client.post("/write")
        assert ["declared"] == (await client.get("/read")).json()


async def test_levels_of_a_router_are_around_its_core_routes():
    """Permissions, middleware, interceptors, headers and cookies that a Router says cover routes of core verbs too."""
    seen = []

    class Members(BasePermission):
        def has_permission(self, request, apiview):
            return "x-member" in request.headers

    class Note(Interceptor):
        async def intercept(self, scope, receive, send):
            seen.append(scope["path"])

    router = Router(
        permissions=[Members],
        interceptors=[Note],
        response_headers={"x-by": ResponseHeader("router")},
        response_cookies=[Cookie("by", "router")],
        exception_handlers={KeyError: lambda request, error: JSONResponse("lost", status_code=410)},
    )

    async def fail(req, res, ctx):
        raise KeyError

    router.GET("/core/:id:int", core)
    router.GET("/fail", fail)
    member = {"x-member": "1"}
    answer = await asked(router, "/core/7", headers=member)
    assert (200, "router", "router") == (answer.status_code, answer.headers["x-by"], answer.cookies["by"])
    assert 403 == (await asked(router, "/core/7")).status_code
    assert (410, "lost") == ((await asked(router, "/fail", headers=member)).status_code, "lost")
    assert ["/core/7", "/core/7", "/fail"] == seen


# Plugins


async def test_a_database_is_a_plugin_of_a_router(tmp_path):
    """Dependencies take the database from the store, and transactions from it."""
    from heaven_contrib.sql import DATABASE, Database

    async def transaction(request):
        async with request.app.peek(DATABASE).transaction() as connection:
            yield connection

    class Users(APIView):
        path = "/users"

        @post("/")
        async def create(self, data: dict, db) -> None:
            await db.execute("INSERT INTO users (name) VALUES (:name)", {"name": data["name"]})
            if data["name"] == "bad":
                raise HTTPError(409, "Not that one.")

        @get("/")
        async def read(self, db) -> list[dict]:
            return [dict(row) for row in await db.fetch_all("SELECT name FROM users ORDER BY name")]

    router = Router(routes=[Include("/api", routes=[Users], dependencies={"db": transaction})])
    router.plugin(Database(f"sqlite:///{tmp_path}/users.db"))

    @router.on_event("startup")
    async def create_table(app):
        await app.peek(DATABASE).execute("CREATE TABLE users (name TEXT NOT NULL)")

    async with Client(router) as client:
        statuses = [(await client.post("/api/users", json={"name": name})).status_code for name in ("ada", "bad")]
        assert [201, 409] == statuses
        assert [{"name": "ada"}] == (await client.get("/api/users")).json()


async def test_redis_is_a_plugin_of_a_router():
    """The battery starts and stops with the Router."""
    from heaven_contrib.redis import REDIS, Redis

    @post(
        "/count/{name}", dependencies={"redis": Inject(lambda request: request.app.peek(REDIS), sync_to_thread=False)}
    )
    async def count(name: str, redis) -> int:
        return await redis.write(lambda client: client.incr(name))

    router = Router(routes=[count])
    router.plugin(Redis("memory://"))
    async with Client(router) as client:
        assert [1, 2, 1] == [(await client.post(f"/count/{name}")).json() for name in ("a", "a", "b")]


# Mounts


async def test_an_app_includes_a_router_with_mount():
    """`app.mount(router, prefix="/v2")` serves it there, with its own path, levels and life."""
    seen = []
    router = Router(
        "/r",
        routes=[declared],
        response_headers={"x-r": ResponseHeader("1")},
        on_startup=[lambda app: seen.append(app)],
    )
    app = App()
    app.GET("/core/:id:int", core)
    app.mount(router, prefix="/v2", name="v2")
    answer = await asked(app, "/v2/r/declared/7")
    assert (200, "1", [router]) == (answer.status_code, answer.headers["x-r"], seen)
    assert "x-r" not in (await asked(app, "/core/7")).headers
    assert "/v2/r/declared/7" == app.url_for("v2:declared", id=7) == router.path_for("declared", id=7)


async def test_the_apps_around_a_router_say_what_a_slash_means():
    """Where a Router is mounted, the outermost application's rule counts."""
    app = App()
    app.mount(Router(routes=[declared]), prefix="/v2")
    assert 200 == (await asked(app, "/v2/declared/7/")).status_code


class Members(BasePermission):
    message = "Members only."

    def has_permission(self, request, apiview):
        return "x-member" in request.headers


class Tenant(Interceptor):
    async def intercept(self, scope, receive, send):
        scope["tenant"] = "acme"


class Stamp:
    """Middleware that stamps responses, and counts how often it was made."""

    made = 0

    def __init__(self, app):
        type(self).made += 1
        self.app = app

    async def __call__(self, scope, receive, send):
        async def stamped(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-stamp", b"1")]}
            await send(message)

        await self.app(scope, receive, stamped)


LEVELS = {
    "permissions": [Members],
    "interceptors": [Tenant],
    "middleware": [Stamp],
    "response_headers": {"x-by": ResponseHeader("include"), "x-own": ResponseHeader("include")},
    "response_cookies": [Cookie("by", "include"), Cookie("own", "include")],
}


def core_app():
    async def read(req, res, ctx):
        res.headers["x-own"] = "child"
        res.cookie("own", "child")
        return {"tenant": req.scope.get("tenant")}

    async def chat(req, ws, ctx):
        await ws.accept()
        await ws.send_json({"tenant": req.scope.get("tenant")})
        await ws.close()

    app = App()
    app.GET("/x", read)
    app.WS("/ws", chat)
    return app


def wrapped_core_app():
    app = core_app()
    app.WRAP(Through)
    return app


class Through:
    """Middleware that does nothing."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


def starlette_app():
    if importlib.util.find_spec("starlette") is None:
        pytest.skip("Starlette is not installed")
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route, WebSocketRoute

    async def read(request):
        answer = JSONResponse({"tenant": request.scope.get("tenant")}, headers={"x-own": "child"})
        answer.set_cookie("own", "child")
        return answer

    async def chat(socket):
        await socket.accept()
        await socket.send_json({"tenant": socket.scope.get("tenant")})
        await socket.close()

    return Starlette(routes=[Route("/x", read), WebSocketRoute("/ws", chat)])


def raw_app():
    async def app(scope, receive, send):
        said = b'{"tenant": "%s"}' % scope.get("tenant", "").encode()
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": said.decode()})
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            fields = [(b"content-type", b"application/json"), (b"x-own", b"child"), (b"set-cookie", b"own=child")]
            known = scope["path"] == scope["root_path"] + "/x"
            await send({"type": "http.response.start", "status": 200 if known else 404, "headers": fields})
            await send({"type": "http.response.body", "body": said})
        else:
            raise ValueError(scope["type"])

    return app


@pytest.mark.parametrize("make", [core_app, wrapped_core_app, starlette_app, raw_app])
async def test_levels_are_around_an_application_that_is_included(make):
    """Permissions, interceptors, middleware, header fields and cookies cover whatever `Include(app=...)` holds.

    What the application sets itself wins.
    """
    router = Router(routes=[Include("/in", app=make(), **LEVELS)])
    async with Client(router) as client:
        refused = await client.get("/in/x")
        answer = await client.get("/in/x", headers={"x-member": "1"})
        missing = await client.get("/in/nothing", headers={"x-member": "1"})
        assert (403, "Members only.") == (refused.status_code, refused.json()["detail"])
        assert (200, {"tenant": "acme"}) == (answer.status_code, answer.json())
        assert ("1", "include", "child") == tuple(answer.headers[f"x-{each}"] for each in ("stamp", "by", "own"))
        assert ["child"] == answer.headers.get_list("x-own")
        assert {"by": "include", "own": "child"} == dict(answer.cookies)
        assert (404, "1") == (missing.status_code, missing.headers["x-stamp"])
        with pytest.raises(WebSocketDenied) as denied:
            async with client.ws("/in/ws"):
                pass
        assert 403 == denied.value.response.status_code
        async with client.ws("/in/ws", headers={"x-member": "1"}) as socket:
            assert {"tenant": "acme"} == await socket.receive_json()


@pytest.mark.parametrize("make", [core_app, wrapped_core_app, starlette_app, raw_app])
async def test_hooks_of_levels_are_around_an_application_that_is_included(make):
    """before_request may answer in its place, after_request may add to its response."""

    def closed(request):
        return JSONResponse({"closed": True}, status_code=503) if request.queries else None

    def signed(request, response):
        response.headers["x-signed"] = "yes"

    router = Router(routes=[Include("/in", app=make(), before_request=[closed], after_request=[signed])])
    async with Client(router) as client:
        open_, shut = await client.get("/in/x"), await client.get("/in/x?closed=1")
    assert (200, "yes") == (open_.status_code, open_.headers["x-signed"])
    assert (503, {"closed": True}) == (shut.status_code, shut.json())


async def test_every_kind_of_core_route_is_guarded(tmp_path):
    """Assets, routes for every method, streamed bodies and subdomains below an Include are behind its permissions."""
    (tmp_path / "a.txt").write_text("asset")

    async def every(req, res, ctx):
        return {"method": req.method}

    async def count(req, res, ctx):
        return {"size": sum([len(chunk) async for chunk in req.stream()])}

    inner = App()
    inner.HTTP("/every", every)
    inner.POST("/count", count, stream=True)
    inner.ASSETS(tmp_path, "/files")
    inner.subdomain("api").GET("/every", every)
    router = Router(routes=[Include("/in", app=inner, permissions=[Members])])
    requests = [
        ("BREW", "http://shop.test/in/every", b""),
        ("GET", "http://api.shop.test/in/every", b""),
        ("POST", "http://shop.test/in/count", b"abc"),
        ("GET", "http://shop.test/in/files/a.txt", b""),
    ]
    async with Client(router) as client:
        for method, url, content in requests:
            found = [
                (await client.request(method, url, content=content, headers=headers)).status_code
                for headers in ({}, {"x-member": "1"})
            ]
            assert [403, 200] == found


async def test_exception_handlers_are_around_a_foreign_application():
    """What an included ASGI application raises is answered by the levels around it."""

    async def broken(scope, receive, send):
        raise KeyError("broken")

    lost = {KeyError: lambda request, error: JSONResponse("answered", status_code=410)}
    router = Router(routes=[Include("/in", app=broken, exception_handlers=lost)])
    answer = await asked(router, "/in/x")
    assert (410, "answered") == (answer.status_code, answer.json())


@pytest.mark.parametrize("make", [core_app, raw_app])
async def test_headers_of_levels_stand_on_answers_and_not_on_errors(make):
    """A core route and another application have them on what they answer, a `before_request` as well; a refusal not."""

    class Members(BasePermission):
        def has_permission(self, request, apiview):
            return "x-member" in request.headers

    def closed(request):
        return "closed" if "x-closed" in request.headers else None

    levels = {"response_headers": {"x-shop": ResponseHeader("north")}, "response_cookies": [Cookie("seen", "yes")]}
    router = Router(routes=[Include("/in", app=make(), permissions=[Members], before_request=[closed], **levels)])
    found = [
        await asked(router, "/in/x", headers=headers)
        for headers in ({"x-member": "1"}, {"x-member": "1", "x-closed": "1"}, {})
    ]
    assert [(200, True, True), (200, True, True), (403, False, False)] == [
        (each.status_code, "x-shop" in each.headers, "seen" in each.cookies) for each in found
    ]


async def test_a_router_stands_below_a_foreign_application():
    """A Router is an ASGI application, so Starlette can mount it; it works below that prefix."""
    if importlib.util.find_spec("starlette") is None:
        pytest.skip("Starlette is not installed")
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(routes=[Mount("/out", app=Router("/r", routes=[declared]))])
    async with Client(app) as client:
        assert 7 == (await client.get("/out/r/declared/7")).json()["declared"]


# Two places


async def test_a_handler_that_is_mounted_twice_is_independent():
    """Each place has the levels, dependencies and names of its own way there."""

    @get("/x")
    async def read(who: str) -> str:
        return who

    class View(APIView):
        def __init__(self):
            self.count = 0

        @get("/count")
        async def number(self) -> int:
            self.count += 1
            return self.count

    def place(name):
        said = {"x-place": ResponseHeader(name)}
        return Include(
            f"/{name}", routes=[read, View], name=name, dependencies={"who": lambda: name}, response_headers=said
        )

    router = Router(routes=[place("one"), place("two")])
    async with Client(router) as client:
        answers = [await client.get(f"/{name}/x") for name in ("one", "two")]
        assert ["one", "two"] == [each.json() for each in answers] == [each.headers["x-place"] for each in answers]
        assert [1, 2, 1, 3] == [(await client.get(f"/{name}/count")).json() for name in ("one", "one", "two", "one")]
    assert ["/one/x", "/two/x"] == [router.path_for(f"{name}:read") for name in ("one", "two")]


async def test_one_gateway_in_two_lists():
    """The same Gateway object serves in both places, with what is around each."""
    gateway = Gateway("/g", handler=declared, tags=["g"])
    one = Include("/one", routes=[gateway], permissions=[Members])
    router = Router(routes=[one, Include("/two", routes=[gateway, Include("/three", routes=[gateway])])])
    found = [(await asked(router, f"{url}/g/declared/7")).status_code for url in ("/one", "/two", "/two/three")]
    assert [403, 200, 200] == found


async def test_one_router_in_two_applications():
    """Serving it in one application does not change what it is in another, or by itself."""
    router = Router("/r", routes=[declared])
    strict = Router(routes=[Include("/a", app=router)], permissions=[Members])
    loose = Router(routes=[Include("/b", app=router)])
    assert [403, 200, 200] == [
        (await asked(app, url)).status_code
        for app, url in ((strict, "/a/r/declared/7"), (loose, "/b/r/declared/7"), (router, "/r/declared/7"))
    ]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: Router(routes=[Include("/a", routes=[declared], middleware=[Stamp])]), 1),
        (lambda: Router(routes=[declared, Gateway("/b", handler=declared)], middleware=[Stamp]), 1),
        (lambda: twice(Router(routes=[declared], middleware=[Stamp])), 2),
        (lambda: Router(routes=[Gateway(f"/{n}", handler=declared, middleware=[Stamp]) for n in "ab"]), 2),
        (lambda: Router(routes=[Include("/a", routes=[declared], middleware=[Stamp, Stamp])]), 2),
    ],
    ids=["Include", "Router of two", "Router in two places", "two Gateways", "two in one list"],
)
async def test_middleware_has_one_instance_for_each_place(build, expected):
    """It is made once for each place that it stands at, whatever the number of routes there."""
    Stamp.made = 0
    app = build()
    async with Client(app) as client:
        for entry in app.wire().entries:
            await client.get(entry.pattern.text.replace(":id:int", "7"))
        await client.get("/nothing")
    assert expected == Stamp.made


def twice(router):
    return Router(routes=[Include("/a", app=router), Include("/b", app=router)])


async def test_interceptors_have_one_instance_for_each_place():
    """Like middleware."""
    made = []

    class Note(Interceptor):
        def __init__(self):
            made.append(self)

        async def intercept(self, scope, receive, send): ...

    inner = Router(routes=[declared, Gateway("/b", handler=declared)], interceptors=[Note])
    async with Client(twice(inner)) as client:
        for _ in range(3):
            await client.get("/a/declared/7")
            await client.get("/b/b/declared/7")
    assert 2 == len(made)


# Looking at it


def test_explain_sees_declared_routes_with_their_levels():
    """`explain` names the route, its parameters, and each level with where it was said."""
    app = Router("/r", routes=[Include("/in", routes=[Gateway("/g", handler=declared)], permissions=[Members])])
    told = app.explain("GET", "/r/in/g/declared/7")
    assert {"id": 7} == told.params
    labels, places = zip(*(line.split("  ") for line in told.levels), strict=True)
    assert ("Router /r", "Include /in: permissions", "Gateway /g") == labels[:3]
    assert labels[3].startswith("@get ")
    assert labels[3].endswith("declared")
    assert all("test_mixing_with_core.py:" in place for place in places)
    assert all(f"LEVEL   {line}" in str(told) for line in told.levels)


def test_explain_tells_why_nothing_serves():
    """A miss below a declared prefix is explained like any other."""
    told = str(Router(routes=[Include("/in", routes=[declared])]).explain("GET", "/in/declared/x"))
    assert "/in/declared/:id:int" in told


def test_explain_names_where_applications_were_included():
    """A mount is said where the Include, the Host or the Router was written."""

    async def foreign(scope, receive, send): ...

    router = Router(
        routes=[
            Include("/in", app=foreign),
            Host("api.example.com", app=foreign),
            Host("{tenant}.example.com", routes=[Include("/x", app=foreign)]),
        ],
        app=foreign,
    )
    router.add_child("/child", foreign)
    for url in ("/in/x", "/child/x", "/x", "http://api.example.com/x", "http://acme.example.com/x/y"):
        told = router.explain("GET", url)
        assert "router.py" not in str(told)
        assert "registered at " + __file__ in told.why
    assert ["Router", "Host {tenant}.example.com", "Include /x"] == [line.split("  ")[0] for line in told.levels]


def test_the_wiring_can_be_read():
    """Printing the wiring shows each declared route with its levels."""
    router = Router(routes=[Include("/in", routes=[declared], tags=["a"])])
    router.GET("/core/:id:int", core)
    told = str(router.wiring)
    assert "/in/declared/:id:int" in told
    assert "LEVEL   Include /in: tags" in told
    assert "/core/:id:int" in told


def test_check_finds_nothing_in_a_good_application():
    """A plain application of this style has no findings, mounted or not."""
    for app in (Router(routes=[declared]), Application(routes=[Include("/in", app=Application(routes=[declared]))])):
        assert [] == app.check()


def test_check_finds_idle_hooks_around_declared_routes():
    """A hook that covers no route is found, one that covers a declared route is not."""
    router = Router(routes=[Include("/in", routes=[declared])])
    router.BEFORE("/in/*", core)
    router.BEFORE("/out/*", core)
    assert ["idle hook"] == [each.kind for each in router.check()]


async def test_traces_name_declared_handlers():
    """What a test sees of a request names the handler as it was written."""
    answer = await asked(Router(routes=[declared]), "/declared/7")
    assert ["HANDLER declared"] == answer.trace.names


async def test_observers_see_declared_handlers():
    """`observe` shows the function that was decorated, and may put another one around its call."""
    steps = []

    def observer(step, call):
        steps.append((step.kind, step.name.rpartition(".")[2], step.pattern))
        return call

    router = Router(routes=[Include("/in", routes=[declared])])
    router.observe(observer)
    await asked(router, "/in/declared/7")
    assert ("HANDLER", "declared", "/in/declared/:id:int") in steps


# Nothing grows


async def session():
    yield "session"


def everything():
    """An application that has something of each feature."""

    class View(APIView):
        @post("/view/{id:int}")
        async def write(self, id: int, data: dict, session, cached, tags: list[str]) -> dict:
            return {"id": id, "data": data}

    @get("/fail")
    async def fail() -> None:
        raise KeyError("x")

    @websocket("/ws")
    async def talk(socket, session) -> None:
        await accept(socket)

    async def accept(socket):
        await socket.accept()
        await socket.close()

    class Allow(BasePermission):
        async def has_permission(self, request, apiview):
            return True

    return Router(
        routes=[Include("/a", routes=[View, fail, talk], interceptors=[Tenant])],
        permissions=[Allow & ~Members],
        middleware=[Stamp],
        dependencies={"session": session, "cached": Inject(lambda: 1, use_cache=True, sync_to_thread=False)},
        exception_handlers={KeyError: lambda request, error: JSONResponse("lost", status_code=410)},
        response_headers={"x-by": ResponseHeader("router")},
        response_cookies=[Cookie("by", "router")],
        before_request=[lambda request: None],
        after_request=[lambda request, response: None],
    )


async def send_one(app, method, path, query=b"", body=b"", kind="http"):
    scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "subprotocols": [],
    }
    came = iter([{"type": "http.request", "body": body, "more_body": False}])
    if kind == "websocket":
        came = iter([{"type": "websocket.connect"}])
    sent = []

    async def receive():
        return next(came, {"type": "http.disconnect" if kind == "http" else "websocket.disconnect", "code": 1000})

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0].get("status", sent[0]["type"])


@pytest.fixture
def frozen():
    """What is there already, of whatever ran before in this process, is left out of `gc.get_objects`."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def test_nothing_grows_over_two_thousand_requests(frozen):
    """After a warm-up the number of objects stays as it is, whatever requests come: good, bad and missing."""
    app = everything()

    async def some(times):
        answers = Counter()
        for number in range(times):
            answers[await send_one(app, "POST", f"/a/view/{number}", b"tags=a&tags=b", b'{"a": 1}')] += 1
            answers[await send_one(app, "POST", f"/a/view/{number}", b"", b"{}")] += 1
            answers[await send_one(app, "GET", "/a/fail")] += 1
            answers[await send_one(app, "GET", f"/nothing/{number}")] += 1
            answers[await send_one(app, "GET", "/a/ws", kind="websocket")] += 1
        return answers

    await some(20)
    gc.collect()
    before = Counter(type(each).__qualname__ for each in gc.get_objects())
    answers = await some(400)
    gc.collect()
    after = Counter(type(each).__qualname__ for each in gc.get_objects())
    assert {201: 400, 422: 400, 410: 400, 404: 400, "websocket.accept": 400} == dict(answers)
    # What a request of one kind leaves behind is there 400 times; less comes from the test run around it.
    grown = {kind: count - before[kind] for kind, count in after.items() if count - before[kind] >= 400}
    assert {} == grown


@pytest.mark.parametrize("outer", [App, Router, Application])
@pytest.mark.parametrize("inner", [Router, Application])
def test_check_says_nothing_of_slashes_that_levels_decide(outer, inner):
    """What a Router or Application does about slashes is no option that somebody gave to the wrong one."""

    @get("/x")
    async def x() -> None: ...

    app = outer()
    app.mount(inner(routes=[x]), "/in")
    assert [] == app.check()
