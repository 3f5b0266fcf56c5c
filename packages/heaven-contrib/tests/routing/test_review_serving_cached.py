"""Values that are made once for an application's life: whose life that is."""

from __future__ import annotations

import asyncio
from typing import Any

from heaven_contrib.routing.dependencies.cached import Cell


async def test_what_was_begun_in_one_life_is_not_kept_for_the_next():
    """A request that outlives its application gets the value it waits for, and the next life makes its own."""
    cell, opened = Cell(), asyncio.Event()

    async def connect(life: int) -> int:
        if life == 1:
            await opened.wait()
        return life

    first = asyncio.create_task(cell.fill(connect, {"life": 1}))
    await asyncio.sleep(0)
    cell.empty()
    assert 2 == await cell.fill(connect, {"life": 2})
    opened.set()
    assert (1, 2) == (await first, cell.value)


def test_a_loop_that_ended_in_the_middle_leaves_nothing_to_wait_for():
    """What was being made in an event loop that is closed is made again in the next one."""
    cell = Cell()

    async def connect(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    loop = asyncio.new_event_loop()
    waiting = loop.create_task(cell.fill(connect, {"seconds": 60}))
    loop.run_until_complete(asyncio.sleep(0))
    making = [each for each in asyncio.all_tasks(loop) if each is not waiting]
    try:
        assert 0 == asyncio.run(asyncio.wait_for(cell.fill(connect, {"seconds": 0}), 30))
    finally:
        for task in (waiting, *making):
            task.cancel()
        loop.run_until_complete(asyncio.gather(waiting, *making, return_exceptions=True))
        loop.close()
    assert 0 == cell.value


async def test_a_burst_of_requests_makes_it_once():
    """However requests and the end of the one call fall together, there is one call."""
    cell = Cell()
    calls: list[int] = []

    async def connect() -> int:
        calls.append(1)
        await asyncio.sleep(0)
        return len(calls)

    async def asked() -> Any:
        return cell.value if cell.full else await cell.fill(connect, {})

    waiting: list[asyncio.Task[Any]] = []
    for _ in range(10):
        waiting.append(asyncio.create_task(asked()))
        await asyncio.sleep(0)
    assert [1] * 10 == await asyncio.gather(*waiting)
