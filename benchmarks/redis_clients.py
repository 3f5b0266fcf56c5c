"""The clients of part `redis`: the same commands on the same keys; hiredis reads the answers of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

POOL = 20
DEADLINE = 2
TASKS, TURNS = 50, 10
KEY, VALUE = "benchmark:key", b"all the world's a stage"
HUNDRED = [f"benchmark:{number}" for number in range(100)]


async def furnish(url: str) -> None:
    """Write what is read."""
    from redis.asyncio import Redis

    async with Redis.from_url(url) as client:
        await client.mset({KEY: VALUE, **dict.fromkeys(HUNDRED, VALUE)})


async def by_many(one: Callable[[], Awaitable[Any]]) -> Any:
    """Do something 500 times by 50 tasks."""

    async def some() -> Any:
        for _ in range(TURNS - 1):
            await one()
        return await one()

    return (await asyncio.gather(*[some() for _ in range(TASKS)]))[0]


def pipeline(client: Any) -> Any:
    """A hundred commands in one round trip."""
    commands = client.pipeline(transaction=False)
    for key in HUNDRED:
        commands.get(key)
    return commands.execute()


class Plain:
    """A client of redis-py, used as it is."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def get(self) -> Any:
        """One command."""
        return await self.client.get(KEY)

    async def pipeline(self) -> Any:
        """A hundred."""
        return await pipeline(self.client)

    async def busy(self) -> Any:
        """One command, by many tasks."""
        return await by_many(self.get)


class Heaven(Plain):
    """`heaven_contrib.redis.Redis`, whose `read` may try again within one deadline."""

    def __init__(self, redis: Any) -> None:
        super().__init__(redis.client)
        self.redis = redis

    async def get(self) -> Any:
        """One command."""
        return await self.redis.read(lambda client: client.get(KEY))

    async def pipeline(self) -> Any:
        """A hundred."""
        return await self.redis.read(pipeline)


@asynccontextmanager
async def heaven(url: str, kind: type[Plain]) -> AsyncIterator[Plain]:
    """Ours."""
    from heaven_contrib.redis import Redis

    redis = Redis(f"{url}?pool_size={POOL}&deadline={DEADLINE}")
    await redis.connect()
    yield Heaven(redis) if kind is Heaven else Plain(redis.client)
    await redis.disconnect()


@asynccontextmanager
async def redis_py(url: str) -> AsyncIterator[Plain]:
    """A bounded pool that blocks, deadlines, a name, no retries, and RESP 2."""
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.maint_notifications import MaintNotificationsConfig

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=POOL,
        timeout=DEADLINE,
        socket_timeout=DEADLINE,
        socket_connect_timeout=DEADLINE,
        client_name="heaven",
        protocol=2,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        retry=Retry(NoBackoff(), 0),
    )
    async with Redis(connection_pool=pool) as client:
        yield Plain(client)
    await pool.disconnect()


@asynccontextmanager
async def redis_py_defaults(url: str) -> AsyncIterator[Plain]:
    """As its documentation begins."""
    from redis.asyncio import Redis

    async with Redis.from_url(url) as client:
        yield Plain(client)


@dataclass(frozen=True, slots=True)
class Kind:
    """One client: whose versions are printed, and what connects it."""

    distributions: tuple[str, ...]
    connect: Callable[[str], AbstractAsyncContextManager[Any]]


CLIENTS = {
    "heaven": Kind(("heaven-contrib", "redis", "hiredis"), lambda url: heaven(url, Heaven)),
    "heaven_client": Kind(("heaven-contrib", "redis", "hiredis"), lambda url: heaven(url, Plain)),
    "redis_py": Kind(("redis", "hiredis"), redis_py),
    "redis_py_defaults": Kind(("redis", "hiredis"), redis_py_defaults),
}


def is_value(answer: Any) -> None:
    """Refuse another value."""
    if answer != VALUE:
        raise ValueError(f"not the value: {answer!r}")


def are_values(answer: Any) -> None:
    """Refuse what are not a hundred of them."""
    if answer != [VALUE] * len(HUNDRED):
        raise ValueError(f"not the values: {answer!r:.100}")


ANSWERS: dict[str, Callable[[Any], None]] = {"get": is_value, "pipeline": are_values, "busy": is_value}
