"""The smallest applications of other frameworks, as their own front pages show them, through both clients."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from heaven_testing import Client, SyncClient

HELLO = Path(__file__).parents[3] / "benchmarks" / "hello"
FRAMEWORKS = ["bare", "falcon", "fastapi", "heaven", "starlette"]
"""Modules that are called as the frameworks are; so they are loaded by their files, under names of their own."""
LEFT = pytest.mark.skipif(not HELLO.is_dir(), reason="the applications are those of the benchmarks, in the repository")


@pytest.fixture(params=FRAMEWORKS)
def hello(request: pytest.FixtureRequest) -> Any:
    """The application of one framework."""
    if request.param not in ("bare", "heaven"):
        pytest.importorskip(request.param)
    spec = spec_from_file_location(f"hello_{request.param}", HELLO / f"{request.param}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


@LEFT
async def test_hello_through_the_client(hello: Any) -> None:
    """A hello application of any framework answers, several times, with every message as ASGI wants it."""
    async with Client(hello) as client:
        answers = [await client.get("/") for _ in range(3)]
    assert [(200, {"message": "Hello, world"})] * 3 == [(answer.status_code, answer.json()) for answer in answers]


@LEFT
def test_hello_through_the_sync_client(hello: Any) -> None:
    """The same without async."""
    with SyncClient(hello) as client:
        answers = [client.get("/") for _ in range(3)]
    assert [(200, {"message": "Hello, world"})] * 3 == [(answer.status_code, answer.json()) for answer in answers]


@LEFT
async def test_hello_in_pieces(hello: Any) -> None:
    """The same as a stream that is read to its end."""
    async with Client(hello) as client, client.stream("GET", "/") as response:
        body = b"".join([chunk async for chunk in response.aiter_bytes()])
    assert (200, b'{"message":"Hello,world"}') == (response.status_code, body.replace(b" ", b""))


@LEFT
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_other_methods_of_hello(hello: Any, method: str) -> None:
    """What the frameworks make of other methods differs, and none of it breaks a rule."""
    async with Client(hello) as client:
        answer = await client.request(method, "/")
    assert answer.status_code in (200, 204, 405)
    assert method != "HEAD" or b"" == answer.content
