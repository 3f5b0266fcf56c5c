"""What a document promises is what is sent: every answer is declared, and its body is of the declared schema."""

from __future__ import annotations

import asyncio
from typing import Annotated

import pytest
from jsonschema import Draft202012Validator
from msgspec import Meta, Struct
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from heaven import App
from heaven_contrib.openapi import OpenAPI
from heaven_contrib.routing import BasePermission, Gateway, Include, Inject, Injects, Router, get, params, post
from heaven_testing import Client


class User(Struct):
    name: Annotated[str, Meta(min_length=2)]
    age: int = 0


class Nobody(BasePermission):
    message = "Not you."

    def has_permission(self, request, apiview):
        return "x-let-me" in request.headers


async def slow(req, res, ctx):
    await asyncio.sleep(30)


async def fail(req, res, ctx):
    raise OSError("the disk is full")


async def echo(req, res, ctx):
    return req.data


async def find(req, res, ctx):
    return [req.queries.get("page")]


def core():
    app = App()
    app.GET("/users?page:int", find, returns=list[int | None])
    app.POST("/users", echo, expects=User, returns=User, max_body_size=100)
    app.GET("/users/:id:int", find)
    app.GET("/slow", slow, timeout=0.01)
    app.GET("/fail", fail)
    return app


def declared():
    async def paging(page: int = 1) -> int:
        return page

    @get("/", dependencies={"paged": Inject(paging)})
    async def find(paged: int = Injects()) -> list[int | None]:
        return [paged]

    @post("/", status_code=200)
    async def write(data: User) -> User:
        return data

    @get("/{id:int}")
    async def read(id: int) -> None: ...  # noqa: A002

    @get("/slow", timeout=0.01)
    async def slow() -> None:
        await asyncio.sleep(30)

    @get("/fail")
    async def fail(x_a: str = params.Header("")) -> None:
        raise OSError("the disk is full")

    @get("/guarded", permissions=[Nobody])
    async def guarded() -> int:
        return 1

    users = Include("/users", routes=[Gateway(handler=each) for each in (find, write, read)])
    return Router(routes=[users, slow, fail, guarded], max_body_size=100, timeout=60)


@pytest.fixture(params=[core, declared])
def app(request):
    app = request.param()
    app.plugin(OpenAPI())
    return app


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("template", "method", "url", "given", "status"),
    [
        ("/users", "GET", "/users", {}, 200),
        ("/users", "GET", "/users?page=x", {}, 422),
        ("/users", "GET", "/users?" + "&".join(["page=1"] * 1001), {}, 400),
        ("/users", "POST", "/users", {"json": {"name": "Ada"}}, 200),
        ("/users", "POST", "/users", {"json": {"name": "A", "age": "b"}}, 422),
        ("/users", "POST", "/users", {"content": b"{", "headers": JSON}, 400),
        ("/users", "POST", "/users", {"content": b"name=Ada"}, 415),
        ("/users", "POST", "/users", {"json": {"name": "A" * 100}}, 413),
        ("/users/{id}", "GET", "/users/abc", {}, 404),
        ("/slow", "GET", "/slow", {}, 503),
        ("/fail", "GET", "/fail", {}, 500),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_sent_is_declared(app, template, method, url, given, status):
    """Status, media type and schema of each answer stand in the document."""
    async with Client(app, raise_app_exceptions=False) as client:
        document = (await client.get("/openapi.json")).json()
        response = await client.request(method, url, **given)
    assert status == response.status_code
    check(document, document["paths"][template][method.lower()], response)


@pytest.mark.parametrize(("headers", "status"), [({}, 403), ({"x-let-me": "in"}, 200)], ids=str)
async def test_a_refusal_is_declared(headers, status):
    """So is what a permission answers."""
    app = declared()
    app.plugin(OpenAPI())
    async with Client(app) as client:
        document = (await client.get("/openapi.json")).json()
        response = await client.get("/guarded", headers=headers)
    assert status == response.status_code
    check(document, document["paths"]["/guarded"]["get"], response)


def check(document, operation, response):
    declared = operation["responses"][str(response.status_code)]
    if "$ref" in declared:
        declared = document["components"]["responses"][declared["$ref"].rpartition("/")[2]]
    if "content" not in declared:
        return
    schema = declared["content"][response.headers["content-type"]]["schema"]
    root = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", root)
    absolute = {"$ref": "urn:document" + schema["$ref"]} if "$ref" in schema else schema
    Draft202012Validator(absolute, registry=registry).validate(response.json())
