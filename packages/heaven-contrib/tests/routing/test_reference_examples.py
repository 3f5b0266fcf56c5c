"""The examples that people know this style by, as they are written, with our import names."""

# ruff: noqa: A002, B008, UP006, UP007, UP035, UP045

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, AsyncGenerator, Dict, List, Optional, Union
from uuid import UUID, uuid4

import msgspec
import pytest

from heaven import HTTPError, Request, Upload, WebSocket
from heaven_contrib.routing import (
    APIView,
    BackgroundTask,
    BackgroundTasks,
    BasePermission,
    ChildRouter,
    Cookie,
    DefineMiddleware,
    Factory,
    Gateway,
    Host,
    Include,
    Inject,
    Injects,
    Interceptor,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    ResponseHeader,
    Router,
    StreamingResponse,
    WebSocketGateway,
    delete,
    get,
    post,
    put,
    route,
    websocket,
)
from heaven_contrib.routing import Application as App
from heaven_contrib.routing.params import Body, File, Form, Header, Path, Query
from heaven_contrib.routing.params import Cookie as CookieParam
from heaven_testing import Client

BaseModel: Any = pytest.importorskip("pydantic").BaseModel


class Database:
    """Stands for the database of the examples."""

    def __init__(self):
        self.is_connected = False
        self.rows = []

    async def connect(self):
        self.is_connected = True

    async def disconnect(self):
        self.is_connected = False


class User(BaseModel):
    name: str
    email: str
    age: int = 0


class Item(msgspec.Struct):
    sku: str
    price: float = 0.0


@dataclass
class Order:
    id: int
    items: List[str]


class UserDAO:
    def __init__(self, table: str = "users"):
        self.table = table

    async def get(self, id: UUID) -> str:
        return f"{self.table} {id}"


async def answers(app, *requests):
    """What each request is answered with."""
    found = []
    async with Client(app) as client:
        for method, url, *options in requests:
            found.append(await client.request(method, url, **(options[0] if options else {})))
    return found


async def answer(app, method, url, **options):
    return (await answers(app, (method, url, options)))[0]


# Applications and routers


async def test_the_smallest_application():
    """The first page of the documentation."""

    @get("/hello")
    def welcome() -> JSONResponse:
        return JSONResponse({"message": "Welcome"})

    @get("/hello/{user}")
    def user(user: str) -> JSONResponse:
        return JSONResponse({"message": f"Welcome, {user}"})

    @get("/in-request/{user}")
    def user_in_request(request: Request) -> JSONResponse:
        return JSONResponse({"message": f"Welcome, {request.params['user']}"})

    app = App(
        routes=[Gateway(handler=welcome), Gateway(handler=user), Gateway(handler=user_in_request)],
    )
    urls = ("/hello", "/hello/ada", "/in-request/ada")
    messages = [each.json()["message"] for each in await answers(app, *(("GET", url) for url in urls))]
    assert ["Welcome", "Welcome, ada", "Welcome, ada"] == messages


async def test_a_router_with_a_database():
    """`Router(on_startup=[database.connect], on_shutdown=[database.disconnect])`."""
    database = Database()

    @post("/create")
    async def create_user(data: User) -> User:
        assert database.is_connected
        return data

    app = Router(
        routes=[Gateway(handler=create_user)],
        on_startup=[database.connect],
        on_shutdown=[database.disconnect],
    )
    created = await answer(app, "POST", "/create", json={"name": "Ada", "email": "ada@example.com"})
    assert (201, {"name": "Ada", "email": "ada@example.com", "age": 0}) == (created.status_code, created.json())
    assert not database.is_connected


async def test_a_lifespan():
    """The lifespan as an async context manager of the application."""
    database = Database()

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncGenerator[None, None]:
        await database.connect()
        yield
        await database.disconnect()

    @get("/")
    async def connected() -> bool:
        return database.is_connected

    app = App(routes=[Gateway(handler=connected)], lifespan=lifespan)
    assert True is (await answer(app, "GET", "/")).json()
    assert not database.is_connected


async def test_routers_are_added():
    """`app.add_router(Router("/customers", routes=[...]))`."""

    @get("/")
    async def list_customers() -> List[str]:
        return ["ada"]

    @put("/{customer_id:int}")
    async def update_customer(customer_id: int, data: Dict[str, Any]) -> Dict[str, Any]:
        return {"id": customer_id, **data}

    app = App()
    app.add_router(
        Router(
            "/customers",
            routes=[
                Gateway("/", handler=list_customers),
                Gateway("/update", handler=update_customer),
            ],
        )
    )
    listed, updated = await answers(
        app, ("GET", "/customers"), ("PUT", "/customers/update/7", {"json": {"name": "Ada"}})
    )
    assert (["ada"], {"id": 7, "name": "Ada"}) == (listed.json(), updated.json())


async def test_add_route_and_its_family():
    """`add_route(path=..., handler=...)`, `add_websocket_route`, `add_apiview(value=Gateway(handler=View))`."""

    @get()
    async def hello() -> str:
        return "hello"

    @websocket()
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        data = await socket.receive_json()
        await socket.send_json({"data": data})
        await socket.close()

    class World(APIView):
        @get(path="/{url}")
        async def home(self, request: Request, url: str) -> str:
            return f"world {url}"

        @post(path="/{url}", status_code=200)
        async def mars(self, request: Request, url: str) -> str:
            return f"mars {url}"

    app = App()
    app.add_route(path="/hello", handler=hello)
    app.add_websocket_route(path="/ws", handler=echo)
    app.add_apiview(value=Gateway(path="/world", handler=World))
    app.add_include(Include("/nested", routes=[Gateway(handler=hello)]))
    async with Client(app) as client:
        assert ["hello", "world a", "hello"] == [
            (await client.get(url)).json() for url in ("/hello", "/world/a", "/nested")
        ]
        assert "mars a" == (await client.post("/world/a")).json()
        async with client.ws("/ws") as socket:
            await socket.send_json([1])
            assert {"data": [1]} == await socket.receive_json()


async def test_a_view_is_added_without_a_path():
    """`app.add_apiview(value=Gateway(handler=View))` puts it where it says itself."""

    class View(APIView):
        path = "/users"

        @get("/")
        async def all(self) -> List[str]:
            return ["ada"]

    app = Router()
    app.add_apiview(value=Gateway(handler=View))
    assert ["ada"] == (await answer(app, "GET", "/users")).json()


async def test_nested_includes():
    """`Include("/nested", routes=[...])`, to any depth, with path parameters on the way."""

    @get("/{user_id:int}")
    async def user(tenant: str, user_id: int) -> List[Any]:
        return [tenant, user_id]

    app = App(
        routes=[
            Include(
                "/tenants/{tenant}",
                routes=[
                    Include(
                        "/nested",
                        routes=[Include(routes=[Gateway("/users", handler=user, name="user")], name="v1")],
                        name="nested",
                    ),
                ],
            )
        ]
    )
    assert ["acme", 7] == (await answer(app, "GET", "/tenants/acme/nested/users/7")).json()
    assert "/tenants/acme/nested/users/7" == app.path_for("nested:v1:user", tenant="acme", user_id=7)


async def test_includes_of_modules():
    """`Include(namespace="accounts.urls")` and `pattern="my_urls"`, and `app="module:app"`."""

    @get("/me")
    async def me() -> str:
        return "me"

    urls = ModuleType("reference_example_urls")
    urls.route_patterns = [Gateway(handler=me)]
    urls.my_urls = [Gateway("/my", handler=me)]
    urls.app = ChildRouter(routes=[Gateway(handler=me)])
    sys.modules[urls.__name__] = urls
    try:
        app = App(
            routes=[
                Include("/accounts", namespace="reference_example_urls"),
                Include("/other", namespace="reference_example_urls", pattern="my_urls"),
                Include("/app", app="reference_example_urls:app"),
            ]
        )
    finally:
        del sys.modules[urls.__name__]
    found = await answers(app, ("GET", "/accounts/me"), ("GET", "/other/my/me"), ("GET", "/app/me"))
    assert ["me"] * 3 == [each.json() for each in found]


async def test_child_applications():
    """`Router("/child", app=ChildApp(...))`, `Include("/child", app=ChildApp(...))` and `add_child`."""

    @get("/home")
    async def home() -> str:
        return "home"

    def child() -> ChildRouter:
        return ChildRouter(routes=[Gateway(handler=home)])

    app = App(
        routes=[
            Gateway(handler=home),
            Include("/include", app=child()),
            Router("/router", app=child()),
        ]
    )
    app.add_child(path="/added", app=child())
    app.add_router(Router("/child", app=ChildRouter("/deep", routes=[Gateway(handler=home)])))
    urls = ("/home", "/include/home", "/router/home", "/added/home", "/child/deep/home")
    assert ["home"] * 5 == [each.json() for each in await answers(app, *(("GET", url) for url in urls))]


async def test_hosts():
    """`Host("{tenant}.example.com", routes=[...])`."""

    @get("/")
    async def front(tenant: str) -> str:
        return tenant

    app = App(routes=[Host("{tenant}.example.com", routes=[Gateway(handler=front)])])
    async with Client(app, base_url="http://acme.example.com:8000") as client:
        assert "acme" == (await client.get("/")).json()


async def test_routers_decorate():
    """`@app.get("/users")` and its family."""
    app = App()

    @app.get("/users/{id:int}")
    async def read(id: int) -> int:
        return id

    @app.post("/users", status_code=202)
    def create(data: Item) -> Item:
        return data

    @app.delete("/users/{id:int}")
    async def remove(id: int) -> None: ...

    @app.websocket("/ws")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({"message": "hi"})
        await socket.close()

    found = await answers(app, ("GET", "/users/7"), ("POST", "/users", {"json": {"sku": "a"}}), ("DELETE", "/users/7"))
    assert [200, 202, 204] == [each.status_code for each in found]
    assert b"" == found[2].content


# Handlers


async def test_handlers_of_several_methods():
    """`@route("/", methods=[...])`."""

    @route("/multiple", methods=["GET", "POST", "PUT"])
    async def multiple(request: Request) -> str:
        return request.method

    app = App(routes=[Gateway(handler=multiple)])
    found = await answers(app, *((method, "/multiple") for method in ("GET", "POST", "PUT", "DELETE")))
    assert [200, 200, 200, 405] == [each.status_code for each in found]


async def test_default_status_codes():
    """POST answers 201, DELETE 204, everything else 200."""

    @post("/x")
    async def create() -> str:
        return "x"

    @delete("/x")
    async def remove() -> None: ...

    @put("/x")
    async def replace() -> None: ...

    @get("/x", status_code=203)
    async def read() -> None: ...

    app = App(routes=[create, remove, replace, read])
    found = await answers(app, *((method, "/x") for method in ("POST", "DELETE", "PUT", "GET")))
    assert [201, 204, 200, 203] == [each.status_code for each in found]


async def test_query_parameters():
    """Plain arguments are of the query: optional ones have a default or may be None."""

    @get("/users")
    async def users(
        name: str,
        skip: int = 1,
        limit: int = 5,
        q: Optional[str] = None,
        tags: Optional[List[str]] = None,
        active: Union[bool, None] = None,
    ) -> Dict[str, Any]:
        return {"name": name, "skip": skip, "limit": limit, "q": q, "tags": tags, "active": active}

    app = App(routes=[Gateway(handler=users)])
    full, least, none = await answers(
        app,
        ("GET", "/users?name=a&skip=2&limit=3&q=x&tags=b&tags=c&active=true"),
        ("GET", "/users?name=a"),
        ("GET", "/users"),
    )
    assert {"name": "a", "skip": 2, "limit": 3, "q": "x", "tags": ["b", "c"], "active": True} == full.json()
    assert {"name": "a", "skip": 1, "limit": 5, "q": None, "tags": None, "active": None} == least.json()
    assert (422, ["query", "name"]) == (none.status_code, none.json()["errors"][0]["loc"])


async def test_parameters_with_markers():
    """`Header(value="X-API-TOKEN")`, `Cookie(value="csrftoken")`, `Query(...)`, `Path(...)`."""

    @post("/create/{item_id:int}", status_code=200)
    async def create_item(
        item_id: int = Path(ge=1),
        token: str = Header(value="X-API-TOKEN"),
        csrf: str = CookieParam(value="csrftoken"),
        limit: int = Query(default=10, le=100),
        sort: str = Query(alias="order-by", default="name"),
    ) -> List[Any]:
        return [item_id, token, csrf, limit, sort]

    app = App(routes=[Gateway(handler=create_item)])
    headers = {"x-api-token": "secret", "cookie": "csrftoken=abc"}
    good, bad = await answers(
        app,
        ("POST", "/create/7?order-by=age", {"headers": headers}),
        ("POST", "/create/0?limit=101"),
    )
    assert [7, "secret", "abc", 10, "age"] == good.json()
    places = {tuple(each["loc"]) for each in bad.json()["errors"]}
    assert {
        ("path", "item_id"),
        ("header", "x-api-token"),
        ("cookie", "csrftoken"),
        ("query", "limit"),
    } == {(kind, name.lower()) for kind, name in places}


async def test_bodies():
    """`data: User` for pydantic, msgspec, dataclasses, lists of them, and plain dicts; `payload` is the same."""

    @post("/pydantic")
    async def pydantic(data: User) -> User:
        return data

    @post("/list")
    async def several(data: List[User]) -> int:
        return len(data)

    @post("/struct")
    async def struct(payload: Item) -> Item:
        return payload

    @post("/dataclass")
    async def order(data: Order) -> Order:
        return data

    @post("/dict")
    async def plain(data: Dict[str, int]) -> Dict[str, int]:
        return data

    app = App(routes=[pydantic, several, struct, order, plain])
    user = {"name": "Ada", "email": "a@b.c", "age": 3}
    for url, body, expected in (
        ("/pydantic", user, user),
        ("/list", [user, user], 2),
        ("/struct", {"sku": "a", "price": 1.5}, {"sku": "a", "price": 1.5}),
        ("/dataclass", {"id": 1, "items": ["a"]}, {"id": 1, "items": ["a"]}),
        ("/dict", {"a": 1}, {"a": 1}),
    ):
        assert expected == (await answer(app, "POST", url, json=body)).json()


async def test_forms_and_files():
    """`data: User = Form()`, `data: Upload = File()`, lists and dicts of them."""

    @post("/form")
    async def form(data: User = Form()) -> User:
        return data

    @post("/any")
    async def anything(data: Dict[str, str] = Form()) -> Dict[str, str]:
        return data

    @post("/upload")
    async def upload(data: Upload = File()) -> Dict[str, Any]:
        return {"name": data.filename}

    @post("/uploads")
    async def uploads(data: List[Upload] = File()) -> List[str]:
        return [each.filename for each in data]

    @post("/named")
    async def named(data: Dict[str, Upload] = File()) -> Dict[str, str]:
        return {name: each.filename for name, each in data.items()}

    @post("/body")
    async def body(data: Item = Body(description="An item.")) -> Item:
        return data

    app = App(routes=[form, anything, upload, uploads, named, body])
    user = {"name": "Ada", "email": "a@b.c", "age": "3"}
    async with Client(app) as client:
        assert {"name": "Ada", "email": "a@b.c", "age": 3} == (await client.post("/form", data=user)).json()
        assert user == (await client.post("/any", data=user)).json()
        assert {"name": "a.txt"} == (await client.post("/upload", files={"upload": ("a.txt", b"a")})).json()
        assert {"a": "b.txt"} == (await client.post("/named", files={"a": ("b.txt", b"b")})).json()
        files = [("files", ("a.txt", b"a")), ("files", ("b.txt", b"b"))]
        assert ["a.txt", "b.txt"] == (await client.post("/uploads", files=files)).json()
        assert {"sku": "a", "price": 0.0} == (await client.post("/body", json={"sku": "a"})).json()


async def test_responses():
    """Values, Response objects, and the classes of responses."""

    async def numbers():
        for number in range(3):
            yield str(number)

    @get("/response")
    async def response() -> Response:
        return Response(Item("a", 1.0), status_code=202, headers={"x-a": "b"})

    @get("/redirect")
    async def redirect() -> RedirectResponse:
        return RedirectResponse("/home")

    @get("/text")
    async def text() -> PlainTextResponse:
        return PlainTextResponse("text")

    @get("/media", media_type="text/plain")
    async def media() -> str:
        return "text"

    @get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(numbers(), media_type="text/html")

    @get("/class", response_class=PlainTextResponse)
    def of_class() -> str:
        return "text"

    app = App(routes=[response, redirect, text, media, stream, of_class])
    urls = ("/response", "/redirect", "/text", "/media", "/stream", "/class")
    found = await answers(app, *(("GET", url) for url in urls))
    assert [202, 307, 200, 200, 200, 200] == [each.status_code for each in found]
    assert ({"sku": "a", "price": 1.0}, "b") == (found[0].json(), found[0].headers["x-a"])
    assert "/home" == found[1].headers["location"]
    assert ["text", "text", "012", "text"] == [each.text for each in found[2:]]


async def test_response_headers_and_cookies():
    """`response_headers={"authorize": ResponseHeader(value="granted")}` and `response_cookies=[Cookie(...)]`."""

    @get(
        path="/me",
        response_headers={"authorize": ResponseHeader(value="granted")},
        response_cookies=[
            Cookie(key="csrf", value="CIwNZNlR4XbisJF39I8yWnWX9wX4WFoz", max_age=3000, httponly=True),
        ],
    )
    async def home() -> None: ...

    app = App(
        routes=[Gateway(handler=home)],
        response_headers={"authorize": ResponseHeader(value="denied"), "x-app": ResponseHeader(value="yes")},
        response_cookies=[Cookie(key="csrf", value="other"), Cookie(key="lang", value="en")],
    )
    found = await answer(app, "GET", "/me")
    assert ("granted", "yes") == (found.headers["authorize"], found.headers["x-app"])
    assert {"csrf": "CIwNZNlR4XbisJF39I8yWnWX9wX4WFoz", "lang": "en"} == dict(found.cookies)


async def test_background_tasks():
    """`background=BackgroundTask(...)` on a handler, and on a response."""
    sent = []

    async def send_email(to: str, message: str) -> None:
        sent.append((to, message))

    def write(message: str) -> None:
        sent.append(message)

    @post("/register", background=BackgroundTask(send_email, "ada@example.com", message="hello"))
    async def register() -> None: ...

    @post("/several")
    async def several() -> Response:
        tasks = BackgroundTasks(tasks=[BackgroundTask(write, "one"), BackgroundTask(write, "two")])
        return Response({"ok": True}, background=tasks)

    app = App(routes=[Gateway(handler=register), Gateway(handler=several)])
    async with Client(app) as client:
        assert [201, 201] == [(await client.post(url)).status_code for url in ("/register", "/several")]
        await client.settled()
    assert [("ada@example.com", "hello"), "one", "two"] == sent


# Dependencies


async def test_dependencies_of_dependencies():
    """The first example of the page about dependencies."""

    def first_dependency() -> int:
        return 20

    def second_dependency(number: int) -> bool:
        return number >= 5

    @get("/validate")
    async def me(is_valid: bool = Injects()) -> bool:
        return is_valid

    app = App(
        routes=[Gateway(handler=me)],
        dependencies={"number": Inject(first_dependency), "is_valid": Inject(second_dependency)},
    )
    assert True is (await answer(app, "GET", "/validate")).json()


async def test_dependencies_on_every_level():
    """The inner one overrides the outer one, and all are there."""

    async def get_user() -> str:
        return "ada"

    def get_db() -> str:
        return "postgres"

    async def get_inner_db() -> str:
        return "sqlite"

    @get("/", dependencies={"page": Inject(lambda: 3)})
    async def read(user: str = Injects(), db: str = Injects(), page: int = Injects()) -> List[Any]:
        return [user, db, page]

    app = App(
        routes=[Include("/in", routes=[Gateway(handler=read)], dependencies={"db": Inject(get_inner_db)})],
        dependencies={"user": Inject(get_user), "db": Inject(get_db)},
    )
    assert ["ada", "sqlite", 3] == (await answer(app, "GET", "/in")).json()


async def test_classes_and_factories_as_dependencies():
    """`Inject(UserDAO)`, and `Factory(UserDAO, ...)` with what it needs."""

    class UserView(APIView):
        path = "/users"
        dependencies = {
            "user_dao": Factory(UserDAO, table="people"),
            "other_dao": Inject(Factory(UserDAO, "others")),
        }

        @get("/{id:uuid}")
        async def get_user(self, id: UUID, user_dao: UserDAO, other_dao: UserDAO) -> List[str]:
            return [await user_dao.get(id), await other_dao.get(id)]

    app = App(routes=[Gateway(handler=UserView)])
    user = uuid4()
    assert [f"people {user}", f"others {user}"] == (await answer(app, "GET", f"/users/{user}")).json()


async def test_dependencies_that_yield():
    """A generator opens before the handler and closes after the response."""
    log: List[str] = []

    async def get_session() -> AsyncGenerator[str, None]:
        log.append("open")
        try:
            yield "session"
        finally:
            log.append("close")

    @get("/")
    async def read(session: Any = Injects()) -> str:
        log.append(session)
        return session

    app = App(routes=[Gateway(handler=read)], dependencies={"session": Inject(get_session)})
    assert "session" == (await answer(app, "GET", "/")).json()
    assert ["open", "session", "close"] == log


# Permissions, interceptors, middleware, exception handlers


class IsAuthenticated(BasePermission):
    message = "Log in first."

    def has_permission(self, request: Request, apiview: APIView) -> bool:
        return "authorization" in request.headers


class IsAdmin(BasePermission):
    async def has_permission(self, request: Request, apiview: APIView) -> bool:
        return request.headers.get("x-role") == "admin"


async def test_permissions_on_levels_and_views():
    """`permissions=[IsAuthenticated]` on the application, `[IsAdmin]` on a view and a handler."""

    class UserAPIView(APIView):
        path = "/users"
        permissions = [IsAdmin]

        @get("/")
        async def all(self) -> str:
            return "all"

    @get("/home", permissions=[IsAdmin | ~IsAdmin])
    async def home() -> str:
        return "home"

    app = App(routes=[Gateway(handler=UserAPIView), Gateway(handler=home)], permissions=[IsAuthenticated])
    user, admin = {"authorization": "x"}, {"authorization": "x", "x-role": "admin"}
    found = await answers(
        app,
        ("GET", "/home"),
        ("GET", "/home", {"headers": user}),
        ("GET", "/users", {"headers": user}),
        ("GET", "/users", {"headers": admin}),
    )
    assert [403, 200, 403, 200] == [each.status_code for each in found]
    assert "Log in first." == found[0].json()["detail"]


async def test_interceptors_rewrite_parameters():
    """The interceptor of the documentation that changes a path parameter, and one that wants a cookie."""

    class RequestParamInterceptor(Interceptor):
        async def intercept(self, scope, receive, send) -> None:
            scope["path_params"]["name"] = "intercept"

    class CookieInterceptor(Interceptor):
        async def intercept(self, scope, receive, send) -> None:
            if b"csrf" not in dict(scope["headers"]).get(b"cookie", b""):
                raise HTTPError(401, "No cookie.")

    @post("/cookie/{name}")
    async def create_cookie(name: str) -> str:
        return name

    app = App(
        routes=[Gateway(handler=create_cookie, interceptors=[RequestParamInterceptor])],
        interceptors=[CookieInterceptor],
    )
    refused, changed = await answers(
        app, ("POST", "/cookie/test"), ("POST", "/cookie/test", {"headers": {"cookie": "csrf=1"}})
    )
    assert 401 == refused.status_code
    assert "intercept" == changed.json()


async def test_middleware():
    """ASGI classes and `DefineMiddleware(cls, **options)`."""

    class SampleMiddleware:
        def __init__(self, app, **kwargs):
            self.app = app
            self.kwargs = kwargs

        async def __call__(self, scope, receive, send):
            scope["sample"] = [*scope.get("sample", []), self.kwargs.get("name", "plain")]
            await self.app(scope, receive, send)

    @get("/home")
    async def home(request: Request) -> List[str]:
        return request.scope["sample"]

    app = App(
        routes=[Gateway("/api/v1", handler=home, middleware=[DefineMiddleware(SampleMiddleware, name="gateway")])],
        middleware=[SampleMiddleware],
    )
    assert ["plain", "gateway"] == (await answer(app, "GET", "/api/v1/home")).json()


async def test_exception_handlers():
    """By class and by status, sync and async, on every level."""

    async def value_error_handler(request: Request, exc: ValueError) -> JSONResponse:
        return JSONResponse({"detail": str(exc), "at": request.path}, status_code=400)

    def not_found(request: Request, exc: HTTPError) -> JSONResponse:
        return JSONResponse({"detail": "nothing"}, status_code=404)

    @get("/error")
    async def error() -> None:
        raise ValueError("bad")

    @get("/missing")
    async def missing() -> None:
        raise HTTPError(404)

    app = App(
        routes=[Gateway(handler=error, exception_handlers={ValueError: value_error_handler}), Gateway(handler=missing)],
        exception_handlers={404: not_found},
    )
    found = await answers(app, ("GET", "/error"), ("GET", "/missing"), ("GET", "/nowhere"))
    assert [{"detail": "bad", "at": "/error"}, {"detail": "nothing"}, {"detail": "nothing"}] == [
        each.json() for each in found
    ]


# WebSockets


async def test_websockets():
    """`WebSocketGateway("/ws", handler=...)` with accept, receive_json, send_json and close."""

    @websocket(path="/{path_param:str}")
    async def simple_websocket_handler(socket: WebSocket, path_param: str, name: str = "nobody") -> None:
        await socket.accept()
        received = await socket.receive_json()
        await socket.send_json({"message": received, "path": path_param, "name": name})
        await socket.close()

    app = App(routes=[WebSocketGateway("/ws", handler=simple_websocket_handler)])
    async with Client(app) as client, client.ws("/ws/here?name=ada") as socket:
        await socket.send_json({"hello": 1})
        assert {"message": {"hello": 1}, "path": "here", "name": "ada"} == await socket.receive_json()


# Views


async def test_views():
    """A view with everything said once, inherited methods included."""

    class Base(APIView):
        tags = ["base"]

        @get("/health")
        async def health(self) -> str:
            return type(self).__name__

    class UserAPIView(Base):
        path = "/users"
        response_headers = {"x-view": ResponseHeader(value="users")}

        @get("/")
        async def all_users(self, request: Request) -> List[str]:
            return ["ada"]

        @get("/deny", permissions=[IsAdmin], description="API description")
        async def deny(self) -> str:
            return "denied"

        @post("/create", status_code=202)
        async def create(self, data: User) -> None: ...

        @websocket("/ws/{id:int}")
        async def ws(self, socket: WebSocket, id: int) -> None:
            await socket.accept()
            await socket.send_json({"id": id})
            await socket.close()

    app = App(routes=[Include("/v1", routes=[Gateway("/api", handler=UserAPIView)])])
    async with Client(app) as client:
        users = await client.get("/v1/api/users")
        assert (["ada"], "users") == (users.json(), users.headers["x-view"])
        assert "UserAPIView" == (await client.get("/v1/api/users/health")).json()
        assert 403 == (await client.get("/v1/api/users/deny")).status_code
        created = await client.post("/v1/api/users/create", json={"name": "a", "email": "b"})
        assert (202, b"") == (created.status_code, created.content)
        async with client.ws("/v1/api/users/ws/7") as socket:
            assert {"id": 7} == await socket.receive_json()


@pytest.mark.parametrize("router", [Router, App, ChildRouter], ids=["Router", "Application", "ChildRouter"])
async def test_every_level_says_everything(router):
    """An application with each of its parameters, as the reference lists them."""

    @get("/")
    async def read(db: str = Injects()) -> str:
        return db

    database = Database()
    app = router(
        path="/p",
        routes=[Include("/in", routes=[Gateway("/g", handler=read, name="read")], name="in")],
        name="root",
        on_startup=[database.connect],
        on_shutdown=[database.disconnect],
        redirect_slashes=True,
        dependencies={"db": Inject(lambda: "db")},
        interceptors=[],
        permissions=[IsAuthenticated],
        exception_handlers={},
        middleware=[],
        response_class=PlainTextResponse,
        response_cookies=[Cookie("a", "b")],
        response_headers={"x-a": ResponseHeader("b")},
        tags=["a"],
        deprecated=False,
        security=[{"oauth2": ["read"]}],
    )
    found = await answer(app, "GET", "/p/in/g", headers={"authorization": "x"})
    assert (200, "db", "b", "b") == (found.status_code, found.text, found.headers["x-a"], found.cookies["a"])
    assert "/p/in/g" == app.path_for("in:read")
