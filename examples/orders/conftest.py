"""What the shop's tests share: however it is written, and wherever it keeps things, it behaves alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest
from heaven_testing import MySQLServer, RedisServer
from redis import Redis

numbers = count(1)

REDIS_DATABASES = 16
"""So many has a Redis that is told nothing else; shops that run at the same time must not hear each other."""


@pytest.fixture(scope="module", params=["application", "declared.application"], ids=["verbs", "declared"])
def module(request: pytest.FixtureRequest) -> str:
    """The module of an application: the shop is written twice, and each test is for both."""
    return str(request.param)


@pytest.fixture(scope="module")
def serve(serve: Callable[..., Any], module: str) -> Callable[..., Any]:
    """Serve one of them: `serve("orders", SHOP_DATA=...)`."""
    return partial(serve, target=f"{module}:app")


@pytest.fixture
def start(start: Callable[..., Any], module: str) -> Callable[..., Any]:
    """Start one of them and use it: `with start("orders", SHOP_DATA=...) as client:`."""
    return partial(start, module=module)


@pytest.fixture
def load(load: Callable[..., Any], module: str) -> Callable[..., Any]:
    """Import one of them: `app = load("orders", SHOP_DATA=...)`."""
    return partial(load, module=module)


@pytest.fixture(scope="module")
def keep_loaded(keep_loaded: Callable[..., Any], module: str) -> Callable[..., Any]:
    """The same, until the module's tests are done."""
    return partial(keep_loaded, module=module)


@pytest.fixture(scope="session")
def on_servers(request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    """Settings for a shop on real servers, with a database of its own on each: `on_servers()`.

    No test of the shop is about servers that keep it waiting, so it waits patiently.
    """

    def settings() -> dict[str, str]:
        mysql: MySQLServer = request.getfixturevalue("mysql_server")
        redis: RedisServer = request.getfixturevalue("redis_server")
        number = next(numbers)
        database = f"shop_{number}"
        mysql.execute(f"CREATE DATABASE {database}")
        url = f"{redis.url.removesuffix('/0')}/{number % REDIS_DATABASES}"
        with Redis.from_url(url) as client:
            client.flushdb()
        return {
            "SHOP_DATABASE": f"mysql://{mysql.user}@{mysql.host}:{mysql.port}/{database}?acquire_timeout=20",
            "SHOP_REDIS": f"{url}?deadline=20",
        }

    return settings


@pytest.fixture(scope="module", params=["embedded", "on servers"])
def places(request: pytest.FixtureRequest) -> dict[str, str]:
    """Where the shop keeps things: settings for SQLite and the process's memory, or for MySQL and Redis."""
    return {} if request.param == "embedded" else request.getfixturevalue("on_servers")()


@pytest.fixture(params=["embedded", "on servers"])
def new_places(request: pytest.FixtureRequest) -> dict[str, str]:
    """The same for one test: an empty shop."""
    return {} if request.param == "embedded" else request.getfixturevalue("on_servers")()
