"""Sentinel: calls go to whoever is the master now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from chaos_redis import connected, works_again
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisUnavailable
from heaven_contrib.redis.subscription import Gap, Message
from heaven_testing import RedisServer, SentinelServer
from patience import until
from redis_patience import PATIENTLY, hurried

PASSWORD = "open-sesame"


@dataclass(frozen=True)
class Group:
    """A master, its replica, and two Sentinels, of which one alone may decide."""

    master: RedisServer
    replica: RedisServer
    sentinels: tuple[SentinelServer, SentinelServer]

    @property
    def url(self) -> str:
        """Where the Sentinels are."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/shop/0"


@asynccontextmanager
async def grouped(down_after: float) -> AsyncIterator[Group]:
    """All of them, once they know each other."""
    with ExitStack() as running:
        options = ("--repl-diskless-sync-delay", "0", "--masterauth", PASSWORD)
        master = running.enter_context(RedisServer(password=PASSWORD, options=options))
        options = ("--replicaof", "127.0.0.1", str(master.port), *options)
        replica = running.enter_context(RedisServer(password=PASSWORD, options=options))
        await until(lambda: "master_link_status:up" in (replica.execute("INFO", "replication") or ""))
        watching = (SentinelServer(master, service="shop", down_after=down_after) for _ in range(2))
        sentinels = tuple(running.enter_context(sentinel) for sentinel in watching)
        for sentinel in sentinels:
            await until(lambda: "slaves=1" in (sentinel.execute("INFO", "sentinel") or ""))  # noqa: B023
        yield Group(master, replica, sentinels)


@pytest.fixture
async def group() -> AsyncIterator[Group]:
    """One whose master stays the master, however long it stands still."""
    async with grouped(down_after=60) as made:
        yield made


async def test_writes_and_subscribers_go_on_after_a_failover():
    """The master is killed: until there is another, calls are 503; then writes go on and subscribers come back."""
    async with grouped(down_after=1) as group, connected(group.url) as redis, redis.subscriber() as subscriber:
        await subscriber.add("room")
        await redis.write(lambda client: client.set("key", "before"))
        await until(lambda: group.replica.execute("GET", "key") == "before")
        for sentinel in group.sentinels:  # so that there is no other too soon
            sentinel.freeze()
        await asyncio.to_thread(group.master.kill)
        with pytest.raises(RedisUnavailable), hurried(redis, 0.3):
            await redis.write(lambda client: client.set("key", "lost"))
        for sentinel in group.sentinels:
            sentinel.thaw()
        async with asyncio.timeout(90):  # a Sentinel that stood still for 2 seconds does nothing for 30
            while not (await works_again(redis))[0]:
                pass
            assert b"before" == await redis.read(lambda client: client.get("key"))
            assert isinstance(await anext(subscriber), Gap)
            await redis.write(lambda client: client.publish("room", "again"))

            assert Message("room", b"again") == await anext(subscriber)


async def test_a_sentinel_that_stands_still_leaves_time_for_the_other(group: Group):
    """A Sentinel that does not answer costs a part of the deadline, and no error."""
    async with connected(group.url, deadline=12) as redis:  # of which each Sentinel has a third
        group.sentinels[0].freeze()
        await redis.client.connection_pool.disconnect()
        try:
            await redis.write(lambda client: client.set("key", 1))
        finally:
            group.sentinels[0].thaw()

        assert "1" == group.master.execute("GET", "key")


async def test_a_master_that_was_demoted_refuses_and_nothing_is_unknown(group: Group):
    """A write that meets a replica was not done: 503, and the next one asks Sentinel again."""
    async with connected(group.url) as redis:
        await redis.write(lambda client: client.set("key", 1))
        group.master.execute("CONFIG", "SET", "min-replicas-to-write", "0")
        group.master.execute("REPLICAOF", "127.0.0.1", str(group.replica.port))
        with pytest.raises(RedisUnavailable):
            await redis.write(lambda client: client.set("key", 2))


async def test_a_service_that_nobody_knows_fails_the_start(group: Group):
    """The name of the service is wrong: the start fails by its deadline, with where it asked."""
    redis = Redis(group.url.replace("/shop/", "/shoe/") + f"{PATIENTLY}&start_timeout=0.2")

    with pytest.raises(RedisUnavailable) as failed:
        await redis.connect()

    assert PASSWORD not in str(failed.value.__notes__)
    assert "/shoe/0" in str(failed.value.__notes__)
