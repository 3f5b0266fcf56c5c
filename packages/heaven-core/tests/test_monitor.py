"""What holds the event loop is named, with its stack and how long it took; what doesn't is left in peace."""

from __future__ import annotations

import asyncio
import doctest
import logging
import threading
import time
from types import FrameType

import pytest

import heaven.running.monitor
from heaven.running.monitor import Block, LoopMonitor

THRESHOLD = 0.05


def describe(frame: FrameType) -> str | None:
    """As the application does: a local variable says which route it is."""
    route = frame.f_locals.get("route")
    return route if isinstance(route, str) else None


class Reports(list[Block]):
    """What was reported, and a way to wait for it from the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Event()

    def __call__(self, block: Block) -> None:
        self.append(block)
        self.came.set()

    async def wait(self) -> None:
        assert await asyncio.to_thread(self.came.wait, 10)


async def hold(seconds: float, route: str | None) -> None:
    """A handler that holds the loop."""
    time.sleep(seconds)


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(heaven.running.monitor).failed == 0


async def test_a_held_loop_is_one_report(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that sleeps is named once, with its route, its line and how long it took."""
    reports = Reports()
    monitor = LoopMonitor(THRESHOLD, describe, reports)
    monitor.start()
    await hold(0.5, "GET /slow")
    await reports.wait()
    monitor.stop()
    # A machine that is busy elsewhere may hold the loop as well, but not in this route.
    (block,) = [block for block in reports if block.route == "GET /slow"]
    assert "time.sleep(seconds)" in block.stack
    assert block.seconds > 0.3
    held, free = [record.getMessage() for record in caplog.records if "GET /slow" in record.getMessage()]
    assert held == f"the event loop is held for more than 0.05 s by GET /slow\n{block.stack}"
    assert free == f"the event loop is free again; GET /slow held it for {block.seconds:.3f} s"


async def test_a_free_loop_is_no_report(caplog: pytest.LogCaptureFixture) -> None:
    """A loop that runs, busy as it may be, yields nothing."""
    reports = Reports()
    monitor = LoopMonitor(10.0, describe, reports)
    monitor.start()
    for _ in range(100):
        await asyncio.sleep(0.001)
    monitor.stop()
    assert reports == []
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
    """A block outside of any handler is reported without a route, and without a callback it is logged."""
    monitor = LoopMonitor(THRESHOLD, lambda frame: None)
    monitor.start()
    await hold(0.4, None)
    while "free again" not in caplog.text:
        await asyncio.sleep(0.01)
    monitor.stop()
    assert "the event loop is held for more than 0.05 s by something that serves no route" in caplog.text


async def test_stopping_while_the_loop_is_held() -> None:
    """A monitor that is stopped in the middle of a block ends, and reports no duration that it doesn't know."""
    reports = Reports()
    monitor = LoopMonitor(THRESHOLD, describe, reports)
    monitor.start()
    await hold(0.4, "GET /slow")
    monitor.stop()
    await asyncio.sleep(0)
    assert [block for block in reports if block.route is not None] == []
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


async def test_it_can_be_started_again() -> None:
    """An application may be started more than once."""
    reports = Reports()
    monitor = LoopMonitor(THRESHOLD, describe, reports)
    for _ in range(2):
        monitor.start()
        reports.came.clear()
        await hold(0.4, "GET /slow")
        await reports.wait()
        monitor.stop()
    assert len(reports) >= 2


def test_stop_without_start() -> None:
    """A monitor that was never started is no error to stop."""
    LoopMonitor(THRESHOLD, describe).stop()
