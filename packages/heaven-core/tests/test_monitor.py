"""What holds the event loop is named, with its stack and how long it took; what doesn't is left in peace."""

from __future__ import annotations

import asyncio
import doctest
import logging
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

import heaven.running.monitor
from heaven.running.monitor import LoopMonitor

THRESHOLD = 0.05


def describe(frame: FrameType) -> str | None:
    """As the application does: a local variable says which route it is."""
    route = frame.f_locals.get("route")
    return route if isinstance(route, str) else None


class Reports(logging.Handler):
    """What was logged, and a way to wait from the loop until it is said to be free again."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[str, str]] = []
        self.freed: list[tuple[str, float]] = []
        self.came = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and "is held" in record.msg:
            _, route, stack = record.args
            self.held.append((str(route), str(stack)))
        elif isinstance(record.args, tuple) and "is free" in record.msg:
            route, seconds = record.args
            self.freed.append((str(route), float(str(seconds))))
            self.came.set()

    async def wait(self) -> None:
        assert await asyncio.to_thread(self.came.wait, 10)


@pytest.fixture
def reports() -> Iterator[Reports]:
    """What the monitor reports while the test runs."""
    handler = Reports()
    heaven.running.monitor.log.addHandler(handler)
    yield handler
    heaven.running.monitor.log.removeHandler(handler)


async def hold(seconds: float, route: str | None) -> None:
    """A handler that holds the loop."""
    time.sleep(seconds)


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(heaven.running.monitor).failed == 0


async def test_a_held_loop_is_one_report(reports: Reports, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that sleeps is named once, with its route, its line and how long it took."""
    monitor = LoopMonitor(THRESHOLD, describe)
    monitor.start()
    await hold(0.5, "GET /slow")
    await reports.wait()
    monitor.stop()
    # A machine that is busy elsewhere may hold the loop as well, but not in this route.
    (stack,) = [stack for route, stack in reports.held if route == "GET /slow"]
    (seconds,) = [seconds for route, seconds in reports.freed if route == "GET /slow"]
    assert "time.sleep(seconds)" in stack
    assert seconds > 0.3
    held, free = [record.getMessage() for record in caplog.records if "GET /slow" in record.getMessage()]
    assert held == f"the event loop is held for more than 0.05 s by GET /slow\n{stack}"
    assert free == f"the event loop is free again; GET /slow held it for {seconds:.3f} s"


async def test_a_free_loop_is_no_report(reports: Reports, caplog: pytest.LogCaptureFixture) -> None:
    """A loop that runs, busy as it may be, yields nothing."""
    monitor = LoopMonitor(10.0, describe)
    monitor.start()
    for _ in range(100):
        await asyncio.sleep(0.001)
    monitor.stop()
    assert reports.held == []
    assert caplog.text == ""


async def test_a_free_loop_is_looked_at_again_and_again() -> None:
    """The hand moves on while nothing holds the loop, and the thread follows it."""
    monitor = LoopMonitor(0.2, describe)
    monitor.start()
    due = monitor._due
    while monitor._due < due + 0.3:
        await asyncio.sleep(0.01)
    assert monitor._thread is not None
    assert monitor._thread.is_alive() is True
    monitor.stop()


async def test_what_serves_no_route_is_said_to(caplog: pytest.LogCaptureFixture) -> None:
    """A block outside of any handler is reported without a route, and is logged all the same."""
    monitor = LoopMonitor(THRESHOLD, lambda frame: None)
    monitor.start()
    await hold(0.4, None)
    while "free again" not in caplog.text:
        await asyncio.sleep(0.01)
    monitor.stop()
    assert "the event loop is held for more than 0.05 s by something that serves no route" in caplog.text


async def test_stopping_while_the_loop_is_held(reports: Reports) -> None:
    """A monitor that is stopped in the middle of a block ends, and reports no duration that it doesn't know."""
    monitor = LoopMonitor(THRESHOLD, describe)
    monitor.start()
    await hold(0.4, "GET /slow")
    monitor.stop()
    await asyncio.sleep(0)
    assert [route for route, _ in reports.freed if route == "GET /slow"] == []
    assert [thread.name for thread in threading.enumerate() if thread.name == "heaven-monitor"] == []


async def test_a_failing_description_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """When the route can't be told, that is logged, and the monitor goes on."""
    failed = threading.Event()

    def fail(frame: FrameType) -> str | None:
        failed.set()
        raise ZeroDivisionError

    monitor = LoopMonitor(THRESHOLD, fail)
    monitor.start()
    await hold(0.4, None)
    assert await asyncio.to_thread(failed.wait, 10)
    assert monitor._thread is not None
    assert monitor._thread.is_alive() is True
    monitor.stop()
    (record, *_) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "the monitor could not describe what holds the event loop"


async def test_it_can_be_started_again(reports: Reports) -> None:
    """An application may be started more than once."""
    monitor = LoopMonitor(THRESHOLD, describe)
    for _ in range(2):
        monitor.start()
        reports.came.clear()
        await hold(0.4, "GET /slow")
        await reports.wait()
        monitor.stop()
    assert len(reports.freed) >= 2


def test_stop_without_start() -> None:
    """A monitor that was never started is no error to stop."""
    LoopMonitor(THRESHOLD, describe).stop()
