"""Classes whose decorated methods are handlers, with what they have in common said once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from heaven.callables import name_of
from heaven_contrib.routing.declarations.declaration import AnyHandler, HandlerDeclaration
from heaven_contrib.routing.declarations.paths import to_pattern
from heaven_contrib.routing.dependencies.inject import Inject
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.interceptors import Interceptor
from heaven_contrib.routing.levels.level import SAID, Level, Security, level
from heaven_contrib.routing.levels.middleware import DefineMiddleware
from heaven_contrib.routing.levels.permissions import Permission
from heaven_contrib.routing.places import declared_at
from heaven_contrib.routing.responding.cookies import Cookie
from heaven_contrib.routing.responding.headers import ResponseHeader
from heaven_contrib.routing.responding.responses import Response
from heaven_contrib.routing.shapes import listed, takes


class APIView:
    """A class whose methods serve below one path; each place it is mounted at has one instance.

    What it says as a level are its attributes, see `LevelParameters`; those of a subclass replace those of its bases,
    but `permissions` are added to them, so that no subclass opens what its base closed. Methods are inherited as usual:
    one that is overridden, by whatever, is a route no more.

    Raises:
        ImproperlyConfigured: an attribute can't work; said when the class is written.

    Example:
        >>> from heaven_contrib.routing.declarations.handlers import get
        >>> class UserView(APIView):
        ...     path = "/users"
        ...     tags = ["users"]
        ...
        ...     @get("/{id:int}")
        ...     async def read(self, id: int) -> dict[str, int]:
        ...         return {"id": id}
        >>> [handler.path for handler in viewed(UserView).handlers]
        ['/:id:int']
    """

    path: ClassVar[str] = "/"
    dependencies: ClassVar[Mapping[str, Inject | Callable[..., Any]] | None] = None
    permissions: ClassVar[Sequence[Permission] | None] = None
    interceptors: ClassVar[Sequence[type[Interceptor] | Interceptor] | None] = None
    middleware: ClassVar[Sequence[DefineMiddleware | Callable[..., Any]] | None] = None
    exception_handlers: ClassVar[Mapping[int | type[Exception], Callable[..., Any]] | None] = None
    before_request: ClassVar[Sequence[Callable[..., Any]] | None] = None
    after_request: ClassVar[Sequence[Callable[..., Any]] | None] = None
    response_class: ClassVar[type[Response] | None] = None
    response_headers: ClassVar[Mapping[str, ResponseHeader] | None] = None
    response_cookies: ClassVar[Sequence[Cookie] | None] = None
    tags: ClassVar[Sequence[str] | None] = None
    deprecated: ClassVar[bool | None] = None
    security: ClassVar[Sequence[Security] | None] = None
    include_in_schema: ClassVar[bool | None] = None
    redirect_slashes: ClassVar[bool | None] = None
    _viewed: ClassVar[Viewed]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._viewed = _viewed(cls, declared_at())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Viewed:
    """What a view class declares: its pattern, its level, and its handlers in the order they were written."""

    path: str
    level: Level
    handlers: tuple[AnyHandler, ...]


def viewed(view: type[APIView]) -> Viewed:
    """What a view class declares, ready to be mounted.

    Args:
        view: a subclass of APIView.

    Raises:
        ImproperlyConfigured: it has no handlers, or no instance can be made of it without arguments.

    Example:
        >>> viewed(APIView)
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: heaven_contrib.routing.declarations.views.APIView has no \
handlers; write a subclass and decorate its methods, with @get() for example
    """
    declared: Viewed | None = vars(view).get("_viewed")
    if declared is None or not declared.handlers:
        raise ImproperlyConfigured(
            f"{name_of(view)} has no handlers; write a subclass and decorate its methods, with @get() for example"
        )
    if inspect.isabstract(view) or not takes(view):
        raise ImproperlyConfigured(
            f"{declared.level.label} at {declared.level.place} is made once for each place it is mounted at, and can't "
            "be made without arguments; give what it needs by dependencies, or as attributes of the class"
        )
    return declared


def _viewed(view: type[APIView], place: str) -> Viewed:
    label = f"APIView {view.__qualname__}"
    where = f"{label} at {place}"
    said = {name: getattr(view, name) for name in SAID if name != "permissions"}
    return Viewed(
        path=to_pattern(view.path, where),
        level=level("view", label, place, permissions=_permissions(view, where), **said),
        handlers=_handlers(view, where),
    )


def _permissions(view: type[APIView], where: str) -> list[Any]:
    """Those of the class and of all its bases, each once, the bases' first."""
    found: list[Any] = []
    for base in reversed(view.__mro__):
        said = vars(base).get("permissions")
        if said is not None:
            found += [each for each in listed(said, "permissions", where, "[IsAdmin]") if each not in found]
    return found


def _handlers(view: type[APIView], where: str) -> tuple[AnyHandler, ...]:
    """The decorated methods of the class and of all its bases, as inheritance leaves them."""
    found: dict[str, AnyHandler] = {}
    for base in reversed(view.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, HandlerDeclaration):
                found[name] = value
            elif isinstance(getattr(value, "__func__", None), HandlerDeclaration):
                raise ImproperlyConfigured(
                    f"{where} has {name!r} as a {type(value).__name__}; handlers of a view are methods that take self"
                )
            else:
                found.pop(name, None)
    return tuple(found.values())


__all__ = ["APIView", "Viewed", "viewed"]
