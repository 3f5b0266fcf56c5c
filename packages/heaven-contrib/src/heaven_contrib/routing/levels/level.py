"""What one level of the tree says about the routes below it: an application, Include, Gateway, view or handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypedDict

from heaven_contrib.routing.dependencies.inject import Inject, checked_dependencies
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.exception_handlers import checked_exception_handlers
from heaven_contrib.routing.levels.interceptors import Interceptor, InterceptorDeclared, checked_interceptors
from heaven_contrib.routing.levels.middleware import DefineMiddleware, checked_middleware
from heaven_contrib.routing.levels.permissions import Permission, checked_permissions
from heaven_contrib.routing.levels.request_hooks import checked_request_hooks
from heaven_contrib.routing.responding.cookies import Cookie, checked_cookies
from heaven_contrib.routing.responding.headers import ResponseHeader, checked_headers
from heaven_contrib.routing.responding.responses import Response

Kind: TypeAlias = Literal["application", "router", "include", "child", "gateway", "view", "handler"]
Security: TypeAlias = str | Mapping[str, Sequence[str]]


class LevelParameters(TypedDict, total=False):
    """What can be said on every level; each row of the table in the guide is one of these."""

    dependencies: Mapping[str, Inject | Callable[..., Any]] | None
    """Names and what gives their values: `{"db": Inject(connect)}`; an inner one overrides an outer one."""
    permissions: Sequence[Permission] | None
    """`BasePermission` classes, or compositions of them; those of all levels must allow."""
    interceptors: Sequence[type[Interceptor] | Interceptor] | None
    """`Interceptor` classes; the outermost runs first."""
    middleware: Sequence[DefineMiddleware | Callable[..., Any]] | None
    """ASGI middleware classes, or `DefineMiddleware(cls, **options)`; the outermost runs first."""
    exception_handlers: Mapping[int | type[Exception], Callable[..., Any]] | None
    """By status code or exception class; the innermost level that has one answers."""
    before_request: Sequence[Callable[..., Any]] | None
    """Called with the request, once the permissions allowed it."""
    after_request: Sequence[Callable[..., Any]] | None
    """Called with the request and its response."""
    response_class: type[Response] | None
    """What a returned value is made into; the innermost counts."""
    response_headers: Mapping[str, ResponseHeader] | None
    """Header fields of the response; an inner one overrides an outer one."""
    response_cookies: Sequence[Cookie] | None
    """Cookies of the response; an inner one overrides an outer one."""
    tags: Sequence[str] | None
    """For the documentation; those of all levels."""
    deprecated: bool | None
    """For the documentation; true if any level says so."""
    security: Sequence[Security] | None
    """For the documentation: `{"oauth2": ["read"]}` or `"api_key"`; those of all levels."""
    include_in_schema: bool | None
    """For the documentation; false if any level says so."""
    redirect_slashes: bool | None
    """Whether a path with a slash too many is redirected; the innermost that says so counts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One level, checked: what it says, and where it was said."""

    kind: Kind
    label: str
    place: str
    dependencies: Mapping[str, Inject] = field(default_factory=lambda: MappingProxyType[str, Inject]({}))
    permissions: tuple[Permission, ...] = ()
    interceptors: tuple[InterceptorDeclared, ...] = ()
    middleware: tuple[DefineMiddleware, ...] = ()
    exception_handlers: Mapping[int | type[Exception], Callable[..., Any]] = field(
        default_factory=lambda: MappingProxyType[int | type[Exception], Callable[..., Any]]({})
    )
    before_request: tuple[Callable[..., Any], ...] = ()
    after_request: tuple[Callable[..., Any], ...] = ()
    response_class: type[Response] | None = None
    response_headers: Mapping[str, ResponseHeader] = field(
        default_factory=lambda: MappingProxyType[str, ResponseHeader]({})
    )
    response_cookies: tuple[Cookie, ...] = ()
    tags: tuple[str, ...] = ()
    security: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    deprecated: bool = False
    include_in_schema: bool = True
    redirect_slashes: bool | None = None

    def __str__(self) -> str:
        said = ", ".join(name for name in SAID if getattr(self, name) not in _SILENT[name])
        return f"{self.label}: {said}" if said else self.label


SAID: tuple[str, ...] = tuple(LevelParameters.__annotations__)
"""The names of all that a level can say."""

_SILENT: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(SAID, ((), None, MappingProxyType[Any, Any]({}))),
    "deprecated": (False,),
    "include_in_schema": (True,),
}


def level(kind: Kind, label: str, place: str, **given: Any) -> Level:
    """What a level says, checked.

    Args:
        kind: which level it is.
        label: what messages call it: `"Include /api"`.
        place: where it was said, `file:line`.
        **given: the parameters as they were passed; None stands for what was not said.

    Raises:
        ImproperlyConfigured: a parameter is unknown, or its value can't work.

    Example:
        >>> level("include", "Include /api", "shop.py:7", tags=["orders"]).tags
        ('orders',)
        >>> level("include", "Include /api", "shop.py:7", tag=["orders"])
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Include /api at shop.py:7 got tag; it takes dependencies, \
permissions, interceptors, middleware, exception_handlers, before_request, after_request, response_class, \
response_headers, response_cookies, tags, deprecated, security, include_in_schema, redirect_slashes
    """
    unknown = [name for name in given if name not in _CHECKS]
    if unknown:
        raise ImproperlyConfigured(f"{label} at {place} got {', '.join(unknown)}; it takes {', '.join(SAID)}")
    said = {name: value for name, value in given.items() if value is not None}
    where = f"{label} at {place}"
    return Level(
        kind=kind, label=label, place=place, **{name: _CHECKS[name](value, where) for name, value in said.items()}
    )


def _checked_class(value: Any, place: str) -> type[Response]:
    if not (isinstance(value, type) and issubclass(value, Response)):
        raise ImproperlyConfigured(
            f"{place} got response_class={value!r}; give a class of Response, such as JSONResponse"
        )
    return value


def _checked_tags(value: Any, place: str) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in _listed(value, "tags", place)):
        raise ImproperlyConfigured(f"{place} got tags={value!r}; give a list of str, as in ['orders']")
    return tuple(value)


def _checked_security(value: Any, place: str) -> tuple[Mapping[str, tuple[str, ...]], ...]:
    if isinstance(value, str | Mapping):
        return (_checked_scheme(value, place),)
    return tuple(_checked_scheme(each, place) for each in _listed(value, "security", place))


def _checked_scheme(value: Any, place: str) -> Mapping[str, tuple[str, ...]]:
    if isinstance(value, str):
        return {value: ()}
    if isinstance(value, Mapping):
        schemes: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType]
        if all(isinstance(name, str) and isinstance(scopes, list | tuple) for name, scopes in schemes.items()):
            return {name: tuple(scopes) for name, scopes in schemes.items()}
    raise ImproperlyConfigured(
        f"{place} got security={value!r}; give names of schemes with their scopes, as in {{'oauth2': ['read']}}"
    )


def _listed(value: Any, name: str, place: str) -> Sequence[Any]:
    if not isinstance(value, Sequence):
        raise ImproperlyConfigured(f"{place} got {name}={value!r}; give a list")
    return value  # pyright: ignore[reportUnknownVariableType]


def _flag(name: str) -> Callable[[Any, str], bool]:
    def checked(value: Any, place: str) -> bool:
        if not isinstance(value, bool):
            raise ImproperlyConfigured(f"{place} got {name}={value!r}; give True or False")
        return value

    return checked


_CHECKS: Mapping[str, Callable[[Any, str], Any]] = {
    "dependencies": checked_dependencies,
    "permissions": checked_permissions,
    "interceptors": checked_interceptors,
    "middleware": checked_middleware,
    "exception_handlers": checked_exception_handlers,
    "before_request": lambda value, place: checked_request_hooks(value, "before_request", place),
    "after_request": lambda value, place: checked_request_hooks(value, "after_request", place),
    "response_class": _checked_class,
    "response_headers": checked_headers,
    "response_cookies": checked_cookies,
    "tags": _checked_tags,
    "deprecated": _flag("deprecated"),
    "security": _checked_security,
    "include_in_schema": _flag("include_in_schema"),
    "redirect_slashes": _flag("redirect_slashes"),
}
