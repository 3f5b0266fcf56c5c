"""Real servers as processes of their own, and bytes to and from them; every wait has an end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import heaven

PATIENT = 30.0
"""Seconds for what has to happen: reached only where it never does, however busy the machine is."""
BIN = Path(sys.executable).parent
PATHS = (str(Path(__file__).parent), str(Path(heaven.__file__).parents[1]))
COMMANDS: dict[str, list[str]] = {
    "uvicorn-httptools": ["uvicorn", "served:app", "--port", "0", "--http", "httptools", "--loop", "uvloop", "--lifespan", "on"],
    "uvicorn-h11": ["uvicorn", "served:app", "--port", "0", "--http", "h11", "--loop", "asyncio", "--lifespan", "on"],
    "gunicorn": ["gunicorn", "served:app", "--bind", "127.0.0.1:0", "-w", "1", "-k", "uvicorn_worker.UvicornWorker", "--graceful-timeout", "120"],
    "hypercorn": ["hypercorn", "served:app", "--bind", "127.0.0.1:0", "--access-logfile", "/dev/null", "--error-logfile", "-", "--graceful-timeout", "120"],
    "granian": ["granian", "served:app", "--interface", "asgi", "--host", "127.0.0.1", "--workers", "1"],
}  # fmt: skip


class Server:
    """One server process: `with Server("gunicorn", folder, tree) as server:`; it is ended by its id, whatever happens."""

    def __init__(self, kind: str, folder: Path, tree: Path) -> None:
        self.kind = kind
        self.log = folder / f"{kind}.log"
        self._tree = tree
        self.port = 0

    def __enter__(self) -> Self:
        command = COMMANDS[self.kind]
        self._reserved = socket.socket()
        if self.kind == "granian":  # it says nothing of a port that it chose; it shares one that nobody else gets
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._reserved.bind(("127.0.0.1", 0))
            self.port = self._reserved.getsockname()[1]
            command = [*command, "--port", str(self.port)]
        python = [sys.executable, *(["-O"] if sys.flags.optimize else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS), "HEAVEN_TEST_TREE": str(self._tree)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*python, str(BIN / command[0]), *command[1:]],
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.log.parent,
            )
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_up(self) -> None:
        end = time.monotonic() + 2 * PATIENT
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(rb"127\.0\.0\.1:([1-9]\d*)", self.log.read_bytes())
            self.port = self.port or (int(found[1]) if found else 0)
            if self.port:
                try:
                    if Answer.of(exchange(self.port, get("/hello"), seconds=5)).status == 200:
                        return
                except OSError:
                    pass
            time.sleep(0.05)
        raise AssertionError(f"{self.kind} did not start:\n{self.written()}")

    def __exit__(self, *_: object) -> None:
        self._reserved.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENT)
            except subprocess.TimeoutExpired:
                for child in self._children():
                    os.kill(child, signal.SIGKILL)
                self.process.kill()
                self.process.wait(PATIENT)

    def _children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []

    def stop(self, seconds: float = PATIENT) -> int:
        """SIGTERM, and how the process ended; an error where it doesn't within this time."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def written(self) -> str:
        """What the server and the application wrote so far."""
        return self.log.read_text(errors="replace")


def get(target: str, *headers: str, host: str = "127.0.0.1", method: str = "GET", close: bool = True) -> bytes:
    """A request without a body, as bytes."""
    fields = [f"Host: {host}", *headers, *(["Connection: close"] if close else [])]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "", ""]).encode("latin-1")


def post(target: str, body: bytes, *headers: str) -> bytes:
    """A request with a body, as bytes; its length is said unless a header says something of it."""
    said = any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers)
    return get(target, *headers, *([] if said else [f"Content-Length: {len(body)}"]), method="POST") + body


def exchange(port: int, *pieces: bytes, seconds: float = PATIENT) -> bytes:
    """Send these bytes and read until the server closes; TimeoutError where it doesn't in time."""
    end = time.monotonic() + seconds
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except ConnectionError:
            pass  # refused half-way; what it says of that is still to be read
        while True:
            connection.settimeout(max(end - time.monotonic(), 0.001))
            try:
                block = connection.recv(65_536)
            except ConnectionError:
                return bytes(received)
            if not block:
                return bytes(received)
            received += block


@dataclass
class Answer:
    """The first answer in what a server sent; status 0 where it closed without one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @staticmethod
    def of(received: bytes) -> Answer:
        """Read an answer; its body is everything behind the headers, chunks put together."""
        if not received:
            return Answer()
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if headers.get("transfer-encoding") == "chunked":
            body = unchunked(body)
        return Answer(int(lines[0].split(" ")[1]), headers, body)


def unchunked(body: bytes) -> bytes:
    """The content of a chunked body, as far as it is there."""
    content = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        content += rest[:length]
        body = rest[length + 2 :]
    return bytes(content)


def read_response(connection: socket.socket, seconds: float = PATIENT) -> bytes | None:
    """One whole response with a Content-Length; None for a close before its first byte, EOFError for one half-way."""
    connection.settimeout(seconds)
    received = b""
    while True:
        head, found, body = received.partition(b"\r\n\r\n")
        if found:
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            if length is not None and len(body) >= int(length[1]):
                return received
        try:
            block = connection.recv(65_536)
        except ConnectionError:
            block = b""
        if not block:
            if received:
                raise EOFError(f"cut after {len(received)} bytes")
            return None
        received += block


def upgrade(port: int, target: str, *headers: str) -> tuple[socket.socket, bytes]:
    """A WebSocket handshake: the connection, and what the server answered up to the end of its headers."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENT)
    fields = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    connection.sendall(get(target, *fields, *headers, close=False))
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(4096)
        if not block:
            break
        received += block
    return connection, received


def masked(text: bytes) -> bytes:
    """A text frame as clients send it, under a mask of zeros (RFC 6455 5.2)."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def wait_for_end(connections: Sequence[socket.socket], seconds: float = PATIENT) -> None:
    """Read until the server has closed all of these; TimeoutError where it doesn't in time."""
    end = time.monotonic() + seconds
    for connection in connections:
        while True:
            connection.settimeout(max(end - time.monotonic(), 0.001))
            try:
                if not connection.recv(65_536):
                    break
            except ConnectionError:
                break
