"""Include: routes, the routes of a module, or a whole application, below a path."""

from __future__ import annotations

from typing import Unpack

from heaven.routing.patterns import parse_pattern
from heaven.types import ASGIApp
from heaven_contrib.routing.declarations.branches import Branch, Routes, check_one_of, imported
from heaven_contrib.routing.declarations.paths import to_pattern
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.level import Level, LevelParameters, level
from heaven_contrib.routing.places import declared_at, shown

_PATTERN = "route_patterns"


class Include(Branch):
    """Routes below a path: given as they are, as a module's list of them, or as an application.

    Args:
        path: `"/shops/{shop}"`; its parameters bind to arguments of the handlers below.
        app: an application that keeps its own not-found answers and error handlers: a Router, an App, any ASGI
            application, or `"module:attribute"` of one.
        routes: Gateways, Includes, Hosts, Routers, decorated handlers and APIView classes.
        namespace: the name of a module that has a list of routes.
        pattern: what that list is called there.
        name: goes before the names below: `"api:read_user"`. Without one they stay as they are.
        **levels: see `LevelParameters`.

    Raises:
        ImproperlyConfigured: there is not exactly one of `app`, `routes` and `namespace`, or a parameter can't work.
        ModuleNotFoundError: there is no module of that name.

    Example:
        >>> from heaven_contrib.routing.declarations.handlers import get
        >>> @get("/users/{id:int}")
        ... async def read_user(shop: str, id: int) -> None: ...
        >>> Include("/shops/{shop}", routes=[read_user], name="shops").path
        '/shops/:shop'
        >>> Include("/api", routes=[read_user], namespace="shop.urls")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Include at <doctest ...>:1 got routes and namespace; \
give exactly one of app, routes and namespace
    """

    __slots__ = ("level", "path")

    def __init__(
        self,
        path: str = "/",
        *,
        app: ASGIApp | str | None = None,
        routes: Routes | None = None,
        namespace: str | None = None,
        pattern: str = _PATTERN,
        name: str | None = None,
        **levels: Unpack[LevelParameters],
    ) -> None:
        place = declared_at()
        where = f"Include at {place}"
        check_one_of(where, app=app, routes=routes, namespace=namespace)
        if namespace is not None:
            routes = _read_namespace(namespace, pattern, where)
        elif pattern != _PATTERN:
            raise ImproperlyConfigured(f"{where} got pattern={pattern!r} and no namespace; leave it out")
        super().__init__(app=app, routes=routes, name=name, place=place)
        self.path: str = _checked_path(path, where)
        self.level: Level = level("include", f"Include {path}", place, **levels)

    @property
    def redirect_slashes(self) -> bool | None:
        """Whether a path with a slash too many is redirected; None leaves it to what is outside."""
        return self.level.redirect_slashes

    def __repr__(self) -> str:
        return f"<{self.level.label} at {self.place}>"


def _checked_path(path: str, where: str) -> str:
    pattern = to_pattern(path, where)
    rest = parse_pattern(pattern or "/").rest
    if rest is not None:
        raise ImproperlyConfigured(
            f"{where} got the path {path!r}, and {rest!r} takes the rest of it, so nothing can stand below; "
            "put it into the paths of the handlers"
        )
    return pattern


def _read_namespace(namespace: object, pattern: object, where: str) -> Routes:
    """The list of routes of a module."""
    for name, value, example in (("namespace", namespace, "shop.urls"), ("pattern", pattern, _PATTERN)):
        if not isinstance(value, str) or not value or value.startswith("."):
            raise ImproperlyConfigured(f"{where} got {name}={shown(value)}; give a name in full, such as {example!r}")
    routes: Routes = imported(str(namespace), str(pattern), where)
    if not routes:
        raise ImproperlyConfigured(f"{where} found nothing in {pattern!r} of the module {namespace!r}; list its routes")
    return routes


__all__ = ["Include"]
