"""Includes: what they hold, where it comes from, and what they refuse."""

from __future__ import annotations

import inspect
import sys

import pytest

import declared_routes
from heaven import App, WebSocket
from heaven_contrib.routing import (
    APIView,
    Gateway,
    Host,
    ImproperlyConfigured,
    Include,
    WebhookGateway,
    WebSocketGateway,
    get,
    websocket,
)


@get("/{key:int}")
async def read_user(key: int): ...


@websocket("/live")
async def live(socket: WebSocket): ...


class UserView(APIView):
    @get()
    async def read(self): ...


async def asgi(scope, receive, send): ...


async def plain(): ...


def refusal(declare) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        declare()
    return str(caught.value)


def test_routes_of_all_kinds_can_be_included():
    """Bare handlers and views have a Gateway put around them; all others stay as they are."""
    routes = [
        Gateway(handler=read_user),
        WebSocketGateway(handler=live),
        WebhookGateway(handler=read_user),
        Include(routes=[]),
        Host("shop.test", routes=[]),
        App(),
    ]
    include = Include("/api", routes=[*routes, read_user, live, UserView])
    assert routes == list(include.routes[:6])
    assert [Gateway, WebSocketGateway, Gateway] == [type(each) for each in include.routes[6:]]
    assert ["read_user", "live", "read"] == [each.leaves()[0].name for each in include.routes[6:]]
    assert include.app is None


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("/", ""), ("", ""), ("/api", "/api"), ("//api//{shop:int}/", "/api/:shop:int"), ("/<tenant>", "/:tenant")],
)
def test_the_path_of_an_include_is_a_pattern(path, pattern):
    """It is written as every other path."""
    assert pattern == Include(path, routes=[]).path
    assert "" == Include(routes=[]).path


def test_an_include_is_a_level():
    """It says what every level can say, and where."""
    include = Include("/api", routes=[], name="api", tags=["api"], redirect_slashes=True, include_in_schema=False)
    place = f"{__file__}:{inspect.currentframe().f_lineno - 1}"
    assert ("include", "Include /api", place) == (include.level.kind, include.level.label, include.level.place)
    assert (("api",), False) == (include.level.tags, include.level.include_in_schema)
    assert include.redirect_slashes is True
    assert Include(routes=[]).redirect_slashes is None
    assert ("api", place) == (include.name, include.place)
    assert f"<Include /api at {place}>" == repr(include)


def test_an_include_never_changes():
    """Not even by the list that it was given."""
    routes = [read_user]
    include = Include("/api", routes=routes)
    routes.append(live)
    assert 1 == len(include.routes)
    with pytest.raises(AttributeError, match="Include.routes stays as it was declared"):
        include.routes = ()
    with pytest.raises(AttributeError):
        include.parent = object()


def test_the_routes_of_a_module_can_be_included():
    """Its list is called `route_patterns`, or what `pattern` says."""
    assert declared_routes.route_patterns == list(Include("/api", namespace="declared_routes").routes)
    (gateway,) = Include("/api", namespace="declared_routes", pattern="others").routes
    assert declared_routes.read_user is gateway.handler


@pytest.mark.parametrize(
    "app",
    [declared_routes.app, asgi, "declared_routes:app", "declared_routes:Holder.app"],
    ids=["App", "function", "name", "attribute"],
)
def test_an_application_can_be_included(app):
    """Itself, or the module and attribute that have it."""
    include = Include("/api", app=app)
    assert include.app in (declared_routes.app, asgi)
    assert () == include.routes


@pytest.mark.parametrize(
    "given",
    [{"namespace": "no_such_module"}, {"app": "no_such_module:app"}, {"namespace": "declared_routes.urls"}],
    ids=str,
)
def test_a_module_that_is_not_there_is_said_at_once(given):
    """The import is done where the Include is written."""
    with pytest.raises(ModuleNotFoundError, match="no_such_module|declared_routes"):
        Include("/api", **given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "got nothing to serve; give exactly one of app, routes and namespace"),
        ({"app": asgi, "routes": []}, "got app and routes; give exactly one"),
        ({"routes": [], "namespace": "declared_routes"}, "got routes and namespace; give exactly one"),
        ({"app": asgi, "namespace": "declared_routes"}, "got app and namespace; give exactly one"),
        ({"app": asgi, "routes": [], "namespace": "x"}, "got app and routes and namespace"),
        ({"routes": [], "pattern": "urls"}, "got pattern='urls' and no namespace; leave it out"),
        ({"namespace": 7}, "got namespace=7; give a name in full, such as 'shop.urls'"),
        ({"namespace": ""}, "got namespace=''; give a name in full"),
        ({"namespace": ".urls"}, "got namespace='.urls'; give a name in full"),
        ({"namespace": "declared_routes", "pattern": ""}, "got pattern=''; give a name in full, such as 'route_patt"),
        ({"namespace": "declared_routes", "pattern": None}, "got pattern=None; give a name in full"),
        (
            {"namespace": "declared_routes", "pattern": "urls"},
            "looks for 'urls' in the module 'declared_routes', which",
        ),
        ({"namespace": "declared_routes", "pattern": "empty"}, "found nothing in 'empty' of the module 'declared_rou"),
        ({"namespace": "declared_routes", "pattern": "number"}, "got routes=7; give a list of a Gateway"),
        ({"namespace": "declared_routes", "pattern": "wrong"}, "got 'users' in its routes; give a Gateway"),
        ({"app": "declared_routes"}, "got app='declared_routes'; write 'module:attribute', or give the application"),
        ({"app": ":app"}, "got app=':app'; write 'module:attribute'"),
        ({"app": "declared_routes:"}, "got app='declared_routes:'; write 'module:attribute'"),
        ({"app": "declared_routes:api"}, "looks for 'api' in the module 'declared_routes', which has none"),
        ({"app": "declared_routes:number"}, "got app=7; give an ASGI application, or 'module:attribute'"),
        ({"app": App}, "got the class heaven.app.App for its app; give an instance of it"),
        ({"app": plain}, "give an ASGI application, or 'module:attribute'"),
        ({"app": read_user}, "for its app; give handlers as routes: routes=[...]"),
        ({"routes": [], "path": 7}, "got the path 7"),
        ({"routes": [], "path": "/{rest:path}"}, "and 'rest' takes the rest of it, so nothing can stand below"),
        ({"routes": [], "name": ""}, "got name=''; give a str that is not empty"),
        ({"routes": [], "tags": "api"}, "got tags='api'"),
        ({"routes": [], "tag": "api"}, "got tag; it takes dependencies"),
    ],
    ids=lambda value: (
        ", ".join(f"{name}={str(each).partition(' ')[0]}" for name, each in value.items())
        if isinstance(value, dict)
        else ""
    ),
)
def test_misuse_is_refused(given, why):
    """The message has the line, and what would be accepted."""
    message = refusal(lambda: Include(**given))
    assert message.startswith("Include")
    assert f" at {__file__}:" in message
    assert why in message


@pytest.mark.parametrize(
    ("route", "why"),
    [
        ("/users", "got '/users' in its routes; give a Gateway, WebSocketGateway, WebhookGateway, Include, Host or"),
        (None, "got None in its routes; give a Gateway"),
        (plain, "in its routes; give a function with @get() or the like above it, or a Gateway"),
        (asgi, "in its routes; give an ASGI application to an Include: Include('/path', app=...)"),
        ([read_user], "give its routes one by one, with a * before the list"),
        (UserView(), "in its routes; give the class: UserView"),
        (dict, "got builtins.dict in its routes; give a Gateway"),
        (Gateway, "Gateway in its routes; give a Gateway"),
    ],
    ids=["str", "None", "function", "asgi", "list", "instance", "class", "kind"],
)
def test_what_is_no_route_is_refused(route, why):
    """The message names it, and what to write in its place."""
    message = refusal(lambda: Include("/api", routes=[read_user, route]))
    assert message.startswith(f"Include at {__file__}:")
    assert why in message


@pytest.mark.parametrize("routes", ["users", {read_user}, read_user, 7], ids=["str", "set", "handler", "int"])
def test_routes_are_a_list(routes):
    """They have an order."""
    assert "give a list of a Gateway" in refusal(lambda: Include("/api", routes=routes))


def test_what_a_module_raises_is_not_hidden(tmp_path, monkeypatch):
    """An error in the module that is included is that error."""
    (tmp_path / "broken_routes.py").write_text("raise OSError('no disk')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(OSError, match="no disk"):
        Include("/api", namespace="broken_routes")
    assert "broken_routes" not in sys.modules


def test_includes_nest():
    """To any depth."""
    include = Include("/0", routes=[read_user])
    for depth in range(1, 50):
        include = Include(f"/{depth}", routes=[include])
    for depth in reversed(range(50)):
        assert f"/{depth}" == include.path
        (include,) = include.routes
    assert read_user is include.handler
