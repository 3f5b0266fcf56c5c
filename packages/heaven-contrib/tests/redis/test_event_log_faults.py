"""The event log while its Redis is killed, and while it is frozen: who reads on sees every entry, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from heaven import App
from heaven_contrib.redis import log_tail
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisOutcomeUnknown, RedisUnavailable
from heaven_contrib.redis.event_log import EventLog
from heaven_testing import Client, RedisServer
from patience import PATIENT, until
from redis_patience import PATIENTLY, hurried


@pytest.fixture(scope="module")
def server():
    """A Redis that keeps what it acknowledged, also when it is killed."""
    with RedisServer(persistent=True) as server:
        yield server


@pytest.fixture
async def redis(server) -> AsyncIterator[Redis]:
    server.flush()
    redis = Redis(server.url + PATIENTLY)
    await redis.connect()
    yield redis
    await redis.disconnect()


class Writer:
    """Appends numbers without a pause, and notes what was acknowledged."""

    def __init__(self, log):
        self.acknowledged = []
        self._log = log

    async def run(self):
        number = 0
        while True:
            number += 1
            try:
                self.acknowledged.append(await self._log.append(number))
            except (RedisUnavailable, RedisOutcomeUnknown):
                await asyncio.sleep(0.01)

    async def more(self, count):
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= wanted)


def lost(acknowledged, seen):
    """What is wrong with what was seen, of what was acknowledged: what is missing, and what came twice."""
    return sorted(set(acknowledged) - set(seen)), [name for name in set(seen) if seen.count(name) > 1]


async def newest_only(log):
    """The control: a reader that asks for what is new, each time."""
    while True:
        try:
            (entry,) = await log.latest(1)
            yield entry
            await asyncio.sleep(0.01)
        except RedisUnavailable:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("ours", [True, False])
async def test_a_reader_goes_on_when_redis_was_killed(redis, server, ours):
    """It sees every acknowledged entry once, in order, through kill -9 and restart; one that only looks does not."""
    log = EventLog(redis, "orders")
    writer = Writer(log)
    await log.append(0)
    seen = []

    async def read():
        async with aclosing(log.read("0-0") if ours else newest_only(log)) as reader:
            async for entry in reader:
                seen.append(entry.id)

    tasks = [asyncio.create_task(read()), asyncio.create_task(writer.run())]
    await writer.more(200)
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(0.05)  # some tries against nothing
    await asyncio.to_thread(server.restart)
    await writer.more(200)
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    writer.acknowledged.append(await log.append(0))
    await until(lambda: seen[-1] == writer.acknowledged[-1])
    tasks[0].cancel()
    await asyncio.wait(tasks)

    assert (([], []) == lost(writer.acknowledged, seen)) is ours
    assert not ours or seen == sorted(seen, key=lambda name: tuple(map(int, name.split("-"))))


class Browser:
    """An EventSource: keeps the id of the last event, and says it when it comes back."""

    def __init__(self, *, forgetful):
        self.seen = []
        self.last = None
        self._forgetful = forgetful

    async def listen(self, client, count):
        """Connect, and take so many events."""
        headers = {} if self._forgetful or self.last is None else {"last-event-id": self.last}
        wanted = len(self.seen) + count
        async with asyncio.timeout(PATIENT), client.stream("GET", "/events", headers=headers) as response:
            async for line in response.aiter_lines():
                if line.startswith("id: "):
                    self.last = line[4:]
                elif line.startswith("data: "):
                    self.seen.append(self.last)
                    if len(self.seen) >= wanted:
                        return


def application(url):
    app = App()
    redis = Redis(url)
    log = EventLog(redis, "orders")

    async def events(req, res, ctx):
        res.events(log.events(req))

    app.GET("/events", events)
    app.plugin(redis)
    return app


def place(entry):
    """Where an id stands in the order of the log."""
    return tuple(map(int, entry.split("-")))


@pytest.mark.parametrize("forgetful", [False, True])
async def test_a_browser_comes_back_to_another_worker_after_a_crash(redis, server, forgetful):
    """With Last-Event-ID it sees each id once and none is missing; the control comes back without, and misses some."""
    writer = Writer(EventLog(redis, "orders"))
    browser = Browser(forgetful=forgetful)
    url = server.url + PATIENTLY
    options = {"timeout": 60, "leaks": {"tasks", "exceptions"}}  # a server that restarts opens files
    async with Client(application(url), **options) as one, Client(application(url), **options) as other:
        begun = asyncio.create_task(browser.listen(one, 50))
        await until(lambda: browser.last)
        writing = asyncio.create_task(writer.run())
        await begun
        await asyncio.to_thread(server.kill)
        restarting = asyncio.create_task(asyncio.to_thread(server.restart))
        await writer.more(100)
        await restarting
        await browser.listen(other, 100)
        writing.cancel()
        await asyncio.wait([writing])

    # The last one it saw may be one whose writer was cancelled before the answer came.
    upto = [each for each in writer.acknowledged if place(each) <= place(browser.seen[-1])]
    assert (([], []) == lost(upto, browser.seen)) is not forgetful


async def test_a_reader_waits_while_redis_does_not_answer(redis, server, caplog, monkeypatch):
    """A frozen Redis is waited for, by who reads and by who begins to; then all is there."""
    monkeypatch.setattr(log_tail, "BLOCK", 0.1)
    log = EventLog(redis, "orders")
    first = await log.append(1)
    async with aclosing(log.read("0-0")) as reader, aclosing(log.read(first)) as late, aclosing(log.read()) as new:
        assert 1 == (await anext(reader)).value
        with hurried(redis, 0.3):
            await asyncio.sleep(0.2)  # whoever waits for new entries asks again, with less time
            server.freeze()
            waiting = [asyncio.create_task(anext(each)) for each in (reader, late, new)]
            await until(lambda: "log:{orders} can't be read, and is waited for" in caplog.text)
            with pytest.raises((RedisUnavailable, RedisOutcomeUnknown)):
                await log.latest(1)
            with pytest.raises(RedisUnavailable):
                _ = [entry async for entry in log.read("0-0", follow=False)]
            assert not any(each.done() for each in waiting)
        server.thaw()
        async with asyncio.timeout(PATIENT):
            while not waiting[2].done():  # who asks for the new alone is there from some moment on
                await log.append(2)
                await asyncio.sleep(0.05)
            assert [2, 2, 2] == [(await each).value for each in waiting]


async def test_a_reader_whose_waiting_is_ended_by_redis_goes_on(server, redis):
    """A master that becomes a replica ends what blocks on it with an error; readers ask again, and miss nothing."""
    log = EventLog(redis, "orders", type=int)
    first = await log.append(1)
    async with aclosing(log.read(first)) as reader, asyncio.timeout(PATIENT):
        coming = asyncio.ensure_future(anext(reader))
        while not (
            blocked := [each for each in await redis.client.client_list(_type="normal") if "b" in each["flags"]]
        ):
            await asyncio.sleep(0.01)
        for each in blocked:
            server.execute("CLIENT", "UNBLOCK", each["id"], "ERROR")
        await asyncio.sleep(0)
        await log.append(2)
        assert 2 == (await coming).value
