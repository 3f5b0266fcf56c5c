"""The event loop of a test: the plugin that runs the test owns it, and the client has to live on just that one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from inspect import iscoroutinefunction, signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from heaven.types import ASGIApp
    from heaven_testing.clients.client import Client

ON_ANYIO = "_heaven_client_on_anyio"
_ON_ASYNCIO = "_heaven_client_on_asyncio_{}"
_LOOP_SCOPES = ("function", "class", "module", "package", "session")


@pytest.fixture(name=ON_ANYIO)
async def client_on_anyio(app: ASGIApp, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """Not to be asked for: the client of a test that anyio's plugin runs."""
    async with _client(app, request) as client:
        yield client


def clients_on_asyncio(fixture: Callable[..., Any]) -> ModuleType:
    """A plugin with one fixture for each scope that a loop of pytest-asyncio can have: the client on that loop.

    Args:
        fixture: `pytest_asyncio.fixture`, of the pytest-asyncio that is active.
    """
    fixtures = ModuleType("heaven_testing.plugin.on_asyncio")
    for scope in _LOOP_SCOPES:

        async def client_on_asyncio(app: ASGIApp, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
            """Not to be asked for: the client of a test that pytest-asyncio runs."""
            async with _client(app, request) as client:
                yield client

        name = _ON_ASYNCIO.format(scope)
        setattr(fixtures, name, fixture(client_on_asyncio, loop_scope=scope, name=name))
    return fixtures


def _client(app: ASGIApp, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Client]:
    from heaven_testing.clients.client import Client  # a run without a client does not load it
    from heaven_testing.plugin.client_options import client_options

    return Client(app, **client_options(request, Client))


def client_fixture(request: pytest.FixtureRequest) -> str:
    """The name of the fixture that has the client on the loop of the test.

    Args:
        request: the one of `client`.

    Raises:
        pytest.UsageError: there is no such loop; the message says how there would be one.
    """
    __tracebackhide__ = True
    test, marker = request.node, request.node.get_closest_marker("asyncio")
    has_plugin = request.config.pluginmanager.has_plugin
    by_anyio = has_plugin("anyio") and "anyio_backend" in request.fixturenames
    is_async = iscoroutinefunction(request.function)
    if marker is not None and by_anyio:
        raise pytest.UsageError(
            f"{test.nodeid} has the fixture anyio_backend, and pytest-asyncio runs it nevertheless: "
            "set asyncio_mode = strict, or take the marker anyio away"
        )
    if not (is_async or marker) and "client" in signature(request.function).parameters:
        raise pytest.UsageError(
            f"{test.nodeid} is a plain function, and `client` is async: write `async def`, or ask for `sync_client`"
        )
    if by_anyio:
        return _on_anyio(request)
    if has_plugin("asyncio") and (marker or not is_async):
        return _ON_ASYNCIO.format(_loop_scope(marker, request.config))
    cure = _cure(request.config)
    raise pytest.UsageError(f"{test.nodeid} asks for `client`, and nothing runs it as an async test; {cure}")


def _on_anyio(request: pytest.FixtureRequest) -> str:
    __tracebackhide__ = True
    backend = request.getfixturevalue("anyio_backend_name")
    if backend != "asyncio":
        raise pytest.UsageError(
            f"{request.node.nodeid} runs on {backend}, and Heaven on asyncio: "
            "have a fixture `anyio_backend` return 'asyncio'"
        )
    return ON_ANYIO


def _loop_scope(marker: pytest.Mark | None, config: pytest.Config) -> str:
    """The scope of the loop on which pytest-asyncio runs the test; of its async fixtures, where the test is sync."""
    if marker is None:
        scope: str = config.getini("asyncio_default_fixture_loop_scope")
        return scope if scope in _LOOP_SCOPES else "function"
    # `scope` is how pytest-asyncio called it before.
    chosen: str | None = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
    return chosen or str(config.getini("asyncio_default_test_loop_scope"))


def _cure(config: pytest.Config) -> str:
    if config.pluginmanager.has_plugin("asyncio"):
        cure = "mark it with @pytest.mark.asyncio, or set asyncio_mode = auto"
    else:
        cure = "`pip install pytest-asyncio` and set asyncio_mode = auto"
    # The HTTP client library needs anyio, and its plugin comes with it.
    return f"{cure}; or mark it with @pytest.mark.anyio; or ask for `sync_client`"
