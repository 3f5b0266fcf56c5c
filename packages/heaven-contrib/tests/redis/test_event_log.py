"""The event log in memory and on a real server: order, going on from an id, what is told of lost entries."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import msgspec
import pytest

from heaven import App
from heaven.errors import BadRequest, RegistrationError
from heaven_contrib.redis import log_tail
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import DecodeError, RedisError
from heaven_contrib.redis.event_log import Entry, EventLog, last_event_id
from heaven_contrib.redis.missed import Missed
from heaven_testing import Client, make_request
from patience import PATIENT, until


class Order(msgspec.Struct):
    number: int


async def take(reader, count):
    """The next values of a reader."""
    async with asyncio.timeout(PATIENT):
        return [await anext(reader) for _ in range(count)]


def values(entries):
    return [entry if isinstance(entry, Missed) else entry.value for entry in entries]


async def fill(log, start, stop):
    return [await log.append(number) for number in range(start, stop)]


def streamed(text):
    """The events of a stream, as a browser keeps them: (id, name, data)."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            events.append((fields.get("id"), fields.get("event"), fields.get("data")))
    return events


# Reading and writing


async def test_what_was_appended_is_read_in_order(redis):
    """Entries come back as they were appended, typed, with ids that grow."""
    log = EventLog(redis, "orders", type=Order)
    ids = [await log.append(Order(1), event="created"), await log.append(Order(2))]

    entries = [entry async for entry in log.read("0-0", follow=False)]

    assert [Entry(ids[0], "created", Order(1)), Entry(ids[1], None, Order(2))] == entries
    assert sorted(ids, key=log_tail.parse) == ids


async def test_a_reader_goes_on_after_an_id(redis):
    """What comes after the id is read, on as many pages as it takes."""
    log = EventLog(redis, "orders")
    ids = await fill(log, 0, 250)

    assert list(range(20, 250)) == values([entry async for entry in log.read(ids[19], follow=False)])
    assert [] == [entry async for entry in log.read(ids[-1], follow=False)]
    assert [] == [entry async for entry in log.read(follow=False)]


async def test_the_latest_come_oldest_first(redis):
    """`latest` gives no more than there is, in order."""
    log = EventLog(redis, "orders")
    assert [] == await log.latest(3)
    await fill(log, 0, 5)

    assert [2, 3, 4] == values(await log.latest(3))
    assert [0, 1, 2, 3, 4] == values(await log.latest(50))


async def test_a_follower_gets_what_comes(redis_pair):
    """A reader without an id gets what is appended from its first step on, by whatever worker."""
    here, there = (EventLog(redis, "orders") for redis in redis_pair)
    await here.append("before")
    async with aclosing(here.read()) as reader:
        first = asyncio.create_task(anext(reader))
        await until(lambda: here._tail is not None and here._tail.news._waiters)  # it waits for what is new
        await there.append("new", event="said")
        entry = await asyncio.wait_for(first, PATIENT)

        assert ("said", "new") == (entry.event, entry.value)
        await here.append("newer")
        assert ["newer"] == values(await take(reader, 1))


async def test_the_past_and_what_comes_are_one(redis_pair):
    """A follower that begins at an id goes over from the past to the new without a seam, while others write."""
    here, there = (EventLog(redis, "orders") for redis in redis_pair)
    await fill(there, 0, 150)
    async with aclosing(here.read("0-0")) as reader:
        writing = asyncio.create_task(fill(there, 150, 450))
        got = values(await take(reader, 450))
        await writing

    assert list(range(450)) == got


async def test_what_readers_could_not_take_is_not_appended(redis):
    """A value of another type than the log's is refused, since it would end everybody who reads as far as it."""
    log = EventLog(redis, "orders", type=Order)
    with pytest.raises(TypeError, match="the event log 'log:{orders}' has no such values: Expected `int`, got `str`"):
        await log.append(Order("seven"))  # type: ignore[arg-type]
    await log.append(Order(7))
    assert [Order(7)] == values(await log.latest(5))


async def test_many_followers_share_one_connection(redis):
    """A hundred readers wait by one call of `wait`, and the last one takes it along."""
    log = EventLog(redis, "orders")
    await log.append("first")
    waits = []
    wait = redis.wait

    async def counting(call, seconds):
        waits.append(1)
        try:
            return await wait(call, seconds)
        finally:
            waits.pop()

    redis.wait = counting
    readers = [log.read("0-0") for _ in range(100)]
    assert [["first"]] * 100 == [values(await take(reader, 1)) for reader in readers]
    following = [asyncio.create_task(anext(reader)) for reader in readers]
    await until(lambda: waits)
    assert 1 == len(waits)
    assert 100 == log._tail.readers

    await log.append("second")
    got = await asyncio.wait_for(asyncio.gather(*following), PATIENT)
    assert ["second"] * 100 == values(got)
    for reader in readers:
        await reader.aclose()
    assert (None, []) == (log._tail, waits)


@pytest.mark.parametrize("pulls", [True, False])
async def test_a_slow_reader_loses_nothing(redis, monkeypatch, pulls):
    """A reader that fell behind what the process keeps reads from Redis; if it did not, entries would be missing."""
    monkeypatch.setattr(log_tail, "RECENT", 8)
    log = EventLog(redis, "orders")
    start = await log.append("start")
    async with aclosing(log.read(start)) as slow, aclosing(log.read(start)) as quick:
        await log.append(0)
        assert [[0], [0]] == [values(await take(slow, 1)), values(await take(quick, 1))]
        await until(lambda: log._tail._end is not None)
        await fill(log, 1, 130)
        assert list(range(1, 130)) == values(await take(quick, 129))
        await until(lambda: log._tail._recent and log._tail._recent[-1].data == b"129")
        assert 8 == len(log._tail._recent)
        if not pulls:
            monkeypatch.setattr(log_tail.Tail, "after", lambda tail, after: log_tail.Page(list(tail._recent), after))

        assert (list(range(1, 9)) if pulls else list(range(122, 130))) == values(await take(slow, 8))


# What is missing is told


@pytest.mark.parametrize("told", [True, False])
async def test_who_comes_too_late_is_told(redis, monkeypatch, told):
    """A reader whose last entry is not kept any more gets a Missed, and then what there is."""
    if not told:  # the control: reading from the id alone, as XREAD does
        page = log_tail.Stream.page

        async def silent(self, after):
            return (await page(self, after))._replace(missed=False)

        monkeypatch.setattr(log_tail.Stream, "page", silent)
    log = EventLog(redis, "orders", keep=10)
    ids = await fill(log, 0, 300)

    got = values([entry async for entry in log.read(ids[0], follow=False)])
    kept = values(await log.latest(300))

    assert 10 <= len(kept) < 300
    assert ([Missed(), *kept] if told else kept) == got
    assert kept[1:] == values([entry async for entry in log.read(ids[kept[0]], follow=False)])


async def test_a_follower_that_is_overtaken_is_told(redis, monkeypatch):
    """Entries that Redis let go of between two steps of a reader are a Missed, in their place."""
    monkeypatch.setattr(log_tail, "RECENT", 4)
    log = EventLog(redis, "orders", keep=5)
    start = await log.append("start")
    async with aclosing(log.read(start)) as reader:
        await log.append(0)
        assert [0] == values(await take(reader, 1))
        await fill(log, 1, 400)
        kept = values(await log.latest(400))

        assert [Missed(), *kept] == values(await take(reader, 1 + len(kept)))


async def test_all_of_a_log_that_was_cut_begins_with_a_missed(redis):
    """Who read nothing yet, and asks for all, is told where the beginning may be gone."""
    log = EventLog(redis, "orders", keep=3)
    await fill(log, 0, 2)
    assert [0, 1] == values([entry async for entry in log.read("0-0", follow=False)])
    await fill(log, 2, 300)

    assert Missed() == (await take(log.read("0-0", follow=False), 1))[0]


async def test_a_log_that_lost_its_data_says_so(redis_pair):
    """A follower of a log that is gone is told, and goes on with the log that takes its place."""
    here, there = (EventLog(redis, "orders") for redis in redis_pair)
    await fill(there, 0, 3)
    end = await there.append(3)
    async with aclosing(here.read(end)) as reader, aclosing(here.read("99999999999999-0")) as ahead:
        assert [Missed()] == await take(ahead, 1)
        first = asyncio.create_task(anext(reader))
        await until(lambda: here._tail._end == log_tail.parse(end))
        await redis_pair[1].write(lambda client: client.delete(here._stream.key))
        await until(lambda: time.time() * 1000 > log_tail.parse(end)[0] + 2)  # ids are of another millisecond
        await there.append("anew")

        assert Missed() == await asyncio.wait_for(first, PATIENT)
        assert ["anew"] == values(await take(reader, 1))
        assert [Missed(), "anew"] == values(await take(ahead, 2))


async def test_what_can_not_be_is_refused(redis):
    """A log of no length, and ids that are none."""
    with pytest.raises(RegistrationError, match="'orders' got keep=0; give the number of entries"):
        EventLog(redis, "orders", keep=0)
    log = EventLog(redis, "orders")
    for wrong in ("", "7", "$", "1-2-3", "-1-0", "1-" + "9" * 20, "١-١", "1-1\n"):
        with pytest.raises(ValueError, match="an id of an event log is two numbers"):
            log.read(wrong)


async def test_a_value_of_another_type_is_told_with_its_place(redis):
    """DecodeError names the log and the entry, and not the value."""
    await EventLog(redis, "orders").append("secret")
    log = EventLog(redis, "orders", type=Order)

    with pytest.raises(DecodeError, match=r"log:\{orders\} \d+-\d+") as refused:
        await log.latest(1)
    assert "secret" not in str(refused.value)
    with pytest.raises(DecodeError):
        await anext(log.read("0-0"))


async def test_what_is_no_log_fails_its_readers(redis):
    """A key of another kind is an error for those who read, not a wait without end."""
    log = EventLog(redis, "orders")
    await redis.write(lambda client: client.set(log._stream.key, "no stream"))

    with pytest.raises(RedisError, match="WRONGTYPE"):
        await take(log.read(), 1)


async def test_a_tail_that_failed_fails_its_readers(redis, monkeypatch):
    """A reader that waits for new entries hears of it when there will be none."""
    log = EventLog(redis, "orders")

    async def forbidden(self, after):
        raise RedisError("NOPERM")

    monkeypatch.setattr(log_tail.Stream, "grows", forbidden)
    with pytest.raises(RedisError, match="NOPERM"):
        await take(log.read(), 1)


async def test_a_tail_that_failed_fails_nobody_who_comes_later(redis, monkeypatch):
    """A reader that has not gone on since keeps it, and those who come meanwhile have one of their own."""
    log = EventLog(redis, "orders")
    await log.append("first")

    async def forbidden(self, after):
        raise RedisError("NOPERM")

    async with aclosing(log.read("0-0")) as busy:
        with monkeypatch.context() as patched:
            patched.setattr(log_tail.Stream, "grows", forbidden)
            assert ["first"] == values(await take(busy, 1))
            with pytest.raises(RedisError, match="NOPERM"):
                await take(log.read(), 1)
        async with aclosing(log.read("0-0")) as later:
            await take(later, 1)
            coming = asyncio.ensure_future(anext(later))
            await log.append("second")
            async with asyncio.timeout(PATIENT):
                assert "second" == (await coming).value
    assert log._tail is None


async def test_the_name_of_an_event_is_one_line(redis):
    """What no stream of events could send is refused at once, and not by every reader from then on."""
    log = EventLog(redis, "orders")
    for wrong in ("two\nlines", "two\rlines"):
        with pytest.raises(ValueError, match="the name of an event is one line"):
            await log.append(1, event=wrong)

    assert [] == await log.latest(1)


# Server-sent events


def shop(redis, **options):
    app = App()
    log = EventLog(redis, "orders", **options)

    async def events(req, res, ctx):
        res.events(log.events(req))

    app.GET("/events", events)
    app.plugin(redis)
    return app, log


async def receive(pieces, count):
    """The next events of a stream."""
    text = ""
    async with asyncio.timeout(PATIENT):
        while len(streamed(text)) < count:
            text += await anext(pieces)
    return streamed(text)


async def test_a_browser_goes_on_where_it_was_on_another_worker(redis_url):
    """What was appended while a client was away reaches it from another worker, once, and before what is new."""
    apps = [shop(Redis(redis_url)) for _ in range(2)]
    (_, log), (_, other) = apps
    async with Client(apps[0][0], timeout=PATIENT) as first, Client(apps[1][0], timeout=PATIENT) as second:
        async with first.stream("GET", "/events") as response:
            pieces = response.aiter_text()
            (begun,) = await receive(pieces, 1)
            one = await log.append({"order": 1}, event="created")
            assert [(one, "created", '{"order":1}')] == await receive(pieces, 1)
        missed = await log.append("two\nlines")
        async with second.stream("GET", "/events", headers={"last-event-id": one}) as response:
            new = asyncio.create_task(receive(response.aiter_text(), 2))
            await until(lambda: other._tail is not None)
            three = await log.append(3)
            assert [(missed, None, '"two\\nlines"'), (three, None, "3")] == await asyncio.wait_for(new, PATIENT)
        # A client that saw nothing but the beginning of the stream.
        async with second.stream("GET", "/events", headers={"last-event-id": begun[0]}) as response:
            assert [one, missed, three] == [name for name, _, _ in await receive(response.aiter_text(), 3)]
    assert (begun[1], begun[2]) == (None, None)


async def test_a_browser_that_was_away_too_long_gets_a_gap(redis_url):
    """An event called `gap` names the id after which entries are missing; then comes what there is."""
    app, log = shop(Redis(redis_url), keep=5)
    async with Client(app, timeout=PATIENT) as client:
        ids = await fill(log, 0, 300)
        kept = values(await log.latest(300))
        async with client.stream("GET", "/events", headers={"last-event-id": ids[2]}) as response:
            events = await receive(response.aiter_text(), 1 + len(kept))

    assert [(None, "gap", f'{{"after":"{ids[2]}"}}'), *((ids[n], None, str(n)) for n in kept)] == events


@pytest.mark.parametrize("wrong", ["7", "last", "1-2-3", "9" * 30 + "-0"])
async def test_a_malformed_last_event_id_is_a_400(redis_url, wrong):
    """What names no event is refused, before the stream begins."""
    app, _ = shop(Redis(redis_url))
    async with Client(app, timeout=PATIENT) as client:
        answer = await client.get("/events", headers={"last-event-id": wrong})

    assert 400 == answer.status_code
    assert answer.json()["detail"].startswith("Last-Event-ID names no event")


async def test_last_event_id_is_read_for_streams_of_ones_own(redis):
    """None where the client says none; the first place is the header's, then what the server gave."""
    log = EventLog(redis, "orders")
    ids = await fill(log, 0, 3)

    assert None is last_event_id(make_request())
    assert None is last_event_id(make_request(headers={"last-event-id": ""}))
    assert "7-1" == last_event_id(make_request(headers={"last-event-id": "7-1"}))
    with pytest.raises(BadRequest):
        last_event_id(make_request(headers={"last-event-id": "7"}))
    assert ids[1] == (await take(log.events(make_request(), after=ids[0]), 1))[0]["id"]
    request = make_request(headers={"last-event-id": ids[1]})
    assert ids[2] == (await take(log.events(request, after=ids[0]), 1))[0]["id"]


async def test_streams_end_at_shutdown(redis_url):
    """A stream that waits for new entries ends in order when the server stops, and leaves nothing behind."""
    app, log = shop(Redis(redis_url))
    async with Client(app, timeout=PATIENT) as client, client.stream("GET", "/events") as response:
        lines = response.aiter_lines()
        await anext(lines)
        await client.shutdown()
        assert "" == [line async for line in lines][-1]
    assert None is log._tail


async def test_a_thousand_streams_take_few_connections(redis_server):
    """A thousand readers of one process, and Redis has one connection more than the pool of a few."""
    redis_server.flush()
    redis = Redis(f"{redis_server.url}?deadline=60&pool_size=4&client_name=thousand")
    await redis.connect()
    log = EventLog(redis, "orders")
    readers = [log.read("0-0") for _ in range(1000)]
    got = asyncio.gather(*(take(reader, 2) for reader in readers))
    await until(lambda: log._tail is not None and log._tail.readers == 1000)
    await fill(log, 0, 2)
    assert [[0, 1]] * 1000 == [values(each) for each in await asyncio.wait_for(got, 60)]

    clients = await redis.client.client_list()
    for reader in readers:
        await reader.aclose()
    await redis.disconnect()
    assert len([each for each in clients if each["name"].startswith("thousand")]) <= 5
