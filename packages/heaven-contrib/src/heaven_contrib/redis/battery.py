"""The battery: one URL, one pool of connections, and calls that say what became of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from redis import exceptions as refusals
from redis.asyncio import Redis as Client

from heaven import SHUTDOWN, STARTUP, App, Key
from heaven_contrib.errors import missing_extra
from heaven_contrib.redis.client import check_authorities, connection_of, drain, make
from heaven_contrib.redis.connections import following
from heaven_contrib.redis.errors import RedisError, RedisOutcomeUnknown, RedisUnavailable
from heaven_contrib.redis.subscription import Subscriber
from heaven_contrib.redis.urls import Settings, parse
from heaven_contrib.starting import keep_alone, until_it_answers

if TYPE_CHECKING:
    from fakeredis import FakeServer

T = TypeVar("T")
Word = str | bytes | int | float
"""What Redis takes as a key or an argument."""

CLOSING: Final = 2.0
"""Seconds that it may take to close all connections of a client."""
UNBOUNDED: Final = 2**31

_MEMORIES: Final[dict[str, tuple[FakeServer, list[Redis]]]] = {}
"""The named servers in memory, and who is connected to them; without anybody they are gone."""

BROKEN: Final = (refusals.ConnectionError, refusals.TimeoutError, TimeoutError)
NOT_ALLOWED: Final = (refusals.AuthenticationError, refusals.AuthorizationError)
NOT_NOW: Final = (
    refusals.BusyLoadingError,
    refusals.ClusterDownError,
    refusals.MaxConnectionsError,
    refusals.ReadOnlyError,
    refusals.RedisClusterException,
    refusals.TryAgainError,
)
"""A server is about to be ready or to be replaced, or the client has found none: nothing was done."""


class Redis:
    """Redis for an application: started and stopped with it, and found in its store under `REDIS`.

    Args:
        url: `memory://` (here, and gone at the end), `memory://name` (shared by all of this process that name it),
            `redis://user:password@host:6379/0`, `rediss://` (TLS), `unix:///run/redis.sock`,
            `redis+sentinel://host:26379,host:26379/service/0` or `redis+cluster://host:6379,host:6379`. Options in its
            query: `deadline=2` (seconds for one call, all included), `pool_size=50`, `start_timeout=30` (seconds),
            `client_name=heaven`, `ssl_ca=PATH`.
        key: where the application keeps it; a second Redis takes a key of its own.

    Raises:
        RegistrationError: the URL is wrong.
        ImportError: a library for this URL is not installed; the message says which extra brings it.

    Example:
        >>> async def main():
        ...     redis = Redis("memory://")
        ...     await redis.connect()
        ...     await redis.write(lambda client: client.set("stock", 3))
        ...     stock = await redis.read(lambda client: client.get("stock"))
        ...     await redis.disconnect()
        ...     return stock
        >>> asyncio.run(main())
        b'3'
    """

    def __init__(self, url: str = "memory://", *, key: Key[Redis] | None = None) -> None:
        self.settings: Settings = parse(url)
        self.key: Key[Redis] = REDIS if key is None else key
        self._memory: FakeServer | None = None
        self._client: Client | None = None
        self._waiting: Client | None = None
        self._subscribers: set[Subscriber] = set()
        if self.settings.kind == "memory":
            _fake_server()  # says at once what is not installed
        if self.settings.ssl_ca:
            check_authorities(self.settings.ssl_ca)

    def __repr__(self) -> str:
        return f"Redis({self.settings.safe_url!r})"

    @property
    def client(self) -> Client:
        """The ordinary `redis.asyncio.Redis` (or `RedisCluster`), which raises what redis-py raises.

        Each call, or pipeline, has the deadline of the URL and is sent once. What blocks longer goes through `wait`.

        Raises:
            RedisError: it is not connected.
        """
        if self._client is None:
            raise RedisError(
                f"{self!r} is not connected: app.plugin(redis), before what uses it, or await redis.connect()"
            )
        return self._client

    def install(self, app: App) -> None:
        """Connect when the application starts, disconnect when it has stopped, and be in its store in between."""
        app.ON(STARTUP, self._start)
        app.ON(SHUTDOWN, self._stop)

    async def connect(self) -> None:
        """Connect, and try again until `start_timeout` while Redis is not there.

        Raises:
            RedisUnavailable: it is still not there.
            RedisError: it refuses the credentials.
        """
        if self._client is not None:
            raise RedisError(f"{self!r} is connected already")
        self._memory = self._enter_memory()
        self._client = make(self.settings, memory=self._memory, deadline=self.settings.deadline)
        try:
            await until_it_answers(lambda: self.read(_ping), self.settings.safe_url, self.settings.start_timeout)
        except BaseException:
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        """Let calls that are on their way end by their deadline, then close all connections; subscribers end."""
        client, waiting = self._client, self._waiting
        self._client = self._waiting = None
        async with AsyncExitStack() as closing:  # closes them all, also where it is cancelled
            closing.callback(self._leave_memory)
            for each in filter(None, (client, waiting)):
                closing.push_async_callback(_close, each)
            for subscriber in tuple(self._subscribers):
                closing.push_async_callback(subscriber.close)
            if client is not None:
                await drain(client, self.settings.deadline)

    async def read(self, call: Callable[[Client], Awaitable[T]]) -> T:
        """Run what may be run twice; it is, once, when the connection breaks.

        Args:
            call: what to do with the client: `lambda client: client.get("key")`.

        Returns:
            What the call returns.

        Raises:
            RedisUnavailable: no answer came by the deadline, which is one for both attempts.
            RedisError: Redis refused.
        """
        client = self.client
        try:
            async with asyncio.timeout(self.settings.deadline):
                try:
                    return await call(client)
                except refusals.ConnectionError:
                    return await call(client)
        except (*BROKEN, refusals.RedisError, refusals.RedisClusterException) as error:
            raise explained(error, sent=False) from error

    async def write(self, call: Callable[[Client], Awaitable[T]]) -> T:
        """Run what changes something; it is sent once at most.

        Args:
            call: what to do with the client: `lambda client: client.incr("orders")`, or a transaction.

        Returns:
            What the call returns.

        Raises:
            RedisUnavailable: nothing was sent.
            RedisOutcomeUnknown: it was sent, and its answer did not come by the deadline.
            RedisError: Redis refused.
        """
        return await self._once(self.client, call, self.settings.deadline)

    async def wait(self, call: Callable[[Client], Awaitable[T]], seconds: float) -> T:
        """Run a command that blocks, such as XREAD with BLOCK, on a connection of its own, outside of the pool.

        Args:
            call: what to do with the client: `lambda client: client.xread({"log": "$"}, block=1000)`.
            seconds: how long it blocks; it may take the deadline of one call on top of that.

        Returns:
            What the call returns.

        Raises:
            RedisUnavailable: nothing was sent.
            RedisOutcomeUnknown: it was sent, and its answer did not come in time.
            RedisError: Redis refused.
        """
        if self._waiting is None:
            self.client  # noqa: B018 - says that it is not connected
            self._waiting = make(self.settings, memory=self._memory, size=UNBOUNDED)
        return await self._once(self._waiting, call, self.settings.deadline + seconds)

    def script(self, source: str) -> Script:
        """A Lua script, which Redis runs as one step: nothing else happens in between.

        Args:
            source: the script; its keys are `KEYS[1]`..., its other arguments `ARGV[1]`...

        Example:
            >>> take = Redis().script("return redis.call('DECRBY', KEYS[1], ARGV[1])")
        """
        return Script(self, source)

    @asynccontextmanager
    async def subscriber(self) -> AsyncGenerator[Subscriber]:
        """Channels of pub/sub, on a connection of their own.

        Raises:
            RedisUnavailable: Redis can't be reached.

        Example:
            >>> async def main():
            ...     redis = Redis()
            ...     await redis.connect()
            ...     async with redis.subscriber() as subscriber:
            ...         await subscriber.add("room:7")
            ...         await redis.write(lambda client: client.publish("room:7", "hello"))
            ...         print(await anext(subscriber))
            ...     await redis.disconnect()
            >>> asyncio.run(main())
            Message(channel='room:7', data=b'hello')
        """
        client = self.client
        subscriber = Subscriber(lambda: connection_of(client), deadline=self.settings.deadline)
        await subscriber.open()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
            await subscriber.close()

    async def _once(self, client: Client, call: Callable[[Client], Awaitable[T]], seconds: float) -> T:
        with following() as sending:
            try:
                async with asyncio.timeout(seconds):
                    return await call(client)
            except (*BROKEN, refusals.RedisError, refusals.RedisClusterException) as error:
                raise explained(error, sent=sending.begun) from error

    async def _start(self, app: App) -> None:
        await self.connect()
        keep_alone(app, self.key, self)

    async def _stop(self, app: App) -> None:
        app.unkeep(self.key, None)
        await self.disconnect()

    def _enter_memory(self) -> FakeServer | None:
        if self.settings.kind != "memory":
            return None
        server = _fake_server()
        if self.settings.path:
            server, users = _MEMORIES.setdefault(self.settings.path, (server, []))
            users.append(self)
        return server

    def _leave_memory(self) -> None:
        self._memory = None
        entry = _MEMORIES.get(self.settings.path)
        if entry is not None and self in entry[1]:
            entry[1].remove(self)
            if not entry[1]:
                del _MEMORIES[self.settings.path]


REDIS: Final[Key[Redis]] = Key("redis")
"""Where an application keeps its Redis."""


class Script:
    """A Lua script, made by `Redis.script`: sent by its SHA-1, and whole where Redis does not have it yet."""

    __slots__ = ("_digest", "_redis", "_source")

    def __init__(self, redis: Redis, source: str) -> None:
        self._redis = redis
        self._source = source
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def run(self, keys: Sequence[Word] = (), args: Sequence[Word] = (), *, idempotent: bool = False) -> Any:
        """Run it.

        Args:
            keys: all keys it touches; in a cluster they share a `{hash tag}`.
            args: its other arguments.
            idempotent: running it twice is the same as once, so that it may be tried again.

        Returns:
            What it returns, with bytes where it has strings.

        Raises:
            RedisUnavailable: nothing was sent; or, if it is idempotent, no answer came.
            RedisOutcomeUnknown: it was sent, and its answer did not come by the deadline.
            RedisError: the script failed.
        """

        async def evaluate(client: Client) -> Any:
            try:
                return await client.evalsha(self._digest, len(keys), *keys, *args)
            except refusals.NoScriptError:  # nothing ran
                return await client.eval(self._source, len(keys), *keys, *args)

        call = self._redis.read if idempotent else self._redis.write
        return await call(evaluate)


def explained(error: Exception, *, sent: bool) -> RedisError:
    """What an error of redis-py means for whoever made the call.

    Args:
        error: what redis-py raised.
        sent: whether something that must not happen twice was on its way.
    """
    demoted = isinstance(error, refusals.ConnectionError) and isinstance(error.__context__, refusals.ReadOnlyError)
    # What blocks is ended so where a master becomes a replica.
    unblocked = isinstance(error, refusals.ResponseError) and str(error).startswith("UNBLOCKED ")
    if isinstance(error, NOT_NOW) or demoted or unblocked:
        return RedisUnavailable("Redis is not ready.")
    if isinstance(error, BROKEN) and not isinstance(error, NOT_ALLOWED):
        if sent:
            return RedisOutcomeUnknown("Redis did not answer; the change may have happened.")
        return RedisUnavailable("Redis can't be reached, or did not answer in time.")
    return RedisError(str(error))


async def _close(client: Client) -> None:
    async def close() -> None:
        with suppress(TimeoutError, refusals.RedisError, OSError):
            async with asyncio.timeout(CLOSING):
                await client.aclose()

    await asyncio.shield(close())


def _ping(client: Client) -> Awaitable[Any]:
    return client.ping()  # pyright: ignore[reportUnknownMemberType] - redis-py's options have no type


def _fake_server() -> FakeServer:
    try:
        from fakeredis import FakeServer
    except ImportError as error:
        raise missing_extra("memory:// URLs", "memory") from error
    return FakeServer(version=(7, 4))
