"""Chat rooms, on as many workers as you like: `uvicorn application:app` in this folder, then http://127.0.0.1:8000.

What was said must not be lost: it is in a log, and whoever comes back reads on where they were. Who is there, and who
is typing, is true for the moment only: it is broadcast.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import msgspec
from heaven import App, Context, HTTPError, Request, Response, WebSocket, WebSocketDisconnected
from heaven_contrib.redis import Broadcast, Entry, EventLog, Missed, Redis, RedisError
from heaven_contrib.redis.broadcast import Subscription
from heaven_contrib.redis.presence import RoomChange

HERE = Path(__file__).parent
ROOMS = ("lobby", "kitchen", "library")
HISTORY = 50
"""How much of what was said somebody gets who is new in a room."""
POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013
"""WebSocket close codes (RFC 6455 7.4.1, and IANA's registry)."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=24, pattern=r"^\S(.*\S)?$")]


class Hello(msgspec.Struct):
    """The first message: who it is, and what they read last if they have been here before."""

    name: Name
    after: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}-[0-9]{1,19}$")] | None = None


class Say(msgspec.Struct):
    """Every other message: a text, or only that one is being typed."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | None = None


class Said(msgspec.Struct):
    """What is in the log."""

    name: str
    text: str


HELLO = msgspec.json.Decoder(Hello)
SAY = msgspec.json.Decoder(Say)

redis = Redis(os.environ.get("CHAT_REDIS", "memory://"))
broadcast = Broadcast(redis, "chat", ttl=5)
logs = {room: EventLog(redis, f"chat:{room}", type=Said, keep=1000) for room in ROOMS}


async def page(req: Request, res: Response, ctx: Context) -> None:
    """GET /: the page."""
    res.file("index.html", within=HERE)


async def rooms(req: Request, res: Response, ctx: Context) -> None:
    """GET /rooms: the rooms, and who is in them."""
    res.body = {room: await broadcast.members(room, type=str) for room in ROOMS}


async def enter(req: Request, ws: WebSocket, ctx: Context) -> None:
    """WS /rooms/:room: everything that happens in a room, until one leaves."""
    room = req.params["room"]
    if room not in ROOMS:
        raise HTTPError(404, "There is no such room.")
    await ws.accept()
    hello = await greeting(ws)
    if hello is None:
        await ws.close(POLICY_VIOLATION, "say who you are: 1 to 24 characters")
        return
    try:
        async with (
            broadcast.changes(room, type=str) as changes,
            broadcast.subscribe(room, type=str) as typing,
            broadcast.join(room, hello.name),
            asyncio.TaskGroup() as tasks,
        ):
            await ws.send_json({"kind": "welcome", "room": room, "worker": os.getpid()})
            telling = [
                tasks.create_task(tell_said(ws, logs[room], hello.after)),
                tasks.create_task(tell_members(ws, room, changes)),
                tasks.create_task(tell_typing(ws, typing)),
            ]
            await hear(ws, room, hello.name)
            for task in telling:
                task.cancel()
    except* WebSocketDisconnected:
        pass  # they left while they were told something
    except* RedisError:
        await ws.close(TRY_AGAIN_LATER, "the chat is away for a moment")


async def greeting(ws: WebSocket) -> Hello | None:
    """The first message, or None where it is none or does not come in time."""
    try:
        async with asyncio.timeout(10):
            return HELLO.decode(await ws.receive_text())
    except (TimeoutError, msgspec.MsgspecError):
        return None


async def hear(ws: WebSocket, room: str, name: str) -> None:
    """Take in what one says, until they leave."""
    async for message in ws:
        try:
            text = SAY.decode(message).text
            if text is None:
                await broadcast.publish(room, name)
            else:
                await logs[room].append(Said(name, text))
        except (msgspec.MsgspecError, RedisError) as error:  # where Redis is away, who spoke has to know
            await ws.send_json({"kind": "refused", "reason": str(error)})


async def tell_said(ws: WebSocket, log: EventLog[Said], after: str | None) -> None:
    """Pass on what was said since, and what is said, each once."""
    async with aclosing(history(log, after)) as entries:
        async for entry in entries:
            if isinstance(entry, Missed):
                await ws.send_json({"kind": "gap"})
            else:
                await ws.send_json({"kind": "said", "id": entry.id, **msgspec.to_builtins(entry.value)})


async def history(log: EventLog[Said], after: str | None) -> AsyncGenerator[Entry[Said] | Missed, None]:
    """The end of the log, or all after an entry, and then what comes."""
    if after is None:
        after = "0-0"
        for entry in await log.latest(HISTORY):
            yield entry
            after = entry.id
    async with aclosing(log.read(after)) as entries:
        async for entry in entries:
            yield entry


async def tell_members(ws: WebSocket, room: str, changes: Subscription[RoomChange[str]]) -> None:
    """Say who is there, now and whenever somebody comes or goes."""
    await ws.send_json({"kind": "members", "names": await broadcast.members(room, type=str)})
    async for _ in changes:
        await ws.send_json({"kind": "members", "names": await broadcast.members(room, type=str)})


async def tell_typing(ws: WebSocket, typing: Subscription[str]) -> None:
    """Say who is typing; where some of it was missed, nobody will miss it."""
    async for name in typing:
        if not isinstance(name, Missed):
            await ws.send_json({"kind": "typing", "name": name})


app = App()
app.plugin(redis)
app.plugin(broadcast)
app.GET("/", page)
app.GET("/rooms", rooms)
app.WS("/rooms/:room", enter)
