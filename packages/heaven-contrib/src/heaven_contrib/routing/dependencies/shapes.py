"""What shape a dependency has, which decides how it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

Shape: TypeAlias = Literal["async", "async generator", "class", "generator", "sync"]


def innermost(dependency: Callable[..., Any]) -> Callable[..., Any]:
    """The callable inside of partials.

    Example:
        >>> innermost(partial(partial(sorted), reverse=True)) is sorted
        True
    """
    while isinstance(dependency, partial):
        dependency = dependency.func
    return dependency


def shape_of(dependency: Callable[..., Any]) -> Shape:
    """The shape of a callable, seen through partials, methods and `__call__`.

    Args:
        dependency: what will be called.

    Example:
        >>> shape_of(dict), shape_of(partial(sorted, reverse=True)), shape_of(lambda: (yield))
        ('class', 'sync', 'generator')
    """
    dependency = innermost(dependency)
    if isinstance(dependency, type):
        return "class"
    # The type's: a class whose instances have an async __call__ is not async itself.
    for function in (dependency, type(dependency).__call__):
        if inspect.isasyncgenfunction(function):
            return "async generator"
        if inspect.isgeneratorfunction(function):
            return "generator"
        if inspect.iscoroutinefunction(function):
            return "async"
    return "sync"
