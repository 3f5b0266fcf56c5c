"""Which hooks cover a route, and in which order they run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from heaven.callables import AsyncFunction
    from heaven.patterns import Pattern, Segment
    from heaven.types import Handler

EVERY = "every"
"""The subdomain of a hook that was given none: it covers routes on all of them."""

When = Literal["BEFORE", "AFTER"]


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """One `BEFORE` or `AFTER`, as it was said.

    `function` is what was passed, `call` its awaitable form; `methods` None covers every method.
    """

    when: When
    pattern: Pattern
    function: Handler
    call: AsyncFunction
    methods: frozenset[str] | None
    subdomain: str | None
    place: str

    def covers(self, route: Pattern, method: str, subdomain: str | None) -> bool:
        """Whether it runs for a route: by subdomain, method and pattern."""
        if self.subdomain not in (EVERY, subdomain):
            return False
        # HEAD is answered by the GET route, so what guards GET guards it too.
        asked = {method, "GET"} if method == "HEAD" else {method}
        return (self.methods is None or not asked.isdisjoint(self.methods)) and _overlaps(self.pattern, route)


def _overlaps(hook: Pattern, route: Pattern) -> bool:
    """Whether a hook's pattern covers a route's: `/orders/*` covers `/orders` and everything below."""
    if len(hook.segments) > len(route.segments):
        return False
    if hook.rest is None and (len(hook.segments) != len(route.segments) or route.rest is not None):
        return False
    return all(map(_same, hook.segments, route.segments))


def _same(hook: Segment, route: Segment) -> bool:
    """A literal covers that literal; a parameter covers any parameter, or where it has a type, those of this type."""
    if hook.converter is None or route.converter is None:
        return hook.converter is route.converter and hook.text == route.text
    return hook.converter.name in ("str", route.converter.name)


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
        covering = sorted((hook for hook in level if hook.covers(route, method, subdomain)), key=_broadness)
        before += [hook for hook in covering if hook.when == "BEFORE"]
        after += [hook for hook in covering if hook.when == "AFTER"]
    return _once(before), tuple(reversed(_once(after)))


def _once(hooks: list[Hook]) -> tuple[Hook, ...]:
    seen: list[object] = []
    kept: list[Hook] = []
    for hook in hooks:
        # Compared by ==, so that the same bound method, a new object each time it is looked up, is known again.
        if hook.function not in seen:
            seen.append(hook.function)
            kept.append(hook)
    return tuple(kept)
