"""The application, compiled: which endpoint serves a request is a look-up, and nothing is decided there any more."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from heaven.callables import name_of, place_of
from heaven.declaring.registrations import OTHER, SOCKET
from heaven.declaring.store import missing as near_misses
from heaven.errors import BadRequest, NoSuchURL
from heaven.http.headers import Headers
from heaven.http.hosts import AllowedHosts, host_name, subdomain_of
from heaven.http.urls import path_below_root
from heaven.routing.table import PERCENT

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.declaring.hooks import Hook
    from heaven.declaring.registrations import Route
    from heaven.declaring.surrounds import Folded
    from heaven.http.host_patterns import HostPattern
    from heaven.http.proxies import TrustedProxies
    from heaven.routing.patterns import Pattern
    from heaven.routing.table import Found, RouteTable
    from heaven.serving.missing import Missing
    from heaven.serving.recovery import Recovery
    from heaven.serving.sheltered import Sheltered
    from heaven.types import ASGIApp, Receive, Scope, Send, Slashes


class Runnable(Protocol):
    """What a route table leads to."""

    def run(self, scope: Scope, receive: Receive, send: Send, params: dict[str, Any]) -> Awaitable[None]:
        """Serve one request."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One line of the wiring, for reading: a route with all that was decided for it."""

    method: str
    pattern: Pattern
    subdomain: str | None
    app: App
    route: Route
    before: tuple[Hook, ...]
    after: tuple[Hook, ...]
    max_body_size: int | None
    timeout: float | None
    endpoint: Runnable
    recovery: Recovery
    folded: Folded | None = None
    host: HostPattern | None = None

    @property
    def redirect_slashes(self) -> bool | None:
        """Whether slashes at the end of its path are put right: its own word, else that of what is around it."""
        own = self.route.options.redirect_slashes
        return own if own is not None or self.folded is None else self.folded.redirect_slashes

    def __str__(self) -> str:
        host = self.host.text if self.host is not None else f"{self.subdomain}." if self.subdomain else ""
        lines = [f"{self.method:9} {host}{self.pattern.text}  {self.route.place}"]
        lines += [f"    LEVEL   {line}" for line in (self.folded.lines if self.folded is not None else ())]
        for hook in (*self.before, *self.after):
            name, place = name_of(hook.function), place_of(hook.function)
            lines.append(f"    {hook.when:6}  {name}  ({hook.pattern.text})  {place}")
        # A WebSocket has neither: its messages have limits of the server's, and it may stay open.
        limits = {} if self.method == SOCKET else {"max_body_size": self.max_body_size, "timeout": self.timeout}
        told = [f"{name} {value}" for name, value in limits.items() if value is not None]
        if told:
            lines.append(f"    limits  {', '.join(told)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The routes of one subdomain or host, and what answers where none of them matches.

    WebSockets have a table of their own: a client can send a request with the method `WEBSOCKET`.
    """

    routes: RouteTable[Runnable]
    sockets: RouteTable[Runnable]
    missing: Missing | Sheltered
    nested: RouteTable[Missing | Sheltered] | None = None

    def find(self, method: str, path: str, raw_path: bytes | None = None) -> Found[Runnable] | None:
        """What serves a method and path: their own route, else one for every method."""
        if method == SOCKET:
            return self.sockets.find(SOCKET, path, raw_path)
        return self.routes.find(method, path, raw_path) or self.routes.find(OTHER, path, raw_path)

    def methods(self, method: str, path: str, raw_path: bytes | None) -> list[str]:
        """The methods that Allow lists where a method is not served: of this path, or for `OPTIONS *` of all paths."""
        if path == "*" and method == "OPTIONS":
            return sorted({*self.routes.static, "OPTIONS"} - {OTHER})
        methods = self.routes.methods(path, raw_path)
        return sorted({*methods, "OPTIONS"} - {OTHER}) if methods else []

    def missing_at(self, path: str, raw_path: bytes | None) -> Missing | Sheltered:
        """Who answers for a path without a route: the innermost application that is mounted around it."""
        found = self.nested.find(OTHER, path, raw_path) if self.nested is not None else None
        return found[0] if found is not None else self.missing


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """Lives until something else is registered: immutable, made by `heaven.serving.compiling`.

    `entries` is what people read: print the wiring to see every route, its place and its hooks.
    """

    app: App
    default: Tables
    by_subdomain: Mapping[str, Tables]
    domain: str | None
    hosts: AllowedHosts | None
    proxies: TrustedProxies
    slashes: Slashes
    names: Mapping[App, Mapping[str, Pattern]]
    entries: tuple[Entry, ...]
    hooks: tuple[Hook, ...] = ()
    outermost: ASGIApp | None = None
    by_host: bool = False
    by_pattern: tuple[tuple[HostPattern, Tables], ...] = ()
    redirecting: Mapping[Runnable, bool] = field(default_factory=dict["Runnable", bool])
    """Of the routes that were told so themselves, whether slashes at their end are put right."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.entries))

    def serve(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Find what serves a request, and start it; the middleware around it ran already.

        A plain function, so that the endpoint's coroutine is the only frame below the application's own.
        """
        path: str = scope["path"]
        raw_path: bytes | None = scope.get("raw_path")
        if scope.get("root_path"):
            path, raw_path = path_below_root(scope), _raw_below_root(scope, raw_path)
        tables = self.default
        given: dict[str, Any] | None = None
        is_http = scope["type"] == "http"
        if self.by_host:
            try:
                tables, given = self.tables_for(scope)
            except BadRequest as error:
                return tables.missing.refuse(error, scope, receive, send)
        if is_http:
            method: str = scope["method"]
            if raw_path is None or PERCENT not in raw_path:
                # PERF: the static routes first, without a call: 0.97 of the time on static JSON.
                static = tables.routes.static.get(method)
                if static is not None and path in static:
                    return static[path].run(scope, receive, send, {} if given is None else given)
            # PERF: Tables.find, written out: one frame less.
            found = tables.routes.find(method, path, raw_path) or tables.routes.find(OTHER, path, raw_path)
        else:
            found = tables.sockets.find(SOCKET, path, raw_path)
        if found is not None:
            if given is not None:
                found[1].update(given)
            return found[0].run(scope, receive, send, found[1])
        missing = tables.missing_at(path, raw_path)
        if not is_http:
            return missing.not_found(scope, receive, send)
        methods = tables.methods(scope["method"], path, raw_path)
        if methods:
            return missing.not_allowed(methods, scope, receive, send)
        toggled = self.toggled(tables, scope["method"], path, raw_path)
        if toggled is not None:
            return missing.redirect(toggled, scope, receive, send)
        return missing.not_found(scope, receive, send)

    def toggled(self, tables: Tables, method: str, path: str, raw_path: bytes | None) -> str | None:
        """The path with its slash put right, where there is a route for that which redirects, or `slashes="redirect"`.

        The route of the method decides; where it has none, one of another method does, which will answer 405.
        """
        always = self.slashes == "redirect"
        # An encoded slash is part of a parameter; in a path that is put together again it would be one that divides.
        if not (always or self.redirecting) or b"%2f" in (raw_path or b"").lower():
            return None
        toggled = path[:-1] if path.endswith("/") else path + "/"
        # "//host" and "/\host" lead elsewhere: browsers read both as another host's URL.
        leads_elsewhere = toggled[1:2] in ("/", "\\")
        if not toggled or leads_elsewhere:
            return None
        known = tables.routes.methods(toggled)
        asked = [each for each in (method, OTHER) if each in known][:1] or known
        found = [tables.routes.find(each, toggled) for each in asked]
        return toggled if any(each and self.redirecting.get(each[0], always) for each in found) else None

    def tables_for(self, scope: Scope) -> tuple[Tables, dict[str, Any] | None]:
        """The tables for a request's host, and the parameters in it: of its pattern, else of its subdomain.

        Raises:
            BadRequest: the Host is malformed, or none of the application's.
        """
        values = [value for name, value in scope["headers"] if name.lower() == b"host"]
        if len(values) > 1:
            raise BadRequest("The request has more than one Host.")
        host = values[0].decode("latin-1") if values else None
        if self.proxies.networks:
            client = scope.get("client")
            origin = self.proxies.resolve(client[0] if client else None, Headers(scope["headers"]))
            host = origin.host or host
        name = host_name(host) if host is not None else None
        if self.hosts is not None and name not in self.hosts:
            raise BadRequest("This host is not served here.")
        below = self.below_host(name)
        if below is not None:
            return below[1:]
        return self.tables_of(subdomain_of(name, self.domain) if name is not None else None), None

    def below_host(self, name: str | None) -> tuple[HostPattern, Tables, dict[str, Any]] | None:
        """The most specific pattern that matches a host, with its tables and parameters; None without one."""
        if self.by_pattern and name is not None:
            labels = name.split(".")
            for pattern, tables in self.by_pattern:
                given = pattern.match(labels)
                if given is not None:
                    return pattern, tables, given
        return None

    def tables_of(self, subdomain: str | None) -> Tables:
        """The tables of a subdomain; unknown ones fall to `"*"`, then to the default."""
        if subdomain is None:
            return self.default
        return self.by_subdomain.get(subdomain) or self.by_subdomain.get("*") or self.default

    def tables_with(self, entry: Entry) -> Tables:
        """The tables that a route stands in."""
        return dict(self.by_pattern)[entry.host] if entry.host is not None else self.tables_of(entry.subdomain)

    def url_for(self, app: App, name: str, params: Mapping[str, Any]) -> str:
        """The path of a named route of an application, with the prefixes it is mounted under."""
        names = self.names.get(app, {})
        if name not in names:
            raise NoSuchURL(near_misses(name, names, "is routed"))
        return names[name].path(params)


@dataclass(frozen=True, slots=True, eq=False)
class Island:
    """A child with middleware of its own, which has to see all that comes below its prefix: it has its own wiring."""

    wiring: Wiring
    enter: ASGIApp

    def run(self, scope: Scope, receive: Receive, send: Send, params: dict[str, Any]) -> Awaitable[None]:  # noqa: ARG002
        """Hand a request over; the child's own wiring finds its route again."""
        return self.enter(scope, receive, send)


def _raw_below_root(scope: Scope, raw_path: bytes | None) -> bytes | None:
    """The raw path without the segments of `root_path`, where `path` has them as well."""
    root: str = (scope.get("root_path") or "").rstrip("/")
    if raw_path is None or path_below_root(scope) == scope["path"]:
        return raw_path
    rest = raw_path.split(b"/", root.count("/") + 1)
    return b"/" + rest[-1] if len(rest) == root.count("/") + 2 else b"/"
