"""The exceptions Heaven raises and a user may catch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any


class HeavenError(Exception):
    """Everything Heaven raises on purpose descends from this."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Copying and pickling would call __init__ with the text alone, and process pools do pickle.
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[HeavenError], args: tuple[Any, ...], state: dict[str, Any]) -> HeavenError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class RegistrationError(HeavenError, ValueError):
    """What was registered can't work; the message says what was passed and how to mend it."""


class HeaderError(HeavenError, ValueError):
    """A header or cookie holds characters that must never reach the wire (RFC 9110 5.5)."""


class NoSuchURL(HeavenError, LookupError):
    """No route has this name, or the parameters given for it are missing, too many or don't convert."""


class ClientDisconnected(HeavenError):
    """The client left before its request was complete, or before the response was."""


class BackgroundError(HeavenError):
    """A deferred function or a daemon failed; `__cause__` is what it raised, `function` what had been deferred."""

    def __init__(self, function: object) -> None:
        super().__init__(f"{getattr(function, '__qualname__', function)!s} failed in the background")
        self.function = function


class WebSocketStateError(HeavenError, RuntimeError):
    """A WebSocket call came at the wrong moment: before `accept`, twice, or after `close`."""


class WebSocketDisconnected(HeavenError):
    """The other side closed the WebSocket; `code` and `reason` are what it said (RFC 6455 7.4)."""

    def __init__(self, code: int = 1005, reason: str = "") -> None:
        super().__init__(f"the client closed the WebSocket ({code}{': ' + reason if reason else ''})")
        self.code = code
        self.reason = reason


class Abort(HeavenError):
    """Ends a request with the response as it stands; raised by `res.abort`, `res.redirect` never raises."""


class HTTPError(HeavenError):
    """An answer that is an error: a problem document (RFC 9457), or what `app.ON(status, fn)` makes of it.

    Args:
        status: the HTTP status code, 400 to 599.
        detail: a sentence for the client; it is sent as it is, so it holds nothing secret.
        headers: sent with the response, for example `{"Retry-After": "3"}`.
        errors: for 422, what was wrong, one mapping with `loc` and `msg` each.

    Example:
        >>> raise HTTPError(409, "This order was cancelled already.")
        Traceback (most recent call last):
        heaven.errors.HTTPError: 409 Conflict: This order was cancelled already.
    """

    # A subclass with an __init__ of its own that forgets this one's is still an error with a status.
    status: int = 500
    title: str = "Internal Server Error"
    detail: str | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    errors: Sequence[Mapping[str, Any]] = ()

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(
                f"HTTPError takes an error status, 400 to 599, and got {status}; set res.status for others"
            )
        self.status = int(status)
        self.title = reason_phrase(self.status)
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = list(errors or ())
        super().__init__(f"{self.status} {self.title}" + (f": {detail}" if detail else ""))


class BadRequest(HTTPError):
    """400: the request is malformed."""

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(400, detail, headers=headers)


class NotFound(HTTPError):
    """404: nothing is there."""

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(404, detail, headers=headers)


class BodyTooLarge(HTTPError):
    """413: the body, or a part of it, is over its limit."""

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(413, detail, headers=headers)


class UnsupportedMediaType(HTTPError):
    """415: the Content-Type is not one that the route reads."""

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(415, detail, headers=headers)


class ValidationError(HTTPError):
    """422: the request is well-formed and its values are wrong; `errors` has all of them."""

    def __init__(self, errors: Sequence[Mapping[str, Any]], detail: str | None = None) -> None:
        plural = "" if len(errors) == 1 else "s"
        super().__init__(422, detail or f"{len(errors)} value{plural} can't be accepted.", errors=errors)


# RFC 9110 renamed these; older Pythons still have the names of RFC 7231.
_RENAMED = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def reason_phrase(status: int) -> str:
    """The standard's words for a status code, or a neutral one for codes it doesn't know (RFC 9110 15)."""
    try:
        return _RENAMED.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Error" if status >= 400 else "Unassigned"
