"""The ordinary client of redis-py, held to a deadline, bounded, and never trying anything twice by itself."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from redis.asyncio import Redis as PlainClient
from redis.asyncio.client import Pipeline as PlainPipeline
from redis.asyncio.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.maint_notifications import MaintNotificationsConfig

from heaven_contrib.redis.urls import Settings
from redis import exceptions as refusals

if TYPE_CHECKING:
    from fakeredis import FakeServer

ONCE: Final = Retry(NoBackoff(), 0)
"""How often this client sends what it was given: redis-py's default is eleven times."""


class Sending:
    """Whether one call has begun to send what it was for; greeting the server does not count."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = False


_SENDING: Final[ContextVar[Sending | None]] = ContextVar("heaven_redis_sending", default=None)


@contextmanager
def following() -> Generator[Sending]:
    """Learn whether the calls made inside have begun to send anything."""
    sending = Sending()
    token = _SENDING.set(sending)
    try:
        yield sending
    finally:
        _SENDING.reset(token)


class _Followed(AbstractConnection):
    """Notes that something other than a greeting is sent."""

    _greeting = False

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        self._greeting = True
        try:
            await super().on_connect_check_health(check_health)
        finally:
            self._greeting = False

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        sending = _SENDING.get()
        if sending is not None and not self._greeting:
            sending.begun = True
        await super().send_packed_command(command, check_health)


class _Checked(_Followed):
    """Asks its socket, not only what the event loop has read of it, whether the server has closed it meanwhile.

    A loop that was busy while the server restarted has not seen that yet, and a write would be lost on a dead connection.
    """

    async def can_read(self) -> bool:
        return await super().can_read() or self._is_stale()

    def _is_stale(self) -> bool:
        writer: asyncio.StreamWriter | None = self._writer
        return writer is None or _readable(writer.get_extra_info("socket"))


class ServerConnection(_Checked, Connection):
    """A connection over TCP."""


class TLSServerConnection(_Checked, SSLConnection):
    """A connection over TLS."""


class SocketConnection(_Checked, UnixDomainSocketConnection):
    """A connection over a socket in the file system."""


class MasterConnection(_Checked, SentinelManagedConnection):
    """A connection to the master that Sentinels name."""


class TLSMasterConnection(_Checked, SentinelManagedSSLConnection):
    """A connection over TLS to the master that Sentinels name."""


class _ClusterConnection(_Checked):
    """A node of a cluster takes connections back without a look at them, and asks this before and after each call."""

    def should_reconnect(self) -> bool:
        return super().should_reconnect() or (self.is_connected and self._is_stale())


class NodeConnection(_ClusterConnection, Connection):
    """A connection to a node of a cluster."""


class TLSNodeConnection(_ClusterConnection, SSLConnection):
    """A connection over TLS to a node of a cluster."""


class Slots(asyncio.Semaphore):
    """As many turns as there may be connections; served in order."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size: int = size


class Pool(ConnectionPool):
    """Bounded; who comes first is served first, and a waiter that is cancelled takes nobody's turn with it.

    redis-py's `BlockingConnectionPool` waits on a Condition, which loses a turn with the waiter before Python 3.13.
    """

    def __init__(self, *, deadline: float | None, size: int, **options: Any) -> None:
        super().__init__(max_connections=size, **options)
        self.deadline: float | None = deadline
        self.slots: Slots = Slots(size)

    async def get_connection(self, command_name: object = None, *keys: Any, **options: Any) -> AbstractConnection:
        await self.slots.acquire()
        try:
            connection = self.get_available_connection()
        except BaseException:
            self.slots.release()
            raise
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        try:
            await super().release(connection)
        finally:
            self.slots.release()


class MasterPool(SentinelConnectionPool, Pool):
    """The same, with connections to the master that Sentinels name."""

    async def aclose(self) -> None:
        try:
            await super().aclose()
        finally:
            await self.sentinel_manager.aclose()


class Pipeline(PlainPipeline):
    """redis-py's pipeline, with one deadline for all of it."""

    connection_pool: Pool

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(self.connection_pool.deadline):
                return await super().immediate_execute_command(*args, **options)
        except TimeoutError as error:
            raise late(args[0], self.connection_pool.deadline) from error

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        try:
            async with asyncio.timeout(self.connection_pool.deadline):
                return await super().execute(raise_on_error)
        except TimeoutError as error:
            raise late("a pipeline", self.connection_pool.deadline) from error
        except refusals.WatchError as error:
            # redis-py calls a lost answer to EXEC a WatchError, upon which callers try again what may have happened.
            if isinstance(error.__context__, (refusals.ConnectionError, refusals.TimeoutError)):
                raise error.__context__ from None
            raise


class Client(PlainClient):
    """redis-py's client, with one deadline for each call: waiting for a connection, connecting, sending, the answer."""

    connection_pool: Pool

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(self.connection_pool.deadline):
                return await super().execute_command(*args, **options)
        except TimeoutError as error:
            raise late(args[0], self.connection_pool.deadline) from error

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class NodesPipeline(ClusterPipeline):
    """redis-py's pipeline for a cluster, with one deadline for all of it."""

    cluster_client: ClusterClient

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        client = self.cluster_client
        try:
            async with asyncio.timeout(client.deadline), client.slots:
                return await super().execute(raise_on_error, allow_redirections)
        except TimeoutError as error:
            raise late("a pipeline", client.deadline) from error


class ClusterClient(RedisCluster):
    """redis-py's client for a cluster, with one deadline for each call, and a bound on how many there are at once."""

    def __init__(
        self, *, deadline: float | None, size: int, connection_class: type[Connection], **options: Any
    ) -> None:
        super().__init__(max_connections=size, **options)
        self.deadline: float | None = deadline
        self.slots: Slots = Slots(size)
        self.connection_kwargs["connection_class"] = connection_class
        for node in self.startup_nodes:
            node.connection_class = connection_class

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(self.deadline), self.slots:
                return await super().execute_command(*args, **options)
        except TimeoutError as error:
            raise late(args[0], self.deadline) from error

    def pipeline(self, transaction: Any | None = None, shard_hint: Any | None = None) -> NodesPipeline:
        return NodesPipeline(self, transaction)


def late(command: object, deadline: float | None) -> refusals.TimeoutError:
    """The error of redis-py for a call that was not answered by its deadline."""
    name = command.decode(errors="replace") if isinstance(command, bytes) else command
    return refusals.TimeoutError(f"{name} was not answered within {deadline:g} s")


def make(
    settings: Settings, *, memory: FakeServer | None = None, deadline: float | None = None, size: int | None = None
) -> PlainClient:
    """A client for what a URL says; nothing is connected yet.

    Args:
        settings: where Redis is.
        memory: the server in memory, for `memory://`.
        deadline: seconds that one call may take; None: no limit.
        size: how many connections there are at most.

    Returns:
        The client; a `RedisCluster` for a cluster, which has the same commands.
    """
    size = settings.pool_size if size is None else size
    bounds: dict[str, Any] = {"deadline": deadline, "size": size}
    options = _options(settings)
    if settings.kind == "memory":
        pool = Pool(connection_class=_memory_connection(), server=memory, **bounds, **options)
    elif settings.kind == "unix":
        pool = Pool(connection_class=SocketConnection, path=settings.path, **bounds, **options)
    elif settings.kind == "sentinel":
        pool = _master_pool(settings, bounds, options)
    elif settings.kind == "cluster":
        return _cluster(settings, bounds, options)
    else:
        ((host, port),) = settings.hosts
        kind = TLSServerConnection if settings.tls else ServerConnection
        pool = Pool(connection_class=kind, host=host, port=port, **bounds, **options, **_tls(settings))
    return Client.from_pool(pool)


async def drain(client: PlainClient, seconds: float) -> None:
    """Wait for the calls that are on their way, and let no other begin.

    Args:
        client: what `make` has made.
        seconds: how long to wait for them.
    """
    slots: Slots = getattr(client, "connection_pool", client).slots
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for _ in range(slots.size):
                await slots.acquire()


async def connection_of(client: PlainClient) -> AbstractConnection:
    """A connection of its own, not yet connected: to any node of a cluster, since they pass on what is published.

    Args:
        client: what `make` has made.
    """
    if isinstance(client, ClusterClient):
        await client.initialize()
        node = client.get_random_node()
        return node.connection_class(**node.connection_kwargs)
    return client.connection_pool.make_connection()


def _options(settings: Settings) -> dict[str, Any]:
    """What all connections have in common.

    RESP 2: what waits on an idle connection is then never a push message, but a reason not to use it. No time limits
    of redis-py's own, since the deadline is around all of them. No PINGs: TCP keeps connections alive.
    """
    return {
        "username": settings.user or None,
        "password": settings.password or None,
        "db": settings.db,
        "protocol": 2,
        "retry": ONCE,
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "client_name": f"{settings.client_name}:{os.getpid()}",
        "driver_info": DriverInfo().add_upstream_driver("heaven-contrib", version("heaven-contrib")),
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _tls(settings: Settings) -> dict[str, Any]:
    return {"ssl_ca_certs": settings.ssl_ca or None} if settings.tls else {}


def _master_pool(settings: Settings, bounds: Mapping[str, Any], options: Mapping[str, Any]) -> MasterPool:
    # One Sentinel that hangs must leave time for the others.
    patience = settings.deadline / (len(settings.hosts) + 1)
    asking: dict[str, Any] = {
        "retry": ONCE,
        "socket_timeout": patience,
        "socket_connect_timeout": patience,
        "protocol": 2,
    }
    if settings.tls:
        asking |= {"ssl": True, **_tls(settings)}
    kind = TLSMasterConnection if settings.tls else MasterConnection
    sentinels = Sentinel(settings.hosts, sentinel_kwargs=asking)
    return MasterPool(settings.path, sentinels, connection_class=kind, **bounds, **options, **_tls(settings))


def _cluster(settings: Settings, bounds: Mapping[str, Any], options: dict[str, Any]) -> Any:
    nodes = [ClusterNode(host, port) for host, port in settings.hosts]
    kind = TLSNodeConnection if settings.tls else NodeConnection
    tls = {"ssl": True, **_tls(settings)} if settings.tls else {}
    return ClusterClient(startup_nodes=nodes, connection_class=kind, **bounds, **options, **tls)


class _Unblocking(AbstractConnection):
    """In memory a command that blocks is a task, which would outlive its connection."""

    async def disconnect(self, *args: Any, **options: Any) -> None:
        plug: Any = getattr(self, "_sock", None)
        await super().disconnect(*args, **options)
        if plug is not None and plug._blocked:  # noqa: SLF001
            with plug._server.lock:  # noqa: SLF001
                plug._unblock_reason = b"timeout"  # noqa: SLF001
                plug._db.wake_all()  # noqa: SLF001


def _memory_connection() -> type[Connection]:
    from fakeredis.aioredis import FakeAsyncRedisConnection

    return type("MemoryConnection", (_Unblocking, _Followed, FakeAsyncRedisConnection), {})


def _readable(plug: socket.socket) -> bool:
    """Whether there is something to read at once: an end, or what nobody asked for."""
    if hasattr(select, "poll"):  # select() itself knows the first 1024 files only
        asked = select.poll()
        asked.register(plug.fileno(), select.POLLIN)
        return bool(asked.poll(0))
    return bool(select.select([plug], [], [], 0)[0])
