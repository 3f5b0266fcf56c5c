"""The event loop of sync tests: it runs all the time, gives back what work returns or raises, and ends clean."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from heaven_testing import ApplicationTimeout
from heaven_testing.clients import loop_thread
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
    assert done.wait(30)
    thread.run(asyncio.sleep(0))
    assert ("heaven-testing", False) == (task.result().name, task.result() is threading.current_thread())


def test_without_a_start_nothing_runs() -> None:
    """Before the start and after the stop work is refused, without a warning of coroutines that were never awaited."""
    thread = LoopThread()
    for told in ("enter the client first: `with SyncClient", "the client was left, and its application has stopped"):
        with pytest.raises(RuntimeError, match=told):
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
        assert running.wait(30)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            thread.run(work())
    assert cancelled.wait(30)


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


def test_what_does_not_let_go_of_the_loop_is_told() -> None:
    """Code that blocks the loop does not block the test: it is told where that is, and the thread is left behind."""
    gate = threading.Event()

    async def block() -> None:
        gate.wait()

    thread = LoopThread(0.05)
    thread.start()
    try:
        line = block.__code__.co_firstlineno + 1
        with pytest.raises(ApplicationTimeout, match=rf"for 0.05 s: it is in block at .*:{line} \(gate.wait\(\)\)"):
            thread.run(block())
        thread.stop()
    finally:
        gate.set()
    until_ended()


def test_a_machine_that_stood_still_is_no_blocked_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the test's own thread noticed the limit late, the loop had no turn either: it is looked at once more."""
    gate = threading.Event()
    looks: list[float] = []

    async def block() -> str:
        gate.wait()
        return "at last"

    def clock() -> float:
        looks.append(60.0 * len(looks))  # a minute has passed between any two looks
        if len(looks) > 1:
            gate.set()
        return looks[-1]

    monkeypatch.setattr(loop_thread, "monotonic", clock)
    thread = LoopThread(0.05)
    thread.start()
    assert "at last" == thread.run(block())
    thread.stop()
    until_ended()


def test_work_that_only_takes_long_is_waited_for() -> None:
    """Control: a loop that goes round may take as long as it likes, and a TimeoutError of its own is its own."""

    async def slow() -> str:
        await asyncio.sleep(0.2)
        return "at last"

    async def late() -> None:
        await asyncio.sleep(0.2)
        raise TimeoutError("the room took too long")

    thread = LoopThread(0.05)
    thread.start()
    assert "at last" == thread.run(slow())
    with pytest.raises(TimeoutError, match="the room took too long"):
        thread.run(late())
    thread.stop()
    until_ended()


def test_what_does_not_end_is_left_behind() -> None:
    """A task that swallows its cancellation, and a thread that hangs, don't hold up the end of the loop."""
    gate = threading.Event()
    swallowed = threading.Event()

    async def stay() -> None:
        while not gate.is_set():
            try:
                await forever()
            except asyncio.CancelledError:
                swallowed.set()

    async def begin() -> list[Any]:
        tasks = [asyncio.create_task(stay()), asyncio.create_task(asyncio.to_thread(gate.wait))]
        await asyncio.sleep(0)
        return tasks

    thread = LoopThread(0.05)
    thread.start()
    kept = thread.run(begin())
    try:
        thread.stop()
    finally:
        gate.set()
    assert swallowed.is_set()
    until_ended()
    for task in kept:
        task._log_destroy_pending = False  # it was left on purpose


def test_who_stops_the_loop_stops_nothing_else(thread: LoopThread) -> None:
    """An application that stops the loop it runs on does not end the thread."""

    async def stop() -> None:
        asyncio.get_running_loop().stop()

    thread.run(stop())
    assert "still there" == thread.run(said("still there"))


def until_ended() -> None:
    """Wait until no loop's thread is left."""
    end = time.monotonic() + 30
    while any(each.name == "heaven-testing" for each in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.001)
