"""Generators as dependencies: what they yield is the value, and what comes after the yield is their cleanup."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

Manager = AbstractAsyncContextManager[Any]


class Dependency(Manager):
    """Lives with one request: the generator of one dependency, entered and left.

    An error of the request is raised at its yield. It may answer with one of its own, which counts from then on. It
    can't end it: there is nothing to respond with, and the generators outside of it have to know that something failed.

    Args:
        manager: what runs the generator.
        name: which dependency it is, for who reads that the generator yields twice, or never.
    """

    __slots__ = ("_manager", "_name")

    def __init__(self, manager: Manager, name: str) -> None:
        self._manager = manager
        self._name = name

    async def __aenter__(self) -> Any:
        """Run the generator up to its yield."""
        try:
            return await self._manager.__aenter__()
        except RuntimeError as error:
            error.add_note(f"raised by the dependency {self._name}")
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Run the rest of it."""
        try:
            await self._manager.__aexit__(kind, error, trace)
        except RuntimeError as raised:
            raised.add_note(f"raised by the dependency {self._name}")
            raise


def in_loop(generator: Callable[..., Generator[Any]]) -> Callable[..., Manager]:
    """What runs a sync generator in the event loop's thread.

    Args:
        generator: a generator function.
    """
    function = contextmanager(generator)

    @asynccontextmanager
    async def manager(**given: Any) -> AsyncGenerator[Any]:
        with function(**given) as value:
            yield value

    return manager


def in_threads(generator: Callable[..., Generator[Any]]) -> Callable[..., Manager]:
    """What runs a sync generator in threads, each part of it in one, all with the same context variables.

    Args:
        generator: a generator function.
    """
    function = contextmanager(generator)

    def manager(**given: Any) -> Manager:
        return _Threaded(function(**given))

    return manager


class _Threaded(Manager):
    """Lives with one request. A thread can't be stopped, so who is cancelled waits for it first: nothing stays open."""

    __slots__ = ("_context", "_manager")

    def __init__(self, manager: AbstractContextManager[Any]) -> None:
        self._manager = manager
        self._context = copy_context()

    async def __aenter__(self) -> Any:
        entering = self._run(self._manager.__enter__)
        try:
            return await _finished(entering)
        except asyncio.CancelledError as error:
            if entering.exception() is None:
                await self.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await _finished(self._run(self._manager.__exit__, kind, error, trace))

    def _run(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(None, partial(self._context.run, function, *args))


async def _finished(thread: asyncio.Future[T]) -> T:
    """The result of a thread; a cancellation counts when it is done."""
    cancelled: asyncio.CancelledError | None = None
    while not thread.done():
        try:
            await asyncio.wait((thread,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return thread.result()
