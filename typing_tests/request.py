"""What a handler reads of a request, as the type checkers see it. Never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, assert_type

from heaven import App, Context, Part, Request, Response, Scope, Upload
from heaven.bodies.forms import FormData, Uploads
from heaven.http.headers import Headers


async def attributes(req: Request, res: Response, ctx: Context) -> None:
    assert_type(req.app, App)
    assert_type(req.route, str | None)
    assert_type(req.method, str)
    assert_type(req.path, str)
    assert_type(req.url, str)
    assert_type(req.base_url, str)
    assert_type(req.scheme, str)
    assert_type(req.host, str | None)
    assert_type(req.subdomain, str | None)
    assert_type(req.ip, str | None)
    assert_type(req.origin.ip, str | None)
    assert_type(req.scope, Scope)
    assert_type(req.params, dict[str, Any])
    assert_type(req.params["id"], Any)
    assert_type(req.cookies, dict[str, str])
    assert_type(req.cookies.get("session"), str | None)
    assert_type(req.queries, dict[str, Any])
    assert_type(req.queries.get("page", 1), Any)
    assert_type(req.queries_all, dict[str, list[str]])
    assert_type(req.url_for("order", id=7), str)
    assert_type(req.is_complete, bool)
    assert_type(await req.is_disconnected(), bool)


def headers(req: Request) -> None:
    assert_type(req.headers, Headers)
    assert_type(req.headers["accept"], str)
    assert_type(req.headers.get("accept"), str | None)
    assert_type(req.headers.get("accept", "*/*"), str)
    assert_type(req.headers.get("content-length", 0), str | int)
    assert_type(req.headers.getall("via"), list[str])
    assert_type("accept" in req.headers, bool)
    assert_type(dict(req.headers), dict[str, str])


async def bodies(req: Request) -> None:
    assert_type(req.body, bytes)
    assert_type(req.text, str)
    assert_type(req.json, Any)
    assert_type(req.data, Any)
    assert_type(req.form, FormData)
    assert_type(req.form["size"], str)
    assert_type(req.form.get("size"), str | None)
    assert_type(req.form.getall("size"), list[str])
    assert_type(req.files, Uploads)
    assert_type(req.files["photo"], Upload)
    assert_type(req.files.get("photo"), Upload | None)
    for name, upload in req.files.items():
        assert_type(name, str)
        await uploaded(upload)


async def uploaded(upload: Upload) -> None:
    assert_type(upload.name, str)
    assert_type(upload.filename, str)
    assert_type(upload.content_type, str | None)
    assert_type(upload.headers, Headers)
    assert_type(upload.body, bytes)
    assert_type(await upload.save("7.png"), Path)
    assert_type(await upload.save(Path("7.png"), within=Path("uploads")), Path)


async def streamed(req: Request) -> int:
    assert_type(req.stream(), AsyncIterator[bytes])
    size = 0
    async for chunk in req.stream():
        assert_type(chunk, bytes)
        size += len(chunk)
    return size


async def in_parts(req: Request) -> None:
    async for part in req.parts():
        assert_type(part, Part)
        assert_type(part.name, str)
        assert_type(part.filename, str | None)
        assert_type(part.content_type, str | None)
        assert_type(part.headers, Headers)
        assert_type(part.finished, bool)
        assert_type(await part.read(), bytes)
        assert_type(await part.read(limit=1024), bytes)
        assert_type(await part.text(1024), str)
        assert_type(await part.save("7.png", within="uploads", max_size=10_000), int)
        async for block in part:
            assert_type(block, bytes)
