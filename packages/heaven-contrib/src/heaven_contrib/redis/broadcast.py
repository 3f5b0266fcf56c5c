"""Channels between all workers: what one publishes, every subscriber hears, on whatever worker and machine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from logging import Logger
from typing import Any, Final, Generic, Literal, Self, TypeAlias, TypeVar, get_args, overload

from heaven import SHUTDOWN, STARTUP, App, Key
from heaven.errors import HeavenError, RegistrationError
from heaven.logs import logger
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisError, RedisUnavailable
from heaven_contrib.redis.keys import checked_prefix
from heaven_contrib.redis.missed import Missed
from heaven_contrib.redis.presence import Presence, RoomChange
from heaven_contrib.redis.subscription import Gap, Subscriber
from heaven_contrib.redis.values import decode, encode
from heaven_contrib.starting import until_it_answers

T = TypeVar("T")

Slow: TypeAlias = Literal["drop_oldest", "close"]

BROADCAST: Final[Key[Broadcast]] = Key("broadcast")

log: Logger = logger("heaven.broadcast")


class SlowSubscriber(HeavenError):
    """A subscriber was so slow that its queue was full, and its subscription was ended for it."""


class Broadcast:
    """Lives with the application: one connection to Redis that hears for all subscribers of this process.

    Delivery is **at most once**, as Redis' pub/sub is: a message reaches who is subscribed at that moment, and nobody
    later. A subscriber gets the messages of a channel in the order in which Redis took them. Where some did not reach
    it, a `Missed` stands in their place: its count, because this subscriber was slow; without one, because the
    connection was lost, and nobody knows what was published meanwhile. What must not be lost goes into an `EventLog`.

    Channels are Redis' own; they are the same in all of its numbered databases, and the prefix keeps them apart.

    Args:
        redis: where messages go through; install it before this.
        prefix: what the names of keys and channels begin with.
        queue: how many messages wait for each subscriber; a full queue means that it is slow.
        slow: what happens then: "drop_oldest" loses the oldest one and gives a `Missed` with the count; "close" ends
            the subscription with `SlowSubscriber`, and what was queued is lost.
        ttl: seconds after which the members of a worker that died have left their rooms.
        key: what it is kept under.

    Raises:
        RegistrationError: an option can't be.

    Example:
        A WebSocket is read beside, or nobody would notice that its client has left::

            async def tell(ws: WebSocket, messages: Subscription[str]) -> None:
                async for message in messages:
                    await ws.send_json(message)

            async def room(req: Request, ws: WebSocket, ctx: Context) -> None:
                broadcast = req.app.peek(BROADCAST)
                await ws.accept()
                try:
                    async with broadcast.subscribe("room:7", type=str) as messages, asyncio.TaskGroup() as tasks:
                        telling = tasks.create_task(tell(ws, messages))
                        async for text in ws:
                            await broadcast.publish("room:7", text)
                        telling.cancel()
                except* WebSocketDisconnected:
                    pass  # the client left while it was told something
    """

    def __init__(
        self,
        redis: Redis,
        prefix: str = "broadcast",
        *,
        queue: int = 100,
        slow: Slow = "drop_oldest",
        ttl: float = 15.0,
        key: Key[Broadcast] = BROADCAST,
    ) -> None:
        if queue < 1:
            raise RegistrationError(f"Broadcast got queue={queue!r}; give each subscriber room for 1 message or more")
        if slow not in get_args(Slow):
            raise RegistrationError(f"Broadcast got slow={slow!r}; give 'drop_oldest' or 'close'")
        if not ttl > 0:
            raise RegistrationError(f"Broadcast got ttl={ttl!r}; give the seconds a silent member stays, above 0")
        self._redis = redis
        self._prefix = checked_prefix("Broadcast", prefix)
        self._queue = queue
        self._slow: Slow = slow
        self._key = key
        self._presence = Presence(redis, prefix, ttl=ttl)
        self._channels: dict[str, _Channel] = {}
        self._subscriber: Subscriber | None = None
        self._ended = False
        self._life = AsyncExitStack()
        self._leaving: set[asyncio.Task[None]] = set()

    # Its life

    def install(self, app: App) -> None:
        """Keep it in the application's store; connect at startup, and end with the server."""
        app.ON(STARTUP, self._start)
        app.ON(SHUTDOWN, self._stop)

    async def connect(self) -> None:
        """Begin to listen; while Redis is not there, try again until its `start_timeout`. Done by `install`'s startup.

        Raises:
            RedisUnavailable: it is still not there.
            RedisError: it is connected already.
        """
        if self._subscriber is not None:
            raise RedisError("the broadcast is connected already")
        subscribers: list[Subscriber] = []
        async with AsyncExitStack() as life:

            async def listen() -> None:
                subscribers.append(await life.enter_async_context(self._redis.subscriber()))

            settings = self._redis.settings
            await until_it_answers(listen, settings.safe_url, settings.start_timeout)
            (subscriber,) = subscribers
            life.push_async_callback(_cancelled, asyncio.create_task(self._listen(subscriber)))
            life.push_async_callback(_cancelled, asyncio.create_task(self._presence.keep_alive()))
            self._life = life.pop_all()
        self._channels = {}  # whoever has not left since the end is of another connection
        self._subscriber, self._ended = subscriber, False

    def end(self) -> None:
        """End every subscription: its iterator gives what is queued, and stops. There are no new ones."""
        self._ended = True
        for channel in self._channels.values():
            for subscription in channel.subscriptions:
                subscription.end()

    async def disconnect(self) -> None:
        """End every subscription, leave every room and close the connection; done by `install`'s shutdown."""
        self.end()
        while self._leaving:
            await asyncio.wait(self._leaving)
        await self._presence.leave_all()
        self._subscriber = None
        await self._life.aclose()

    # Messages

    async def publish(self, channel: str, value: Any) -> None:
        """Send a value to everybody who is subscribed now, on all workers.

        Args:
            channel: its name.
            value: what msgspec writes as JSON.

        Raises:
            TypeError: JSON has no such value.
            RedisUnavailable: it was not sent.
            RedisOutcomeUnknown: it may have been sent.
        """
        name, data = self._name(channel), encode(value)
        await self._redis.write(lambda client: client.publish(name, data))  # pyright: ignore[reportUnknownMemberType]

    @overload
    def subscribe(self, channel: str, *, type: type[T]) -> AbstractAsyncContextManager[Subscription[T]]: ...
    @overload
    def subscribe(self, channel: str, *, type: Any = ...) -> AbstractAsyncContextManager[Subscription[Any]]: ...
    def subscribe(self, channel: str, *, type: Any = Any) -> AbstractAsyncContextManager[Subscription[Any]]:  # noqa: A002
        """Hear what is published on a channel: `async with broadcast.subscribe("room:7") as messages:`.

        From the first line of the block on no message is lost, but for those that a `Missed` stands for. Subscribers
        of one channel share one subscription of Redis, which ends with the last of them.

        Args:
            channel: its name.
            type: what each value has to be.

        Returns:
            A context manager that gives the `Subscription`, to iterate over.

        Raises:
            RedisError: the broadcast is not connected.
            RedisUnavailable: Redis can't be reached, or the server is stopping.
        """
        return self._subscribed(self._name(channel), type)

    # Presence

    @asynccontextmanager
    async def join(self, room: str, member: Any) -> AsyncGenerator[None, None]:
        """Be a member of a room for as long as the block runs.

        A member that is there several times, as in two windows, leaves with the last of them. The members of a worker
        that is killed have left after the ttl.

        Args:
            room: its name.
            member: what msgspec writes as JSON; two that are written alike are one member.

        Raises:
            ValueError: the room has no name, or one that begins with a closing brace.
            RedisError: the broadcast is not connected.
            RedisUnavailable: Redis does not answer, or the server is stopping; at the beginning only. A member that
                could not be removed has left after the ttl.
        """
        self._connected()
        entry = await self._presence.enter(room, encode(member))
        try:
            yield
        finally:
            await self._surely(self._presence.leave(room, entry))

    @overload
    async def members(self, room: str, *, type: type[T]) -> list[T]: ...
    @overload
    async def members(self, room: str, *, type: Any = ...) -> list[Any]: ...
    async def members(self, room: str, *, type: Any = Any) -> list[Any]:  # noqa: A002
        """Who is in a room, on all workers, each once, sorted by what is written of them.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        return [decode(member, type, room) for member in await self._presence.members(room)]

    @overload
    def changes(self, room: str, *, type: type[T]) -> AbstractAsyncContextManager[Subscription[RoomChange[T]]]: ...
    @overload
    def changes(self, room: str, *, type: Any = ...) -> AbstractAsyncContextManager[Subscription[RoomChange[Any]]]: ...
    @asynccontextmanager
    async def changes(self, room: str, *, type: Any = Any) -> AsyncGenerator[Subscription[RoomChange[Any]], None]:  # noqa: A002
        """Hear who joins and who leaves a room: a subscription as others, whose values are `RoomChange`s.

        Ask for `members` inside of the block, at its beginning and after each `Missed`.
        """
        async with self._subscribed(self._presence.channel(room), RoomChange[type]) as changes:
            self._presence.watch(room)
            try:
                yield changes
            finally:
                self._presence.unwatch(room)

    # Inside

    async def _start(self, app: App) -> None:
        await self.connect()
        app.keep(self._key, self)
        app.stopping.add(self.end)

    async def _stop(self, app: App) -> None:
        app.unkeep(self._key, None)
        await self.disconnect()

    def _name(self, channel: str) -> str:
        return f"{self._prefix}:channel:{channel}"

    def _connected(self) -> Subscriber:
        if self._ended:
            raise RedisUnavailable("The server is stopping.")
        if self._subscriber is None:
            raise RedisError("the broadcast is not connected: app.plugin(broadcast) does it, or broadcast.connect()")
        return self._subscriber

    @asynccontextmanager
    async def _subscribed(self, name: str, kind: Any) -> AsyncGenerator[Subscription[Any], None]:
        subscriber = self._connected()
        subscription = Subscription[Any](name, kind, self._queue, self._slow)
        channel = self._channels.setdefault(name, _Channel())
        channel.subscriptions[subscription] = None
        try:
            async with channel.changing:
                if not channel.heard:
                    await subscriber.add(name)
                    channel.heard = True
            yield subscription
        finally:
            del channel.subscriptions[subscription]
            if not channel.subscriptions:
                await self._surely(self._unsubscribe(subscriber, name, channel))

    async def _unsubscribe(self, subscriber: Subscriber, name: str, channel: _Channel) -> None:
        async with channel.changing:
            if channel.subscriptions or self._channels.get(name) is not channel:
                return
            channel.heard = False
            try:
                await subscriber.remove(name)
            except RedisError as error:
                log.warning("%r is still subscribed to: %s", name, error)
            if not channel.subscriptions:
                del self._channels[name]

    async def _listen(self, subscriber: Subscriber) -> None:
        """Hand every message to the subscribers of its channel."""
        while True:
            try:
                item = await anext(subscriber)
            except RedisError as error:
                log.warning("a channel can't be subscribed to again: %s", error)
                continue  # the subscriber pauses before each try
            except StopAsyncIteration:  # Redis was disconnected first
                return self.end()
            if isinstance(item, Gap):
                log.info("messages may have been missed: %s", item.reason)
                for channel in self._channels.values():
                    channel.put(Missed())
            elif item.channel in self._channels:
                self._channels[item.channel].put(item.data)

    async def _surely(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the last work of a block, also where the task that ends the block is cancelled once more."""
        task = asyncio.create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await asyncio.shield(task)


class Subscription(Generic[T]):
    """Lives in the block of `subscribe`: what was published since, one by one, for one task.

    `async for message in messages` gives values of the type that was asked for, and `Missed` where some are missing.
    It stops when the server does. It raises SlowSubscriber where that is the policy, and DecodeError for a value that
    is not of the type; the next call goes on with the one after it.
    """

    __slots__ = ("_ended", "_failure", "_kind", "_limit", "_missed", "_name", "_ready", "_slow", "_waiting")

    def __init__(self, name: str, kind: Any, limit: int, slow: Slow) -> None:
        self._name = name
        self._kind = kind
        self._limit = limit
        self._slow = slow
        self._waiting: deque[bytes | Missed] = deque()
        self._missed: int | None = 0
        self._ready = asyncio.Event()
        self._ended = False
        self._failure: SlowSubscriber | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T | Missed:
        """The next message."""
        while True:
            if self._missed != 0:
                missed, self._missed = Missed(self._missed), 0
                return missed
            if self._waiting:
                item = self._waiting.popleft()
                return item if isinstance(item, Missed) else decode(item, self._kind, self._name)
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()

    def put(self, item: bytes | Missed) -> None:
        """Queue what came; of a full queue one is lost."""
        if self._ended:
            return
        if len(self._waiting) >= self._limit:
            if self._slow == "close":
                self._waiting.clear()
                self._failure = SlowSubscriber(f"{self._limit} messages of {self._name!r} waited, and another came")
                self.end()
                return
            lost = self._waiting.popleft()
            if isinstance(lost, Missed):
                self._missed = None
            elif self._missed is not None:
                self._missed += 1
        self._waiting.append(item)
        self._ready.set()

    def end(self) -> None:
        """Stop once what is queued was given."""
        self._ended = True
        self._ready.set()


class _Channel:
    """One subscription of Redis, and who shares it here."""

    __slots__ = ("changing", "heard", "subscriptions")

    def __init__(self) -> None:
        self.subscriptions: dict[Subscription[Any], None] = {}
        self.changing = asyncio.Lock()
        self.heard = False

    def put(self, item: bytes | Missed) -> None:
        for subscription in self.subscriptions:
            subscription.put(item)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))
