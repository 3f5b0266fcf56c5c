"""Documents of core routes."""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

import pytest
from msgspec import Struct
from openapi_spec_validator import validate

from heaven import App, BadRequest, Router
from heaven.errors import RegistrationError
from heaven_contrib.openapi import OpenAPI, OpenAPIResponse, describe
from openapi_shop import Kept, Order, make_shop


def document_of(app, **settings):
    return OpenAPI(**settings).document(app)


@pytest.fixture
def shop():
    return OpenAPI(security_schemes={"key": {"type": "http", "scheme": "bearer"}}).document(make_shop())


async def answer(req, res, ctx):
    """Say *hello*."""


def operation(app, path="/a", method="get", **settings):
    return document_of(app, **settings)["paths"][path][method]


def test_it_passes_a_validator(shop):
    """The document is one of OpenAPI 3.1."""
    validate(shop)


def test_every_route_is_there(shop):
    """In the order they were written down; what OpenAPI has no words for, and the documentation itself, is not."""
    everything = ["get", "post", "put", "patch", "delete", "options", "trace"]
    assert {
        "/orders": ["get", "post"],
        "/orders/{id}": ["get"],
        "/orders/{id}/picture": ["post"],
        "/echo/{path}": sorted(everything),
        "/stock/products/{id}": ["get"],
    } == {path: sorted(item) for path, item in shop["paths"].items()}
    assert ["/orders", "/orders/{id}", "/orders/{id}/picture", "/echo/{path}", "/stock/products/{id}"] == list(
        shop["paths"]
    )


def test_an_operation_says_what_is_known(shop):
    """Summary, description, identifier, tags, security of a hook, body and answers."""
    reference = "#/components/responses/"
    assert {
        "summary": "Create order",
        "description": "Take an order.",
        "operationId": "create_order_orders_post",
        "tags": ["orders"],
        "security": [{"key": []}],
        "requestBody": {
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
            "required": True,
        },
        "responses": {
            "201": {
                "description": "Created",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Kept"}}},
            },
            "400": {"$ref": reference + "BadRequest"},
            "401": {
                "description": "Unauthorized",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
            "409": {
                "description": "Conflict",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
            "413": {"$ref": reference + "ContentTooLarge"},
            "415": {"$ref": reference + "UnsupportedMediaType"},
            "422": {"$ref": reference + "UnprocessableContent"},
            "500": {"$ref": reference + "InternalServerError"},
        },
    } == shop["paths"]["/orders"]["post"]


def test_parameters_have_types(shop):
    """Those of the path are required, those of the query are not."""
    assert [
        {"name": "page", "in": "query", "required": False, "schema": {"type": "integer"}},
        {"name": "status", "in": "query", "required": False, "schema": {"type": "string", "minLength": 1}},
    ] == shop["paths"]["/orders"]["get"]["parameters"]
    assert [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}] == shop[
        "paths"
    ]["/stock/products/{id}"]["get"]["parameters"]


def test_a_streamed_body_is_as_it_is_described(shop):
    """Without `expects=`, what comes is said with `describe`."""
    body = shop["paths"]["/orders/{id}/picture"]["post"]["requestBody"]
    assert ["multipart/form-data"] == list(body["content"])


def test_a_streamed_body_is_anything():
    """Where nobody says what comes, it may be anything, and nothing."""
    app = App()
    app.POST("/a", answer, stream=True)
    assert {"content": {"*/*": {"schema": {}}}, "required": False} == operation(app, method="post")["requestBody"]


def test_components_are_sorted_and_used(shop):
    """Only what is named is there."""
    assert ["Fault", "Kept", "Line", "Order", "Problem", "ValidationProblem"] == list(shop["components"]["schemas"])
    assert {"type", "title", "status", "errors"} == set(shop["components"]["schemas"]["ValidationProblem"]["required"])


# Which errors there are


@pytest.mark.parametrize(
    ("method", "url", "options", "errors"),
    [
        ("GET", "/a", {}, {500}),
        ("GET", "/a?page:int", {}, {400, 422, 500}),
        ("GET", "/a/:b", {}, {500}),
        ("GET", "/a/:b:int", {}, {404, 500}),
        ("GET", "/a", {"timeout": 1.0}, {500, 503}),
        ("GET", "/a", {"max_body_size": 10}, {500}),
        ("POST", "/a", {}, {413, 500}),
        ("POST", "/a", {"max_body_size": None}, {500}),
        ("POST", "/a", {"stream": True}, {500}),
        ("POST", "/a", {"stream": True, "max_body_size": 10}, {413, 500}),
        ("DELETE", "/a", {}, {500}),
        ("DELETE", "/a", {"expects": Order}, {400, 413, 415, 422, 500}),
        ("PUT", "/a", {"expects": Order, "max_body_size": None}, {400, 415, 422, 500}),
    ],
)
def test_an_error_is_there_where_it_can_happen(method, url, options, errors):
    """A status stands in the document of a route that can answer with it before, or after, its handler."""
    app = App()
    getattr(app, method)(url, answer, **options)
    (item,) = document_of(app)["paths"].values()
    assert {200, *errors} == set(map(int, item[method.lower()]["responses"]))


async def rescued(req, res, ctx, error):
    return {"no": True}


class Sorry(Struct):
    no: bool


@pytest.mark.parametrize("event", [422, Exception, 500], ids=str)
def test_an_answer_of_an_error_handler_is_not_a_problem(event):
    """Where `ON` puts another body in the place of the problem document, the document promises none."""
    app = App()
    app.ON(event, rescued)
    app.POST("/a", answer, expects=Order)
    responses = operation(app, method="post")["responses"]
    replaced = "422" if event == 422 else "500"
    assert {"description"} == set(responses[replaced])
    assert {"$ref": "#/components/responses/BadRequest"} == responses["400"]


def test_an_error_handler_is_described():
    """What `describe` says of a handler of errors stands in the place of the problem document."""
    app, child = App(), Router()
    app.ON(BadRequest, describe(responses={400: OpenAPIResponse(Sorry, "Try again.")})(partial(rescued)))
    child.POST("/", answer, expects=Order)
    app.mount(child, "/a")
    said = operation(app, method="post")["responses"]["400"]
    assert ("Try again.", {"application/json": {"schema": {"$ref": "#/components/schemas/Sorry"}}}) == (
        said["description"],
        said["content"],
    )


def test_what_is_described_wins():
    """A response that a handler or a hook says is there once, as it was said."""
    app = App()

    @describe(responses={500: "Never.", 200: OpenAPIResponse(int, headers={"x-a": "An *a*."})})
    async def sure(req, res, ctx): ...

    app.GET("/a", sure, returns=str)
    responses = operation(app)["responses"]
    assert {"description": "Never."} == responses["500"]
    assert {"x-a": {"description": "An *a*.", "schema": {"type": "string"}}} == responses["200"]["headers"]
    assert {"application/json": {"schema": {"type": "integer"}}} == responses["200"]["content"]


# What is left out


def test_head_follows_get():
    """HEAD comes with GET and is not told of; one that was written down is."""
    app = App()
    app.GET("/a", answer)
    app.HEAD("/b", answer)
    paths = document_of(app)["paths"]
    assert {"/a": ["get"], "/b": ["head"]} == {path: list(item) for path, item in paths.items()}


def test_files_sockets_and_foreign_applications_are_left_out(tmp_path):
    """They are no operations, nor are methods that OpenAPI 3.1 has no field for."""

    async def foreign(scope, receive, send): ...

    app = App()
    app.ASSETS(tmp_path, "/static")
    app.mount(foreign, "/foreign")
    app.WS("/talk", answer)
    app.QUERY("/query", answer)
    app.CONNECT("/connect", answer)
    assert {} == document_of(app)["paths"]


def test_routes_are_excluded():
    """By a pattern, as hooks have them, or by what `describe` says."""
    app = App()
    for url in ("/a", "/internal", "/internal/b", "/c/:id:int"):
        app.GET(url, answer)
    app.GET("/d", describe(include_in_schema=False)(partial(answer)))
    assert ["/a"] == list(document_of(app, exclude=["/internal/*", "/c/:any"])["paths"])


def test_of_two_that_are_one_to_openapi_the_first_is_there(caplog):
    """OpenAPI has one operation for a template and method; whoever is left out is told of, with its place."""
    app = App()
    app.GET("/a/:id:int", answer)
    app.POST("/a/:key", answer)
    app.GET("/a/:name", rescued_by_name)
    with caplog.at_level(logging.WARNING, "heaven.openapi"):
        item = document_of(app)["paths"]["/a/{id}"]
    assert ["answer_a_id_get", "answer_a_id_post"] == [item[each]["operationId"] for each in ("get", "post")]
    (record,) = caplog.messages
    assert record.startswith("GET /a/:name at ")
    assert __file__ in record


async def rescued_by_name(req, res, ctx): ...


# Names and words


def test_a_handler_that_is_mounted_twice_has_two_identifiers():
    """The prefix is part of them."""
    app = App()
    for prefix in ("/v1", "/v2"):
        child = Router()
        child.GET("/a", describe(operation_id="read")(partial(answer)))
        app.mount(child, prefix)
    paths = document_of(app)["paths"]
    assert ["read_v1_a_get", "read_v2_a_get"] == [item["get"]["operationId"] for item in paths.values()]


class Greeter:
    """Greets."""

    async def __call__(self, req, res, ctx): ...


async def documented(req, res, ctx):
    """Words."""


@pytest.mark.parametrize(
    ("handler", "summary", "description"),
    [
        (documented, "Documented", "Words."),
        (partial(documented), "Documented", "Words."),
        (Greeter(), "Greeter", None),
        (lambda req, res, ctx: None, "Lambda", None),
    ],
    ids=["function", "partial", "object", "lambda"],
)
def test_a_handler_is_described_by_its_own_words(handler, summary, description):
    """The docstring is the function's; that of an object's class is about the class."""
    app = App()
    app.GET("/a", handler)
    found = operation(app)
    assert (summary, description) == (found["summary"], found.get("description"))


def test_what_describe_says_is_there():
    """Summary, description, tags, `deprecated` and identifier, and the tags of the document in order of use."""
    app = App()
    words = {"summary": "S", "description": "D", "tags": ["t", "u"], "deprecated": True, "operation_id": "o"}
    app.GET("/a", describe(**words)(partial(answer)))
    document = document_of(app, tags={"z": "Last."})
    found = document["paths"]["/a"]["get"]
    assert ("S", "D", ["t", "u"], True, "o") == tuple(
        found[each] for each in ("summary", "description", "tags", "deprecated", "operationId")
    )
    assert [{"name": "z", "description": "Last."}, {"name": "t"}, {"name": "u"}] == document["tags"]


def test_a_scheme_that_nobody_described_is_named():
    """A route that asks for an unknown security scheme fails, with the route and what would do."""
    app = App()
    app.GET("/a", describe(security=["key"])(partial(answer)))
    with pytest.raises(RegistrationError, match=r"GET /a at .*test_openapi_core.py:\d+ asks for .*'key'.* has none; "):
        document_of(app)


def test_hosts_are_servers():
    """A route of a subdomain, or of a host, says where it is found."""
    app, child = App(domain="shop.co.uk"), Router()
    app.GET("/a", answer, subdomain="api")
    app.GET("/b", answer, subdomain="*")
    child.GET("/c", answer)
    app.mount(child, host="{tenant}.shop.test")
    other = Router()
    other.GET("/d", answer)
    app.mount(other, host="api.shop.test")
    document = document_of(app)
    validate(document)
    assert [
        [{"url": "//api.shop.co.uk"}],
        None,
        [{"url": "//{tenant}.shop.test", "variables": {"tenant": {"default": "tenant"}}}],
        [{"url": "//api.shop.test"}],
    ] == [document["paths"][each]["get"].get("servers") for each in ("/a", "/b", "/c", "/d")]


def test_a_type_without_schema_is_named():
    """The message has the route with its place."""
    app = App()
    app.GET("/a", answer, returns="text")
    with pytest.raises(RegistrationError, match=r"no schema for 'text' of GET /a at .*test_openapi_core.py:\d+: "):
        document_of(app)


def test_pydantic_and_msgspec_stand_beside_each_other():
    """A route may return either."""
    import pydantic

    class Cup(pydantic.BaseModel):
        size: int

    app = App()
    app.GET("/a", answer, returns=list[Cup])
    app.GET("/b", answer, returns=Kept)
    document = document_of(app)
    validate(document)
    assert {"Cup", "Kept"} <= set(document["components"]["schemas"])


def test_a_path_of_dots_and_uuids_is_valid():
    """Whatever stands in a path."""
    app = App()
    app.GET("/a.csv/:id:uuid/:when:datetime/:on:date/:much:float/:yes:bool/*", answer, returns=UUID)
    document = document_of(app)
    validate(document)
    (item,) = document["paths"].values()
    assert ["uuid", "date-time", "date", None, None, None] == [
        each["schema"].get("format") for each in item["get"]["parameters"]
    ]
