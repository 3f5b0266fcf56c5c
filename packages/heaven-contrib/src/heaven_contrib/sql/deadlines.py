"""Deadlines for what is done often and is hardly ever late: one timer for all of them."""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Self


class Deadlines:
    """Does what `asyncio.timeout` does, with one timer for all blocks instead of one for each.

    A block that ends in time leaves the timer as it is; when it rings, it is set again for the deadline that is next,
    if there is one. So a block costs a third of what starting and stopping a timer does, which is up to a tenth of a
    fast driver's work on a row. Deadlines are for one event loop.

    Example:
        >>> async def main() -> None:
        ...     deadlines = Deadlines()
        ...     try:
        ...         with deadlines.within(0.01):
        ...             await asyncio.sleep(10)
        ...     except TimeoutError:
        ...         print("late")
        ...     deadlines.close()
        >>> asyncio.run(main())
        late
    """

    __slots__ = ("_blocks", "_due", "_timer")

    def __init__(self) -> None:
        self._blocks: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        """When the timer rings; never, without one."""

    def within(self, seconds: float) -> Deadline:
        """A block that is cancelled after so many seconds, and raises TimeoutError then."""
        return Deadline(self, seconds)

    def close(self) -> None:
        """Stop the timer; what runs then has no deadline any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = None, math.inf

    def begin(self, block: Deadline) -> None:
        """See that a block is cancelled at its deadline; blocks call this themselves."""
        self._blocks.add(block)
        if block.when < self._due:
            self._set(block.when)

    def end(self, block: Deadline) -> None:
        """Leave a block alone from now on."""
        self._blocks.discard(block)

    def _set(self, when: float) -> None:
        self.close()
        self._timer, self._due = asyncio.get_running_loop().call_at(when, self._ring), when

    def _ring(self) -> None:
        self.close()
        now = asyncio.get_running_loop().time()
        late = [block for block in self._blocks if block.when <= now]
        for block in sorted(late, key=lambda block: block.when):  # many, where the loop stood still
            self._blocks.discard(block)
            block.expire()
        if self._blocks:
            self._set(min([block.when for block in self._blocks]))


class Deadline:
    """One block: `with deadlines.within(30):`, in a task."""

    __slots__ = ("_cancelling", "_deadlines", "_late", "_task", "seconds", "when")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self._deadlines = deadlines
        self.seconds: float = seconds
        self.when: float = math.inf
        self._late = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a deadline is for what a task does, and there is no task here")
        self._task = task
        self._cancelling = task.cancelling()
        self.when = loop.time() + self.seconds
        self._deadlines.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines.end(self)
        # As asyncio.timeout does it: who else cancels the task at the same moment is not deprived of that.
        if self._late and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel what the block is waiting for."""
        self._late = True
        self._task.cancel()
