"""Host: routes, or a whole application, for the hosts of a pattern."""

from __future__ import annotations

import re
from typing import Any

from heaven.errors import RegistrationError
from heaven.routing.patterns import parse_pattern
from heaven.types import ASGIApp
from heaven_contrib.routing.branches import Branch, Routes, check_one_of
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.paths import to_parameter
from heaven_contrib.routing.places import declared_at

_LABEL = re.compile(r"[0-9A-Za-z_-]{1,63}")


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
        >>> from heaven_contrib.routing.handlers import get
        >>> @get("/")
        ... async def front(tenant: str) -> None: ...
        >>> Host("{tenant}.Example.com", routes=[front]).host
        ':tenant.example.com'
    """

    __slots__ = ("host",)

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
        self.host: str = to_host(host, where)

    def __repr__(self) -> str:
        return f"<Host {self.host} at {self.place}>"


def to_host(host: Any, where: str) -> str:
    """A host pattern in the core's spelling: lower case, parameters with colons.

    Args:
        host: as it was passed.
        where: which declaration got it, and where.

    Raises:
        ImproperlyConfigured: it can't be the host of a request.

    Example:
        >>> to_host("api.{ tenant : int }.example.com", "Host at shop.py:7")
        'api.:tenant:int.example.com'
    """
    if not isinstance(host, str) or not host:
        raise ImproperlyConfigured(f"{where} got host={host!r}; give a name such as 'api.{{tenant}}.example.com'")
    labels = [to_parameter(label) or label.lower() for label in host.removesuffix(".").split(".")]
    for label in labels:
        if not label.startswith(":") and _LABEL.fullmatch(label) is None:
            raise ImproperlyConfigured(
                f"{where} got host={host!r}, where {label!r} can't stand between dots; write names alone, without "
                "scheme, port and path, and parameters as in 'api.{tenant}.example.com'"
            )
    try:
        pattern = parse_pattern("/" + "/".join(labels))
    except RegistrationError as error:
        raise ImproperlyConfigured(f"{where} got host={host!r}: {error}") from None
    if pattern.rest is not None:
        raise ImproperlyConfigured(f"{where} got host={host!r}; a parameter takes what is between two dots, so no path")
    return ".".join(segment.text for segment in pattern.segments)


__all__ = ["Host", "to_host"]
