"""What looks wrong in an application although it runs: found in the wiring, before a request meets it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from heaven.declaring.registrations import SOCKET
from heaven.routing.converters import CONVERTERS
from heaven.running.lifespan import family
from heaven.serving.foreign import Foreign
from heaven.serving.wiring import Island

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.declaring.hooks import Hook
    from heaven.declaring.options import AppOptions
    from heaven.serving.wiring import Entry, Wiring

Kind = Literal["shadowed route", "idle hook", "wildcard origin", "unbounded body", "ignored option"]

_DEFAULTS = {"domain": None, "hosts": None, "trusted_proxies": (), "slashes": "ignore", "debug": False, "monitor": None}
"""What `App(...)` has where it is told nothing, of the options that count in the outermost application only."""
_WITH_BODY = frozenset(("POST", "PUT", "PATCH", "QUERY"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that looks wrong: what kind, where it was said, and what to do about it."""

    kind: Kind
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}: {self.message}"


def check(app: App) -> list[Finding]:
    """Go through the wiring of an application and list what looks wrong.

    Example:
        >>> from heaven import App
        >>> app = App()
        >>> app.BEFORE("/orders/*", lambda req, res, ctx: None)
        >>> [finding.kind for finding in app.check()]
        ['idle hook']
    """
    wiring = app.wire()
    return [
        *_shadowed_routes(wiring),
        *_idle_hooks(wiring),
        *_wildcard_origins(app, wiring),
        *_unbounded_bodies(wiring),
        *_ignored_options(app),
    ]


def _shadowed_routes(wiring: Wiring) -> Iterator[Finding]:
    """Routes that don't get a path made for them: something else, around them or more specific, takes it."""
    for entry in _each_route_once(wiring.entries):
        taker = _taker(wiring, entry)
        if taker is not None:
            yield Finding(
                "shadowed route",
                entry.route.place,
                f"{entry.method} {entry.pattern.text} is hidden by what takes {_sample(entry)!r} before it: {taker}; "
                "give one of them another path",
            )


def _each_route_once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The first entry of each place: GET brings one for HEAD, and app.HTTP one for every method."""
    seen: set[tuple[int, str]] = set()
    for entry in entries:
        key = (id(entry.route), entry.pattern.text)
        if key not in seen:
            seen.add(key)
            yield entry


def _taker(wiring: Wiring, entry: Entry) -> str | None:
    """What takes the sample path of a route in its place, or None where it is the route itself."""
    found = wiring.tables_with(entry).find(entry.method, _sample(entry))
    if found is not None and isinstance(found[0], Island):
        return _taker(found[0].wiring, entry)
    if found is not None and found[0] is entry.endpoint:
        return None
    other = next((each for each in wiring.entries if found is not None and each.endpoint is found[0]), None)
    return f"{other.pattern.text} at {other.route.place}" if other is not None else "a mounted application"


def _sample(entry: Entry) -> str:
    parts = [
        segment.text if segment.converter is None else segment.converter.sample for segment in entry.pattern.segments
    ]
    if entry.pattern.rest is not None:
        parts.append(CONVERTERS["path"].sample)
    elif entry.pattern.trailing_slash:
        parts.append("")
    return "/" + "/".join(parts)


def _idle_hooks(wiring: Wiring) -> Iterator[Finding]:
    for hook in wiring.hooks:
        if not any(_works(hook, entry) for entry in wiring.entries):
            yield Finding(
                "idle hook",
                hook.place,
                f"{hook.when} {hook.pattern.text} covers no route; app.wiring lists the routes there are",
            )


def _works(hook: Hook, entry: Entry) -> bool:
    """Whether a route has a hook, or the same function from a broader one in its place."""
    present = entry.before if hook.when == "BEFORE" else entry.after
    if hook in present:
        return True
    covered = hook.covers(entry.pattern, entry.method, entry.subdomain)
    return covered != "none" and hook.function in [each.function for each in present]


def _wildcard_origins(app: App, wiring: Wiring) -> Iterator[Finding]:
    """Doors that every site may open with its visitors' cookies."""
    for entry in wiring.entries:
        if entry.method == SOCKET and "*" in (entry.route.options.origins or ()):
            yield Finding(
                "wildcard origin",
                entry.route.place,
                f"WS {entry.pattern.text} lets pages of every origin connect with their visitors' cookies; "
                "name the origins",
            )
    for each in family(app):
        for wrap in () if isinstance(each, Foreign) else each.written.wraps:
            options = {name.lower(): value for name, value in wrap.options.items()}
            every = any("origin" in name and (value == "*" or _contains_star(value)) for name, value in options.items())
            if every and any("credentials" in name and value for name, value in options.items()):
                message = "credentials are allowed for every origin; name the origins"
                yield Finding("wildcard origin", wrap.place, message)


def _contains_star(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and "*" in value


def _unbounded_bodies(wiring: Wiring) -> Iterator[Finding]:
    taking = [entry for entry in wiring.entries if entry.method in _WITH_BODY]
    for entry in _each_route_once(taking):
        foreign = isinstance(getattr(entry.route.function, "__self__", None), Foreign)
        if entry.max_body_size is None and not foreign:
            yield Finding(
                "unbounded body",
                entry.route.place,
                f"{entry.route.method or 'HTTP'} {entry.pattern.text} takes bodies of any size; give it max_body_size=",
            )


def _ignored_options(app: App) -> Iterator[Finding]:
    """What a mounted App was told and only the outermost one decides; where both say the same, nothing is lost."""
    counting = _outermost_only(app.settled)
    for each in family(app):
        for mount in () if isinstance(each, Foreign) else each.written.mounts:
            if isinstance(mount.child, Foreign):
                continue
            for name, value in _outermost_only(mount.child.settled).items():
                if name not in mount.child.settles and value not in (_DEFAULTS[name], counting[name]):
                    yield Finding(
                        "ignored option",
                        mount.place,
                        f"{name}= of the App that is mounted here does not count; give it to the outermost App",
                    )


def _outermost_only(options: AppOptions) -> dict[str, Any]:
    """The options that are the outermost application's to decide, as they can be compared."""
    return {
        "domain": options.domain,
        "hosts": options.hosts.patterns if options.hosts is not None else None,
        "trusted_proxies": options.trusted_proxies.networks,
        "slashes": options.slashes,
        "debug": options.debug,
        "monitor": options.monitor,
    }
