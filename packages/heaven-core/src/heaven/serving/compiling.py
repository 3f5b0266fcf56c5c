"""From what was written down to the wiring, once, before traffic: prefixes joined, hooks in order, endpoints made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from heaven.declaring.hooks import arrange
from heaven.declaring.registrations import (
    DUPLICATE,
    METHODS,
    OTHER,
    SOCKET,
    Mount,
    Options,
    Route,
    Wrap,
    below,
    everything_below,
)
from heaven.declaring.steps import observed
from heaven.declaring.surrounds import Surrounded
from heaven.errors import RegistrationError
from heaven.routing.patterns import Pattern, parse_pattern
from heaven.serving.draft import Draft, Names
from heaven.serving.endpoint import Endpoint
from heaven.serving.foreign import Foreign
from heaven.serving.hosting import check_route, in_order
from heaven.serving.reach import Reach, recovery_at, site_for
from heaven.serving.wiring import Entry, Island, Runnable, Wiring

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.declaring.surrounds import Folded
    from heaven.types import ASGIApp, Receive, Scope, Send


def compile_app(app: App) -> Wiring:
    """Compile an application and everything mounted on it.

    Raises:
        RegistrationError: two routes answer to the same method and path, or two to one name; both places are named.
    """
    return _compile(Reach.of(app), {})


def _compile(reach: Reach, names: Names) -> Wiring:
    app, options = reach.app, reach.root.settled
    draft = Draft(options.slashes, names)
    draft.open(None)
    _gather(reach, draft)
    if app.written.fallback is not None:
        draft.answer(reach)
    for place, route, pattern in sorted(draft.routes, key=_rank):
        _add_route(place, draft, route, pattern)
    for place, mount, child in draft.islands:
        _add_island(place, draft, mount, child)
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


def _redirecting(draft: Draft) -> dict[Runnable, bool]:
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


def _gather(reach: Reach, draft: Draft) -> None:
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
            draft.islands.append((place, mount, child))
        else:
            elsewhere = inner.prefix != reach.prefix or inner.where != reach.where
            # What is declared around a mounted application is there for its own 404s too, wherever it is mounted.
            declared = bool(child.written.surrounds) and not mount.transparent
            if elsewhere or declared or child.written.fallback is not None:
                draft.answer(inner)
            _gather(inner, draft)
    for part in sorted(reach.app.written.parts, key=lambda part: -len(part.surrounds)):
        draft.answer(replace(reach.inside(part.surrounds), prefix=reach.prefix + part.path))


def _rank(noted: tuple[Reach, Route, Pattern]) -> int:
    """What was said of one method claims its place before the HEAD that GET brings, and that before `app.HTTP`."""
    method = noted[1].method
    return 2 if method is None else 1 if method == "GET" else 0


def _add_route(reach: Reach, draft: Draft, route: Route, pattern: Pattern) -> None:
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
        elif taken.method == route.method and not _says_twice(reach.app, taken, route):
            raise RegistrationError(
                f"{route.method or 'HTTP'} {pattern.text} at {route.place} is the same route as "
                f"{taken.pattern.text} at {taken.place}; {DUPLICATE}"
            )


def _says_twice(app: App, taken: Route, route: Route) -> bool:
    """Whether both are one thing that an application says of two paths, which are one for the application around it.

    An application that tells slashes apart serves its assets so.
    """
    return taken.function is route.function and taken in app.written.routes


def _methods(method: str | None) -> tuple[str, ...]:
    if method is None:
        return (*METHODS, OTHER)
    return ("GET", "HEAD") if method == "GET" else (method,)


def _add_name(reach: Reach, draft: Draft, route: Route, pattern: Pattern) -> None:
    name = route.options.name
    if name is not None:
        for app, steps in reach.named:
            draft.name(app, steps + name, pattern, route)


def _entry(reach: Reach, route: Route, method: str, pattern: Pattern, folded: Folded | None) -> Entry:
    subdomain = route.subdomain or reach.subdomain
    before, after = arrange(reach.hooks, pattern, method, subdomain)
    options = route.options
    site = site_for(reach, pattern, options)
    recovery = recovery_at(reach)
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
    return Entry(
        method=method,
        pattern=pattern,
        subdomain=subdomain,
        app=reach.app,
        route=route,
        before=before,
        after=after,
        max_body_size=options.max_body_size,
        timeout=options.timeout,
        endpoint=endpoint,
        recovery=recovery,
        folded=folded,
        host=reach.host,
    )


def _foreign_routes(foreign: Foreign, mount: Mount, texts: tuple[str, ...]) -> list[Route]:
    options = Options(max_body_size=None, stream=True)
    return [
        Route(method, pattern, function, function, None, options, mount.place)
        for pattern in map(parse_pattern, texts)
        for method, function in ((None, foreign.serve), (SOCKET, foreign.connect))
    ]


def _add_island(outside: Reach, draft: Draft, mount: Mount, child: App) -> None:
    reach = outside.behind().enter(child, transparent=mount.transparent)
    wiring = _compile(reach, draft.names)
    enter = wiring.outermost or wiring.serve
    island = Island(wiring, outside.sheltered(enter) or enter)
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
