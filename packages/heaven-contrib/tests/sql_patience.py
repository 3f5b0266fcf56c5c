"""Waiting for what has to come: as long as a busy machine takes, and no longer than it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from heaven_contrib.sql.errors import DatabaseError

PATIENT = 30.0
"""Seconds after which what has to come is not coming; nothing waits for so long where all is well."""

T = TypeVar("T")


async def until(condition: Callable[[], object], what: str = "it") -> None:
    """Wait until something is so, and fail where it never is; what the condition asks is asked on a thread."""
    try:
        async with asyncio.timeout(PATIENT):
            while not await asyncio.to_thread(condition):
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} did not come true within {PATIENT:g} s") from None


async def in_the_end(call: Callable[[], Awaitable[T]]) -> T:
    """What a call gives when the database serves it, however often it is told to come back before."""
    async with asyncio.timeout(PATIENT):
        while True:
            try:
                return await call()
            except DatabaseError:
                await asyncio.sleep(0.01)
