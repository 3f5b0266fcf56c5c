"""What the shop's tests share: it runs without any server, and on MySQL and Redis, and behaves alike."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from heaven_testing import MySQLServer, RedisServer

numbers = count(1)


@pytest.fixture(scope="session")
def on_servers(request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    """Settings for a shop on real servers, with a database of its own: `on_servers()`."""

    def settings() -> dict[str, str]:
        mysql: MySQLServer = request.getfixturevalue("mysql_server")
        redis: RedisServer = request.getfixturevalue("redis_server")
        database = f"shop_{next(numbers)}"
        mysql.execute(f"CREATE DATABASE {database}")
        redis.flush()
        return {
            "SHOP_DATABASE": f"mysql://{mysql.user}@{mysql.host}:{mysql.port}/{database}",
            "SHOP_REDIS": redis.url,
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
