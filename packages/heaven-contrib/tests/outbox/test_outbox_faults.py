from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from heaven_contrib.outbox import Outbox
from heaven_contrib.redis.errors import RedisOutcomeUnknown, RedisUnavailable
from heaven_contrib.sql import ConnectionLost, DatabaseError
from outbox_world import firsts, relaying, until

MOMENTS = ("before publishing", "after publishing", "before forgetting", "after forgetting")


class Interrupted(Outbox):
    """Calls `fault` once, at one moment of the first batch that has messages."""

    moment = ""
    fault = None

    async def _strike(self, moment):
        fault = self.fault
        if moment == self.moment and fault is not None:
            self.fault = None
            await fault()

    async def _publish(self, token, rows):
        if rows:
            await self._strike("before publishing")
        await super()._publish(token, rows)
        if rows:
            await self._strike("after publishing")

    async def _forget(self, ids):
        await self._strike("before forgetting")
        await super()._forget(ids)
        await self._strike("after forgetting")


class Hasty(Interrupted):
    """Deletes before it publishes: what the order of the two is there for."""

    async def _move(self, token):
        rows = await self._database.fetch_all(f"SELECT id, topic, payload FROM {self.table} ORDER BY id LIMIT 5")
        if rows:
            await self._forget([row["id"] for row in rows])
            await self._publish(token, rows)
        return len(rows)


async def raising(error):
    raise error


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "error",
    [
        RedisUnavailable("gone"),
        RedisOutcomeUnknown("lost"),
        ConnectionLost("broken"),
        DatabaseError("no"),
        OSError("!"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_fails_at_whatever_moment_nothing_is_lost(world, moment, error, caplog):
    """It is logged and tried again; a batch that was published and not forgotten is repeated, in its order."""
    outbox = await world.outbox(Interrupted, batch=5)
    outbox.moment, outbox.fault = moment, lambda: raising(error)
    await world.add(*range(12))
    async with relaying(outbox):
        await world.until_empty()
    repeated = [0, 1, 2, 3, 4] if moment in ("after publishing", "before forgetting") else []
    assert [*repeated, *range(12)] == await world.stream()
    assert f"<Outbox '{world.table}' to '{world.table}'> is interrupted, and goes on: " in caplog.text
    assert isinstance(error, OSError) is ("Traceback" in caplog.text)


async def test_one_that_forgets_first_loses_messages(world):
    """The control of the one above: the same fault, and a relay that deletes before it publishes."""
    outbox = await world.outbox(Hasty, batch=5)
    outbox.moment, outbox.fault = "before publishing", lambda: raising(RedisUnavailable("gone"))
    await world.add(*range(12))
    async with relaying(outbox):
        await world.until_empty()
    assert list(range(5, 12)) == await world.stream()


async def test_a_stray_cancellation_does_not_end_the_relay(world):
    """Something that it waited for was cancelled, and not the relay itself."""

    async def cancelled():
        raise asyncio.CancelledError

    outbox = await world.outbox(Interrupted)
    outbox.moment, outbox.fault = "before publishing", cancelled
    await world.add(1)
    async with relaying(outbox):
        await world.until_empty()
    assert [1] == await world.stream()


@pytest.mark.parametrize("moment", MOMENTS[:3])
@pytest.mark.parametrize(("victim", "kind"), [("redis", Interrupted), ("database", Interrupted), ("redis", Hasty)])
async def test_servers_that_are_killed_cost_no_message(
    fragile, lasting_redis, mysql_server, victim, moment, kind, caplog
):
    """What was committed comes out, in order, though Redis or the database is killed at any moment of the relay.

    The control deletes first, and loses a batch with Redis.
    """
    server = lasting_redis if victim == "redis" else mysql_server

    async def power_cut():
        server.kill()
        gone.set()

    async def repair():
        await gone.wait()
        caplog.clear()
        while "is interrupted, and goes on" not in caplog.text:  # the relay has met its absence
            await asyncio.sleep(0.01)
        await asyncio.to_thread(server.restart)

    gone = asyncio.Event()
    outbox = await fragile.outbox(kind, batch=5)
    outbox.moment, outbox.fault = moment, power_cut
    await fragile.add(*range(12))
    repairing = asyncio.create_task(repair())
    async with relaying(outbox):
        await repairing
        await until(fragile.waiting, 0)
        await fragile.add(12)
        await until(fragile.waiting, 0)
        await until(lambda: is_in(fragile, 12), True)
    published = firsts(await fragile.stream())
    assert (list(range(13)) == published) is (kind is Interrupted)


async def is_in(world, number):
    return number in await world.stream()


async def test_messages_that_are_added_while_redis_is_down_come_later(fragile, lasting_redis):
    """Committing does not wait for it, and the relay finds back by itself."""
    async with relaying(fragile.own):
        await fragile.add(1)
        await fragile.until_empty()
        lasting_redis.kill()
        async with asyncio.timeout(30):  # it is down until they are there
            await fragile.add(2, 3)
        await asyncio.to_thread(lasting_redis.restart)
        await fragile.until_empty()
    assert [1, 2, 3] == firsts(await fragile.stream())


WORKER = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from outbox_world import World
from heaven_contrib.outbox import Outbox

class Dying(Outbox):
    async def _forget(self, ids):
        print("published", flush=True)
        await asyncio.sleep(60)

async def main():
    made = World(sys.argv[2], sys.argv[3])
    made.table = sys.argv[4]
    async with made:
        await (await made.outbox(Dying, batch=5)).relay()

asyncio.run(main())
"""


@pytest.mark.parametrize("killed", [True, False])
async def test_a_relay_that_is_killed_is_replaced(servers, killed):
    """After its lease another one takes over, and repeats the batch that was published and not forgotten.

    The control lives on: then nobody takes over, and nothing new is published.
    """
    await servers.add(*range(12))
    here = str(Path(__file__).parent.parent)
    arguments = [sys.executable, "-c", WORKER, here, servers.database_url, servers.redis_url, servers.table]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as worker:
        try:
            assert b"published\n" == await asyncio.to_thread(worker.stdout.readline)
            async with relaying(servers.own):
                if killed:
                    worker.kill()
                    worker.wait()
                    await servers.redis.client.pexpire(f"outbox:{{{servers.table}}}:holder", 200)  # of a minute
                    await servers.until_empty()
                else:
                    await asyncio.sleep(1)
                published = await servers.stream()
        finally:
            worker.kill()
    assert [0, 1, 2, 3, 4] + (list(range(12)) if killed else []) == published
