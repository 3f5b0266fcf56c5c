"""A callable with what it is to be called with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from heaven.callables import resolve
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
        ImproperlyConfigured: `provides` can't be called, or imported.

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
        return super().__new__(cls, function, *args, **kwargs)
