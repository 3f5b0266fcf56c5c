"""The tables of a wiring while they are being filled: who has which place, which name, and who answers for misses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from heaven.declaring.hooks import Hook
from heaven.declaring.registrations import OTHER, SOCKET, Mount, Route, everything_below
from heaven.errors import RegistrationError
from heaven.routing.patterns import Pattern, parse_pattern
from heaven.routing.table import RouteTable
from heaven.serving.hosting import Where
from heaven.serving.missing import Missing
from heaven.serving.reach import Reach, missing_at
from heaven.serving.sheltered import Sheltered
from heaven.serving.wiring import Entry, Runnable, Tables

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.types import Slashes

Names: TypeAlias = "dict[App, dict[str, tuple[Pattern, Route]]]"


class Draft:
    """The tables while they are being filled.

    Args:
        slashes: what a slash at the end of a path means.
        names: the names of routes in each application; one for all wirings that are compiled together.
    """

    def __init__(self, slashes: Slashes, names: Names) -> None:
        self.slashes: Slashes = slashes
        self.names = names
        self.routes: list[tuple[Reach, Route, Pattern]] = []
        self.islands: list[tuple[Reach, Mount, App]] = []
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
            missing = missing_at(each)
            for text in everything_below(each.prefix, "strict"):
                table.add(OTHER, parse_pattern(text), missing)
        missing = missing_at(reach)
        return {
            name: Tables(routes, self._sockets_of[name], missing, nested.get(name))
            for name, routes in self._routes_of.items()
        }
