"""Sync code beside the event loop: functions and iterators that run in a thread, so that nobody waits for them."""

from __future__ import annotations

import functools
import inspect
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from heaven.callables import is_async, without_stop

__all__ = ["called_async", "in_thread", "iterated_in_thread"]

P = ParamSpec("P")
Item = TypeVar("Item")

_END: Any = object()


def called_async(function: Callable[P, Any], sync_to_thread: bool | None) -> Callable[P, Coroutine[Any, Any, Any]]:
    """The function itself if it is async, else one of the same shape that can be awaited.

    Args:
        function: async or sync; a sync one may hand back what is to be awaited, as a lambda does.
        sync_to_thread: False runs a sync function where it is called, True or None in a thread.

    Example:
        >>> import asyncio
        >>> asyncio.run(called_async(lambda: asyncio.sleep(0, "slept"), sync_to_thread=False)())
        'slept'
    """
    return in_thread(function) if is_async(function) or sync_to_thread is not False else _inline(function)


def in_thread(function: Callable[P, Any]) -> Callable[P, Coroutine[Any, Any, Any]]:
    """The function itself if it is async, else one of the same shape that runs it in a thread.

    Where that gives a coroutine, as a sync decorator around an async function does, it is awaited on the event loop.

    Args:
        function: async or sync; context variables are there in the thread as well.

    Example:
        >>> import asyncio
        >>> def total(*prices: int) -> int:
        ...     return sum(prices)
        >>> asyncio.run(in_thread(total)(3, 4))
        7
    """
    if is_async(function):
        return function

    run = without_stop(function)

    @functools.wraps(function, updated=())
    async def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        result = await to_thread(run, *args, **kwargs)
        return await result if inspect.iscoroutine(result) else result

    return call


def _inline(function: Callable[P, Any]) -> Callable[P, Coroutine[Any, Any, Any]]:
    @functools.wraps(function, updated=())
    async def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return call


def iterated_in_thread(iterable: Iterable[Item]) -> AsyncIterator[Item]:
    """Give what a sync iterator gives, each piece fetched in a thread.

    A generator, or an open file, is closed at its end, when it fails, and by `aclose()`, begun or not; where its reader
    is cancelled while a piece is on the way, it is closed as soon as that piece is there.

    Args:
        iterable: a generator, an open file, a cursor.

    Example:
        >>> import asyncio
        >>> async def lines():
        ...     return [line async for line in iterated_in_thread(["one", "two"])]
        >>> asyncio.run(lines())
        ['one', 'two']
    """
    return _InThread(iter(iterable))


# No generator: one that was never begun does nothing when it is closed, and a file that nobody read stays open.
class _InThread(AsyncIterator[Item]):
    __slots__ = ("_closed", "_iterator", "_running")

    def __init__(self, iterator: Iterator[Item]) -> None:
        self._iterator = iterator
        self._closed = False
        self._running = Lock()  # a generator can't be closed while it runs, which it does when its reader was cancelled

    async def __anext__(self) -> Item:
        try:
            item = await to_thread(self._step)
            if item is _END:
                raise StopAsyncIteration
        except BaseException:
            await self.aclose()
            raise
        return item

    async def aclose(self) -> None:
        if not self._closed and hasattr(self._iterator, "close"):
            self._closed = True
            await to_thread(self._close)

    def _step(self) -> Item:
        with self._running:
            return next(self._iterator, _END)

    def _close(self) -> None:
        with self._running:
            self._iterator.close()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
