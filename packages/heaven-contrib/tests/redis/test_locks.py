"""Locks: one holder at a time, who is told in time when it is no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Self

import pytest

from heaven.errors import RegistrationError
from heaven_contrib.redis import locks
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisUnavailable
from heaven_contrib.redis.locks import LeaseLost, Lock, LockTimeout
from heaven_testing import RedisServer
from patience import PATIENT, until
from redis_patience import PATIENTLY, hurried

FOR_LONG = 2 * PATIENT
"""Seconds that no lease is lost in, however long a machine stands still."""


async def keys_of(redis: Redis, pattern: str = "lock:*") -> list[bytes]:
    return [key for key in await redis.read(lambda client: client.keys(pattern)) if not key.endswith(b":fence")]


@pytest.fixture
def server(redis_server: RedisServer) -> RedisServer:
    """A real Redis, in which nobody holds a lock."""
    redis_server.flush()
    return redis_server


class Held:
    """A lock that another task holds, until it is told to let go."""

    def __init__(self, lock: Lock) -> None:
        self.lock = lock
        self.entered = asyncio.Event()
        self.leave = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.hold())
        entered = asyncio.create_task(self.entered.wait())
        await asyncio.wait((entered, self.task), return_when=asyncio.FIRST_COMPLETED)
        return self

    async def hold(self) -> None:
        async with self.lock.hold(timeout=PATIENT) as self.lease:
            self.entered.set()
            await self.leave.wait()

    async def __aexit__(self, *_: object) -> None:
        self.leave.set()
        await asyncio.wait((self.task,), timeout=PATIENT)


async def test_the_lock_is_held_for_the_block_and_free_after_it(redis: Redis):
    """Its key is there during the block and gone after it, however it ends."""
    lock = Lock(redis, "door", ttl=FOR_LONG)

    async with lock.hold() as lease:
        lease.check()
        assert ("door", False, 1) == (lease.name, lease.lost.is_set(), len(await keys_of(redis)))
    assert [] == await keys_of(redis)
    with pytest.raises(ZeroDivisionError):
        async with lock.hold():
            1 / 0
    assert [] == await keys_of(redis)


async def test_who_does_not_wait_is_told_at_once(redis_pair: tuple[Redis, Redis]):
    """timeout=0 asks once, and a lock that others hold is a 503."""
    one, other = (Lock(redis, "door", ttl=FOR_LONG) for redis in redis_pair)

    async with one.hold():
        with pytest.raises(LockTimeout, match="The lock 'door' was held by others for 0 s") as caught:
            async with other.hold(timeout=0):
                pytest.fail("two hold it")
    assert 503 == caught.value.status
    async with other.hold(timeout=0):
        pass


async def test_who_waits_gets_it_when_it_is_free(redis_pair: tuple[Redis, Redis]):
    """A waiter on another worker goes on after the holder, and before its timeout."""
    one, other = (Lock(redis, "door", ttl=FOR_LONG, poll=0.01) for redis in redis_pair)

    async with Held(one) as held:
        waiting = Held(other)
        async with waiting_later(waiting):
            assert not waiting.entered.is_set()
            held.leave.set()
            await until(waiting.entered.is_set)


def waiting_later(held: Held) -> Any:
    """Start to wait, without waiting for it."""

    class Later:
        async def __aenter__(self) -> None:
            held.task = asyncio.create_task(held.hold())
            await asyncio.sleep(0.03)

        async def __aexit__(self, *_: object) -> None:
            await held.__aexit__()

    return Later()


async def test_who_waits_gives_up_at_its_timeout(redis_pair: tuple[Redis, Redis]):
    """Waiting is bounded, behind other waiters of the same process as well."""
    one, other = (Lock(redis, "door", ttl=FOR_LONG, poll=0.01) for redis in redis_pair)

    async with one.hold(), asyncio.timeout(PATIENT):
        begun = time.monotonic()
        answers = await asyncio.gather(*(enter(other, timeout=0.1) for _ in range(3)), return_exceptions=True)
    assert [LockTimeout] * 3 == [type(answer) for answer in answers]
    assert 0.1 <= time.monotonic() - begun


async def enter(lock: Lock, timeout: float | None = None) -> int:
    async with lock.hold(timeout=timeout) as lease:
        return lease.token


async def test_a_lease_is_renewed_for_as_long_as_its_block_runs(redis_pair: tuple[Redis, Redis]):
    """Its end is moved ahead, here and in Redis, so that a block may run for longer than the ttl."""
    one, other = (Lock(redis, "door", ttl=FOR_LONG) for redis in redis_pair)
    one._pause = 0.01
    client = redis_pair[1].client

    async def renewed() -> bool:
        return await client.pttl("lock:{door}:holder") > 10_000

    async with one.hold() as lease:
        first = lease.ends
        await client.pexpire("lock:{door}:holder", 10_000)
        await until(renewed)
        await until(lambda: lease.ends > first)
        with pytest.raises(LockTimeout):
            await enter(other, timeout=0)
        lease.check()


async def test_control_a_lease_that_is_not_renewed_is_lost(redis: Redis):
    """The same block does not come to its end where nothing is renewed."""
    lock = Lock(redis, "door", ttl=0.3)
    lock._pause = PATIENT

    with pytest.raises(LeaseLost):
        async with lock.hold():
            await asyncio.sleep(PATIENT)


async def test_a_holder_that_died_holds_up_nobody_for_longer_than_the_ttl(redis_pair: tuple[Redis, Redis]):
    """What was locked by a process that is gone is free after the ttl."""
    dead = Lock(redis_pair[0], "door", ttl=0.2)
    other = Lock(redis_pair[1], "door", ttl=FOR_LONG, poll=0.01)
    begun = time.monotonic()
    await dead._acquire.run(keys=dead._keys, args=["dead", dead._ttl_ms])
    await enter(other, timeout=PATIENT)

    assert 0.1 < time.monotonic() - begun < PATIENT


async def test_fencing_tokens_grow(redis_pair: tuple[Redis, Redis]):
    """Each lease has a higher token than those before it, on whatever worker."""
    both = [Lock(redis, "door", ttl=FOR_LONG) for redis in redis_pair]

    tokens = [await enter(both[turn % 2]) for turn in range(20)]

    assert sorted(set(tokens)) == tokens


async def test_fencing_tokens_grow_when_redis_forgot_them(redis: Redis):
    """A Redis that lost its memory counts on from its clock, and not from 1."""
    lock = Lock(redis, "door", ttl=FOR_LONG)
    before = await enter(lock)

    await redis.write(lambda client: client.flushall())
    await asyncio.sleep(0.002)

    assert before < await enter(lock)


async def test_control_tokens_without_a_clock_begin_anew(redis: Redis):
    """The same check sees a fence that only counts."""
    lock = Lock(redis, "door", ttl=FOR_LONG)
    lock._acquire = redis.script(locks.ACQUIRE.replace("math.max(now, ", "math.max(0, "))
    before = [await enter(lock), await enter(lock)]

    await redis.write(lambda client: client.flushall())

    assert ([1, 2], 1) == (before, await enter(lock))


async def test_fencing_tokens_grow_when_the_clock_goes_back(redis: Redis):
    """A server whose clock was set back counts on from the last token."""
    lock = Lock(redis, "door", ttl=FOR_LONG)
    future = int(time.time() * 1000) + 3_600_000
    await redis.write(lambda client: client.set("lock:{door}:fence", future))

    assert [future + 1, future + 2] == [await enter(lock), await enter(lock)]


async def test_the_fence_does_not_stay_for_ever(redis: Redis):
    """Locks that were used once leave nothing behind for good."""
    await enter(Lock(redis, "order:7", ttl=FOR_LONG))

    left = await redis.read(lambda client: client.pttl("lock:{order:7}:fence"))

    assert 86_400_000 < left <= 86_400_000 + FOR_LONG * 1000


async def crowd(pair: tuple[Redis, Redis], make: Callable[[Redis], Lock], tasks: int = 100) -> int:
    """The most blocks that ran at the same time, of many tasks on two workers."""
    locks = [make(redis) for redis in pair]
    inside = most = 0

    async def visit(lock: Lock) -> None:
        nonlocal inside, most
        async with lock.hold(timeout=PATIENT):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for turn in range(tasks):
            group.create_task(visit(locks[turn % 2]))
    return most


async def test_two_never_hold_it_at_the_same_time(redis_pair: tuple[Redis, Redis]):
    """Of a hundred tasks on two workers one is inside at any moment."""
    assert 1 == await crowd(redis_pair, lambda redis: Lock(redis, "door", ttl=FOR_LONG, poll=0.004))


async def test_control_two_hold_a_lock_that_does_not_look(redis_pair: tuple[Redis, Redis]):
    """The same crowd is seen to collide where the script does not look who holds it."""

    def broken(redis: Redis) -> Lock:
        lock = Lock(redis, "door", ttl=FOR_LONG, poll=0.004)
        lock._acquire = redis.script(locks.ACQUIRE.replace("holder and holder ~= ARGV[1]", "false"))
        return lock

    crowds = 0
    while await crowd(redis_pair, broken, tasks=20) == 1:
        crowds += 1
        assert crowds < 100


async def stolen(redis: Redis) -> bytes | None:
    """What is left of another's lock after the first holder, who was told of it by a renewal, has left its block."""
    lock = Lock(redis, "door", ttl=FOR_LONG)
    lock._pause = 0.05
    with pytest.raises(LeaseLost):
        async with lock.hold():
            await redis.write(lambda client: client.set("lock:{door}:holder", "another"))
            await asyncio.sleep(PATIENT)
    return await redis.read(lambda client: client.get("lock:{door}:holder"))


async def test_only_the_owner_releases(redis: Redis):
    """Who lost the lock takes it from nobody, neither at the end of its block nor by renewing it."""
    assert b"another" == await stolen(redis)
    lock = Lock(redis, "door", ttl=FOR_LONG)
    await lock._give_back("somebody")
    assert b"another" == await redis.read(lambda client: client.get("lock:{door}:holder"))


async def test_control_a_release_that_does_not_look_takes_it_from_others(redis: Redis):
    """The same check sees a lock that anybody can release."""
    lock = Lock(redis, "door", ttl=FOR_LONG)
    lock._release = redis.script("redis.call('DEL', KEYS[1])")
    await redis.write(lambda client: client.set("lock:{door}:holder", "another"))
    await lock._give_back("somebody")
    assert None is await redis.read(lambda client: client.get("lock:{door}:holder"))


async def test_a_block_whose_lock_is_gone_is_cancelled(redis: Redis):
    """A Redis that lost its memory ends the block at the next renewal, and LeaseLost says why."""
    lock = Lock(redis, "door", ttl=FOR_LONG)
    lock._pause = 0.05
    begun = time.monotonic()

    with pytest.raises(LeaseLost, match="the lock 'door' was lost before its block ended; others may hold it"):
        async with lock.hold() as lease:
            await redis.write(lambda client: client.flushall())
            await asyncio.sleep(PATIENT)

    assert lease.lost.is_set()
    assert time.monotonic() - begun < PATIENT
    with pytest.raises(LeaseLost):
        lease.check()


async def test_a_block_that_ends_after_its_lease_is_told(redis: Redis):
    """Who held up the event loop, and so its own cancellation, still learns that others may have held the lock."""
    lock = Lock(redis, "door", ttl=0.1)

    with pytest.raises(LeaseLost):
        async with lock.hold() as lease:
            time.sleep(0.15)
            with pytest.raises(LeaseLost):
                lease.check()
            assert not lease.lost.is_set()


async def test_a_block_that_swallows_its_cancellation_is_told(redis: Redis):
    """LeaseLost is raised at the end of a block that went on after it was cancelled."""
    lock = Lock(redis, "door", ttl=FOR_LONG)
    lock._pause = 0.05

    with pytest.raises(LeaseLost):
        async with lock.hold() as lease:
            await redis.write(lambda client: client.flushall())
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(PATIENT)
            assert lease.lost.is_set()
    assert 0 == asyncio.current_task().cancelling()


async def test_a_timeout_of_the_block_is_no_loss(redis: Redis):
    """A TimeoutError that the block raises comes out as it is."""
    with pytest.raises(TimeoutError):
        async with Lock(redis, "door", ttl=FOR_LONG).hold():
            raise TimeoutError
    assert [] == await keys_of(redis)


async def test_a_cancelled_block_releases(redis: Redis):
    """Whoever is cancelled while it holds the lock leaves it free, and is cancelled."""
    async with Held(Lock(redis, "door", ttl=FOR_LONG)) as held:
        held.task.cancel()
        await asyncio.wait((held.task,))
        assert held.task.cancelled()
        assert [] == await keys_of(redis)


class SlowRelease:
    """A release that waits for a connection before it is sent, and at will works for each holder once."""

    def __init__(self, lock: Lock, *, once: bool) -> None:
        self.release, self.once = lock._release, once
        self.asked: set[str] = set()
        self.begun = asyncio.Event()

    async def run(self, *, args: list[str], **options: Any) -> None:
        self.begun.set()
        if self.once and args[0] in self.asked:
            return
        self.asked.add(args[0])
        for _ in range(5):
            await asyncio.sleep(0)
        await self.release.run(args=args, **options)


async def cancelled(pair: tuple[Redis, Redis], *, once: bool, patience: float) -> bool:
    """Whether another worker gets a lock whose user was cancelled, at one moment after the other."""
    one = Lock(pair[0], "door", ttl=FOR_LONG, poll=0.002)
    other = Lock(pair[1], "door", ttl=FOR_LONG, poll=0.002)
    one._release = release = SlowRelease(one, once=once)

    async def steps(number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)

    async def releasing() -> None:
        release.begun.clear()
        await release.begun.wait()

    for moment in (*(partial(steps, number) for number in range(40)), releasing):
        task = asyncio.create_task(enter(one))
        await moment()
        task.cancel()
        await asyncio.wait((task,))
        try:
            await enter(other, timeout=patience)
        except LockTimeout:
            return False
    return True


async def test_who_is_cancelled_leaves_nothing(redis_pair: tuple[Redis, Redis]):
    """At whatever moment it is cancelled, asking, waiting, holding or releasing, the lock is free at once."""
    assert await cancelled(redis_pair, once=False, patience=PATIENT)
    assert [] == await keys_of(redis_pair[0])


async def test_control_who_releases_once_leaves_a_lock_behind(redis_pair: tuple[Redis, Redis]):
    """The same check sees a lock that is not released again when its release was cancelled."""
    assert not await cancelled(redis_pair, once=True, patience=0.5)


async def test_tasks_of_one_process_are_served_in_order(redis: Redis):
    """Who came first among the tasks of one Lock gets it first."""
    lock = Lock(redis, "door", ttl=FOR_LONG, poll=0.002)
    order: list[int] = []

    async def visit(number: int) -> None:
        async with lock.hold():
            order.append(number)

    await asyncio.gather(*map(visit, range(10)))

    assert list(range(10)) == order


async def test_an_answer_that_took_longer_than_the_lease_is_none(redis: Redis):
    """A lock that was given so late that it ends already is given back, and asked for again."""
    lock = Lock(redis, "door", ttl=FOR_LONG, poll=0.01)
    acquire, lasts, tokens = lock._acquire, lock._lasts, []

    class Noted:
        async def run(self, **options: Any) -> Any:
            tokens.append(await acquire.run(**options))
            lock._lasts = lasts  # only what was asked for first takes longer
            return tokens[-1]

    lock._acquire, lock._lasts = Noted(), 0.0

    async with lock.hold() as lease:
        lease.check()
    assert [lease.token] == [int(token) for token in tokens[1:]]


async def test_a_release_that_comes_late_takes_the_lock_from_nobody(redis_pair: tuple[Redis, Redis]):
    """What was given too late is given back; if Redis takes that up later still, the next lease is another one's."""
    one, other = (Lock(redis, "door", ttl=FOR_LONG, poll=0.01) for redis in redis_pair)
    acquire, release, lasts = one._acquire, one._release, one._lasts
    late: list[asyncio.Task[None]] = []

    class Noted:
        async def run(self, **options: Any) -> Any:
            answer = await acquire.run(**options)
            one._lasts = lasts  # only what was asked for first takes longer
            return answer

    class Late:
        async def run(self, **options: Any) -> None:
            one._release = release
            late.append(asyncio.create_task(self.served(**options)))
            raise RedisUnavailable("no answer")

        async def served(self, **options: Any) -> None:
            await asyncio.sleep(0.2)
            await release.run(**options)

    one._acquire, one._release, one._lasts = Noted(), Late(), 0.0

    async with one.hold(timeout=PATIENT):
        await asyncio.wait(late)
        with pytest.raises(LockTimeout):
            await enter(other, timeout=0)


async def test_who_was_not_answered_is_not_kept_waiting_by_that(server: RedisServer):
    """A lock that a frozen Redis gave to nobody, since the one who asked had gone, is there for who asks again."""
    redis = Redis(server.url + PATIENTLY)
    await redis.connect()
    lock = Lock(redis, "door", ttl=FOR_LONG, poll=0.01)
    await enter(lock)  # the script is there now
    server.freeze()
    with pytest.raises(RedisUnavailable), hurried(redis, 0.2):
        await enter(lock)
    server.thaw()
    await until(lambda: server.execute("EXISTS", "lock:{door}:holder") == "1")

    await enter(lock, timeout=PATIENT)

    assert [] == await keys_of(redis)
    await redis.disconnect()


async def knows(server: RedisServer) -> bool:
    """Whether a holder of a frozen Redis knows, when the ttl has passed, that the lease is lost."""
    redis = Redis(server.url + PATIENTLY)
    await redis.connect()
    ttl, known = 0.5, list[bool]()
    lock = Lock(redis, "door", ttl=ttl)
    with suppress(LeaseLost):
        async with lock.hold(timeout=PATIENT) as lease:
            asked_at = lease.ends - lock._lasts
            # Timers are served in the order of their times, however late that is.
            asyncio.get_running_loop().call_at(asked_at + ttl, lambda: known.append(lease.lost.is_set()))
            server.freeze()
            try:
                await until(lambda: known)
            finally:
                server.thaw()
    await until(lambda: known)
    await redis.disconnect()
    return known[0]


async def test_a_holder_that_cannot_reach_redis_is_out_before_the_ttl(server: RedisServer):
    """A frozen Redis cancels the block before it could give the lock to another, whatever the deadline of a call."""
    assert await knows(server)


async def test_control_a_holder_that_trusts_its_lease_stays_for_too_long(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    """The same check sees a holder without a clock of its own."""
    monkeypatch.setattr(locks._Holding, "lose", lambda holding: None)
    assert not await knows(server)


async def test_a_holder_that_was_out_gives_the_lock_to_others(server: RedisServer):
    """After a Redis that stood still for longer than the ttl, the next one who asks gets it."""
    redis = Redis(server.url + PATIENTLY)
    await redis.connect()
    with pytest.raises(LeaseLost):
        async with Lock(redis, "door", ttl=0.3).hold():
            server.freeze()
            await asyncio.sleep(PATIENT)
    server.thaw()
    await enter(Lock(redis, "door", ttl=FOR_LONG, poll=0.01), timeout=PATIENT)
    await redis.disconnect()


async def test_a_short_outage_costs_no_lease(server: RedisServer, caplog: pytest.LogCaptureFixture):
    """A Redis that is back before the ttl has passed finds its holder still there."""
    redis = Redis(server.url + PATIENTLY)
    await redis.connect()
    lock = Lock(redis, "door", ttl=FOR_LONG)
    lock._pause = 0.05
    async with lock.hold() as lease:
        server.freeze()
        with hurried(redis, 0.2):
            await until(lambda: "the lock 'door' was not renewed" in caplog.text)
        first = lease.ends
        server.thaw()
        await until(lambda: lease.ends > first)
        lease.check()
    assert [] == await keys_of(redis)
    await redis.disconnect()


async def test_a_holder_learns_of_a_restart_that_lost_its_lock(server: RedisServer):
    """A Redis that begins empty ends the lease; the next one has a higher token."""
    redis = Redis(server.url + PATIENTLY)
    await redis.connect()
    lock = Lock(redis, "door", ttl=FOR_LONG)
    lock._pause = 0.05

    with pytest.raises(LeaseLost):
        async with lock.hold() as lease:
            server.kill()
            server.restart()
            await asyncio.sleep(PATIENT)

    assert lease.token < await enter(lock, timeout=PATIENT)
    await redis.disconnect()


async def test_a_redis_that_is_down_is_a_503(server: RedisServer):
    """Nobody gets a lock from a Redis that is not there, and nobody waits for it."""
    redis = Redis(server.url + PATIENTLY)
    await redis.connect()
    server.stop()

    with pytest.raises(RedisUnavailable):
        await enter(Lock(redis, "door"), timeout=PATIENT)
    await redis.disconnect()


async def test_a_release_that_fails_hides_nothing(server: RedisServer, caplog: pytest.LogCaptureFixture):
    """What the block raised comes out, and a warning says that the lock ends by itself."""
    redis = Redis(server.url + PATIENTLY)
    await redis.connect()

    with pytest.raises(ZeroDivisionError):
        async with Lock(redis, "door", ttl=FOR_LONG).hold():
            server.stop()
            1 / 0

    assert "the lock 'door' was not released, and ends by itself: 503" in caplog.text
    await redis.disconnect()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ""}, "a key is called ''"),
        ({"ttl": 0}, "ttl is 0; give seconds"),
        ({"ttl": float("nan")}, "ttl is nan"),
        ({"poll": -1}, "poll is -1; give seconds"),
        ({"prefix": "a{b"}, "Lock got the prefix 'a{b'"),
    ],
)
def test_what_cannot_work_is_said_at_once(options: dict[str, Any], words: str):
    """A name, a prefix or a number that can't work is refused by name."""
    with pytest.raises(RegistrationError, match=words.replace("{", r"\{")):
        Lock(Redis(), **{"name": "door", **options})


async def test_reprs_say_which_lock_it_is(redis: Redis):
    """A lock and a lease say their name, and whether it is lost."""
    lock = Lock(redis, "door", ttl=0.1)

    with pytest.raises(LeaseLost):
        async with lock.hold() as lease:
            assert f"<Lease of 'door', token {lease.token}>" == repr(lease)
            time.sleep(0.1)
            await asyncio.sleep(PATIENT)

    assert ["<Lock 'door'>", f"<Lease of 'door', token {lease.token}, lost>"] == [repr(lock), repr(lease)]


def test_a_lock_outlives_an_event_loop():
    """Where one loop comes after another, as when an application is started twice, its tasks wait for their turn."""
    redis = Redis("memory://" + PATIENTLY)
    lock = Lock(redis, "door", ttl=FOR_LONG)
    inside: list[int] = []

    async def enter(number: int) -> None:
        async with lock.hold(timeout=PATIENT):
            inside.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        await redis.connect()
        await asyncio.gather(*map(enter, range(3)))
        await redis.disconnect()

    for _ in range(2):
        asyncio.run(main())

    assert [0, 1, 2] * 2 == inside
