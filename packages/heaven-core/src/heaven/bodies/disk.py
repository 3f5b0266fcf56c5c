"""Files that are opened, read and written in threads, and closed whatever becomes of the request."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

T = TypeVar("T")

READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class OpenFile:
    """One file descriptor whose work is done in threads; closing it never waits and never leaks.

    A request that is cancelled leaves a thread behind that still opens, reads or writes. `close` then only says so, and
    the thread closes the descriptor when it is done: it can neither be lost nor be used after it was closed.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "greeting")
        >>> _ = path.write_bytes(b"hello")
        >>> async def first(count: int) -> bytes:
        ...     with OpenFile() as file:
        ...         await file.run(lambda: file.open(path))
        ...         return await file.run(lambda: os.read(file.fd, count))
        >>> asyncio.run(first(4))
        b'hell'
    """

    __slots__ = ("_busy", "_closed", "_lock", "_then", "fd")

    def __init__(self) -> None:
        self.fd: int = -1
        self._busy = False
        self._closed = False
        self._then: Callable[[], object] | None = None
        self._lock = threading.Lock()

    def open(self, path: str | os.PathLike[str], flags: int = READ_FLAGS, mode: int = 0o666) -> None:
        """Open the file; called inside `run`, because it touches the disk.

        Args:
            path: what to open.
            flags: those of `os.open`; reading without waiting for a pipe's other end, unless told otherwise.
            mode: the permissions of a file that is made, before the process's umask.
        """
        self.release()
        self.fd = os.open(path, flags, mode)

    async def run(self, work: Callable[[], T]) -> T:
        """Do one piece of work on this file in a thread; one at a time."""
        return await asyncio.to_thread(self._guarded, work)

    def _guarded(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._closed:
                raise ValueError("this file was closed before its work began")
            self._busy = True
        try:
            return work()
        finally:
            self._settle()

    def _settle(self) -> None:
        with self._lock:
            self._busy = False
            if self._closed:
                self._finish()

    def close(self, then: Callable[[], object] | None = None) -> None:
        """Close the file now, or as soon as the thread that works on it is done.

        Args:
            then: called once it is closed, in the thread that closed it.
        """
        with self._lock:
            self._closed = True
            self._then = then
            if not self._busy:
                self._finish()

    def release(self) -> None:
        """Close the descriptor, if one is open; called inside `run`."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def _finish(self) -> None:
        self.release()
        if self._then is not None:
            self._then()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()


class NewFile:
    """A file that appears under its name when it is complete, and not at all otherwise.

    It is written beside its place under a hidden name and moved there at the end, so a reader never meets half of it, a
    failure leaves no trace, and a file that was there before stays until then.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "greeting")
        >>> async def write() -> None:
        ...     async with NewFile(path) as new:
        ...         await new.write([b"hel", b"lo"])
        ...         await new.keep()
        >>> asyncio.run(write())
        >>> path.read_bytes()
        b'hello'
    """

    __slots__ = ("_draft", "_file", "_kept", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{secrets.token_hex(8)}.part")
        self._file = OpenFile()
        self._kept = False

    async def write(self, blocks: Iterable[bytes]) -> None:
        """Append these blocks, all of them, in one piece of work."""
        await self._file.run(lambda: self._write(blocks))

    async def keep(self, blocks: Iterable[bytes] = ()) -> None:
        """Append these blocks and give the file its name; there is nothing to be written afterwards."""
        await self._file.run(lambda: self._keep(blocks))

    def _write(self, blocks: Iterable[bytes]) -> None:
        if self._file.fd < 0:
            self._file.open(self._draft, _WRITE_FLAGS)
        rest = memoryview(b"".join(blocks))  # PERF: one call, not one for each of 100,000 tiny chunks
        while rest:
            rest = rest[os.write(self._file.fd, rest) :]

    def _keep(self, blocks: Iterable[bytes]) -> None:
        self._write(blocks)
        self._file.release()
        self._draft.replace(self._path)
        self._kept = True

    def _discard(self) -> None:
        self._draft.unlink(missing_ok=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        if not self._kept:
            await asyncio.shield(asyncio.to_thread(self._file.close, self._discard))
