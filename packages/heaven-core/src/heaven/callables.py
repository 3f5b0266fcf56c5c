"""The functions an application registers: found by name, checked for their shape, made awaitable."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from heaven.errors import RegistrationError

P = ParamSpec("P")
R = TypeVar("R")

AsyncFunction = Callable[..., Awaitable[Any]]

_PACKAGE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 (pathlib is loaded for nothing else)


def resolve(function: object, role: str, place: str) -> Callable[..., Any]:
    """The callable that was meant: itself, or what a dotted string such as `"orders.handlers.create"` names.

    Args:
        function: a callable or a dotted string.
        role: what it is registered as, for the message: `"GET /orders"`.
        place: where it was said, `file:line`.

    Raises:
        RegistrationError: it is neither, or nothing of that name can be imported.
    """
    if isinstance(function, str):
        function = _import(function, role, place)
    if not callable(function):
        raise RegistrationError(
            f"{role} at {place} got {function!r}, which can't be called; give a function or a dotted name"
        )
    return function


def _import(dotted: str, role: str, place: str) -> object:
    module, _, name = dotted.replace(":", ".").rpartition(".")
    if not module:
        raise RegistrationError(f"{role} at {place} got {dotted!r}; a dotted name is 'module.function'")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, TypeError) as error:
        raise RegistrationError(f"{role} at {place} got {dotted!r}, and it can't be imported: {error}") from error


def awaitable(function: Callable[..., Any], arguments: int, role: str, place: str) -> AsyncFunction:
    """The function itself if it is async and takes that many arguments, else the smallest adapter that makes it so.

    Args:
        function: async or sync; a function, bound method, `functools.partial` or an object with `__call__`.
        arguments: how many it will be called with. An error handler (4) may leave the last one, the error, out.
        role: what it is registered as.
        place: where it was said, `file:line`.

    Raises:
        RegistrationError: it can't be called with so many arguments.
    """
    if isinstance(function, type):
        raise RegistrationError(f"{role} at {place} got the class {name_of(function)}; give one of its instances")
    if not _accepts(function, arguments):
        if arguments == 4 and _accepts(function, 3):
            return _without_error(awaitable(function, 3, role, place))
        expected = {1: "(app)", 3: "(req, res, ctx)", 4: "(req, res, ctx, error)"}[arguments]
        raise RegistrationError(
            f"{role} at {place} got {name_of(function)}{_signature(function)}; "
            f"it is called with {expected}, so write it that way"
        )
    if is_async(function):
        return function
    return _adapted(function)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine, seen through partials and `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    # The type's: a class whose instances have an async __call__ is not async itself.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _adapted(function: Callable[..., Any]) -> AsyncFunction:
    @functools.wraps(function, updated=())
    async def call(*arguments: Any) -> Any:
        result = function(*arguments)
        # A lambda may hand back the coroutine of the async function it calls.
        return await result if inspect.isawaitable(result) else result

    return call


def _without_error(function: AsyncFunction) -> AsyncFunction:
    @functools.wraps(function, updated=())
    async def call(req: Any, res: Any, ctx: Any, _error: Any) -> Any:
        return await function(req, res, ctx)

    return call


def threaded(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Move a sync handler or hook to a thread, so that what it waits for does not hold the event loop.

    Args:
        function: a sync function; context variables are there in the thread as well.

    Returns:
        An async function of the same shape.

    Raises:
        RegistrationError: the function is async already.

    Example:
        >>> import asyncio
        >>> @threaded
        ... def report(req, res, ctx):
        ...     return "made in a thread"
        >>> asyncio.run(report(None, None, None))
        'made in a thread'
    """
    if is_async(function):
        raise RegistrationError(f"threaded() got {name_of(function)}, which is async already; register it as it is")

    run = without_stop(function)

    @functools.wraps(function, updated=())
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        from asyncio import to_thread  # loaded with the server, not with the application

        return await to_thread(run, *args, **kwargs)

    return call


def without_stop(function: Callable[P, R]) -> Callable[P, R]:
    """A function for threads: what would be a StopIteration is a RuntimeError.

    No Future takes a StopIteration, and whoever waits for the thread waits for ever with Python 3.11.

    Example:
        >>> without_stop(next)(iter(()))
        Traceback (most recent call last):
        RuntimeError: builtins.next raised StopIteration; give next() a default
    """

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except StopIteration as error:
            raise RuntimeError(f"{name_of(function)} raised StopIteration; give next() a default") from error

    return run


def name_of(function: object) -> str:
    """How a person would name it: `module.qualname`, without memory addresses."""
    while isinstance(function, functools.partial):
        function = function.func
    if not hasattr(function, "__qualname__"):
        function = type(function)
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', '?')}"


def place_of(function: object) -> str:
    """Where a function was written, `file:line`, or its name where that can't be told (one written in C)."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function) if callable(function) else function
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else name_of(function)


def said_at(*folders: str) -> str:
    """Where the application's code is that called into Heaven just now, `file:line`.

    Args:
        *folders: what is in these is not the application's code either; with a separator at the end.
    """
    frame = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, *folders)):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _accepts(function: Callable[..., Any], arguments: int) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True  # written in C without a signature: the call itself will tell
    try:
        signature.bind(*range(arguments))
    except TypeError:
        return False
    return True


def _signature(function: Callable[..., Any]) -> str:
    return "(" + ", ".join(inspect.signature(function).parameters) + ")"
