"""From what was written down to the wiring: prefixes joined, hooks put in order, endpoints made; once, before traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from heaven.endpoint import Endpoint
from heaven.errors import RegistrationError
from heaven.foreign import Foreign
from heaven.forms import FormLimits
from heaven.hooks import Hook, arrange
from heaven.missing import Missing
from heaven.patterns import Pattern, parse_pattern
from heaven.recovery import Recovery, Rescue
from heaven.registrations import METHODS, OTHER, SOCKET, Mount, Options, Route, below, shape_of
from heaven.site import Site
from heaven.table import RouteTable
from heaven.websocket_endpoint import SocketEndpoint
from heaven.wiring import Entry, Runnable, Tables, Wiring

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.types import ASGIApp, Receive, Scope, Send, Slashes


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an application reaches: the prefix and subdomain it is mounted under, and what surrounds it."""

    app: App
    root: App
    prefix: str = ""
    subdomain: str | None = None
    hooks: tuple[tuple[Hook, ...], ...] = ()
    rescues: tuple[Mapping[int | type[BaseException], Rescue], ...] = ()
    named: tuple[tuple[App, str], ...] = ()
    """The applications in whose `url_for` its routes are named, each with the names of the mounts on the way."""

    @staticmethod
    def of(app: App) -> Reach:
        """Where an application stands that nothing is mounted around."""
        return Reach(app, app).enter(app)

    def enter(self, app: App) -> Reach:
        """The same place, with the hooks and error handlers of the application that is found there."""
        hooks = tuple(replace(hook, pattern=below(self.prefix, hook.pattern)) for hook in app.written.hooks)
        return replace(
            self,
            app=app,
            hooks=(*self.hooks, hooks),
            rescues=(app.written.rescues, *self.rescues),
            named=(*self.named, (app, "")),
        )

    def down(self, mount: Mount) -> Reach:
        """The place of a mount."""
        step = f"{mount.name}:" if mount.name else ""
        return replace(
            self,
            prefix=self.prefix + mount.prefix,
            subdomain=mount.subdomain or self.subdomain,
            named=tuple((app, name + step) for app, name in self.named),
        )


@dataclass(slots=True)
class _Draft:
    """The tables while they are being filled."""

    slashes: Slashes
    tables: dict[str | None, RouteTable[Runnable]] = field(default_factory=dict)
    nested: dict[str | None, RouteTable[Missing]] = field(default_factory=dict)
    claimed: dict[tuple[Any, ...], Route] = field(default_factory=dict)
    routes: list[tuple[Reach, Route]] = field(default_factory=list)
    islands: list[tuple[Reach, Mount]] = field(default_factory=list)
    names: dict[App, dict[str, Pattern]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)

    def table(self, subdomain: str | None) -> RouteTable[Runnable]:
        """The table of a subdomain, a new one where there is none yet."""
        return self.tables.setdefault(subdomain, RouteTable(slashes=self.slashes))

    def claim(self, subdomain: str | None, method: str, pattern: Pattern, route: Route) -> Route | None:
        """Take a place for a route, or give back the one that has it already."""
        key = (subdomain, method, shape_of(pattern, self.slashes))
        taken = self.claimed.setdefault(key, route)
        return None if taken is route else taken


def compile_app(app: App) -> Wiring:
    """Compile an application and everything mounted on it.

    Raises:
        RegistrationError: two routes answer to the same method and path, or two to one name; both places are named.
    """
    return _compile(Reach.of(app))


def _compile(reach: Reach) -> Wiring:
    app, options = reach.app, reach.root.options
    draft = _Draft(options.slashes)
    draft.table(None)
    _gather(reach, draft)
    for place, route in sorted(draft.routes, key=_rank):
        _add_route(place, draft, route)
    for place, child in draft.islands:
        _add_island(place, draft, child)
    missing = _missing(reach)
    tables = {name: Tables(table, missing, draft.nested.get(name)) for name, table in draft.tables.items()}
    wiring = Wiring(
        default=tables[None],
        by_subdomain={name: found for name, found in tables.items() if name is not None},
        domain=options.domain,
        hosts=options.hosts,
        slashes=options.slashes,
        names=draft.names,
        entries=tuple(draft.entries),
        hooks=tuple(draft.hooks),
        by_host=options.hosts is not None or len(tables) > 1,
    )
    return replace(wiring, outermost=_wrapped(app, wiring)) if app.written.wraps else wiring


def _wrapped(app: App, wiring: Wiring) -> ASGIApp:
    """The middleware of an application around its wiring, the one that was said first outermost."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await wiring.serve(scope, receive, send)

    outermost: ASGIApp = serve
    for wrap in reversed(app.written.wraps):
        try:
            outermost = wrap.factory(outermost, **wrap.options)
        except TypeError as error:
            raise RegistrationError(f"WRAP at {wrap.place} could not make its middleware: {error}") from error
    return outermost


def _gather(reach: Reach, draft: _Draft) -> None:
    """Note the routes of an application and of all that is mounted on it, each with its place."""
    draft.hooks += reach.hooks[-1]
    draft.names.setdefault(reach.app, {})
    draft.routes += [(reach, route) for route in reach.app.written.routes]
    for mount in reach.app.written.mounts:
        place, child = reach.down(mount), mount.child
        if isinstance(child, Foreign):
            draft.routes += [(place, route) for route in _foreign_routes(child, mount)]
        elif child.written.wraps:
            draft.islands.append((place.enter(child), mount))
        else:
            inner = place.enter(child)
            _gather(inner, draft)
            _add_missing(inner, draft)


def _rank(noted: tuple[Reach, Route]) -> int:
    """What was said of one method claims its place before the HEAD that GET brings, and that before `app.HTTP`."""
    method = noted[1].method
    return 2 if method is None else 1 if method == "GET" else 0


def _add_route(reach: Reach, draft: _Draft, route: Route) -> None:
    pattern = below(reach.prefix, route.pattern)
    subdomain = route.subdomain or reach.subdomain
    _add_name(reach, draft, route, pattern)
    for method in _methods(route.method):
        taken = draft.claim(subdomain, method, pattern, route)
        if taken is None:
            entry = _entry(reach, route, method, pattern, subdomain)
            draft.table(subdomain).add(method, pattern, entry.endpoint)
            draft.entries.append(entry)
        elif route.method == method:
            raise RegistrationError(
                f"{method} {pattern.text} at {route.place} is the same route as {taken.pattern.text} at {taken.place}; "
                "leave one out, or tell them apart by a type, as in ':id:int'"
            )


def _methods(method: str | None) -> tuple[str, ...]:
    if method is None:
        return (*METHODS, OTHER)
    return ("GET", "HEAD") if method == "GET" else (method,)


def _add_name(reach: Reach, draft: _Draft, route: Route, pattern: Pattern) -> None:
    name = route.options.name
    for app, steps in reach.named:
        names = draft.names.setdefault(app, {})
        if name is not None:
            known = names.setdefault(steps + name, pattern)
            if known is not pattern and known.text != pattern.text:
                raise RegistrationError(
                    f"the name {steps + name!r} at {route.place} is taken by {known.text}; give one of them another name"
                )


def _entry(
    reach: Reach, route: Route, method: str, pattern: Pattern, subdomain: str | None
) -> Entry:
    before, after = arrange(reach.hooks, pattern, method, subdomain)
    options = route.options
    site = _site(reach, pattern, options)
    recovery = Recovery(reach.rescues, debug=reach.root.options.debug)
    calls = {"before": tuple(hook.call for hook in before), "after": tuple(hook.call for hook in after)}
    endpoint: Runnable
    if method == SOCKET:
        endpoint = SocketEndpoint(site, route.call, recovery=recovery, origins=options.origins, **calls)
    else:
        endpoint = Endpoint(
            site,
            route.call,
            recovery=recovery,
            method=method,
            timeout=options.timeout,
            cancel_on_disconnect=options.cancel_on_disconnect,
            **calls,
        )
    limits = (options.max_body_size, options.timeout)
    return Entry(method, pattern, subdomain, reach.app, route, before, after, *limits, endpoint)


def _site(reach: Reach, pattern: Pattern | None, options: Options) -> Site:
    root = reach.root
    return Site(
        app=reach.app,
        route=pattern.text if pattern is not None else None,
        domain=root.options.domain,
        proxies=root.options.trusted_proxies,
        stopping=root.stopping,
        hints={hint.name: hint for hint in pattern.hints} if pattern is not None else {},
        expected=options.expects,
        streams=options.stream,
        max_body_size=options.max_body_size,
        form_limits=FormLimits(),
        debug=root.options.debug,
    )


def _missing(reach: Reach) -> Missing:
    return Missing(_site(reach, None, Options()), Recovery(reach.rescues, debug=reach.root.options.debug))


def _add_missing(reach: Reach, draft: _Draft) -> None:
    """Let a child that is mounted under a prefix answer for what it has no route for."""
    if reach.prefix:
        nested = draft.nested.setdefault(reach.subdomain, RouteTable(slashes="strict"))
        missing = _missing(reach)
        for pattern in _everything(reach.prefix):
            nested.add(OTHER, pattern, missing)


def _everything(prefix: str) -> tuple[Pattern, ...]:
    """A prefix and all that is below it."""
    return tuple(map(parse_pattern, (prefix, prefix + "/", prefix + "/*") if prefix else ("/", "/*")))


def _foreign_routes(foreign: Foreign, mount: Mount) -> list[Route]:
    options = Options(max_body_size=None, stream=True)
    return [
        Route(method, parse_pattern(text), function, function, None, options, mount.place)
        for text in ("/", "/*")
        for method, function in ((None, foreign.serve), (SOCKET, foreign.connect))
    ]


@dataclass(frozen=True, slots=True)
class _Island:
    """A child with middleware of its own, which has to see all that comes below its prefix: it has its own wiring."""

    wiring: Wiring
    enter: ASGIApp

    async def run(self, scope: Scope, receive: Receive, send: Send, _params: dict[str, Any]) -> None:
        await self.enter(scope, receive, send)


def _add_island(reach: Reach, draft: _Draft, mount: Mount) -> None:
    wiring = _compile(reach)
    island = _Island(wiring, wiring.outermost or wiring.serve)
    draft.entries += wiring.entries
    draft.hooks += wiring.hooks
    for app, names in wiring.names.items():
        draft.names.setdefault(app, {}).update(names)
    place = Route(None, parse_pattern("/"), _unused, _unused, None, Options(), mount.place)
    for pattern in _everything(reach.prefix):
        for method in (*METHODS, OTHER, SOCKET):
            if draft.claim(reach.subdomain, method, pattern, replace(place, pattern=pattern)) is None:
                draft.table(reach.subdomain).add(method, pattern, island)


async def _unused(*_: object) -> None:
    """Stands where a route must have a handler; the island's own wiring has the real ones."""
