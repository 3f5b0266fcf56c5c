"""The ordinary client of redis-py, held to a deadline, bounded, and never trying anything twice by itself."""

# redis-py is typed in parts: what it leaves open is taken as it is documented.
# mypy: disable-error-code="no-untyped-call, no-any-return"
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final, cast

from redis import exceptions as refusals
from redis.asyncio import Redis as PlainClient
from redis.asyncio.client import Pipeline as PlainPipeline
from redis.asyncio.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.maint_notifications import MaintNotificationsConfig

from heaven.errors import RegistrationError
from heaven_contrib.redis.connections import (
    MasterConnection,
    MasterPool,
    NodeConnection,
    Pool,
    ServerConnection,
    Slots,
    SocketConnection,
    TLSMasterConnection,
    TLSNodeConnection,
    TLSServerConnection,
    memory_connection,
)
from heaven_contrib.redis.urls import Settings

if TYPE_CHECKING:
    from fakeredis import FakeServer

ONCE: Final = Retry(NoBackoff(), 0)
"""How often this client sends what it was given: redis-py's default is eleven times."""


class Pipeline(PlainPipeline):
    """redis-py's pipeline, with one deadline for all of it."""

    connection_pool: Pool

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(self.connection_pool.deadline):
                return await super().immediate_execute_command(*args, **options)
        except TimeoutError as error:
            raise late(args[0], self.connection_pool.deadline) from error

    async def __aexit__(self, *raised: object) -> None:
        await _give_up(self.connection, raised)
        await self.reset()

    async def reset(self) -> None:  # type: ignore[override]
        if self.connection is not None and not self.connection.is_connected:
            self.watching = False  # that ended with the connection; redis-py would connect again to say so
        with suppress(TimeoutError):  # the connection is closed then
            async with asyncio.timeout(self.connection_pool.deadline):
                await super().reset()

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
    _event_dispatcher: Any = None  # declared by redis-py, and not used by pipelines

    async def __aexit__(self, *raised: object) -> None:
        await _give_up(self._connection, raised)
        await self.reset()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        answer: Any = super().execute_command(*args, **options)
        return self._in_time(args[0], answer) if iscoroutine(answer) else answer  # else it waits for `execute`

    async def watch(self, *names: Any) -> None:  # type: ignore[override]
        await self._in_time("WATCH", super().watch(*names))

    async def unwatch(self) -> None:  # type: ignore[override]
        await self._in_time("UNWATCH", super().unwatch())

    async def reset(self) -> None:  # type: ignore[override]
        if self._connection is not None and not self._connection.is_connected:
            cast("Any", self._execution_strategy)._watching = False  # noqa: SLF001 - as in `Pipeline`
        with suppress(TimeoutError):  # the connection is closed then
            async with asyncio.timeout(self.cluster_client.deadline):
                await super().reset()

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        client = self.cluster_client
        try:
            async with asyncio.timeout(client.deadline), client.slots:
                return await super().execute(raise_on_error, allow_redirections)
        except TimeoutError as error:
            raise late("a pipeline", client.deadline) from error

    @property
    def _connection(self) -> AbstractConnection | None:
        """The one on which keys are watched."""
        return getattr(self._execution_strategy, "_transaction_connection", None)

    async def _in_time(self, command: object, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self.cluster_client.deadline):
                return await answer
        except TimeoutError as error:
            raise late(command, self.cluster_client.deadline) from error


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

    async def aclose(self) -> None:
        await super().aclose()  # which closes nothing where an error has left the nodes to be asked for again
        await self.nodes_manager.aclose("nodes_cache")
        await self.nodes_manager.aclose("startup_nodes")

    def pipeline(self, transaction: Any | None = None, shard_hint: Any | None = None) -> NodesPipeline:  # noqa: ARG002
        return NodesPipeline(self, transaction)


async def _give_up(connection: AbstractConnection | None, raised: Sequence[object]) -> None:
    """Close what keys are watched on where a deadline may have passed already, so that UNWATCH gets none of its own."""
    if connection is not None and isinstance(raised[1], asyncio.CancelledError):
        await connection.disconnect(nowait=True)


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
        pool = Pool(connection_class=memory_connection(), server=memory, **bounds, **options)
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


async def drain(client: PlainClient | ClusterClient, seconds: float) -> None:
    """Wait for the calls that are on their way, and let no other begin.

    Args:
        client: what `make` has made.
        seconds: how long to wait for them.
    """
    slots = client.slots if isinstance(client, ClusterClient) else cast("Client", client).connection_pool.slots
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for _ in range(slots.size):
                await slots.acquire()


async def connection_of(client: PlainClient | ClusterClient) -> AbstractConnection:
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


def check_authorities(path: str) -> None:
    """Say before anybody connects that a file can't tell whom to trust.

    Raises:
        RegistrationError: it is not there, or has no certificates in it.
    """
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise RegistrationError(f"ssl_ca={path} is no file with certificates: {error}") from None


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
