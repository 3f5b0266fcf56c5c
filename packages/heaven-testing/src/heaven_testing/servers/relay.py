"""The part of the proxy that lives on its event loop: the listening socket and the connections."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Sequence
from typing import Any

from heaven_testing.servers.pipes import Address, Connection, Ending, Lane, Side
from heaven_testing.servers.ports import LOOPBACK

PAUSE = 0.1
"""Seconds until it tries again to accept, when there were as many sockets as this process may have."""

REUSE = getattr(socket, "SO_REUSEPORT", socket.SO_REUSEADDR)


class Relay:
    """Accepts connections and carries them to the server; every method runs on the event loop.

    Args:
        addresses: Where the server is.
        seed: For the chance in `jitter`.
        patience: Seconds that each address of the server has to answer.
    """

    def __init__(self, addresses: Sequence[Address], *, seed: int, patience: float) -> None:
        self.lanes: dict[Side, Lane] = {"up": Lane("up"), "down": Lane("down")}
        self.connections: set[Connection] = set()
        self.accepted: int = 0
        self._addresses = addresses
        self._patience = patience
        self._chance = random.Random(seed).random  # noqa: S311 - the same faults in every run
        self._ending: Ending | None = None
        # Bound but not listening: keeps the port while new connections are refused.
        self._reserved = _bound(0)
        self.port: int = self._reserved.getsockname()[1]
        self._listener: socket.socket | None = None

    async def listen(self) -> None:
        """Accept connections from now on."""
        if self._listener is None:
            self._listener = _bound(self.port)
            self._listener.listen(128)
            self._watch(self._listener)

    async def refuse(self) -> None:
        """Accept no more; those who have connected already are served."""
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            self._accept(listener)
            listener.close()

    async def change(self, sides: Sequence[Side], **faults: Any) -> None:
        """Change faults of some directions."""
        for side in sides:
            self.lanes[side].change(**faults)

    async def end(self, *, abort: bool) -> None:
        """End the connections that are open; returns when they are closed."""
        ended = [connection.task for connection in self.connections]
        for connection in list(self.connections):
            connection.end(abort=abort)
        await asyncio.gather(*ended, return_exceptions=True)

    async def end_after(self, ending: Ending | None, *, new: bool = True) -> None:
        """End each connection, those that come included if `new`, after a number of bytes of its own."""
        self._ending = ending if new else None
        for connection in self.connections:
            connection.end_after(ending)

    async def heal(self) -> None:
        """No faults any more."""
        for lane in self.lanes.values():
            lane.heal()
        await self.end_after(None)
        await self.listen()

    async def close(self) -> None:
        """End everything."""
        await self.refuse()
        await self.end(abort=False)
        self._reserved.close()

    def _watch(self, listener: socket.socket) -> None:
        if listener is self._listener:  # it may have been closed in a pause
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            while True:
                client, _ = listener.accept()
                self.accepted += 1
                self._carry(client)
        except (BlockingIOError, ConnectionAbortedError):
            pass
        except OSError:  # who waits to be accepted goes on waiting; looked at all the time it would take all the time
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            loop.call_later(PAUSE, self._watch, listener)

    def _carry(self, client: socket.socket) -> None:
        client.settimeout(0)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up, down = self.lanes["up"], self.lanes["down"]
        connection = Connection(client, self._addresses, up, down, chance=self._chance, patience=self._patience)
        connection.end_after(self._ending)
        self.connections.add(connection)
        connection.task.add_done_callback(lambda _: self.connections.discard(connection))


def _bound(port: int) -> socket.socket:
    """A socket on this machine's port; several of one user may be bound to it."""
    bound = socket.socket()
    bound.settimeout(0)
    bound.setsockopt(socket.SOL_SOCKET, REUSE, 1)
    bound.bind((LOOPBACK, port))
    return bound
