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

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[bool]] | None = None

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until `wake` is called.

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
        timer = loop.call_later(seconds, _set, waiter, False) if seconds is not None else None  # noqa: FBT003
        try:
            return await waiter
        finally:
            if timer is not None:
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
