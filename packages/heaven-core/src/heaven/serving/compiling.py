"""From what was written down to the wiring, once, before traffic: prefixes joined, hooks in order, endpoints made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from heaven.declaring.hooks import Hook, arrange
from heaven.declaring.registrations import (
    DUPLICATE,
    METHODS,
    OTHER,
    SOCKET,
    Mount,
    Options,
    Rescue,
    Route,
    Wrap,
    below,
    everything_below,
)
from heaven.declaring.steps import observed
from heaven.declaring.surrounds import Placed, Surrounded
from heaven.errors import RegistrationError
from heaven.messages.site import Site
from heaven.routing.patterns import Pattern, parse_pattern
from heaven.routing.table import RouteTable
from heaven.serving.endpoint import Endpoint
from heaven.serving.fallback import Diverted
from heaven.serving.foreign import Foreign
from heaven.serving.hosting import Where, check_mount, check_route, in_order
from heaven.serving.missing import Missing
from heaven.serving.recovery import Recovery
from heaven.serving.sheltered import Sheltered, answer_inside
from heaven.serving.wiring import Entry, Island, Runnable, Tables, Wiring

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.declaring.steps import Observer
    from heaven.declaring.surrounds import Folded, Surround
    from heaven.http.host_patterns import HostPattern
    from heaven.types import ASGIApp, Receive, Scope, Send, Slashes


Rescues: TypeAlias = "Mapping[int | type[BaseException], Rescue]"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an application reaches: the prefix and host it is mounted under, and what surrounds it."""

    app: App
    root: App
    owner: App
    """The application that its requests belong to: the same, or one outside where it is mounted transparently."""
    prefix: str = ""
    base: str = ""
    """The prefix of the application itself; that of a part of it is longer."""
    subdomain: str | None = None
    host: HostPattern | None = None
    hooks: tuple[tuple[Hook, ...], ...] = ()
    rescues: tuple[Rescues, ...] = ()
    observers: tuple[Observer, ...] = ()
    named: tuple[tuple[App, str], ...] = ()
    """The applications in whose `url_for` its routes are named, each with the names of the mounts on the way."""
    placed: tuple[Placed, ...] = ()
    """The surrounds that stand around its routes, the outermost first."""
    further: dict[Surround, Reach] = field(init=False, repr=False, compare=False, default_factory=dict)
    """The same place with one surround more, made once for all routes below it."""

    @staticmethod
    def of(app: App) -> Reach:
        """Where an application stands that nothing is mounted around."""
        return Reach(app, app, app).enter(app)

    def enter(self, app: App, *, transparent: bool = False) -> Reach:
        """The same place, with the hooks and error handlers of the application that is found there.

        Args:
            app: that application.
            transparent: what it serves belongs to the application around it.
        """
        observers = (*self.observers, *(each for each in app.written.observers if each not in self.observers))
        inside = replace(self, prefix=self.prefix + app.path)
        return replace(
            inside,
            app=app,
            owner=self.owner if transparent else app,
            base=inside.prefix,
            hooks=(*self.hooks, tuple(_placed(inside, hook, observers) for hook in app.written.hooks)),
            rescues=(_observed(app.written.rescues, observers), *self.rescues),
            observers=observers,
            named=(*self.named, (app, "")),
        ).inside(app.written.surrounds)

    def inside(self, surrounds: Iterable[Surround]) -> Reach:
        """The same place, with more around it."""
        reach = self
        for each in surrounds:
            known = reach.further.get(each)
            if known is None:
                known = reach.further[each] = reach._around_with(each)
            reach = known
        return reach

    def _around_with(self, surround: Surround) -> Reach:
        rescues = (_observed(surround.rescues, self.observers), *self.rescues)
        way = (self.prefix, self.where, *(placed.surround for placed in self.placed), surround)
        made = self.root.written.made.setdefault(way, {})
        recovery = Recovery(rescues, debug=self.root.settled.debug)
        placed = Placed(surround, _site_of_misses(self), recovery, made)
        return replace(self, rescues=rescues, placed=(*self.placed, placed))

    @property
    def where(self) -> Where:
        """Whose tables its routes stand in, unless they say otherwise."""
        return self.host or self.subdomain

    def down(self, mount: Mount) -> Reach:
        """The place of a mount."""
        check_mount(mount, self.where)
        step = f"{mount.name}:" if mount.name else ""
        return replace(
            self,
            prefix=self.prefix + mount.prefix,
            subdomain=mount.subdomain or self.subdomain,
            host=mount.host or self.host,
            named=tuple((app, name + step) for app, name in self.named),
        ).inside(mount.surrounds)


def _placed(reach: Reach, hook: Hook, observers: tuple[Observer, ...]) -> Hook:
    """A hook as it is at this place, and as those who observe the application have it."""
    pattern = below(reach.prefix, hook.pattern)
    call = observed(observers, hook.when, hook.function, pattern.text, hook.call)
    return replace(hook, pattern=pattern, subdomain=hook.subdomain or reach.subdomain, call=call)


def _observed(rescues: Rescues, observers: tuple[Observer, ...]) -> Rescues:
    """Error handlers as those who observe their application have them."""
    return {
        event: replace(
            rescue, call=observed(observers, "ON", rescue.function, getattr(event, "__name__", str(event)), rescue.call)
        )
        for event, rescue in rescues.items()
    }


Names: TypeAlias = "dict[App, dict[str, tuple[Pattern, Route]]]"


class _Draft:
    """The tables while they are being filled.

    Args:
        slashes: what a slash at the end of a path means.
        names: the names of routes in each application; one for all wirings that are compiled together.
    """

    def __init__(self, slashes: Slashes, names: Names) -> None:
        self.slashes: Slashes = slashes
        self.names = names
        self.routes: list[tuple[Reach, Route, Pattern]] = []
        self.islands: list[tuple[Reach, Mount]] = []
        self.hooks: list[Hook] = []
        self.entries: list[Entry] = []
        self._routes_of: dict[Where, RouteTable[Runnable]] = {}
        self._sockets_of: dict[Where, RouteTable[Runnable]] = {}
        self._claimed: dict[tuple[Any, ...], Route] = {}
        self._answering: dict[tuple[Where, tuple[object, ...]], Reach] = {}

    def open(self, where: Where) -> None:
        """Give a subdomain or host its tables."""
        self._routes_of.setdefault(where, RouteTable(slashes=self.slashes))
        self._sockets_of.setdefault(where, RouteTable(slashes=self.slashes))

    def add(self, where: Where, method: str, pattern: Pattern, target: Runnable) -> None:
        """Let a target serve a method and pattern."""
        self.open(where)
        (self._sockets_of if method == SOCKET else self._routes_of)[where].add(method, pattern, target)

    def claim(self, where: Where, method: str, pattern: Pattern, route: Route) -> Route | None:
        """Take a place for a route, or give back the one that has it already."""
        key = (where, method, pattern.shape(self.slashes))
        taken = self._claimed.setdefault(key, route)
        return None if taken is route else taken

    def name(self, app: App, name: str, pattern: Pattern, route: Route) -> None:
        """Give a route a name in an application.

        One that is mounted twice keeps the place it was mounted at first.
        """
        names = self.names.setdefault(app, {})
        known, other = names.setdefault(name, (pattern, route))
        if other.options.implied_name and not route.options.implied_name:
            names[name] = (pattern, route)
        elif other is not route and known.text != pattern.text and not route.options.implied_name:
            raise RegistrationError(
                f"the name {name!r} at {route.place} is taken by {known.text} at {other.place}; "
                "give one of them, or its mount, another name"
            )

    def answer(self, reach: Reach) -> None:
        """Let an application answer for what it has no route for.

        Of several in one place it is the one that has a fallback, or else the one that was mounted first; a part of an
        application has no fallback of its own, and comes after what is mounted there.
        """
        place = (reach.where, parse_pattern(reach.prefix or "/").shape("ignore"))
        first = self._answering.setdefault(place, reach)
        if first.app is reach.app or reach.prefix != reach.base:
            return
        ours, known = reach.app.written.fallback, first.app.written.fallback
        if first.prefix != first.base or (ours is not None and known is None):
            self._answering[place] = reach
        elif ours is not None and known is not None:
            raise RegistrationError(
                f"the fallbacks at {known.place} and {ours.place} both take what no route matches "
                f"below {reach.prefix or '/'}; leave one out, or mount its application under a prefix"
            )

    def finish(self, reach: Reach) -> dict[Where, Tables]:
        """The tables of every subdomain and host, None for what has none."""
        nested: dict[Where, RouteTable[Missing | Sheltered]] = {}
        for (where, _), each in self._answering.items():
            table = nested.setdefault(where, RouteTable(slashes="strict"))
            missing = _missing(each)
            for text in everything_below(each.prefix, "strict"):
                table.add(OTHER, parse_pattern(text), missing)
        missing = _missing(reach)
        return {
            name: Tables(routes, self._sockets_of[name], missing, nested.get(name))
            for name, routes in self._routes_of.items()
        }


def compile_app(app: App) -> Wiring:
    """Compile an application and everything mounted on it.

    Raises:
        RegistrationError: two routes answer to the same method and path, or two to one name; both places are named.
    """
    return _compile(Reach.of(app), {})


def _compile(reach: Reach, names: Names) -> Wiring:
    app, options = reach.app, reach.root.settled
    draft = _Draft(options.slashes, names)
    draft.open(None)
    _gather(reach, draft)
    if app.written.fallback is not None:
        draft.answer(reach)
    for place, route, pattern in sorted(draft.routes, key=_rank):
        _add_route(place, draft, route, pattern)
    for place, child in draft.islands:
        _add_island(place, draft, child)
    tables = draft.finish(reach)
    wiring = Wiring(
        app=app,
        default=tables[None],
        by_subdomain={name: found for name, found in tables.items() if isinstance(name, str)},
        by_pattern=in_order(tables),
        domain=options.domain,
        hosts=options.hosts,
        proxies=options.trusted_proxies,
        slashes=options.slashes,
        names={each: {name: known[0] for name, known in found.items()} for each, found in names.items()},
        entries=tuple(draft.entries),
        hooks=tuple(draft.hooks),
        redirecting=_redirecting(draft) if options.slashes != "ignore" else {},
        by_host=options.hosts is not None or len(tables) > 1,
    )
    return replace(wiring, outermost=_wrapped(reach, wiring)) if app.written.wraps else wiring


def _redirecting(draft: _Draft) -> dict[Runnable, bool]:
    said = [(entry.endpoint, entry.redirect_slashes) for entry in draft.entries]
    return {endpoint: redirects for endpoint, redirects in said if redirects is not None}


def _wrapped(reach: Reach, wiring: Wiring) -> ASGIApp:
    """The middleware of an application around its wiring, the one that was said first outermost.

    It is made once for each place of the application, and kept when the application is compiled anew: what a middleware
    has counted, cached or opened stays.
    """
    stacks = reach.app.written.stacks
    key = (reach.root, reach.prefix, reach.where)
    if key not in stacks:
        stacks[key] = _Stack(reach.app.written.wraps, wiring)
    stack: _Stack = stacks[key]
    stack.wiring = wiring
    return stack.outermost


class _Stack:
    """Middleware around whatever wiring is the present one."""

    def __init__(self, wraps: list[Wrap], wiring: Wiring) -> None:
        self.wiring: Wiring = wiring
        self.outermost: ASGIApp = self._serve
        for wrap in reversed(wraps):
            try:
                self.outermost = wrap.factory(self.outermost, **wrap.options)
            except TypeError as error:
                raise RegistrationError(f"WRAP at {wrap.place} could not make its middleware: {error}") from error

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.wiring.serve(scope, receive, send)


def _gather(reach: Reach, draft: _Draft) -> None:
    """Note the routes of an application and of all that is mounted on it, each with its place."""
    draft.hooks += reach.hooks[-1]
    draft.routes += [(reach, route, below(reach.prefix, route.pattern)) for route in reach.app.written.routes]
    for mount in reach.app.written.mounts:
        place, child = reach.down(mount), mount.child
        if isinstance(child, Foreign):
            routes = _foreign_routes(child, mount, everything_below(place.prefix, draft.slashes))
            draft.routes += [(place, route, route.pattern) for route in routes]
            continue
        inner = place.enter(child, transparent=mount.transparent)
        if child.written.wraps:
            draft.islands.append((inner, mount))
        else:
            elsewhere = inner.prefix != reach.prefix or inner.where != reach.where
            if elsewhere or child.written.fallback is not None:
                draft.answer(inner)
            _gather(inner, draft)
    for part in sorted(reach.app.written.parts, key=lambda part: -len(part.surrounds)):
        draft.answer(replace(reach.inside(part.surrounds), prefix=reach.prefix + part.path))


def _rank(noted: tuple[Reach, Route, Pattern]) -> int:
    """What was said of one method claims its place before the HEAD that GET brings, and that before `app.HTTP`."""
    method = noted[1].method
    return 2 if method is None else 1 if method == "GET" else 0


def _add_route(reach: Reach, draft: _Draft, route: Route, pattern: Pattern) -> None:
    subdomain = route.subdomain or reach.subdomain
    if reach.host is not None:
        check_route(reach.host, route, pattern)
    _add_name(reach, draft, route, pattern)
    reach = reach.inside(route.surrounds)
    folded: Folded | None = None
    for method in _methods(route.method):
        taken = draft.claim(reach.host or subdomain, method, pattern, route)
        if taken is None:
            if folded is None and reach.placed:
                surrounded = Surrounded(reach.placed, route, pattern, reach.root, reach.host)
                folded = reach.placed[-1].surround.fold(surrounded)
            entry = _entry(reach, route, method, pattern, folded)
            draft.add(reach.host or subdomain, method, pattern, entry.endpoint)
            draft.entries.append(entry)
        elif taken.method == route.method:
            raise RegistrationError(
                f"{route.method or 'HTTP'} {pattern.text} at {route.place} is the same route as "
                f"{taken.pattern.text} at {taken.place}; {DUPLICATE}"
            )


def _methods(method: str | None) -> tuple[str, ...]:
    if method is None:
        return (*METHODS, OTHER)
    return ("GET", "HEAD") if method == "GET" else (method,)


def _add_name(reach: Reach, draft: _Draft, route: Route, pattern: Pattern) -> None:
    name = route.options.name
    if name is not None:
        for app, steps in reach.named:
            draft.name(app, steps + name, pattern, route)


def _entry(reach: Reach, route: Route, method: str, pattern: Pattern, folded: Folded | None) -> Entry:
    subdomain = route.subdomain or reach.subdomain
    before, after = arrange(reach.hooks, pattern, method, subdomain)
    options = route.options
    site = site_for(reach, pattern, options)
    recovery = _recovery(reach)
    handler = folded.call if folded is not None else route.call
    call = observed(reach.observers, "HANDLER", route.function, pattern.text, handler)
    calls = {"before": tuple(hook.call for hook in before), "after": tuple(hook.call for hook in after)}
    endpoint: Runnable
    if method == SOCKET:
        from heaven.serving.websocket_endpoint import SocketEndpoint  # loaded with the first WebSocket route

        endpoint = SocketEndpoint(site, call, recovery=recovery, origins=options.origins, **calls)
    else:
        endpoint = Endpoint(
            site,
            call,
            recovery=recovery,
            method=method,
            timeout=options.timeout,
            cancel_on_disconnect=options.cancel_on_disconnect,
            **calls,
        )
    if folded is not None:
        endpoint = folded.around(endpoint)
    limits = (options.max_body_size, options.timeout)
    return Entry(method, pattern, subdomain, reach.app, route, before, after, *limits, endpoint, folded, reach.host)


def _recovery(reach: Reach) -> Recovery:
    return Recovery(reach.rescues, debug=reach.root.settled.debug)


def site_for(reach: Reach, pattern: Pattern | None, options: Options) -> Site:
    """What the requests of a route share.

    Args:
        reach: where its application stands.
        pattern: its pattern with the prefixes before it, None for what answers where no route matched.
        options: what it was told.
    """
    root = reach.root
    return Site(
        app=reach.owner,
        root=root,
        route=pattern.text if pattern is not None else None,
        domain=root.settled.domain,
        proxies=root.settled.trusted_proxies,
        stopping=root.stopping,
        hints={hint.name: hint for hint in pattern.hints} if pattern is not None else {},
        expected=options.expects,
        streams=options.stream,
        max_body_size=options.max_body_size,
        debug=root.settled.debug,
    )


def _missing(reach: Reach) -> Missing | Sheltered:
    missing, fallback = Missing(_site_of_misses(reach), _recovery(reach)), reach.app.written.fallback
    if fallback is not None:
        missing = Diverted(_site_of_misses(reach), _recovery(reach), fallback, reach.base)
    enter = reach.placed[-1].surround.shelter(reach.placed, answer_inside) if reach.placed else None
    return missing if enter is None else Sheltered(missing, enter)


def _site_of_misses(reach: Reach) -> Site:
    # The body is nobody's, so nobody waits for it.
    return site_for(reach, None, Options(stream=True, max_body_size=None))


def _foreign_routes(foreign: Foreign, mount: Mount, texts: tuple[str, ...]) -> list[Route]:
    options = Options(max_body_size=None, stream=True)
    return [
        Route(method, pattern, function, function, None, options, mount.place)
        for pattern in map(parse_pattern, texts)
        for method, function in ((None, foreign.serve), (SOCKET, foreign.connect))
    ]


def _add_island(reach: Reach, draft: _Draft, mount: Mount) -> None:
    wiring = _compile(reach, draft.names)
    island = Island(wiring, wiring.outermost or wiring.serve)
    draft.entries += wiring.entries
    draft.hooks += wiring.hooks
    place = Route(None, parse_pattern(reach.prefix or "/"), _unused, _unused, None, Options(), mount.place)
    for where in dict.fromkeys((reach.where, *wiring.by_subdomain, *(host for host, _ in wiring.by_pattern))):
        for pattern in map(parse_pattern, everything_below(reach.prefix, draft.slashes)):
            for method in (*METHODS, OTHER, SOCKET):
                taken = draft.claim(where, method, pattern, place)
                if taken is None:
                    draft.add(where, method, pattern, island)
                elif taken.function is _unused:
                    raise RegistrationError(
                        f"the mounts at {taken.place} and {mount.place} both have WRAP and everything below "
                        f"{place.pattern.text}; give one of them another prefix"
                    )


async def _unused(*_: object) -> None:
    """Stands where a route must have a handler; the island's own wiring has the real ones."""
