"""Real sockets on both sides of a proxy: a server that the test drives by hand, and one that echoes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from heaven_testing.servers.toxic import ToxicProxy

PATIENCE = 30.0
SHORT = 0.2
"""Seconds in which nothing may arrive."""


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A server's socket; the test accepts by itself."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        server.settimeout(PATIENCE)
        yield server


@contextmanager
def echoing() -> Iterator[socket.socket]:
    """A server that sends back all it gets, on any number of connections, and ends each when its client has."""

    def echo(peer: socket.socket) -> None:
        with peer:
            try:
                while data := peer.recv(65536):
                    peer.sendall(data)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            peer.settimeout(PATIENCE)
            thread = threading.Thread(target=echo, args=[peer])
            thread.start()
            threads.append(thread)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threads = [threading.Thread(target=accept)]
        threads[0].start()
        yield server
        server.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(PATIENCE)


def url_of(server: socket.socket) -> str:
    """Its URL, of a scheme without meaning."""
    host, port, *_ = server.getsockname()
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def connect(proxy: ToxicProxy) -> socket.socket:
    """A client's connection through the proxy."""
    return socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)


@contextmanager
def connected(proxy: ToxicProxy, server: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection through the proxy: the client's and the server's."""
    with connect(proxy) as client:
        peer, _ = server.accept()
        peer.settimeout(PATIENCE)
        with peer:
            yield client, peer


def exactly(end: socket.socket, size: int) -> bytes:
    """So many bytes."""
    received = bytearray()
    while len(received) < size:
        data = end.recv(size - len(received))
        if not data:
            break
        received += data
    return bytes(received)


def rest(end: socket.socket) -> bytes:
    """Everything up to the end."""
    received = bytearray()
    while data := end.recv(65536):
        received += data
    return bytes(received)


def nothing_comes(end: socket.socket) -> bool:
    """Whether nothing comes for a while, not even the end."""
    end.settimeout(SHORT)
    try:
        end.recv(1)
    except TimeoutError:
        return True
    finally:
        end.settimeout(PATIENCE)
    return False


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
