"""Names of declared routes, and the paths that `path_for` makes of them."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from heaven import App, NoSuchURL
from heaven_contrib.routing import (
    APIView,
    Application,
    Gateway,
    Host,
    Include,
    NoMatchFound,
    Router,
    WebSocketGateway,
    get,
    post,
    websocket,
)


@get("/{id:int}")
async def read_user(id: int) -> int:
    return id


@get("/named", name="by_handler")
async def named() -> None: ...


class View(APIView):
    path = "/view"

    @get("/one")
    async def one(self) -> None: ...

    @post("/two", name="second")
    async def two(self) -> None: ...


@websocket("/rooms/{room}")
async def chat(socket, room: str) -> None: ...


@pytest.mark.parametrize(
    ("gateway", "name", "path"),
    [
        (lambda: Gateway("/users", handler=read_user), "read_user", "/users/7"),
        (lambda: Gateway("/users", handler=read_user, name="user"), "user", "/users/7"),
        (lambda: read_user, "read_user", "/7"),
    ],
    ids=["function", "gateway", "bare"],
)
def test_a_gateways_name_else_the_handlers_else_the_functions(gateway, name, path):
    """The name is the Gateway's; without one it is what the handler says, and without that the function's."""
    assert path == Router(routes=[gateway()]).path_for(name, id=7)


def test_a_handler_may_say_its_name():
    """`name=` of a decorator counts where the Gateway says nothing."""
    assert "/named" == Router(routes=[named]).path_for("by_handler")
    router = Router(routes=[Gateway(handler=named, name="by_gateway")])
    assert "/named" == router.path_for("by_gateway")
    with pytest.raises(NoMatchFound):
        router.path_for("by_handler")


def test_names_join_with_colons():
    """Names of Includes, Routers and mounts go before, from the outside in."""
    inner = Include("/v1", name="v1", routes=[Gateway("/users", handler=read_user)])
    app = Router(routes=[Include("/api", name="api", routes=[inner])])
    assert "/api/v1/users/7" == app.path_for("api:v1:read_user", id=7)
    assert "/api/v1/users/7" == Router(routes=[Include("/api", app=app.written and inner_app(), name="api")]).path_for(
        "api:v1:read_user", id=7
    )


def inner_app():
    return Router(routes=[Include("/v1", name="v1", routes=[Gateway("/users", handler=read_user)])])


def test_an_unnamed_include_is_transparent():
    """It adds its path, and nothing to names."""
    app = Router(routes=[Include("/a", routes=[Include("/b", name="b", routes=[read_user])])])
    assert "/a/b/7" == app.path_for("b:read_user", id=7)


@pytest.mark.parametrize("kind", [Router, Application, App], ids=["Router", "Application", "App"])
def test_a_mounted_applications_names_are_found_from_outside(kind):
    """Whatever is mounted, its names join those of the mount; inside, it knows its own."""
    child = kind()
    if kind is App:

        async def show(req, res, ctx): ...

        child.GET("/:id:int", show, name="read_user")
    else:
        child.add_route("/", handler=read_user)
    app = Application()
    app.add_child("/child", child, name="child")
    assert "/child/7" == app.path_for("child:read_user", id=7)
    assert "/child/7" == child.url_for("read_user", id=7)


def test_handlers_of_a_view_have_names_of_their_own():
    """Those of a Gateway go before them."""
    app = Router(routes=[Gateway("/g", handler=View, name="views"), View])
    assert "/g/view/one" == app.path_for("views:one")
    assert "/g/view/two" == app.path_for("views:second")
    assert "/view/two" == app.path_for("second")
    assert "/view/one" == app.path_for("one")


def test_sockets_have_names():
    """A WebSocket's path is made like any other."""
    assert "/chat/rooms/a%20b" == Router(routes=[WebSocketGateway("/chat", handler=chat)]).path_for("chat", room="a b")


def test_hosts_may_have_names():
    """A Host's name goes before; its parameters are no part of the path."""
    app = Router(routes=[Host("{tenant}.example.com", routes=[read_user], name="tenant")])
    assert "/7" == app.path_for("tenant:read_user", id=7)


@pytest.mark.parametrize(
    ("path", "value", "made"),
    [
        ("/{v:int}", 7, "/7"),
        ("/{v:float}", 1.5, "/1.5"),
        ("/{v}", "a/b c", "/a%2Fb%20c"),
        ("/{v:path}", "a/b c", "/a/b%20c"),
        ("/{v:uuid}", UUID(int=7), "/00000000-0000-0000-0000-000000000007"),
        ("/{v:date}", date(2026, 11, 22), "/2026-11-22"),
        ("/{v}", "é?#", "/%C3%A9%3F%23"),
    ],
)
def test_values_are_converted_and_quoted(path, value, made):
    """What `path_for` makes leads back to the same value."""

    @get(path)
    async def read(v) -> None: ...

    assert made == Router(routes=[read]).path_for("read", v=value)


@pytest.mark.parametrize(
    ("params", "said"),
    [({}, "id"), ({"id": 7, "page": 2}, "page"), ({"id": "ada"}, "id"), ({"id": None}, "id"), ({"id": 1.5}, "id")],
    ids=["missing", "extra", "text", "None", "float"],
)
def test_parameters_that_do_not_fit_are_said(params, said):
    """Missing, extra and non-converting ones raise NoMatchFound, which names the one."""
    with pytest.raises(NoMatchFound, match=said) as refusal:
        Router(routes=[read_user]).path_for("read_user", **params)
    assert isinstance(refusal.value, NoSuchURL)


@pytest.mark.parametrize("name", ["nobody", "", "api:read_user", "read_user:"])
def test_an_unknown_name_is_said(name):
    """The message names it."""
    with pytest.raises(NoMatchFound) as refusal:
        Router(routes=[read_user]).path_for(name, id=7)
    assert repr(name) in str(refusal.value)


def test_a_name_may_be_a_parameter_as_well():
    """A path parameter `name` does not get in the way of the route's name."""

    @get("/{name}/{self}")
    async def read(name: str) -> None: ...

    assert "/a/b" == Router(routes=[read]).path_for("read", name="a", self="b")


def test_two_explicit_names_are_refused():
    """Two routes with one name that was said are a mistake; names that follow from functions are not."""
    both = [Gateway("/a", handler=read_user, name="x"), Gateway("/b", handler=named, name="x")]
    with pytest.raises(Exception, match="the name 'x'"):
        Router(routes=both).wire()
    Router(routes=[Gateway("/a", handler=read_user), Gateway("/b", handler=read_user)]).wire()
