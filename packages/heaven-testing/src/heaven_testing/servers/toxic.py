"""A proxy in front of any server that does to its connections what networks do."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from heaven_testing.servers.pipes import Ending, Side
from heaven_testing.servers.ports import LOOPBACK
from heaven_testing.servers.relay import Relay

Direction = Literal["both", "up", "down"]
SIDES: dict[str, tuple[Side, ...]] = {"both": ("up", "down"), "up": ("up",), "down": ("down",)}
PORTS = {
    "redis": 6379,
    "rediss": 6379,
    "mysql": 3306,
    "mariadb": 3306,
    "postgresql": 5432,
    "http": 80,
    "ws": 80,
    "https": 443,
    "wss": 443,
}


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs inside the `with` block.

    Attributes:
        relay: What is done.
        loop: Where.
        thread: In which thread that is.
    """

    relay: Relay
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread


class ToxicProxy:
    """A TCP proxy on a port of its own, in front of a server given by its URL, for as long as its `with` block lasts.

    It has a thread with an event loop to itself, so a test may be synchronous or asynchronous. Faults are switched on
    and off while connections are open; when the method returns, the fault is there. They add up until `heal()`.
    In every direction at most one MiB is held back; after that the sender has to wait. What the server's certificate
    says holds for the server's name and not for the proxy's.

    Args:
        url: Where the server is. Without a port, that of the scheme: 6379 for `redis`, 3306 for `mysql`, 80 for `http`,
            443 for `https`. It need not be there yet: as long as it isn't, connections are closed once accepted.
        seed: For the chance in `delay(jitter=...)`: the same seed, the same delays.
        timeout: Seconds that connecting to the server may take, and each method.

    Raises:
        ValueError: The URL names no host, or no port and has a scheme with no usual one.
        OSError: On entering: the host of the URL is not known.

    Example:
        >>> import sys
        >>> from heaven_testing import ServerProcess
        >>> from heaven_testing.library import Client, ReadTimeout
        >>> files = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
        >>> with ServerProcess(files) as server, ToxicProxy(server.url) as proxy, Client(timeout=5) as client:
        ...     print(client.get(proxy.url).status_code)
        ...     proxy.swallow_replies()
        ...     try:
        ...         client.get(proxy.url, timeout=0.1)
        ...     except ReadTimeout:
        ...         print("no answer")
        200
        no answer
    """

    def __init__(self, url: str, *, seed: int = 0, timeout: float = 10.0) -> None:
        self._parts = urlsplit(url)
        self._target = _target(self._parts, url)
        self._seed = seed
        self._timeout = timeout
        self._engine: Engine | None = None

    @property
    def port(self) -> int:
        """The port it listens on, at 127.0.0.1."""
        return self._running.relay.port

    @property
    def url(self) -> str:
        """The server's URL with the proxy in its place: credentials, path and query are kept."""
        user, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{user}{at}{LOOPBACK}:{self.port}").geturl()

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._running.relay.connections)

    @property
    def accepted(self) -> int:
        """How many connections were ever accepted."""
        return self._running.relay.accepted

    @property
    def bytes_up(self) -> int:
        """How many bytes of clients were passed on to the server."""
        return self._running.relay.lanes["up"].passed

    @property
    def bytes_down(self) -> int:
        """How many bytes of the server were passed on to clients."""
        return self._running.relay.lanes["down"].passed

    def delay(self, seconds: float, jitter: float = 0.0, *, direction: Direction = "both") -> None:
        """Make every byte late; their order stays.

        Args:
            seconds: How late at least. In both directions, a question and its answer take twice as long.
            jitter: Up to so many seconds more, by chance, for each portion of bytes.
            direction: Of which bytes: `up` to the server, `down` to the client.

        Raises:
            ValueError: Seconds below 0, or an unknown direction.

        Example:
            >>> from time import monotonic
            >>> with socket.create_server(("127.0.0.1", 0)) as server:
            ...     with ToxicProxy(f"tcp://127.0.0.1:{server.getsockname()[1]}") as proxy:
            ...         proxy.delay(0.1)
            ...         with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            ...             began = monotonic()
            ...             _ = client.send(b"hello")
            ...             peer, _ = server.accept()
            ...             print(peer.recv(5), monotonic() - began >= 0.1)
            ...             peer.close()
            b'hello' True
        """
        _refuse_negative(seconds=seconds, jitter=jitter)
        self._do(lambda relay: relay.change(_sides(direction), delay=seconds, jitter=jitter))

    def throttle(self, bytes_per_second: float, *, direction: Direction = "both") -> None:
        """Let bytes through slowly.

        Args:
            bytes_per_second: How many, for each connection and direction.
            direction: Of which bytes: `up` to the server, `down` to the client.

        Raises:
            ValueError: Not above 0, or an unknown direction.

        Example:
            >>> from time import monotonic
            >>> with socket.create_server(("127.0.0.1", 0)) as server:
            ...     with ToxicProxy(f"tcp://127.0.0.1:{server.getsockname()[1]}") as proxy:
            ...         with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            ...             peer, _ = server.accept()
            ...             proxy.throttle(1000, direction="up")
            ...             began = monotonic()
            ...             client.sendall(bytes(100))
            ...             size = len(peer.recv(100, socket.MSG_WAITALL))
            ...             print(size, monotonic() - began >= 0.1)
            ...             peer.close()
            100 True
        """
        if not bytes_per_second > 0:
            raise ValueError(f"bytes_per_second is {bytes_per_second!r}; let it be above 0, or use stall()")
        self._do(lambda relay: relay.change(_sides(direction), rate=bytes_per_second))

    def stall(self, *, direction: Direction = "both") -> None:
        """Pass nothing on and lose nothing: what is held back arrives after `heal()`.

        Args:
            direction: Of which bytes: `up` to the server, `down` to the client.

        Raises:
            ValueError: An unknown direction.

        Example:
            >>> with socket.create_server(("127.0.0.1", 0)) as server:
            ...     with ToxicProxy(f"tcp://127.0.0.1:{server.getsockname()[1]}") as proxy:
            ...         with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            ...             peer, _ = server.accept()
            ...             proxy.stall()
            ...             _ = client.send(b"hello")
            ...             peer.settimeout(0.1)
            ...             try:
            ...                 print(peer.recv(5))
            ...             except TimeoutError:
            ...                 print("nothing")
            ...             proxy.heal()
            ...             peer.settimeout(5)
            ...             print(peer.recv(5))
            ...             peer.close()
            nothing
            b'hello'
        """
        self._do(lambda relay: relay.change(_sides(direction), stalled=True))

    def swallow_replies(self) -> None:
        """Read what the server sends and drop it; the connection stays open, even when the server closes it.

        After `heal()` a connection that lost bytes is out of step with its server; the client should open another.
        """
        self._do(lambda relay: relay.change(("down",), swallowing=True))

    def cut(self, after: int | None = None, *, direction: Direction = "both", new: bool = True) -> None:
        """Close connections in order, with FIN on both sides.

        Args:
            after: None closes those that are open, now; new ones work. A number closes each connection, those opened
                later as well, when so many more bytes of it have been passed on: exactly so many arrive.
            direction: Which bytes are counted: `up` to the server, `down` to the client.
            new: Whether a number is for connections opened later as well; without them, a client that connects again
                reaches the server.

        Raises:
            ValueError: A number below 0, or an unknown direction.

        Example:
            >>> with socket.create_server(("127.0.0.1", 0)) as server:
            ...     with ToxicProxy(f"tcp://127.0.0.1:{server.getsockname()[1]}") as proxy:
            ...         with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            ...             peer, _ = server.accept()
            ...             proxy.cut()
            ...             print(client.recv(1), peer.recv(1))
            ...             peer.close()
            b'' b''
        """
        self._end(after, direction, abort=False, new=new)

    def reset(self, after: int | None = None, *, direction: Direction = "both", new: bool = True) -> None:
        """Break connections off, with RST on both sides: the next read raises `ConnectionResetError`.

        Args:
            after: None breaks those that are open, now; new ones work. A number breaks each connection, those opened
                later as well, when so many more bytes of it have been passed on.
            direction: Which bytes are counted: `up` to the server, `down` to the client.
            new: Whether a number is for connections opened later as well; without them, a client that connects again
                reaches the server.

        Raises:
            ValueError: A number below 0, or an unknown direction.

        Example:
            >>> with socket.create_server(("127.0.0.1", 0)) as server:
            ...     with ToxicProxy(f"tcp://127.0.0.1:{server.getsockname()[1]}") as proxy:
            ...         with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            ...             peer, _ = server.accept()
            ...             proxy.reset()
            ...             try:
            ...                 client.recv(1)
            ...             except ConnectionResetError:
            ...                 print("reset")
            ...             peer.close()
            reset
        """
        self._end(after, direction, abort=True, new=new)

    def refuse(self) -> None:
        """Refuse new connections, as a server does that is not there; those that are open stay.

        Example:
            >>> with ToxicProxy("redis://127.0.0.1") as proxy:
            ...     proxy.refuse()
            ...     socket.create_connection(("127.0.0.1", proxy.port))  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            ConnectionRefusedError: ...
        """
        self._do(Relay.refuse)

    def heal(self) -> None:
        """No faults any more: what was held back is passed on, new connections are accepted on the same port."""
        self._do(Relay.heal)

    def __enter__(self) -> Self:
        """Listen."""
        if self._engine is not None:
            raise RuntimeError("this proxy runs already; make another ToxicProxy for a second port")
        host, port = self._target
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        relay = Relay(found, seed=self._seed, patience=self._timeout)
        loop = asyncio.SelectorEventLoop()
        thread = threading.Thread(target=loop.run_forever, name=f"proxy of {host}:{port}", daemon=True)
        self._engine = Engine(relay, loop, thread)
        thread.start()
        self._do(Relay.listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection, and end the thread."""
        engine = self._running
        try:
            self._do(Relay.close)
        finally:
            self._engine = None
            engine.loop.call_soon_threadsafe(engine.loop.stop)
            engine.thread.join(self._timeout)
            engine.loop.close()

    def _end(self, after: int | None, direction: Direction, *, abort: bool, new: bool) -> None:
        sides = _sides(direction)
        if after is None:
            self._do(lambda relay: relay.end(abort=abort))
        else:
            _refuse_negative(after=after)
            self._do(lambda relay: relay.end_after(Ending(after, sides, abort), new=new))

    @property
    def _running(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the proxy runs inside `with ToxicProxy(url) as proxy:` only")
        return self._engine

    def _do(self, change: Callable[[Relay], Coroutine[Any, Any, None]]) -> None:
        """Do something on the loop of the proxy, and wait until it is done."""
        engine = self._running
        asyncio.run_coroutine_threadsafe(change(engine.relay), engine.loop).result(self._timeout)


def _sides(direction: str) -> tuple[Side, ...]:
    if direction not in SIDES:
        raise ValueError(f"direction is {direction!r}; there are {', '.join(map(repr, SIDES))}")
    return SIDES[direction]


def _refuse_negative(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number >= 0:
            raise ValueError(f"{name} is {number!r}; it can't be below 0")


def _target(parts: SplitResult, url: str) -> tuple[str, int]:
    """The host and the port of a URL."""
    cure = "write it as scheme://host:port, like redis://127.0.0.1:6379"
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} has no port that can be: {error}; {cure}") from error
    if not host:
        raise ValueError(f"{url!r} names no host; {cure}")
    if port is None:
        port = PORTS.get(parts.scheme.partition("+")[0])
    if port is None:
        raise ValueError(
            f"{url!r} names no port, and {parts.scheme!r} has no usual one; {cure}. Usual ones: {', '.join(PORTS)}"
        )
    return host, port
