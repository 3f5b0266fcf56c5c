"""The faults of Redis, each as a function of chance, so that it can be repeated at other moments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

from redis.exceptions import ResponseError

from chaos_outcome import Outcome
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisError, RedisOutcomeUnknown
from heaven_contrib.redis.subscription import Gap, Message, Subscriber
from heaven_testing import RedisServer, ToxicProxy
from patience import PATIENT, until
from redis_patience import DEADLINE, hurried

PATIENCE = PATIENT
"""Seconds that coming back may take before it counts as failed."""

Prepare = Callable[[Redis], None]
"""What a control does to a connected Redis, to break what is tested."""


@asynccontextmanager
async def connected(url: str, **options: object) -> AsyncIterator[Redis]:
    """A Redis that is connected, with options in its URL; without a deadline among them, calls have all their time."""
    if "deadline=" not in url:
        options = {"deadline": DEADLINE, **options}
    redis = Redis(url + ("&" if "?" in url else "?") + "&".join(f"{name}={value}" for name, value in options.items()))
    await redis.connect()
    try:
        yield redis
    finally:
        await redis.disconnect()


async def works_again(redis: Redis) -> tuple[bool, float]:
    """Whether a write is acknowledged before patience ends, and after how many seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < PATIENCE:
        try:
            await redis.write(lambda client: client.set("alive", 1))
        except RedisError:
            await asyncio.sleep(0.005)
        else:
            return True, loop.time() - began
    return False, PATIENCE


def nothing(redis: Redis) -> None:
    """Break nothing."""


async def killed_under_load(chance: Random, prepare: Prepare = nothing, *, persistent: bool = True) -> Outcome:
    """kill -9 while eight tasks write transactions: what was acknowledged is there, and nothing was done twice."""
    acknowledged: list[str] = []
    unknown: list[str] = []
    over = asyncio.Event()

    async def write(redis: Redis, worker: int) -> None:
        number = 0
        while not over.is_set():
            name = f"{worker}:{number}"
            number += 1

            def transaction(client: object, name: str = name) -> Awaitable[object]:
                return client.pipeline(transaction=True).sadd("written", name).incr("count").execute()

            try:
                await redis.write(transaction)
                acknowledged.append(name)
            except RedisOutcomeUnknown:
                unknown.append(name)
            except RedisError:
                await asyncio.sleep(0.005)

    with RedisServer(persistent=persistent) as server:
        async with connected(server.url, pool_size=6) as redis:
            prepare(redis)
            writers = [asyncio.create_task(write(redis, worker)) for worker in range(8)]
            await until(lambda: acknowledged)
            await asyncio.sleep(chance.uniform(0, 0.2))
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(chance.uniform(0, 0.1))
            await asyncio.to_thread(server.restart)
            recovered, seconds = await works_again(redis)
            over.set()
            await asyncio.gather(*writers)
            written = {name.decode() for name in await redis.read(lambda client: client.smembers("written"))}
            count = int(await redis.read(lambda client: client.get("count")) or 0)
    gone = len(set(acknowledged) - written)
    twice = max(0, count - len(acknowledged) - len(unknown))
    return Outcome(recovered and bool(acknowledged), lost=gone + twice, recovery_seconds=seconds)


async def swallowed(chance: Random, prepare: Prepare = nothing) -> Outcome:
    """The answers to INCR are swallowed: each is reported as unknown, and was done once at most."""
    asked = 5
    with RedisServer() as server, ToxicProxy(server.url) as proxy:
        async with connected(proxy.url) as redis:
            prepare(redis)
            for _ in range(chance.randint(1, 5)):
                await redis.write(lambda client: client.incr("count"))
            before = int(server.execute("GET", "count") or 0)
            proxy.swallow_replies()
            told = 0
            with hurried(redis, 0.2):
                for _ in range(asked):
                    try:
                        await redis.write(lambda client: client.incr("count"))
                    except RedisOutcomeUnknown:
                        told += 1
                    except RedisError:  # a new connection is not greeted either: nothing was sent, and that is said
                        pass
            proxy.heal()
            proxy.reset()
            recovered, seconds = await works_again(redis)
            done = int(server.execute("GET", "count") or 0) - before
    return Outcome(recovered and told > 0, lost=max(0, done - told), recovery_seconds=seconds)


async def cancelled(chance: Random, prepare: Prepare = nothing, *, calls: int = 400) -> Outcome:
    """Calls are cancelled at any moment behind a proxy that delays: a key's value is its own, or there is none."""
    keys = 20
    crossed = 0

    async def ask(redis: Redis, number: int, hurry: float) -> None:
        nonlocal crossed
        key = f"key:{number % keys}"
        try:
            async with asyncio.timeout(hurry):
                if number % 3 == 0:
                    values = await redis.client.pipeline().get(key).get(key).execute()
                elif number % 3 == 1:
                    values = await redis.client.pipeline(transaction=False).get(key).get(key).execute()
                else:
                    values = [await redis.client.get(key)]
        except TimeoutError:
            return
        except (ResponseError, AttributeError, TypeError):  # redis-py can't make sense of somebody else's answer
            crossed += 1
            return
        crossed += any(value != key.encode() for value in values)

    with RedisServer() as server, ToxicProxy(server.url, seed=chance.randrange(2**30)) as proxy:
        async with connected(proxy.url, pool_size=10) as redis:
            await redis.write(lambda client: client.mset({f"key:{number}": f"key:{number}" for number in range(keys)}))
            prepare(redis)
            proxy.delay(0.001, 0.004, direction="down")
            for start in range(0, calls, 100):
                hurries = [chance.uniform(0, 0.03) for _ in range(100)]
                await asyncio.gather(*(ask(redis, start + number, hurry) for number, hurry in enumerate(hurries)))
            proxy.heal()
            await asyncio.gather(*(ask(redis, number, PATIENCE) for number in range(60)))
            recovered, seconds = await works_again(redis)
    return Outcome(recovered, crossed=crossed, recovery_seconds=seconds)


async def idle_when_restarted(chance: Random, prepare: Prepare = nothing) -> Outcome:
    """The server is restarted, and the loop has not noticed: no idle connection is an error for the next call."""
    with RedisServer() as server:
        async with connected(server.url, pool_size=30) as redis:
            prepare(redis)
            count = chance.randint(2, 30)
            await asyncio.gather(*(redis.client.ping() for _ in range(count)))
            server.restart()
            return await _all_answered(redis, count)


async def idle_when_closed(chance: Random, prepare: Prepare = nothing) -> Outcome:
    """CLIENT KILL closes all connections: no idle connection is an error for the next call."""
    with RedisServer() as server:
        async with connected(server.url, pool_size=30) as redis:
            prepare(redis)
            count = chance.randint(2, 30)
            await asyncio.gather(*(redis.client.ping() for _ in range(count)))
            server.execute("CLIENT", "KILL", "TYPE", "normal")
            return await _all_answered(redis, count)


async def _all_answered(redis: Redis, count: int) -> Outcome:
    began = asyncio.get_running_loop().time()
    writes = (redis.write(lambda client: client.incr("count")) for _ in range(count))
    answers = await asyncio.gather(*writes, return_exceptions=True)
    errors = sum(isinstance(answer, BaseException) for answer in answers)
    return Outcome(not errors, lost=errors, recovery_seconds=asyncio.get_running_loop().time() - began)


async def frozen(chance: Random, prepare: Prepare = nothing) -> Outcome:
    """The server stands still: calls end together by their deadline, and every slot of the pool comes back."""
    with RedisServer() as server:
        async with connected(server.url, pool_size=3) as redis:
            with hurried(redis, 0.3):
                prepare(redis)
                await asyncio.sleep(chance.uniform(0, 0.05))
                server.freeze()
                loop = asyncio.get_running_loop()
                began = loop.time()
                async with asyncio.timeout(PATIENCE):
                    calls = (redis.read(lambda client: client.get("key")) for _ in range(chance.randint(200, 250)))
                    answers = await asyncio.gather(*calls, return_exceptions=True)
                late = loop.time() - began > 10  # three at a time, each with a deadline of its own, take 20 s
            server.thaw()
            recovered, seconds = await works_again(redis)
            together = await asyncio.gather(*(redis.client.ping() for _ in range(30)))
    told = all(isinstance(answer, RedisError) for answer in answers)
    return Outcome(recovered and told and not late and all(together), recovery_seconds=seconds)


async def pubsub_killed(chance: Random) -> Outcome:
    """kill -9 under a subscriber: it says that there is a gap, and what is published after that comes."""

    async def fault(server: RedisServer, subscriber: Subscriber) -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(chance.uniform(0, 0.1))
        await asyncio.to_thread(server.restart)

    return await _subscribed(chance, fault)


async def pubsub_closed(chance: Random) -> Outcome:
    """CLIENT KILL TYPE pubsub: the subscriber says that there is a gap, and what is published after that comes."""

    async def fault(server: RedisServer, subscriber: Subscriber) -> None:
        server.execute("CLIENT", "KILL", "TYPE", "pubsub")

    return await _subscribed(chance, fault)


async def pubsub_frozen(chance: Random) -> Outcome:
    """A server that stands still is noticed by a subscriber to whom nobody writes."""

    async def fault(server: RedisServer, subscriber: Subscriber) -> None:
        server.freeze()
        await until(lambda: subscriber._link is None)
        server.thaw()

    return await _subscribed(chance, fault, deadline=0.4)


Fault = Callable[[RedisServer, Subscriber], Awaitable[None]]
"""What happens to a server while a subscriber waits."""


async def _subscribed(chance: Random, fault: Fault, *, deadline: float = DEADLINE) -> Outcome:
    loop = asyncio.get_running_loop()
    with RedisServer() as server:
        async with connected(server.url) as redis, redis.subscriber() as subscriber:
            await subscriber.add("room")
            await subscriber.add("other")
            await asyncio.sleep(chance.uniform(0, 0.05))
            with hurried(redis, deadline):
                waiting = asyncio.create_task(anext(subscriber))
                await asyncio.sleep(0)
                await fault(server, subscriber)
            began = loop.time()
            async with asyncio.timeout(PATIENCE):
                gap = await waiting
                seconds = loop.time() - began
                server.execute("PUBLISH", "room", "hello")
                server.execute("PUBLISH", "other", "there")
                heard = [await anext(subscriber), await anext(subscriber)]
    complete = isinstance(gap, Gap) and heard == [Message("room", b"hello"), Message("other", b"there")]
    return Outcome(complete, recovery_seconds=max(0.0, seconds))


SCENARIOS: dict[str, Callable[[Random], Awaitable[Outcome]]] = {
    "redis: kill -9 under load": killed_under_load,
    "redis: replies swallowed": swallowed,
    "redis: calls cancelled": cancelled,
    "redis: restarted while connections are idle": idle_when_restarted,
    "redis: CLIENT KILL of idle connections": idle_when_closed,
    "redis: frozen": frozen,
    "redis: kill -9 under a subscriber": pubsub_killed,
    "redis: CLIENT KILL TYPE pubsub": pubsub_closed,
    "redis: frozen under a subscriber": pubsub_frozen,
}
"""What `make chaos` repeats."""
