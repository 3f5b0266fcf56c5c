"""A cluster of three: the same calls, scripts and subscribers as with one server."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from typing import Any

import pytest
from redis.exceptions import TimeoutError as RedisPyTimeout

from chaos_redis import connected, works_again
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.connections import NodeConnection
from heaven_contrib.redis.errors import RedisError, RedisOutcomeUnknown, RedisUnavailable
from heaven_contrib.redis.subscription import Gap, Message
from heaven_testing import RedisServer
from patience import PATIENT
from redis_patience import DEADLINE, hurried

SLOTS = 16384


def unused_port() -> int:
    """A port for the bus of a node, which would otherwise be the node's own and 10,000."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def node(*options: str) -> RedisServer:
    """A server that can be part of a cluster."""
    return RedisServer(
        options=(
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            str(unused_port()),
            "--cluster-node-timeout",
            "60000",  # no node that stands still for a while is taken for dead
            *options,
        )
    )


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[RedisServer]]:
    """Three masters that share the slots."""
    with ExitStack() as running:
        servers = [running.enter_context(node()) for _ in range(3)]
        share = SLOTS // len(servers) + 1
        for number, server in enumerate(servers):
            first, last = number * share, min((number + 1) * share, SLOTS) - 1
            server.execute("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        for server in servers[1:]:
            bus = server.process.args[server.process.args.index("--cluster-port") + 1]
            servers[0].execute("CLUSTER", "MEET", "127.0.0.1", str(server.port), bus)
        deadline = time.monotonic() + PATIENT
        while not all(map(knows_the_others, servers)):
            if time.monotonic() > deadline:
                raise TimeoutError("the nodes did not become a cluster")
            time.sleep(0.02)
        yield servers


def knows_the_others(server: RedisServer) -> bool:
    """Whether a node has all slots, and a connection to each of the others on which it passes on what is published."""
    known = (server.execute("CLUSTER", "NODES") or "").splitlines()
    ready = all(" connected" in line and "handshake" not in line for line in known)
    return ready and len(known) == 3 and "cluster_state:ok" in (server.execute("CLUSTER", "INFO") or "")


@pytest.fixture
def url(nodes: list[RedisServer]) -> Iterator[str]:
    """Where the cluster is; nodes that were frozen go on after the test."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in nodes)
    for server in nodes:
        server.flush()
    yield f"redis+cluster://{hosts}"
    for server in nodes:
        server.heal()


async def test_keys_of_all_nodes_are_read_and_written(url: str, nodes: list[RedisServer]):
    """Calls find the node of their key, and every node has some."""
    async with connected(url) as redis:
        for number in range(30):
            await redis.write(lambda client, number=number: client.set(f"key:{number}", number))

        read = [int(await redis.read(lambda client, n=number: client.get(f"key:{n}"))) for number in range(30)]

        assert list(range(30)) == read
        assert all(int(server.execute("DBSIZE") or 0) > 0 for server in nodes)
        assert {f"heaven:{os.getpid()}"} <= {each["name"] for each in await redis.client.client_list()}


async def test_a_script_and_a_transaction_run_where_their_keys_are(url: str):
    """Keys with one hash tag are on one node, so that scripts and transactions can have several."""
    async with connected(url) as redis:
        add = redis.script("redis.call('INCR', KEYS[1]); return redis.call('INCRBY', KEYS[2], ARGV[1])")
        for name in "abc":
            assert 5 == await add.run([f"{{{name}}}:one", f"{{{name}}}:two"], [5])
        async with redis.client.pipeline(transaction=True) as pipe:
            pipe.incr("{a}:one").incr("{a}:two")

            assert [2, 6] == await pipe.execute()


async def test_a_subscriber_hears_what_any_node_publishes(url: str, nodes: list[RedisServer]):
    """The nodes of a cluster pass on what is published; a connection to one of them is enough, and comes back."""
    async with connected(url) as redis, redis.subscriber() as subscriber:
        await subscriber.add("room")
        for server in nodes:
            server.execute("PUBLISH", "room", "hello")
            assert Message("room", b"hello") == await anext(subscriber)
        for server in nodes:
            server.execute("CLIENT", "KILL", "TYPE", "pubsub")
        async with asyncio.timeout(PATIENT):
            assert isinstance(await anext(subscriber), Gap)
        await redis.write(lambda client: client.publish("room", "again"))

        assert Message("room", b"again") == await anext(subscriber)


async def test_a_blocking_command_waits_on_the_node_of_its_key(url: str):
    """`wait` works in a cluster, and does not count as one of the pool's connections."""
    async with connected(url, pool_size=1) as redis:
        waiting = asyncio.create_task(redis.wait(lambda client: client.blpop(["queue"], timeout=60), 60))
        await asyncio.sleep(0.05)
        await redis.write(lambda client: client.rpush("queue", "job"))

        assert [b"queue", b"job"] == list(await waiting)


async def test_connections_that_nodes_have_closed_are_no_error(url: str, nodes: list[RedisServer]):
    """An idle connection that was closed is replaced, unseen, for writes too."""
    async with connected(url, pool_size=20) as redis:
        for _ in range(3):
            await asyncio.gather(*(redis.client.set(f"key:{number}", 1) for number in range(20)))
            for server in nodes:
                server.execute("CLIENT", "KILL", "TYPE", "normal")
            await asyncio.gather(
                *(redis.write(lambda client, n=number: client.set(f"key:{n}", 2)) for number in range(20))
            )


async def test_replies_never_cross_in_a_cluster(url: str):
    """Calls that are cancelled at any moment leave no answer behind for the next."""
    async with connected(url, pool_size=10) as redis:
        keys = [f"key:{number}" for number in range(20)]
        for key in keys:
            await redis.client.set(key, key)

        async def ask(key: str, hurry: float) -> bool:
            try:
                async with asyncio.timeout(hurry):
                    return await redis.client.get(key) == key.encode()
            except TimeoutError:
                return True

        for turn in range(20):
            assert all(await asyncio.gather(*(ask(key, 0.0005 * turn) for key in keys)))
        assert all(await asyncio.gather(*(ask(key, DEADLINE) for key in keys)))


async def test_a_node_that_stands_still_is_an_error_by_the_deadline(url: str, nodes: list[RedisServer]):
    """Calls to a frozen node end by the deadline; when it goes on, all keys work again."""
    async with connected(url, pool_size=4) as redis:
        await redis.write(lambda client: client.set("key", 1))
        for server in nodes:
            server.freeze()
        async with asyncio.timeout(PATIENT):
            with hurried(redis, 0.5):
                answers = await asyncio.gather(
                    *(redis.read(lambda client: client.get("key")) for _ in range(8)), return_exceptions=True
                )
        for server in nodes:
            server.thaw()

        assert {RedisUnavailable} == {type(answer) for answer in answers}
        assert (await works_again(redis))[0]


async def test_a_pipeline_on_a_node_that_stands_still_ends_by_the_deadline(url: str, nodes: list[RedisServer]):
    """A pipeline has one deadline too; what it was to change is unknown."""
    async with connected(url) as redis:
        await redis.client.pipeline().get("key").execute()
        for server in nodes:
            server.freeze()
        with hurried(redis, 0.5):
            with pytest.raises(RedisOutcomeUnknown):
                await redis.write(lambda client: client.pipeline().incr("key").execute())
            with pytest.raises(RedisPyTimeout, match=r"a pipeline was not answered within 0\.5 s"):
                await redis.client.pipeline().incr("key").execute()


@pytest.mark.parametrize("moment", ["watch", "get", "leave"])
async def test_a_watch_on_a_node_that_stands_still_ends_by_the_deadline(
    url: str, nodes: list[RedisServer], moment: str
):
    """What is asked while a key is watched has the deadline of each call, also where nobody else looks at the clock."""

    async def ask(client: Any) -> None:
        async with client.pipeline(transaction=True) as pipe:
            for name, step in {"watch": lambda: pipe.watch("key"), "get": lambda: pipe.get("key")}.items():
                if moment == name:
                    freeze()
                await step()
            freeze()

    refused = pytest.raises(RedisPyTimeout, match="was not answered within")

    def freeze() -> None:
        for server in nodes:
            server.freeze()
        late.enter_context(hurried(redis, 0.5))

    async with connected(url) as redis:
        await redis.write(lambda client: client.set("key", 1))
        with ExitStack() as late, nullcontext() if moment == "leave" else refused:
            async with asyncio.timeout(PATIENT):
                await ask(redis.client)
        for server in nodes:
            server.thaw()
        assert (await works_again(redis))[0]


async def test_control_connections_that_nodes_have_closed_are_errors_unless_they_are_looked_at(
    url: str, nodes: list[RedisServer], monkeypatch: pytest.MonkeyPatch
):
    """redis-py's cluster lends connections without a look at them."""
    monkeypatch.setattr(NodeConnection, "_is_stale", lambda self: False)
    async with connected(url, pool_size=20) as redis:
        await asyncio.gather(*(redis.client.set(f"key:{number}", 1) for number in range(20)))
        for server in nodes:
            server.execute("CLIENT", "KILL", "TYPE", "normal")
        with pytest.raises(RedisError):
            await asyncio.gather(
                *(redis.write(lambda client, n=number: client.set(f"key:{n}", 2)) for number in range(20))
            )


async def test_a_cluster_that_is_not_there_fails_the_start(nodes: list[RedisServer]):
    """No node answers: the start fails by its deadline."""
    redis = Redis(f"redis+cluster://127.0.0.1:{unused_port()}?start_timeout=0.2")

    with pytest.raises(RedisUnavailable):
        await redis.connect()


async def test_a_server_that_is_no_cluster_is_refused(redis_server: RedisServer):
    """A URL that names a cluster where there is none fails the start."""
    redis = Redis(f"redis+cluster://127.0.0.1:{redis_server.port}?start_timeout=0.2")

    with pytest.raises(RedisError):
        await redis.connect()
