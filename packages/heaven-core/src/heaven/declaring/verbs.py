"""The words that register routes: `app.GET("/orders", handler)`, alike on an application and on its subdomains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, TypeVar, Unpack, overload

from heaven.callables import awaitable, resolve, said_at
from heaven.declaring.registrations import (
    DEFAULT_BODY_SIZE,
    SOCKET,
    Options,
    Route,
    checked_limit,
    checked_origins,
    checked_pattern,
    checked_subdomain,
)
from heaven.errors import RegistrationError
from heaven.types import Handler, SocketHandler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heaven.bodies.validation import TypedBody

_WITHOUT_BODY = frozenset(("GET", "HEAD", "TRACE", "CONNECT"))

H = TypeVar("H", bound=Handler)
S = TypeVar("S", bound=SocketHandler)


class RouteOptions(TypedDict, total=False):
    """What every verb takes besides a URL and a handler."""

    subdomain: str | None
    """Limits the match to hosts of this subdomain; "*" takes those that no other route names."""
    name: str | None
    """The name for `app.url_for(name, ...)`."""
    expects: Any
    """The type of the body, for msgspec: a Struct, dataclass, TypedDict, list of those ...; `req.data` is one."""
    returns: Any
    """The type of the response's body, for documentation."""
    max_body_size: int | None
    """Bytes a body may have; None for no limit."""
    timeout: float | None
    """Seconds for the body to arrive, and again for hooks and handler; 503 after that."""
    stream: bool
    """Hand the body over piece by piece: `req.stream()` or `req.parts()`."""
    cancel_on_disconnect: bool
    """Cancel the handler when the client leaves."""


class Registrar(Protocol):
    """What verbs register at: an application, or one of its subdomains."""

    def register(self, route: Route) -> None:
        """Write a route down."""
        ...

    @property
    def defaults(self) -> Options:
        """What routes are given that don't say otherwise."""
        ...

    @property
    def default_subdomain(self) -> str | None:
        """The subdomain of routes that don't name one."""
        ...


class Verb:
    """A word on an application that registers a route for one method, or for all of them.

    Args:
        method: the HTTP method; None for every one.
    """

    def __init__(self, method: str | None) -> None:
        self.method = method
        self.__doc__ = f"Register a handler for {method or 'every method'}: `app.{method or 'HTTP'}(url, handler)`."

    def __get__(self, registrar: Registrar, owner: object = None) -> BoundVerb:
        return BoundVerb(self.method, registrar)


class BoundVerb:
    """`app.GET`: call it with a URL and a handler, or with a URL alone as a decorator.

    Example:
        >>> from heaven import App
        >>> app = App()
        >>> @app.GET("/orders/:id:int", name="order")
        ... async def read(req, res, ctx):
        ...     return {"id": req.params["id"]}
        >>> app.url_for("order", id=7)
        '/orders/7'
    """

    __slots__ = ("_method", "_registrar")

    def __init__(self, method: str | None, registrar: Registrar) -> None:
        self._method = method
        self._registrar = registrar

    @overload
    def __call__(self, url: str, handler: H, **options: Unpack[RouteOptions]) -> H: ...
    @overload
    def __call__(self, url: str, handler: str, **options: Unpack[RouteOptions]) -> None: ...
    @overload
    def __call__(self, url: str, handler: None = None, **options: Unpack[RouteOptions]) -> Callable[[H], H]: ...
    def __call__(self, url: str, handler: Any = None, **options: Any) -> Any:
        """Register a handler.

        Args:
            url: the pattern, such as `"/orders/:id:int?verbose:bool"`.
            handler: a function, or a dotted name of one; without it this is a decorator.
            **options: see `RouteOptions`.

        Raises:
            RegistrationError: the pattern, handler or an option can't work; the message says how to mend it.
        """
        place = said_at()
        if handler is None:

            def decorate(function: Any) -> Any:
                return self._register(url, function, options, place)

            return decorate
        self._register(url, handler, options, place)
        return None if isinstance(handler, str) else handler

    def _register(self, url: str, handler: Any, options: dict[str, Any], place: str) -> Any:
        role = f"{self._method or 'HTTP'} {url}"
        function = resolve(handler, role, place)
        registrar = self._registrar
        rest = {name: value for name, value in options.items() if name != "subdomain"}
        subdomain = checked_subdomain(options.get("subdomain"), role, place) or registrar.default_subdomain
        registrar.register(
            Route(
                method=self._method,
                pattern=checked_pattern(url, role, place),
                function=function,
                call=awaitable(function, 3, role, place),
                subdomain=subdomain,
                options=checked_options(registrar.defaults, rest, self._method, role, place),
                place=place,
            )
        )
        return handler


class SocketVerb:
    """`app.WS`: a word that registers a WebSocket route."""

    def __get__(self, registrar: Registrar, owner: object = None) -> BoundSocketVerb:
        return BoundSocketVerb(registrar)


class BoundSocketVerb:
    """`app.WS(url, handler, origins=[...])`, with `async def handler(req, ws, ctx)`; a decorator without a handler.

    Example:
        >>> from heaven import App
        >>> app = App()
        >>> @app.WS("/echo")
        ... async def echo(req, ws, ctx):
        ...     await ws.accept()
        ...     async for message in ws:
        ...         await ws.send_text(message)
    """

    __slots__ = ("_registrar",)

    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar

    @overload
    def __call__(
        self,
        url: str,
        handler: S,
        *,
        subdomain: str | None = None,
        name: str | None = None,
        origins: Sequence[str] | None = None,
    ) -> S: ...
    @overload
    def __call__(
        self,
        url: str,
        handler: str,
        *,
        subdomain: str | None = None,
        name: str | None = None,
        origins: Sequence[str] | None = None,
    ) -> None: ...
    @overload
    def __call__(
        self,
        url: str,
        handler: None = None,
        *,
        subdomain: str | None = None,
        name: str | None = None,
        origins: Sequence[str] | None = None,
    ) -> Callable[[S], S]: ...
    def __call__(
        self,
        url: str,
        handler: Any = None,
        *,
        subdomain: str | None = None,
        name: str | None = None,
        origins: Sequence[str] | None = None,
    ) -> Any:
        """Register a WebSocket handler.

        Args:
            url: the pattern.
            handler: `async def handler(req, ws, ctx)`, or a dotted name of one; without it this is a decorator.
            subdomain: limits the match to hosts of this subdomain.
            name: the name for `app.url_for`.
            origins: the Origins whose pages may connect, such as `["https://shop.test"]`; others get a 403.

        Raises:
            RegistrationError: the pattern, handler or an option can't work.
        """
        place = said_at()
        if handler is None:

            def decorate(function: Any) -> Any:
                return self(url, function, subdomain=subdomain, name=name, origins=origins)

            return decorate
        role = f"WS {url}"
        function = resolve(handler, role, place)
        registrar = self._registrar
        allowed = checked_origins(origins, role, place) or registrar.defaults.origins
        registrar.register(
            Route(
                method=SOCKET,
                pattern=checked_pattern(url, role, place),
                function=function,
                call=awaitable(function, 3, role, place),
                subdomain=checked_subdomain(subdomain, role, place) or registrar.default_subdomain,
                options=replace(registrar.defaults, name=name, origins=allowed),
                place=place,
            )
        )
        return None if isinstance(handler, str) else handler


class Verbs:
    """Mixed into what routes are registered on."""

    GET = Verb("GET")
    POST = Verb("POST")
    PUT = Verb("PUT")
    PATCH = Verb("PATCH")
    DELETE = Verb("DELETE")
    HEAD = Verb("HEAD")
    OPTIONS = Verb("OPTIONS")
    TRACE = Verb("TRACE")
    CONNECT = Verb("CONNECT")
    QUERY = Verb("QUERY")
    HTTP = Verb(None)
    WS = SocketVerb()


def checked_options(defaults: Options, given: dict[str, Any], method: str | None, role: str, place: str) -> Options:
    """A route's options, the defaults where it is silent.

    Raises:
        RegistrationError: an option is unknown or its value can't work.
    """
    known = RouteOptions.__annotations__
    unknown = [name for name in given if name not in known]
    if unknown:
        raise RegistrationError(f"{role} at {place} got {', '.join(unknown)}, and takes {', '.join(known)}")
    chosen = dict(given)
    stream = chosen.get("stream", False)
    if chosen.get("expects") is not None:
        if method in _WITHOUT_BODY:
            raise RegistrationError(
                f"{role} at {place} has expects=, and a body of {method} means nothing (RFC 9110 9.3.1); "
                "use POST or QUERY"
            )
        if stream:
            raise RegistrationError(
                f"{role} at {place} has expects= and stream=True; a body is read whole or in pieces, not both"
            )
        chosen["expects"] = _typed_body(chosen["expects"], role, place)
    if stream and chosen.get("cancel_on_disconnect"):
        raise RegistrationError(
            f"{role} at {place} has stream=True and cancel_on_disconnect=True; both would read the body, "
            "and req.stream() raises ClientDisconnected by itself, so leave cancel_on_disconnect out"
        )
    if stream and "max_body_size" not in chosen and defaults.max_body_size == DEFAULT_BODY_SIZE:
        chosen["max_body_size"] = None  # what is read piece by piece needs no limit that nobody gave
    checked_limit("max_body_size", chosen.get("max_body_size"), role, place, whole=True)
    checked_limit("timeout", chosen.get("timeout"), role, place)
    return replace(defaults, **chosen)


def _typed_body(annotation: Any, role: str, place: str) -> TypedBody:
    from heaven.bodies.validation import TypedBody  # loaded with the first route that has one

    try:
        return TypedBody(annotation)
    except RegistrationError as error:
        raise RegistrationError(f"{role} at {place}: {error}") from error


__all__ = ["BoundSocketVerb", "BoundVerb", "Registrar", "RouteOptions", "SocketVerb", "Verb", "Verbs"]
