"""Every feature is tested on both: in memory, and on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from heaven_contrib.redis.battery import Redis
from redis_patience import PATIENTLY


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> None:
    """Nothing that another test has left on the real server counts."""
    if "redis_server" in request.fixturenames:
        request.getfixturevalue("redis_server").flush()


@pytest.fixture(params=["memory", "server"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """Where an empty Redis is: one in memory that several can share, and a real one.

    These tests are about answers, not about when they come: a machine that is busy for a while changes nothing.
    """
    if request.param == "memory":
        return f"memory://{uuid4().hex}{PATIENTLY}"
    server = request.getfixturevalue("redis_server")
    server.flush()
    return server.url + PATIENTLY


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A Redis that is connected."""
    battery = Redis(redis_url)
    await battery.connect()
    yield battery
    await battery.disconnect()


@pytest.fixture
async def redis_pair(redis_url: str) -> AsyncIterator[tuple[Redis, Redis]]:
    """Two that are connected to the same data, as two workers are."""
    pair = Redis(redis_url), Redis(redis_url)
    for battery in pair:
        await battery.connect()
    yield pair
    for battery in pair:
        await battery.disconnect()
