"""Every test of the outbox runs on SQLite with Redis in memory, and on MariaDB with a real Redis."""

from __future__ import annotations

from uuid import uuid4

import pytest

from heaven_testing import RedisServer
from outbox_world import World
from redis_patience import PATIENTLY


@pytest.fixture
async def embedded(tmp_path):
    """SQLite, and Redis in memory, with an empty outbox."""
    async with World(f"sqlite:///{tmp_path}/app.db", f"memory://{uuid4().hex}{PATIENTLY}") as made:
        yield made


@pytest.fixture
async def servers(mysql_server, redis_server):
    """MariaDB and a real Redis, with an empty outbox."""
    async with World(f"{mysql_server.url}?acquire_timeout=20", redis_server.url + PATIENTLY) as made:
        yield made


@pytest.fixture(params=["embedded", "servers"])
def world(request):
    """Each of them."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def lasting_redis():
    """A Redis that has what it acknowledged after it was killed."""
    with RedisServer(persistent=True) as server:
        yield server


@pytest.fixture
async def fragile(tmp_path, mysql_server, lasting_redis):
    """MariaDB and a Redis that keeps what it took, both to be killed."""
    lasting_redis.heal()
    async with World(f"{mysql_server.url}?acquire_timeout=20", lasting_redis.url + PATIENTLY, lease=0.5) as made:
        yield made
