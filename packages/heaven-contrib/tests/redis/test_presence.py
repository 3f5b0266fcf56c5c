"""Who is in a room, in memory and on a real server: on all workers, in several windows, and after a worker died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

import msgspec
import pytest

from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.broadcast import Broadcast
from heaven_contrib.redis.errors import RedisUnavailable
from heaven_contrib.redis.missed import Missed
from heaven_contrib.redis.presence import BATCH, Presence, RoomChange
from heaven_testing import RedisServer
from patience import PATIENT, until
from redis_patience import PATIENTLY

TTL = 0.6


class Person(msgspec.Struct, frozen=True):
    name: str


@asynccontextmanager
async def connected(redis, **options):
    """A broadcast whose members are renewed often, and for long: no pause of a test ends them."""
    broadcast = Broadcast(redis, ttl=60, **options)
    broadcast._presence._ttl = TTL
    await broadcast.connect()
    try:
        yield broadcast
    finally:
        await broadcast.disconnect()


@pytest.fixture
async def workers(redis_pair) -> AsyncIterator[tuple[Broadcast, Broadcast]]:
    """A broadcast on each of two workers."""
    async with connected(redis_pair[0]) as one, connected(redis_pair[1]) as other:
        yield one, other


async def take(changes, count):
    """The next changes, in short."""
    async with asyncio.timeout(PATIENT):
        got = [await anext(changes) for _ in range(count)]
    return [each if isinstance(each, Missed) else (each.kind, each.member) for each in got]


async def become(broadcast, room, members):
    """Wait until these are the members of a room."""

    async def are():
        return await broadcast.members(room) == members

    await until(are)


async def keys(redis):
    return await redis.read(lambda client: client.keys("*"))


async def test_members_of_all_workers_are_seen_and_go(workers, redis):
    """A member is there while its block runs, on whatever worker, typed and sorted; then nothing of it is left."""
    one, other = workers
    async with one.join("room:7", Person("Bob")), other.join("room:7", Person("Ada")), other.join("room:8", "Eve"):
        for worker in workers:
            assert [Person("Ada"), Person("Bob")] == await worker.members("room:7", type=Person)
            assert ["Eve"] == await worker.members("room:8")
    assert [] == await one.members("room:7")
    assert [] == await keys(redis)


async def test_coming_and_going_is_told(workers):
    """Each change is told once, with who it is, in order."""
    one, other = workers
    async with one.changes("room:7", type=Person) as changes:
        async with other.join("room:7", Person("Ada")):
            async with one.join("room:7", Person("Bob")), one.join("room:8", Person("Eve")):
                pass
        got = await take(changes, 4)
    ada, bob = Person("Ada"), Person("Bob")
    assert [("joined", ada), ("joined", bob), ("left", bob), ("left", ada)] == got


async def test_who_is_there_twice_leaves_once(workers):
    """A member in several windows is one member, and has left when the last of them is closed."""
    one, other = workers
    async with one.changes("room:7", type=str) as changes:
        async with one.join("room:7", "Ada"):
            async with other.join("room:7", "Ada"), one.join("room:7", "Ada"):
                assert ["Ada"] == await one.members("room:7")
            assert ["Ada"] == await other.members("room:7")
        async with one.join("room:7", "the end"):
            got = await take(changes, 3)
    assert [("joined", "Ada"), ("left", "Ada"), ("joined", "the end")] == got


async def test_who_stays_is_renewed(workers, redis):
    """The worker moves the end of its members ahead, so that nobody leaves who is there."""
    one, other = workers

    async def ends():
        ((_, end),) = await redis.client.zrange("broadcast:{room:7}:entries", 0, -1, withscores=True)
        return end

    async with other.changes("room:7", type=str) as changes, one.join("room:7", "Ada"):
        first = await ends()

        async def later():
            return await ends() > first + 100

        await until(later)
        assert ["Ada"] == await other.members("room:7")
        assert [("joined", "Ada")] == await take(changes, 1)
        assert not changes._waiting


@pytest.mark.parametrize("looks", [True, False])
async def test_the_members_of_a_dead_worker_vanish(workers, redis, looks):
    """Who is not renewed has left by the ttl, which is told once, to watchers who are not in the room themselves."""
    one, other = workers
    dead = Presence(redis, "broadcast", ttl=60)  # and nobody runs its keep_alive
    async with one.changes("room:7") as first, other.changes("room:7") as second:
        entry = await dead.enter("room:7", b'"Ada"')
        assert ["Ada"] == await one.members("room:7")
        await redis.client.zincrby("broadcast:{room:7}:entries", -60_000, entry)  # as if the ttl had passed
        if looks:
            await become(one, "room:7", [])
        for changes in (first, second):
            assert [("joined", "Ada"), ("left", "Ada")] == await take(changes, 2)
        assert [] == await one.members("room:7")
        async with one.join("room:7", "the end"):
            for changes in (first, second):
                assert [("joined", "the end")] == await take(changes, 1)


async def test_nobody_is_needed_to_clear_a_room(redis):
    """The keys of a room expire by themselves when all of its workers are dead."""
    dead = Presence(redis, "broadcast", ttl=0.05)
    await dead.enter("room:7", b'"Ada"')

    async def none():
        return not await keys(redis)

    await until(none)


async def test_a_worker_that_was_forgotten_comes_back(workers, redis):
    """Members that Redis has lost are there again with the next renewal."""
    one, _ = workers
    async with one.join("room:7", "Ada"):
        async with one._presence._rooms["room:7"].changing:  # no renewal comes between
            await redis.write(lambda client: client.flushall())
            assert [] == await one.members("room:7")
        await become(one, "room:7", ["Ada"])


async def test_a_room_that_is_broken_is_alone_with_that(redis, caplog):
    """Where a foreign value stands in the place of a room, the members of other rooms are renewed nevertheless."""
    async with connected(redis) as broadcast, broadcast.join("room:7", "Ada"), broadcast.join("room:8", "Bob"):
        await redis.write(lambda client: client.flushall())
        await redis.write(lambda client: client.set("broadcast:{room:7}:entries", "foreign"))
        await become(broadcast, "room:8", ["Bob"])
        await until(lambda: "the members of 'room:7' can't be renewed" in caplog.text)
    with pytest.raises(ValueError, match="a key is called"):
        await broadcast.members("")


async def test_many_members_are_renewed_in_parts(redis):
    """A room with more members than fit into one call is renewed, and left, as a whole."""
    async with connected(redis) as broadcast:
        entries = [await broadcast._presence.enter("room:7", b"%d" % n) for n in range(BATCH + 20)]
        await redis.write(lambda client: client.flushall())

        async def all_are_there():
            return len(await broadcast.members("room:7")) == len(entries)

        await until(all_are_there)
    assert [] == await keys(redis)


async def test_all_leave_at_shutdown(redis_pair):
    """A worker that stops takes its members along, whose blocks end later without harm."""
    async with connected(redis_pair[1]) as other:
        async with AsyncExitStack() as blocks:
            async with connected(redis_pair[0]) as one:
                await blocks.enter_async_context(one.join("room:7", "Ada"))
                await blocks.enter_async_context(one.join("room:8", "Bob"))
                assert ["Ada"] == await other.members("room:7")
            assert ([], []) == (await other.members("room:7"), await other.members("room:8"))
        assert [] == await other.members("room:7")


async def test_the_end_waits_for_those_who_leave(redis_pair):
    """Who is about to leave when the server stops has left when it has stopped."""

    async def stay(broadcast):
        async with broadcast.join("room:7", "Ada"):
            await asyncio.sleep(60)

    async with connected(redis_pair[1]) as other:
        async with connected(redis_pair[0]) as one:
            staying = asyncio.create_task(stay(one))
            await become(other, "room:7", ["Ada"])
            staying.cancel()
            while not one._leaving:
                await asyncio.sleep(0)
            staying.cancel()  # nobody waits for it any more
        assert [] == await other.members("room:7")
        assert not one._leaving
        await asyncio.wait([staying])


async def test_who_is_cancelled_leaves_all_the_same(workers):
    """A block that is cancelled, and once more while it ends, leaves its room."""
    one, other = workers

    async def stay():
        async with one.join("room:7", "Ada"):
            await asyncio.sleep(60)

    for again in range(4):
        staying = asyncio.create_task(stay())
        await become(other, "room:7", ["Ada"])
        staying.cancel()
        for _ in range(again):
            await asyncio.sleep(0)
        staying.cancel()
        await asyncio.wait([staying])
        await become(other, "room:7", [])
    await until(lambda: not one._presence._rooms)


async def test_who_is_cancelled_while_joining_is_not_there(redis_pair):
    """Wherever a block is cancelled before it began, nobody is said to be in the room who is not."""
    async with connected(redis_pair[0]) as one:
        one._presence._ttl = PATIENT
        for pauses in range(30):
            joining = asyncio.create_task(one.join("room:7", "Ada").__aenter__())
            for _ in range(pauses):
                await asyncio.sleep(0)
            joining.cancel()
            await asyncio.wait([joining])
            if not joining.cancelled():
                break
            assert [] == await one.members("room:7")


@pytest.mark.parametrize("in_turn", [True, False])
async def test_who_leaves_while_members_are_renewed_stays_away(redis, in_turn):
    """A renewal that is on its way does not bring back who has left meanwhile; without a lock it would."""
    presence = Presence(redis, "broadcast", ttl=60)
    entry = await presence.enter("room:7", b'"Ada"')
    renew, reached, go, done = presence._renew, asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Late:
        async def run(self, **options):
            reached.set()
            await go.wait()
            await renew.run(**options)
            done.set()

    presence._renew, presence._ttl = Late(), 0.01
    if not in_turn:
        presence._rooms["room:7"].changing = nullcontext()
    beating = asyncio.create_task(presence.keep_alive())
    await reached.wait()
    leaving = asyncio.create_task(presence.leave("room:7", entry))
    await asyncio.wait([leaving], timeout=0.1 if in_turn else PATIENT)
    go.set()
    await asyncio.gather(leaving, done.wait())
    beating.cancel()
    await asyncio.wait([beating])

    assert ([] if in_turn else [b'"Ada"']) == await presence.members("room:7")


async def test_redis_may_be_away_for_a_while(caplog):
    """Joining is a 503 without Redis; who is in a room stays there in silence, and is there again afterwards."""
    with RedisServer() as server:
        redis = Redis(server.url + PATIENTLY)
        await redis.connect()
        async with connected(redis) as broadcast, broadcast.changes("room:7", type=str) as changes:
            bob = broadcast.join("room:7", "Bob")
            await bob.__aenter__()
            async with broadcast.join("room:7", "Ada"):
                await asyncio.to_thread(server.kill)
                with pytest.raises(RedisUnavailable):
                    async with broadcast.join("room:7", "Eve"):
                        pass
                await until(lambda: "the members of 'room:7' can't be renewed" in caplog.text)
                with caplog.at_level(logging.WARNING):
                    await bob.__aexit__(None, None, None)
                assert "a member of 'room:7' is there for up to 0.6 s more" in caplog.text
                await asyncio.to_thread(server.restart)
                await become(broadcast, "room:7", ["Ada"])
                got = await take(changes, 3)
            await become(broadcast, "room:7", [])
            while ("left", "Ada") not in await take(changes, 1):
                pass
        async with connected(redis) as broadcast:
            ada = broadcast.join("room:7", "Ada")
            await ada.__aenter__()
            await asyncio.to_thread(server.kill)
        assert "the members of 'room:7' are there for up to 0.6 s more" in caplog.text
        await ada.__aexit__(None, None, None)
        await redis.disconnect()

    assert [("joined", "Bob"), ("joined", "Ada"), Missed(None)] == got


def test_a_change_is_read_by_its_type():
    """What the scripts publish is a RoomChange."""
    assert RoomChange("left", Person("Ada")) == msgspec.json.decode(
        b'{"kind":"left","member":{"name":"Ada"}}', type=RoomChange[Person]
    )
