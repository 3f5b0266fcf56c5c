"""Declarations stay as they were written, however often they are mounted."""

from __future__ import annotations

from typing import Any


class Immutable:
    """Attributes are set once, by `__init__`, and can't be set again.

    Example:
        >>> class Shop(Immutable):
        ...     __slots__ = ("name",)
        ...     def __init__(self, name: str) -> None:
        ...         self.name = name
        >>> Shop("north").name = "south"
        Traceback (most recent call last):
        AttributeError: Shop.name stays as it was declared; declare another Shop
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, name):
            self._refuse(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._refuse(name)

    def _refuse(self, name: str) -> None:
        kind = type(self).__name__
        raise AttributeError(f"{kind}.{name} stays as it was declared; declare another {kind}")


__all__ = ["Immutable"]
