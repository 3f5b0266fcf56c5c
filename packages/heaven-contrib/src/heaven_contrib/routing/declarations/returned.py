"""What a function says that it returns, and whether that is the body of a response."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Never, NoReturn, Union, get_args, get_origin, get_type_hints

import heaven
from heaven.callables import name_of
from heaven_contrib.routing.binding.signature import namespace_of
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.responding.responses import Response

_NO_BODY = (None, NoneType, Any, Never, NoReturn)


def returned(function: Callable[..., Any], place: str) -> Any:
    """The annotation of what a function returns, resolved; None where there is none.

    Args:
        function: a function, bound method, `functools.partial` or an object with `__call__`.
        place: where it was declared, `file:line`.

    Raises:
        ImproperlyConfigured: a name in it does not exist, or not yet.

    Example:
        >>> def read() -> "list[int]": ...
        >>> returned(read, "shop.py:7")
        list[int]
    """
    while isinstance(function, partial):
        function = function.func
    written = inspect.unwrap(function)
    written = written if hasattr(written, "__annotations__") else type(written).__call__
    annotation = getattr(written, "__annotations__", {}).get("return")
    holder = SimpleNamespace(__annotations__={"return": annotation})
    try:
        hint = get_type_hints(holder, dict(namespace_of(written)), include_extras=True)["return"]
    except Exception as error:
        raise ImproperlyConfigured(
            f"{name_of(function)} at {place} returns {annotation!r}, which can't be resolved: {error}; define or "
            "import it in the module, outside of functions and `if TYPE_CHECKING`"
        ) from error
    return None if hint is NoneType else hint


def is_body(annotation: Any) -> bool:
    """Whether a function with this annotation returns the body of a response; one that may be None is one.

    Args:
        annotation: as `returned` gives it. A response says itself what its body is, so it is none.

    Example:
        >>> is_body(dict[str, int]), is_body(int | None), is_body(None)
        (True, True, False)
    """
    if annotation in _NO_BODY:
        return False
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_body(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return any(map(is_body, get_args(annotation)))
    return not (isinstance(annotation, type) and issubclass(annotation, Response | heaven.Response))


__all__ = ["is_body", "returned"]
