from __future__ import annotations

import pytest

from heaven import App, HTTPError
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.interceptors import Interceptor, checked_interceptors
from heaven_testing import Client, WebSocketDenied

PLACE = "Include /api at shop.py:7"


class Tenant(Interceptor):
    async def intercept(self, scope, receive, send):
        scope["tenant"] = "north"
        scope["headers"].append((b"x-tenant", b"north"))


class Refuses(Interceptor):
    async def intercept(self, scope, receive, send):
        raise HTTPError(401, "Who are you?")


class Answers(Interceptor):
    def __init__(self, text="answered"):
        self.text = text

    async def intercept(self, scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": self.text.encode()})


def around(app, *interceptors):
    """The application behind interceptors, the first one outermost."""
    for each in reversed(checked_interceptors(interceptors, PLACE)):
        app = each.make(app)
    return app


def shop():
    """Says what of the scope its handlers see."""
    app = App()
    app.GET("/", lambda req, res, ctx: {"tenant": req.scope.get("tenant"), "header": req.headers.get("x-tenant")})

    async def connect(req, ws, ctx):
        await ws.accept()
        await ws.send_text(req.scope["tenant"])

    app.WS("/", connect)
    return app


async def test_the_scope_may_be_rewritten():
    """What an interceptor writes into the scope and its headers is what the handler finds."""
    async with Client(around(shop(), Tenant), lifespan="off") as client:
        response = await client.get("/")
        async with client.ws("/") as ws:
            text = await ws.receive_text()
    assert {"tenant": "north", "header": "north"} == response.json()
    assert "north" == text


async def test_the_scope_outside_stays_as_it_is():
    """An interceptor changes a copy, so that nothing outside of it sees what it wrote."""
    scope = {"type": "http", "headers": [(b"host", b"shop.test")]}
    seen = []

    async def inside(scope, receive, send):
        seen.append(scope)

    await around(inside, Tenant)(scope, None, None)
    assert {"type": "http", "headers": [(b"host", b"shop.test")]} == scope
    assert [(b"host", b"shop.test"), (b"x-tenant", b"north")] == seen[0]["headers"]


async def test_the_outermost_runs_first():
    """An interceptor sees what those outside of it wrote."""

    class Appends(Interceptor):
        def __init__(self, name):
            self.name = name

        async def intercept(self, scope, receive, send):
            scope["tenant"] = scope.get("tenant", "") + self.name

    async with Client(around(shop(), Appends("a"), Appends("b"), Appends("c")), lifespan="off") as client:
        response = await client.get("/")
    assert "abc" == response.json()["tenant"]


@pytest.mark.parametrize("interceptor", [Answers, Answers()], ids=["class", "instance"])
async def test_an_answer_ends_the_request(interceptor):
    """Once an interceptor has sent something, nothing that is inside of it runs."""
    ran = []

    class Notes(Interceptor):
        async def intercept(self, scope, receive, send):
            ran.append(scope)

    async def inside(scope, receive, send):
        ran.append(scope)

    async with Client(around(inside, interceptor, Notes), lifespan="off") as client:
        response = await client.get("/")
        with pytest.raises(WebSocketDenied):
            async with client.ws("/"):
                pass
    assert (202, "answered") == (response.status_code, response.text)
    assert [] == ran


async def test_an_error_ends_the_request():
    """What an interceptor raises goes to whoever is outside of it."""
    ran = []

    async def inside(scope, receive, send):
        ran.append(scope)

    with pytest.raises(HTTPError, match="401 Unauthorized: Who are you"):
        await around(inside, Refuses)({"type": "http", "headers": []}, None, None)
    assert [] == ran


async def test_an_instance_is_made_once_for_each_place():
    """Requests share the instance; a class that is declared twice has two, and a given instance stays itself."""
    made = []

    class Made(Interceptor):
        def __init__(self):
            made.append(self)

        async def intercept(self, scope, receive, send): ...

    given = Made()
    app = around(shop(), Made, given, Made)
    assert 3 == len(made)
    async with Client(app, lifespan="off") as client:
        for _ in range(3):
            await client.get("/")
    assert 3 == len(made)


def test_declared_ones_show_how_they_were_written():
    """A class is shown by its name, an instance as it shows itself."""

    class Shown(Answers):
        def __repr__(self):
            return "Shown('no')"

    assert "(Tenant, Shown('no'))" == repr(checked_interceptors([Tenant, Shown("no")], PLACE))


class Bare(Interceptor):
    pass


class Configured(Interceptor):
    def __init__(self, name):
        self.name = name

    async def intercept(self, scope, receive, send): ...


class Sync(Interceptor):
    def intercept(self, scope, receive, send): ...


class Shape(Interceptor):
    async def intercept(self, request): ...


class Duck:
    async def intercept(self, scope, receive, send): ...


WRITE = "write it as: async def intercept(self, scope, receive, send)"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (Tenant, f"got interceptors={__name__}.Tenant; give a list, as in [Tenant]"),
        ([42], "got the interceptor 42; give classes of Interceptor, or instances of them"),
        ([Duck], f"got the interceptor {__name__}.Duck; give classes of Interceptor, or instances of them"),
        ([shop], f"got the interceptor {__name__}.shop ({__file__}:"),
        (
            [Interceptor],
            "got the interceptor heaven_contrib.routing.levels.interceptors.Interceptor, which lacks intercept",
        ),
        ([Bare], f"got the interceptor {__name__}.Bare, which lacks intercept; give a class that has it"),
        (
            [Configured],
            f"got the interceptor {__name__}.Configured, which needs arguments; give an instance, as in Configured(...)",
        ),
        ([Sync], f"got the interceptor {__name__}.Sync; {WRITE}"),
        ([Shape], f"got the interceptor {__name__}.Shape; {WRITE}"),
        ([Tenant, Shape()], f"got the interceptor <{__name__}.Shape object at"),
    ],
    ids=["one", "number", "class", "function", "base", "abstract", "arguments", "sync", "shape", "instance"],
)
def test_what_is_no_interceptor_is_refused(value, complaint):
    """The message names what was passed, where, and what would be accepted."""
    with pytest.raises(ImproperlyConfigured) as refused:
        checked_interceptors(value, PLACE)
    assert str(refused.value).startswith(f"{PLACE} {complaint}")


async def test_a_static_method_intercepts_as_well():
    """It is called with the same three."""

    class Static(Interceptor):
        @staticmethod
        async def intercept(scope, receive, send):
            scope["tenant"] = "static"

    async with Client(around(shop(), Static), lifespan="off") as client:
        assert "static" == (await client.get("/")).json()["tenant"]
