"""What looks wrong in an application although it runs: found in the wiring, before a request meets it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from heaven.foreign import Foreign
from heaven.lifespan import family
from heaven.registrations import OTHER, SOCKET

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.wiring import Entry, Wiring

Kind = Literal["shadowed route", "idle hook", "wildcard origin", "unbounded body"]

_SAMPLES = {
    "int": "7",
    "float": "7.5",
    "bool": "true",
    "str": "heaven-sample",
    "date": "2026-01-31",
    "datetime": "2026-01-31T12:00:00Z",
    "uuid": "6fa459ea-ee8a-4ca4-894e-db77e160355e",
}
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
    ]


def _shadowed_routes(wiring: Wiring) -> Iterator[Finding]:
    """Routes that don't get a path made for them: something else, around them or more specific, takes it."""
    for entry in wiring.entries:
        if entry.method in ("HEAD", OTHER):
            continue
        taker = _taker(wiring, entry)
        if taker is not None:
            yield Finding(
                "shadowed route",
                entry.route.place,
                f"{entry.method} {entry.pattern.text} is hidden by what takes {_sample(entry)!r} before it: {taker}; "
                "give one of them another path",
            )


def _taker(wiring: Wiring, entry: Entry) -> str | None:
    """What takes the sample path of a route in its place, or None where it is the route itself."""
    found: Any = wiring
    while hasattr(found, "tables_of"):
        found = found.tables_of(entry.subdomain).routes.find(entry.method, _sample(entry))
        found = getattr(found[0], "wiring", found[0]) if found is not None else None
    if found is entry.endpoint:
        return None
    other = next((each for each in wiring.entries if each.endpoint is found), None)
    return f"{other.pattern.text} at {other.route.place}" if other is not None else "a mounted application"


def _sample(entry: Entry) -> str:
    parts = [
        segment.text if segment.converter is None else _SAMPLES[segment.converter.name] for segment in entry.pattern.segments
    ]
    if entry.pattern.rest is not None:
        parts.append("heaven/sample")
    elif entry.pattern.trailing_slash:
        parts.append("")
    return "/" + "/".join(parts)


def _idle_hooks(wiring: Wiring) -> Iterator[Finding]:
    used = [hook.function for entry in wiring.entries for hook in (*entry.before, *entry.after)]
    for hook in wiring.hooks:
        if hook.function not in used:
            yield Finding(
                "idle hook",
                hook.place,
                f"{hook.when} {hook.pattern.text} covers no route; app.wiring lists the routes there are",
            )


def _wildcard_origins(app: App, wiring: Wiring) -> Iterator[Finding]:
    """Doors that every site may open with its visitors' cookies."""
    for entry in wiring.entries:
        if entry.method == SOCKET and "*" in (entry.route.options.origins or ()):
            yield Finding(
                "wildcard origin",
                entry.route.place,
                f"WS {entry.pattern.text} lets pages of every origin connect with their visitors' cookies; name the origins",
            )
    for each in family(app):
        for wrap in () if isinstance(each, Foreign) else each.written.wraps:
            options = {name.lower(): value for name, value in wrap.options.items()}
            every = any("origin" in name and (value == "*" or _contains_star(value)) for name, value in options.items())
            if every and any("credentials" in name and value for name, value in options.items()):
                yield Finding(
                    "wildcard origin", wrap.place, "credentials are allowed for every origin; name the origins"
                )


def _contains_star(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and "*" in value


def _unbounded_bodies(wiring: Wiring) -> Iterator[Finding]:
    for entry in wiring.entries:
        foreign = isinstance(getattr(entry.route.function, "__self__", None), Foreign)
        if entry.method in _WITH_BODY and entry.max_body_size is None and not foreign:
            yield Finding(
                "unbounded body",
                entry.route.place,
                f"{entry.method} {entry.pattern.text} takes bodies of any size; give it max_body_size=",
            )
