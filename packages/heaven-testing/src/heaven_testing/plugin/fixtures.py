"""What a test asks for: the application, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from heaven_testing.plugin.loops import client_fixture

# What is imported inside a fixture is loaded by the runs that use it, and by no others.
if TYPE_CHECKING:
    from heaven.types import ASGIApp
    from heaven_testing.clients.client import Client
    from heaven_testing.clients.sync_client import SyncClient
    from heaven_testing.plugin.snapshots import RouteSnapshot


@pytest.fixture
def app(pytestconfig: pytest.Config) -> ASGIApp:
    """The application of `--heaven-app`; write a fixture `app` of your own, of any scope, to test another one."""
    __tracebackhide__ = True
    from heaven_testing.plugin.loading import app_name, load_app

    return load_app(app_name(pytestconfig), pytestconfig.rootpath)


@pytest.fixture
def client(app: ASGIApp, request: pytest.FixtureRequest) -> Client:  # noqa: ARG001 - where its parameters are seen
    """A Client of `app` for async tests, started and stopped on the test's event loop; options by `mark.heaven`."""
    __tracebackhide__ = True
    client: Client = request.getfixturevalue(client_fixture(request))
    return client


@pytest.fixture
def sync_client(app: ASGIApp, request: pytest.FixtureRequest) -> Iterator[SyncClient]:
    """A SyncClient of `app`, for tests that are plain functions; options by `mark.heaven`."""
    from heaven_testing.clients.sync_client import SyncClient
    from heaven_testing.plugin.client_options import client_options

    with SyncClient(app, **client_options(request, SyncClient)) as client:
        yield client


@pytest.fixture
def route_snapshot(request: pytest.FixtureRequest) -> RouteSnapshot:
    """`route_snapshot(app, "GET /orders/7")`: what such a request meets is what the file beside the test says."""
    from heaven_testing.plugin.snapshots import RouteSnapshot

    test = request.node.nodeid.partition("::")[2]
    update: bool = request.config.option.heaven_update_snapshots
    return RouteSnapshot(request.path, test, update=update)
