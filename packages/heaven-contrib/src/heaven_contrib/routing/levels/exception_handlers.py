"""What a level does about exceptions: handlers by status code or exception class, as the core takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias, TypeGuard

from heaven import Context, Request, Response
from heaven.callables import AsyncFunction
from heaven.declaring.registrations import Rescue
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import shown
from heaven_contrib.routing.responding.responder import apply
from heaven_contrib.routing.shapes import takes
from heaven_contrib.routing.threads import in_thread

ExceptionHandler: TypeAlias = Callable[[Request, Any], Any]
"""`handler(request, error)`, sync or async; what it returns is the answer."""


def checked_exception_handlers(value: Any, place: str) -> Mapping[int | type[Exception], ExceptionHandler]:
    """The exception handlers of a level.

    Args:
        value: what was passed as `exception_handlers`.
        place: which declaration got it, and where.

    Raises:
        ImproperlyConfigured: it is no mapping, a key is neither an error status nor a class of Exception, or a value
            can't be called with the request and the error.

    Example:
        >>> checked_exception_handlers({200: print}, "Router at shop.py:3")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Router at shop.py:3 got an exception handler for 200; \
give a status code from 400 to 599, or a class of Exception
    """
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(
            f"{place} got exception_handlers={shown(value)}; give a mapping, as in {{404: not_found, KeyError: gone}}"
        )
    handlers: dict[int | type[Exception], ExceptionHandler] = {}
    for event, handler in value.items():  # pyright: ignore[reportUnknownVariableType]
        if not _is_event(event):
            raise ImproperlyConfigured(
                f"{place} got an exception handler for {shown(event)}; "
                "give a status code from 400 to 599, or a class of Exception"
            )
        if not _takes_error(handler):
            raise ImproperlyConfigured(
                f"{place} got the exception handler {shown(handler)} for {shown(event)}; "
                "it is called with (request, error), so give a function that takes them"
            )
        handlers[event] = handler  # pyright: ignore[reportUnknownVariableType]
    return MappingProxyType(handlers)


def _is_event(event: Any) -> TypeGuard[int | type[Exception]]:
    if isinstance(event, int):
        return not isinstance(event, bool) and 400 <= event <= 599
    return isinstance(event, type) and issubclass(event, Exception)


def _takes_error(handler: Any) -> bool:
    # A class can be called as well, and what it makes is no answer.
    return not isinstance(handler, type) and callable(handler) and takes(handler, "request", "error")


def rescues(
    handlers: Mapping[int | type[Exception], ExceptionHandler], place: str
) -> Mapping[int | type[BaseException], Rescue]:
    """Exception handlers as the core calls them.

    Args:
        handlers: as `checked_exception_handlers` gives them.
        place: which declaration has them, and where.
    """
    return {
        event: Rescue(event, handler, _answering(handler), place, takes_all=True) for event, handler in handlers.items()
    }


def _answering(handler: ExceptionHandler) -> AsyncFunction:
    call = in_thread(handler)

    async def answer(req: Request, res: Response, _ctx: Context, error: Exception) -> None:
        apply(await call(req, error), res)

    return answer


__all__ = ["ExceptionHandler", "checked_exception_handlers", "rescues"]
