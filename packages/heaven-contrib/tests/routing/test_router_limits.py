"""What a handler says of bodies and time is what the core holds its route to."""

from __future__ import annotations

import asyncio

import pytest

from heaven import Request
from heaven_contrib.routing import Gateway, ImproperlyConfigured, Router, get, post
from heaven_contrib.routing.params import Form
from heaven_testing import Client


@post("/small", max_body_size=10)
async def small(data: bytes) -> int:
    return len(data)


@post("/streamed", stream=True, status_code=200)
async def streamed(request: Request) -> int:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return size


@get("/slow", timeout=0.01)
async def slow() -> None:
    await asyncio.sleep(30)


async def test_limits_are_those_of_the_core():
    """A body that is too large, one that is streamed and a handler that is too slow meet what was declared."""
    app = Router(routes=[Gateway(handler=each) for each in (small, streamed, slow)])
    async with Client(app) as client:
        assert [201, 413] == [(await client.post("/small", content=b"x" * size)).status_code for size in (10, 11)]
        assert 1_000_000 == (await client.post("/streamed", content=b"x" * 1_000_000)).json()
        assert 503 == (await client.get("/slow")).status_code


@pytest.mark.parametrize(
    "said", [{"max_body_size": -1}, {"timeout": "1"}, {"stream": True, "cancel_on_disconnect": True}], ids=str
)
def test_limits_that_cant_work_are_refused_when_declared(said):
    """The message names the handler and its line."""
    with pytest.raises(ImproperlyConfigured, match=r"@post .*nothing at .*test_router_limits.py:\d+"):

        @post("/", **said)
        async def nothing() -> None: ...


async def whole(data: dict[str, int]) -> int:
    return len(data)


async def field(name: str = Form()) -> str:
    return name


async def unasked() -> None: ...


async def dependent(field: str) -> str:
    return field


@pytest.mark.parametrize("function", [whole, field, dependent], ids=["body", "form", "dependency"])
def test_a_body_that_is_streamed_is_read_by_nobody_else(function):
    """A handler that takes pieces, and is given the whole as well, is refused when it is wired."""
    app = Router(routes=[post("/", stream=True)(function)], dependencies={"field": field})
    with pytest.raises(ImproperlyConfigured, match=r"stream=True, and it or one of its dependencies takes the body"):
        app.wire()
    Router(routes=[post("/", stream=True)(unasked)], dependencies={"field": field}).wire()
