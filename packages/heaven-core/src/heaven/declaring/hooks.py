"""Which hooks cover a route, and in which order they run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from posixpath import normpath
from typing import TYPE_CHECKING, Literal

from heaven.routing.patterns import parse_pattern
from heaven.routing.table import RouteTable

if TYPE_CHECKING:
    from heaven.callables import AsyncFunction
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.routing.patterns import Pattern, Segment
    from heaven.types import Handler

EVERY = "(every)"
"""The subdomain of a hook that was given none: it covers routes on all of them."""

When = Literal["BEFORE", "AFTER"]
Coverage = Literal["all", "some", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """One `BEFORE` or `AFTER`, as it was said.

    `function` is what was passed, `call` its awaitable form; `methods` None covers every method. `cases` is empty for
    a hook that runs for all requests of its route; else it runs for those that one of them fits.
    """

    when: When
    pattern: Pattern
    function: Handler
    call: AsyncFunction
    methods: frozenset[str] | None
    subdomain: str | None
    place: str
    cases: tuple[Case, ...] = ()

    def covers(self, route: Pattern, method: str, subdomain: str | None) -> Coverage:
        """For which requests of a route it runs: by subdomain, method and pattern."""
        # HEAD is answered by the GET route, so what guards GET guards it too.
        asked = {method, "GET"} if method == "HEAD" else {method}
        if self.methods is not None and asked.isdisjoint(self.methods):
            return "none"
        both = (self._covers_host(subdomain), coverage(self.pattern, route))
        return "none" if "none" in both else "some" if "some" in both else "all"

    def _covers_host(self, subdomain: str | None) -> Coverage:
        """For which hosts of a route on this subdomain it runs."""
        if self.subdomain in (EVERY, subdomain):
            return "all"
        # A subdomain without routes of its own is served by those of "*", or by those that have none.
        falls_to_it = subdomain is None or (subdomain == "*" and self.subdomain is not None)
        return "some" if falls_to_it and self.subdomain is not None else "none"

    def case(self, route: Pattern, subdomain: str | None) -> Case:
        """Which requests of a route, some of which it covers, it runs for."""
        wider = coverage(self.pattern, route) == "some"
        elsewhere = self._covers_host(subdomain) == "some"
        return Case(self.pattern if wider else None, self.subdomain if elsewhere else None)

    def runs_at(self, path: str, subdomain: str | None) -> bool:
        """Whether it runs for a request with this path and subdomain, of a route that it covers."""
        return not self.cases or any(case.fits(path, subdomain) for case in self.cases)


@dataclass(frozen=True, slots=True)
class Case:
    """Which requests of a route a hook runs for: those with such a path, on such a subdomain; None for any."""

    pattern: Pattern | None
    subdomain: str | None

    def fits(self, path: str, subdomain: str | None) -> bool:
        """Whether a request is one of them."""
        if self.subdomain is not None and subdomain != self.subdomain and (self.subdomain != "*" or subdomain is None):
            return False
        return self.pattern is None or _matches(_table(self.pattern), path)


def coverage(hook: Pattern, route: Pattern) -> Coverage:
    """For which requests of a route a hook's pattern stands.

    `/orders/*` covers `/orders` and everything below it. A parameter stands for parameters, whatever they are called,
    and not for what the route spells out: `/users/:id` has nothing to say about `/users/me`. Where the route is wider
    than the hook, as `/*` is wider than `/private/*`, the path of each request decides.

    Example:
        >>> from heaven.routing.patterns import parse_pattern
        >>> [coverage(parse_pattern("/private/*"), parse_pattern(route)) for route in ("/private", "/*", "/public")]
        ['all', 'some', 'none']
    """
    longer = len(hook.segments) > len(route.segments)
    if longer and route.rest is None:
        return "none"
    if hook.rest is None and not longer and (route.rest is not None or len(hook.segments) < len(route.segments)):
        return "none"
    each = {_stands_for(*pair) for pair in zip(hook.segments, route.segments, strict=False)}
    if "none" in each:
        return "none"
    return "some" if longer or "some" in each else "all"


def _stands_for(hook: Segment, route: Segment) -> Coverage:
    if route.converter is None:
        return "all" if hook.converter is None and hook.text == route.text else "none"
    if hook.converter is None:
        return "none" if route.converter.parse(hook.text) is None else "some"
    if hook.converter.name in ("str", route.converter.name):
        return "all"
    return "some"


@lru_cache(maxsize=256)
def _table(pattern: Pattern) -> RouteTable[bool]:
    """What finds a path that the pattern matches, or its door: `/private` of `/private/*`."""
    table: RouteTable[bool] = RouteTable()
    table.add("", pattern, True)  # noqa: FBT003 (there is something)
    if pattern.rest is not None:
        table.add("", parse_pattern(pattern.text.rpartition("/")[0] or "/"), True)  # noqa: FBT003
    return table


def _matches(table: RouteTable[bool], path: str) -> bool:
    """Whether a path is one of the table's, as it stands or as a handler may read it that tidies paths up."""
    return any(table.find("", each) is not None for each in (path, normpath("/" + path.lstrip("/"))))


def _broadness(hook: Hook) -> tuple[int, ...]:
    """Sorts the broadest pattern first: a star, any text, text of a type, a literal, an exact end."""
    kinds = (segment.converter.name if segment.converter is not None else None for segment in hook.pattern.segments)
    end = 4 if hook.pattern.rest is None else 0
    return (*(3 if kind is None else 1 if kind == "str" else 2 for kind in kinds), end)


def arrange(
    levels: Iterable[Iterable[Hook]], route: Pattern, method: str, subdomain: str | None
) -> tuple[tuple[Hook, ...], tuple[Hook, ...]]:
    """The hooks of a route in their final order.

    Args:
        levels: the hooks of each application around the route, the outermost first, in order of registration.
        route: the route's pattern, with the prefixes it is mounted under.
        method: its method.
        subdomain: its subdomain.

    Returns:
        BEFORE hooks from the broadest inwards, and AFTER hooks the other way round; within one pattern BEFORE in
        order of registration, AFTER mirrored. A function that is covered twice runs once, at its broadest place.
    """
    before: list[Hook] = []
    after: list[Hook] = []
    for level in levels:
        for hook in sorted(level, key=_broadness):
            covered = hook.covers(route, method, subdomain)
            if covered != "none":
                (before if hook.when == "BEFORE" else after).append(
                    hook if covered == "all" else replace(hook, cases=(hook.case(route, subdomain),))
                )
    return _once(before), tuple(reversed(_once(after)))


def _once(hooks: list[Hook]) -> tuple[Hook, ...]:
    """Each function at its first place, for the requests of all its places."""
    kept: list[Hook] = []
    for hook in hooks:
        # Compared by ==, so that the same bound method, a new object each time it is looked up, is known again.
        at = next((index for index, each in enumerate(kept) if each.function == hook.function), None)
        if at is None:
            kept.append(hook)
        elif kept[at].cases:
            cases = (*kept[at].cases, *hook.cases) if hook.cases else ()
            kept[at] = replace(kept[at], cases=cases)
    return tuple(_in_its_cases(hook) if hook.cases else hook for hook in kept)


def _in_its_cases(hook: Hook) -> Hook:
    async def call_in_its_cases(req: Request, res: Response, ctx: Context) -> None:
        if hook.runs_at(req.path, req.subdomain):
            await hook.call(req, res, ctx)

    return replace(hook, call=call_in_its_cases)
