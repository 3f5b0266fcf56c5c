"""What an application was told, as plain values in the order it was said, each with the place it was said at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from heaven.errors import RegistrationError
from heaven.patterns import Pattern, parse_pattern

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.callables import AsyncFunction
    from heaven.foreign import Foreign
    from heaven.hooks import Hook
    from heaven.recovery import Rescue
    from heaven.types import ASGIApp, Handler, Slashes, SocketHandler
    from heaven.validation import TypedBody

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
OTHER = "*"
"""Stands for the methods that no standard names; `app.HTTP` and foreign applications take them as well."""
SOCKET = "WEBSOCKET"
"""Stands for a WebSocket handshake where methods are named."""

DEFAULT_BODY_SIZE = 1_048_576


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What a route was told besides method, pattern and handler."""

    name: str | None = None
    expects: TypedBody | None = None
    returns: Any = None
    max_body_size: int | None = DEFAULT_BODY_SIZE
    timeout: float | None = None
    stream: bool = False
    cancel_on_disconnect: bool = False
    origins: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One method and pattern with its handler; `method` is None for `app.HTTP`, `SOCKET` for `app.WS`."""

    method: str | None
    pattern: Pattern
    function: Handler | SocketHandler
    call: AsyncFunction
    subdomain: str | None
    options: Options
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class Mount:
    """A child under a prefix: another App, or any ASGI application."""

    child: App | Foreign
    prefix: str
    subdomain: str | None
    isolated: bool
    name: str | None
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class Wrap:
    """One ASGI middleware: `factory(app, **options)` makes it."""

    factory: Callable[..., ASGIApp]
    options: Mapping[str, Any]
    place: str


def shape_of(pattern: Pattern, slashes: Slashes) -> tuple[object, ...]:
    """What makes two patterns the same to a request: literals and types at the same places, whatever their names."""
    return (
        *(segment.text if segment.converter is None else segment.converter for segment in pattern.segments),
        pattern.rest is not None,
        pattern.trailing_slash and slashes != "ignore",
    )


def below(prefix: str, pattern: Pattern, *, hints: bool = True) -> Pattern:
    """The pattern as it is below a prefix: `/:id` below `/orders` is `/orders/:id`."""
    query = "&".join(f"{hint.name}:{hint.converter.name}" for hint in pattern.hints) if hints else ""
    text = prefix + pattern.text if pattern.text != "/" or not prefix else prefix
    return parse_pattern(text + (f"?{query}" if query else ""))


def checked_methods(methods: str | Sequence[str] | None, role: str) -> frozenset[str] | None:
    """The methods that a hook is limited to, in capitals.

    Raises:
        RegistrationError: there is none, or one that no standard knows.
    """
    if methods is None:
        return None
    chosen = frozenset([methods] if isinstance(methods, str) else methods)
    unknown = sorted(chosen.difference(METHODS, (SOCKET,)))
    if unknown or not chosen:
        raise RegistrationError(f"{role} got methods={methods!r}; give some of {', '.join((*METHODS, SOCKET))}, or leave it out")
    return chosen


def checked_prefix(prefix: str) -> str:
    """A mount's prefix without its last slash.

    Raises:
        RegistrationError: it is no path, has query hints or ends with a wildcard.
    """
    if prefix in ("", "/"):
        return ""
    pattern = parse_pattern(prefix)
    if pattern.rest is not None or pattern.hints:
        raise RegistrationError(f"mount got the prefix {prefix!r}; leave out the wildcard and query, as in '/blog'")
    return pattern.text.rstrip("/")


def checked_subdomain(subdomain: str | None) -> str | None:
    """A subdomain in lower case: labels, or "*" for those that no route names.

    Raises:
        RegistrationError: it can't be the beginning of a host's name.
    """
    if subdomain is None or subdomain == "*":
        return subdomain
    name = subdomain.lower()
    if not name or not all(label.replace("-", "").isalnum() and label.isascii() for label in name.split(".")):
        raise RegistrationError(f"got the subdomain {subdomain!r}; give labels such as 'api' or 'eu.api', or '*'")
    return name


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One startup or shutdown step: `call(app)`."""

    call: AsyncFunction
    place: str


@dataclass(slots=True, eq=False)
class Written:
    """All that one application was told; only the application itself adds to it."""

    routes: list[Route] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    wraps: list[Wrap] = field(default_factory=list)
    rescues: dict[int | type[BaseException], Rescue] = field(default_factory=dict)
    startup: list[Event] = field(default_factory=list)
    shutdown: list[Event] = field(default_factory=list)
    daemons: list[tuple[Callable[..., Any], float, str]] = field(default_factory=list)
    claimed: dict[tuple[object, ...], Route] = field(default_factory=dict)
    """The place of each route, so that the second one at a place is refused when it is said."""
