"""Channels, presence and event logs as user code writes them: values have the type that was asked for."""

from __future__ import annotations

from typing import Any, assert_type

from heaven import App, Context, Request, Response
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.broadcast import BROADCAST, Broadcast, Subscription
from heaven_contrib.redis.event_log import Entry, EventLog, last_event_id
from heaven_contrib.redis.missed import Missed
from heaven_contrib.redis.presence import RoomChange

app = App()
redis = Redis()
app.plugin(redis)
app.plugin(Broadcast(redis, slow="close"))
assert_type(app.peek(BROADCAST), Broadcast | None)


async def channels(broadcast: Broadcast) -> None:
    async with broadcast.subscribe("room:7", type=str) as messages:
        assert_type(messages, Subscription[str])
        async for message in messages:
            assert_type(message, str | Missed)
    async with broadcast.subscribe("room:7") as anything:
        assert_type(anything, Subscription[Any])


async def presence(broadcast: Broadcast) -> None:
    async with broadcast.join("room:7", "Ada"), broadcast.changes("room:7", type=str) as changes:
        async for change in changes:
            assert_type(change, RoomChange[str] | Missed)
    assert_type(await broadcast.members("room:7", type=int), list[int])


async def logs() -> None:
    log = EventLog(redis, "orders", type=int)
    assert_type(log, EventLog[int])
    assert_type(EventLog(redis, "orders"), EventLog[Any])
    assert_type(await log.append(7, event="created"), str)
    async for entry in log.read("0-0"):
        assert_type(entry, Entry[int] | Missed)


async def events(req: Request, res: Response, ctx: Context) -> None:
    assert_type(last_event_id(req), str | None)
    res.events(EventLog(redis, "orders", type=int).events(req))
