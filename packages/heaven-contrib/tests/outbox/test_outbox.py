from __future__ import annotations

import asyncio

import pytest

from heaven import App
from heaven.errors import RegistrationError
from heaven_contrib.outbox import MAX_PAYLOAD, OUTBOX, Outbox, table_sql
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.locks import LeaseLost
from heaven_contrib.sql import TRANSACTION, Database
from heaven_testing import Client
from outbox_world import firsts, relaying, until


async def test_a_message_is_published_once_it_is_committed(world):
    """The stream gets its id, topic and payload; the table is empty afterwards."""
    async with relaying(world.own):
        async with world.database.transaction() as tx:
            number = await world.own.add(tx, "order.placed", {"id": 7, "item": "☕"})
            await asyncio.sleep(0.1)
            assert [] == await world.stream()
        await world.until_empty()
    ((_, fields),) = await world.redis.client.xrange(world.table)
    assert {b"id": b"%d" % number, b"topic": b"order.placed", b"payload": '{"id":7,"item":"☕"}'.encode()} == fields


@pytest.mark.parametrize("together", [True, False])
async def test_a_message_of_what_was_rolled_back_is_never_published(world, together):
    """The message goes with its transaction; one that is written beside it stays, which is why `add` wants that."""
    sql = f"INSERT INTO {world.table} (topic, payload) VALUES ('counted', :payload)"
    if not together:
        await world.database.execute(sql, {"payload": b"1"})
    with pytest.raises(ZeroDivisionError):
        async with world.database.transaction() as tx:
            if together:
                await world.own.add(tx, "counted", 1)
            1 / 0
    async with relaying(world.own):
        await world.add(2)
        await world.until_empty()
    assert ([2] if together else [1, 2]) == await world.stream()


async def test_messages_come_in_the_order_of_their_commits(world):
    """Those of one transaction in the order they were added, over more than one batch."""
    outbox = await world.outbox(batch=7)
    await world.add(*range(10))
    async with world.database.transaction() as tx:
        for number in range(10, 40):
            await world.own.add(tx, "counted", number)
    async with relaying(outbox):
        await world.add(*range(40, 60))
        await world.until_empty()
    assert list(range(60)) == await world.stream()


@pytest.mark.parametrize("row_first", [True, False])
async def test_transactions_that_wait_for_each_other_are_in_order(servers, row_first):
    """Who changes a row before adding a message comes after whoever had the row; who adds first may come before."""
    counts = f"counts_{servers.table}"
    await servers.database.execute(f"CREATE TABLE {counts} (number INT)")
    await servers.database.execute(f"INSERT INTO {counts} VALUES (0)")
    bump, look = f"UPDATE {counts} SET number = number + 1", f"SELECT number FROM {counts}"

    async def second():
        async with servers.database.transaction() as tx:
            if not row_first:
                await servers.own.add(tx, "counted", 2)
                added.set()
            await tx.execute(bump)
            assert 2 == await tx.fetch_value(look)
            if row_first:
                await servers.own.add(tx, "counted", 2)

    added = asyncio.Event()
    async with servers.database.transaction() as tx:
        await tx.execute(bump)
        waiting = asyncio.create_task(second())
        if not row_first:
            await added.wait()
        await servers.own.add(tx, "counted", 1)
    await waiting
    async with relaying(servers.own):
        await servers.until_empty()
    assert ([1, 2] if row_first else [2, 1]) == await servers.stream()


async def test_a_lower_id_that_is_committed_later_is_published_later(servers):
    """Ids are no order between transactions that run side by side, and none of them is passed over for it."""
    async with relaying(servers.own):
        async with servers.database.transaction() as tx:
            early = await servers.own.add(tx, "counted", 1)
            async with servers.database.transaction() as other:
                late = await servers.own.add(other, "counted", 2)
            await until(servers.stream, [2])
        await servers.until_empty()
    assert (True, [2, 1]) == (early < late, await servers.stream())


async def test_large_payloads_go_a_few_at_a_time(world):
    """No more than about a MiB goes to Redis at once, however many messages a batch may have."""
    sizes = []
    publish = world.own._publish

    async def measured(token, rows):
        sizes.append([len(row["payload"]) for row in rows])
        await publish(token, rows)

    world.own._publish = measured
    async with world.database.transaction() as tx:
        for size in (MAX_PAYLOAD - 2, 10, 600_000, 600_000, 10):
            await world.own.add(tx, "large", "x" * size)
    async with relaying(world.own):
        await world.until_empty()
    assert [[MAX_PAYLOAD], [12, 600_002], [600_002, 12]] == [each for each in sizes if each]


async def test_what_can_not_be_added_is_refused_and_leaves_the_transaction_alone(world):
    """Without a transaction nothing is kept together; topics and payloads have their bounds."""
    with pytest.raises(TypeError, match=r"Outbox\.add got <Database .*; give the transaction that makes the change"):
        await world.own.add(world.database, "counted", 1)
    async with world.database.transaction() as tx:
        for topic in ("", "x" * 256):
            with pytest.raises(ValueError, match=f"1 to 255 characters, and this one {len(topic)}"):
                await world.own.add(tx, topic, 1)
        with pytest.raises(ValueError, match=f"a payload of 'large' has {MAX_PAYLOAD + 1} bytes, and may have"):
            await world.own.add(tx, "large", "x" * (MAX_PAYLOAD - 1))
        with pytest.raises(TypeError, match="unsupported"):
            await world.own.add(tx, "odd", object())
        await world.own.add(tx, "☕" * 255, 1)
    assert 1 == await world.waiting()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stream": ""}, "stream=''; give the name of a key, without braces"),
        ({"stream": "{a}"}, "stream='{a}'; give the name"),
        ({"table": "a b"}, "table='a b'; give a name of letters, digits and underscores"),
        ({"table": "x" * 64}, "give a name of letters"),
        ({"batch": 0}, "batch=0; give 1 to 10,000"),
        ({"poll": 0}, "poll=0; give seconds, above 0"),
        ({"lease": 0}, "ttl is 0"),
    ],
)
def test_what_can_not_work_is_refused_where_it_is_made(options, message):
    """The message says what was given, and what to give."""
    with pytest.raises(RegistrationError, match=message):
        Outbox(Database("sqlite://:memory:"), Redis(), **options)


def test_the_table_can_stand_in_a_migration():
    """Both dialects have their text; a name that is none is refused."""
    assert "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY" in table_sql("mysql", "messages")
    assert "CREATE TABLE IF NOT EXISTS messages (" in table_sql("sqlite", "messages")
    with pytest.raises(RegistrationError, match="table='x; DROP'"):
        table_sql("mysql", "x; DROP")


# The battery


async def test_an_application_relays_while_it_runs(world):
    """A plugin like others: a handler finds it under its key, and nothing is left when the application has stopped."""
    app = App()
    database, redis = Database(world.database_url), Redis(world.redis_url)
    for battery in (database, redis, Outbox(database, redis, **world.names)):
        app.plugin(battery)

    async def order(req, res, ctx):
        await req.app.peek(OUTBOX).add(ctx.peek(TRANSACTION), "counted", 7)
        return {} if req.json else 1 / 0

    app.BEFORE("/orders", database.begin)
    app.POST("/orders", order)
    await world.database.disconnect()  # SQLite closes no file that another connection of the process has locked
    async with Client(app, raise_app_exceptions=False, timeout=30) as client:
        assert 500 == (await client.post("/orders", json=False)).status_code
        assert 200 == (await client.post("/orders", json=True)).status_code
        await until(world.stream, [7])
        await until(lambda: database.fetch_value(f"SELECT COUNT(*) FROM {world.table}"), 0)
    await world.database.connect()
    await world.add(8)
    await asyncio.sleep(0.1)
    assert ([7], 1) == (await world.stream(), await world.waiting())


async def test_one_that_was_never_started_stops_quietly():
    """A startup that failed before it is undone like any other."""
    app = App()
    outbox = Outbox(Database("sqlite://:memory:"), Redis())
    await outbox._stop(app)
    assert "<Outbox 'outbox' to 'outbox'>" == repr(outbox)


# Two relays


@pytest.mark.parametrize("fenced", [True, False])
async def test_a_relay_that_was_overtaken_is_refused(world, fenced):
    """What it still holds is not put among the new one's messages; without the token it would be."""
    stale = await world.outbox()
    await world.add(1, 2)
    rows = await world.database.fetch_all(f"SELECT * FROM {world.table} ORDER BY id")
    async with stale._lock.hold() as lease:
        token = lease.token
        await stale._publish(token, ())
    async with relaying(world.own):
        await world.until_empty()
        await world.add(3)
        await world.until_empty()
    if fenced:
        with pytest.raises(LeaseLost, match="another relay has taken over"):
            await stale._publish(token, rows)
    else:
        await stale._publish(9 * 10**15, rows)
    assert ([1, 2, 3] if fenced else [1, 2, 3, 1, 2]) == await world.stream()


async def test_two_relays_share_the_work_one_after_the_other(world):
    """Many messages through relays that come and go: each once, and in order."""
    others = [await world.outbox(batch=5), await world.outbox(batch=5)]

    async def fill():
        await world.add(*range(100))

    filling = asyncio.create_task(fill())
    turn = 0
    while not filling.done() or await world.waiting():
        turn += 1
        async with relaying(*others) as tasks:
            tasks[turn % 2].cancel()  # whoever has the lease gives it back, and the other one goes on
            await asyncio.sleep(0.1)
    assert list(range(100)) == firsts(await world.stream())


async def test_no_two_relays_are_at_work_at_the_same_time(world):
    """While one holds the lease, others wait, and take over when it is gone."""
    others = [await world.outbox() for _ in range(3)]
    at_work = set()
    for outbox in others:

        async def noted(token, outbox=outbox, move=outbox._move):
            at_work.add(outbox)
            return await move(token)

        outbox._move = noted
    async with relaying(*others) as tasks:
        await world.add(*range(20))
        await world.until_empty()
        assert 1 == len(at_work)
        tasks[others.index(at_work.pop())].cancel()
        await world.add(*range(20, 30))
        await world.until_empty()
        assert 1 == len(at_work)
    assert list(range(30)) == await world.stream()
