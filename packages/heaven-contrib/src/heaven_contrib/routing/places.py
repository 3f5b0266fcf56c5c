"""Where a declaration was written, and how messages show what was passed to it."""

from __future__ import annotations

import os
from typing import Any, Final

from heaven.callables import name_of, place_of, said_at

FOLDERS: Final = (
    os.path.dirname(__file__) + os.sep,  # noqa: PTH120 (pathlib is loaded for nothing else)
    "<string>",  # the __init__ that dataclasses write
    "<frozen ",  # the metaclass of abstract classes
)
"""Where the code is that nobody's declarations are written in."""


def declared_at() -> str:
    """Where the application's code is that called into this package just now, `file:line`.

    Example:
        >>> declared_at().rpartition(":")[2]
        '1'
    """
    return said_at(*FOLDERS)


def shown(value: Any) -> str:
    """How messages show what was passed: a function by its name and line, a class by its name, others as they are.

    Args:
        value: anything; a long representation is cut.

    Example:
        >>> shown(dict), shown(42)
        ('builtins.dict', '42')
    """
    if isinstance(value, type):
        return name_of(value)
    if hasattr(value, "__code__"):
        return f"{name_of(value)} ({place_of(value)})"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


__all__ = ["FOLDERS", "declared_at", "shown"]
