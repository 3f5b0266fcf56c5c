"""One prefix and one name for all batteries: none of them reads, overwrites or hears what is another's."""

from __future__ import annotations

import asyncio

import pytest

from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.broadcast import Broadcast
from heaven_contrib.redis.cache import Cache
from heaven_contrib.redis.locks import Lock
from heaven_contrib.redis.presence import RoomChange
from heaven_contrib.redis.shared_store import SharedStore
from patience import PATIENT


async def made() -> str:
    return "made"


async def test_batteries_of_one_prefix_never_meet(redis: Redis):
    """What is kept, cached and locked under one name are three things."""
    shared, cache, lock = SharedStore(redis, "shop"), Cache(redis, "shop"), Lock(redis, "mug", prefix="shop")
    await shared.keep("mug", "kept")
    async with lock.hold(timeout=0) as lease:
        assert "made" == await cache.get_or_set("mug", made, ttl=60)
        assert "kept" == await shared.peek("mug")
        await shared.unkeep("mug")
        await cache.forget("mug")
        lease.check()
        with pytest.raises(KeyError):
            await shared.unkeep("mug")


async def test_changes_of_a_store_are_none_of_a_room(redis: Redis):
    """Who hears the changes of a room does not hear those of a value of its name."""
    shared, broadcast = SharedStore(redis, "shop"), Broadcast(redis, "shop")
    await broadcast.connect()
    async with broadcast.changes("mug") as changes:
        await shared.keep("mug", "kept")
        async with broadcast.join("mug", "Ada"), asyncio.timeout(PATIENT):
            assert RoomChange("joined", "Ada") == await anext(changes)
    await broadcast.disconnect()
