"""Waiting for what has to come: as long as a busy machine takes, and no longer than it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Final

PATIENT: Final = 30.0
"""Seconds after which what has to come is not coming: longer than any machine stands still."""


async def until(condition: Callable[[], Awaitable[object] | object], what: str = "it") -> None:
    """Wait until something is so, and fail where it never is."""
    try:
        async with asyncio.timeout(PATIENT):
            while True:
                answer = condition()
                if await answer if isawaitable(answer) else answer:
                    return
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"{what} did not come true within {PATIENT:g} s") from None
