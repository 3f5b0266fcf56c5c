"""What an outbox stands on, embedded and as real servers, and what a consumer of its stream sees."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from heaven_contrib.outbox import Outbox
from heaven_contrib.redis.battery import Redis
from heaven_contrib.sql import Database


class World:
    """A database and a Redis by their URLs; `outbox()` makes another worker's outbox on them."""

    def __init__(self, database_url, redis_url, lease=60.0):
        self.database_url = database_url
        self.redis_url = redis_url
        self.lease = lease
        self.table = f"outbox_{uuid4().hex}"
        self.stack = AsyncExitStack()

    async def __aenter__(self):
        self.database = await self.stack.enter_async_context(Database(self.database_url))
        self.redis = await self.connected()
        self.own = _asking_often(Outbox(self.database, self.redis, **self.names))
        await self.own.create_table()
        return self

    async def __aexit__(self, *error):
        await self.stack.aclose()

    @property
    def names(self):
        return {"stream": self.table, "table": self.table, "poll": 0.02, "lease": self.lease}

    async def connected(self):
        redis = Redis(self.redis_url)
        await redis.connect()
        self.stack.push_async_callback(redis.disconnect)
        return redis

    async def outbox(self, kind=Outbox, **options):
        """An outbox with a connection to Redis of its own, as another worker has."""
        return _asking_often(kind(self.database, await self.connected(), **self.names | options))

    async def add(self, *payloads):
        """Commit each payload in a transaction of its own."""
        for payload in payloads:
            async with self.database.transaction() as tx:
                await self.own.add(tx, "counted", payload)

    async def stream(self):
        """The payloads that were published, in the order of the stream."""
        entries = await self.redis.read(lambda client: client.xrange(self.table))
        return [int(fields[b"payload"]) for _, fields in entries]

    async def waiting(self):
        """How many messages are in the table."""
        return await self.database.fetch_value(f"SELECT COUNT(*) FROM {self.table}")

    async def until_empty(self):
        await until(self.waiting, 0)


def _asking_often(outbox):
    """However long its lease is, it sees soon that another one has given it back."""
    outbox._lock._poll = 0.05
    return outbox


async def until(ask, answer):
    """Ask until the answer is this one; services that are down in between are asked again."""
    seen = None
    try:
        async with asyncio.timeout(60):
            while seen != answer:
                try:
                    seen = await ask()
                except Exception as error:
                    seen = error
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{seen!r} never became {answer!r}") from None


@asynccontextmanager
async def relaying(*outboxes):
    """Have the relays run for a block."""
    tasks = [asyncio.create_task(outbox.relay()) for outbox in outboxes]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def firsts(payloads):
    """The payloads, without repeats: what a consumer works on that remembers what it has seen."""
    return list(dict.fromkeys(payloads))
