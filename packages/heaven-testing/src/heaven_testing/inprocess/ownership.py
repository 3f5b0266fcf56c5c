"""Whose doing something is: the application's, another one's, or the test's."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

OWNER: ContextVar[object] = ContextVar("heaven_testing_owner", default=None)
"""The server whose application runs; tasks and callbacks inherit it."""


def belongs(thing: object, owner: object) -> bool:
    """Whether a task or a callback is of the application that a server runs, as far as can be told.

    Args:
        thing: a task, or a handle of the event loop; of other things it can't be told, and they belong to everybody.
        owner: the server.
    """
    context = _context_of(thing)
    return context is None or context.get(OWNER) is owner


def _context_of(thing: Any) -> Context | None:
    if not issubclass(type(thing), (asyncio.Task, asyncio.Handle)):
        return None
    tell: Callable[[], Context] | None = getattr(thing, "get_context", None)
    # Python 3.11 has a context here as well, and does not show it.
    referents: list[object] = gc.get_referents(thing) if tell is None else [tell()]
    return next((each for each in referents if isinstance(each, Context)), None)
