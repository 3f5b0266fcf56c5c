"""What happens to calls when Redis, or the way to it, fails; each with a control that shows the check can fail."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, nullcontext
from random import Random

import pytest
import redis.asyncio
from redis.asyncio.connection import Connection
from redis.exceptions import TimeoutError as RedisPyTimeout

from chaos_redis import (
    cancelled,
    connected,
    frozen,
    idle_when_closed,
    idle_when_restarted,
    killed_under_load,
    pubsub_closed,
    pubsub_frozen,
    pubsub_killed,
    swallowed,
)
from heaven import App
from heaven_contrib.redis.battery import REDIS, Redis
from heaven_contrib.redis.client import Pipeline
from heaven_contrib.redis.connections import Pool, ServerConnection
from heaven_contrib.redis.errors import RedisError, RedisOutcomeUnknown, RedisUnavailable
from heaven_contrib.redis.shared_store import SharedStore
from heaven_contrib.redis.subscription import Subscriber
from heaven_testing import Client, RedisServer, ToxicProxy
from patience import PATIENT, until
from redis_patience import PATIENTLY, hurried

Toxic = Callable[[str], ToxicProxy]


async def test_a_server_that_swallows_replies_sees_one_write():
    """A write whose answer is lost was sent once, and is reported as unknown."""
    outcome = await swallowed(Random(1))

    assert (True, 0) == (outcome.recovered, outcome.lost)


@asynccontextmanager
async def swallowing() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that greets everybody and never answers INCR: its port, and each INCR it has seen."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while data := await reader.read(65536):
                for command in data.split(b"*")[1:]:
                    if b"INCR" in command:
                        seen.append(command)
                    else:
                        writer.write(b"+PONG\r\n" if b"PING" in command else b"+OK\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()


async def test_a_server_that_greets_and_swallows_sees_one_write():
    """The same where a new connection would be greeted, so that trying again would be easy."""
    async with swallowing() as (port, seen), connected(f"redis://127.0.0.1:{port}", deadline=0.5) as battery:
        with pytest.raises(RedisOutcomeUnknown):
            await battery.write(lambda client: client.incr("count"))
        await until(lambda: seen)

        assert 1 == len(seen)


async def test_control_redis_pys_own_client_writes_again():
    """The same with redis-py's client as it comes: the server sees more than was asked for."""
    async with swallowing() as (port, seen):
        async with redis.asyncio.Redis(host="127.0.0.1", port=port, protocol=2, socket_timeout=0.05) as client:
            asking = asyncio.create_task(client.incr("count"))
            await until(lambda: len(seen) > 1)
            asking.cancel()
            await asyncio.wait([asking])


async def test_ten_thousand_cancelled_calls_cross_no_reply():
    """Whatever is cancelled, at whatever moment, the next caller gets the answer to its own question."""
    outcome = await cancelled(Random(1), calls=10_000)

    assert (True, 0) == (outcome.recovered, outcome.crossed)


class CarelessConnection(ServerConnection):
    """Goes on being used after a call on it was cancelled, as redis-py's did once (CVE-2023-28858)."""

    async def read_response(self, *args: object, **options: object) -> object:
        return await super().read_response(*args, **{**options, "disconnect_on_error": False})

    async def can_read(self) -> bool:
        return False


async def test_control_replies_cross_on_connections_that_are_used_again():
    """The same with a connection that stays open when a call on it is cancelled."""

    def careless(battery: Redis) -> None:
        pool = battery.client.connection_pool
        pool.connection_class = CarelessConnection
        while pool._available_connections:
            pool._available_connections.pop()._close()

    outcome = await cancelled(Random(1), careless, calls=1000)

    assert outcome.crossed > 0


@pytest.mark.parametrize("scenario", [idle_when_restarted, idle_when_closed])
async def test_idle_connections_that_were_closed_are_no_error(scenario):
    """A write that takes a connection which the server has closed meanwhile gets another one, unseen."""
    outcome = await scenario(Random(1))

    assert (True, 0) == (outcome.recovered, outcome.lost)


@pytest.mark.parametrize("scenario", [idle_when_restarted, idle_when_closed])
async def test_control_idle_connections_are_errors_to_who_asks_the_loop_alone(scenario, monkeypatch):
    """The same when only what the event loop has read is looked at: a loop that was busy has not seen the end."""
    monkeypatch.setattr(ServerConnection, "_is_stale", lambda self: False)

    outcome = await scenario(Random(1))

    assert outcome.lost > 0


async def test_idle_connections_that_were_reset_are_no_error(redis_server: RedisServer, toxic: Toxic):
    """Connections that ended with a reset, seen by the loop or not, are replaced as well."""
    proxy = toxic(redis_server.url)
    async with connected(proxy.url, pool_size=10) as battery:
        for seen in (False, True):
            await asyncio.gather(*(battery.client.ping() for _ in range(10)))
            proxy.reset()
            if seen:
                await asyncio.sleep(0.05)

            answers = await asyncio.gather(*(battery.write(lambda client: client.ping()) for _ in range(10)))

            assert [True] * 10 == answers


async def test_acknowledged_writes_survive_kill_9_and_none_is_done_twice():
    """Transactions under load: what was acknowledged is there after kill -9, and what is there twice was asked twice."""
    outcome = await killed_under_load(Random(1))

    assert (True, 0) == (outcome.recovered, outcome.lost)


async def test_control_a_server_that_keeps_nothing_loses_what_it_acknowledged():
    """The same with a server that writes nothing down."""
    outcome = await killed_under_load(Random(1), persistent=False)

    assert outcome.lost > 0


async def test_a_frozen_server_is_an_error_by_the_deadline_and_slots_come_back():
    """Calls end by their deadline, and afterwards all connections of the pool are there again."""
    outcome = await frozen(Random(1))

    assert outcome.recovered


async def test_control_without_a_deadline_a_frozen_server_is_waited_for(monkeypatch):
    """The same without the deadlines of the client and of the call."""

    def patient(battery: Redis) -> None:
        battery.client.connection_pool.deadline = None
        object.__setattr__(battery.settings, "deadline", None)

    monkeypatch.setattr("chaos_redis.PATIENCE", 1.0)
    with pytest.raises(TimeoutError):
        await frozen(Random(1), patient)


@pytest.mark.parametrize("scenario", [pubsub_killed, pubsub_closed, pubsub_frozen])
async def test_a_subscriber_comes_back_and_says_that_messages_may_be_lost(scenario):
    """After a Gap, all channels are subscribed again."""
    outcome = await scenario(Random(1))

    assert outcome.recovered


async def test_control_a_subscriber_that_forgets_the_loss_says_nothing(monkeypatch):
    """The same with one that comes back in silence, as redis-py's does."""
    drop = Subscriber._drop
    monkeypatch.setattr(Subscriber, "_drop", lambda self, link, reason: drop(self, link, ""))
    monkeypatch.setattr("chaos_redis.PATIENCE", 1.0)

    with pytest.raises(TimeoutError):
        await pubsub_closed(Random(1))


async def test_control_redis_pys_own_subscriber_says_nothing(redis_server: RedisServer):
    """What is published while redis-py's own subscriber is away is lost, and nothing tells."""
    client = redis.asyncio.Redis(host="127.0.0.1", port=redis_server.port)
    async with client, client.pubsub(ignore_subscribe_messages=True) as subscriber:
        await subscriber.subscribe("room")
        await subscriber.get_message(timeout=PATIENT)  # which is the confirmation
        redis_server.execute("CLIENT", "KILL", "TYPE", "pubsub")
        redis_server.execute("PUBLISH", "room", "lost")
        heard = asyncio.create_task(anext(subscriber.listen()))
        async with asyncio.timeout(PATIENT):
            while redis_server.execute("PUBLISH", "room", "after") == "0":
                await asyncio.sleep(0.01)

            assert (await heard)["data"] == b"after"


async def _hold(battery: Redis, taken: asyncio.Semaphore, seconds: float) -> None:
    pool = battery.client.connection_pool
    connection = await pool.get_connection()
    taken.release()
    try:
        await asyncio.sleep(seconds)
    finally:
        await pool.release(connection)


async def test_a_full_pool_is_a_503_by_the_deadline_and_slots_come_back(redis_server: RedisServer):
    """Two slots, fifty waiters, half of them cancelled: the others get 503 by the deadline, and both slots return."""
    loop = asyncio.get_running_loop()
    async with connected(redis_server.url, pool_size=2) as battery:
        taken = asyncio.Semaphore(0)
        holders = [asyncio.create_task(_hold(battery, taken, 60)) for _ in range(2)]
        for _ in holders:
            await taken.acquire()
        began = loop.time()
        with hurried(battery, 0.3):
            waiters = [asyncio.create_task(battery.read(lambda client: client.ping())) for _ in range(50)]
            await asyncio.sleep(0.05)
            for waiter in waiters[::2]:
                waiter.cancel()
            async with asyncio.timeout(PATIENT):
                await asyncio.wait(waiters)
        took = loop.time() - began
        for holder in holders:
            holder.cancel()
        await asyncio.wait(holders)

        assert {503} == {waiter.exception().status for waiter in waiters[1::2]}
        assert 0.25 < took < PATIENT  # whoever holds a slot holds it for a minute
        assert [True] * 20 == await asyncio.gather(*(battery.read(lambda client: client.ping()) for _ in range(20)))


async def test_a_turn_that_is_cancelled_goes_to_the_next(redis_server: RedisServer):
    """A waiter that is cancelled at the moment it is served takes nobody's turn with it."""
    async with connected(redis_server.url, pool_size=1) as battery:
        pool = battery.client.connection_pool
        for _ in range(20):
            held = await pool.get_connection()
            first, second = (asyncio.create_task(pool.get_connection()) for _ in range(2))
            await asyncio.sleep(0)
            await pool.release(held)
            first.cancel()
            async with asyncio.timeout(PATIENT):
                await pool.release(await second)


async def test_a_connection_that_can_not_be_made_costs_no_slot(redis_server: RedisServer, monkeypatch):
    """A slot comes back where there is not even a connection to lend."""
    async with connected(redis_server.url, pool_size=1) as battery:
        pool = battery.client.connection_pool
        await pool.disconnect()
        pool._available_connections.clear()
        with monkeypatch.context() as broken:
            broken.setattr(Pool, "make_connection", lambda self: 1 / 0)
            for _ in range(3):
                with pytest.raises(ZeroDivisionError):
                    await battery.client.ping()

        assert True is await battery.client.ping()


async def test_control_a_pool_that_loses_a_slot_is_empty_in_the_end(redis_server: RedisServer, monkeypatch):
    """The check of slots fails for a pool that forgets one when its holder is cancelled."""

    async def forget(self: Pool, connection: Connection) -> None:
        await super(Pool, self).release(connection)

    async with connected(redis_server.url, pool_size=2) as battery:
        with monkeypatch.context() as broken:
            broken.setattr(Pool, "release", forget)
            await asyncio.gather(*(battery.client.ping() for _ in range(2)))
        with hurried(battery, 0.2):
            with pytest.raises(RedisUnavailable):
                await battery.read(lambda client: client.ping())
            await battery.disconnect()


async def test_a_lost_answer_to_exec_is_unknown_even_where_keys_were_watched(redis_server: RedisServer, toxic: Toxic):
    """redis-py calls it a WatchError, which callers take as a reason to try again; here it is what it is."""
    proxy = toxic(redis_server.url)
    async with connected(proxy.url) as battery:

        async def transfer(client: redis.asyncio.Redis) -> None:
            async with client.pipeline() as pipe:
                await pipe.watch("balance")
                pipe.multi()
                pipe.incr("balance")
                proxy.swallow_replies()
                task = asyncio.create_task(pipe.execute())
                await until(lambda: redis_server.execute("GET", "balance") == "1")
                proxy.heal()
                proxy.reset()
                await task

        redis_server.flush()
        with pytest.raises(RedisOutcomeUnknown):
            await battery.write(transfer)

        assert "1" == redis_server.execute("GET", "balance")


@pytest.mark.parametrize("then", ["execute", "leave"])
async def test_a_watch_on_a_server_that_stands_still_ends_by_the_deadline(redis_server: RedisServer, then: str):
    """A transaction that watches, or gives up watching, does not wait longer than others, and its slot comes back."""
    async with connected(redis_server.url, pool_size=1) as battery, AsyncExitStack() as stack:
        async with asyncio.timeout(PATIENT), battery.client.pipeline() as pipe:
            await pipe.watch("balance")
            redis_server.freeze()
            stack.enter_context(hurried(battery, 0.3))
            if then == "execute":
                pipe.multi()
                pipe.incr("balance")
                with pytest.raises(RedisPyTimeout):
                    await pipe.execute()
        redis_server.thaw()
        await stack.aclose()

        assert True is await battery.read(lambda client: client.ping())


async def test_a_transaction_that_is_cancelled_has_no_second_deadline(redis_server: RedisServer, monkeypatch):
    """Whoever watches and is out of time does not wait for an answer to UNWATCH; the connection is closed instead."""
    states: list[bool] = []
    reset = redis.asyncio.client.Pipeline.reset

    async def noted(self: redis.asyncio.client.Pipeline) -> None:
        states.append(self.connection.is_connected)
        await reset(self)

    monkeypatch.setattr(redis.asyncio.client.Pipeline, "reset", noted)

    async def think(client: redis.asyncio.Redis) -> None:
        async with client.pipeline() as pipe:
            await pipe.watch("balance")
            redis_server.freeze()
            await asyncio.sleep(30)

    async with connected(redis_server.url, pool_size=1) as battery:
        with pytest.raises(RedisOutcomeUnknown), hurried(battery, 0.3):
            await battery.write(think)
        redis_server.thaw()

        assert [False] == states
        assert True is await battery.read(lambda client: client.ping())


async def test_control_redis_pys_own_pipeline_waits_for_ever(redis_server: RedisServer, monkeypatch):
    """The same as redis-py ends a pipeline: it connects again to say that it watches nothing, however long that takes."""
    monkeypatch.delattr(Pipeline, "reset")
    async with connected(redis_server.url, pool_size=1) as battery:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5), battery.client.pipeline() as pipe:
                await pipe.watch("balance")
                redis_server.freeze()
        redis_server.thaw()


async def test_a_write_to_a_server_that_is_gone_was_never_sent(redis_server: RedisServer):
    """Where nothing could be sent, nothing is unknown: 503."""
    async with connected(redis_server.url) as battery:
        await asyncio.to_thread(redis_server.kill)

        with pytest.raises(RedisUnavailable):
            await battery.write(lambda client: client.incr("count"))


async def test_a_read_is_tried_again_when_its_connection_breaks(redis_server: RedisServer, toxic: Toxic):
    """A connection that breaks under a read costs nobody an error; a write on it is unknown."""
    proxy = toxic(redis_server.url)
    async with connected(proxy.url) as battery:
        for call, expected in ((battery.read, None), (battery.write, RedisOutcomeUnknown)):
            proxy.swallow_replies()
            task = asyncio.create_task(call(lambda client: client.get("key")))
            before = proxy.bytes_up
            await until(lambda before=before: proxy.bytes_up > before)
            proxy.heal()
            proxy.reset()

            assert expected is (
                None if (await asyncio.wait([task])) and not task.exception() else type(task.exception())
            )


async def test_a_password_is_in_no_repr_log_or_traceback(caplog: pytest.LogCaptureFixture):
    """Whatever fails, before and after the start, the password is not in what is said about it."""
    caplog.set_level(logging.DEBUG)
    canary = "canary-p4ss"
    said: list[str] = []
    with RedisServer(password=canary) as server:
        wrong = Redis(server.url.replace(canary, f"{canary}-wrong") + f"{PATIENTLY}&start_timeout=0")
        with pytest.raises(RedisError) as refused:
            await wrong.connect()
        async with connected(server.url) as battery:
            await battery.write(lambda client: client.set("key", 1))
            said += [repr(battery), repr(battery.settings), repr(battery.client), str(vars(battery.client))]
            server.stop()
            with pytest.raises(RedisError) as gone:
                await battery.write(lambda client: client.set("key", 1))
        absent = Redis(server.url + "?start_timeout=0.1")
        with pytest.raises(RedisUnavailable) as never:
            await absent.connect()
    for error in (refused, gone, never):
        said.append("".join(traceback.format_exception(error.value)))
    said += [repr(wrong), caplog.text]

    assert [] == [text for text in said if canary in text]
    assert any(f"127.0.0.1:{server.port}" in text for text in said)


def shop(url: str, *, careless: bool = False) -> App:
    """An application whose login looks for a session, and makes one where there is none."""
    app = App()
    app.plugin(battery := Redis(url))
    sessions = SharedStore(battery, "sessions")

    async def login(req, res, ctx):
        try:
            session = await sessions.peek("ada", type=dict)
        except RedisUnavailable:
            if not careless:
                raise
            session = None
        return {"known": session is not None}

    app.GET("/login", login)
    return app


async def _log_in_while_redis_goes(redis_server: RedisServer, app: App) -> list[tuple[int, bool | None]]:
    """Logs in before, while and after Redis is down; what came each time."""
    seen = []
    async with Client(
        app, timeout=PATIENT, leaks={"tasks", "exceptions"}
    ) as client:  # the server that is restarted opens files
        await SharedStore(app.peek(REDIS), "sessions").keep("ada", {"name": "Ada"})
        for change in (None, redis_server.freeze, redis_server.kill, redis_server.restart):
            if change is not None:
                change()
            if change == redis_server.restart:
                await SharedStore(app.peek(REDIS), "sessions").keep("ada", {"name": "Ada"})
            with hurried(app.peek(REDIS), 0.3) if change == redis_server.freeze else nullcontext():
                response = await client.get("/login")
            seen.append((response.status_code, response.json().get("known")))
    return seen


async def test_a_session_store_that_is_down_is_a_503_and_never_an_empty_session(redis_server: RedisServer):
    """Redis stands still, and is killed, during a login: the login fails, and nobody is taken for somebody new."""
    seen = await _log_in_while_redis_goes(redis_server, shop(redis_server.url + PATIENTLY))

    assert [(200, True), (503, None), (503, None), (200, True)] == seen


async def test_control_a_login_that_takes_an_outage_for_no_session(redis_server: RedisServer):
    """The same with a handler that goes on without the session."""
    seen = await _log_in_while_redis_goes(redis_server, shop(redis_server.url + PATIENTLY, careless=True))

    assert (200, False) in seen
