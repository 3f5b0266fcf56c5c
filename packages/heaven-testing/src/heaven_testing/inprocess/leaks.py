"""What an application leaves behind: held against what was there before it started."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from heaven import App
from heaven.running.lifespan import family
from heaven_testing.inprocess.descriptors import Descriptor, descriptors
from heaven_testing.inprocess.openings import Openings
from heaven_testing.inprocess.ownership import belongs
from heaven_testing.inprocess.waiting import where

Leak: TypeAlias = Literal["tasks", "resources", "exceptions", "store"]
ALL_LEAKS: frozenset[Leak] = frozenset(("tasks", "resources", "exceptions", "store"))
"""Tasks that still run, files and sockets that are still open, exceptions nobody retrieved, keys still in the store."""

GRACE = 0.2
"""Seconds that what is on its way to an end has to get there: a task that was cancelled, a connection that closes."""

TURNS = 20
"""How often it is looked at meanwhile."""

_LoopHandler: TypeAlias = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]


class LeakCheck:
    """Lives from before startup until after shutdown.

    Args:
        app: the application.
        owner: the server that runs it.
        kinds: what is looked for.

    Raises:
        TypeError: the kinds are one text, and no set of them.
        ValueError: there is no such kind.
    """

    def __init__(self, app: Any, owner: object, kinds: Iterable[Leak]) -> None:
        if isinstance(kinds, str):
            raise TypeError(f"leaks={kinds!r} is one text; give a set, as in leaks={{{kinds!r}}}")
        self._kinds = frozenset(kinds)
        unknown = sorted(self._kinds - ALL_LEAKS)
        if unknown:
            raise ValueError(f"leaks={unknown!r} is nothing to look for; there are {', '.join(sorted(ALL_LEAKS))}")
        self._app = app
        self._owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open: dict[int, Descriptor] = {}
        self._openings = Openings(owner)
        self._keys: dict[App, frozenset[str]] = {}
        self._exceptions: list[str] = []
        self.handler_before: _LoopHandler | None = None
        """What else the event loop tells of exceptions."""
        self.ended: bool = False
        """Whether it wants to hear of exceptions no more."""

    def begin(self) -> None:
        """Note what is there."""
        loop = asyncio.get_running_loop()
        self._tasks = asyncio.all_tasks(loop)
        self._keys = _keys(self._app)
        if "resources" in self._kinds:
            self._open = descriptors()
            self._openings.begin()
        if "exceptions" in self._kinds:
            self.handler_before = loop.get_exception_handler()
            loop.set_exception_handler(self._note)

    async def end(self) -> list[str]:
        """What is left, one sentence for each thing; tasks that are left are cancelled."""
        leaks: list[str] = []
        if "tasks" in self._kinds:
            leaks += await self._left_tasks()
        if "exceptions" in self._kinds:
            leaks += await self._left_exceptions()
        if "store" in self._kinds:
            leaks += self._left_keys()
        if "resources" in self._kinds:
            leaks += await self._left_open()
        return leaks

    async def _left_tasks(self) -> list[str]:
        left = await _after_grace(self._running)
        told = [
            f"the task {task.get_name()!r}, which {where(task)}: cancel it at shutdown, and await it" for task in left
        ]
        for task in left:
            task.cancel()
        if left:
            await _after_grace(lambda: [task for task in left if not task.done()])
        return told

    def _running(self) -> list[asyncio.Task[Any]]:
        tasks = asyncio.all_tasks() - self._tasks - {asyncio.current_task()}
        return [task for task in tasks if belongs(task, self._owner)]

    async def _left_open(self) -> list[str]:
        # A transport that is closed closes its socket a little later.
        left = await _after_grace(self._newly_open)
        self._openings.end()
        return [f"{each} is open: close it at shutdown" for each in left]

    def _newly_open(self) -> list[Descriptor]:
        found = {each for number, each in descriptors().items() if not self._knows(number, each)}
        return sorted(found - self._openings.others(found), key=str) if found else []

    def _knows(self, number: int, descriptor: Descriptor) -> bool:
        before = self._open.get(number)
        return before is not None and before.identity == descriptor.identity

    async def _left_exceptions(self) -> list[str]:
        # A task tells of an exception that nobody retrieved when it is collected.
        gc.collect(1)
        await asyncio.sleep(0)
        self.ended = True
        loop = asyncio.get_running_loop()
        handler = loop.get_exception_handler()
        # Whoever began later may end later as well, and then hands back what is still wanted.
        while isinstance(check := getattr(handler, "__self__", None), LeakCheck) and check.ended:
            handler = check.handler_before
        loop.set_exception_handler(handler)
        return self._exceptions

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        thing = context.get("task") or context.get("future") or context.get("handle")
        if belongs(thing, self._owner):
            error = context.get("exception")
            told = f" ({type(error).__name__}: {error})" if error is not None else ""
            self._exceptions.append(f"an exception that nobody saw: {context.get('message')}{told}")
        (self.handler_before or _default_handler)(loop, context)

    def _left_keys(self) -> list[str]:
        return [
            f"{key!r} in the store: have ON(SHUTDOWN, ...) unkeep what startup keeps"
            for app, keys in _keys(self._app).items()
            for key in sorted(keys - self._keys.get(app, frozenset()))
        ]


def _default_handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)


def _keys(app: Any) -> dict[App, frozenset[str]]:
    if not isinstance(app, App):
        return {}
    return {each: frozenset(each.store.values) for each in family(app) if isinstance(each, App)}


async def _after_grace(look: Callable[[], list[Any]]) -> list[Any]:
    """What is still there when what is about to go has gone."""
    # Counted in turns of the event loop: while the machine stands still, time passes and nothing goes.
    for _ in range(TURNS):
        if not look():
            return []
        await asyncio.sleep(GRACE / TURNS)
    return look()
