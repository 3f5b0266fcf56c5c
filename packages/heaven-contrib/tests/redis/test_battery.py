"""Redis, the battery: connected, asked, told, and gone."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time

import pytest
import redis.asyncio as plain
from redis.exceptions import ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisPyTimeout

from chaos_redis import connected
from heaven import App, Key
from heaven_contrib.redis import battery as module
from heaven_contrib.redis.battery import REDIS, Redis, explained
from heaven_contrib.redis.errors import RedisError, RedisOutcomeUnknown, RedisUnavailable
from heaven_testing import Client, RedisServer, StartupFailed
from patience import PATIENT, until
from redis_patience import PATIENTLY, hurried


async def test_what_was_written_is_read(redis: Redis):
    """A write is there for the next read."""
    await redis.write(lambda client: client.set("stock", 3))

    assert b"3" == await redis.read(lambda client: client.get("stock"))


async def test_two_workers_share_what_is_there(redis_pair: tuple[Redis, Redis]):
    """Two objects with one URL see the same data."""
    one, other = redis_pair

    await one.write(lambda client: client.set("stock", 3))

    assert b"3" == await other.read(lambda client: client.get("stock"))


async def test_a_memory_without_a_name_is_private():
    """`memory://` is shared with nobody, and empty again after the end."""
    async with connected("memory://") as one, connected("memory://") as other:
        await one.write(lambda client: client.set("stock", 3))

        assert None is await other.read(lambda client: client.get("stock"))
        await one.disconnect()
        await one.connect()
        assert None is await one.read(lambda client: client.get("stock"))


async def test_a_named_memory_lives_as_long_as_somebody_is_connected():
    """What was kept is there while one of those who name it is connected, and gone with the last."""
    one, other = Redis("memory://shop"), Redis("memory://shop")
    await one.connect()
    await one.write(lambda client: client.set("stock", 3))
    await other.connect()
    await one.disconnect()
    assert b"3" == await other.read(lambda client: client.get("stock"))
    await other.disconnect()
    await one.connect()
    assert None is await one.read(lambda client: client.get("stock"))
    await one.disconnect()


def test_a_memory_works_in_one_event_loop_after_another():
    """A battery that is made once starts and stops in any number of loops, as in the tests of an application."""
    battery = Redis("memory://")

    async def use() -> bytes | None:
        await battery.connect()
        async with battery.subscriber() as subscriber:
            await subscriber.add("room")
            await battery.write(lambda client: client.publish("room", b"hello"))
            heard = await anext(subscriber)
        await battery.disconnect()
        return heard.data

    assert [b"hello", b"hello"] == [asyncio.run(use()), asyncio.run(use())]


async def test_a_script_runs_as_one_step(redis: Redis):
    """A script gets its keys and arguments, and is loaded when it is not there yet."""
    take = redis.script("return redis.call('DECRBY', KEYS[1], ARGV[1])")

    assert [-2, -5] == [await take.run(["stock"], [2]), await take.run(["stock"], [3])]
    await redis.client.script_flush()
    assert -6 == await take.run(["stock"], [1], idempotent=True)


async def test_a_script_that_fails_is_an_error_with_its_words(redis: Redis):
    """What Redis says about a script is in the error, and redis-py's error is its cause."""
    wrong = redis.script("return redis.call('INCR', KEYS[1])")
    await redis.client.set("name", "ada")

    with pytest.raises(RedisError, match="not an integer") as failed:
        await wrong.run(["name"])

    assert isinstance(failed.value.__cause__, ResponseError)
    assert not isinstance(failed.value, RedisUnavailable)


@pytest.mark.parametrize("call", ["read", "write"])
async def test_a_refusal_is_no_outage(redis: Redis, call: str):
    """A wrong type is an error of the program, and no 503."""
    await redis.client.rpush("list", 1)

    with pytest.raises(RedisError, match="WRONGTYPE") as refused:
        await getattr(redis, call)(lambda client: client.get("list"))

    assert RedisError is type(refused.value)


async def test_the_client_itself_raises_what_redis_py_raises(redis: Redis):
    """`redis.client` is the ordinary client."""
    await redis.client.rpush("list", 1)

    assert isinstance(redis.client, plain.Redis)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await redis.client.get("list")


async def test_a_call_has_one_deadline_on_the_client_too(redis_server: RedisServer):
    """A call, a pipeline and a WATCH on `redis.client` end by the deadline, with redis-py's own error."""
    async with connected(redis_server.url) as redis, redis.client.pipeline() as pipe:
        redis_server.freeze()
        with hurried(redis, 0.2):
            for late in (
                redis.client.get("key"),
                redis.client.get(b"key"),
                redis.client.pipeline().get("key").execute(),
                pipe.watch("key"),
                redis.client.execute_command(b"GET", "key"),
            ):
                began = time.monotonic()
                with pytest.raises(RedisPyTimeout, match=r"not answered within 0\.2 s"):
                    await asyncio.wait_for(late, PATIENT)
                assert 0.15 < time.monotonic() - began
        redis_server.thaw()


async def test_a_watch_that_fails_in_time_is_still_one(redis_pair: tuple[Redis, Redis]):
    """What redis-py raises when a watched key has changed stays a refusal: nothing was done."""
    one, other = redis_pair

    async def transfer(client: plain.Redis) -> None:
        async with client.pipeline() as pipe:
            await pipe.watch("balance")
            await other.client.set("balance", 5)
            pipe.multi()
            pipe.incr("balance")
            await pipe.execute()

    with pytest.raises(RedisError, match="Watched variable changed"):
        await one.write(transfer)

    assert b"5" == await one.client.get("balance")


async def test_a_blocking_command_waits_outside_of_the_pool(redis_url: str):
    """A command that blocks longer than the deadline takes none of the pool's connections."""
    async with connected(redis_url, pool_size=1) as redis:
        with hurried(redis, 0.2):
            waiting = asyncio.create_task(redis.wait(lambda client: client.blpop(["queue"], timeout=60), 60))
            await asyncio.sleep(0.3)
        await redis.write(lambda client: client.rpush("queue", "job"))

        assert (b"queue", b"job") == tuple(await waiting)
        assert None is await redis.wait(lambda client: client.blpop(["queue"], timeout=0.1), 0.1)


async def blocked(redis: Redis) -> int:
    """How many clients wait in a command that blocks; a server in memory does not count them, and is quick."""
    if redis.settings.kind == "memory":
        await asyncio.sleep(0.05)
        return 1
    return (await redis.client.info("clients"))["blocked_clients"]


async def test_waiting_that_is_cancelled_leaves_nothing_behind(redis_url: str):
    """Whoever stops waiting takes nothing from the queue afterwards, and no task stays."""
    before = asyncio.all_tasks()
    async with connected(redis_url) as redis:
        clients = len(await redis.client.client_list())
        waiting = asyncio.create_task(redis.wait(lambda client: client.blpop(["queue"], timeout=60), 60))
        await until(lambda: blocked(redis))
        waiting.cancel()
        await asyncio.wait([waiting])

        async def gone() -> bool:  # what was sent to a server that has not seen its end yet would still be served
            return len(await redis.client.client_list()) <= clients

        await until(gone)
        await redis.write(lambda client: client.rpush("queue", "job"))
        assert [b"job"] == await redis.wait(lambda client: client.lrange("queue", 0, -1), 0)
    await until(lambda: not asyncio.all_tasks() - before)


async def test_a_connection_that_is_closed_is_gone_at_the_server(redis_pair: tuple[Redis, Redis]):
    """Subscribers, what blocked, and a whole client: none of them is listed or counted any more."""
    one, other = redis_pair
    before = len(await other.client.client_list())
    async with one.subscriber() as subscriber:
        await subscriber.add("room:7")
    waiting = asyncio.create_task(one.wait(lambda client: client.blpop(["queue"], timeout=60), 60))
    await until(lambda: blocked(other))
    waiting.cancel()
    await asyncio.wait([waiting])
    await one.disconnect()

    async def gone() -> bool:
        return len(await other.client.client_list()) < before

    await until(gone)

    assert [(b"room:7", 0)] == await other.client.pubsub_numsub("room:7")


async def test_waiting_on_a_server_that_stands_still_ends(redis_server: RedisServer):
    """A blocking command ends by its seconds and the deadline; what it took is unknown."""
    async with connected(redis_server.url) as redis:
        await redis.wait(lambda client: client.ping(), 0)
        redis_server.freeze()
        with pytest.raises(RedisOutcomeUnknown), hurried(redis, 0.2):
            await redis.wait(lambda client: client.blpop(["queue"], timeout=0.1), 0.1)
        redis_server.thaw()


async def test_connections_bear_a_name(redis_server: RedisServer):
    """CLIENT LIST tells whose a connection is, and what speaks on it."""
    async with connected(redis_server.url, client_name="shop") as redis:
        (client,) = [each for each in await redis.client.client_list() if each["name"].startswith("shop")]

        assert f"shop:{os.getpid()}" == client["name"]
        assert client["lib-name"].startswith("redis-py(heaven-contrib_v")


async def test_a_socket_in_the_file_system_will_do():
    """`unix://` takes the path of the socket, and the number of the database."""
    with RedisServer(options=("--unixsocket", "redis.sock")) as server:
        folder = os.open(server._folder, os.O_RDONLY)  # whose own path may be too long for a socket
        try:
            async with connected(f"unix:///proc/self/fd/{folder}/redis.sock", db=1) as redis:
                await redis.write(lambda client: client.set("key", 1))

                assert ("0", 1) == (server.execute("DBSIZE"), await redis.client.dbsize())
        finally:
            os.close(folder)


async def test_it_is_used_between_connect_and_disconnect():
    """Before and after, it says what to do; twice is refused; disconnecting twice is nothing."""
    redis = Redis("memory://")
    with pytest.raises(RedisError, match=r"Redis\('memory://'\) is not connected: app.plugin"):
        await redis.read(lambda client: client.ping())
    with pytest.raises(RedisError, match="is not connected"):
        await redis.wait(lambda client: client.ping(), 0)
    await redis.connect()
    with pytest.raises(RedisError, match="is connected already"):
        await redis.connect()
    await redis.disconnect()
    await redis.disconnect()
    with pytest.raises(RedisError, match="is not connected"):
        await redis.read(lambda client: client.ping())


async def test_an_application_has_it_under_its_key(redis_url: str):
    """`app.plugin(Redis(url))` connects at startup and disconnects at shutdown; a second one has a key of its own."""
    other: Key[Redis] = Key("other")
    app = App()
    app.plugin(Redis(redis_url))
    app.plugin(Redis("memory://", key=other))

    async def stock(req, res, ctx):
        await req.app.peek(other).client.incr("seen")
        return {"stock": await req.app.peek(REDIS).client.incr("stock")}

    app.GET("/stock", stock)
    async with Client(app, timeout=PATIENT) as client:
        assert {"stock": 1} == (await client.get("/stock")).json()
        assert {"stock": 2} == (await client.get("/stock")).json()
    assert (None, None) == (app.peek(REDIS), app.peek(other))


async def test_an_outage_is_a_503_without_an_address(redis_server: RedisServer):
    """What handlers don't catch is answered with 503 and Retry-After, and tells nobody where Redis is."""
    app = App()
    app.plugin(Redis(redis_server.url + PATIENTLY))

    async def stock(req, res, ctx):
        return {"stock": await req.app.peek(REDIS).write(lambda client: client.incr("stock"))}

    app.GET("/stock", stock)
    async with Client(app, timeout=PATIENT) as client:
        redis_server.kill()
        response = await client.get("/stock")

    assert (503, "1") == (response.status_code, response.headers["retry-after"])
    assert str(redis_server.port) not in response.text


def unused_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


async def test_a_start_before_redis_waits_for_it(redis_server: RedisServer, caplog):
    """An application may start before Redis does; it is there as soon as Redis is."""
    redis_server.stop()
    redis = Redis(f"{redis_server.url}{PATIENTLY}&start_timeout=60")
    starting = asyncio.create_task(redis.connect())
    await until(lambda: "can't be used yet" in caplog.text)
    await asyncio.to_thread(redis_server.restart)
    await starting

    assert True is await redis.read(lambda client: client.ping())
    await redis.disconnect()


async def test_a_redis_that_never_comes_fails_the_start():
    """After `start_timeout` the application has not started, and says where it looked."""
    app = App()
    app.plugin(Redis(f"redis://:canary@127.0.0.1:{(port := unused_port())}/0?start_timeout=0.3"))

    with pytest.raises(StartupFailed) as failed:
        async with Client(app):
            pass

    assert f"redis://127.0.0.1:{port}/0" in str(failed.value.__cause__.__notes__)
    assert "canary" not in str(failed.value)


async def test_wrong_credentials_fail_the_start_at_once():
    """A password that is refused will be refused again: there is no waiting."""
    with RedisServer(password="right") as server:
        began = time.monotonic()
        with pytest.raises(RedisError, match="invalid username-password pair") as refused:
            await Redis(f"{server.url.replace('right', 'wrong')}{PATIENTLY}&start_timeout=60").connect()

    assert RedisError is type(refused.value)
    assert time.monotonic() - began < PATIENT


async def test_disconnecting_lets_calls_end_and_no_other_begin(redis_server: RedisServer):
    """What is on its way gets its answer; what comes later is refused."""
    async with connected(redis_server.url, pool_size=3) as redis:
        redis_server.freeze()
        client = redis.client
        on_their_way = [asyncio.create_task(redis.write(lambda client: client.incr("count"))) for _ in range(3)]
        await asyncio.sleep(0.05)
        leaving = asyncio.create_task(redis.disconnect())
        await asyncio.sleep(0.05)
        late = asyncio.create_task(client.incr("count"))
        redis_server.thaw()
        await leaving
        late.cancel()
        await asyncio.wait([late])

        assert {1, 2, 3} == set(await asyncio.gather(*on_their_way))


async def test_disconnecting_closes_all_connections_also_where_it_is_cancelled(redis_url: str):
    """Whoever is out of patience with calls that are on their way leaves no connection behind."""
    async with connected(redis_url) as other:

        async def alone() -> bool:
            return len(await other.client.client_list()) == 1

        for pauses in range(12):
            redis = Redis(redis_url)
            await redis.connect()
            waiting = asyncio.create_task(redis.wait(lambda client: client.blpop(["queue"], timeout=60), 60))
            await asyncio.sleep(0.01)
            leaving = asyncio.create_task(redis.disconnect())
            for _ in range(pauses):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait([leaving])
            if pauses:  # else it had not begun
                await until(alone)
            else:
                await redis.disconnect()
            with pytest.raises((RedisOutcomeUnknown, RedisUnavailable)):  # sent, or about to be
                await asyncio.wait_for(waiting, PATIENT)


async def test_disconnecting_ends_subscribers(redis_pair: tuple[Redis, Redis]):
    """Their connections are closed like all others, and whoever iterates comes to the end."""
    one, other = redis_pair
    async with one.subscriber() as subscriber:
        await subscriber.add("room:7")
        waiting = asyncio.create_task(anext(subscriber, "the end"))
        await asyncio.sleep(0)
        await one.disconnect()

        assert "the end" == await asyncio.wait_for(waiting, PATIENT)

    async def nobody() -> bool:
        return [(b"room:7", 0)] == await other.client.pubsub_numsub("room:7")

    await until(nobody)


async def test_disconnecting_from_a_server_that_stands_still_ends(redis_server: RedisServer):
    """Shutdown takes no longer than the deadline, and a little to close."""
    async with connected(redis_server.url, deadline=0.3) as redis:
        redis_server.freeze()
        call = asyncio.create_task(redis.write(lambda client: client.incr("count")))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(PATIENT):
            await redis.disconnect()
        redis_server.thaw()
        with pytest.raises(RedisOutcomeUnknown):
            await call


def test_a_demoted_master_has_done_nothing():
    """Sentinel's connection says so with a ConnectionError, whose context is the refusal."""
    error = plain.client.ConnectionError("The previous master is now a slave")
    error.__context__ = ReadOnlyError("READONLY You can't write against a read only replica.")

    assert isinstance(explained(error, sent=True), RedisUnavailable)


def test_without_poll_a_closed_connection_is_seen_all_the_same(monkeypatch):
    """Systems without poll() have select()."""
    from heaven_contrib.redis.connections import _readable

    monkeypatch.delattr(select, "poll")
    here, there = socket.socketpair()
    with here, there:
        assert not _readable(here)
        there.close()
        assert _readable(here)


def test_a_library_that_is_missing_is_named(monkeypatch):
    """`memory://` says which extra it needs, when the battery is made."""
    monkeypatch.setitem(__import__("sys").modules, "fakeredis", None)

    with pytest.raises(ImportError, match=r'for memory:// URLs: pip install "heaven-contrib\[memory\]"'):
        module.Redis("memory://")
