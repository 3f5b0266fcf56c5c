"""As much of Redis' protocol as it takes to ask whether a server is there."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import BinaryIO


def ask(port: int, *words: str, timeout: float, password: str = "") -> str | None:
    """Send one command to a Redis on this machine.

    Args:
        port: where it listens.
        words: the command and its arguments.
        timeout: seconds that it may take to accept, and to answer.
        password: what to say first; nothing if it is empty.

    Returns:
        The answer as text; None where there is nothing.

    Raises:
        OSError: nobody is there, or it does not answer in time (TimeoutError).
        RuntimeError: it refuses, or answers with more than one value.

    Source:
        https://redis.io/docs/latest/develop/reference/protocol-spec/
    """
    commands = [("AUTH", password), words] if password else [words]
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(b"".join(map(_encoded, commands)))
        with connection.makefile("rb") as replies:
            return [_reply(replies, command[0]) for command in commands][-1]


def _encoded(words: Sequence[str]) -> bytes:
    encoded = [word.encode() for word in words]
    return b"".join([b"*%d\r\n" % len(encoded), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)])


def _reply(replies: BinaryIO, command: str) -> str | None:
    line = replies.readline()
    kind, text = line[:1], line[1:].decode().rstrip("\r\n")
    if kind in (b"+", b":"):
        return text
    if kind == b"$":
        return replies.read(int(text) + 2)[:-2].decode() if text != "-1" else None
    if kind == b"-":
        raise RuntimeError(f"Redis refuses {command}: {text}")
    if not line:
        raise ConnectionResetError(f"Redis closed the connection instead of answering {command}")
    raise RuntimeError(f"{command} is answered with more than one value, for which a Redis client is needed")
