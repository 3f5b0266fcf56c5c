"""What an application leaves behind: held against what was there before it started."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Literal, TypeAlias

from heaven import App
from heaven.running.lifespan import family
from heaven_testing.inprocess.waiting import where

Leak: TypeAlias = Literal["tasks", "resources", "exceptions", "store"]
ALL_LEAKS: frozenset[Leak] = frozenset(("tasks", "resources", "exceptions", "store"))
"""Tasks that still run, files and sockets that are still open, exceptions nobody retrieved, keys still in the store."""

OWNER: ContextVar[object] = ContextVar("heaven_testing_owner", default=None)
"""The server whose application runs: its tasks inherit it."""

GRACE = 0.05
"""Seconds that a task which was cancelled has to end."""

_LoopHandler: TypeAlias = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]


class LeakCheck:
    """Lives from before startup until after shutdown.

    Args:
        app: the application.
        owner: the server that runs it.
        kinds: what is looked for.

    Raises:
        ValueError: there is no such kind.
    """

    def __init__(self, app: Any, owner: object, kinds: Iterable[Leak]) -> None:
        self._kinds = frozenset(kinds)
        unknown = sorted(self._kinds - ALL_LEAKS)
        if unknown:
            raise ValueError(f"leaks={unknown!r} is nothing to look for; there are {', '.join(sorted(ALL_LEAKS))}")
        self._app = app
        self._owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()
        self._files: dict[str, str] = {}
        self._keys: dict[App, frozenset[str]] = {}
        self._exceptions: list[str] = []
        self._handler: _LoopHandler | None = None

    def begin(self) -> None:
        """Note what is there."""
        loop = asyncio.get_running_loop()
        self._tasks = asyncio.all_tasks(loop)
        self._keys = _keys(self._app)
        if "resources" in self._kinds:
            self._files = _open_files()
        if "exceptions" in self._kinds:
            self._handler = loop.get_exception_handler()
            loop.set_exception_handler(self._note)

    async def end(self) -> list[str]:
        """What is left, one sentence for each thing; tasks that are left are cancelled."""
        leaks: list[str] = []
        if "tasks" in self._kinds:
            leaks += [f"the task {task.get_name()!r}, which {told}" for task, told in await self._left_tasks()]
        if "exceptions" in self._kinds:
            leaks += await self._left_exceptions()
        if "store" in self._kinds:
            leaks += self._left_keys()
        if "resources" in self._kinds:
            leaks += [f"an open file or socket: {name}" for fd, name in _open_files().items() if self._is_new(fd, name)]
        return leaks

    async def _left_tasks(self) -> list[tuple[asyncio.Task[Any], str]]:
        loop = asyncio.get_running_loop()
        end = loop.time() + GRACE
        while (left := self._running()) and loop.time() < end:  # noqa: ASYNC110 - tasks of all kinds, until a deadline
            await asyncio.sleep(GRACE / 10)
        told = [(task, where(task)) for task in left]
        for task in left:
            task.cancel()
        await asyncio.sleep(0)
        return told

    def _running(self) -> list[asyncio.Task[Any]]:
        tasks = asyncio.all_tasks() - self._tasks - {asyncio.current_task()}
        return [task for task in tasks if _belongs(task, self._owner)]

    async def _left_exceptions(self) -> list[str]:
        # A task tells of an exception that nobody retrieved when it is collected.
        gc.collect(1)
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        if loop.get_exception_handler() == self._note:
            loop.set_exception_handler(self._handler)
        return self._exceptions

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        told = f" ({type(error).__name__}: {error})" if error is not None else ""
        self._exceptions.append(f"an exception that nobody saw: {context.get('message')}{told}")
        (self._handler or _default_handler)(loop, context)

    def _left_keys(self) -> list[str]:
        return [
            f"{key!r} in the store: have ON(SHUTDOWN, ...) unkeep what startup keeps"
            for app, keys in _keys(self._app).items()
            for key in sorted(keys - self._keys.get(app, frozenset()))
        ]

    def _is_new(self, fd: str, name: str) -> bool:
        return self._files.get(fd) != name


def _default_handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)


def _belongs(task: asyncio.Task[Any], owner: object) -> bool:
    """Whether the application made a task; Python 3.11 does not tell, and there every new task counts."""
    if sys.version_info >= (3, 12):
        return task.get_context().get(OWNER) is owner
    return True


def _keys(app: Any) -> dict[App, frozenset[str]]:
    if not isinstance(app, App):
        return {}
    return {each: frozenset(each.store.values) for each in family(app) if isinstance(each, App)}


def _open_files() -> dict[str, str]:
    """What is open in this process, by descriptor; empty on systems that don't list it."""
    found: dict[str, str] = {}
    try:
        descriptors = os.listdir("/proc/self/fd")  # noqa: PTH208 - the names are the descriptors
    except OSError:
        return found
    for fd in descriptors:
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115
        except OSError:
            continue  # the descriptor by which the folder itself was read
    return found
