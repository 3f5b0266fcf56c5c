"""Bodies that handlers read by themselves: what `describe` says of them is documented."""

from __future__ import annotations

import pytest
from msgspec import Struct

from heaven import App, Request, Upload
from heaven_contrib.openapi import OpenAPI, describe
from heaven_contrib.routing import Router, post

FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


class Form(Struct):
    picture: Upload
    title: str = ""


CONTENT = {
    "a form": (
        {"multipart/form-data": Form},
        {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"picture": FILE, "title": {"type": "string"}},
                    "required": ["picture"],
                }
            }
        },
    ),
    "files": (
        {"multipart/form-data": Upload},
        {"multipart/form-data": {"schema": {"type": "object", "additionalProperties": FILE}}},
    ),
    "a list of files": (
        {"multipart/form-data": dict[str, list[Upload]]},
        {
            "multipart/form-data": {
                "schema": {"type": "object", "additionalProperties": {"type": "array", "items": FILE}}
            }
        },
    ),
    "a form, or rows": (
        {"multipart/form-data": Form, "text/csv": str},
        {
            "text/csv": {"schema": {"type": "string"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"picture": FILE, "title": {"type": "string"}},
                    "required": ["picture"],
                }
            },
        },
    ),
}


def core(said):
    app = App()

    @describe(body=said)
    async def take(req, res, ctx): ...

    app.POST("/pictures", take, stream=True)
    return app


def declared(said):
    @post("/pictures", stream=True)
    @describe(body=said)
    async def take(request: Request) -> None: ...

    return Router(routes=[take])


def body_of(app):
    return OpenAPI().document(app)["paths"]["/pictures"]["post"]["requestBody"]


@pytest.mark.parametrize("style", [core, declared])
@pytest.mark.parametrize("case", CONTENT)
def test_a_body_is_what_it_was_described_as(style, case):
    """Files stand in forms where the types have Upload, whichever way the route was written."""
    said, content = CONTENT[case]
    assert {"content": content, "required": True} == body_of(style(said))


def test_a_declared_body_that_is_streamed_may_be_anything():
    """Nothing was said of it, so it may be left out as well."""

    @post("/pictures", stream=True)
    async def take(request: Request) -> None: ...

    assert {"content": {"*/*": {"schema": {}}}, "required": False} == body_of(Router(routes=[take]))
