"""The cache: one computes, all have it, and nothing fails because Redis does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from heaven import App
from heaven.errors import RegistrationError
from heaven_contrib.redis import cache as module
from heaven_contrib.redis import fail_open
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.cache import CACHE, Cache
from heaven_contrib.redis.errors import DecodeError, RedisUnavailable
from heaven_testing import RedisServer
from patience import PATIENT, until
from redis_patience import PATIENTLY, hurried

FOR_LONG = 2 * PATIENT
"""Seconds that no test waits for, unless what it tests is broken."""


class Price(msgspec.Struct):
    cents: int


class Work:
    """Something that is computed: counts how often, and goes on when it is told to."""

    def __init__(self, value: Any = "made", *, held: bool = False) -> None:
        self.value = value
        self.begun = self.ended = 0
        self.go = asyncio.Event()
        if not held:
            self.go.set()

    async def __call__(self) -> Any:
        self.begun += 1
        try:
            await self.go.wait()
            if isinstance(self.value, Exception):
                raise self.value
            return self.value
        finally:
            self.ended += 1


async def joined(cache: Cache, callers: int) -> None:
    """Wait until so many callers wait for what is being computed."""
    await until(lambda: callers == sum(flight.waiting for flight in cache._flights.values()))


@pytest.fixture(autouse=True)
def lasting(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a machine stands still, nobody loses a claim, and the end waits for what is computed."""
    monkeypatch.setattr(module, "CLAIM_LASTS", FOR_LONG)
    monkeypatch.setattr(module, "GRACE", FOR_LONG)


@pytest.fixture
async def cache(redis: Redis) -> AsyncIterator[Cache]:
    async with Cache(redis, "shop", patience=FOR_LONG) as cache:
        yield cache


@pytest.fixture
async def caches(redis_pair: tuple[Redis, Redis]) -> AsyncIterator[tuple[Cache, Cache]]:
    options = {"prefix": "shop", "patience": FOR_LONG}
    async with Cache(redis_pair[0], **options) as one, Cache(redis_pair[1], **options) as other:
        yield one, other


@pytest.fixture
async def on_server(redis_server: RedisServer) -> AsyncIterator[Cache]:
    """A cache on a real server."""
    redis_server.flush()
    redis = Redis(redis_server.url + PATIENTLY)
    await redis.connect()
    async with Cache(redis, "shop") as cache:
        yield cache
    await redis.disconnect()


# what is stored


@pytest.mark.parametrize("value", [None, False, 0, "", [], {"a": [1, 2.5, "ü"]}])
async def test_a_value_is_computed_once(caches: tuple[Cache, Cache], value: Any):
    """What one worker computed all have, None as well."""
    work = Work(value)

    seen = [await caches[turn % 2].get_or_set("key", work, ttl=60) for turn in range(4)]

    assert ([value] * 4, 1) == (seen, work.begun)


async def test_the_first_caller_gets_what_the_next_ones_get(cache: Cache):
    """A value is as JSON brings it back, and of the type that was asked for, from the first call on."""
    assert [{"cents": 5}] * 2 == [await cache.get_or_set("dict", Work(Price(5)), ttl=60) for _ in range(2)]
    assert [Price(5)] * 2 == [await cache.get_or_set("price", Work(Price(5)), ttl=60, type=Price) for _ in range(2)]


async def test_callers_share_no_object(cache: Cache):
    """A caller that changes its value changes nobody else's."""
    work = Work([1], held=True)
    waiting = [asyncio.create_task(cache.get_or_set("key", work, ttl=60)) for _ in range(2)]
    await joined(cache, 2)
    await until(lambda: work.begun)
    work.go.set()
    one, other = await asyncio.gather(*waiting)

    one.append(2)

    assert ([1], [1]) == (other, await cache.get_or_set("key", work, ttl=60))


async def test_a_value_is_computed_again_after_its_ttl(cache: Cache):
    """A ttl has milliseconds, and is shortened by the jitter at most."""
    work = Work()
    begun = time.monotonic()
    while work.begun < 2:
        await cache.get_or_set("key", work, ttl=0.1)
        assert time.monotonic() - begun < PATIENT
    assert 0.08 < time.monotonic() - begun


async def lifetime(redis: Redis, key: str) -> int:
    return await redis.read(lambda client: client.pttl(key))


async def test_values_expire_at_different_moments(redis: Redis):
    """The jitter shortens each ttl at random; without it all have the same."""
    for jitter, low, high in ((0.5, 4_900_000, 10_000_000), (0.0, 9_900_000, 10_000_000)):
        async with Cache(redis, f"jitter{jitter}", jitter=jitter) as cache:
            for number in range(20):
                await cache.get_or_set(f"key{number}", Work(), ttl=10_000)
        lives = [await lifetime(redis, f"jitter{jitter}:{{key{number}}}:cached") for number in range(20)]
        assert low <= min(lives) <= max(lives) <= high
        assert (max(lives) - min(lives) > 500_000) == (jitter > 0)


async def test_an_old_shape_is_computed_again(cache: Cache):
    """What can't be decoded as the type of today counts as nothing, and is replaced."""
    await cache.get_or_set("key", Work({"euros": 5}), ttl=60)
    work = Work(Price(500))

    seen = [await cache.get_or_set("key", work, ttl=60, stale=stale, type=Price) for stale in (0, 0, 5)]

    assert ([Price(500)] * 3, 1) == (seen, work.begun)


async def test_what_is_not_of_its_type_is_an_error(cache: Cache):
    """A function that does not give what it says is told, each time."""
    for _ in range(2):
        with pytest.raises(DecodeError, match=r"shop:\{key\}"):
            await cache.get_or_set("key", Work("text"), ttl=60, type=int)
    with pytest.raises(TypeError):
        await cache.get_or_set("other", Work(object()), ttl=60)


async def test_forget_has_it_computed_again(caches: tuple[Cache, Cache]):
    """What one worker forgets all have forgotten."""
    work = Work()
    await caches[0].get_or_set("key", work, ttl=60)
    await caches[1].forget("key")
    await caches[0].get_or_set("key", work, ttl=60)
    assert 2 == work.begun


async def test_one_key_does_not_hold_up_another(cache: Cache):
    """Only those who want the same wait for each other."""
    slow = Work("slow", held=True)
    waiting = asyncio.create_task(cache.get_or_set("slow", slow, ttl=60))
    await until(lambda: slow.begun)

    assert "fast" == await cache.get_or_set("fast", Work("fast"), ttl=60)

    slow.go.set()
    assert "slow" == await waiting


# one computes


async def asked_together(caches: tuple[Cache, Cache], callers: int = 100, *, least: int = 1) -> int:
    """How often many callers on two workers have something computed, once it is computed so often at least."""
    work = Work(held=True)
    asking = [asyncio.create_task(caches[turn % 2].get_or_set("key", work, ttl=60)) for turn in range(callers)]
    await until(lambda: work.begun >= least)
    await asyncio.sleep(0.05)
    work.go.set()
    assert {"made"} == set(await asyncio.gather(*asking))
    return work.begun


async def test_of_many_who_ask_at_once_one_computes(caches: tuple[Cache, Cache]):
    """Single flight, in a process and across two."""
    assert 1 == await asked_together(caches)


async def test_control_two_processes_without_a_claim_compute_twice(caches: tuple[Cache, Cache]):
    """The same callers are seen to compute twice where every process has its own way."""
    for cache in caches:
        cache._claim = cache._redis.script("return {false, 1}")
    assert 2 == await asked_together(caches, least=2)


async def test_control_callers_without_a_flight_compute_each(
    caches: tuple[Cache, Cache], monkeypatch: pytest.MonkeyPatch
):
    """The same callers are seen to compute more often where they don't wait for each other."""
    monkeypatch.setattr(Cache, "_join", lambda cache, wanted: cache._fill(wanted))
    for cache in caches:
        cache._claim = cache._redis.script("return {false, 1}")
    assert 10 == await asked_together(caches, callers=10, least=10)


async def test_without_patience_each_process_computes(redis_pair: tuple[Redis, Redis]):
    """Waiting for another process is bounded: then one computes by itself, and does not store over the other's."""
    async with Cache(redis_pair[0], "shop") as one, Cache(redis_pair[1], "shop", patience=0.1) as other:
        slow = Work("slow", held=True)
        waiting = asyncio.create_task(one.get_or_set("key", slow, ttl=60))
        await until(lambda: slow.begun)
        begun = time.monotonic()

        async with asyncio.timeout(PATIENT):
            assert "own" == await other.get_or_set("key", Work("own"), ttl=60)

        assert 0.1 <= time.monotonic() - begun
        slow.go.set()
        assert "slow" == await waiting
        assert "slow" == await other.get_or_set("key", Work("own"), ttl=60)


async def test_a_worker_that_died_holds_up_the_others_for_a_while_only(
    caches: tuple[Cache, Cache], monkeypatch: pytest.MonkeyPatch
):
    """A claim ends by itself, and another worker computes and stores."""
    dead, other = caches
    with monkeypatch.context() as shortly:
        shortly.setattr(module, "CLAIM_LASTS", 0.1)
        await dead._claimed(module._Wanted("shop:{key}", Work(), 60_000, 0), "dead")
    work = Work()

    assert ["made"] * 2 == [await other.get_or_set("key", work, ttl=60) for _ in range(2)]

    assert 1 == work.begun


async def test_a_claim_is_renewed_while_it_is_computed(caches: tuple[Cache, Cache], monkeypatch: pytest.MonkeyPatch):
    """What takes longer than a claim lasts is computed once all the same, and stored."""
    monkeypatch.setattr(module, "RENEWAL", 0.01)
    one, other = caches
    work = Work(held=True)
    asking = [asyncio.create_task(each.get_or_set("key", work, ttl=60)) for each in caches]
    await until(lambda: work.begun)
    await one._redis.client.pexpire("shop:{key}:claim", 10_000)

    async def renewed() -> bool:
        return await lifetime(one._redis, "shop:{key}:claim") > 10_000

    await until(renewed)
    work.go.set()
    await asyncio.gather(*asking)

    assert ("made", 1) == (await other.get_or_set("key", work, ttl=60), work.begun)


# callers


async def test_a_cancelled_caller_takes_it_from_nobody(cache: Cache):
    """Whoever came first may leave; those who wait get the value."""
    work = Work(held=True)
    first, second = (asyncio.create_task(cache.get_or_set("key", work, ttl=60)) for _ in range(2))
    await joined(cache, 2)
    await until(lambda: work.begun)

    first.cancel()
    await asyncio.wait((first,))
    work.go.set()

    assert ("made", 1, True) == (await second, work.begun, first.cancelled())


async def test_what_nobody_waits_for_is_not_computed_on(cache: Cache):
    """When the last caller has left the computation is cancelled, and the next one begins anew, at once."""
    work = Work(held=True)
    callers = [asyncio.create_task(cache.get_or_set("key", work, ttl=60)) for _ in range(3)]
    await until(lambda: work.begun)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    await until(lambda: work.ended)
    work.go.set()
    begun = time.monotonic()

    assert ("made", 2) == (await cache.get_or_set("key", work, ttl=60), work.begun)
    assert time.monotonic() - begun < PATIENT


async def test_an_error_goes_to_all_who_wait_and_is_not_stored(caches: tuple[Cache, Cache]):
    """Those who wait in one process get the error; whoever asks next has it computed again."""
    work = Work(ValueError("no price"), held=True)
    asking = [asyncio.create_task(caches[0].get_or_set("key", work, ttl=60)) for _ in range(3)]
    await joined(caches[0], 3)
    await until(lambda: work.begun)
    work.go.set()

    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert (["no price"] * 3, 1) == ([str(answer) for answer in answers], work.begun)
    begun = time.monotonic()
    assert "made" == await caches[1].get_or_set("key", Work(), ttl=60)
    assert time.monotonic() - begun < PATIENT


async def forgotten_meanwhile(caches: tuple[Cache, Cache]) -> list[Any]:
    """What is given after something was forgotten while it was computed: to a waiter, to the next, and to another."""
    one, other = caches
    old, new = Work("old", held=True), Work("new")
    waiting = asyncio.create_task(one.get_or_set("key", old, ttl=60))
    await until(lambda: old.begun)
    await other.forget("key")
    old.go.set()
    first = await waiting
    return [first, await one.get_or_set("key", new, ttl=60), await other.get_or_set("key", new, ttl=60)]


async def test_what_was_computed_before_a_forget_is_not_stored_after_it(caches: tuple[Cache, Cache]):
    """Only who waited already gets the value of before."""
    assert ["old", "new", "new"] == await forgotten_meanwhile(caches)


async def test_control_a_cache_that_stores_anyway_brings_back_the_old_value(caches: tuple[Cache, Cache]):
    """The same check sees a value stored after it was forgotten."""
    for cache in caches:
        cache._store = cache._redis.script("redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])")
    assert ["old", "old", "old"] == await forgotten_meanwhile(caches)


async def test_after_forget_nobody_joins_what_was_begun_before(cache: Cache):
    """A caller that comes after a forget, in the same process, has it computed anew."""
    old, new = Work("old", held=True), Work("new")
    waiting = asyncio.create_task(cache.get_or_set("key", old, ttl=60))
    await until(lambda: old.begun)

    await cache.forget("key")

    assert "new" == await cache.get_or_set("key", new, ttl=60)
    old.go.set()
    assert "old" == await waiting
    assert "new" == await cache.get_or_set("key", new, ttl=60)


# stale while it is refreshed


async def stale(cache: Cache, ttl: float = 0.02) -> None:
    """Store an old value, and wait until it is one."""
    await cache.get_or_set("key", Work("old"), ttl=ttl, stale=60)
    async with asyncio.timeout(PATIENT):
        while await lifetime(cache._redis, "shop:{key}:cached") > 60_000:
            await asyncio.sleep(0.002)


async def test_an_old_value_is_given_while_one_worker_refreshes_it(caches: tuple[Cache, Cache]):
    """After its ttl a value is given at once for a while, and a new one comes in the background, once."""
    await stale(caches[0])
    work = Work("new", held=True)

    seen = [await caches[turn % 2].get_or_set("key", work, ttl=60, stale=60) for turn in range(10)]
    await until(lambda: work.begun)
    await asyncio.sleep(0.03)
    work.go.set()
    async with asyncio.timeout(PATIENT):
        while await caches[0].get_or_set("key", work, ttl=60, stale=60) != "new":
            await asyncio.sleep(0.005)

    assert (["old"] * 10, 1) == (seen, work.begun)


async def test_a_refresh_that_fails_leaves_the_old_value(cache: Cache, caplog: pytest.LogCaptureFixture):
    """Nobody who asks is told of a failed refresh; it is logged, and tried again with the next call."""
    await stale(cache)
    failing = Work(ValueError("no price"))

    for attempt in (1, 2):
        assert "old" == await cache.get_or_set("key", failing, ttl=60, stale=60)
        await until(lambda: not cache._tasks)
        assert attempt == failing.begun

    assert 2 == caplog.text.count("'shop:{key}' could not be refreshed; its old value is given as long as it lasts")
    assert "ValueError: no price" in caplog.text


async def test_refreshes_are_bounded(redis: Redis):
    """What is more than the bound is not refreshed now, and given as it is."""
    async with Cache(redis, "shop", refreshes=1) as cache:
        for key in "ab":
            await cache.get_or_set(key, Work("old"), ttl=0.001, stale=60)
        await asyncio.sleep(0.01)
        works = Work("new", held=True), Work("new", held=True)
        assert ["old", "old"] == [
            await cache.get_or_set(key, work, ttl=60, stale=60) for key, work in zip("ab", works, strict=True)
        ]
        await until(lambda: works[0].begun)
        assert (1, 0) == (len(cache._refreshing), works[1].begun)
        works[0].go.set()
        works[1].go.set()


async def test_closing_waits_for_refreshes(redis: Redis):
    """At the end what is being computed is computed, and no task is left."""
    before = asyncio.all_tasks()
    async with Cache(redis, "shop") as cache:
        await stale(cache)
        work = Work("new", held=True)
        asyncio.get_running_loop().call_later(0.05, work.go.set)
        await cache.get_or_set("key", work, ttl=60, stale=60)

    assert (1, before) == (work.ended, asyncio.all_tasks())
    assert "new" == await cache.get_or_set("key", Work("newer"), ttl=60, stale=60)


async def test_closing_waits_for_a_while_only(redis: Redis, monkeypatch: pytest.MonkeyPatch):
    """A refresh that does not end is cancelled; after the end none is begun."""
    monkeypatch.setattr(module, "GRACE", 0.05)
    before = asyncio.all_tasks()
    async with Cache(redis, "shop") as cache:
        await stale(cache)
        work = Work("new", held=True)
        await cache.get_or_set("key", work, ttl=60, stale=60)
        await until(lambda: work.begun)

    await until(lambda: before == asyncio.all_tasks())  # a Redis that is slow has a word to say after the end
    assert 1 == work.ended
    assert "old" == await cache.get_or_set("key", work, ttl=60, stale=60)
    assert (1, before) == (work.begun, asyncio.all_tasks())


async def test_an_application_keeps_and_closes_it(redis_url: str):
    """Installed after its Redis it is in the store, and closed before Redis is."""
    app = App()
    redis = Redis(redis_url)
    cache = Cache(redis, "shop")
    app.plugin(redis)
    app.plugin(cache)
    from heaven_testing import Client

    async with Client(app):
        assert cache is app.peek(CACHE)
        await stale(cache)
        work = Work("new", held=True)
        await cache.get_or_set("key", work, ttl=60, stale=60)
        asyncio.get_running_loop().call_later(0.05, work.go.set)
    assert (1, None) == (work.ended, app.peek(CACHE))


# faults


async def test_a_cache_whose_redis_is_down_computes(
    redis_server: RedisServer, on_server: Cache, caplog: pytest.LogCaptureFixture
):
    """It fails open: every value is computed, by one of those who ask at once, and one warning says why."""
    caplog.set_level(logging.WARNING, "heaven.cache")
    redis_server.kill()
    work = Work(held=True)
    asking = [asyncio.create_task(on_server.get_or_set("key", work, ttl=60, stale=5)) for _ in range(20)]
    await joined(on_server, 20)
    await until(lambda: work.begun)
    work.go.set()

    assert {"made"} == set(await asyncio.gather(*asking))
    assert 1 == work.begun
    assert "made" == await on_server.get_or_set("key", work, ttl=60)
    assert 1 == caplog.text.count("the cache 'shop' goes on without Redis: 503")


async def test_control_a_cache_that_fails_with_redis(redis_server: RedisServer, on_server: Cache):
    """The same call is an error in a cache that lets the faults of Redis through."""

    async def strict(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return await call(*args, **options)

    on_server._ask = strict
    redis_server.kill()
    with pytest.raises(RedisUnavailable):
        await on_server.get_or_set("key", Work(), ttl=60)


async def asked_while_frozen(redis_server: RedisServer, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often five callers, one after the other, wait for a frozen Redis until the deadline."""
    await cache.get_or_set("key", Work(), ttl=60)
    redis_server.freeze()
    read, asked = cache._redis.read, 0

    async def counted(call: Callable[..., Any]) -> Any:
        nonlocal asked
        asked += 1
        return await read(call)

    monkeypatch.setattr(cache._redis, "read", counted)
    with hurried(cache._redis, 0.1):
        for number in range(5):
            assert "made" == await cache.get_or_set(f"key{number}", Work(), ttl=60)
    return asked


async def test_a_frozen_redis_holds_up_one_call(
    redis_server: RedisServer, on_server: Cache, monkeypatch: pytest.MonkeyPatch
):
    """Whoever notices pays one deadline; for a moment after that Redis is not asked."""
    monkeypatch.setattr(fail_open, "OUTAGE", FOR_LONG)
    assert 1 == await asked_while_frozen(redis_server, on_server, monkeypatch)


async def test_control_a_cache_without_a_pause_is_held_up_by_each_call(
    redis_server: RedisServer, on_server: Cache, monkeypatch: pytest.MonkeyPatch
):
    """The same callers wait longer where each of them asks, for the value and for the claim."""
    monkeypatch.setattr(fail_open, "OUTAGE", 0)
    assert 5 * 2 == await asked_while_frozen(redis_server, on_server, monkeypatch)


async def test_a_cache_whose_redis_is_back_stores_again(
    redis_server: RedisServer, on_server: Cache, monkeypatch: pytest.MonkeyPatch
):
    """After a restart nothing has to be done."""
    monkeypatch.setattr(fail_open, "OUTAGE", 0.01)
    work = Work()
    redis_server.kill()
    await on_server.get_or_set("key", work, ttl=60)
    redis_server.restart()

    await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENT):
        while not await on_server._redis.read(lambda client: client.exists("shop:{key}:cached")):
            await on_server.get_or_set("key", work, ttl=60)
    computed = work.begun
    await on_server.get_or_set("key", work, ttl=60)
    assert computed == work.begun


async def test_a_redis_that_dies_while_it_is_computed_costs_nothing(redis_server: RedisServer, on_server: Cache):
    """The value is given, though it can't be stored."""
    work = Work(held=True)
    waiting = asyncio.create_task(on_server.get_or_set("key", work, ttl=60))
    await until(lambda: work.begun)
    redis_server.kill()
    work.go.set()
    assert "made" == await waiting


async def test_a_redis_that_refuses_is_asked_again(redis: Redis, caplog: pytest.LogCaptureFixture):
    """A refusal, such as of a key of another kind, is no outage: it is logged, and other keys are cached."""
    async with Cache(redis, "shop") as cache:
        await redis.write(lambda client: client.rpush("shop:{list}:cached", "x"))
        work = Work()

        assert ["made"] * 2 == [await cache.get_or_set("list", work, ttl=60) for _ in range(2)]
        assert ["made"] * 2 == [await cache.get_or_set("key", work, ttl=60) for _ in range(2)]

        assert 3 == work.begun
        assert "goes on without Redis: " in caplog.text


async def test_forget_says_that_it_could_not(redis_server: RedisServer, on_server: Cache):
    """It does not fail open: the old value may be given as long as Redis has it."""
    redis_server.kill()
    with pytest.raises(RedisUnavailable):
        await on_server.forget("key")


async def test_a_hit_is_one_round_trip(redis: Redis, cache: Cache, monkeypatch: pytest.MonkeyPatch):
    """A value that is there costs one call, with and without `stale`."""
    await cache.get_or_set("key", Work(), ttl=60, stale=5)
    await cache.get_or_set("key", Work(), ttl=60, stale=5)
    calls: list[Any] = []
    execute = type(redis.client).execute_command

    async def counted(client: Any, *args: Any, **options: Any) -> Any:
        calls.append(args[0])
        return await execute(client, *args, **options)

    monkeypatch.setattr(type(redis.client), "execute_command", counted)
    for stale in (0, 5):
        await cache.get_or_set("key", Work(), ttl=60, stale=stale)

    assert ["GET", "EVALSHA"] == calls


# what can't work


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prefix": ""}, "Cache got the prefix ''"),
        ({"jitter": 1}, "Cache got jitter=1; give a part of the ttl, from 0 to below 1"),
        ({"patience": -1}, "Cache got patience=-1; give 0 or more"),
        ({"refreshes": float("nan")}, "Cache got refreshes=nan; give 0 or more"),
    ],
)
def test_what_cannot_work_is_said_at_once(options: dict[str, Any], words: str):
    """A prefix or a number that can't work is refused by name."""
    with pytest.raises(RegistrationError, match=words):
        Cache(Redis(), **{"prefix": "shop", **options})


@pytest.mark.parametrize("options", [{"ttl": 0}, {"ttl": 1, "stale": -1}, {"ttl": float("inf")}])
async def test_seconds_that_cannot_be_are_refused(cache: Cache, options: dict[str, float]):
    """A ttl has a millisecond at least, and nothing is computed without one."""
    work = Work()
    with pytest.raises(ValueError, match="give seconds, at least 0"):
        await cache.get_or_set("key", work, **options)
    assert (0, "<Cache 'shop'>") == (work.begun, repr(cache))
