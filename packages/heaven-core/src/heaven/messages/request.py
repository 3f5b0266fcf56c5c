"""What the client sent: parsed where it is asked for, and no sooner."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import UNSET, Struct, UnsetType

from heaven.http.cookies import parse_cookies
from heaven.http.hosts import host_name, subdomain_of
from heaven.http.queries import converted, parse_query
from heaven.http.urls import authority, path_below_root, request_target
from heaven.messages.receiving import Receiving

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.bodies.forms import Form
    from heaven.http.headers import Headers
    from heaven.http.proxies import Origin
    from heaven.messages.site import Site
    from heaven.types import Receive, Scope


# PERF: a Struct is made in C: 0.95 of the time on static JSON, and no exception where a slot is still empty.
class Request(Receiving, Struct, eq=False):
    """Lives with one request: the read side of `async def handler(req, res, ctx)`.

    Handlers get it; nothing but Heaven makes one. `params` holds the path parameters, converted as the route says.

    Example:
        >>> async def read(req, res, ctx):
        ...     page = req.queries.get("page", 1)
        ...     return {"id": req.params["id"], "agent": req.headers.get("user-agent"), "page": page}
    """

    scope: Scope
    receive: Receive
    site: Site
    params: dict[str, Any]
    watch: asyncio.Task[None] | None = None
    # What is parsed when it is first asked for.
    _body: bytes | UnsetType = UNSET
    _cookies: dict[str, str] | UnsetType = UNSET
    _data: Any = UNSET
    _form: Form | UnsetType = UNSET
    _headers: Headers | UnsetType = UNSET
    _json: Any = UNSET
    _origin: Origin | UnsetType = UNSET
    _pairs: list[tuple[str, str]] | UnsetType = UNSET
    _queries: dict[str, Any] | UnsetType = UNSET
    _streamed: bool | UnsetType = UNSET

    # Where it goes to

    @property
    def app(self) -> App:
        """The application whose route this is: for a mounted child's route, the child."""
        return self.site.app

    @property
    def path(self) -> str:
        """The decoded path below the server's `root_path`: what routes are matched against."""
        return path_below_root(self.scope)

    @property
    def url(self) -> str:
        """The whole URL, as the client sees it: `https://shop.test/orders?page=2`.

        Host and scheme are what the client, or a trusted proxy, says they are: show it, but decide nothing by it.
        """
        return self.base_url + request_target(self.scope)

    @property
    def base_url(self) -> str:
        """Scheme and host, without a path: `https://shop.test`."""
        return f"{self.scheme}://{authority(self.scope, self.origin.host or self.headers.get('host'))}"

    def url_for(self, name: str, /, **params: Any) -> str:
        """The path of a named route, below the `root_path` this request came through; see `App.url_for`."""
        prefix: str = self.scope.get("root_path") or ""
        root = self.site.root or self.site.app
        return quote(prefix.rstrip("/"), safe="/") + root.wire().url_for(self.site.app, name, params)

    # Who sends it

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name; of two with one name the first counts (RFC 6265 5.4)."""
        if self._cookies is UNSET:
            self._cookies = parse_cookies(self.headers.getall("cookie"))
        return self._cookies

    @property
    def origin(self) -> Origin:
        """Address, scheme and host of the client, as far as the application's trusted proxies are to be believed."""
        if self._origin is UNSET:
            client = self.scope.get("client")
            self._origin = self.site.proxies.resolve((client[0] or None) if client else None, self.headers)
        return self._origin

    @property
    def host(self) -> str | None:
        """The host name, in lower case and without its port, or None where the client sent none that is well-formed."""
        value = self.origin.host or self.headers.get("host")
        return host_name(value) if value is not None else None

    @property
    def subdomain(self) -> str | None:
        """The subdomain, `api` of `api.shop.test`, or what stands before `App(domain=...)`; None without one."""
        host = self.host
        return subdomain_of(host, self.site.domain) if host is not None else None

    @property
    def ip(self) -> str | None:
        """The client's address: the nearest one that is no trusted proxy."""
        return self.origin.ip

    @property
    def scheme(self) -> str:
        """`http` or `https` (`ws` or `wss`), as the client speaks to the outermost trusted proxy."""
        return self.origin.scheme or self.scope.get("scheme", "http")

    # The query

    @property
    def queries(self) -> dict[str, Any]:
        """The query parameters: the last value of each, converted where the route hints at a type (`/search?page:int`).

        Raises:
            ValidationError: 422, naming every value that does not convert.
        """
        if self._queries is UNSET:
            self._queries = converted(self._query_pairs(), self.site.hints)
        return self._queries

    @property
    def queries_all(self) -> dict[str, list[str]]:
        """The query parameters with all values of each, as text and in order."""
        everything: dict[str, list[str]] = {}
        for name, value in self._query_pairs():
            everything.setdefault(name, []).append(value)
        return everything

    def _query_pairs(self) -> list[tuple[str, str]]:
        if self._pairs is UNSET:
            self._pairs = parse_query(self.scope.get("query_string", b""))
        return self._pairs

    def __repr__(self) -> str:
        return f"<Request {self.scope.get('method', 'WebSocket')} {self.scope['path']!r}>"
