"""Deadlines do what asyncio.timeout does, with one timer for many of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from heaven_contrib.sql.deadlines import Deadlines
from pool_fakes import stand_still, timeless

SHORT = 0.02
LONG = 60.0


class Counted(Deadlines):
    """Counts how often its timer is set."""

    __slots__ = ("set",)

    def __init__(self) -> None:
        super().__init__()
        self.set = 0

    def _set(self, when: float) -> None:
        self.set += 1
        super()._set(when)


class Forgetful(Deadlines):
    """The control: a timer that is never set."""

    __slots__ = ()

    def _set(self, when: float) -> None:
        pass


async def forever() -> None:
    """Wait for what never comes."""
    await asyncio.get_running_loop().create_future()


async def late(deadlines: Deadlines, seconds: float = SHORT) -> str:
    """What becomes of a block that does not end by itself."""
    try:
        with deadlines.within(seconds):
            await forever()
    except TimeoutError:
        return "late"
    return "on time"


async def test_a_block_is_cancelled_at_its_deadline() -> None:
    """TimeoutError is raised in its place, and the task goes on with no cancellation left."""
    began = time.monotonic()
    outcome = await late(Deadlines())
    task = asyncio.current_task()

    assert "late" == outcome
    assert 0.9 * SHORT < time.monotonic() - began < LONG / 2
    assert task is not None
    assert 0 == task.cancelling()


async def test_without_a_timer_nothing_is_cancelled() -> None:
    """The control: the same block waits for ever where the timer is not set."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(late(Forgetful()), 10 * SHORT)


async def test_a_block_that_ends_in_time_leaves_the_timer_as_it_is() -> None:
    """A thousand blocks after each other set it once."""
    deadlines = Counted()
    for _ in range(1_000):
        with deadlines.within(LONG):
            await asyncio.sleep(0)
    once = deadlines.set
    deadlines.close()

    assert 1 == once


async def test_a_block_with_less_time_sets_the_timer_anew() -> None:
    """It is not kept waiting for the timer of one that has more, which is kept."""
    deadlines = Counted()
    with deadlines.within(LONG):
        outcomes = [await late(deadlines), await late(deadlines)]
        begun = deadlines.set
    deadlines.close()

    assert ["late", "late"] == outcomes
    assert 5 == begun  # for the long one, twice for each short one: for it, and for the long one again


@pytest.mark.parametrize("pause", [0.0, LONG])
def test_every_block_has_a_deadline_of_its_own(pause: float) -> None:
    """Of many at once those are cancelled whose time is over, in their order, also when the loop stood still."""
    numbers = [*range(3, 50), 1, 2]

    async def main() -> list[int]:
        deadlines = Deadlines()
        ended: list[int] = []

        async def wait(number: int) -> None:
            outcome = await late(deadlines, number * SHORT)
            assert "late" == outcome
            ended.append(number)

        with deadlines.within(2 * LONG):
            blocks = asyncio.gather(*[wait(number) for number in numbers])
            await asyncio.sleep(0)
            stand_still(pause)
            await blocks
        deadlines.close()
        return ended

    assert sorted(numbers) == timeless(main())


async def test_an_error_of_the_block_is_raised_as_it_is() -> None:
    """A deadline changes nothing about what goes wrong before it."""
    deadlines = Deadlines()
    with pytest.raises(KeyError, match="mine"), deadlines.within(LONG):
        raise KeyError("mine")
    deadlines.close()


async def test_who_is_cancelled_by_somebody_else_is_cancelled() -> None:
    """A cancellation from outside is no TimeoutError, before the deadline and at the same moment as it."""

    async def cancelled(deadlines: Deadlines, cancel: Callable[[asyncio.Task[Any]], Any]) -> str:
        task = asyncio.create_task(late(deadlines))
        await asyncio.sleep(0)
        cancel(task)
        try:
            return await task
        except asyncio.CancelledError:
            return "cancelled"

    def at_the_same_moment(task: asyncio.Task[Any]) -> None:
        asyncio.get_running_loop().call_soon(task.cancel)
        (block,) = deadlines._blocks
        block.expire()

    deadlines = Deadlines()
    before = await cancelled(deadlines, lambda task: task.cancel())
    both = await cancelled(deadlines, at_the_same_moment)
    neither = await cancelled(deadlines, lambda task: None)
    deadlines.close()

    assert ("cancelled", "cancelled", "late") == (before, both, neither)


async def test_a_closed_one_leaves_no_timer() -> None:
    """Nothing rings any more, and the next block sets a timer again."""
    deadlines = Counted()
    with deadlines.within(LONG):
        timer = deadlines._timer
        deadlines.close()
    outcome = await late(deadlines)

    assert timer is not None
    assert timer.cancelled()
    assert "late" == outcome
    assert deadlines._timer is None


def test_a_deadline_is_for_a_task() -> None:
    """Outside of any, there is nothing to cancel."""

    async def main() -> list[str]:
        said: list[str] = []

        def outside() -> None:
            try:
                with Deadlines().within(1):
                    pass
            except RuntimeError as error:
                said.append(str(error))

        asyncio.get_running_loop().call_soon(outside)
        await asyncio.sleep(0.01)
        return said

    assert ["a deadline is for what a task does, and there is no task here"] == asyncio.run(main())
