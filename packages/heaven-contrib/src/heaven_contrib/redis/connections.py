"""Connections that know whether anything was sent on them, and a pool that lends only those that are alive."""

# redis-py is typed in parts: what it leaves open is taken as it is documented.
# mypy: disable-error-code="no-untyped-call, no-any-return"
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's, as everywhere in what it calls


class Sending:
    """Whether one call has begun to send what it was for; greeting the server does not count."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun: bool = False


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

    A loop that was busy while the server restarted has not seen that yet, and a write would go to a dead connection.
    """

    async def can_read(self) -> bool:
        return self._is_stale() or await super().can_read()

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        writer: asyncio.StreamWriter | None = self._writer
        if writer is not None and writer.is_closing():
            # asyncio's `writelines` on a lost connection watches a file that may be somebody else's (gh-136234).
            await self.disconnect(nowait=True)
            raise ConnectionError("the connection was lost before anything was sent")
        await super().send_packed_command(command, check_health)

    def _is_stale(self) -> bool:
        writer: asyncio.StreamWriter | None = self._writer
        return writer is None or writer.is_closing() or _readable(writer.get_extra_info("socket"))


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

    async def get_connection(self, *_: Any, **__: Any) -> AbstractConnection:
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


class _Leaving(AbstractConnection):
    """In memory, a command that blocks is a task, and a reader waits for an event: both end with their connection.

    fakeredis drops its socket without a word, so that the server would publish to it for ever.
    """

    async def disconnect(self, *args: Any, **options: Any) -> None:
        plug: Any = getattr(self, "_sock", None)
        await super().disconnect(*args, **options)
        if plug is None:
            return
        plug._response_available.set()  # noqa: SLF001
        with plug._server.lock:  # noqa: SLF001
            plug.kill()
            if plug._blocked:  # noqa: SLF001
                plug._unblock_reason = b"timeout"  # noqa: SLF001
                plug._db.wake_all()  # noqa: SLF001

    async def read_response(self, *args: Any, **options: Any) -> Any:
        answer = await super().read_response(*args, **options)
        if answer is None and not self.is_connected:
            raise ConnectionError("the connection was closed before the answer came")
        return answer


def memory_connection() -> type[Connection]:
    """The class of connections to a server in memory, whose library is loaded when it is needed."""
    from fakeredis.aioredis import FakeAsyncRedisConnection

    return type("MemoryConnection", (_Leaving, _Followed, FakeAsyncRedisConnection), {})


def _readable(plug: socket.socket) -> bool:
    """Whether there is something to read at once: an end, or what nobody asked for."""
    if hasattr(select, "poll"):  # select() itself knows the first 1024 files only
        asked = select.poll()
        asked.register(plug.fileno(), select.POLLIN)
        return bool(asked.poll(0))
    return bool(select.select([plug], [], [], 0)[0])
