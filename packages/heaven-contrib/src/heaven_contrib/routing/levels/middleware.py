"""ASGI middleware that a level declares, with its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

from heaven.callables import name_of, resolve
from heaven.errors import RegistrationError
from heaven.types import ASGIApp
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import declared_at, shown
from heaven_contrib.routing.shapes import listed, takes


class DefineMiddleware:
    """ASGI middleware with its options: `cls(app, **options)` is made of it when the application is wired.

    Args:
        cls: the class, or a function that gives the ASGI application to call in place of `app`; or its dotted name.
        **options: passed on.

    Raises:
        ImproperlyConfigured: it can't be called with `(app, **options)`, or its instances are no ASGI applications.

    Example:
        >>> from heaven_contrib import SecurityHeaders
        >>> DefineMiddleware(SecurityHeaders, headers={"X-Frame-Options": "DENY"})
        DefineMiddleware(SecurityHeaders, headers={'X-Frame-Options': 'DENY'})
        >>> DefineMiddleware(SecurityHeaders, header="DENY")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: DefineMiddleware at <doctest ...>:1 got \
heaven_contrib.security_headers.SecurityHeaders, which can't be called with (app, header=...); \
give an ASGI middleware class and the options it takes
    """

    __slots__ = ("cls", "options", "place")

    def __init__(self, cls: Callable[..., ASGIApp] | str, /, **options: Any) -> None:
        self.place: str = declared_at()
        self.cls: Callable[..., ASGIApp] = _checked(cls, options, f"DefineMiddleware at {self.place}")
        self.options: Mapping[str, Any] = MappingProxyType(options)

    def make(self, app: ASGIApp) -> ASGIApp:
        """The middleware around an application.

        Args:
            app: what it leads to.

        Raises:
            ImproperlyConfigured: what was made is no ASGI application.
        """
        made = self.cls(app, **self.options)
        if not callable(made):
            raise ImproperlyConfigured(
                f"{self!r} at {self.place} made {shown(made)}; a middleware makes an ASGI application"
            )
        return made

    def __repr__(self) -> str:
        """As it was written."""
        options = (f", {name}={value!r}" for name, value in self.options.items())
        return f"DefineMiddleware({name_of(self.cls).rpartition('.')[2]}{''.join(options)})"


def checked_middleware(value: Any, place: str) -> tuple[DefineMiddleware, ...]:
    """The middleware of a level.

    Args:
        value: what was passed as `middleware`.
        place: which declaration got it, and where.

    Raises:
        ImproperlyConfigured: it is no list, or one of them is no middleware.

    Example:
        >>> from heaven_contrib import SecurityHeaders
        >>> checked_middleware([SecurityHeaders], "Router at shop.py:3")
        (DefineMiddleware(SecurityHeaders),)
    """
    middleware = listed(value, "middleware", place, "[DefineMiddleware(cls, option=1)]")
    return tuple(each if isinstance(each, DefineMiddleware) else _defined(each, place) for each in middleware)


def _defined(given: Any, place: str) -> DefineMiddleware:
    return DefineMiddleware(_checked(given, {}, f"{place}, as middleware,"))


def _checked(given: Any, options: Mapping[str, Any], role: str) -> Callable[..., ASGIApp]:
    cure = "give an ASGI middleware class and the options it takes"
    cls = _imported(given, role) if isinstance(given, str) else given
    if not callable(cls) or not takes(cls, "app", **options):
        named = "".join(f", {name}=..." for name in options)
        raise ImproperlyConfigured(f"{role} got {shown(cls)}, which can't be called with (app{named}); {cure}")
    if isinstance(cls, type) and not any("__call__" in vars(base) for base in cls.__mro__):
        raise ImproperlyConfigured(
            f"{role} got {shown(cls)}, whose instances can't be called with (scope, receive, send); {cure}"
        )
    return cast("Callable[..., ASGIApp]", cls)


def _imported(dotted: str, role: str) -> object:
    try:
        return resolve(dotted, "middleware", role)
    except RegistrationError as error:
        raise ImproperlyConfigured(
            f"{role} got {dotted!r}, which can't be imported; give a dotted name as in 'shop.middleware.Timing'"
        ) from error


__all__ = ["DefineMiddleware", "checked_middleware"]
