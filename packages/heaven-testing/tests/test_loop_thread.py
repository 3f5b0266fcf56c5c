"""The event loop of sync tests: it runs all the time, gives back what work returns or raises, and ends clean."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from heaven_testing.clients.loop_thread import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    thread.start()
    yield thread
    thread.stop()


async def said(text: str) -> str:
    return text


async def fail() -> None:
    raise LookupError("no such room")


async def forever() -> None:
    await asyncio.Event().wait()


def test_it_gives_what_work_returns_or_raises(thread: LoopThread) -> None:
    """The test's thread waits for a coroutine, and has its result or its exception."""
    assert "hello" == thread.run(said("hello"))
    with pytest.raises(LookupError, match="no such room"):
        thread.run(fail())
    assert "still there" == thread.run(said("still there"))


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_who_exits_in_a_task_ends_that_task_only(thread: LoopThread, error: type[BaseException]) -> None:
    """`sys.exit()` on the loop reaches who waits for it, and the loop goes on."""

    async def leave() -> None:
        raise error(3)

    with pytest.raises(error, match="3"):
        thread.run(leave())
    assert "still there" == thread.run(said("still there"))


def test_work_goes_on_between_calls(thread: LoopThread) -> None:
    """The loop runs while the test does something else, in a thread of its own."""
    done = threading.Event()

    async def begin() -> asyncio.Task[Any]:
        async def work() -> threading.Thread:
            await asyncio.sleep(0)
            done.set()
            return threading.current_thread()

        return asyncio.create_task(work())

    task = thread.run(begin())
    assert done.wait(5)
    thread.run(asyncio.sleep(0))
    assert ("heaven-testing", False) == (task.result().name, task.result() is threading.current_thread())


def test_without_a_start_nothing_runs() -> None:
    """Before the start and after the stop work is refused, without a warning of coroutines that were never awaited."""
    thread = LoopThread()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="enter the client first: `with SyncClient"):
            thread.run(said("hello"))
        thread.start()
        assert "hello" == thread.run(said("hello"))
        thread.stop()
    thread.stop()
    gc.collect()


def test_a_test_that_is_interrupted_leaves_nothing_running(thread: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the test waits cancels what it waits for."""
    running, cancelled = threading.Event(), threading.Event()

    async def work() -> None:
        running.set()
        try:
            await forever()
        finally:
            cancelled.set()

    def interrupted(future: Any, timeout: Any = None) -> Any:
        assert running.wait(5)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            thread.run(work())
    assert cancelled.wait(5)


def test_what_is_left_ends_with_the_loop() -> None:
    """Tasks that still run are cancelled and their cleanup runs; generators and threads of the loop end as well."""
    ends: list[str] = []

    async def work(name: str) -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            ends.append(name)
            raise LookupError(name)

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ends.append("generator")

    async def begin() -> list[Any]:
        generator = numbers()
        await anext(generator)
        tasks = [asyncio.create_task(work(name)) for name in ("one", "two")]
        await asyncio.to_thread(int)
        return [generator, *tasks]

    before = threading.active_count()
    thread = LoopThread()
    thread.start()
    kept = thread.run(begin())
    thread.stop()
    assert ["generator", "one", "two"] == sorted(ends)
    assert before == threading.active_count()
    del kept
    gc.collect()
