"""Sync functions and iterators beside the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import io
import threading

import pytest

from heaven_contrib.routing.threads import called_async, in_thread, iterated_in_thread

who = contextvars.ContextVar("who", default="nobody")


def current():
    return threading.current_thread()


async def test_a_sync_function_runs_in_a_thread():
    """It takes its arguments, sees the context, and is on another thread."""

    def greet(name, *, mark):
        return f"{who.get()} greets {name}{mark}", current()

    who.set("ada")
    text, thread = await in_thread(greet)("bob", mark="!")

    assert ("ada greets bob!", False) == (text, thread is current())


def test_an_async_function_stays():
    """What is async already is not wrapped, in whatever shape it comes."""

    async def greet():
        pass

    class Greeter:
        async def __call__(self):
            pass

    shapes = [greet, functools.partial(greet), Greeter()]

    assert shapes == [in_thread(each) for each in shapes] == [called_async(each, False) for each in shapes]


@pytest.mark.parametrize(("declared", "inline"), [(None, False), (True, False), (False, True)])
async def test_a_function_says_whether_it_runs_in_a_thread(declared, inline):
    """A sync function runs in a thread unless it is declared that it needs none."""
    assert inline is (await called_async(current, declared)() is current())


async def test_a_call_in_place_awaits_what_it_is_given():
    """A lambda may hand back the coroutine of the async function that it calls."""

    async def double(number):
        return number * 2

    assert (6, 3) == (
        await called_async(lambda: double(3), sync_to_thread=False)(),
        await called_async(lambda: 3, sync_to_thread=False)(),
    )


async def test_a_failure_comes_out():
    """What is raised in the thread is raised where the call is awaited."""

    def fail():
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        await in_thread(fail)()


@pytest.mark.parametrize("iterable", [[1, 2, None], (each for each in (1, 2, None))], ids=["list", "generator"])
async def test_an_iterator_is_read_to_its_end(iterable):
    """Every piece comes, None among them."""
    assert [1, 2, None] == [each async for each in iterated_in_thread(iterable)]


async def test_a_generator_is_closed_when_its_reader_leaves():
    """A reader that stops early leaves nothing open."""
    closed = []

    def pieces():
        try:
            while True:
                yield 1
        finally:
            closed.append(current())

    reader = iterated_in_thread(pieces())
    await anext(reader)
    await reader.aclose()

    assert (1, False) == (len(closed), current() in closed)


async def test_a_generator_that_fails_is_closed():
    """A failure of the generator comes out, after its own cleanup."""
    closed = []

    def pieces():
        try:
            yield 1
            raise ValueError("broken")
        finally:
            closed.append(True)

    with pytest.raises(ValueError, match="broken"):
        [each async for each in iterated_in_thread(pieces())]

    assert [True] == closed


async def test_a_generator_is_closed_when_its_reader_is_cancelled_while_it_runs():
    """A generator can't be closed while it runs: its closing waits for the piece that is on the way."""
    started, go_on, closed = threading.Event(), threading.Event(), []

    def pieces():
        try:
            started.set()
            go_on.wait(30)
            yield 1
        finally:
            closed.append(True)

    async def read():
        async for _ in iterated_in_thread(pieces()):
            pass

    reading = asyncio.create_task(read())
    await asyncio.to_thread(started.wait, 30)
    reading.cancel()
    await asyncio.wait((reading,), timeout=0.02)
    assert (False, []) == (reading.done(), closed)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert [True] == closed


async def test_what_a_thread_hands_back_as_a_coroutine_is_awaited_on_the_loop():
    """A sync decorator around an async function, with functools.wraps, is a common one."""

    async def double(number):
        return number * 2, current()

    @functools.wraps(double)
    def decorated(number):
        return double(number)

    assert (42, current()) == await in_thread(decorated)(21)


async def test_a_stop_iteration_in_a_thread_is_an_error():
    """No Future takes it, so that who waits for the thread would wait for ever with Python 3.11."""

    def first() -> str:
        return next(iter(()))

    with pytest.raises(RuntimeError, match=r"first raised StopIteration; give next\(\) a default"):
        await asyncio.wait_for(in_thread(first)(), 30)


async def test_what_nobody_began_to_read_is_closed():
    """HEAD opens a file and reads nothing of it, and the file must not stay open."""
    file = io.BytesIO(b"one\ntwo\n")
    await iterated_in_thread(file).aclose()

    assert file.closed
