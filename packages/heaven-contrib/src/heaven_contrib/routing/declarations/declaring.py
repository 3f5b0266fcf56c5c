"""From a decorated function to its declaration: what it can't be is refused, with the cure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from heaven.callables import is_async, name_of
from heaven.declaring.registrations import SOCKET, Options
from heaven.declaring.store import missing
from heaven.declaring.verbs import checked_options
from heaven.errors import RegistrationError
from heaven_contrib.routing.declarations.declaration import AnyHandler, HandlerDeclaration
from heaven_contrib.routing.declarations.handler_parameters import (
    LIMITS,
    HandlerParameters,
    SocketParameters,
    checked_own,
)
from heaven_contrib.routing.declarations.paths import names, to_pattern
from heaven_contrib.routing.declarations.returned import is_body
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.level import SAID, Level, level
from heaven_contrib.routing.places import shown

P = ParamSpec("P")
R = TypeVar("R")

_STATUS = {"POST": 201, "DELETE": 204, SOCKET: 101}
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "TRACE")
_BODY = ("data", "payload")
_WITHOUT_CONTENT = (204, 304)


def declare(
    function: Callable[P, R],
    *,
    word: str,
    methods: tuple[str, ...],
    path: str,
    given: Mapping[str, Any],
    place: str,
) -> HandlerDeclaration[P, R]:
    """The declaration of a function.

    Args:
        function: what was decorated.
        word: with what: `"@get"`.
        methods: the HTTP methods, or `("WEBSOCKET",)`.
        path: as it was passed.
        given: the other parameters as they were passed.
        place: where it was decorated, `file:line`.

    Raises:
        ImproperlyConfigured: the function or a parameter can't work.

    Example:
        >>> hello = declare(lambda: "Hello", word="@get", methods=("GET",), path="/hello", given={}, place="shop.py:7")
        >>> hello.path, hello.status_code
        ('/hello', 200)
    """
    _check_kind(function, f"{word} at {place}")
    label = f"{word} {name_of(function)}"
    where = f"{label} at {place}"
    _check_known(given, SocketParameters if methods == (SOCKET,) else HandlerParameters, where)
    own = checked_own(given, where)
    if own["description"] is None:
        own["description"] = _docstring(function)
    if own["status_code"] is None:
        own["status_code"] = _default_status(methods)
    if own["sync_to_thread"] and is_async(function):
        raise ImproperlyConfigured(f"{where} got sync_to_thread=True and is async; leave it out")
    declaration = HandlerDeclaration(
        function=function,
        methods=methods,
        path=to_pattern(path, where),
        limits=_checked_limits(given, methods, label, place),
        level=level("handler", label, place, **{name: value for name, value in given.items() if name in SAID}),
        place=place,
        **own,
    )
    _check_signature(declaration, where)
    check_names((declaration.level,), declaration.path, where)
    check_returned(declaration)
    return declaration


def check_names(levels: tuple[Level, ...], path: str, where: str) -> None:
    """Refuse a path parameter with the name of a dependency.

    Args:
        levels: those whose dependencies count.
        path: the pattern of the whole path.
        where: which declaration has them, and where.

    Raises:
        ImproperlyConfigured: a name stands for both.
    """
    for name in names(path):
        for each in levels:
            if name in each.dependencies:
                raise ImproperlyConfigured(
                    f"{where} has {name!r} in its path {path!r} and as a dependency of {each.label} at {each.place}; "
                    "give one of them another name"
                )


def check_returned(declaration: AnyHandler) -> None:
    """Refuse a body where the status has none (RFC 9110 15.3.5 and 15.4.5).

    An annotation whose names do not exist yet says nothing, so this is asked again when the handler gets its place.

    Raises:
        ImproperlyConfigured: the annotation is that of a body.
    """
    if declaration.status_code not in _WITHOUT_CONTENT:
        return
    returns = None
    with suppress(ImproperlyConfigured):
        returns = declaration.returns
    if is_body(returns):
        raise ImproperlyConfigured(
            f"{declaration.label} at {declaration.place} returns {shown(returns)}, and a {declaration.status_code} has "
            "no body; return None, or say another status, as in status_code=200"
        )


def _checked_limits(given: Mapping[str, Any], methods: tuple[str, ...], label: str, place: str) -> Mapping[str, Any]:
    """What the core takes of the parameters, checked as its own verbs do."""
    limits = {name: given[name] for name in LIMITS if name in given}
    try:
        checked_options(Options(), limits, methods[0], label, place)
    except RegistrationError as error:
        raise ImproperlyConfigured(str(error)) from None
    return MappingProxyType(limits)


def _check_kind(function: Any, where: str) -> None:
    """Refuse what can be no handler, whatever its signature."""
    if isinstance(function, HandlerDeclaration):
        raise ImproperlyConfigured(
            f"{where} got {function!r}, which is declared already; write @route(methods=[...]) for several methods, "
            "and mount it with several Gateways for several paths"
        )
    if isinstance(function, staticmethod | classmethod):
        raise ImproperlyConfigured(
            f"{where} got a staticmethod or classmethod; give a function of the module, or a method that takes self"
        )
    if isinstance(function, type) or not callable(function):
        raise ImproperlyConfigured(f"{where} got {shown(function)}; it declares functions, so give one")
    if inspect.isgeneratorfunction(function):
        raise ImproperlyConfigured(
            f"{where} got {shown(function)}, which yields; make it async, or return StreamingResponse(...) of what "
            "yields"
        )


def _check_known(given: Mapping[str, Any], known: type, where: str) -> None:
    unknown = [name for name in given if name not in known.__annotations__]
    if unknown:
        told = missing(unknown[0], ["path", *known.__annotations__], "is taken")
        raise ImproperlyConfigured(f"{where} got {', '.join(unknown)}: {told}")


def _check_signature(declaration: AnyHandler, where: str) -> None:
    """Refuse what the names of the parameters alone tell; their types may not exist yet."""
    taken = _parameters(declaration.function)
    bodies = [name for name in _BODY if name in taken]
    bodiless = [method for method in _WITHOUT_BODY if method in declaration.methods]
    if declaration.is_socket:
        if bodies:
            raise ImproperlyConfigured(f"{where} takes {bodies[0]}, and a WebSocket has no body; read from socket")
        if "socket" not in taken:
            raise ImproperlyConfigured(f"{where} does not take socket; write it as `async def name(socket: WebSocket)`")
        if not is_async(declaration.function):
            raise ImproperlyConfigured(f"{where} is not async; write it as `async def name(socket: WebSocket)`")
    elif "socket" in taken:
        raise ImproperlyConfigured(f"{where} takes socket, and a request has none; declare it with @websocket")
    elif len(bodies) == len(_BODY):
        raise ImproperlyConfigured(f"{where} takes both data and payload, which are the same body; keep one of them")
    elif bodies and bodiless:
        raise ImproperlyConfigured(
            f"{where} takes {bodies[0]}, and a body of {bodiless[0]} means nothing (RFC 9110 9.3.1); "
            "use @post, @put or @patch, or read the query string by names of your own"
        )


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()  # written in C without a signature; binding says so


def _docstring(function: Callable[..., Any]) -> str | None:
    while isinstance(function, partial):
        function = function.func
    return inspect.cleandoc(function.__doc__) if function.__doc__ else None


def _default_status(methods: tuple[str, ...]) -> int:
    statuses = {_STATUS.get(method, 200) for method in methods}
    return statuses.pop() if len(statuses) == 1 else 200


__all__ = ["check_names", "check_returned", "declare"]
