"""Which route serves a request: specificity, methods, HEAD, 405, and what a sub-application sees of its place."""

from __future__ import annotations

from itertools import permutations

import pytest

from heaven_contrib.routing import (
    APIView,
    Application,
    Gateway,
    Include,
    Router,
    delete,
    get,
    head,
    options,
    patch,
    post,
    put,
    route,
    trace,
    websocket,
)
from heaven_testing import Client, WebSocketDenied


def answering(path, answer, word=get, **names):
    async def handler() -> str:
        return answer

    if names:

        async def handler(**given) -> str:  # noqa: F811
            return answer

    return word(path)(handler)


async def said(app, method, url):
    async with Client(app) as client:
        answer = await client.request(method, url)
    return answer.json() if answer.is_success and answer.content else answer.status_code


@get("/users/me")
async def me() -> str:
    return "literal"


@get("/users/{id:int}")
async def by_number(id: int) -> str:
    return "int"


@get("/users/{name}")
async def by_name(name: str) -> str:
    return "str"


@get("/users/{rest:path}")
async def the_rest(rest: str) -> str:
    return "path"


@get("/{rest:path}")
async def anything(rest: str) -> str:
    return "anything"


MATCHES = {"/users/me": "literal", "/users/7": "int", "/users/ada": "str", "/users/a/b": "path", "/x/y": "anything"}
HANDLERS = (me, by_number, by_name, the_rest, anything)


@pytest.mark.parametrize("shape", ["bare", "gateways", "includes", "routers"])
async def test_the_more_specific_route_wins_whatever_the_order(shape):
    """Literals come before converters, those before any text, that before the rest of the path."""
    wrap = {
        "bare": lambda each: each,
        "gateways": lambda each: Gateway(handler=each),
        "includes": lambda each: Include(routes=[each]),
        "routers": lambda each: Router(routes=[each]),
    }[shape]
    orders = list(permutations(HANDLERS))
    for order in orders[::11]:
        async with Client(Router(routes=[wrap(each) for each in order])) as client:
            assert MATCHES == {url: (await client.get(url)).json() for url in MATCHES}


async def test_a_branch_without_a_match_is_left_again():
    """Where the more specific branch leads nowhere, the less specific one is tried."""

    @get("/users/me/orders")
    async def mine() -> str:
        return "mine"

    @get("/users/{name}/friends")
    async def friends(name: str) -> str:
        return f"friends of {name}"

    assert "friends of me" == await said(Router(routes=[mine, friends]), "GET", "/users/me/friends")


VERBS = {"GET": get, "POST": post, "PUT": put, "PATCH": patch, "DELETE": delete, "OPTIONS": options, "TRACE": trace}


@pytest.mark.parametrize("method", VERBS)
async def test_every_verb_serves_its_method_alone(method):
    """A handler answers to its own method; GET answers HEAD as well."""

    @VERBS[method]("/x", status_code=200)
    async def handler() -> str:
        return "here"

    async with Client(Router(routes=[handler])) as client:
        found = {each: (await client.request(each, "/x")).status_code for each in [*VERBS, "HEAD"]}
    served = {method, "HEAD"} if method == "GET" else {method}
    expected = {each: 200 if each in served else 204 if each == "OPTIONS" else 405 for each in [*VERBS, "HEAD"]}
    assert expected == found


async def test_methods_of_one_path_may_stand_anywhere():
    """GET and POST of one path are found in different Gateways, Includes, Routers and views, and Allow names all."""

    class Deleting(APIView):
        @delete("/x")
        async def remove(self) -> None: ...

    @get("/x")
    async def read() -> str:
        return "read"

    @post("/x")
    async def make() -> str:
        return "made"

    @put("/x")
    async def replace() -> str:
        return "replaced"

    @patch("/x")
    async def change() -> str:
        return "changed"

    app = Router(
        routes=[
            Gateway("/in", handler=read),
            Include("/in", routes=[make]),
            Include("/in", routes=[Include(routes=[Gateway(handler=replace)])]),
            Router("/in", routes=[change]),
            Include("/in", routes=[Deleting]),
        ]
    )
    assert ["read", "made", "replaced", "changed", 204] == [
        await said(app, method, "/in/x") for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ]
    async with Client(app) as client:
        refused = await client.request("TRACE", "/in/x")
        asked = await client.options("/in/x")
    assert (405, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT") == (refused.status_code, refused.headers["allow"])
    assert (204, refused.headers["allow"]) == (asked.status_code, asked.headers["allow"])


async def test_405_counts_every_pattern_that_fits():
    """Allow is of the path, so it also names the methods of patterns that are less specific."""

    @post("/users/{name}")
    async def make(name: str) -> str:
        return name

    async with Client(Router(routes=[Include(routes=[me]), Include(routes=[make])])) as client:
        refused = await client.put("/users/me")
        posted = await client.post("/users/me")
    assert "GET, HEAD, OPTIONS, POST" == refused.headers["allow"]
    assert (201, "me") == (posted.status_code, posted.json())


async def test_a_405_is_a_problem():
    """The body is a problem of RFC 9457."""
    async with Client(Router(routes=[me])) as client:
        refused = await client.post("/users/me")
    assert "application/problem+json" == refused.headers["content-type"]
    assert 405 == refused.json()["status"]


async def test_a_socket_at_a_path_is_no_method_of_it():
    """Allow lists what requests can be sent with."""

    @websocket("/x")
    async def echo(socket) -> None:
        await socket.accept()

    @get("/x")
    async def read() -> str:
        return "x"

    async with Client(Router(routes=[echo, read])) as client:
        assert "GET, HEAD, OPTIONS" == (await client.post("/x")).headers["allow"]
        async with client.ws("/x"):
            pass


async def test_head_follows_get():
    """HEAD is answered by the GET handler: the same header fields, and no body."""

    @get("/x", response_headers={})
    async def read() -> dict[str, int]:
        return {"x": 1}

    async with Client(Router(routes=[read])) as client:
        found, asked = await client.get("/x"), await client.head("/x")
    assert (200, b"") == (asked.status_code, asked.content)
    assert dict(found.headers) == dict(asked.headers)


async def test_a_head_handler_of_its_own_wins():
    """@head takes HEAD from the GET of the same path, whatever the order."""

    @head("/x", status_code=202)
    async def asked() -> None: ...

    @get("/x")
    async def read() -> str:
        return "x"

    for routes in ([asked, read], [read, asked]):
        async with Client(Router(routes=routes)) as client:
            assert (202, 200) == ((await client.head("/x")).status_code, (await client.get("/x")).status_code)


async def test_a_route_of_several_methods():
    """@route serves each of its methods, and no other."""

    @route("/x", methods=["GET", "put"])
    async def both(request) -> str:
        return request.method

    app = Router(routes=[both])
    assert ["GET", "PUT", 405] == [await said(app, method, "/x") for method in ("GET", "PUT", "POST")]


async def test_an_unknown_method_is_not_allowed():
    """A method that nobody heard of is a 405 where there is a route, and a 404 where there is none."""
    app = Router(routes=[me])
    assert [405, 404] == [await said(app, "BREW", url) for url in ("/users/me", "/coffee")]


@pytest.mark.parametrize(
    ("declared", "asked"),
    [("//users//me//", "/users/me"), ("/users/me/", "/users/me"), ("users/me", "/users/me"), ("/", "/"), ("", "/")],
)
async def test_slashes_of_declared_paths_are_put_right(declared, asked):
    """Several collapse to one, and one at the end is dropped."""

    @get(declared)
    async def read() -> str:
        return "here"

    assert "here" == await said(Router(routes=[read]), "GET", asked)


@pytest.mark.parametrize(
    ("declared", "asked", "value"),
    [
        ("/x/{value}", "/x/a%20b", "a b"),
        ("/x/{ value : int }", "/x/7", 7),
        ("/x/<value:int>", "/x/7", 7),
        ("/x/{value:float}", "/x/1.5", 1.5),
        ("/x/{value:path}", "/x/a/b", "a/b"),
        ("/x/{value:uuid}", "/x/c0ffee00-0000-4000-8000-000000000000", "c0ffee00-0000-4000-8000-000000000000"),
        ("/x/{value:date}", "/x/2026-11-22", "2026-11-22"),
        ("/x/{value:datetime}", "/x/2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("/x/{value:str}", "/x/7", "7"),
    ],
)
async def test_path_parameters_are_converted(declared, asked, value):
    """`{name}`, `{name:type}` and `<name:type>` give the value of their type."""

    @get(declared)
    async def read(value) -> object:
        return value

    assert value == await said(Router(routes=[read]), "GET", asked)


@pytest.mark.parametrize("kind", ["int", "float", "uuid", "date", "datetime"])
async def test_a_converter_that_misses_is_a_404(kind):
    """What does not convert is a path without a route."""

    @get("/x/{value:" + kind + "}")
    async def read(value) -> object:
        return value

    assert 404 == await said(Router(routes=[read]), "GET", "/x/none")


async def test_a_socket_that_nothing_matched_is_refused_with_404():
    """A handshake without a route is answered like a request."""
    async with Client(Router(routes=[me])) as client:
        with pytest.raises(WebSocketDenied) as refusal:
            async with client.ws("/users/me"):
                pass
    assert 404 == refusal.value.response.status_code


# root_path


async def rooted(scope, receive, send):
    said = f'"{scope.get("root_path")}|{scope["path"]}"'.encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": said})


async def test_a_foreign_application_has_its_prefix_in_root_path():
    """`root_path` grows by the prefixes of all that is around; `path` stays whole."""
    app = Router("/outer", routes=[Include("/in", routes=[Include("/foreign", app=rooted)])])
    assert "/outer/in/foreign|/outer/in/foreign/x" == await said(app, "GET", "/outer/in/foreign/x")


async def test_the_root_path_of_the_server_comes_first():
    """What a proxy took away stands before the prefixes."""
    app = Router(routes=[Include("/foreign", app=rooted)])
    async with Client(app, root_path="/v1") as client:
        assert "/v1/foreign" == (await client.get("/foreign/x")).json().partition("|")[0]


async def test_parameters_of_a_prefix_are_filled_in_root_path():
    """A prefix with a path parameter stands in `root_path` as the request had it."""
    app = Router(routes=[Include("/shops/{shop:int}", app=rooted)])
    assert "/shops/7" == (await said(app, "GET", "/shops/7/x")).partition("|")[0]


@pytest.mark.parametrize("kind", [Router, Application], ids=["Router", "Application"])
async def test_a_child_matches_below_its_prefix(kind):
    """What is mounted is found below the prefix and nowhere else."""
    app = Application(routes=[Include("/child", app=kind(routes=[me]))])
    assert ["literal", 404] == [await said(app, "GET", url) for url in ("/child/users/me", "/users/me")]
