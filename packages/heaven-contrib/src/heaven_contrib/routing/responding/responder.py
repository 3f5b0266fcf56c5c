"""What becomes of the value that a handler returned."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Raw, Struct

from heaven import Response as CoreResponse
from heaven.bodies.json import encode_json
from heaven_contrib.routing.responding.background import BackgroundTask, BackgroundTasks
from heaven_contrib.routing.responding.bodies import Write, writer
from heaven_contrib.routing.responding.cookies import Cookie
from heaven_contrib.routing.responding.headers import ResponseHeader, baked_headers
from heaven_contrib.routing.responding.overlay import overlay, underlay
from heaven_contrib.routing.responding.responses import Response

__all__ = ["Responder", "apply"]

_STRUCTS = type(Struct)


def apply(value: Any, res: CoreResponse, default_status: int | None = None) -> None:
    """Have a value answer the request, outside of any route: of an exception handler, or a `before_request` hook.

    Args:
        value: a response, or what is sent as JSON.
        res: the response that is sent.
        default_status: the status, where the value does not say one; None leaves it as it is.

    Raises:
        TypeError: the value can't be written; the message names its type.

    Example:
        >>> from heaven_contrib.routing.responding.responses import HTMLResponse
        >>> res = CoreResponse()
        >>> apply(HTMLResponse("<h1>There are none left.</h1>"), res, 409)
        >>> res.status, res.body
        (409, '<h1>There are none left.</h1>')
    """
    if default_status is not None and value is not res:
        res.status = default_status
    _put(value, res, None)


class Responder:
    """Lives with the wiring: writes what the handler of one route returned onto the response.

    A `Response`, of this package or of the core, says itself what it says, and leaves the rest to the route and its
    levels. None is empty, bytes go out as they are, async iterators piece by piece. All else is written as `media_type`
    says, and as JSON without one.

    Args:
        status_code: where the response says none.
        media_type: the Content-Type, where the response says none.
        response_class: what other values are made into.
        headers: of all levels, by name.
        cookies: of all levels.
        background: what is called after each response, before what the response itself brings.

    Raises:
        TypeError: when it is called with what can't be written; the message names the type.

    Example:
        >>> respond = Responder(status_code=201, media_type="text/plain", headers={"x-shop": ResponseHeader("north")})
        >>> res = CoreResponse()
        >>> respond("Made.", res)
        >>> res.status, res.body, res.headers["x-shop"]
        (201, 'Made.', 'north')
    """

    __slots__ = ("_background", "_class", "_fields", "_media_type", "_status", "respond")

    def __init__(
        self,
        *,
        status_code: int = 200,
        media_type: str | None = None,
        response_class: type[Response] | None = None,
        headers: Mapping[str, ResponseHeader] = MappingProxyType({}),
        cookies: tuple[Cookie, ...] = (),
        background: BackgroundTask | BackgroundTasks | None = None,
    ) -> None:
        self._status = status_code
        self._media_type = media_type
        self._class = response_class
        self._fields = (*baked_headers(headers), *((b"set-cookie", cookie.baked) for cookie in cookies))
        self._background = background
        writer(media_type)  # refuses now what can't stand in a header
        special = media_type or response_class or self._fields or background
        self.respond: Write = self._respond if special else _plainly(status_code, self._respond)
        """What writes a value onto a response, in the shape that costs least."""

    def __call__(self, value: Any, res: CoreResponse) -> None:
        """Write a value onto the response."""
        self.respond(value, res)

    def _respond(self, value: Any, res: CoreResponse) -> None:
        if value is res:
            underlay(res, self._fields)
        else:
            res.status = self._status
            if self._fields:
                overlay(res, self._fields)
        if self._background is not None:
            self._background.put(res)
        if self._class is not None and not isinstance(value, Response | CoreResponse):
            value = self._class.of(value, self._status, self._media_type)
        _put(value, res, self._media_type)


def _plainly(status: int, respond: Write) -> Write:
    """What writes the values that nearly all handlers return, where nothing but a status was declared.

    Args:
        status: the route's.
        respond: writes all others.
    """

    # PERF: a closure takes half the time of a method. To ask for the class of the class takes a third of the time of
    # isinstance(value, Struct), which msgspec answers itself.
    def respond_plainly(value: Any, res: CoreResponse) -> None:
        kind: type[Any] = value.__class__
        if kind is dict or kind is list or (isinstance(kind, _STRUCTS) and not issubclass(kind, CoreResponse)):
            res.status = status
            res.body = value
        elif kind is str:
            res.status = status
            res.body = Raw(encode_json(value))
        else:
            respond(value, res)

    return respond_plainly


def _put(value: Any, res: CoreResponse, media_type: str | None) -> None:
    if isinstance(value, Response):
        value.put(res, media_type)
    elif isinstance(value, CoreResponse):
        if value is not res:
            _take_over(value, res)
    else:
        writer(media_type)(value, res)


def _take_over(made: CoreResponse, res: CoreResponse) -> None:
    """Have the response that is sent say what another one of the core says."""
    res.status = made.status
    res.body = made.body
    overlay(res, made.headers.raw)
    for function, args, kwargs in made.deferred or ():
        res.defer(function, *args, **kwargs)
