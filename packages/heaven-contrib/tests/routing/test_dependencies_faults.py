"""Dependencies when something goes wrong in the middle; beside each fault, what happens without it."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import suppress

import pytest

from bound_parameters import resolution, resolve, serve
from heaven_contrib.routing.dependencies.inject import Inject


class Failed(Exception):
    """What goes wrong."""


def opened(log, name, *, waits=None, fails=False):
    """An async generator that waits while it opens, or fails when it closes."""

    async def generator():
        log.append(f"{name} opens")
        try:
            if waits is not None:
                await waits.wait()
            yield name
        except BaseException as error:
            log.append(f"{name} saw {type(error).__name__}")
            raise
        finally:
            log.append(f"{name} closes")
        if fails:
            raise Failed(name)

    return generator


async def settled():
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def eventually(condition):
    """Wait for what a thread does."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("cancelled", [True, False], ids=["fault", "control"])
async def test_cancelled_while_a_generator_opens(cancelled):
    """A generator that is cancelled while it opens, and all that were open, get their cleanup and see why."""
    log = []
    go_on = asyncio.Event()

    async def handler(a, b): ...

    serving = asyncio.create_task(serve(handler, log, a=opened(log, "a"), b=opened(log, "b", waits=go_on)))
    await settled()
    assert ["a opens", "b opens"] == log
    if cancelled:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert ["b saw CancelledError", "b closes", "a saw CancelledError", "a closes"] == log[2:]
    else:
        go_on.set()
        await serving
        assert ["response", "b closes", "a closes"] == log[2:]


@pytest.mark.parametrize("cancelled", [True, False], ids=["fault", "control"])
async def test_cancelled_while_the_handler_runs(cancelled):
    """What a handler's dependencies opened is closed before the cancelled request is over."""
    log = []
    go_on = asyncio.Event()

    async def handler(a):
        await go_on.wait()

    serving = asyncio.create_task(serve(handler, log, a=opened(log, "a")))
    await settled()
    if cancelled:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert ["a opens", "a saw CancelledError", "a closes"] == log
    else:
        go_on.set()
        await serving
        assert ["a opens", "response", "a closes"] == log


@pytest.mark.parametrize("cancelled", [True, False], ids=["fault", "control"])
async def test_cancelled_while_a_generator_closes(cancelled):
    """One that is cancelled in its cleanup keeps no other from its own."""
    log = []
    go_on = asyncio.Event()

    async def slow():
        yield
        await go_on.wait()
        log.append("slow closes")

    async def handler(a, slow): ...

    serving = asyncio.create_task(serve(handler, log, a=opened(log, "a"), slow=slow))
    await settled()
    assert ["a opens", "response"] == log
    if cancelled:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert ["a saw CancelledError", "a closes"] == log[2:]
    else:
        go_on.set()
        await serving
        assert ["slow closes", "a closes"] == log[2:]


@pytest.mark.parametrize("cancels", [2, 1, 0], ids=["fault-twice", "fault", "control"])
async def test_cancelled_while_a_thread_opens(cancels):
    """A thread can't be stopped: what it opens is closed before the cancelled request is over."""
    log = []
    go_on = threading.Event()

    def generator():
        log.append("opens")
        go_on.wait(30)
        try:
            yield
        except BaseException as error:
            log.append(f"saw {type(error).__name__}")
            raise
        finally:
            log.append("closes")

    async def handler(generator): ...

    serving = asyncio.create_task(serve(handler, log, generator=generator))
    await eventually(lambda: log == ["opens"])
    for _ in range(cancels):
        serving.cancel()
        await settled()
    assert not serving.done()
    go_on.set()
    if cancels:
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert ["opens", "saw CancelledError", "closes"] == log
    else:
        await serving
        assert ["opens", "response", "closes"] == log


@pytest.mark.parametrize("cancelled", [True, False], ids=["fault", "control"])
async def test_cancelled_while_a_thread_fails_to_open(cancelled, caplog):
    """What was never opened is not closed, and its error is no news for the event loop's log."""
    gc.collect()
    caplog.clear()  # what tests before this one have left is not its own
    go_on = threading.Event()
    begun = threading.Event()

    def generator():
        begun.set()
        go_on.wait(30)
        raise Failed
        yield

    async def handler(generator): ...

    serving = asyncio.create_task(serve(handler, [], generator=generator))
    await eventually(begun.is_set)
    if cancelled:
        serving.cancel()
        await settled()
    go_on.set()
    with pytest.raises(asyncio.CancelledError if cancelled else Failed):
        await serving
    del serving
    gc.collect()
    assert [] == caplog.records


@pytest.mark.parametrize("fails", [True, False], ids=["fault", "control"])
async def test_cleanup_that_raises(fails):
    """A cleanup that fails keeps no other from running; they see it, and so does the caller."""
    log = []

    async def handler(a, b, c): ...

    serving = serve(handler, log, a=opened(log, "a"), b=opened(log, "b", fails=fails), c=opened(log, "c"))
    if fails:
        with pytest.raises(Failed, match="b"):
            await serving
        assert ["response", "c closes", "b closes", "a saw Failed", "a closes"] == log[3:]
    else:
        await serving
        assert ["response", "c closes", "b closes", "a closes"] == log[3:]


async def test_two_cleanups_that_raise():
    """Of two failures in cleanups neither hides the other."""
    log = []

    def failing(name):
        async def generator():
            try:
                yield
            finally:
                raise Failed(name)

        return generator

    async def handler(a, b): ...

    with pytest.raises(Failed, match="a") as raised:
        await serve(handler, log, a=failing("a"), b=failing("b"))
    assert "b" == str(raised.value.__context__)


@pytest.mark.parametrize("fails", [True, False], ids=["fault", "control"])
async def test_a_dependency_that_raises_after_another_was_entered(fails):
    """The ones that were entered see the error and close; those after it never run, and neither does the handler."""
    log = []

    async def b():
        log.append("b runs")
        if fails:
            raise Failed

    async def handler(a, b, c):
        log.append("handler")

    serving = serve(handler, log, a=opened(log, "a"), b=b, c=opened(log, "c"))
    if fails:
        with pytest.raises(Failed):
            await serving
        assert ["a opens", "b runs", "a saw Failed", "a closes"] == log
    else:
        await serving
        assert ["a opens", "b runs", "c opens", "handler", "response", "c closes", "a closes"] == log


class Making:
    """A cached dependency that waits, and who asks for it."""

    def __init__(self):
        self.begun = 0
        self.over = 0
        self.go_on = asyncio.Event()
        self.error = None
        cached = {}

        async def value():
            self.begun += 1
            try:
                await self.go_on.wait()
                if self.error is not None:
                    raise self.error
                return self.begun
            finally:
                self.over += 1

        async def handler(value): ...

        self._resolutions = [
            resolution(handler, cached, value=inject) for inject in [Inject(value, use_cache=True)] * 2
        ]

    def ask(self, which=0):
        return asyncio.create_task(resolve(self._resolutions[which]))


@pytest.mark.parametrize("cancelled", [True, False], ids=["fault", "control"])
async def test_the_first_of_two_requests_that_race_for_a_value_is_cancelled(cancelled):
    """A request that is cancelled while a value is made takes it from nobody else, and it is made once."""
    making = Making()
    first, second = making.ask(0), making.ask(1)
    await settled()
    if cancelled:
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    making.go_on.set()

    assert {"value": 1} == await second
    assert {"value": 1} == await making.ask()
    if not cancelled:
        assert {"value": 1} == await first
    assert 1 == making.begun


async def test_all_requests_that_wait_for_a_value_are_cancelled():
    """The call ends with the last who waited for it, and the next request begins another."""
    making = Making()
    asking = [making.ask() for _ in range(3)]
    await settled()
    for each in asking:
        each.cancel()
    await settled()

    assert all(each.cancelled() for each in asking)
    assert (1, 1) == (making.begun, making.over)
    later = making.ask()
    making.go_on.set()
    assert {"value": 2} == await later


async def test_a_request_that_comes_while_a_call_is_cancelled_begins_another():
    """A call that nobody waited for any more is not joined, even where it takes its time to end."""
    making = Making()
    first = making.ask()
    await settled()
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    second = making.ask()
    await settled()
    making.go_on.set()

    assert {"value": 2} == await second


async def test_a_value_that_cannot_be_made():
    """Its error goes to all who wait and is not kept: the next request tries again."""
    making = Making()
    making.error = Failed()
    asking = [making.ask(), making.ask(1)]
    await settled()
    making.go_on.set()
    for each in asking:
        with pytest.raises(Failed):
            await each
    making.error = None

    assert {"value": 2} == await making.ask() == await making.ask(1)


@pytest.mark.parametrize("leaves", [True, False], ids=["fault", "control"])
async def test_a_request_that_comes_as_a_value_fails_tries_again(leaves):
    """Who comes after the failure, and before those who waited have seen it, has a call of its own."""
    making = Making()
    making.error = Failed()
    first = making.ask()
    await settled()
    making.go_on.set()
    while not making.over:
        await asyncio.sleep(0)
    making.error = None
    making.go_on.clear()
    second = making.ask()

    with pytest.raises(Failed):
        await first
    await settled()
    assert (2, 1) == (making.begun, making.over)
    if leaves:
        second.cancel()
        await settled()
        assert (2, 2) == (making.begun, making.over)
    else:
        making.go_on.set()
        assert {"value": 2} == await second


async def test_a_call_that_fails_as_it_is_cancelled_is_nobodys(caplog):
    """An error that nobody waits for any more is no news for the event loop's log."""

    async def value():
        try:
            await asyncio.Event().wait()
        finally:
            raise Failed

    async def handler(value): ...

    asking = asyncio.create_task(resolve(resolution(handler, value=Inject(value, use_cache=True))))
    await settled()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await settled()

    assert [] == caplog.records
