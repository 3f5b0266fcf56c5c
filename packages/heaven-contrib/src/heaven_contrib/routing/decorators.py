"""The words of handlers on a Router: `@router.get("/users")` declares a function and serves it in one go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from heaven_contrib.routing.declarations import handlers
from heaven_contrib.routing.declarations.declaration import HandlerDeclaration
from heaven_contrib.routing.declarations.gateways import Gateway, WebSocketGateway
from heaven_contrib.routing.declarations.handler_parameters import HandlerParameters, SocketParameters

P = ParamSpec("P")
R = TypeVar("R")


class BoundVerb:
    """`router.get`: what `@get` does, and the route is served.

    Example:
        >>> from heaven_contrib.routing import Router
        >>> router = Router()
        >>> @router.get("/hello")
        ... async def hello() -> str:
        ...     return "Hello"
        >>> router.path_for("hello")
        '/hello'
    """

    __slots__ = ("_serve", "_verb")

    def __init__(self, verb: handlers.Verb, serve: Callable[[Any], None]) -> None:
        self._verb = verb
        self._serve = serve

    def __call__(
        self, path: str = "/", **parameters: Unpack[HandlerParameters]
    ) -> Callable[[Callable[P, R]], HandlerDeclaration[P, R]]:
        """A decorator; arguments and errors are those of the word without the router."""
        return _served(self._verb(path, **parameters), self._serve)


class RouterVerb:
    """A word on a Router that declares a handler for one method, and serves it."""

    __slots__ = ("_verb",)

    def __init__(self, verb: handlers.Verb) -> None:
        self._verb = verb

    @overload
    def __get__(self, router: None, owner: object = None) -> Self: ...
    @overload
    def __get__(self, router: Decorators, owner: object = None) -> BoundVerb: ...
    def __get__(self, router: Decorators | None, owner: object = None) -> Self | BoundVerb:
        return self if router is None else BoundVerb(self._verb, router.serve)


class Decorators(ABC):
    """Mixed into what handlers can be declared on."""

    get: RouterVerb = RouterVerb(handlers.get)
    head: RouterVerb = RouterVerb(handlers.head)
    post: RouterVerb = RouterVerb(handlers.post)
    put: RouterVerb = RouterVerb(handlers.put)
    patch: RouterVerb = RouterVerb(handlers.patch)
    delete: RouterVerb = RouterVerb(handlers.delete)
    options: RouterVerb = RouterVerb(handlers.options)
    trace: RouterVerb = RouterVerb(handlers.trace)

    @abstractmethod
    def serve(self, gateway: Gateway | WebSocketGateway) -> None:
        """Serve what a Gateway holds."""

    def route(
        self, path: str = "/", *, methods: Sequence[str], **parameters: Unpack[HandlerParameters]
    ) -> Callable[[Callable[P, R]], HandlerDeclaration[P, R]]:
        """Declare a handler for several methods, and serve it; a decorator, see `heaven_contrib.routing.route`."""
        return _served(handlers.route(path, methods=methods, **parameters), self.serve)

    def websocket(
        self, path: str = "/", **parameters: Unpack[SocketParameters]
    ) -> Callable[[Callable[P, R]], HandlerDeclaration[P, R]]:
        """Declare a handler for WebSockets, and serve it; a decorator, see `heaven_contrib.routing.websocket`."""
        return _served(handlers.websocket(path, **parameters), self.serve, WebSocketGateway)


def _served(
    declared: Callable[[Callable[P, R]], HandlerDeclaration[P, R]],
    serve: Callable[[Any], None],
    gateway: type[Gateway] = Gateway,
) -> Callable[[Callable[P, R]], HandlerDeclaration[P, R]]:
    def decorate(function: Callable[P, R]) -> HandlerDeclaration[P, R]:
        declaration = declared(function)
        serve(gateway(handler=declaration))
        return declaration

    return decorate


__all__ = ["BoundVerb", "Decorators", "RouterVerb"]
