"""Documents of declared routes."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, NoReturn, NotRequired, TypedDict

import pydantic
import pytest
from msgspec import Meta, Struct
from openapi_spec_validator import validate

import heaven
from heaven import App, NotFound, Upload
from heaven.errors import RegistrationError
from heaven_contrib.openapi import OpenAPI, OpenAPIResponse, Problem, describe
from heaven_contrib.routing import (
    APIView,
    Application,
    BasePermission,
    Cookie,
    EventStreamResponse,
    Gateway,
    Host,
    HTMLResponse,
    Include,
    Inject,
    Injects,
    JSONResponse,
    RedirectResponse,
    Response,
    ResponseHeader,
    Router,
    StreamingResponse,
    WebhookGateway,
    WebSocketGateway,
    delete,
    get,
    head,
    params,
    post,
    put,
    route,
    websocket,
)

KEY = {"key": {"type": "http", "scheme": "bearer"}, "oauth2": {"type": "oauth2", "flows": {}}}
ERROR = {name: {"$ref": f"#/components/responses/{name}"} for name in ("BadRequest", "NotFound", "Forbidden")}


class User(Struct):
    """Somebody."""

    name: str
    born: date | None = None


class Model(pydantic.BaseModel):
    size: int


class Sizes(Enum):
    S = "s"
    L = "l"


def document_of(*routes: Any, **levels: Any) -> dict[str, Any]:
    document = OpenAPI(security_schemes=KEY).document(Router(routes=list(routes), **levels))
    validate(document)
    return document


def operation_of(handler: Any, *, path: str = "/a", **levels: Any) -> dict[str, Any]:
    ((item),) = document_of(Gateway(path, handler=handler, **levels))["paths"].values()
    ((operation),) = item.values()
    return operation


def parameters_of(handler: Any, *, path: str = "/a") -> dict[str, Any]:
    return {each["name"]: each for each in operation_of(handler, path=path).get("parameters", ())}


def content_of(operation: dict[str, Any], status: str = "200") -> dict[str, Any]:
    return {kind: each["schema"] for kind, each in operation["responses"][status].get("content", {}).items()}


# Parameters


def test_parameters_say_where_they_come_from():
    """Path, query, header and cookie, with types, defaults and what their markers say."""

    @get("/{id:int}/{slug}")
    async def read(
        id: int,  # noqa: A002
        page: Annotated[int, Meta(ge=1)],
        tags: list[str] = [],  # noqa: B006
        size: Sizes = Sizes.S,
        on: date | None = None,
        at: datetime | None = None,
        x_token: str = params.Header(min_length=3, title="Token", description="A *token*.", examples=["abc"]),
        theme: str = params.Cookie("dark", deprecated=True),
        old: int = params.Query(1, alias="o", ge=0),
        secret: int = params.Query(1, include_in_schema=False),
    ) -> None: ...

    found = parameters_of(read)
    assert [("id", "path"), ("slug", "path"), ("page", "query"), ("tags", "query"), ("size", "query")] + [
        ("on", "query"),
        ("at", "query"),
        ("x-token", "header"),
        ("theme", "cookie"),
        ("o", "query"),
    ] == [(each["name"], each["in"]) for each in found.values()]
    assert {"id", "slug", "page", "x-token"} == {name for name, each in found.items() if each["required"]}
    assert {
        "id": {"type": "integer"},
        "slug": {"type": "string", "minLength": 1},
        "page": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        "size": {"$ref": "#/components/schemas/Sizes", "default": "s"},
        "on": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "x-token": {"type": "string", "minLength": 3, "title": "Token", "examples": ["abc"]},
        "theme": {"type": "string", "default": "dark"},
        "o": {"type": "integer", "minimum": 0, "default": 1},
    } == {name: each["schema"] for name, each in found.items()}
    assert ("A *token*.", True) == (found["x-token"]["description"], found["theme"]["deprecated"])


def test_a_default_that_does_not_fit_is_left_out():
    """A default is told where it is a value of its type, so that the document stays valid."""

    @get("/")
    async def read(page: int = None, size: Sizes = "s", far: float = float("inf"), last: int = "none") -> None: ...

    assert {
        "page": {"type": "integer"},
        "size": {"$ref": "#/components/schemas/Sizes", "default": "s"},
        "far": {"type": "number"},
        "last": {"type": "integer"},
    } == {name: each["schema"] for name, each in parameters_of(read).items()}


def test_names_of_a_query_differ_by_case():
    """`page` and `Page` are two parameters of a query, and one header."""

    @get("/")
    async def read(page: int = 1, other: int = params.Query(1, alias="Page"), x_a: int = params.Header(1)) -> None: ...

    assert ["page", "Page", "x-a"] == list(parameters_of(read))


def test_parameters_of_includes_are_there():
    """Whether the handler asks for them or not."""

    @get("/{id:uuid}")
    async def read() -> None: ...

    item = document_of(Include("/{tenant}", routes=[Gateway("/b", handler=read)]))["paths"]["/{tenant}/b/{id}"]
    assert ["tenant", "id"] == [each["name"] for each in item["get"]["parameters"]]


def test_what_dependencies_read_is_there():
    """Each once, whoever asks for it; what a dependency gives is no parameter."""

    async def paging(page: int = 1, x_key: str = params.Header()) -> int: ...

    async def user(paged: int = Injects(), page: int = 1) -> str: ...

    @get(dependencies={"paged": Inject(paging), "user": Inject(user)})
    async def read(user: str, paged: int, q: str = "") -> None: ...

    assert ["q", "page", "x-key"] == sorted(parameters_of(read), key=["q", "page", "x-key"].index)


def test_what_one_of_several_readers_needs_is_required():
    """A header that the handler can do without is required where a dependency is not served without it."""

    def number(x_token: int = params.Header()) -> int:
        return x_token

    @get(dependencies={"token": number})
    async def read(token: int, x_token: str | None = params.Header(None)) -> None: ...

    found = parameters_of(read)["x-token"]
    assert (True, {"type": "integer"}) == (found["required"], found["schema"])


def test_a_handler_that_never_returns_has_no_body():
    """One that always raises says so by its annotation."""

    @get()
    async def leave() -> NoReturn:
        raise NotFound

    assert {"description": "OK"} == operation_of(leave)["responses"]["200"]


def test_headers_that_are_said_elsewhere_are_left_out():
    """OpenAPI has other words for Accept, Content-Type and Authorization."""

    @get()
    async def read(
        accept: str = params.Header(""), authorization: str = params.Header(""), x_a: str = params.Header("")
    ) -> None: ...

    assert ["x-a"] == list(parameters_of(read))


def test_a_parameter_of_the_host_is_one_of_the_server():
    """It is none of the path."""

    @get("/{id}")
    async def read(tenant: str, id: str) -> None: ...  # noqa: A002

    document = document_of(Host("{tenant}.shop.test", routes=[Gateway(handler=read)]))
    operation = document["paths"]["/{id}"]["get"]
    assert ["id"] == [each["name"] for each in operation["parameters"]]
    assert [{"url": "//{tenant}.shop.test", "variables": {"tenant": {"default": "tenant"}}}] == operation["servers"]


# Bodies


class Photo(Struct, rename="camel"):
    photo_title: str
    image: Upload
    others: list[Upload] = []


@dataclasses.dataclass
class Scan:
    page: Upload | None = None


class Paper(TypedDict, total=False):
    page: Annotated[Upload, "the page"]


FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
USER = {"$ref": "#/components/schemas/User"}
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
FILES = {"type": "object", "additionalProperties": FILE}


@pytest.mark.parametrize(
    ("annotation", "default", "content"),
    [
        (User, ..., {"application/json": USER}),
        (Model, ..., {"application/json": {"$ref": "#/components/schemas/Model"}}),
        (list[User], ..., {"application/json": {"type": "array", "items": USER}}),
        (dict[str, int], ..., {"application/json": {"type": "object", "additionalProperties": {"type": "integer"}}}),
        (User, params.Body(media_type="application/user+json"), {"application/user+json": USER}),
        (dict, ..., dict.fromkeys(("application/json", URLENCODED, MULTIPART), {"type": "object"})),
        (Any, ..., {"*/*": {}}),
        (str, ..., {"text/plain": {"type": "string"}}),
        (bytes, ..., {"application/octet-stream": {}}),
        (bytes, params.Body(media_type="image/png"), {"image/png": {}}),
        (User, params.Form(), {URLENCODED: USER, MULTIPART: USER}),
        (User, params.Form(media_type=URLENCODED), {URLENCODED: USER}),
        (User, params.Body(media_type=MULTIPART), {MULTIPART: USER}),
        (Upload, ..., {MULTIPART: FILES}),
        (list[Upload], params.File(), {MULTIPART: FILES}),
        (dict[str, Upload], params.File(), {MULTIPART: FILES}),
        (
            dict[str, list[Upload]],
            ...,
            {MULTIPART: {**FILES, "additionalProperties": {"type": "array", "items": FILE}}},
        ),
        (
            Photo,
            params.Form(),
            {
                MULTIPART: {
                    "type": "object",
                    "properties": {
                        "photoTitle": {"type": "string"},
                        "image": FILE,
                        "others": {"type": "array", "items": FILE},
                    },
                    "required": ["photoTitle", "image"],
                }
            },
        ),
        (
            Scan,
            params.Form(),
            {MULTIPART: {"type": "object", "properties": {"page": {"anyOf": [FILE, {"type": "null"}]}}}},
        ),
        (Paper, params.File(), {MULTIPART: {"type": "object", "properties": {"page": FILE}}}),
    ],
    ids=str,
)
def test_a_body_has_its_media_types(annotation, default, content):
    """JSON, or what the annotation and the marker come to."""

    async def write(data) -> None: ...

    write.__annotations__["data"] = annotation
    if default is not ...:
        write.__defaults__ = (default,)
    body = operation_of(post()(write))["requestBody"]
    assert content == {kind: each["schema"] for kind, each in body["content"].items()}
    assert body["required"]


def test_a_body_may_be_left_out():
    """One with a default is not required, and its marker describes it."""

    @post()
    async def write(data: User | None = params.Body(None, description="Who.")) -> None: ...  # noqa: B008

    body = operation_of(write)["requestBody"]
    assert (False, "Who.") == (body["required"], body["description"])


@pytest.mark.parametrize(("has_file", "kind"), [(False, URLENCODED), (True, MULTIPART)])
def test_fields_of_a_form_are_one_object(has_file, kind):
    """Declared one by one, they are the properties of the body."""

    if has_file:

        @post()
        async def write(name: str = params.Form(description="Who."), scan: Upload = params.File()) -> None: ...  # noqa: B008

    else:

        @post()
        async def write(name: str = params.Form(description="Who."), age: int = params.Form(1)) -> None: ...

    body = operation_of(write)["requestBody"]
    ((found, said),) = body["content"].items()
    assert (kind, {"type": "string", "description": "Who."}) == (found, said["schema"]["properties"]["name"])
    assert (FILE if has_file else {"type": "integer", "default": 1}) == [*said["schema"]["properties"].values()][1]
    assert ((["name", "scan"] if has_file else ["name"]), True) == (said["schema"]["required"], body["required"])


class Sent(TypedDict):
    scan: NotRequired[Upload]
    pages: Annotated[NotRequired[list[Upload]], Meta(max_length=2)]
    title: Annotated[str, Meta(min_length=2)]


@dataclasses.dataclass
class Filed:
    scan: Upload
    title: str = ""
    number: int = dataclasses.field(init=False, default=0)


class ScanModel(pydantic.BaseModel):
    scan: pydantic.InstanceOf[Upload] = pydantic.Field(alias="Scan")
    title: str = pydantic.Field("", validation_alias=pydantic.AliasChoices("Title", "Name"))


@pytest.mark.parametrize(
    ("kind", "properties", "required"),
    [
        (
            Sent,
            {
                "scan": FILE,
                "pages": {"type": "array", "items": FILE, "maxItems": 2},
                "title": {"type": "string", "minLength": 2},
            },
            ["title"],
        ),
        (Filed, {"scan": FILE, "title": {"type": "string"}}, ["scan"]),
        (ScanModel, {"Scan": FILE, "Title": {"type": "string"}}, ["Scan"]),
    ],
)
def test_fields_of_a_class_with_files_are_those_that_are_read(kind, properties, required):
    """They have the names they have in a form, with their limits; what is never read is not there."""

    async def write(data=params.Form()) -> None: ...  # noqa: B008

    write.__annotations__["data"] = kind
    schema = operation_of(post()(write))["requestBody"]["content"][MULTIPART]["schema"]
    assert {"type": "object", "properties": properties, "required": required} == schema


def test_a_form_of_options_may_be_left_out():
    """Where no field is required, the body is not."""

    @post()
    async def write(age: int = params.Form(1, media_type=MULTIPART)) -> None: ...

    body = operation_of(write)["requestBody"]
    assert (False, [MULTIPART]) == (body["required"], list(body["content"]))
    assert "required" not in body["content"][MULTIPART]["schema"]


# Answers


class Framed(Response):
    media_type = "text/framed"


@pytest.mark.parametrize(
    ("returns", "given", "status", "content"),
    [
        (User, {}, "200", {"application/json": USER}),
        (User | None, {}, "200", {"application/json": USER}),
        (User | Response, {}, "200", {"application/json": USER}),
        (int | str, {}, "200", {"application/json": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}),
        (Model, {"status_code": 202}, "202", {"application/json": {"$ref": "#/components/schemas/Model"}}),
        (Any, {}, "200", {"application/json": {}}),
        (str, {"media_type": "text/html"}, "200", {"text/html": {"type": "string"}}),
        (None, {}, "200", {}),
        (..., {}, "200", {}),
        (bytes, {}, "200", {"application/octet-stream": {}}),
        (AsyncIterator[str], {"media_type": "text/csv"}, "200", {"text/csv": {}}),
        (AsyncIterator[bytes], {}, "200", {"application/octet-stream": {}}),
        (HTMLResponse, {}, "200", {"text/html": {}}),
        (JSONResponse, {}, "200", {"application/json": {}}),
        (Framed, {}, "200", {"text/framed": {}}),
        (Response, {}, "200", {}),
        (Response, {"media_type": "text/css"}, "200", {"text/css": {}}),
        (heaven.Response, {}, "200", {}),
        (EventStreamResponse, {}, "200", {"text/event-stream": {}}),
        (StreamingResponse, {}, "200", {"application/octet-stream": {}}),
        (StreamingResponse, {"media_type": "text/csv"}, "200", {"text/csv": {}}),
        (Framed, {"media_type": "text/css"}, "200", {"text/framed": {}}),
        (User | Framed, {}, "200", {"text/framed": USER}),
        (str, {"response_class": HTMLResponse}, "200", {"text/html": {"type": "string"}}),
        (str, {"response_class": HTMLResponse, "media_type": "text/css"}, "200", {"text/css": {"type": "string"}}),
        (JSONResponse, {"response_class": HTMLResponse}, "200", {"application/json": {}}),
        (AsyncIterator[str], {"response_class": EventStreamResponse}, "200", {"text/event-stream": {}}),
        (str, {"response_class": RedirectResponse}, "307", {}),
        (RedirectResponse, {}, "307", {}),
        (RedirectResponse, {"status_code": 303}, "303", {}),
    ],
    ids=str,
)
def test_an_answer_is_what_is_returned(returns, given, status, content):
    """Status and media type follow from the annotation as they do when it is sent."""

    async def read(): ...

    if returns is not ...:
        read.__annotations__["return"] = returns
    operation = operation_of(get(**given)(read))
    assert [status, "500"] == list(operation["responses"])
    assert content == content_of(operation, status)


def test_methods_have_their_status():
    """POST 201, DELETE 204, and HEAD without a body."""

    @post("/a")
    async def make() -> User: ...

    @delete("/b")
    async def remove() -> None: ...

    @head("/c")
    async def look() -> User: ...

    paths = document_of(make, remove, look)["paths"]
    operations = [operation for item in paths.values() for operation in item.values()]
    assert [("201", True), ("204", False), ("200", False)] == [
        (status, "content" in operation["responses"][status])
        for operation, status in zip(operations, ("201", "204", "200"), strict=True)
    ]


def test_other_answers_are_there():
    """As `describe` has them: a type, a response, a sentence or None."""

    @get(responses={404: Problem, 409: "It was sold.", 304: None, 200: OpenAPIResponse(int, "A number.")})
    async def read() -> User: ...

    responses = operation_of(read)["responses"]
    assert ["200", "304", "404", "409", "500"] == list(responses)
    assert ("A number.", "It was sold.") == (responses["200"]["description"], responses["409"]["description"])
    assert ["application/problem+json"] == list(responses["404"]["content"])


def test_headers_and_cookies_of_levels_are_there():
    """On the answer of the handler, inner ones over outer ones."""

    @get(response_headers={"x-b": ResponseHeader("2", description="B.", deprecated=True)})
    async def read() -> User: ...

    cookies = [Cookie("theme", "dark", description="Dark or light."), Cookie("a", "b")]
    operation = operation_of(read, response_headers={"x-a": ResponseHeader("1")}, response_cookies=cookies)
    text = {"schema": {"type": "string"}}
    assert {
        "x-a": text,
        "x-b": {"description": "B.", "deprecated": True, **text},
        "Set-Cookie": {"description": "`theme`: Dark or light.; `a`: a cookie", **text},
    } == operation["responses"]["200"]["headers"]


# Errors


class Staff(BasePermission):
    def has_permission(self, request, apiview):
        return True


def _errors(function, **given):
    verb = given.pop("verb", get)
    operation = operation_of(verb(given.pop("path", "/"), **given)(function))
    return {int(status) for status in operation["responses"]} - {200, 201}


async def nothing() -> None: ...
async def free(q: str = "", h: str | None = params.Header(None)) -> None: ...
async def typed(page: int = 1) -> None: ...
async def needed(x_a: str = params.Header()) -> None: ...
async def by_id(id: int) -> None: ...  # noqa: A002
async def by_text(id: str) -> None: ...  # noqa: A002
async def limited(id: Annotated[int, Meta(ge=1)]) -> None: ...  # noqa: A002
async def takes_json(data: User) -> None: ...
async def takes_bytes(data: bytes) -> None: ...
async def takes_anything(data: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "given", "errors"),
    [
        (nothing, {}, {500}),
        (nothing, {"permissions": [Staff]}, {403, 500}),
        (nothing, {"verb": post}, {413, 500}),
        (nothing, {"path": "/{id:int}"}, {404, 500}),
        (nothing, {"path": "/{id}"}, {500}),
        (free, {}, {400, 500}),
        (typed, {}, {400, 422, 500}),
        (needed, {}, {422, 500}),
        (by_id, {"path": "/{id:int}"}, {404, 500}),
        (by_id, {"path": "/{id}"}, {422, 500}),
        (by_text, {"path": "/{id}"}, {500}),
        (limited, {"path": "/{id:int}"}, {404, 422, 500}),
        (takes_json, {"verb": put}, {400, 413, 415, 422, 500}),
        (takes_json, {"verb": delete}, {204, 400, 413, 415, 422, 500}),
        (takes_bytes, {"verb": put}, {413, 422, 500}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_error_is_there_where_it_can_happen(function, given, errors):
    """A permission refuses with 403, a converter misses with 404, a body has 400, 413, 415, and values 422."""
    assert errors == _errors(function, **given)


def test_a_deadline_is_there():
    """With a timeout, 503 can happen."""
    app = Router(routes=[Gateway("/a", handler=get()(nothing))], timeout=1.0)
    assert {"200", "500", "503"} == set(OpenAPI().document(app)["paths"]["/a"]["get"]["responses"])


def test_an_exception_handler_replaces_the_problem():
    """What a level's handler answers with is not promised to be a problem document."""

    def sorry(request, error):
        return {"sorry": True}

    operation = operation_of(get()(typed), exception_handlers={422: sorry})
    assert {"description": "Values of the request can't be accepted."} == operation["responses"]["422"]
    assert ERROR["BadRequest"] == operation["responses"]["400"]


# Levels


def test_levels_come_together():
    """Tags and security from outer to inner, without duplicates; one level that says so is enough for the others."""

    @get(tags=["c", "a"], security=["key", {"oauth2": ["read"]}])
    async def read() -> None: ...

    @get("/hidden")
    async def hidden() -> None: ...

    document = document_of(
        Include(
            "/v1",
            tags=["b"],
            deprecated=True,
            routes=[Gateway("/x", handler=read), Gateway("/y", handler=hidden, include_in_schema=False)],
        ),
        Include("/v2", include_in_schema=False, routes=[Gateway("/x", handler=read)]),
        Gateway("/z", handler=read),
        tags=["a"],
        security=["key"],
    )
    assert ["/v1/x", "/z"] == list(document["paths"])
    operation = document["paths"]["/v1/x"]["get"]
    assert (["a", "b", "c"], True, [{"key": []}, {"oauth2": ["read"]}]) == tuple(
        operation[each] for each in ("tags", "deprecated", "security")
    )
    assert [{"name": "a"}, {"name": "b"}, {"name": "c"}] == document["tags"]
    assert "deprecated" not in document["paths"]["/z"]["get"]


def test_levels_count_for_core_routes():
    """A route of the core below levels has what they say, before what it says itself."""

    @describe(tags=["b", "a"], security=["key", "oauth2"], responses={200: OpenAPIResponse(int, headers={"x-b": "B."})})
    async def plain(req, res, ctx): ...

    async def bare(req, res, ctx): ...

    child, hidden = App(), App()
    child.GET("/b", plain)
    child.GET("/c", bare)
    hidden.GET("/d", bare)
    document = document_of(
        Include("/a", app=child, tags=["c"], deprecated=True, permissions=[Staff]),
        Include("/h", app=hidden, include_in_schema=False),
        tags=["a"],
        security=["key"],
        response_headers={"x-a": ResponseHeader("1")},
        response_cookies=[Cookie("theme", "dark")],
    )
    assert ["/a/b", "/a/c"] == list(document["paths"])
    found = document["paths"]["/a/b"]["get"]
    assert (["a", "c", "b"], [{"key": []}, {"oauth2": []}], True) == tuple(
        found[each] for each in ("tags", "security", "deprecated")
    )
    assert ["200", "403", "500"] == list(found["responses"])
    assert ["x-a", "Set-Cookie", "x-b"] == list(found["responses"]["200"]["headers"])


def test_words_are_the_handlers():
    """Summary and description, else the function's name and docstring."""

    @get("/a", summary="S", description="D")
    async def said() -> None: ...

    @get("/b")
    async def read_it() -> None:
        """Read."""

    paths = document_of(said, read_it)["paths"]
    assert [("S", "D"), ("Read it", "Read.")] == [
        (item["get"]["summary"], item["get"]["description"]) for item in paths.values()
    ]


def test_identifiers_include_the_prefix_and_are_unique():
    """A handler that is mounted twice has two, and so has one with several methods."""

    @get()
    async def read() -> None: ...

    @route("/x", methods=["PUT", "PATCH"], operation_id="change")
    async def change() -> None: ...

    document = document_of(
        Include(
            "/v1", name="v1", routes=[Gateway("/a", handler=read), Gateway("/b", handler=read, operation_id="only")]
        ),
        Include("/v2", routes=[Gateway("/a", handler=read), change]),
    )
    assert ["read_v1_a_get", "only", "read_v2_a_get", "change_v2_x_put", "change_v2_x_patch"] == [
        operation["operationId"] for item in document["paths"].values() for operation in item.values()
    ]


class Users(APIView):
    path = "/users"
    tags = ["users"]

    @get("/", name="all")
    async def every(self) -> list[User]:
        """Everybody."""

    @post("/")
    async def make(self, data: User) -> User: ...


def test_views_applications_and_core_routes_are_there():
    """In one document, wherever they are mounted; WebSockets are in none."""

    @websocket()
    async def talk(socket: heaven.WebSocket) -> None: ...

    async def plain(req, res, ctx): ...

    child = Application(routes=[Users])
    child.GET("/plain/:id:int", plain)
    router = Router(
        "/r", routes=[Include("/child", app=child, name="child"), WebSocketGateway("/talk", handler=talk), Users]
    )
    root = App()
    root.mount(router, "/v2")
    document = OpenAPI().document(root)
    validate(document)
    assert {
        "/v2/r/users": ["get", "post"],
        "/v2/r/child/users": ["get", "post"],
        "/v2/r/child/plain/{id}": ["get"],
    } == {path: sorted(item) for path, item in document["paths"].items()}
    assert ["users"] == document["paths"]["/v2/r/users"]["get"]["tags"]


# Webhooks


def test_webhooks_are_there():
    """What is sent and answered, with tags and identifiers; no error of ours."""

    @post(tags=["a"], responses={410: "Stop."})
    async def shipped(data: User, x_signature: str = params.Header()) -> None:
        """An order was shipped."""

    @put()
    async def asked(data: User) -> User: ...

    child = Application(routes=[WebhookGateway(handler=asked)])
    hidden = WebhookGateway("hidden", handler=shipped, include_in_schema=False)
    hook = WebhookGateway("order-shipped", handler=shipped, tags=["b"], deprecated=True, security=["key"])
    document = document_of(hook, hidden, Include("/child", app=child))
    assert ["order-shipped", "asked"] == list(document["webhooks"])
    found = document["webhooks"]["order-shipped"]["post"]
    assert ("Shipped", "An order was shipped.", "order_shipped_post", ["b", "a"], True, ["201", "410"]) == (
        *(found[each] for each in ("summary", "description", "operationId", "tags", "deprecated")),
        list(found["responses"]),
    )
    assert {"application/json": {"schema": USER}} == found["requestBody"]["content"]
    assert ["x-signature"] == [each["name"] for each in found["parameters"]]
    answer = document["webhooks"]["asked"]["put"]["responses"]["200"]
    assert {"application/json": {"schema": USER}} == answer["content"]


def test_levels_count_for_webhooks():
    """Tags and `deprecated` come from all levels, what one leaves out is left out; security is the webhook's own."""

    @post(tags=["handler"])
    async def sent(data: User) -> None: ...

    def routes(name: str) -> list[WebhookGateway]:
        return [WebhookGateway(name, handler=sent, tags=["own"])]

    webhooks = document_of(
        Include("/a", routes=[Include("/b", routes=routes("inner"), deprecated=True)], tags=["include"]),
        Include("/child", app=Application(routes=routes("child"), tags=["child"]), tags=["mount"]),
        Include("/hidden", routes=routes("hidden"), include_in_schema=False),
        Include("/hidden", app=Router(routes=routes("hidden too")), include_in_schema=False),
        Router("/more", routes=routes("hidden as well"), include_in_schema=False),
        tags=["router"],
        security=["key"],
    )["webhooks"]
    assert {
        "inner": (["router", "include", "own", "handler"], True),
        "child": (["router", "mount", "child", "own", "handler"], None),
    } == {name: (each["post"]["tags"], each["post"].get("deprecated")) for name, each in webhooks.items()}
    assert not any("security" in each["post"] for each in webhooks.values())


def test_a_type_without_schema_is_named():
    """The message has the route with its place."""

    @get()
    async def read() -> Literal[1.5]: ...  # type: ignore[valid-type]

    with pytest.raises(RegistrationError, match=r"no schema for .* of GET /a at .*test_openapi_declared.py:\d+: "):
        operation_of(read)
