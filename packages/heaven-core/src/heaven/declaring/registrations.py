"""What an application was told, as plain values in the order it was said, each with the place it was said at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heaven.errors import RegistrationError
from heaven.routing.patterns import Pattern, parse_pattern

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.bodies.validation import TypedBody
    from heaven.callables import AsyncFunction
    from heaven.declaring.hooks import Hook
    from heaven.declaring.steps import Observer
    from heaven.declaring.surrounds import Surround
    from heaven.http.host_patterns import HostPattern
    from heaven.serving.foreign import Foreign
    from heaven.types import ASGIApp, Handler, Slashes, SocketHandler

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
OTHER = "*"
"""Stands for the methods that no standard names; `app.HTTP` and foreign applications take them as well."""
SOCKET = "WEBSOCKET"
"""Stands for a WebSocket handshake where methods are named."""

DEFAULT_BODY_SIZE = 1_048_576

DUPLICATE = "leave one out, or tell them apart by a type, as in ':id:int'"
"""What to do about two routes that are the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What a route was told besides method, pattern and handler.

    `redirect_slashes`: whether the slash at the end of a path is put right by a redirect, None as the outermost
    application's `slashes` says; where that ignores slashes there is nothing to put right. `implied_name`: nobody said
    the name, it is the function's; of two routes with it, one that was said or the first counts.
    """

    name: str | None = None
    implied_name: bool = False
    expects: TypedBody | None = None
    returns: Any = None
    max_body_size: int | None = DEFAULT_BODY_SIZE
    timeout: float | None = None
    stream: bool = False
    cancel_on_disconnect: bool = False
    origins: frozenset[str] | None = None
    redirect_slashes: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One method and pattern with its handler; `method` is None for `app.HTTP`, `SOCKET` for `app.WS`.

    `surrounds` are what it brings around itself, the outermost first; `declared` is theirs, to know it again.
    """

    method: str | None
    pattern: Pattern
    function: Handler | SocketHandler
    call: AsyncFunction
    subdomain: str | None
    options: Options
    place: str
    surrounds: tuple[Surround, ...] = ()
    declared: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Mount:
    """A child under a prefix: another App, or any ASGI application; `host` and `subdomain` exclude each other."""

    child: App | Foreign
    prefix: str
    subdomain: str | None
    isolated: bool
    name: str | None
    place: str
    surrounds: tuple[Surround, ...] = ()
    transparent: bool = False
    host: HostPattern | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fallback:
    """The ASGI application that takes what no route matched."""

    application: Foreign
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class Wrap:
    """One ASGI middleware: `factory(app, **options)` makes it."""

    factory: Callable[..., ASGIApp]
    options: Mapping[str, Any]
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What stands around all that is below a path of one application, also around what no route matches there."""

    path: str
    surrounds: tuple[Surround, ...]


def below(prefix: str, pattern: Pattern, *, hints: bool = True) -> Pattern:
    """The pattern as it is below a prefix: `/:id` below `/orders` is `/orders/:id`."""
    query = "&".join(f"{hint.name}:{hint.converter.name}" for hint in pattern.hints) if hints else ""
    text = prefix + pattern.text if pattern.text != "/" or not prefix else prefix
    return parse_pattern(text + (f"?{query}" if query else ""))


def everything_below(prefix: str, slashes: Slashes) -> tuple[str, ...]:
    """The patterns that take a prefix and all that is below it, in as many as it needs.

    Example:
        >>> everything_below("/blog", "ignore"), everything_below("", "strict")
        (('/blog', '/blog/*'), ('/', '/*'))
    """
    if not prefix:
        return ("/", "/*")
    return (prefix, f"{prefix}/*") if slashes == "ignore" else (prefix, f"{prefix}/", f"{prefix}/*")


def checked_pattern(url: str, role: str, place: str) -> Pattern:
    """A URL, read; what is wrong with it is told with the place it was written at.

    Raises:
        RegistrationError: it can't work.
    """
    try:
        return parse_pattern(url)
    except RegistrationError as error:
        raise RegistrationError(f"{role} at {place}: {error}") from None


def checked_methods(methods: str | Sequence[str] | None, role: str, place: str) -> frozenset[str] | None:
    """The methods that a hook is limited to, None where it is not.

    Raises:
        RegistrationError: there is none, or one that no standard knows.
    """
    if methods is None:
        return None
    chosen = frozenset([methods] if isinstance(methods, str) else methods)
    if not chosen or chosen.difference(METHODS, (SOCKET,)):
        known = ", ".join((*METHODS, SOCKET))
        raise RegistrationError(f"{role} at {place} got methods={methods!r}; give some of {known}, or leave it out")
    return chosen


def checked_prefix(prefix: str, role: str, place: str) -> str:
    """A prefix without its last slash.

    Raises:
        RegistrationError: it is no path, has query hints or ends with a wildcard.
    """
    if prefix in ("", "/"):
        return ""
    pattern = checked_pattern(prefix, role, place)
    if pattern.rest is not None or pattern.hints:
        raise RegistrationError(
            f"{role} at {place} got the prefix {prefix!r}; leave out the wildcard and query, as in '/blog'"
        )
    return pattern.text.rstrip("/")


def checked_subdomain(subdomain: object, role: str, place: str) -> str | None:
    """A subdomain in lower case: labels, or "*" for those that no route names.

    Raises:
        RegistrationError: it can't be the beginning of a host's name.
    """
    if subdomain is None:
        return None
    name = subdomain.lower() if isinstance(subdomain, str) else ""
    if name == "*":
        return name
    if not all(label.replace("-", "").isalnum() and label.isascii() for label in name.split(".")):
        raise RegistrationError(
            f"{role} at {place} got the subdomain {subdomain!r}; give labels such as 'api' or 'eu.api', or '*'"
        )
    return name


def checked_host(host: str | None, subdomain: str | None, role: str, place: str) -> HostPattern | None:
    """A pattern of hosts, read; what is wrong with it is told with the place it was written at.

    Raises:
        RegistrationError: it can't work, or there is a subdomain as well.
    """
    if host is None:
        return None
    if subdomain is not None:
        raise RegistrationError(f"{role} at {place} got host={host!r} and subdomain={subdomain!r}; give one of them")
    from heaven.http.host_patterns import parse_host  # loaded with the first host

    try:
        return parse_host(host)
    except RegistrationError as error:
        raise RegistrationError(f"{role} at {place}: {error}") from None


def checked_limit(name: str, value: float | None, role: str, place: str, *, whole: bool = False) -> None:
    """Refuse a limit that is no number above 0.

    Raises:
        RegistrationError: it is another thing; `whole` wants an int.
    """
    kinds = (int,) if whole else (int, float)
    if value is not None and (type(value) not in kinds or not value > 0):
        what = "a whole number" if whole else "a number"
        raise RegistrationError(f"{role} at {place} got {name}={value!r}; give {what} above 0, or None for no limit")


def checked_origins(origins: Sequence[str] | None, role: str, place: str) -> frozenset[str] | None:
    """Origins as browsers send them: scheme, host and port, nothing behind (RFC 6454 6.2); None for all.

    Raises:
        RegistrationError: they are no list, or one of them has a path, or no scheme.
    """
    if origins is None:
        return None
    if isinstance(origins, str):
        raise RegistrationError(f"{role} at {place} got origins={origins!r}; give a list, as in [{origins!r}]")
    for origin in origins:
        scheme, _, rest = origin.partition("://")
        if origin != "*" and (not scheme or not rest or "/" in rest or "*" in rest):
            raise RegistrationError(
                f"{role} at {place} got the origin {origin!r}; write 'https://shop.test', without a path"
            )
    return frozenset(origin.lower() for origin in origins)


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One startup or shutdown step: `function` is what was passed, `call(app)` its awaitable form."""

    function: Callable[..., Any]
    call: AsyncFunction
    place: str


@dataclass(frozen=True, slots=True)
class Rescue:
    """One `ON(status or exception class, function)`: `call` is the awaitable form of the function.

    `takes_all`: said for `Exception`, it answers an HTTPError as well.
    """

    event: int | type[BaseException]
    function: Callable[..., Any]
    call: AsyncFunction
    place: str
    takes_all: bool = False


class Written:
    """All that one application was told; only the application itself adds to it.

    `claimed` has the place of each route, so that a second one at a place is refused when it is said. `stacks` has the
    middleware that was made of `wraps`, for each place the application is mounted at. `observers` have each function
    shown to them when the application is compiled. `surrounds` stand around all its routes, `parts` around those below
    a path; `made` is what was made for surrounds below it.
    """

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.hooks: list[Hook] = []
        self.mounts: list[Mount] = []
        self.fallback: Fallback | None = None
        self.wraps: list[Wrap] = []
        self.stacks: dict[Any, Any] = {}
        self.rescues: dict[int | type[BaseException], Rescue] = {}
        self.startup: list[Event] = []
        self.shutdown: list[Event] = []
        self.daemons: list[tuple[Callable[..., Any], float, str]] = []
        self.observers: list[Observer] = []
        self.surrounds: list[Surround] = []
        self.parts: list[Part] = []
        self.made: dict[Any, dict[Any, Any]] = {}
        self.claimed: dict[tuple[object, ...], Route] = {}
