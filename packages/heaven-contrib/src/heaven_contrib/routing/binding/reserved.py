"""The names that stand for the request itself, or for a part of it that is given whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from heaven import App, Context, Headers, Request, WebSocket
from heaven.bodies.forms import Repeatable
from heaven.declaring.store import missing

Reading: TypeAlias = Callable[[Request, Context, WebSocket | None], Any]
"""Gives the value of a reserved name."""


class State:
    """What the application keeps, as attributes: `state.db` is `app.peek("db")`.

    Example:
        >>> from heaven import App
        >>> app = App()
        >>> app.keep("greeting", "hello")
        >>> State(app).greeting
        'hello'
        >>> State(app).greting
        Traceback (most recent call last):
        AttributeError: nothing is kept as 'greting'; did you mean 'greeting'?
    """

    __slots__ = ("_app",)
    _app: App

    def __init__(self, app: App) -> None:
        object.__setattr__(self, "_app", app)

    def __getattr__(self, name: str) -> Any:
        value = self._app.peek(name, _ABSENT)
        if value is _ABSENT:
            raise AttributeError(missing(name, self._app.store, "is kept"))
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self._app.keep(name, value)

    def __delattr__(self, name: str) -> None:
        try:
            self._app.unkeep(name)
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __contains__(self, name: object) -> bool:
        return name in self._app.store

    def __repr__(self) -> str:
        """The names; values may hold secrets."""
        return f"State({', '.join(self._app.store) or 'empty'})"


_ABSENT: Final = object()


def _pairs(values: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, several in values.items() for value in several)


RESERVED: Final[Mapping[str, tuple[type, Reading]]] = {
    "request": (Request, lambda req, _ctx, _socket: req),
    "socket": (WebSocket, lambda _req, _ctx, socket: socket),
    "headers": (Headers, lambda req, _ctx, _socket: req.headers),
    "cookies": (dict, lambda req, _ctx, _socket: req.cookies),
    "query": (Repeatable, lambda req, _ctx, _socket: Repeatable(_pairs(req.queries_all))),
    "state": (State, lambda req, _ctx, _socket: State(req.app)),
    "context": (Context, lambda _req, ctx, _socket: ctx),
}
"""What a reserved name gives, and how it is read. `query["tag"]` is the last of its values, `getall` gives all of them;
`data` and `payload` are the body."""

BODIES: Final = ("data", "payload")
"""The names of the body."""
