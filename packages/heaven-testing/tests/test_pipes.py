"""Pipes: what is put in comes out whole and in order, and whoever is too far ahead is told to wait."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from heaven_testing.inprocess.pipes import HIGH_WATER, Pipe, pieces


@given(st.lists(st.one_of(st.binary(max_size=9), st.text(max_size=9), st.none()), max_size=40))
def test_any_order_of_putting_and_taking(steps: list[Any]) -> None:
    """Items come out as they were put in, and the size is that of what is inside, at least 1 each; None takes out."""
    pipe: Pipe[Any] = Pipe()
    inside: deque[Any] = deque()
    for step in steps:
        if step is not None:
            pipe.put(step)
            inside.append(step)
        elif inside:
            assert inside.popleft() == pipe.take()
        assert (list(inside), sum(len(item) or 1 for item in inside)) == (list(pipe.items), pipe.size)
        assert (pipe.size > HIGH_WATER) is pipe.is_full


def test_it_is_full_above_the_mark() -> None:
    """What a transport of asyncio holds fits in; one byte more and who puts in has to wait."""
    pipe: Pipe[bytes] = Pipe()
    pipe.put(b"x" * HIGH_WATER)
    assert not pipe.is_full
    pipe.put(b"x")
    assert pipe.is_full
    pipe.take()
    assert (False, 1) == (pipe.is_full, pipe.size)


async def test_each_side_is_woken_by_the_other() -> None:
    """Putting in and ending wake who takes out, taking out wakes who puts in, and `wake` wakes both."""
    pipe: Pipe[bytes] = Pipe()

    async def woken(signal: str, act: Any) -> bool:
        waiting = asyncio.create_task(getattr(pipe, signal).wait(0.01))
        await asyncio.sleep(0)
        act()
        return await waiting

    assert await woken("filled", lambda: pipe.put(b"x"))
    assert not await woken("emptied", lambda: pipe.put(b"y"))
    assert await woken("emptied", pipe.take)
    assert not await woken("filled", pipe.take)
    assert not pipe.ended
    assert await woken("filled", pipe.end)
    assert pipe.ended
    assert await woken("filled", pipe.wake)
    assert await woken("emptied", pipe.wake)


@given(st.binary(max_size=40), st.integers(min_value=1, max_value=50))
def test_pieces_are_the_whole(content: bytes, size: int) -> None:
    """Pieces put together are the content; all but the last have the size that was asked for."""
    found = pieces(content, size)
    assert content == b"".join(found)
    assert [size] * (len(found) - 1) == [len(piece) for piece in found[:-1]]
    assert len(found[-1]) <= size
