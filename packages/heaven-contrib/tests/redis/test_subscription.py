"""Pub/sub: what is published comes, and what may have been missed is said."""

from __future__ import annotations

import asyncio

from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.subscription import Message


async def test_what_is_published_after_add_comes(redis_pair: tuple[Redis, Redis]):
    """`add` returns when the server has confirmed, so nothing published later is missed."""
    one, other = redis_pair
    async with one.subscriber() as subscriber:
        await subscriber.add("room:7")
        await other.write(lambda client: client.publish("room:7", b"hello"))

        assert await anext(subscriber) == Message("room:7", b"hello")


async def test_channels_come_and_go_while_somebody_iterates(redis_pair: tuple[Redis, Redis]):
    """Channels can be added and removed while another task waits for messages."""
    one, other = redis_pair
    async with one.subscriber() as subscriber:
        waiting = asyncio.create_task(anext(subscriber))
        await asyncio.sleep(0)
        await subscriber.add("a")
        await subscriber.add("b")
        await subscriber.remove("a")
        await other.write(lambda client: client.publish("a", b"gone"))
        await other.write(lambda client: client.publish("b", b"here"))

        assert await waiting == Message("b", b"here")
        assert subscriber.channels == {"b"}


async def test_a_cancelled_reader_loses_nothing(redis_pair: tuple[Redis, Redis]):
    """Whoever stops waiting takes no message and no connection with it."""
    one, other = redis_pair
    async with one.subscriber() as subscriber:
        await subscriber.add("a")
        for number in range(50):
            waiting = asyncio.create_task(anext(subscriber))
            await asyncio.sleep(0.001)
            waiting.cancel()
            await asyncio.wait([waiting])
            await other.write(lambda client, data=str(number): client.publish("a", data))

            assert await anext(subscriber) == Message("a", str(number).encode())
