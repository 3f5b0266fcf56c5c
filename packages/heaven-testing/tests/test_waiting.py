"""Where a task waits, in words: the function, file and line of the application's own code, however it got there."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import heaven
from client_apps import turns
from heaven_testing.inprocess.waiting import where, where_in

GATE = "await asyncio.Event().wait()"


async def told(waiting: Callable[[], Any]) -> str:
    """What is said of a task that waits."""
    task = asyncio.create_task(waiting())
    await turns(5)
    try:
        return where(task)
    finally:
        task.cancel()
        await asyncio.wait((task,))


def at(function: Any, line: int, code: str) -> str:
    """What is to be said: the function's name, its file and line (from the one of its `def`), and the code there."""
    first = function.__code__.co_firstlineno
    return f"waits in {function.__code__.co_name} at {__file__}:{first + line} ({code})"


async def plain() -> None:
    await asyncio.Event().wait()


async def nested() -> None:
    await plain()


async def generator() -> AsyncIterator[int]:
    yield 1
    await asyncio.Event().wait()


async def iterating() -> None:
    async for _ in generator():
        pass


async def asking_by_hand() -> None:
    each = generator()
    await anext(each)
    await anext(each)


@asynccontextmanager
async def manager() -> AsyncIterator[None]:
    await asyncio.Event().wait()
    yield


async def entering() -> None:
    async with manager():
        pass


async def child() -> None:
    task = asyncio.create_task(plain())
    await task


async def gathering() -> None:
    await asyncio.gather(nested(), asyncio.sleep(0), plain())


async def shielding() -> None:
    await asyncio.shield(asyncio.create_task(plain()))


async def queueing() -> None:
    await asyncio.Queue().get()


async def sleeping() -> None:
    await asyncio.sleep(60)


async def in_time() -> None:
    async with asyncio.timeout(60):
        await plain()


class Waiter:
    """An object that can be awaited."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from asyncio.Event().wait().__await__()


async def awaiting_object() -> None:
    await Waiter()


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        (plain, at(plain, 1, GATE)),
        (nested, at(plain, 1, GATE)),
        (iterating, at(generator, 2, GATE)),
        (entering, at(manager.__wrapped__, 2, GATE)),
        (child, at(plain, 1, GATE)),
        (gathering, at(plain, 1, GATE)),
        (asking_by_hand, at(generator, 2, GATE)),
        (shielding, at(shielding, 1, "await asyncio.shield(asyncio.create_task(plain()))")),
        (queueing, at(queueing, 1, "await asyncio.Queue().get()")),
        (sleeping, at(sleeping, 1, "await asyncio.sleep(60)")),
        (in_time, at(plain, 1, GATE)),
        (awaiting_object, at(Waiter.__await__, 1, "yield from asyncio.Event().wait().__await__()")),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_the_innermost_line_of_the_application_is_told(waiting: Any, expected: str) -> None:
    """Through coroutines, generators, context managers and tasks, to the last line that is not the library's."""
    assert expected == await told(waiting)


def test_tasks_that_wait_for_each_other_are_told() -> None:
    """A deadlock is a hang as well: what is looked through goes round, and the looking ends."""
    tasks: list[asyncio.Task[None]] = []

    async def one() -> None:
        await tasks[1]

    async def other() -> None:
        await tasks[0]

    # A loop of its own, which goes with them: tasks in a ring can't be cancelled.
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    tasks += [loop.create_task(one()), loop.create_task(other())]
    loop.run_until_complete(turns(5))
    said = where(tasks[0])
    loop.close()
    tasks.clear()
    gc.collect()
    assert at(other, 1, "await tasks[0]") == said


async def test_a_thread_is_told_by_who_waits_for_it() -> None:
    """What runs in a thread is not looked into."""
    gate = concurrent.futures.Future[None]()

    async def waiting() -> None:
        await asyncio.to_thread(gate.result)

    try:
        said = await told(waiting)
    finally:
        gate.set_result(None)
    assert at(waiting, 1, "await asyncio.to_thread(gate.result)") == said


async def test_a_task_that_is_over_has_ended() -> None:
    """There is no line any more."""
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    assert "has ended" == where(task)


async def test_a_task_of_the_library_alone_is_told_as_it_is() -> None:
    """Where no line is the application's, the library's own is better than none."""
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    said = where(task)
    task.cancel()
    assert said.startswith("waits in sleep at ")


async def test_a_coroutine_without_frames_is_told_as_such() -> None:
    """Compiled coroutines show nothing, and there is nothing to tell."""

    class Compiled:
        """What Cython makes of a coroutine, as far as a task knows."""

        def send(self, value: Any) -> Any:
            return loop.create_future().__await__().__next__()

        def throw(self, *error: Any) -> Any:
            raise error[0]

        def close(self) -> None: ...

        def __await__(self) -> Any:
            return self

    loop = asyncio.get_running_loop()
    Coroutine.register(Compiled)
    task: asyncio.Task[Any] = asyncio.Task(Compiled(), loop=loop)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    said = where(task)
    task.cancel()
    await asyncio.wait((task,))
    assert "waits, and does not tell where" == said


async def test_code_without_a_file_is_told_without_its_text() -> None:
    """What was made by `exec` has a line, and no text that could be shown."""
    names: dict[str, Any] = {"asyncio": asyncio}
    exec(compile("async def made():\n    await asyncio.Event().wait()\n", "<made>", "exec"), names)
    made: Callable[[], Awaitable[None]] = names["made"]
    assert "waits in made at <made>:2" == await told(made)


async def test_a_folder_that_begins_with_the_same_name_is_somebody_elses(tmp_path: Any) -> None:
    """The application of a package `heaven_shop` beside `heaven` is the application's own code."""
    names: dict[str, Any] = {"asyncio": asyncio}
    file = f"{heaven.__path__[0]}_shop/app.py"
    exec(compile("async def made():\n    await asyncio.sleep(60)\n", file, "exec"), names)
    assert f"waits in made at {file}:2" == await told(names["made"])


def test_a_thread_stands_where_its_code_is() -> None:
    """Where a thread stands is told as of a task; of one that has ended there is nothing to tell."""
    gate, begun = threading.Event(), threading.Event()

    def stand() -> None:
        begun.set()
        gate.wait()

    thread = threading.Thread(target=stand)
    thread.start()
    try:
        assert begun.wait(5)
        line = stand.__code__.co_firstlineno
        assert where_in(thread) in {
            f"is in stand at {__file__}:{line + 1} (begun.set())",
            f"is in stand at {__file__}:{line + 2} (gate.wait())",
        }
    finally:
        gate.set()
        thread.join()
    assert "has ended" == where_in(thread)
