"""Periodic work: when it runs, what becomes of its failures, and that it ends."""

from __future__ import annotations

import asyncio
import doctest
import logging
import threading
from typing import Any

import pytest

import heaven.running.daemons
from heaven.errors import BackgroundError, RegistrationError
from heaven.running.daemons import Daemon

EVER = 3600
APP = "the app"


class Clock:
    """Stands in for `asyncio.sleep`: notes the pauses, and lets time pass when it is told to."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.asleep.set()
        await self.wake.wait()
        self.wake.clear()

    async def rounds(self, count: int) -> None:
        """Wait until the daemon sleeps, and wake it, as often as that."""
        for _ in range(count):
            await self.asleep.wait()
            self.asleep.clear()
            self.wake.set()
        await self.asleep.wait()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the daemon; random pauses are their upper bound."""
    clock = Clock()
    monkeypatch.setattr(heaven.running.daemons.asyncio, "sleep", clock.sleep)
    monkeypatch.setattr(heaven.running.daemons.random, "uniform", lambda low, high: high)
    return clock


def failures(records: list[logging.LogRecord]) -> list[BaseException | None]:
    """The exceptions that were logged."""
    return [record.exc_info[1] for record in records if record.exc_info is not None]


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(heaven.running.daemons).failed == 0


async def test_it_runs_at_once_and_then_every_so_often(clock: Clock) -> None:
    """The first call comes at once, the next ones a pause after the last one ended."""
    calls: list[Any] = []

    async def work(app: Any) -> None:
        calls.append(app)

    daemon = Daemon(work, every=7, app=APP)
    daemon.start()
    daemon.start()
    await clock.rounds(2)
    assert calls == [APP, APP, APP]
    assert clock.pauses == [7, 7, 7]
    await daemon.stop()


async def test_a_sync_function_runs_in_a_thread(clock: Clock) -> None:
    """What is not async can't hold the event loop; one that hands back a coroutine has it awaited."""
    threads: list[Any] = []

    def work(app: Any) -> Any:
        threads.append(threading.current_thread())
        return asynchronous() if len(threads) == 2 else None

    async def asynchronous() -> None:
        threads.append("awaited")

    daemon = Daemon(work, every=1, app=APP)
    daemon.start()
    await clock.rounds(1)
    await daemon.stop()
    assert threading.main_thread() not in threads
    assert threads[2:] == ["awaited"]


async def test_failures_are_reported_and_backed_off(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Each is logged with its traceback; the pause doubles up to a minute and starts anew after a success."""
    outcomes: list[Any] = [ZeroDivisionError(str(number)) for number in range(9)] + [None, ZeroDivisionError("again")]
    expected = [outcome for outcome in outcomes if outcome is not None]

    async def work(app: Any) -> None:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    daemon = Daemon(work, every=7, app=APP)
    daemon.start()
    await clock.rounds(10)
    await daemon.stop()
    assert clock.pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 7, 1]
    reported = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert failures(reported) == expected
    assert {(record.name, record.getMessage()) for record in reported} == {
        ("heaven.daemons", str(BackgroundError(work)))
    }
    assert "failed, 9 in a row; the next call is in 60.0 s" in caplog.text


async def test_the_pause_after_a_failure_is_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause is anything from 0 to its bound, so that processes don't come back together."""
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return 0.0

    monkeypatch.setattr(heaven.running.daemons.random, "uniform", uniform)
    done = asyncio.Event()

    async def work(app: Any) -> None:
        if len(bounds) == 3:
            done.set()
            await asyncio.sleep(EVER)
        raise ZeroDivisionError

    daemon = Daemon(work, every=7, app=APP)
    daemon.start()
    await done.wait()
    await daemon.stop()
    assert bounds == [(0.5, 1), (1, 2), (2, 4)]


async def test_a_cancellation_inside_the_function_is_a_failure(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """When something that the function waits for is cancelled, the daemon lives."""

    async def work(app: Any) -> None:
        raise asyncio.CancelledError

    daemon = Daemon(work, every=7, app=APP)
    daemon.start()
    await clock.rounds(1)
    await daemon.stop()
    assert [type(error) for error in failures(caplog.records)] == [asyncio.CancelledError, asyncio.CancelledError]


async def test_stop_cancels_and_waits() -> None:
    """The function is cancelled where it waits, and what it does in `finally` is waited for."""
    steps: list[str] = []
    began = asyncio.Event()

    async def work(app: Any) -> None:
        try:
            began.set()
            await asyncio.sleep(EVER)
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    daemon = Daemon(work, every=7, app=APP)
    daemon.start()
    await began.wait()
    await daemon.stop()
    assert steps == ["cleaned up"]
    await daemon.stop()


async def test_stop_without_start() -> None:
    """A daemon that was never started is no error to stop."""
    await Daemon(print, every=1, app=APP).stop()


async def test_one_that_catches_its_cancellation_is_not_called_again(caplog: pytest.LogCaptureFixture) -> None:
    """A function that swallows the cancellation and returns ends the daemon nevertheless."""
    calls: list[int] = []
    began = asyncio.Event()

    async def work(app: Any) -> None:
        calls.append(1)
        began.set()
        try:
            await asyncio.sleep(EVER)
        except asyncio.CancelledError:
            return

    daemon = Daemon(work, every=0.001, app=APP)
    daemon.start()
    await began.wait()
    await daemon.stop()
    assert calls == [1]
    assert caplog.text == ""


async def test_one_that_ignores_its_cancellation_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """After the grace the shutdown goes on without it, and says so."""
    release = asyncio.Event()
    began = asyncio.Event()

    async def work(app: Any) -> None:
        began.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    daemon = Daemon(work, every=7, app=APP, grace=0.01)
    daemon.start()
    await began.wait()
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    await daemon.stop()
    assert "ignored its cancellation for 0.01 s and is left behind" in caplog.text
    release.set()
    await asyncio.wait((task,))


async def test_the_end_of_the_loop_ends_it() -> None:
    """A cancellation that comes from elsewhere, as at the end of `asyncio.run`, ends it too."""
    began = asyncio.Event()

    async def work(app: Any) -> None:
        began.set()
        await asyncio.sleep(EVER)

    daemon = Daemon(work, every=7, app=APP)
    daemon.start()
    await began.wait()
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled() is True
    await daemon.stop()


@pytest.mark.parametrize("every", [0, -1, float("nan")])
def test_every_is_above_zero(every: float) -> None:
    """A daemon that would never rest is refused."""
    with pytest.raises(RegistrationError) as caught:
        Daemon(print, every=every, app=APP)
    assert str(caught.value) == f"a daemon got every={every!r}; give the seconds between two calls, above 0"


def test_its_name() -> None:
    """A daemon says what it calls, and how often, without a memory address."""
    assert repr(Daemon(test_its_name, every=0.5, app=APP)).endswith("test_its_name every 0.5 s>")
