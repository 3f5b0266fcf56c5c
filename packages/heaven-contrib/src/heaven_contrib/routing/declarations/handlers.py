"""The words that make a function a handler: `@get("/users/{id:int}")` and its family, `@route`, `@websocket`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, Unpack

from heaven.declaring.registrations import METHODS, SOCKET
from heaven_contrib.routing.declarations.declaration import HandlerDeclaration
from heaven_contrib.routing.declarations.declaring import declare
from heaven_contrib.routing.declarations.handler_parameters import HandlerParameters, SocketParameters
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import declared_at, shown
from heaven_contrib.routing.shapes import listed

P = ParamSpec("P")
R = TypeVar("R")


class Verb:
    """The decorator of one HTTP method; `get`, `post` and their family are its instances.

    Args:
        method: the method, in upper case.

    Example:
        >>> @get("/users/{id:int}", tags=["users"])
        ... async def read_user(id: int) -> dict[str, int]:
        ...     return {"id": id}
        >>> read_user.methods, read_user.path
        (('GET',), '/users/:id:int')
    """

    __slots__ = ("method",)

    def __init__(self, method: str) -> None:
        self.method: str = method

    def __call__(
        self, path: str = "/", **parameters: Unpack[HandlerParameters]
    ) -> Callable[[Callable[P, R]], HandlerDeclaration[P, R]]:
        """A decorator that declares a handler for this method.

        Args:
            path: below the Gateway's: `"/users/{id:int}"`.
            **parameters: see `HandlerParameters` and `LevelParameters`.

        Raises:
            ImproperlyConfigured: a parameter, or the function, can't work; the message says what would.
        """
        return _decorator(repr(self), (self.method,), path, parameters)

    def __repr__(self) -> str:
        return f"@{self.method.lower()}"


get: Verb = Verb("GET")
head: Verb = Verb("HEAD")
post: Verb = Verb("POST")
put: Verb = Verb("PUT")
patch: Verb = Verb("PATCH")
delete: Verb = Verb("DELETE")
options: Verb = Verb("OPTIONS")
trace: Verb = Verb("TRACE")


def route(
    path: str = "/", *, methods: Sequence[str], **parameters: Unpack[HandlerParameters]
) -> Callable[[Callable[P, R]], HandlerDeclaration[P, R]]:
    """A decorator that declares a handler for several methods.

    Args:
        path: below the Gateway's.
        methods: the methods, in whatever case; they are documented apart from each other.
        **parameters: see `HandlerParameters` and `LevelParameters`. Where the methods differ in their default status,
            it is 200.

    Raises:
        ImproperlyConfigured: a method is unknown, or a parameter or the function can't work.

    Example:
        >>> @route("/users/{id:int}", methods=["PUT", "PATCH"])
        ... async def change_user(id: int, data: dict[str, str]) -> None: ...
        >>> change_user.methods
        ('PUT', 'PATCH')
    """
    return _decorator("@route", _checked_methods(methods), path, parameters)


def websocket(
    path: str = "/", **parameters: Unpack[SocketParameters]
) -> Callable[[Callable[P, R]], HandlerDeclaration[P, R]]:
    """A decorator that declares a handler for WebSockets.

    Args:
        path: below the WebSocketGateway's.
        **parameters: see `SocketParameters` and `LevelParameters`.

    Raises:
        ImproperlyConfigured: a parameter can't work, or the function is not async or does not take `socket`.

    Example:
        >>> from heaven import WebSocket
        >>> @websocket("/rooms/{room}")
        ... async def chat(socket: WebSocket, room: str) -> None:
        ...     await socket.accept()
        >>> chat.methods
        ('WEBSOCKET',)
    """
    return _decorator("@websocket", (SOCKET,), path, parameters)


def _decorator(
    word: str, methods: tuple[str, ...], path: str, parameters: Mapping[str, Any]
) -> Callable[[Callable[P, R]], HandlerDeclaration[P, R]]:
    place = declared_at()
    if callable(path):
        raise ImproperlyConfigured(f"{word} at {place} got {shown(path)} for its path; write {word}() above a function")

    def decorate(function: Callable[P, R]) -> HandlerDeclaration[P, R]:
        return declare(function, word=word, methods=methods, path=path, given=parameters, place=place)

    return decorate


def _checked_methods(methods: Any) -> tuple[str, ...]:
    """The methods in upper case, each once."""
    place = f"@route at {declared_at()}"
    upper = [str(method).upper() for method in listed(methods, "methods", place, "['GET', 'POST']")]
    if not upper or not set(upper) <= set(METHODS):
        raise ImproperlyConfigured(f"{place} got methods={methods!r}; give some of {', '.join(METHODS)}")
    return tuple(dict.fromkeys(upper))


__all__ = [
    "Verb",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "trace",
    "websocket",
]
