"""Dependencies in an application that is served, with everything that it is made of."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import pytest

from heaven import HTTPError, Request
from heaven_contrib.routing import (
    Application,
    Factory,
    Gateway,
    Host,
    Include,
    Inject,
    Injects,
    Router,
    get,
    post,
    websocket,
)
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.params import Header
from heaven_testing import Client


class Order(msgspec.Struct):
    name: str
    quantity: int = 1


class Session:
    def __init__(self):
        self.log = []

    async def __call__(self):
        self.log.append("begin")
        try:
            yield self.log
        except Exception as error:
            self.log.append(f"rollback on {type(error).__name__}")
            raise
        else:
            self.log.append("commit")


async def user(x_token: str = Header(), tenant: int = 0):
    return {"token": x_token, "tenant": tenant}


async def greeting(user, word: str = "hello"):
    return f"{word} {user['token']} of {user['tenant']}"


async def test_dependencies_read_the_request_as_handlers_do():
    """Query, header and path reach dependencies of dependencies, each converted."""

    @get("/{tenant:int}", dependencies={"greeting": greeting})
    async def greet(greeting: str, page: int = 1) -> dict[str, object]:
        return {"greeting": greeting, "page": page}

    async with Client(Router(routes=[Gateway(handler=greet)], dependencies={"user": Inject(user)})) as client:
        answer = await client.get("/7?word=moin&page=2", headers={"x-token": "ada"})
    assert {"greeting": "moin ada of 7", "page": 2} == answer.json()


async def test_faults_of_handler_and_dependencies_are_one_problem():
    """What is wrong for the body, the query and a header that only a dependency reads is told at once."""

    @post("/", dependencies={"greeting": greeting, "user": user})
    async def create(data: Order, greeting: str, page: int) -> None: ...

    async with Client(Router(routes=[Gateway(handler=create)])) as client:
        answer = await client.post("/?page=x&tenant=y", json={"name": 7})
    assert 422 == answer.status_code
    assert [["body", "name"], ["header", "x-token"], ["query", "page"], ["query", "tenant"]] == sorted(
        fault["loc"] for fault in answer.json()["errors"]
    )


async def test_a_dependency_takes_the_same_body():
    """The body that a handler takes is there for a dependency too, as the same type or as it came."""

    async def size(data: bytes):
        return len(data)

    async def name(data: Order):
        return data.name

    @post("/", dependencies={"size": size, "name": name})
    async def create(data: Order, size: int, name: str) -> list[object]:
        return [data.name, name, size]

    async with Client(Router(routes=[Gateway(handler=create)])) as client:
        answer = await client.post("/", json={"name": "tea"})
    assert ["tea", "tea", 14] == answer.json()


@pytest.mark.parametrize(
    ("fails", "status", "log"),
    [
        pytest.param(True, 409, ["begin", "rollback on HTTPError"], id="fault"),
        pytest.param(False, 200, ["begin", "commit"], id="control"),
    ],
)
async def test_a_session_commits_or_rolls_back(fails, status, log):
    """A generator sees the handler's error, and goes on after the response where there is none."""

    @get("/", dependencies={"session": (session := Session())})
    async def read(session: list[str] = Injects()) -> list[str]:
        if fails:
            raise HTTPError(409)
        return list(session)

    async with Client(Router(routes=[Gateway(handler=read)])) as client:
        answer = await client.get("/")
    assert (status, log) == (answer.status_code, session.log)
    if not fails:
        assert ["begin"] == answer.json()


async def test_an_inner_level_gives_its_own():
    """The innermost dependency of a name counts, also for outer ones that need it."""

    async def name():
        return "outer"

    async def inner():
        return "inner"

    async def sign(name):
        return f"the {name} one"

    @get("/")
    async def show(sign: Annotated[str, Injects()]) -> str:
        return sign

    app = Router(
        routes=[Include("/in", routes=[Gateway(handler=show, dependencies={"name": inner})]), Gateway(handler=show)],
        dependencies={"name": name, "sign": sign},
    )
    async with Client(app) as client:
        assert "the inner one" == (await client.get("/in")).json()
        assert "the outer one" == (await client.get("/")).json()


async def test_a_kept_value_is_one_for_all_routes_of_an_application():
    """Two routes that are asked at once get one value."""
    made = []
    go_on = asyncio.Event()

    async def pool():
        made.append(1)
        await go_on.wait()
        return len(made)

    @get("/a")
    async def a(pool: int) -> int:
        return pool

    @get("/b")
    async def b(pool: int) -> int:
        return pool

    async with Client(Router(routes=[a, b], dependencies={"pool": Inject(pool, use_cache=True)})) as client:
        asking = [asyncio.create_task(client.get(path)) for path in ("/a", "/b", "/a")]
        while not made:
            await asyncio.sleep(0)
        go_on.set()
        assert [1, 1, 1] == [(await each).json() for each in asking]


async def test_a_websocket_has_dependencies():
    """They take the socket and the query, and a generator closes when the conversation is over."""

    async def name(socket, nick: str):
        return f"{nick} at {socket.scope['path']}"

    @websocket("/chat", dependencies={"name": name, "session": (session := Session())})
    async def chat(socket, name: str, session) -> None:
        await socket.accept()
        await socket.send_json({"name": name, "log": list(session)})
        await socket.close()

    async with Client(Router(routes=[chat])) as client:
        async with client.ws("/chat?nick=ada") as connection:
            assert {"name": "ada at /chat", "log": ["begin"]} == await connection.receive_json()
    assert ["begin", "commit"] == session.log


async def test_a_factory_is_a_dependency_as_it_is():
    """A Factory needs no Inject, and nothing of the request reaches it."""

    class Repository:
        def __init__(self, table: str, limit: int = 100):
            self.said = f"{limit} {table}"

    @get("/", dependencies={"orders": Factory(Repository, "orders")})
    async def count(orders) -> str:
        return orders.said

    async with Client(Router(routes=[Gateway(handler=count)])) as client:
        assert "100 orders" == (await client.get("/?limit=1000000")).json()


async def test_a_mark_has_its_default_where_no_level_declares_it():
    """`Injects(default)` is not read from the query."""

    @get("/")
    async def show(tenant: str = Injects("main")) -> str:
        return tenant

    async with Client(Router(routes=[Gateway(handler=show)])) as client:
        assert "main" == (await client.get("/?tenant=other")).json()


def test_a_missing_dependency_is_refused_when_the_application_is_wired():
    """A marked parameter that no level declares never becomes a query parameter."""

    @get("/")
    async def show(db=Injects()) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="marks 'db' with Injects"):
        Router(routes=[Gateway(handler=show)]).wire()


async def shown(id: int): ...  # noqa: A002


@pytest.mark.parametrize(
    "routes",
    [
        [Include("/{id:int}", routes=[get()(shown)])],
        [Include("/shops", routes=[get("/{id:int}")(shown)])],
        [Include("/{id:int}", app=Application(routes=[get()(shown)]))],
        [Host("{id}.shop.test", routes=[get()(shown)])],
    ],
    ids=["include", "handler", "child", "host"],
)
def test_a_dependency_of_any_level_takes_no_parameter_of_the_path(routes):
    """A name that both the path and a dependency of some level have is refused where it is asked for."""
    with pytest.raises(
        ImproperlyConfigured, match=r"shown at .* asks for 'id', which is in the path .* and a dependency of Router at"
    ):
        Router(routes=routes, dependencies={"id": lambda: 7}).wire()


async def test_a_dependency_that_nobody_asks_for_has_any_name():
    """The path keeps its parameter where no argument has the name."""

    @get("/{id:int}")
    async def read(request: Request) -> int:
        number: int = request.params["id"]
        return number

    async with Client(Router(routes=[read], dependencies={"id": lambda: 8})) as client:
        assert "7" == (await client.get("/7")).text


def test_a_wrong_signature_has_its_line_and_that_of_the_route():
    """The message leads to the function, a dependency as well, and says which route it was for."""

    def wrong(data): ...

    line = wrong.__code__.co_firstlineno
    app = Router(routes=[Gateway(handler=get()(shown))], dependencies={"id": wrong})
    with pytest.raises(
        ImproperlyConfigured,
        match=rf"wrong at {__file__}:{line} for the route at {__file__}:{line + 3} takes data from a body",
    ):
        app.wire()
