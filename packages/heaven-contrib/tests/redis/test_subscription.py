"""Pub/sub: what is published comes, and what may have been missed is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from chaos_redis import connected
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisError, RedisUnavailable
from heaven_contrib.redis.subscription import Gap, Message, Subscriber, _Link
from heaven_testing import RedisServer
from patience import PATIENT, until
from redis_patience import hurried


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


async def test_a_channel_that_can_not_be_written_spoils_no_other(redis_pair: tuple[Redis, Redis]):
    """A name that is no text is refused before anything is sent, and the next channel is confirmed as ever."""
    one, other = redis_pair
    async with one.subscriber() as subscriber:
        for call in (subscriber.add, subscriber.remove):
            with pytest.raises(UnicodeEncodeError):
                await call("room:\udcff")
        await subscriber.add("room:7")
        await other.write(lambda client: client.publish("room:7", b"hello"))

        assert await anext(subscriber) == Message("room:7", b"hello")


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


async def test_a_quiet_channel_is_no_gap(redis_pair: tuple[Redis, Redis], monkeypatch: pytest.MonkeyPatch):
    """Where nobody writes, Redis is asked for a sign of life, and the connection stays."""
    one, other = redis_pair
    receive, answered = _Link.receive, []

    async def often(link: _Link, seconds: float) -> Message | None:
        """Ask every moment, and have all the time for the answer."""
        asked = link.pinged
        message = await receive(link, seconds if asked else 0.02)
        if asked and not link.pinged:
            answered.append(link)
        return message

    async with one.subscriber() as subscriber:
        await subscriber.add("room")
        monkeypatch.setattr(_Link, "receive", often)
        waiting = asyncio.create_task(anext(subscriber))
        await until(lambda: len(answered) > 3 or waiting.done())
        await other.write(lambda client: client.publish("room", b"hello"))

        assert Message("room", b"hello") == await waiting
        assert 1 == len(set(answered))


async def test_the_end_of_the_block_ends_the_iteration(redis: Redis):
    """Whoever iterates comes to the end, and later calls are refused."""
    heard: list[Message | Gap] = []

    async def listen(subscriber: Subscriber) -> None:
        async for item in subscriber:
            heard.append(item)

    async with redis.subscriber() as subscriber:
        await subscriber.add("room")
        listening = asyncio.create_task(listen(subscriber))
        await asyncio.sleep(0.01)
    async with asyncio.timeout(PATIENT):
        await listening
        assert [] == heard
        with pytest.raises(RedisUnavailable):
            await subscriber.add("other")
        await subscriber.remove("room")
        assert frozenset() == subscriber.channels


async def test_two_may_take_turns(redis_pair: tuple[Redis, Redis]):
    """Each message goes to one of those who wait, and nobody waits for ever."""
    one, other = redis_pair
    async with one.subscriber() as subscriber:
        await subscriber.add("room")
        waiting = [asyncio.create_task(anext(subscriber)) for _ in range(3)]
        await asyncio.sleep(0.01)
        for number in range(3):
            await other.write(lambda client, data=str(number): client.publish("room", data))

        assert {b"0", b"1", b"2"} == {item.data for item in await asyncio.gather(*waiting)}


async def test_without_redis_there_is_no_subscriber(redis_server: RedisServer):
    """Redis is down: 503, and nothing is left open."""
    async with connected(redis_server.url) as redis:
        await asyncio.to_thread(redis_server.kill)
        with pytest.raises(RedisUnavailable):
            async with redis.subscriber():
                pass


async def test_a_channel_that_is_not_confirmed_is_not_subscribed(redis_server: RedisServer):
    """A server that stands still: 503 by the deadline; afterwards nothing comes from that channel."""
    async with connected(redis_server.url) as redis, redis.subscriber() as subscriber:
        await subscriber.add("kept")
        await subscriber.add("left")
        redis_server.freeze()
        with hurried(redis, 0.3):
            with pytest.raises(RedisUnavailable):
                await subscriber.add("new")
            with pytest.raises(RedisUnavailable):
                await subscriber.remove("left")
        assert {"kept"} == subscriber.channels
        redis_server.thaw()
        async with asyncio.timeout(PATIENT):
            while redis_server.execute("PUBLISH", "kept", "1") == "0":
                await asyncio.sleep(0.01)
            for channel in ("new", "left", "kept"):
                redis_server.execute("PUBLISH", channel, channel)
            heard = [item async for item in up_to(subscriber, b"kept")]

        assert {"kept"} == {item.channel for item in heard if isinstance(item, Message)}


async def up_to(subscriber: Subscriber, last: bytes) -> AsyncIterator[Message | Gap]:
    """What comes, up to a message."""
    async for item in subscriber:
        yield item
        if isinstance(item, Message) and item.data == last:
            return


async def test_a_channel_can_be_added_while_the_connection_is_away(redis_server: RedisServer):
    """`add` comes back by itself where nobody iterates, subscribes to everything again, and leaves the Gap to be read."""
    async with connected(redis_server.url) as redis, redis.subscriber() as subscriber:
        await subscriber.add("old")
        redis_server.execute("CLIENT", "KILL", "TYPE", "pubsub")
        await subscriber.add("new")
        assert isinstance(await anext(subscriber), Gap)
        for channel in ("old", "new"):
            redis_server.execute("PUBLISH", channel, "hello")

            assert Message(channel, b"hello") == await anext(subscriber)


async def test_many_channels_are_added_while_the_connection_is_lost_again_and_again(redis_server: RedisServer):
    """Whatever is lost in between, what `add` has returned for is subscribed."""
    async with connected(redis_server.url) as redis, redis.subscriber() as subscriber:

        async def add(number: int) -> None:
            await asyncio.sleep(number * 0.002)
            await subscriber.add(f"room:{number}")
            if number % 3 == 0:
                await subscriber.remove(f"room:{number}")

        adding = [asyncio.create_task(add(number)) for number in range(60)]
        for _ in range(10):
            redis_server.execute("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.sleep(0.01)
        await asyncio.gather(*adding)
        expected = {f"room:{number}" for number in range(60) if number % 3}
        assert expected == subscriber.channels
        await subscriber.add("last")
        heard = await asyncio.to_thread(
            lambda: [redis_server.execute("PUBLISH", f"room:{number}", "x") for number in range(60)]
        )
        redis_server.execute("PUBLISH", "last", "last")
        items = [item async for item in up_to(subscriber, b"last")]

        assert 40 == heard.count("1")
        assert expected == {item.channel for item in items if isinstance(item, Message)} - {"last"}


async def test_a_slow_consumer_holds_up_redis_and_not_memory(redis_server: RedisServer, monkeypatch):
    """While `add` reads ahead, no more than a few messages wait; it goes on when somebody takes them."""
    monkeypatch.setattr("heaven_contrib.redis.subscription.AHEAD", 10)
    async with connected(redis_server.url) as redis, redis.subscriber() as subscriber:
        await subscriber.add("room")
        pipe = redis.client.pipeline(transaction=False)
        for number in range(100):
            pipe.publish("room", number)
        await pipe.execute()
        async with asyncio.timeout(PATIENT):
            while len(subscriber._arrived) < 10:  # all of them, unless it is slow
                with pytest.raises(RedisUnavailable), hurried(redis, 0.3):
                    await subscriber.add("other")
        assert 10 == len(subscriber._arrived)
        adding = asyncio.create_task(subscriber.add("other"))
        numbers = [int((await anext(subscriber)).data) for _ in range(100)]
        await adding

        assert list(range(100)) == numbers
        assert {"room", "other"} == subscriber.channels


@pytest.fixture
def limited() -> Iterator[tuple[RedisServer, str]]:
    """A server with a user who may use the channels of rooms only, and where that user goes."""
    with RedisServer() as server:
        server.execute("ACL", "SETUSER", "ada", "on", ">secret", "~*", "+@all", "resetchannels", "&room:*")
        yield server, server.url.replace("://", "://ada:secret@")


async def test_a_channel_that_is_forbidden_is_refused(limited: tuple[RedisServer, str]):
    """Redis' words are in the error, and the other channels go on."""
    server, url = limited
    async with connected(url) as redis, redis.subscriber() as subscriber:
        await subscriber.add("room:7")
        with pytest.raises(RedisError, match="No permissions to access a channel"):
            await subscriber.add("secrets")
        assert {"room:7"} == subscriber.channels
        server.execute("PUBLISH", "room:7", "hello")

        assert Message("room:7", b"hello") == await anext(subscriber)


async def test_a_channel_that_was_forbidden_meanwhile_is_told_to_who_iterates(limited: tuple[RedisServer, str]):
    """A channel that can't be subscribed again is no silence: iterating raises."""
    server, url = limited
    async with connected(url) as redis, redis.subscriber() as subscriber:
        await subscriber.add("room:7")
        server.execute("ACL", "SETUSER", "ada", "resetchannels", "&hall:*")
        async with asyncio.timeout(PATIENT):
            with pytest.raises(RedisError, match="No permissions to access a channel"):
                await anext(subscriber)
        server.execute("ACL", "SETUSER", "ada", "&room:*")
        async with asyncio.timeout(PATIENT):
            assert isinstance(await anext(subscriber), Gap)
