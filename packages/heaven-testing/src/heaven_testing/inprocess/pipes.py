"""What is on its way from one side to the other, of which no more waits than a server would hold."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from heaven_testing.inprocess.signals import Signal

P = TypeVar("P", bound=str | bytes)

HIGH_WATER = 65_536
"""How far one side may be ahead of the other before it has to wait, as in asyncio's transports; bytes or characters."""


class Pipe(Generic[P]):
    """One direction of one connection.

    Example:
        >>> pipe: Pipe[bytes] = Pipe()
        >>> pipe.put(b"hello")
        >>> pipe.end()
        >>> pipe.take(), pipe.is_full, pipe.ended
        (b'hello', False, True)
    """

    __slots__ = ("emptied", "ended", "filled", "items", "size")

    def __init__(self) -> None:
        self.items: deque[P] = deque()
        self.size: int = 0
        self.ended: bool = False
        """Whether nothing will be put in any more."""
        self.filled: Signal = Signal()
        """Something was put in, or nothing will be any more."""
        self.emptied: Signal = Signal()
        """Something was taken out, or nothing will be any more."""

    @property
    def is_full(self) -> bool:
        """Whether who puts in has to wait."""
        return self.size > HIGH_WATER

    def put(self, item: P) -> None:
        """Put something in, without waiting."""
        self.items.append(item)
        self.size += len(item) or 1  # messages without content fill it as well
        self.filled.wake()

    def take(self) -> P:
        """Take the oldest out."""
        item = self.items.popleft()
        self.size -= len(item) or 1
        self.emptied.wake()
        return item

    def end(self) -> None:
        """Put nothing in any more."""
        self.ended = True
        self.filled.wake()

    def wake(self) -> None:
        """Have both sides look again: somebody has left."""
        self.filled.wake()
        self.emptied.wake()


def pieces(content: bytes, size: int = HIGH_WATER) -> list[bytes]:
    """Content in pieces of at most so many bytes, as a server reads it.

    Example:
        >>> pieces(b"abcdefgh", 3)
        [b'abc', b'def', b'gh']
    """
    if len(content) <= size:
        return [content]
    return [content[start : start + size] for start in range(0, len(content), size)]
