"""Another ASGI application in place of 404: what no route of an application matched goes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaven.declaring.registrations import OTHER, everything_below
from heaven.http.urls import path_below_root
from heaven.routing.patterns import parse_pattern
from heaven.routing.table import RouteTable
from heaven.serving.endpoint import Endpoint
from heaven.serving.missing import Missing

if TYPE_CHECKING:
    from heaven.declaring.registrations import Fallback
    from heaven.messages.site import Site
    from heaven.serving.recovery import Recovery
    from heaven.types import Receive, Scope, Send


class Diverted(Missing):
    """Lives with the wiring, in place of a `Missing`: it answers 405 and OPTIONS alike, and hands on what is left.

    Args:
        site: what such requests share; its route is None.
        recovery: the error handlers of the application, which answer what the fallback raises.
        fallback: what takes the requests.
        prefix: the prefix that its application is mounted under.
    """

    __slots__ = ("_around", "_fallback", "_head", "_other")

    def __init__(self, site: Site, recovery: Recovery, fallback: Fallback, prefix: str) -> None:
        super().__init__(site, recovery)
        serve = fallback.application.serve
        self._fallback = fallback
        self._head = Endpoint(site, serve, recovery=recovery, method="HEAD")
        self._other = Endpoint(site, serve, recovery=recovery, method="")  # the fallback reads the body, if anyone
        self._around: RouteTable[bool] = RouteTable(slashes="strict")
        for text in everything_below(prefix, "strict"):
            self._around.add(OTHER, parse_pattern(text), True)  # noqa: FBT003 (there is something)

    @property
    def leads_to(self) -> str | None:
        """Where the fallback was said."""
        return self._fallback.place

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the fallback answer."""
        path = path_below_root(scope)
        found = self._around.find(OTHER, path, scope.get("raw_path"))
        params = found[1] if found is not None else {"*": path}  # "*" itself is below no prefix
        if scope["type"] == "websocket":
            from heaven.serving.websocket_endpoint import SocketEndpoint  # loaded with the first WebSocket

            endpoint = SocketEndpoint(self._site, self._fallback.application.connect, recovery=self._recovery)
            await endpoint.run(scope, receive, send, params)
        else:
            await (self._head if scope["method"] == "HEAD" else self._other).run(scope, receive, send, params)
