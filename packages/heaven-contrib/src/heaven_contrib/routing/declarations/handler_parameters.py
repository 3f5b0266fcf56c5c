"""What a handler says of itself besides its path and what every level can say, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from heaven.http.media import parse_media_type
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.level import LevelParameters
from heaven_contrib.routing.places import shown
from heaven_contrib.routing.responding.background import BackgroundTask, BackgroundTasks


class SocketParameters(LevelParameters, total=False):
    """What `@websocket` takes besides a path."""

    name: str | None
    """The name for `path_for`; the function's own without it."""
    summary: str | None
    """For the documentation, a line."""
    description: str | None
    """For the documentation; the docstring without it."""


class HandlerParameters(SocketParameters, total=False):
    """What `@get` and its family take besides a path."""

    status_code: int | None
    """The status of what is returned, 200 to 599; without it POST has 201, DELETE 204 and others 200."""
    media_type: str | None
    """The media type of what is returned; it follows from the value without it."""
    background: BackgroundTask | BackgroundTasks | None
    """What runs after each response."""
    responses: Mapping[int, Any] | None
    """Other answers, for the documentation: `{404: Problem}`."""
    operation_id: str | None
    """What the documentation calls it; it follows from name and path without it."""
    sync_to_thread: bool | None
    """False runs a sync function inline, on the event loop, and not in a thread."""
    max_body_size: int | None
    """Bytes a body may have; None for no limit, and what the application says where it is left out."""
    timeout: float | None
    """Seconds for the body to arrive, and again for all that runs; None for no limit, likewise."""
    stream: bool
    """Leave the body to `request.stream()` or `request.parts()`, piece by piece."""
    cancel_on_disconnect: bool
    """Cancel the handler when the client leaves."""


LIMITS: tuple[str, ...] = ("max_body_size", "timeout", "stream", "cancel_on_disconnect")
"""Those that the core takes as they are."""


def checked_own(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The parameters that are a handler's alone, those that were left out as None.

    Args:
        given: what was passed, without the parameters of levels.
        where: which handler got it, and where.

    Raises:
        ImproperlyConfigured: a value can't work; the message names the parameter.

    Example:
        >>> checked_own({"status_code": 202}, "@post create_user at shop.py:7")["status_code"]
        202
        >>> checked_own({"media_type": "json"}, "@post create_user at shop.py:7")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: @post create_user at shop.py:7 got media_type='json'; \
give a str such as 'text/html'
    """
    own: dict[str, Any] = {"responses": MappingProxyType({})}
    for name, (accepts, example) in _OWN.items():
        value = given.get(name)
        if value is None:
            own.setdefault(name, None)
        elif accepts(value):
            own[name] = MappingProxyType(dict(value)) if name == "responses" else value
        else:
            raise ImproperlyConfigured(f"{where} got {name}={shown(value)}; give {example}")
    return own


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_media_type(value: Any) -> bool:
    return isinstance(value, str) and bool(parse_media_type(value)[0])


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and 200 <= value <= 599


_OWN: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_is_text, "a str that is not empty"),
    "summary": (lambda value: isinstance(value, str), "a str"),
    "description": (lambda value: isinstance(value, str), "a str"),
    "status_code": (_is_status, "a status of a response, 200 to 599"),
    "media_type": (_is_media_type, "a str such as 'text/html'"),
    "background": (lambda value: isinstance(value, BackgroundTask | BackgroundTasks), "a BackgroundTask(function)"),
    "responses": (
        lambda value: isinstance(value, Mapping) and all(map(_is_status, value)),  # pyright: ignore[reportUnknownArgumentType]
        "what is answered for each status, as in {404: Problem}",
    ),
    "operation_id": (_is_text, "a str that is not empty"),
    "sync_to_thread": (lambda value: isinstance(value, bool), "True or False"),
}

__all__ = ["LIMITS", "HandlerParameters", "SocketParameters", "checked_own"]
