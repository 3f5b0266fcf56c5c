"""Asking a Redis that one can do without."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from logging import Logger
from typing import Any, Final

from heaven_contrib.redis.errors import RedisError, RedisOutcomeUnknown, RedisUnavailable

OUTAGE: Final = 1.0
"""Seconds for which Redis is not asked after it failed, so that a frozen one does not hold up every call."""

QUIET: Final = 30.0
"""Seconds between two warnings that Redis fails."""


class FailOpen:
    """Lives with its battery: asks Redis, and goes on with nothing when Redis fails.

    Args:
        log: where a failure is said, once in a while.
        who: what goes on without Redis, for the message.
    """

    def __init__(self, log: Logger, who: str) -> None:
        self._log = log
        self._who = who
        self._out_until = self._quiet_until = 0.0

    async def ask(self, call: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        """What a call answers; None if Redis fails, and for a moment after an outage, in which it is not asked.

        Args:
            call: an async function of a `Redis` or a `Script`.
            *args: passed on.
            **options: passed on.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._out_until:
            return None
        try:
            return await call(*args, **options)
        except RedisError as error:
            now = loop.time()
            if isinstance(error, (RedisUnavailable, RedisOutcomeUnknown)):  # and not a refusal of this one call
                self._out_until = now + OUTAGE
            if now >= self._quiet_until:
                self._quiet_until = now + QUIET
                self._log.warning("%s goes on without Redis: %s", self._who, error)
            return None
