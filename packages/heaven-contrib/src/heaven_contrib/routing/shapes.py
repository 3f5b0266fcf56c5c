"""What shape a declared thing has: a list, or something that can be called as it will be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import shown


def listed(value: Any, name: str, place: str, example: str) -> Sequence[Any]:
    """The list as it was passed.

    Args:
        value: what was passed for the parameter.
        name: the parameter.
        place: which declaration got it, and where: `"Include /api at shop.py:7"`.
        example: what a list of these looks like.

    Raises:
        ImproperlyConfigured: it is no list or tuple.

    Example:
        >>> listed("IsAdmin", "permissions", "Include /api at shop.py:7", "[IsAdmin]")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Include /api at shop.py:7 got permissions='IsAdmin'; \
give a list, as in [IsAdmin]
    """
    if not isinstance(value, list | tuple):
        raise ImproperlyConfigured(f"{place} got {name}={shown(value)}; give a list, as in {example}")
    return value  # pyright: ignore[reportUnknownVariableType]


def takes(function: Callable[..., Any], *arguments: Any, **options: Any) -> bool:
    """Whether something can be called with these arguments, as far as its signature tells.

    Args:
        function: a function, class or object with `__call__`.
        *arguments: what it will be called with; how many there are is all that counts.
        **options: what it will be called with by name.

    Returns:
        True for what is written in C and has no signature: the call itself will tell.

    Example:
        >>> takes(lambda request: None, "request"), takes(lambda: None, "request")
        (True, False)
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*arguments, **options)
    except TypeError:
        return False
    return True


__all__ = ["listed", "takes"]
