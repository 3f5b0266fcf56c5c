"""What another package declares around routes, besides hooks: it is handed back to it when they are compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.callables import AsyncFunction
    from heaven.declaring.registrations import Rescue, Route
    from heaven.http.host_patterns import HostPattern
    from heaven.messages.site import Site
    from heaven.routing.patterns import Pattern
    from heaven.serving.recovery import Recovery
    from heaven.serving.wiring import Runnable
    from heaven.types import ASGIApp


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A surround at one place; it has two where the application that has it is mounted twice.

    `site` and `recovery` are what it answers errors with: the error handlers of its own level and those outside of it.
    `made` is for what lives as long as the application does, at this place: it is kept when routes are added later.
    `passed`: a mounted application with WRAP is inside of it, and what it shelters was entered before that.
    """

    surround: Surround
    site: Site
    recovery: Recovery
    made: dict[Any, Any]
    passed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Surrounded:
    """A route with all that is around it, the outermost first; `host` has parameters that join those of `pattern`."""

    placed: tuple[Placed, ...]
    route: Route
    pattern: Pattern
    root: App
    host: HostPattern | None = None


class Folded(Protocol):
    """What surrounds make of a route.

    `call` is called in place of the route's own handler. `lines` are what people are shown of it, one for each surround
    that has something to say. `redirect_slashes` is what they say of slashes at the end of its path, where the route
    says nothing itself.
    """

    @property
    def call(self) -> AsyncFunction: ...
    @property
    def lines(self) -> tuple[str, ...]: ...
    @property
    def redirect_slashes(self) -> bool | None: ...

    def around(self, endpoint: Runnable) -> Runnable:
        """What serves in place of the endpoint; the endpoint itself where nothing has to be around it."""
        ...


class Surround(Protocol):
    """One level around routes: of an application, a mount or the route itself."""

    @property
    def rescues(self) -> Mapping[int | type[BaseException], Rescue]:
        """Its error handlers: they come after those of the levels inside of it, and before those outside."""
        ...

    def fold(self, surrounded: Surrounded) -> Folded:
        """What all surrounds together make of a route; the innermost is asked."""
        ...

    def shelter(self, placed: tuple[Placed, ...], missing: ASGIApp) -> ASGIApp | None:
        """What is called before what answers where no route matched; None where nothing has to be around it."""
        ...


async def undeclared(*_: object) -> None:
    """The call of a route whose surrounds make the real one."""
