"""A callable with what it is to be called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from heaven.callables import name_of, resolve
from heaven.errors import RegistrationError
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import declared_at


class Factory(partial[Any]):
    """A class or function that a dependency is made with; nothing of it is ever read from the request.

    What it needs and is not given here comes from the dependencies of these names. A parameter with a default keeps
    it, unless there is such a dependency.

    Args:
        provides: the class or function, or its dotted name: `"shop.orders.OrderRepository"`.
        *args: passed on.
        **kwargs: passed on.

    Raises:
        ImproperlyConfigured: `provides` can't be called, or imported, or does not take what is passed on.

    Example:
        >>> class Repository:
        ...     def __init__(self, table, limit=100):
        ...         self.table, self.limit = table, limit
        >>> Factory(Repository, "orders", limit=5)().limit
        5
    """

    def __new__(cls, provides: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Self:
        try:
            function = resolve(provides, "Factory", declared_at())
        except RegistrationError as error:
            raise ImproperlyConfigured(str(error)) from error.__cause__
        _check_arguments(function, args, kwargs)
        return super().__new__(cls, function, *args, **kwargs)


def _check_arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse what the function would refuse with the first request."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C, and says nothing about itself
        return
    try:
        signature.bind_partial(*args, **kwargs)
    except TypeError as error:
        raise ImproperlyConfigured(
            f"Factory at {declared_at()} got {name_of(function)}, whose signature is {signature}: {error}"
        ) from None
