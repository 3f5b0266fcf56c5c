"""Waiting for the other side, until a deadline; who finds what it looks for at once pays nothing."""

from __future__ import annotations

import asyncio


class Signal:
    """Wakes everyone who waits for something to change; who wakes looks again.

    Example:
        >>> async def greet() -> None:
        ...     signal = Signal()
        ...     asyncio.get_running_loop().call_soon(signal.wake)
        ...     print(await signal.wait(5.0), await signal.wait(0.001))
        >>> asyncio.run(greet())
        True False
    """

    __slots__ = ("_waiters",)

    LATE = 0.1
    """A deadline that is noticed later than by this part of its time came while the whole event loop stood still."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[bool]] | None = None

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until `wake` is called.

        Where the event loop itself stood still at the deadline, be it that the machine did, the other side had no turn
        either: then the time is given once more.

        Args:
            seconds: how long at most; None for as long as it takes.

        Returns:
            Whether it was called in time.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        timers: list[asyncio.TimerHandle] = []

        def expire(last: bool) -> None:
            if last or loop.time() <= timers[0].when() + max(limit * self.LATE, 0.005):
                _set(waiter, False)  # noqa: FBT003
            else:
                timers.append(loop.call_later(limit, expire, True))  # noqa: FBT003

        if seconds is not None:
            limit = seconds
            timers.append(loop.call_later(limit, expire, False))  # noqa: FBT003
        try:
            return await waiter
        finally:
            for timer in timers:
                timer.cancel()

    def wake(self) -> None:
        """Wake everyone who waits now."""
        if self._waiters is not None:
            waiters, self._waiters = self._waiters, None
            for waiter in waiters:
                _set(waiter, True)  # noqa: FBT003


def _set(waiter: asyncio.Future[bool], in_time: bool) -> None:
    if not waiter.done():
        waiter.set_result(in_time)
