"""What a Router takes besides its levels: path, app, parent, default, routes, name, redirect_slashes."""

from __future__ import annotations

import pytest

from heaven import App, RegistrationError
from heaven_contrib.routing import (
    APIView,
    Application,
    ChildRouter,
    Gateway,
    Host,
    ImproperlyConfigured,
    Include,
    Router,
    WebhookGateway,
    WebSocketGateway,
    get,
    post,
    websocket,
)
from heaven_testing import Client


@get("/hello")
async def hello() -> str:
    return "hello"


@post("/hello")
async def say() -> str:
    return "said"


@websocket("/socket")
async def echo(socket) -> None:
    await socket.accept()
    await socket.send_json(await socket.receive_json())
    await socket.close()


class View(APIView):
    path = "/view"

    @get("/one")
    async def one(self) -> str:
        return "one"


async def texts(app, *urls, **options):
    """The status, or the JSON, of each URL."""
    async with Client(app, **options) as client:
        answers = [await client.get(url) for url in urls]
    return [answer.json() if answer.status_code == 200 else answer.status_code for answer in answers]


# path


def with_add_route(path):
    router = Router(path)
    router.add_route("/", handler=hello)
    return router


def with_add_apiview(path):
    class Hello(APIView):
        @get("/hello")
        async def hello(self) -> str:
            return "hello"

    router = Router(path)
    router.add_apiview(value=Gateway(handler=Hello))
    return router


def with_add_include(path):
    router = Router(path)
    router.add_include(Include(routes=[hello]))
    return router


def with_a_decorator(path):
    router = Router(path)
    router.get("/hello")(hello.function)
    return router


def with_a_verb_of_the_core(path):
    async def core(req, res, ctx):
        return '"hello"'

    router = Router(path)
    router.GET("/hello", core)
    return router


def with_an_app(path):
    return Router(path, app=Router(routes=[hello]))


def with_a_parent_of_its_own(path):
    parent = Router(path)
    Router(parent=parent, routes=[hello])
    return parent


WRITTEN = [
    lambda path: Router(path, routes=[hello]),
    with_add_route,
    with_add_apiview,
    with_add_include,
    with_a_decorator,
    with_a_verb_of_the_core,
    with_an_app,
    with_a_parent_of_its_own,
]
WRITTEN_NAMES = ["constructor", "add_route", "add_apiview", "add_include", "decorator", "core verb", "app", "parent"]


def served(router):
    return router, "/p/hello"


def included(router):
    return Router(routes=[Include("/in", app=router)]), "/in/p/hello"


def among_routes(router):
    return Router(routes=[Include("/in", routes=[router])]), "/in/p/hello"


def added(router):
    outer = Router("/out")
    outer.add_router(router)
    return outer, "/out/p/hello"


def as_a_child(router):
    outer = Application()
    outer.add_child("/child", router)
    return outer, "/child/p/hello"


def below_a_host(router):
    return Router(routes=[Host("testserver", app=router)]), "/p/hello"


def mounted_on_the_core(router):
    app = App()
    app.mount(router, prefix="/v2")
    return app, "/v2/p/hello"


MOUNTED = [served, included, among_routes, added, as_a_child, below_a_host, mounted_on_the_core]


@pytest.mark.parametrize("written", WRITTEN, ids=WRITTEN_NAMES)
@pytest.mark.parametrize("mounted", MOUNTED, ids=[each.__name__ for each in MOUNTED])
async def test_the_path_is_a_prefix_in_every_form_of_mounting(written, mounted):
    """A Router's path stands before its routes, however they were declared and wherever it is mounted."""
    app, url = mounted(written("/p"))
    assert ["hello", 404] == await texts(app, url, url.replace("/p/", "/"), base_url="http://testserver")


@pytest.mark.parametrize("path", ["users", "/users/", "users/", 7, ""], ids=repr)
def test_a_path_begins_with_a_slash_and_does_not_end_with_one(path):
    """Another path is refused at construction, and the message says how to write it."""
    with pytest.raises(ImproperlyConfigured, match="begin it with / and end it without") as refusal:
        Router(path)
    assert "test_router_parameters.py:" in str(refusal.value)


@pytest.mark.parametrize("path", [None, "/"])
async def test_a_router_without_a_path_is_no_prefix(path):
    """None and the root stand for nothing."""
    assert ["hello"] == await texts(Router(path, routes=[hello]), "/hello")


async def test_parameters_of_the_path_bind_to_handlers_below():
    """A Router's path may have path parameters, converted like any other."""

    @get("/orders/{id:int}")
    async def order(tenant: int, id: int) -> list[int]:
        return [tenant, id]

    router = Router("/tenants/{tenant:int}", routes=[order])
    assert [[3, 7], 404] == await texts(router, "/tenants/3/orders/7", "/tenants/x/orders/7")


# app


async def test_a_router_serves_an_application_below_its_path():
    """`app` is an ASGI application for what is below the path."""

    async def foreign(scope, receive, send):
        said = f'"{scope["root_path"]} {scope["path"]}"'.encode()
        fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": said})

    router = Router("/old", app=foreign)
    assert ["/old /old/x", 404] == await texts(router, "/old/x", "/new/x")


@pytest.mark.parametrize("app", [7, hello, Router, "module"], ids=["number", "handler", "class", "text"])
def test_an_app_is_an_asgi_application(app):
    """Something else is refused at construction, with its place."""
    with pytest.raises(ImproperlyConfigured, match=r"test_router_parameters.py:\d+ got "):
        Router("/p", app=app)


async def test_a_router_has_routes_beside_its_app():
    """Both are found below its path."""
    assert ["hello", "one"] == await texts(
        Router("/p", app=Router(routes=[View]), routes=[hello]), "/p/hello", "/p/view/one"
    )


# parent


async def test_a_router_adds_itself_to_its_parent():
    """`parent` is the Router it is served by, and named in."""
    parent = Router("/parent")
    child = Router("/child", parent=parent, routes=[hello], name="child")
    assert ["hello"] == await texts(parent, "/parent/child/hello")
    assert "/parent/child/hello" == parent.path_for("child:hello") == child.path_for("hello")


def test_a_parent_is_a_router():
    """Something else is refused at construction, with its place."""
    with pytest.raises(ImproperlyConfigured, match=r"test_router_parameters.py:\d+ got parent=7; give a Router"):
        Router(parent=7)


def test_a_router_is_not_put_inside_itself():
    """The message names the line it was said at."""
    outer = Router("/outer")
    inner = Router("/inner", parent=outer)
    with pytest.raises(RegistrationError, match="test_router_parameters.py:.* inside itself"):
        inner.add_router(outer)


# default


async def plain(scope, receive, send):
    body = scope["path"].encode()
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 203, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def test_the_default_answers_what_nothing_matched():
    """`default` is an ASGI application for paths without a route."""
    async with Client(Router(routes=[hello], default=plain)) as client:
        answer = await client.get("/nothing/here")
        known = await client.get("/hello")
    assert (203, "/nothing/here") == (answer.status_code, answer.text)
    assert "hello" == known.json()


async def test_405_comes_before_the_default():
    """A path that has a route for another method is not for the default."""
    async with Client(Router(routes=[hello], default=plain)) as client:
        answer = await client.post("/hello")
    assert (405, "GET, HEAD, OPTIONS") == (answer.status_code, answer.headers["allow"])


async def test_the_default_is_for_every_method():
    """What nothing matched is the default's, whatever the method."""
    async with Client(Router(default=plain)) as client:
        statuses = [
            (await client.request(method, "/x")).status_code for method in ("GET", "POST", "DELETE", "PATCH", "BREW")
        ]
    assert [203] * 5 == statuses


async def test_a_converter_that_misses_leads_to_the_default():
    """A path parameter that does not convert is a path without a route."""

    @get("/users/{id:int}")
    async def user(id: int) -> int:
        return id

    async with Client(Router(routes=[user], default=plain)) as client:
        assert 203 == (await client.get("/users/ada")).status_code


async def test_a_slash_is_put_right_before_the_default():
    """A redirect leads to a route, so it comes before what is for paths without one."""
    app = Router(routes=[hello], default=plain, redirect_slashes=True)
    async with Client(app) as client:
        assert 307 == (await client.get("/hello/")).status_code


async def test_the_default_of_an_included_router_is_for_its_part():
    """What is below the prefix of a Router with a default is answered by that, and nothing else is."""
    app = Router(routes=[Include("/in", app=Application(routes=[hello], default=plain))])
    assert [203, "hello", 404] == await texts(app, "/in/x", "/in/hello", "/x")


@pytest.mark.parametrize("default", [7, lambda: None, "module", Router], ids=["number", "function", "text", "class"])
def test_a_default_is_an_asgi_application(default):
    """Something else is refused at construction, with its place."""
    with pytest.raises(ImproperlyConfigured, match=r"test_router_parameters.py:\d+ got .*default"):
        Router(default=default)


# routes


async def test_routes_take_every_kind():
    """Gateways, Includes, Hosts, Routers, bare handlers and views may stand in one list."""
    app = Router(
        routes=[
            Gateway("/gateway", handler=hello),
            WebSocketGateway("/gateway", handler=echo),
            WebhookGateway(handler=say),
            Include("/include", routes=[hello]),
            Host("host.example.com", routes=[Gateway("/host", handler=hello)]),
            Router("/router", routes=[hello]),
            Application("/application", routes=[hello]),
            hello,
            echo,
            View,
        ]
    )
    urls = ("/gateway/hello", "/include/hello", "/router/hello", "/application/hello", "/hello", "/view/one")
    assert ["hello"] * 5 + ["one"] == await texts(app, *urls)
    assert ["hello"] == await texts(app, "/host/hello", base_url="http://host.example.com")
    async with Client(app) as client:
        for url in ("/gateway/socket", "/socket"):
            async with client.ws(url) as socket:
                await socket.send_json([url])
                assert [url] == await socket.receive_json()


@pytest.mark.parametrize(
    "wrong", [7, "/users", object(), lambda: None, hello.function, View(), [hello], None, {"/x": hello}, Gateway]
)
def test_what_is_no_route_is_refused(wrong):
    """The message names the object, the place, and what would be accepted."""
    with pytest.raises(ImproperlyConfigured) as refusal:
        Router(routes=[hello, wrong])
    assert "test_router_parameters.py:" in str(refusal.value)
    assert "in its routes; give" in str(refusal.value)


@pytest.mark.parametrize("routes", [hello, {"/x": hello}, "abc", 7], ids=["handler", "mapping", "text", "number"])
def test_routes_are_a_list(routes):
    """Something else is refused."""
    with pytest.raises(ImproperlyConfigured, match="routes="):
        Router(routes=routes)


def test_one_route_twice_is_refused_with_both_places():
    """Two handlers of one method and path are a mistake, named with both places."""
    with pytest.raises(RegistrationError, match="is the same route as"):
        Router(routes=[hello, hello])


async def test_the_list_of_routes_may_change_afterwards():
    """A Router has read its list when it is made."""
    routes = [hello]
    app = Router(routes=routes)
    routes.clear()
    assert ["hello"] == await texts(app, "/hello")


# name


def test_a_name_goes_before_the_names_of_its_routes():
    """Names join with a colon from the outside in; inside, the Router's own is left out."""
    router = Router("/r", routes=[hello], name="r")
    outer = Router(routes=[Include("/in", routes=[router], name="in")])
    assert "/in/r/hello" == outer.path_for("in:r:hello") == router.path_for("hello")


@pytest.mark.parametrize("name", [7, ""], ids=repr)
def test_a_name_is_a_str(name):
    """Something else is refused."""
    with pytest.raises(ImproperlyConfigured, match="name="):
        Router(name=name)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Include("/in", app=Router("/r", routes=[hello], name="r"), name="in"),
        lambda: Include("/in", routes=[Application("/r", routes=[hello], name="r")], name="in"),
        lambda: Include("/in", app=Router("/r", app=Router(routes=[hello], name="r")), name="in"),
        lambda: Host("testserver", app=Router("/in/r", routes=[hello], name="r"), name="in"),
    ],
    ids=["Include", "Application", "app", "Host"],
)
def test_a_name_counts_wherever_the_router_is_mounted(build):
    """It comes after those of what the Router is mounted with."""
    assert "/in/r/hello" == Router(routes=[build()]).path_for("in:r:hello")


# redirect_slashes


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (lambda: Application(routes=[hello]), 307),
        (lambda: Router(routes=[hello]), 404),
        (lambda: Router(routes=[hello], redirect_slashes=True), 307),
        (lambda: Application(routes=[hello], redirect_slashes=False), 404),
        (lambda: ChildRouter(routes=[hello]), 307),
    ],
    ids=["Application", "Router", "Router on", "Application off", "ChildRouter"],
)
async def test_a_slash_too_many_is_redirected_where_that_is_on(app, expected):
    """It is on for an Application and off for a bare Router, unless it is said."""
    assert [expected] == await texts(app(), "/hello/")


async def test_a_redirect_keeps_the_query_and_the_method():
    """The answer is 307, so that a POST stays one, and the query comes along as it was."""
    async with Client(Application(routes=[say])) as client:
        answer = await client.post("/hello/?a=1&b=%26%20x&a=2")
        followed = await client.post("/hello/", follow_redirects=True)
    assert (307, "/hello?a=1&b=%26%20x&a=2") == (answer.status_code, answer.headers["location"])
    assert (201, "said") == (followed.status_code, followed.json())


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "//evil.example", "/%5Cevil.example/"])
async def test_a_redirect_never_leads_to_another_host(path):
    """A path that browsers would read as a host is a 404."""

    @get("/{rest:path}")
    async def anything(rest: str) -> str:
        return rest

    @get("/{host}")
    async def one(host: str) -> str:
        return host

    for routes in ([one], [anything]):
        async with Client(Application(routes=routes)) as client:
            answer = await client.get("http://testserver" + path)
        location = answer.headers.get("location", "/")
        assert location.startswith("/") and location[1:2] not in {"/", "\\"}


async def test_a_redirect_knows_the_root_path():
    """Behind a server that serves it below a prefix, the redirect leads below that as well."""
    async with Client(Application(routes=[hello]), root_path="/v1") as client:
        answer = await client.get("/hello/")
    assert "/v1/hello" == answer.headers["location"]


@pytest.mark.parametrize("outer", [Router, Application], ids=["Router", "Application"])
@pytest.mark.parametrize("said", [True, False], ids=["on", "off"])
async def test_an_include_says_itself_whether_it_redirects(outer, said):
    """`redirect_slashes` of an Include counts for what is below it, whatever the application says."""
    app = outer(routes=[Include("/in", routes=[hello], redirect_slashes=said), hello])
    beside = 307 if outer is Application else 404
    assert [307 if said else 404, beside] == await texts(app, "/in/hello/", "/hello/")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (
            lambda: Include(
                "/in", routes=[Include("/in", routes=[hello], redirect_slashes=False)], redirect_slashes=True
            ),
            404,
        ),
        (lambda: Include("/in/in", app=Router(routes=[hello]), redirect_slashes=True), 307),
        (lambda: Include("/in/in", app=Router(routes=[hello], redirect_slashes=False), redirect_slashes=True), 404),
        (lambda: Include("/in", app=Router("/in", routes=[hello], redirect_slashes=True)), 307),
        (lambda: Include("/in/in", app=Application(routes=[hello]), redirect_slashes=True), 307),
        (lambda: Include("/in", routes=[Gateway("/in", handler=hello, redirect_slashes=True)]), 307),
        (lambda: Include("/in/in", routes=[get("/hello", redirect_slashes=True)(hello.function)]), 307),
    ],
    ids=["inner Include", "Include of a Router", "Router inside", "Router", "Include of a child", "Gateway", "handler"],
)
async def test_the_innermost_level_says_whether_it_redirects(build, expected):
    """`redirect_slashes` may be said on any level; where none does, the outermost application decides."""
    assert ["hello", expected] == await texts(Router(routes=[build()]), "/in/in/hello", "/in/in/hello/")


async def test_core_routes_are_redirected_as_the_levels_around_them_say():
    """A route of a core verb has no word of its own."""

    async def core(req, res, ctx):
        return '"core"'

    inner = Router()
    inner.GET("/core", core)
    assert [307] == await texts(Router(routes=[Include("/in", app=inner, redirect_slashes=True)]), "/in/core/")


@pytest.mark.parametrize("kind", [Router, Application])
def test_a_parameter_that_nobody_takes_is_refused_by_name(kind):
    """A slip of the pen is told with its line and the near misses."""
    with pytest.raises(ImproperlyConfigured, match=r"test_router_parameters.py:\d+ got permision: .*'permissions'"):
        kind(permision=[])
