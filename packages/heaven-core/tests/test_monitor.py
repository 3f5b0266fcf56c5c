"""What holds the event loop is named, with its stack and how long it took; what doesn't is left in peace."""

from __future__ import annotations

import asyncio
import doctest
import logging
import re
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

import heaven.running.monitor
from heaven.running.monitor import LoopMonitor

THRESHOLD = 0.05
PATIENT = 20
"""Seconds for what has to happen: reached only where it never does, however busy the machine is."""


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
        self.noticed, self.came = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and "is held" in record.msg:
            _, route, stack = record.args
            self.held.append((str(route), str(stack)))
            self.noticed.set()
        elif isinstance(record.args, tuple) and "is free" in record.msg:
            route, seconds = record.args
            self.freed.append((str(route), float(str(seconds))))
            self.came.set()

    async def wait(self) -> None:
        assert await asyncio.to_thread(self.came.wait, PATIENT)


@pytest.fixture
def reports() -> Iterator[Reports]:
    """What the monitor reports while the test runs."""
    handler = Reports()
    heaven.running.monitor.log.addHandler(handler)
    yield handler
    heaven.running.monitor.log.removeHandler(handler)


def hold(monitor: LoopMonitor, reports: Reports, route: str | None) -> None:
    """A handler that starts the monitor, and holds the loop until that is reported, and for a while more."""
    monitor.start()
    assert reports.noticed.wait(PATIENT)
    time.sleep(0.3)


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(heaven.running.monitor).failed == 0


async def test_a_held_loop_is_one_report(reports: Reports, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that sleeps is named once, with its route, its line and how long it took."""
    monitor = LoopMonitor(THRESHOLD, describe)
    hold(monitor, reports, "GET /slow")
    await reports.wait()
    monitor.stop()
    # A machine that is busy elsewhere may hold the loop as well, but not in this route.
    (stack,) = [stack for route, stack in reports.held if route == "GET /slow"]
    (seconds,) = [seconds for route, seconds in reports.freed if route == "GET /slow"]
    assert re.search(r'File ".*test_monitor.py", line \d+, in hold\n    \w', stack)
    assert seconds >= 0.3
    held, free = [record.getMessage() for record in caplog.records if "GET /slow" in record.getMessage()]
    assert held == f"the event loop is held for more than 0.05 s by GET /slow\n{stack}"
    assert free == f"the event loop is free again; GET /slow held it for {seconds:.3f} s"


async def test_what_is_reported_late_was_held_as_long(reports: Reports) -> None:
    """A thread that gets no turn until the loop has gone on for a while still says how long it was held."""
    looked, go_on = threading.Event(), threading.Event()

    def slowly(frame: FrameType) -> str | None:
        looked.set()
        go_on.wait(PATIENT)
        return "GET /slow"

    monitor = LoopMonitor(THRESHOLD, slowly)
    monitor.start()
    assert looked.wait(PATIENT)
    time.sleep(0.3)
    held = monitor._due
    while monitor._due <= held + 0.4:
        await asyncio.sleep(0.01)
    go_on.set()
    await reports.wait()
    monitor.stop()
    route, seconds = reports.freed[0]
    assert ("GET /slow", True) == (route, seconds >= 0.3)


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


async def test_what_serves_no_route_is_said_to(reports: Reports, caplog: pytest.LogCaptureFixture) -> None:
    """A block outside of any handler is reported without a route, and is logged all the same."""
    monitor = LoopMonitor(THRESHOLD, lambda frame: None)
    hold(monitor, reports, None)
    await reports.wait()
    monitor.stop()
    assert "the event loop is held for more than 0.05 s by something that serves no route" in caplog.text


async def test_stopping_while_the_loop_is_held(reports: Reports) -> None:
    """A monitor that is stopped in the middle of a block ends, and reports no duration that it doesn't know."""
    monitor = LoopMonitor(THRESHOLD, describe)
    hold(monitor, reports, "GET /slow")
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
    assert failed.wait(PATIENT)
    assert monitor._thread is not None
    assert monitor._thread.is_alive() is True
    monitor.stop()
    (record, *_) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "the monitor could not describe what holds the event loop"


def test_a_tick_that_told_no_lag_ends_nothing(reports: Reports) -> None:
    """Where the tick that freed the loop kept no lag, the time until the thread saw it free is told."""
    monitor = LoopMonitor(THRESHOLD, describe)
    monitor._ident = threading.get_ident()
    monitor._due = time.monotonic()
    monitor._observe(monitor._due - 60)
    assert [60] == [int(lag) for _, lag in reports.freed]


async def test_it_can_be_started_again(reports: Reports) -> None:
    """An application may be started more than once."""
    monitor = LoopMonitor(THRESHOLD, describe)
    for _ in range(2):
        reports.noticed.clear()
        reports.came.clear()
        hold(monitor, reports, "GET /slow")
        await reports.wait()
        monitor.stop()
    assert len(reports.freed) >= 2


def test_stop_without_start() -> None:
    """A monitor that was never started is no error to stop."""
    LoopMonitor(THRESHOLD, describe).stop()
