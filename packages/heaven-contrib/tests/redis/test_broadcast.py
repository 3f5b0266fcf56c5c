"""Channels in memory and on a real server: who hears what, what is told of what was lost, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from heaven import App, Key
from heaven.errors import RegistrationError
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.broadcast import BROADCAST, Broadcast, SlowSubscriber
from heaven_contrib.redis.errors import DecodeError, RedisError, RedisUnavailable
from heaven_contrib.redis.missed import Missed
from heaven_testing import Client, RedisServer, WebSocketClosed, WebSocketDenied
from patience import PATIENT, until
from redis_patience import PATIENTLY, hurried


class Said(msgspec.Struct):
    name: str
    text: str


@asynccontextmanager
async def connected(redis, **options):
    broadcast = Broadcast(redis, **options)
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


async def take(messages, count):
    """The next messages."""
    async with asyncio.timeout(PATIENT):
        return [await anext(messages) for _ in range(count)]


async def subscriptions(redis, name="broadcast:channel:room:7"):
    """How many clients of Redis are subscribed to a channel."""
    ((_, count),) = await redis.client.pubsub_numsub(name)
    return count


# What is heard


async def test_what_one_worker_publishes_all_hear(workers):
    """Every subscriber on every worker gets each message, in order, as the type that it asked for."""
    one, other = workers
    async with AsyncExitStack() as stack:
        everywhere = (one, one, other, other)
        hearing = [await stack.enter_async_context(each.subscribe("room:7", type=Said)) for each in everywhere]
        said = [Said("Ada", str(number)) for number in range(20)]
        for number, each in enumerate(said):
            await workers[number % 2].publish("room:7", each)

        assert [said] * 4 == [await take(messages, 20) for messages in hearing]


async def test_nothing_is_lost_between_subscribing_and_the_first_message(workers):
    """What is published as soon as the block has begun is heard, however often one comes and goes."""
    one, other = workers
    for number in range(50):
        async with one.subscribe("room:7") as messages:
            await other.publish("room:7", number)
            assert [number] == await take(messages, 1)


async def test_channels_are_apart(workers, redis_pair):
    """A channel is told by its name and its prefix."""
    one, other = workers
    async with (
        connected(redis_pair[0], prefix="other") as foreign,
        one.subscribe("room:7") as seven,
        one.subscribe("room:8") as eight,
        foreign.subscribe("room:7") as elsewhere,
    ):
        for name in ("room:8", "room:7"):
            await other.publish(name, name)
        await foreign.publish("room:7", "foreign")

        assert [["room:7"], ["room:8"]] == [await take(seven, 1), await take(eight, 1)]
        assert ["foreign"] == await take(elsewhere, 1)


async def test_what_was_published_before_is_not_heard(workers):
    """Delivery is at most once: who comes later hears what is published later."""
    one, other = workers
    await other.publish("room:7", "early")
    async with one.subscribe("room:7") as messages:
        await other.publish("room:7", "late")
        assert ["late"] == await take(messages, 1)


async def test_a_channel_is_left_with_its_last_subscriber(workers, redis):
    """However many subscribe in a process, Redis has one subscription, and none after the last has gone."""
    one, _ = workers
    async with AsyncExitStack() as stack:
        for _ in range(30):
            await stack.enter_async_context(one.subscribe("room:7"))
        assert 1 == await subscriptions(redis)
    assert 0 == await subscriptions(redis)
    assert {} == one._channels


async def test_many_come_and_go_at_once(workers):
    """Subscribing and leaving cross each other on one channel, and who is there hears."""
    one, other = workers

    async def visit(number):
        async with one.subscribe("room:7") as messages:
            await other.publish("room:7", number)
            async with asyncio.timeout(PATIENT):
                while await anext(messages) != number:
                    pass

    await asyncio.gather(*(visit(number) for number in range(60)))
    assert {} == one._channels


async def test_who_is_cancelled_while_subscribing_leaves_nothing(workers, redis):
    """A subscriber that gives up before it is confirmed is not there, and the next one hears."""
    one, other = workers
    for pause in range(6):
        coming = asyncio.create_task(anext(aiter_of(one)))
        for _ in range(pause):
            await asyncio.sleep(0)
        coming.cancel()
        await asyncio.wait([coming])
        async with one.subscribe("room:7") as messages:
            await other.publish("room:7", pause)
            assert [pause] == await take(messages, 1)
    await until(lambda: not one._channels)
    assert 0 == await subscriptions(redis)


@pytest.mark.parametrize("under_way", [False, True])
async def test_who_comes_while_the_last_one_leaves_hears(workers, under_way):
    """Wherever the leaving of the last subscriber is when the next one comes, that one hears."""
    one, other = workers
    first = one.subscribe("room:7")
    await first.__aenter__()
    channel = one._channels["broadcast:channel:room:7"]
    leaving = asyncio.create_task(first.__aexit__(None, None, None))
    while under_way and channel.heard:
        await asyncio.sleep(0)
    coming = asyncio.create_task(anext(aiter_of(one)))
    await until(lambda: leaving.done() and channel.heard)
    assert one._channels == {"broadcast:channel:room:7": channel}
    await other.publish("room:7", "hello")

    assert "hello" == await asyncio.wait_for(coming, PATIENT)


async def aiter_of(broadcast):
    async with broadcast.subscribe("room:7") as messages:
        async for message in messages:
            yield message


async def test_a_value_of_another_type_does_not_end_the_subscription(workers):
    """DecodeError names the channel; the next message comes."""
    one, other = workers
    async with one.subscribe("room:7", type=int) as messages:
        await other.publish("room:7", "secret")
        await other.publish("room:7", 7)
        with pytest.raises(DecodeError, match="room:7") as refused:
            await take(messages, 1)
        assert "secret" not in str(refused.value)
        assert [7] == await take(messages, 1)


async def test_what_is_no_json_is_not_published(workers):
    """The one who publishes hears of it."""
    with pytest.raises(TypeError):
        await workers[0].publish("room:7", object())


# Who is slow


@pytest.mark.parametrize("queue", [5, 1000])
async def test_who_is_slow_is_told_how_many_were_lost(redis, queue):
    """The oldest go first, a Missed counts them in their place; with room for all (the control) none is lost."""
    async with connected(redis, queue=queue) as broadcast, broadcast.subscribe("room:7") as messages:
        async with broadcast.subscribe("room:7") as quick:
            for number in range(20):
                await broadcast.publish("room:7", number)
                assert [number] == await take(quick, 1)

        lost = [Missed(15), *range(15, 20)]
        assert (lost if queue == 5 else list(range(20))) == await take(messages, len(lost) if queue == 5 else 20)
        await broadcast.publish("room:7", "next")
        assert ["next"] == await take(messages, 1)


async def test_who_is_slow_can_be_ended_instead(redis):
    """With "close" a full queue ends the subscription by SlowSubscriber, and others go on."""
    async with (
        connected(redis, queue=5, slow="close") as broadcast,
        broadcast.subscribe("room:7") as messages,
        broadcast.subscribe("room:7") as quick,
    ):
        for number in range(8):
            await broadcast.publish("room:7", number)
            assert [number] == await take(quick, 1)

        for _ in range(2):
            with pytest.raises(SlowSubscriber, match="5 messages of 'broadcast:channel:room:7' waited"):
                await take(messages, 1)


async def test_a_lost_connection_and_a_slow_reader_are_one_unknown_loss(redis):
    """A Missed that is pushed out makes the count of what was lost unknown."""
    async with connected(redis, queue=2) as broadcast, broadcast.subscribe("room:7") as messages:
        for item in (b"1", Missed(), b"2", b"3", b"4"):
            messages.put(item)
        assert [Missed(None), 3, 4] == await take(messages, 3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"queue": 0}, "Broadcast got queue=0; give each subscriber room"),
        ({"slow": "wait"}, "Broadcast got slow='wait'; give 'drop_oldest' or 'close'"),
        ({"prefix": "shop{}"}, "Broadcast got the prefix 'shop{}'"),
        ({"ttl": 0}, "Broadcast got ttl=0; give the seconds"),
    ],
)
def test_what_can_not_be_is_refused(options, text):
    """An option that can't be is said at construction."""
    with pytest.raises(RegistrationError, match=text):
        Broadcast(Redis("memory://"), **options)


# When connections are lost


async def test_a_lost_connection_is_told(redis_server):
    """Each subscriber gets a Missed without a count once it is heard again, and then what comes."""
    redis_server.flush()
    redis = Redis(redis_server.url + PATIENTLY)
    await redis.connect()
    async with (
        connected(redis) as broadcast,
        broadcast.subscribe("room:7") as seven,
        broadcast.subscribe("room:8") as eight,
    ):
        await broadcast.publish("room:7", "before")
        assert ["before"] == await take(seven, 1)
        redis_server.execute("CLIENT", "KILL", "TYPE", "pubsub")
        assert [[Missed(None)]] * 2 == [await take(seven, 1), await take(eight, 1)]
        await broadcast.publish("room:7", "after")
        assert ["after"] == await take(seven, 1)
    await redis.disconnect()


async def test_a_channel_that_redis_refuses_for_a_while_is_heard_again(redis_server, caplog):
    """Who may not subscribe again after a lost connection is back, with a Missed, once that is allowed."""
    redis_server.flush()
    redis = Redis(redis_server.url + PATIENTLY)
    await redis.connect()
    async with connected(redis) as broadcast, broadcast.subscribe("room:7") as messages:
        try:
            redis_server.execute("ACL", "SETUSER", "default", "resetchannels")
            redis_server.execute("CLIENT", "KILL", "TYPE", "pubsub")
            await until(lambda: "a channel can't be subscribed to again" in caplog.text)
        finally:
            redis_server.execute("ACL", "SETUSER", "default", "allchannels")
        assert [Missed(None)] == await take(messages, 1)
        await broadcast.publish("room:7", "after")
        assert ["after"] == await take(messages, 1)
    await redis.disconnect()


async def test_a_channel_is_left_while_redis_does_not_answer(redis_server, caplog):
    """Who leaves waits for no longer than one deadline, and may come back."""
    redis = Redis(redis_server.url + PATIENTLY)
    await redis.connect()
    async with connected(redis) as broadcast:
        leaving = broadcast.subscribe("room:7")
        await leaving.__aenter__()
        redis_server.freeze()
        with hurried(redis, 0.3):
            await leaving.__aexit__(None, None, None)
        assert "is still subscribed to" in caplog.text
        redis_server.thaw()
        async with broadcast.subscribe("room:7") as messages:
            await broadcast.publish("room:7", "back")
            while (message := (await take(messages, 1))[0]) != "back":
                assert Missed(None) == message
    await redis.disconnect()


@pytest.mark.parametrize("told", [True, False])
async def test_a_killed_redis_is_never_silence(told, monkeypatch):
    """Of what was published, each subscriber hears all, or a Missed; a subscriber that is not told (the control) lost it."""
    if not told:
        put = Broadcast.subscribe.__globals__["Subscription"].put
        monkeypatch.setattr(
            Broadcast.subscribe.__globals__["Subscription"],
            "put",
            lambda self, item: None if isinstance(item, Missed) else put(self, item),
        )
    with RedisServer() as server:
        here, there = Redis(server.url + PATIENTLY), Redis(server.url + PATIENTLY)
        await here.connect()
        await there.connect()
        heard, published = [], []
        async with connected(here) as broadcast, connected(there) as other, broadcast.subscribe("room:7") as messages:

            async def hear():
                async for message in messages:
                    heard.append(message)

            async def publish(number):
                published.append(number)
                async with asyncio.timeout(PATIENT):
                    while True:
                        try:
                            return await other.publish("room:7", number)
                        except RedisError:
                            await asyncio.sleep(0.01)

            hearing = asyncio.create_task(hear())
            await publish(1)
            await until(lambda: heard == [1])
            connect = broadcast._subscriber._connect  # the hearing one comes back late

            async def late():
                while len(published) < 3:
                    await asyncio.sleep(0.005)
                return await connect()

            broadcast._subscriber._connect = late
            await asyncio.to_thread(server.kill)
            with pytest.raises(RedisError):
                await other.publish("room:7", 0)
            with pytest.raises(RedisUnavailable), hurried(here, 0.3):
                async with broadcast.subscribe("room:8"):
                    pass
            await asyncio.to_thread(server.restart)
            await publish(2)
            published.append(3)
            async with asyncio.timeout(PATIENT):
                while 4 not in heard:  # it is heard again
                    await other.publish("room:7", 4)
                    await asyncio.sleep(0.01)
            hearing.cancel()
            await asyncio.wait([hearing])
        await here.disconnect()
        await there.disconnect()

    assert 2 not in heard
    assert (Missed(None) in heard) is told


# Its life


def chat(redis, **options):
    app = App()
    broadcast = Broadcast(redis, **options)

    async def tell(ws, messages):
        async for message in messages:
            await ws.send_json(message)

    async def talk(req, ws, ctx):
        async with req.app.peek(BROADCAST).subscribe("room:7") as messages, asyncio.TaskGroup() as tasks:
            await ws.accept()
            telling = tasks.create_task(tell(ws, messages))
            async for _ in ws:
                pass
            telling.cancel()

    async def listen(req, res, ctx):
        async def events():
            async with req.app.peek(BROADCAST).subscribe("room:7") as messages:
                async for message in messages:
                    yield {"data": message}

        res.events(events())

    app.WS("/talk", talk)
    app.GET("/listen", listen)
    app.plugin(redis)
    app.plugin(broadcast)
    return app, broadcast


async def test_sockets_and_streams_hear_and_end_at_shutdown(redis_url):
    """WebSockets and event streams of all workers hear a message, end in order when the server stops, and leave nothing."""
    (app, broadcast), (other, _) = (chat(Redis(redis_url)) for _ in range(2))
    async with Client(app, timeout=PATIENT) as client, Client(other, timeout=PATIENT) as there:
        async with client.ws("/talk") as ws, there.ws("/talk") as far, client.stream("GET", "/listen") as response:
            lines = response.aiter_lines()
            await until(
                lambda: broadcast._channels and len(next(iter(broadcast._channels.values())).subscriptions) == 2
            )
            await broadcast.publish("room:7", "hello")
            assert ["hello", "hello"] == [await ws.receive_json(), await far.receive_json()]
            assert "data: hello" == await anext(lines)

            await client.shutdown()
            with pytest.raises(WebSocketClosed):
                await ws.receive_text()
            assert [""] == [line async for line in lines][-1:]


async def test_who_comes_while_the_server_stops_is_sent_away(redis):
    """Iterators give what is queued and stop; who subscribes or joins then gets a 503."""
    broadcast = Broadcast(redis)
    await broadcast.connect()
    async with broadcast.subscribe("room:7") as messages:
        waiting = asyncio.create_task(anext(messages, None))
        await asyncio.sleep(0)
        messages.put(b"1")
        broadcast.end()
        messages.put(b"2")
        assert 1 == await waiting
        assert [] == [message async for message in messages]
        with pytest.raises(RedisUnavailable, match="503 .*stopping"):
            async with broadcast.subscribe("room:7"):
                pass
        with pytest.raises(RedisUnavailable):
            async with broadcast.join("room:7", "Ada"):
                pass
    await broadcast.disconnect()


async def test_a_start_while_redis_is_away_waits_for_it(redis_server, caplog):
    """A Redis that goes between its own start and that of the broadcast is waited for, as by the battery itself."""
    redis = Redis(redis_server.url + PATIENTLY)
    await redis.connect()
    broadcast = Broadcast(redis)
    await asyncio.to_thread(redis_server.kill)
    starting = asyncio.create_task(broadcast.connect())
    await until(lambda: "can't be used yet" in caplog.text)
    await asyncio.to_thread(redis_server.restart)
    await starting
    async with broadcast.subscribe("room:7") as messages:
        await broadcast.publish("room:7", "hello")
        assert ["hello"] == await take(messages, 1)
    await broadcast.disconnect()
    await redis.disconnect()


async def test_it_lives_again(redis):
    """It connects once at a time, says so when it is not, and can be started again."""
    broadcast = Broadcast(redis)
    with pytest.raises(RedisError, match="not connected"):
        async with broadcast.subscribe("room:7"):
            pass
    for number in range(2):
        await broadcast.connect()
        with pytest.raises(RedisError, match="connected already"):
            await broadcast.connect()
        async with broadcast.subscribe("room:7") as messages:
            await broadcast.publish("room:7", number)
            assert [number] == await take(messages, 1)
        await broadcast.disconnect()


async def test_who_has_not_left_yet_silences_nobody_in_its_next_life(redis):
    """A block that outlives the connection leaves the channel to those who come after the next one is made."""
    broadcast = Broadcast(redis)
    await broadcast.connect()
    async with AsyncExitStack() as late:
        await late.enter_async_context(broadcast.subscribe("room:7"))
        await broadcast.disconnect()
        await broadcast.connect()
        async with broadcast.subscribe("room:7") as messages:
            await late.aclose()
            await broadcast.publish("room:7", "hello")
            assert ["hello"] == await take(messages, 1)
    await broadcast.disconnect()


async def test_who_hears_comes_to_the_end_when_redis_is_disconnected_first(redis_pair):
    """Nobody waits for ever for what no connection can bring any more."""
    async with connected(redis_pair[0]) as broadcast, broadcast.subscribe("room:7") as messages:
        waiting = asyncio.create_task(anext(messages, "the end"))
        await asyncio.sleep(0)
        await redis_pair[0].disconnect()
        async with asyncio.timeout(PATIENT):
            assert "the end" == await waiting


async def test_it_is_kept_while_the_application_runs(redis_url):
    """The store has it from startup to shutdown, under a key of one's own where there are several."""
    app, redis, own = App(), Redis(redis_url), Key("second")
    first, second = Broadcast(redis), Broadcast(redis, prefix="second", key=own)
    for battery in (redis, first, second):
        app.plugin(battery)
    async with Client(app):
        assert (first, second) == (app.peek(BROADCAST), app.peek(own))
    assert (None, None) == (app.peek(BROADCAST), app.peek(own))


async def test_a_socket_is_refused_where_redis_is_down(redis_server, toxic):
    """A handshake that needs a channel is a 503 while Redis can't be reached."""
    proxy = toxic(redis_server.url)
    app, _ = chat(redis := Redis(proxy.url + PATIENTLY))
    async with Client(app, timeout=PATIENT) as client:
        proxy.refuse()
        proxy.reset()
        with pytest.raises(WebSocketDenied) as denied, hurried(redis, 0.3):
            async with client.ws("/talk"):
                pass
        assert 503 == denied.value.response.status_code
        proxy.heal()
