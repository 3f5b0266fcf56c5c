"""Shared values, locks and caches, as applications use them; checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import Any, assert_type

import msgspec

from heaven import Key
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.cache import Cache
from heaven_contrib.redis.cached import Cached
from heaven_contrib.redis.locks import Lease, Lock
from heaven_contrib.redis.shared_store import ABSENT, Absent, SharedStore


class Order(msgspec.Struct):
    id: int


STOCK: Key[int] = Key("stock")
ORDER: Key[Order] = Key("order")
redis = Redis()
shared = SharedStore(redis, "shop")
cache = Cache(redis, "shop")


async def share() -> None:
    assert_type(await shared.peek(STOCK), int | None)
    assert_type(await shared.peek(STOCK, 0), int)
    assert_type(await shared.peek(ORDER, type=Order), Order | None)
    assert_type(await shared.peek("orders", type=list[Order]), list[Order] | None)
    assert_type(await shared.peek("order", ABSENT, type=Order), Order | Absent)
    assert_type(await shared.peek("anything"), Any)
    assert_type(await shared.unkeep(STOCK), int)
    assert_type(await shared.unkeep(ORDER, None, type=Order), Order | None)
    assert_type(await shared.swap(STOCK, ABSENT, 3), bool)
    await shared.keep(STOCK, "three")  # type: ignore[misc]  # pyright: ignore[reportCallIssue, reportArgumentType]
    async for change in shared.watch(ORDER, type=Order):
        assert_type(change.value, Order | Absent)
        if change.value is not ABSENT:
            assert_type(change.value, Order)
    async for other in shared.watch(STOCK):
        assert_type(other.value, int | Absent)


async def hold(lock: Lock) -> None:
    async with lock.hold(timeout=1) as lease:
        assert_type(lease, Lease)
        assert_type(lease.token, int)


@cache.cached(ttl=60, key="order:{number}")
async def order(number: int, *, fresh: bool = False) -> Order:
    return Order(number)


async def remember() -> None:
    assert_type(await cache.get_or_set("order", lambda: order(7), ttl=60, type=Order), Order)
    assert_type(await order(7), Order)
    await order("seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await order.forget(7, fresh=True)
    assert_type(order.key(7), str)
    cached: Cached[..., Order] = order
    assert_type(await cached(), Order)
