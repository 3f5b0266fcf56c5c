"""The values of dependencies that are made once for the application's life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from inspect import iscoroutine
from typing import Any


class Cell:
    """Lives with the application: the value of one dependency, or the one call that makes it at the moment.

    That call runs in a task of its own. Who is cancelled while waiting for it takes it from nobody else, and it is
    cancelled with the last of them. What it raises goes to all who wait, and is not kept.
    """

    __slots__ = ("_task", "_waiting", "full", "value")

    def __init__(self) -> None:
        self.full: bool = False
        self.value: Any = None
        self._task: asyncio.Task[Any] | None = None
        self._waiting = 0

    async def fill(self, make: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        """The value, once it is made.

        Args:
            make: makes it; a coroutine that it returns is awaited.
            given: its arguments.

        Raises:
            Exception: what `make` raises.
        """
        task = self._task
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = self._task = asyncio.create_task(self._make(make, given))
            task.add_done_callback(_looked_at)
            self._waiting = 0
        self._waiting += 1
        try:
            await asyncio.wait((task,))
            return task.result()
        finally:
            if self._task is task:
                self._waiting -= 1
                if not self._waiting:
                    self._task = None
                    task.cancel()

    def empty(self) -> None:
        """Forget the value, and one that is being made, as an application does that has stopped and may start again."""
        self.full = False
        self.value = self._task = None

    async def _make(self, make: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        value = make(**given)
        if iscoroutine(value):
            value = await value
        if self._task is asyncio.current_task():
            self.value, self.full = value, True
        return value


def _looked_at(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # those who waited have it; where nobody did any more, it concerns nobody
