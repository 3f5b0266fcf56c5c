"""Functions around a handler: those that see the request before it, and those that see the response after it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal

from heaven import Request, Response
from heaven.callables import AsyncFunction, is_async
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import shown
from heaven_contrib.routing.shapes import listed, takes

_ARGUMENTS: Final = {"before_request": ("request",), "after_request": ("request", "response")}


def checked_request_hooks(
    value: Any, name: Literal["before_request", "after_request"], place: str
) -> tuple[Callable[..., Any], ...]:
    """The hooks of a level.

    Args:
        value: what was passed.
        name: which of both parameters it is; `before_request` hooks are called with the request, `after_request` hooks
            with the request and the response.
        place: which declaration got it, and where.

    Raises:
        ImproperlyConfigured: it is no list, or one of them can't be called so.

    Example:
        >>> checked_request_hooks([42], "before_request", "Router at shop.py:3")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Router at shop.py:3 got the before_request hook 42; it is \
called with (request), so give a function that takes that
    """
    arguments = _ARGUMENTS[name]
    hooks = listed(value, name, place, "[function]")
    for each in hooks:
        if isinstance(each, type) or not callable(each) or not takes(each, *arguments):
            raise ImproperlyConfigured(
                f"{place} got the {name} hook {shown(each)}; "
                f"it is called with ({', '.join(arguments)}), so give a function that takes that"
            )
    return tuple(hooks)


def compile_before(hooks: Sequence[Callable[..., Any]]) -> tuple[Callable[[Request], Awaitable[Any]], ...]:
    """`before_request` hooks, ready to be awaited: async ones as they are, sync ones called on the event loop.

    Args:
        hooks: those of all levels around a route, in the order they run in.

    Returns:
        Functions of the request; what one gives that is not None answers the request.
    """
    return tuple(map(_awaited, hooks))


def compile_after(hooks: Sequence[Callable[..., Any]]) -> tuple[Callable[[Request, Response], Awaitable[Any]], ...]:
    """`after_request` hooks, ready to be awaited: async ones as they are, sync ones called on the event loop.

    Args:
        hooks: those of all levels around a route, in the order they run in.

    Returns:
        Functions of the request and its response, which they may change; what they return is not looked at.
    """
    return tuple(map(_awaited, hooks))


def _awaited(hook: Callable[..., Any]) -> AsyncFunction:
    if is_async(hook):
        return hook

    @functools.wraps(hook, updated=())
    async def call(*arguments: Any) -> Any:
        result = hook(*arguments)
        # A lambda may hand back the coroutine of the async function it calls.
        return await result if inspect.isawaitable(result) else result

    return call


__all__ = ["checked_request_hooks", "compile_after", "compile_before"]
