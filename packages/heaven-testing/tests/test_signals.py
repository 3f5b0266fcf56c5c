"""Signals: everybody who waits is woken, once, and who waits too long is told so."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven_testing.inprocess.signals import Signal

SOON = 0.01


async def test_everybody_is_woken() -> None:
    """Whoever waits at that moment goes on; whoever comes later waits for the next time."""
    signal = Signal()
    waiting = [asyncio.create_task(signal.wait(limit)) for limit in (None, 5.0, None)]
    await asyncio.sleep(0)
    signal.wake()
    later = asyncio.create_task(signal.wait())
    assert [True, True, True] == await asyncio.gather(*waiting)
    assert not later.done()
    signal.wake()
    assert await later


async def test_nobody_needs_to_wait() -> None:
    """A signal that nobody waits for is forgotten."""
    signal = Signal()
    signal.wake()
    assert not await signal.wait(SOON)
    signal.wake()


async def test_who_waits_too_long_is_told_so() -> None:
    """A limit ends the wait of one, not that of the others."""
    signal = Signal()
    patient = asyncio.create_task(signal.wait(5.0))
    assert not await signal.wait(SOON)
    assert not await signal.wait(0)
    signal.wake()
    assert await patient


async def test_a_loop_that_stood_still_gives_the_time_once_more() -> None:
    """Where nobody had a turn until the limit, whoever is about to wake still may; a limit that nobody meets ends all the same."""

    async def late(*, wakes: bool) -> None:
        await asyncio.sleep(0)
        time.sleep(0.1)
        for _ in range(3):
            await asyncio.sleep(0)
        if wakes:
            signal.wake()

    signal = Signal()
    for wakes in (True, False):
        task = asyncio.create_task(late(wakes=wakes))
        assert wakes is await signal.wait(SOON)
        await task


async def test_a_limit_that_was_not_needed_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that came in time leaves no timer behind on the loop."""
    loop, timers = asyncio.get_running_loop(), []
    call_later = loop.call_later
    monkeypatch.setattr(loop, "call_later", lambda *arguments: timers.append(call_later(*arguments)) or timers[-1])
    signal = Signal()
    loop.call_soon(signal.wake)
    assert await signal.wait(3600)
    assert [True] == [timer.cancelled() for timer in timers]


async def test_who_is_cancelled_waits_no_more() -> None:
    """A task that is cancelled while it waits disturbs nobody, and its timer ends with it."""
    signal = Signal()
    cancelled, patient = asyncio.create_task(signal.wait(SOON)), asyncio.create_task(signal.wait())
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await asyncio.sleep(2 * SOON)
    signal.wake()
    assert (True, True) == (cancelled.cancelled(), await patient)


@given(st.lists(st.sampled_from(["wait", "wake", "cancel"]), max_size=30))
def test_any_order_of_waiting_and_waking(steps: list[str]) -> None:
    """Whoever waited before a wake goes on with it unless it was cancelled; whoever waits after the last one waits."""

    async def play() -> None:
        signal = Signal()
        waiting: list[asyncio.Task[bool]] = []
        for step in steps:
            if step == "wait":
                waiting.append(asyncio.create_task(signal.wait()))
                await asyncio.sleep(0)
            elif step == "wake":
                signal.wake()
                woken, waiting = waiting, []
                assert [True] * len(woken) == await asyncio.gather(*woken)
            elif waiting:
                waiting.pop().cancel()
        await asyncio.sleep(0)
        assert not [task for task in waiting if task.done()]
        for task in waiting:
            task.cancel()

    asyncio.run(play())
