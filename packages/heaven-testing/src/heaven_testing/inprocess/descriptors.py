"""Which files and sockets are open in this process, and in words what they are."""

from __future__ import annotations

import os
import socket
from collections import Counter
from dataclasses import dataclass
from typing import Any

FOLDER = "/proc/self/fd"
"""Where the system lists what is open; there is no such thing on macOS and Windows."""

_PROCESS = "anon_inode:[pidfd]"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Something open: the number, what makes it the same thing under the same number, and what the system calls it."""

    number: int
    identity: tuple[int, int]
    name: str

    def __str__(self) -> str:
        if self.name.startswith("socket:"):
            return _socket_told(self.number) or self.name
        if self.name == _PROCESS:
            return "the handle of a process"
        return f"the file {self.name}" if self.name.startswith("/") else self.name


def descriptors() -> dict[int, Descriptor]:
    """What is open, by number; empty on systems that don't list it.

    Not among it are the standard streams, and what belongs to devices and event loops rather than to anybody's code.
    """
    try:
        numbers = os.listdir(FOLDER)  # noqa: PTH208 - the names are the numbers
    except OSError:
        return {}
    found = [each for number in numbers if (each := _descriptor(int(number))) is not None]
    ends = Counter(each.name for each in found)
    return {
        each.number: each
        for each in found
        # A pipe with both ends in this process leads nowhere: it is how loops and threads wake each other.
        if each.number > 2 and _counts(each.name) and not (each.name.startswith("pipe:") and ends[each.name] > 1)
    }


def name_of(number: int) -> str | None:
    """What the system calls something open: a path, `socket:[...]` or `pipe:[...]`; None where it is closed."""
    try:
        return os.readlink(f"{FOLDER}/{number}")  # noqa: PTH115
    except OSError:
        return None


def _descriptor(number: int) -> Descriptor | None:
    name = name_of(number)
    try:
        state = os.fstat(number)
    except OSError:
        return None  # the one by which the folder itself was read
    return Descriptor(number, (state.st_dev, state.st_ino), name or "")


def _counts(name: str) -> bool:
    if name.startswith("anon_inode:"):
        return name == _PROCESS  # the rest is how an event loop waits
    return not name.startswith("/dev/") or name.startswith("/dev/shm/")  # noqa: S108 - shared memory is left behind


def _socket_told(number: int) -> str | None:
    """Where a socket leads."""
    try:
        with socket.socket(fileno=os.dup(number)) as opened:
            here, kind = _address(opened.getsockname()), opened.type
            try:
                there = f" to {_address(opened.getpeername())}"
            except OSError:
                there = ""
    except OSError:
        return None
    what = "datagram socket" if kind == socket.SOCK_DGRAM else "socket"
    return f"the {what} {here}{there}".rstrip()


def _address(address: tuple[Any, ...] | str | bytes) -> str:
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"{host}:{port}"
    return f"at {os.fsdecode(address)}" if address else "without a name"
