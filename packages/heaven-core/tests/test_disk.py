"""Files that are worked on in threads are closed on every path, and appear complete or not at all."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from heaven.bodies.disk import NewFile, OpenFile


def is_open(fd: int) -> bool:
    """Whether this process has the descriptor open."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


async def test_open_read_close(tmp_path: Path) -> None:
    """What is opened in a thread is read there, and closed at the end of the block."""
    (tmp_path / "a").write_bytes(b"hello")
    with OpenFile() as file:
        await file.run(partial(file.open, tmp_path / "a"))
        fd = file.fd
        assert b"hello" == await file.run(lambda: os.read(file.fd, 9))
    assert (-1, False) == (file.fd, is_open(fd))


async def test_opening_again_closes_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a second file closes the first."""
    (tmp_path / "a").write_bytes(b"a")
    closed: list[int] = []
    close = os.close
    with OpenFile() as file:
        await file.run(partial(file.open, tmp_path))
        first = file.fd
        monkeypatch.setattr("heaven.bodies.disk.os.close", lambda fd: (closed.append(fd), close(fd)))
        await file.run(partial(file.open, tmp_path / "a"))
        assert [first] == closed
        assert b"a" == os.read(file.fd, 1)


async def test_cancelled_while_a_thread_works(tmp_path: Path) -> None:
    """A request that is cancelled while a thread opens its file leaves no descriptor behind."""
    (tmp_path / "a").write_bytes(b"hello")
    begun, go, opened = threading.Event(), threading.Event(), []
    file = OpenFile()

    def work() -> None:
        begun.set()
        go.wait(10)
        file.open(tmp_path / "a")
        opened.append(file.fd)

    async def request() -> None:
        with file:
            await file.run(work)

    task = asyncio.create_task(request())
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    while file.fd != -1 or not opened:
        await asyncio.sleep(0.001)
    assert not is_open(opened[0])


async def test_closed_before_work_began() -> None:
    """Work that begins after the file was closed is refused."""
    file = OpenFile()
    file.close()
    with pytest.raises(ValueError, match="closed before its work began"):
        await file.run(lambda: None)


async def test_new_file(tmp_path: Path) -> None:
    """A new file has its name and its whole content once it is kept, and the permissions of any other file."""
    async with NewFile(tmp_path / "a") as new:
        await new.write([b"hel", b""])
        assert not (tmp_path / "a").exists()
        await new.write([b"lo"])
        await new.keep([b"!"])
    assert ([tmp_path / "a"], b"hello!") == (list(tmp_path.iterdir()), (tmp_path / "a").read_bytes())
    (tmp_path / "b").touch()
    assert (tmp_path / "b").stat().st_mode == (tmp_path / "a").stat().st_mode


async def test_new_file_that_fails(tmp_path: Path) -> None:
    """A failure leaves nothing behind, and what was there before as it was."""
    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(RuntimeError):
        async with NewFile(tmp_path / "a") as new:
            await new.write([b"after"])
            raise RuntimeError
    async with NewFile(tmp_path / "a"):
        pass
    assert ([tmp_path / "a"], b"before") == (list(tmp_path.iterdir()), (tmp_path / "a").read_bytes())


async def test_new_file_that_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that goes on in its thread after the request was cancelled leaves nothing behind either."""
    begun, go, write = threading.Event(), threading.Event(), os.write

    def slow(fd: int, data: bytes) -> int:
        begun.set()
        go.wait(10)
        return write(fd, data)

    async def request() -> None:
        async with NewFile(tmp_path / "a") as new:
            await new.write([b"after"])

    monkeypatch.setattr("heaven.bodies.disk.os.write", slow)
    task = asyncio.create_task(request())
    await asyncio.to_thread(begun.wait, 10)
    assert 1 == len(list(tmp_path.iterdir()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    while list(tmp_path.iterdir()):
        await asyncio.sleep(0.001)
