from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from heaven_contrib.redis.idempotency import Record
from heaven_contrib.sql import TRANSACTION, Database, LostOutcome
from idempotent_shop import ONE, Shop
from patience import PATIENT, until
from redis_patience import PATIENTLY, hurried

QUIET = {"tasks", "exceptions", "store"}  # a server that is started again opens files, and here the test does so


class Gate:
    """An order that waits until the test lets it go on."""

    def __init__(self):
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, req, res):
        self.reached.set()
        await self.open.wait()
        return "ordered"


async def test_a_request_that_is_cancelled_while_it_is_stored_is_not_carried_out_again(redis_url):
    """What it came to is known by then: it is stored all the same, and what is sent again gets it."""
    shop = Shop(redis_url)
    store, cancelled = shop.idempotency._store, []

    class Cancelling:
        async def run(self, **options):
            if not cancelled:
                cancelled.append(asyncio.current_task())
                cancelled[0].cancel()
                await asyncio.sleep(60)
            return await store.run(**options)

    shop.idempotency._store = Cancelling()
    async with shop.client() as client:
        await client.post("/orders", headers=ONE)
        assert cancelled
        again = await client.post("/orders", headers=ONE)
    assert (201, "true", 1) == (again.status_code, again.headers["idempotency-replayed"], shop.orders)


# Side by side


async def test_a_second_request_waits_for_the_first(redis_url):
    """It gets the response as soon as that is there."""
    gate = Gate()
    shop = Shop(redis_url, answer=gate, wait=PATIENT)
    async with shop.client() as client, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        second = tasks.create_task(client.post("/orders", headers=ONE))
        await asyncio.sleep(0.05)
        assert not second.done()
        gate.open.set()
    assert (first.result().content, 1) == (second.result().content, shop.orders)
    assert "true" == second.result().headers["idempotency-replayed"]


async def test_a_second_request_does_not_wait_for_ever(redis_url):
    """After `wait` seconds it is a 409, to come again; another request with the key is refused at once."""
    gate = Gate()
    shop = Shop(redis_url, answer=gate, wait=0.05)
    async with shop.client() as client, asyncio.TaskGroup() as tasks:
        tasks.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        second = await client.post("/orders", headers=ONE)
        other = await client.post("/orders", content=b"other", headers=ONE)
        gate.open.set()
    assert (409, "1", 422, 1) == (second.status_code, second.headers["retry-after"], other.status_code, shop.orders)
    assert "A request with this Idempotency-Key is being carried out." == second.json()["detail"]


async def test_who_waits_takes_over_when_the_first_fails(redis_url):
    """The key is free again, and the second request is a first one."""
    gate = Gate()

    async def failing_once(req, res):
        await gate(req, res)
        return 1 / 0 if shop.orders == 1 else "ordered"

    shop = Shop(redis_url, answer=failing_once, wait=PATIENT)
    async with shop.client() as client, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        second = tasks.create_task(client.post("/orders", headers=ONE))
        gate.open.set()
    assert (500, 200, 2) == (first.result().status_code, second.result().status_code, shop.orders)


@pytest.mark.parametrize("hook", [True, False])
async def test_100_at_once_are_carried_out_once(redis_url, redis, hook):
    """Over two workers, the handler runs once and all get its response; without the hook it runs for each."""

    async def takes_a_while(req, res):
        await asyncio.sleep(0.01)
        return "ordered"

    shops = [Shop(redis_url, answer=takes_a_while, hook=hook, wait=60) for _ in range(2)]
    async with shops[0].client() as one, shops[1].client() as two:
        responses = await asyncio.gather(*(each.post("/orders", headers=ONE) for each in (one, two) * 50))
    assert [(200, "ordered")] * 100 == [(response.status_code, response.text) for response in responses]
    assert (1 if hook else 100) == sum(shop.orders for shop in shops)


async def test_a_request_that_is_left_lets_go_of_its_own_claim(redis_url, redis):
    """Who leaves while waiting leaves the claim of the first alone; when the first is left, the key is free."""
    gate = Gate()
    shop = Shop(redis_url, answer=gate, wait=60, route={"cancel_on_disconnect": True})

    async def keys(count):
        return len(await redis.client.keys("*")) == count

    async with shop.client() as client:
        first = asyncio.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        second = asyncio.create_task(client.post("/orders", headers=ONE))
        await asyncio.sleep(0.05)
        for each, left in ((second, 1), (first, 0)):
            each.cancel()
            await asyncio.wait((each,))
            await until(lambda left=left: keys(left))
        gate.open.set()
        await client.settled()
        assert (200, 2) == ((await client.post("/orders", headers=ONE)).status_code, shop.orders)


# The claim


async def shortened(redis, milliseconds):
    """Have the one claim end soon."""
    (key,) = await redis.client.keys("*")
    await redis.client.pexpire(key, milliseconds)
    return key


async def renewed(redis, key):
    """Wait until a claim that was shortened is one for long again."""

    async def for_long():
        return await redis.client.pttl(key) > 10_000

    await until(for_long)


async def test_a_claim_is_held_for_as_long_as_the_handler_runs(redis_url, redis):
    """The end of the claim is moved ahead, so that a handler that takes longer than the lease is not overtaken."""
    gate = Gate()
    shop = Shop(redis_url, answer=gate, lease=60, wait=0.05)
    shop.idempotency._pause = 0.01
    async with shop.client() as client, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        await renewed(redis, await shortened(redis, 10_000))
        assert (409, 1) == ((await client.post("/orders", headers=ONE)).status_code, shop.orders)
        gate.open.set()
    assert 200 == first.result().status_code


async def test_a_claim_that_is_not_renewed_is_overtaken(redis_url, redis):
    """The control of the one above: the claim ends before the handler does, and another one begins."""
    gate = Gate()
    shop = Shop(redis_url, answer=gate, lease=60, wait=PATIENT)
    shop.idempotency._renew = lambda work: asyncio.sleep(0)
    async with shop.client() as client, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        await shortened(redis, 50)
        second = tasks.create_task(client.post("/orders", headers=ONE))
        await until(lambda: shop.orders == 2)
        gate.open.set()
    assert (200, 200) == (first.result().status_code, second.result().status_code)


async def test_a_claim_that_is_lost_is_logged(redis_url, redis, caplog):
    """Where Redis loses it meanwhile, the response is sent, is not stored over another's, and the log says so."""
    gate = Gate()
    shop = Shop(redis_url, answer=gate, lease=60)
    shop.idempotency._pause = 0.05
    async with shop.client() as client, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        (key,) = await redis.client.keys("*")
        await redis.client.set(key, b"another's")
        await until(lambda: "was lost; another request with its key may be carried out" in caplog.text)
        gate.open.set()
    assert (200, b"another's") == (first.result().status_code, await redis.client.get(key))
    assert f"POST '/orders': the claim of {key.decode()} was lost, so it may be carried out twice" in caplog.text


async def test_a_claim_that_has_ended_and_that_nobody_took_over_costs_nothing(redis_url, redis):
    """A worker that stood still for longer than its lease stores what it came to, and a repeat is carried out no more."""
    gate = Gate()
    shop = Shop(redis_url, answer=gate)
    async with shop.client() as client:
        first = asyncio.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        assert 1 == await redis.client.delete(*await redis.client.keys("*"))
        gate.open.set()
        assert "idempotency-replayed" not in (await first).headers
        again = await client.post("/orders", headers=ONE)
    assert ("ordered", "true", 1) == (again.text, again.headers["idempotency-replayed"], shop.orders)


WORKER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from idempotent_shop import ONE, Shop

async def order(req, res):
    print("ordering", flush=True)
    await asyncio.sleep(60)

async def main():
    shop = Shop(sys.argv[1], answer=order, lease=60)
    shop.idempotency._pause = 0.05
    async with shop.client(timeout=None) as client:
        await client.post("/orders", headers=ONE)

asyncio.run(main())
"""


@pytest.mark.parametrize("killed", [True, False])
async def test_a_worker_that_is_killed_does_not_keep_the_key(redis_server, killed):
    """Its claim ends with the lease; that of a worker that lives does not."""
    redis_server.flush()
    url = redis_server.url + PATIENTLY
    shop = Shop(url, wait=0.0)
    here = str(Path(__file__).parent.parent)
    with subprocess.Popen([sys.executable, "-c", WORKER, url, here], stdout=subprocess.PIPE) as worker:
        try:
            assert b"ordering\n" == await asyncio.to_thread(worker.stdout.readline)
            async with shop.client() as client:
                assert 409 == (await client.post("/orders", headers=ONE)).status_code
                if killed:
                    worker.kill()
                    worker.wait()
                    await shortened(shop.redis, 200)
                    async with asyncio.timeout(PATIENT):
                        while (response := await client.post("/orders", headers=ONE)).status_code == 409:
                            await asyncio.sleep(0.02)
                else:
                    await renewed(shop.redis, await shortened(shop.redis, 10_000))
                    response = await client.post("/orders", headers=ONE)
        finally:
            worker.kill()
    assert (201 if killed else 409, int(killed)) == (response.status_code, shop.orders)


# Redis down


@pytest.mark.parametrize(("fault", "hook"), [("kill", True), ("freeze", True), ("freeze", False)])
async def test_without_redis_nothing_is_carried_out(redis_server, fault, hook):
    """A request with a key is a 503 by the deadline, and one without is served; without the hook both are."""
    redis_server.flush()
    shop = Shop(f"{redis_server.url}?deadline=0.3", hook=hook)
    async with shop.client(leaks=QUIET) as client:
        getattr(redis_server, fault)()
        async with asyncio.timeout(PATIENT):
            response = await client.post("/orders", headers=ONE)
            other = await client.post("/orders")
        redis_server.heal()
    assert (503 if hook else 201, 201) == (response.status_code, other.status_code)
    assert (1 if hook else 2) == shop.orders


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_what_was_carried_out_is_answered_although_it_can_not_be_stored(redis_server, caplog, fault):
    """The response is sent, since its order is kept, and the log says that a repeat may come to another one."""
    redis_server.flush()
    gate = Gate()
    shop = Shop(redis_server.url + PATIENTLY, answer=gate, lease=60)
    shop.idempotency._pause = 0.05
    async with shop.client(leaks=QUIET) as client, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post("/orders", headers=ONE))
        await gate.reached.wait()
        getattr(redis_server, fault)()
        with hurried(shop.redis, 0.3):
            await until(lambda: "could not be renewed" in caplog.text)
            gate.open.set()
            assert (200, "ordered") == ((await first).status_code, first.result().text)
        redis_server.heal()
    assert "POST '/orders': what it came to can't be stored under idempotency:" in caplog.text


class Repeated:
    """A script whose first answer is lost, so that it is sent again."""

    def __init__(self, script, seen=lambda answer: answer):
        self.script = script
        self.seen = seen

    async def run(self, **words):
        await self.script.run(**words)
        return self.seen(await self.script.run(**words))


@pytest.mark.parametrize("known", [True, False])
async def test_an_answer_of_redis_that_is_lost_does_not_lock_the_request_out(redis_url, caplog, known):
    """A claim that is sent again is found to be one's own, and a response stored twice is stored; by its token alone."""

    def answered(answer):
        stranger = msgspec.structs.replace(msgspec.msgpack.decode(answer, type=Record), token=b"another's")
        return answer if known else msgspec.msgpack.encode(stranger)

    shop = Shop(redis_url, wait=0.0)
    hook = shop.idempotency
    hook._claim, hook._store = Repeated(hook._claim, answered), Repeated(hook._store)
    async with shop.client() as client:
        first = await client.post("/orders", headers=ONE)
    assert (201 if known else 409, "") == (first.status_code, caplog.text)


# With transactions


@pytest.mark.parametrize("order", ["outside", "inside"])
async def test_what_is_stored_is_committed(redis_url, tmp_path, order):
    """Registered before db.begin, the response is stored after the commit; the other way round is refused."""
    shop = Shop(redis_url, hook=False)
    database = Database(f"sqlite:///{tmp_path}/app.db")
    shop.app.plugin(database)
    for each in (shop.idempotency, database.begin) if order == "outside" else (database.begin, shop.idempotency):
        shop.app.BEFORE("/sales", each)
    seen = []

    async def sell(req, res, ctx):
        await ctx.peek(TRANSACTION).execute("INSERT INTO sales (item) VALUES ('mug')")

    store = shop.idempotency._finish

    async def finish(work, req, res):
        seen.append(await database.fetch_value("SELECT COUNT(*) FROM sales"))
        await store(work, req, res)

    shop.idempotency._finish = finish
    shop.app.POST("/sales", sell)
    async with shop.client() as client:
        await database.execute("CREATE TABLE sales (item TEXT)")
        statuses = [(await client.post("/sales", headers=ONE)).status_code for _ in range(2)]
        sold = await database.fetch_value("SELECT COUNT(*) FROM sales")
    assert ([200, 200], [1], 1) if order == "outside" else ([500, 500], [], 0) == (statuses, seen, sold)


async def test_a_commit_whose_outcome_is_not_known_is_not_tried_again(redis_url, tmp_path, monkeypatch):
    """The 500 that says so is what repeats get."""
    shop = Shop(redis_url, hook=False)
    database = Database(f"sqlite:///{tmp_path}/app.db")
    shop.app.plugin(database)
    shop.app.BEFORE("/orders", shop.idempotency)
    shop.app.BEFORE("/orders", database.begin)

    async def lost(self, connection):
        raise LostOutcome("The answer to COMMIT was lost.")

    monkeypatch.setattr("heaven_contrib.sql.transaction.Transaction._commit", lost)
    async with shop.client() as client:
        responses = [await client.post("/orders", headers=ONE) for _ in range(2)]
    assert ([500, 500], 1) == ([response.status_code for response in responses], shop.orders)
