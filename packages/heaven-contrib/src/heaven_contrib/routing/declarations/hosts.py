"""Host: routes, or a whole application, for the hosts of a pattern."""

from __future__ import annotations

from heaven.errors import RegistrationError
from heaven.http.host_patterns import parse_host
from heaven.types import ASGIApp
from heaven_contrib.routing.declarations.branches import Branch, Routes, check_one_of
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.level import Level, level
from heaven_contrib.routing.places import declared_at


class Host(Branch):
    """Routes for the hosts of a pattern; its parameters join those of the path.

    Args:
        host: `"api.{tenant}.example.com"`, without scheme and port; the port of a request does not count.
        app: an application that keeps its own not-found answers and error handlers, or `"module:attribute"` of one.
        routes: what stands in a list of routes, in place of `app`.
        name: goes before the names below.

    Raises:
        ImproperlyConfigured: the pattern can't be one of hosts, or there is not exactly one of `app` and `routes`.
        ModuleNotFoundError: there is no module of that name.

    Example:
        >>> from heaven_contrib.routing.declarations.handlers import get
        >>> @get("/")
        ... async def front(tenant: str) -> None: ...
        >>> Host("{tenant}.Example.com", routes=[front]).host
        '{tenant}.example.com'
    """

    __slots__ = ("host", "level")

    def __init__(
        self,
        host: str,
        app: ASGIApp | str | None = None,
        routes: Routes | None = None,
        name: str | None = None,
    ) -> None:
        place = declared_at()
        where = f"Host at {place}"
        check_one_of(where, app=app, routes=routes)
        super().__init__(app=app, routes=routes, name=name, place=place)
        try:
            self.host: str = parse_host(host).text
        except RegistrationError as error:
            raise ImproperlyConfigured(f"{where}: {error}") from None
        self.level: Level = level("include", f"Host {self.host}", place)

    def __repr__(self) -> str:
        return f"<Host {self.host} at {self.place}>"


__all__ = ["Host"]
