"""One connection through the proxy: a pipe for each direction, and the faults that a pipe lets its bytes feel."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

Side = Literal["up", "down"]
Address = tuple[int, int, int, str, Any]
"""What `socket.getaddrinfo` gives for an address."""

CHUNK = 64 * 1024
QUEUED = 16
"""How many chunks a pipe holds while they are delayed: with CHUNK, one MiB; after that it reads no more."""

PIECES_A_SECOND = 20
UNREAD = 8 * 1024 * 1024
ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER on, for 0 seconds: `close` sends RST."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What the bytes of one direction meet.

    Attributes:
        delay: Seconds that each byte is late.
        jitter: Up to so many seconds more, by chance.
        rate: Bytes a second, for each connection.
        stalled: Whether nothing is passed on.
        swallowing: Whether bytes are dropped.
    """

    delay: float = 0.0
    jitter: float = 0.0
    rate: float = math.inf
    stalled: bool = False
    swallowing: bool = False

    @property
    def piece(self) -> int:
        """How many bytes are passed on at once."""
        return max(1, int(min(CHUNK, self.rate / PIECES_A_SECOND)))


class Lane:
    """One direction of every connection: what its bytes meet now, and how many were passed on."""

    __slots__ = ("_changed", "faults", "name", "passed")

    def __init__(self, name: Side) -> None:
        self.name: Side = name
        self.faults: Faults = Faults()
        self.passed: int = 0
        self._changed = asyncio.Event()

    def change(self, **faults: Any) -> None:
        """Change some faults; whoever waits looks again."""
        self.faults = replace(self.faults, **faults)
        self._wake()

    def heal(self) -> None:
        """No faults any more."""
        self.faults = Faults()
        self._wake()

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until the faults change."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Ending:
    """How connections end after a number of bytes.

    Attributes:
        after: How many bytes.
        sides: Which directions' bytes are counted.
        abort: Whether by RST; otherwise by FIN.
    """

    after: int
    sides: tuple[Side, ...]
    abort: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """What was read at one time.

    Attributes:
        data: The bytes; empty where the peer has nothing more to say; None where it reset the connection.
        arrived: When, by the loop's clock.
        luck: How much of the jitter it gets, from 0 to 1.
    """

    data: bytes | None
    arrived: float
    luck: float


class ConnectionOver(Exception):
    """Both sides of a connection end here."""


class Pipe:
    """Carries one direction of one connection: reads ahead up to a bound, passes on when the faults allow it."""

    __slots__ = ("_connection", "_lane", "_last", "_loop", "_queue", "_source", "_target")

    def __init__(self, connection: Connection, lane: Lane, source: socket.socket, target: socket.socket) -> None:
        self._connection = connection
        self._lane = lane
        self._source = source
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Chunk] = asyncio.Queue(QUEUED)
        self._last = 0.0

    async def run(self) -> None:
        """Carry until the source has nothing more to say, or the target takes no more."""
        reading = asyncio.create_task(self._read())
        try:
            await self._write()
        except OSError:
            pass  # the target is gone: the other pipe, which reads from it, finds out how
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _read(self) -> None:
        while True:
            data: bytes | None = None
            with suppress(OSError):
                data = await self._loop.sock_recv(self._source, CHUNK)
            await self._queue.put(Chunk(data, self._loop.time(), self._connection.chance()))
            if not data:
                return

    async def _write(self) -> None:
        while (chunk := await self._queue.get()).data:
            await self._pass(chunk, memoryview(chunk.data))
        while (seconds := self._due(chunk, 0)) > 0:
            await self._lane.wait(seconds)
        if chunk.data is None:
            raise self._connection.over(abort=True)
        self._target.shutdown(socket.SHUT_WR)

    async def _pass(self, chunk: Chunk, data: memoryview) -> None:
        """Pass on the bytes of a chunk, unless they are swallowed or the connection is over before."""
        lane = self._lane
        while data and not lane.faults.swallowing:
            piece = data[: lane.faults.piece]
            if (seconds := self._due(chunk, len(piece))) > 0:
                await lane.wait(seconds)
                continue
            piece = piece[: self._connection.take(lane.name, len(piece))]
            data = data[len(piece) :]
            await self._loop.sock_sendall(self._target, piece)
            self._last = self._loop.time()
            lane.passed += len(piece)
            self._connection.check(lane.name)

    def _due(self, chunk: Chunk, size: int) -> float:
        """How many seconds from now so many bytes of a chunk may pass; an end passes when 0 bytes may."""
        faults = self._lane.faults
        if faults.stalled or (faults.swallowing and not chunk.data):
            return math.inf
        arrives = chunk.arrived + faults.delay + faults.jitter * chunk.luck
        return max(arrives, self._last) + size / faults.rate - self._loop.time()


class Connection:
    """A client's connection and the one to the server that belongs to it.

    Args:
        client: The client's socket.
        addresses: Where the server is; the first that answers is taken.
        up: The direction from client to server.
        down: The direction from server to client.
        chance: Gives a number from 0 to 1.
        patience: Seconds that each address of the server has to answer.
    """

    def __init__(
        self,
        client: socket.socket,
        addresses: Sequence[Address],
        up: Lane,
        down: Lane,
        *,
        chance: Callable[[], float],
        patience: float,
    ) -> None:
        self.chance = chance
        self._sockets = [client]
        self._addresses = addresses
        self._up = up
        self._down = down
        self._patience = patience
        self._abort = False
        self._ending: Ending | None = None
        self._left = 0
        self.task: asyncio.Task[None] = asyncio.create_task(self._run())
        self.task.add_done_callback(self._close)

    def end(self, *, abort: bool) -> None:
        """End both sides now.

        Args:
            abort: Whether by RST; otherwise by FIN.
        """
        self._abort = abort
        self.task.cancel()

    def end_after(self, ending: Ending | None) -> None:
        """End when so many more bytes have passed; with None, don't."""
        self._ending = ending
        self._left = ending.after if ending is not None else 0

    def take(self, side: Side, size: int) -> int:
        """How many of so many bytes may still pass; they count as passed from now on."""
        if self._ending is None or side not in self._ending.sides:
            return size
        taken = min(size, self._left)
        self._left -= taken
        return taken

    def check(self, side: Side) -> None:
        """Raise ConnectionOver if no more bytes may pass."""
        if self._ending is not None and side in self._ending.sides and not self._left:
            raise self.over(abort=self._ending.abort)

    def over(self, *, abort: bool) -> ConnectionOver:
        """What one of its pipes raises to end both sides."""
        self._abort = abort
        return ConnectionOver()

    async def _run(self) -> None:
        client = self._sockets[0]
        if (server := await self._connect()) is None:
            return
        try:
            async with asyncio.TaskGroup() as pipes:
                pipes.create_task(Pipe(self, self._up, client, server).run())
                pipes.create_task(Pipe(self, self._down, server, client).run())
        except* ConnectionOver:
            pass

    async def _connect(self) -> socket.socket | None:
        for family, kind, protocol, _, address in self._addresses:
            with suppress(OSError):  # nobody answers there, or there are as many sockets as this process may have
                server = socket.socket(family, kind, protocol)
                self._sockets.append(server)
                server.settimeout(0)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with asyncio.timeout(self._patience):
                    await asyncio.get_running_loop().sock_connect(server, address)
                return server
        return None

    def _close(self, _: asyncio.Task[None]) -> None:
        for each in self._sockets:
            with suppress(OSError):
                if self._abort:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                else:
                    each.shutdown(socket.SHUT_WR)
                    each.recv(UNREAD)  # what was never read would make an RST of the FIN
            each.close()
