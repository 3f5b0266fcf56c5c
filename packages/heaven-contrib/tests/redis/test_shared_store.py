"""The shared store: the same words, across workers, whatever becomes of Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from heaven import Key
from heaven.errors import RegistrationError
from heaven_contrib.redis import shared_store
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import DecodeError, RedisOutcomeUnknown, RedisUnavailable
from heaven_contrib.redis.shared_store import ABSENT, Change, SharedStore
from heaven_testing import RedisServer, ToxicProxy
from patience import PATIENT, until
from redis_patience import PATIENTLY, hurried


class Order(msgspec.Struct):
    id: int
    items: list[str] = []


@dataclass
class Point:
    x: int


ORDER: Key[Order] = Key("order")
STOCK: Key[int] = Key("stock")


@pytest.fixture
async def shared(redis: Redis) -> SharedStore:
    return SharedStore(redis, "shop")


@pytest.fixture
async def stores(redis_pair: tuple[Redis, Redis]) -> tuple[SharedStore, SharedStore]:
    return SharedStore(redis_pair[0], "shop"), SharedStore(redis_pair[1], "shop")


@pytest.fixture
async def on_server(redis_server: RedisServer) -> AsyncIterator[SharedStore]:
    """A store on a real server."""
    redis_server.flush()
    redis = Redis(redis_server.url + PATIENTLY)
    await redis.connect()
    yield SharedStore(redis, "shop")
    await redis.disconnect()


async def soon(changes: AsyncIterator[Change[Any]]) -> Any:
    """The next value of a watch."""
    async with asyncio.timeout(PATIENT):
        return (await anext(changes)).value


# keep, peek, unkeep


async def test_what_one_worker_keeps_another_sees(stores: tuple[SharedStore, SharedStore]):
    """Keep, peek and unkeep are the words of the application's store, across workers."""
    one, other = stores

    await one.keep(STOCK, 3)

    assert [3, 3, 3] == [await other.peek(STOCK), await other.peek("stock"), await other.peek(STOCK, type=int)]
    assert 3 == await other.unkeep(STOCK)
    assert None is await one.peek(STOCK)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, Any),
        (False, Any),
        ("", Any),
        ({"ü": [1, 2.5, "\0", "\U0001f95b"]}, Any),
        (Order(7, ["mug"]), Order),
        ([Order(7)], list[Order]),
        (Point(3), Point),
        (b"\x00\xff", bytes),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime),
        ({1, 2}, set[int]),
    ],
)
async def test_values_come_back_as_the_type_that_is_asked_for(shared: SharedStore, value: Any, kind: Any):
    """What JSON has, Structs and dataclasses come back equal; None is a value."""
    await shared.keep("value", value)

    assert (value, value) == (await shared.peek("value", ABSENT, type=kind), await shared.unkeep("value", type=kind))


async def test_without_a_type_a_struct_is_a_dict(shared: SharedStore):
    """What lies in Redis has no Python type of its own."""
    await shared.keep(ORDER, Order(7))

    assert {"id": 7, "items": []} == await shared.peek("order")


async def test_what_is_of_another_type_is_an_error_that_names_the_key(shared: SharedStore):
    """A value of an older shape is never passed on as one of the new; once taken, it is gone."""
    await shared.keep(ORDER, {"id": "seven"})

    with pytest.raises(DecodeError, match=r"what is stored under 'shop:\{order\}' is not what was asked for"):
        await shared.peek(ORDER, type=Order)
    with pytest.raises(DecodeError):
        await shared.unkeep(ORDER, type=Order)
    assert ABSENT is await shared.peek(ORDER, ABSENT)


async def test_what_json_has_not_is_refused(shared: SharedStore):
    """An object that would have to be pickled is a TypeError, and nothing is changed."""
    await shared.keep("value", 1)
    for call in (shared.keep("value", object()), shared.swap("value", 1, object()), shared.swap("value", object(), 2)):
        with pytest.raises(TypeError):
            await call
    assert 1 == await shared.peek("value")


async def test_what_is_not_kept(shared: SharedStore):
    """Peek gives None or the default, unkeep the default or a KeyError that names key and store."""
    assert (None, 5) == (await shared.peek("absent"), await shared.peek("absent", 5))
    assert (None, 5) == (await shared.unkeep("absent", None), await shared.unkeep("absent", 5))
    with pytest.raises(KeyError, match="nothing is kept as 'absent' in the shared store 'shop'"):
        await shared.unkeep("absent")


async def test_of_many_who_take_one_gets_it(stores: tuple[SharedStore, SharedStore]):
    """Unkeep is one step: what is taken is given once."""
    await stores[0].keep("ticket", 1)

    taken = await asyncio.gather(*(stores[turn % 2].unkeep("ticket", None) for turn in range(20)))

    assert [1] == [each for each in taken if each is not None]


async def test_a_ttl_ends_what_is_kept_and_the_next_keep_ends_the_ttl(shared: SharedStore):
    """A value is there until its ttl has passed, to the millisecond; kept again without one, it stays."""
    await shared.keep("long", 1, ttl=0.05)
    await shared.keep("long", 2)
    begun = time.monotonic()
    await shared.keep("short", 1, ttl=0.05)
    while await shared.peek("short") is not None:
        assert time.monotonic() - begun < PATIENT
    assert 0.03 < time.monotonic() - begun
    assert 2 == await shared.peek("long")


@pytest.mark.parametrize("ttl", [0, -1, 0.0001, float("nan"), float("inf")])
async def test_a_ttl_that_cannot_be_is_refused(shared: SharedStore, ttl: float):
    """A ttl of less than a millisecond, or for ever, is a ValueError that says so."""
    for call in (shared.keep("value", 1, ttl=ttl), shared.swap("value", ABSENT, 1, ttl=ttl)):
        with pytest.raises(ValueError, match="ttl is .*; give seconds, at least 0.001"):
            await call
    assert None is await shared.peek("value")


async def test_stores_with_different_prefixes_are_apart(redis: Redis):
    """A prefix keeps the names of one store from those of another."""
    await SharedStore(redis, "shop").keep("value", 1)

    assert None is await SharedStore(redis, "blog").peek("value")


async def test_names_that_cannot_be(shared: SharedStore):
    """A prefix without a hash tag is refused at construction, such a name when it is used."""
    with pytest.raises(RegistrationError, match="SharedStore got the prefix ''; give a name without braces"):
        SharedStore(Redis(), "")
    with pytest.raises(ValueError, match="a key is called '}x'"):
        await shared.peek("}x")
    with pytest.raises(TypeError, match="what is kept has a name"):
        await shared.peek(7)  # type: ignore[call-overload]
    assert "<SharedStore 'shop'> ABSENT" == f"{shared!r} {ABSENT!r}"


# swap


async def test_swap_changes_what_is_as_expected(shared: SharedStore):
    """Compare and set: what is something else stays as it is."""
    await shared.keep(STOCK, 3)

    assert [False, True, False] == [await shared.swap(STOCK, old, 2) for old in (4, 3, 3)]
    assert 2 == await shared.peek(STOCK)


async def test_swap_creates_and_removes(shared: SharedStore):
    """ABSENT stands for nothing, before and after; None is a value."""
    assert [True, False] == [await shared.swap("value", ABSENT, None) for _ in range(2)]
    assert [False, True, False] == [await shared.swap("value", old, ABSENT) for old in (1, None, None)]
    assert ABSENT is await shared.peek("value", ABSENT)
    assert not await shared.swap("value", 1, 2)


async def test_swap_compares_values_and_not_how_they_are_written(shared: SharedStore):
    """The order of a mapping's keys does not count; a number with a fraction is another number."""
    await shared.keep("value", {"a": 1, "b": 2})

    assert not await shared.swap("value", {"b": 2, "a": 1.0}, 5)
    assert await shared.swap("value", {"b": 2, "a": 1}, 5)
    assert 5 == await shared.peek("value")


async def test_swap_has_a_ttl(shared: SharedStore):
    """What is swapped in lives as long as it is said."""
    assert await shared.swap("value", ABSENT, 1, ttl=0.05)
    async with asyncio.timeout(PATIENT):
        while not await shared.swap("value", ABSENT, 2):
            await asyncio.sleep(0.005)


async def count(stores: tuple[SharedStore, SharedStore], add: Callable[[SharedStore], Any]) -> int:
    """What 20 tasks on two workers have counted to, of 60."""
    await stores[0].keep(STOCK, 0)

    async def several(store: SharedStore) -> None:
        for _ in range(3):
            await add(store)

    await asyncio.gather(*(several(stores[turn % 2]) for turn in range(20)))
    return await stores[0].peek(STOCK, 0)


async def test_no_swap_is_lost(stores: tuple[SharedStore, SharedStore]):
    """Whoever swaps, and tries again when it was not as expected, loses no change of another."""

    async def add(store: SharedStore) -> None:
        while not await store.swap(STOCK, old := await store.peek(STOCK, 0), old + 1):
            pass

    assert 60 == await count(stores, add)


async def test_control_keeping_what_was_looked_at_loses_changes(stores: tuple[SharedStore, SharedStore]):
    """The same count sees changes that came between a look and a keep."""

    async def add(store: SharedStore) -> None:
        seen = await store.peek(STOCK, 0)
        await asyncio.sleep(0)
        await store.keep(STOCK, seen + 1)

    assert await count(stores, add) < 60


# watch


async def test_a_watch_gives_the_state_and_then_its_changes(stores: tuple[SharedStore, SharedStore]):
    """First what is kept now, then each change, by whatever word and worker."""
    one, other = stores

    async with one.watch(STOCK, type=int) as changes:
        seen = [await soon(changes)]
        for change in (
            other.keep(STOCK, 3),
            one.swap(STOCK, 3, 2),
            other.unkeep(STOCK),
            one.swap(STOCK, ABSENT, 7),
            one.swap(STOCK, 7, ABSENT),
        ):
            await change
            seen.append(await soon(changes))

    assert [ABSENT, 3, 2, ABSENT, 7, ABSENT] == seen


async def test_a_watch_sees_what_expires(shared: SharedStore):
    """Redis publishes no expiry, so that the watch looks when the ttl has passed."""
    await shared.keep("value", 1, ttl=60)

    async with shared.watch("value") as changes:
        assert 1 == await soon(changes)
        await shared.keep("value", 1, ttl=0.2)
        assert ABSENT is await soon(changes)


class Looks:
    """How a watch looks: counts looks and those that failed; the first is told of a ttl that is over at once.

    Those that follow wait until they may.
    """

    def __init__(self, store: SharedStore) -> None:
        self.made = self.failed = 0
        self.may = asyncio.Event()
        self._look, store._look = store._look, cast("Any", self)

    async def run(self, **options: Any) -> Any:
        if self.made:
            await self.may.wait()
        try:
            data, left = await self._look.run(**options)
        except RedisUnavailable:
            self.failed += 1
            raise
        self.made += 1
        return [data, 0 if self.made == 1 else left]


async def test_a_watch_follows_a_ttl_that_was_prolonged(shared: SharedStore):
    """A value that is kept again, unchanged and for longer, is no change, and it is seen when it expires at last."""
    await shared.keep("value", 1, ttl=60)
    looks = Looks(shared)
    looks.may.set()

    async with shared.watch("value") as changes:
        assert 1 == await soon(changes)
        waiting = asyncio.create_task(soon(changes))
        await until(lambda: looks.made > 1)
        before = looks.made
        await shared.keep("value", 1, ttl=120)
        await until(lambda: looks.made > before)
        assert not waiting.done()
        await shared.keep("value", 1, ttl=0.2)
        assert ABSENT is await waiting


async def test_a_slow_watcher_gets_the_last_state(stores: tuple[SharedStore, SharedStore]):
    """States that were replaced before they were looked at are left out; the last one never is."""
    one, other = stores
    async with one.watch(STOCK) as changes:
        assert ABSENT is await soon(changes)
        for number in range(1, 101):
            await other.keep(STOCK, number)
        seen = [await soon(changes)]
        while seen[-1] != 100:
            seen.append(await soon(changes))
    assert sorted(seen) == seen
    assert len(seen) < 100


async def keep_later(store: SharedStore, number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)
    await store.keep(STOCK, number)


async def test_no_change_falls_between_looking_and_listening(stores: tuple[SharedStore, SharedStore]):
    """Whenever a change comes while a watch begins, it is in what the watch gives."""
    one, other = stores
    for number in range(20):
        changing = asyncio.create_task(keep_later(other, number))
        async with one.watch(STOCK) as changes:
            while await soon(changes) != number:
                pass
        await changing


async def test_a_watch_that_is_not_left_can_do_without_a_block(shared: SharedStore):
    """It is an iterator like others; what can't be watched is said at once."""
    async for change in shared.watch(STOCK):
        assert Change(ABSENT) == change
        break
    with pytest.raises(ValueError, match="a key is called ''"):
        shared.watch("")


async def test_a_watch_says_what_is_of_another_type(shared: SharedStore):
    """A value that is not what was asked for ends the watch with the error that names it."""
    async with shared.watch(STOCK, type=int) as changes:
        assert ABSENT is await soon(changes)
        await shared.keep("stock", "none")
        with pytest.raises(DecodeError, match="stock"):
            await soon(changes)


async def test_a_watch_ends_with_its_connection(redis: Redis):
    """After a watch was left, its task is gone, and nobody is subscribed."""
    shared = SharedStore(redis, "shop")
    before = asyncio.all_tasks()

    async with shared.watch(STOCK) as changes:
        assert ABSENT is await soon(changes)
        assert [(b"shop:{stock}:changes", 1)] == await subscribed(redis)

    assert before == asyncio.all_tasks()
    if redis.settings.kind == "memory":
        return  # fakeredis has no connections that it could lose

    async def nobody() -> bool:
        return [(b"shop:{stock}:changes", 0)] == await subscribed(redis)

    await until(nobody)


async def subscribed(redis: Redis) -> Any:
    return await redis.read(lambda client: client.pubsub_numsub("shop:{stock}:changes"))


# faults


async def test_a_store_that_is_down_never_looks_empty(redis_server: RedisServer, on_server: SharedStore):
    """Every word is a 503 while Redis is not there, and finds it again when it is."""
    redis_server.kill()
    for word in (
        lambda: on_server.peek("value", "default"),
        lambda: on_server.unkeep("value", "default"),
        lambda: on_server.keep("value", 1),
        lambda: on_server.swap("value", ABSENT, 1),
        lambda: anext(on_server.watch("value")),
    ):
        with pytest.raises(RedisUnavailable) as caught:
            await word()
        assert 503 == caught.value.status

    redis_server.restart()

    await on_server.keep("value", 1)
    assert 1 == await on_server.peek("value")


async def test_control_a_store_that_hides_errors_looks_empty(redis_server: RedisServer, on_server: SharedStore):
    """The same check sees a look that takes an error for nothing."""
    redis_server.kill()

    async def careless(call: Any) -> None:
        return None

    on_server._redis.read = careless

    assert "default" == await on_server.peek("value", "default")


async def test_a_frozen_store_answers_by_the_deadline(redis_server: RedisServer, on_server: SharedStore):
    """What was sent to a frozen Redis has an unknown outcome, what was not is a 503, and neither takes for ever."""
    await on_server.keep("value", 1)
    redis_server.freeze()

    async with asyncio.timeout(PATIENT):
        with hurried(on_server._redis, 0.3):
            with pytest.raises(RedisOutcomeUnknown):
                await on_server.keep("value", 2)
            with pytest.raises(RedisUnavailable):  # there is no connection any more to send it on
                await on_server.swap("value", 1, 2)
            with pytest.raises(RedisUnavailable):
                await on_server.peek("value")


async def test_a_change_whose_answer_is_lost_is_sent_once(
    redis_server: RedisServer, toxic: Callable[[str], ToxicProxy]
):
    """A taker whose answer is swallowed is told that it does not know, and has taken one thing at most."""
    proxy = toxic(redis_server.url)
    redis_server.flush()
    redis = Redis(proxy.url + PATIENTLY)
    await redis.connect()
    shared = SharedStore(redis, "shop")
    await shared.keep("stock", 3)
    await shared.swap("stock", 3, 2)  # the script is there now

    proxy.swallow_replies()
    with pytest.raises(RedisOutcomeUnknown), hurried(redis, 0.3):
        await shared.swap("stock", 2, 1)
    proxy.heal()

    assert 1 == await shared.peek("stock")
    await redis.disconnect()


async def missed(redis_server: RedisServer, store: SharedStore, seconds: float) -> Any:
    """What a watch gives within so many seconds after a change that happened while its connection was cut."""
    async with store.watch("value") as changes:
        await soon(changes)
        waiting = asyncio.create_task(soon(changes))
        channel = "shop:{value}:changes"
        redis_server.execute("CLIENT", "KILL", "TYPE", "pubsub")
        redis_server.execute("SET", "shop:{value}", "5")  # nobody is told
        try:
            return await asyncio.wait_for(waiting, seconds)
        except TimeoutError:
            return f"nothing from {channel}"


async def test_a_gap_hides_no_state(redis_server: RedisServer, on_server: SharedStore):
    """After the connection was lost, the watch looks again."""
    assert 5 == await missed(redis_server, on_server, PATIENT)


async def test_control_a_watch_that_overlooks_gaps_misses_the_last_state(
    redis_server: RedisServer, on_server: SharedStore, monkeypatch: pytest.MonkeyPatch
):
    """The same check sees a watch that waits for messages only."""

    async def deaf(news: Any, subscriber: Any) -> None:
        async for item in subscriber:
            if isinstance(item, shared_store.Message):
                news._said.set()

    monkeypatch.setattr(shared_store._News, "_read", deaf)

    assert "nothing from shop:{value}:changes" == await missed(redis_server, on_server, 1)


async def test_a_watch_outlives_a_restart(redis_server: RedisServer, on_server: SharedStore):
    """A watch waits while Redis is away, and gives what is there then."""
    await on_server.keep("value", 1)
    async with on_server.watch("value") as changes:
        assert 1 == await soon(changes)
        waiting = asyncio.create_task(soon(changes))
        redis_server.kill()
        await asyncio.sleep(0)
        await asyncio.to_thread(redis_server.restart)

        assert ABSENT is await waiting

        await on_server.keep("value", 2)
        assert 2 == await soon(changes)


async def test_a_watch_looks_again_when_a_look_fails(redis_server: RedisServer, on_server: SharedStore):
    """A ttl that ends while Redis is frozen is seen when it is back."""
    await on_server.keep("value", 1, ttl=60)
    looks = Looks(on_server)
    async with on_server.watch("value") as changes:
        assert 1 == await soon(changes)
        waiting = asyncio.create_task(soon(changes))
        redis_server.execute("PEXPIRE", "shop:{value}", "50")  # nobody is told
        redis_server.freeze()
        with hurried(on_server._redis, 0.3):
            looks.may.set()
            await until(lambda: looks.failed)
            assert not waiting.done()
        redis_server.thaw()

        assert ABSENT is await waiting


async def test_a_watch_does_not_outlive_its_subscriber(shared: SharedStore, monkeypatch: pytest.MonkeyPatch):
    """A connection that is closed for good, by nobody's fault, is an error and no silence."""

    async def none_left(subscriber: Any) -> Any:
        raise StopAsyncIteration

    async with shared.watch("value") as changes:
        monkeypatch.setattr(shared_store.Subscriber, "__anext__", none_left)
        assert ABSENT is await soon(changes)
        with pytest.raises(RedisUnavailable, match="The connection to Redis was closed"):
            await soon(changes)


async def test_a_watch_ends_with_its_redis(redis_pair: tuple[Redis, Redis]):
    """Whoever disconnects leaves no watch behind that waits for ever."""
    shared = SharedStore(redis_pair[0], "shop")
    async with shared.watch("value") as changes, asyncio.timeout(PATIENT):
        assert ABSENT is (await anext(changes)).value
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await redis_pair[0].disconnect()
        with pytest.raises(RedisUnavailable, match="was closed"):
            await waiting
