"""One request and its response, held against the specification message by message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heaven_testing.conformance.extensions import (
    check_debug,
    check_early_hint,
    check_pathsend,
    check_push,
    check_trailers,
    check_zerocopysend,
)
from heaven_testing.conformance.headers import Pairs, check_headers
from heaven_testing.conformance.messages import check_rest, kind_of, shown, unknown
from heaven_testing.conformance.rules import broken
from heaven_testing.errors import ConformanceError

if TYPE_CHECKING:
    from heaven.types import Message, Scope

# How far the response is.
_BEFORE, _STARTED, _CONTENT, _TRAILERS, _END = range(5)
# How far the request is.
_UPLOADING, _UPLOADED, _DISCONNECTED = range(3)

_BODILESS = frozenset((204, 205, 304))
_EXTENSIONS = frozenset(
    f"http.response.{name}" for name in ("pathsend", "zerocopysend", "trailers", "early_hint", "push", "debug")
)
_BODY_KEYS = frozenset(("type", "body", "more_body"))
_START_KEYS = frozenset(("type", "status", "headers", "trailers"))
_TYPE = frozenset(("type",))


class HTTPChecker:
    """Lives with one request. What an application sends after its client has left goes nowhere, in whatever order.

    Content in the response to HEAD is no violation: servers leave it out, so that applications need not (RFC 9110
    9.3.2 is theirs to keep), and its Content-Length is that of the response to GET.

    Args:
        scope: a scope of the type http that conforms.
    """

    __slots__ = (
        "_announced", "_bodiless", "_debugged", "_gone", "_head", "_length", "_offered", "_request", "_response",
        "_silent", "_size", "_status",
    )  # fmt: skip

    def __init__(self, scope: Scope) -> None:
        self._offered: Any = scope.get("extensions") or ()
        self._head: bool = scope.get("method") == "HEAD"
        self._response = _BEFORE
        self._request = _UPLOADING
        self._silent = False
        self._gone = False
        self._debugged = False
        self._announced = False  # trailers
        self._bodiless = False
        self._status = 0
        self._length: int | None = None
        self._size = 0

    @property
    def complete(self) -> bool:
        """Whether all of the response was sent."""
        return self._response == _END

    def received(self, message: Message) -> None:
        """The server gives the application a message."""
        if self._silent:
            return
        try:
            # PERF: kind_of, for what is sent all the time: one call less.
            kind = message.get("type") if message.__class__ is dict else kind_of(message)
            if kind == "http.request":
                self._take_request(message, kind)
            elif kind == "http.disconnect":
                check_rest(message, _TYPE, kind)
                self._request = _DISCONNECTED
                self._gone = self._gone or self._response != _END
            else:
                raise unknown(kind_of(message), "http", "received")
        except ConformanceError:
            self._silent = True
            raise

    def sent(self, message: Message) -> None:
        """The application gives the server a message."""
        if self._silent:
            return
        try:
            # PERF: kind_of, for what is sent all the time: one call less.
            kind = message.get("type") if message.__class__ is dict else kind_of(message)
            if kind == "http.response.body":
                self.send_body(message, kind)
            elif kind == "http.response.start":
                self.send_start(message, kind)
            else:
                self._send_of_extension(message, kind_of(message))
        except ConformanceError:
            self._silent = True
            raise

    def left(self) -> None:
        """The server told the application that its client is gone: `send` raised OSError."""
        self._gone = True

    def returned(self) -> None:
        """The application has returned."""
        if self._silent or self._gone or self._response == _END:
            return
        self._silent = True
        if self._response == _BEFORE:
            raise broken("http-unanswered", "the application returned without http.response.start")
        if self._response == _TRAILERS:
            raise broken("http-trailers-missing", "the application returned without http.response.trailers")
        raise broken("http-unfinished", f"the application returned after {self._size} bytes of content")

    # The messages; `kind` is what an error calls them: a refusal of a WebSocket is a response as well

    def send_start(self, message: Message, kind: str) -> None:
        """Hold `http.response.start` against the rules."""
        if self._response != _BEFORE and not self._gone:
            raise broken("http-start-once", f"{kind} was sent twice, first with {self._status}")
        status = message.get("status")
        if type(status) is not int and (not isinstance(status, int) or isinstance(status, bool)):
            raise broken("http-status-type", f"{kind}: status is {shown(status)}")
        if not 200 <= status <= 599:
            raise broken("http-status-final", f"{kind}: status is {shown(status)}")
        length = self._length_in(check_headers(message, kind), kind)
        if not _START_KEYS.issuperset(message):
            check_rest(message, _START_KEYS, kind)
        if "trailers" in message:
            self._announce(message["trailers"], kind)
        self._status = status
        self._response = _STARTED
        if not self._head:
            self._bodiless = status in _BODILESS
            # What 304 says is the length of what it stands for (RFC 9110 8.6).
            self._length = None if status == 304 else length

    def send_body(self, message: Message, kind: str) -> None:
        """Hold `http.response.body` against the rules."""
        if not _STARTED <= self._response <= _CONTENT:
            self._check_turn(kind)
        body = message.get("body", b"")
        if type(body) is not bytes and not isinstance(body, bytes):
            raise broken("http-body-bytes", f"{kind}: body is {shown(body)}")
        more = message.get("more_body", False)
        if more is not False and more is not True:
            raise broken("http-more-body", f"{kind}: more_body is {shown(more)}")
        if not _BODY_KEYS.issuperset(message):
            check_rest(message, _BODY_KEYS, kind)
        self._count(len(body), more=more, kind=kind)

    def _take_request(self, message: Message, kind: str) -> None:
        if self._request == _DISCONNECTED:
            raise broken("http-request-after-disconnect", f"{kind} came after http.disconnect")
        if self._request == _UPLOADED:
            raise broken("http-request-after-end", f"{kind} came after one without more_body")
        body = message.get("body", b"")
        if type(body) is not bytes and not isinstance(body, bytes):
            raise broken("http-request-body", f"{kind}: body is {shown(body)}")
        more = message.get("more_body", False)
        if more is not False and more is not True:
            raise broken("http-request-more-body", f"{kind}: more_body is {shown(more)}")
        if not _BODY_KEYS.issuperset(message):
            check_rest(message, _BODY_KEYS, kind)
        if not more:
            self._request = _UPLOADED

    def _check_turn(self, kind: str) -> None:
        """Content is sent between start and end; what is sent to nobody may come whenever it likes."""
        if self._gone:
            return
        if self._response == _BEFORE:
            raise broken("http-start-first", f"{kind} was sent without a start")
        if self._response >= _TRAILERS:
            raise broken("http-after-end", f"{kind} was sent after the last part of the content")

    def _length_in(self, headers: Pairs, kind: str) -> int | None:
        length: int | None = None
        for name, value in headers:
            if name == b"content-length":
                if length is not None or not value.isdigit():
                    raise broken("http-content-length", f"{kind}: content-length is {shown(value)}, before it {length}")
                length = int(value)
        return length

    def _announce(self, trailers: Any, kind: str) -> None:
        if trailers is not False and trailers is not True:
            raise broken("http-trailers-flag", f"{kind}: trailers is {shown(trailers)}")
        if trailers and "http.response.trailers" not in self._offered:
            raise broken("http-extension", f"{kind} announces trailers, and 'http.response.trailers' is not offered")
        self._announced = trailers

    def _count(self, size: int | None, *, more: bool, kind: str) -> None:
        """Take in a part of the content; the size is None where only the server will know."""
        if self._gone:
            return
        if size != 0 and self._bodiless:
            bytes_ = "content" if size is None else f"{size} bytes"
            raise broken("http-no-content", f"{kind} has {bytes_}, and the status is {self._status}")
        if size is None:
            self._length = None
        else:
            self._size += size
        length = self._length
        if length is not None and self._size != length:
            if self._size > length:
                raise broken("http-content-longer", f"{kind} makes it {self._size} bytes, content-length is {length}")
            if not more:
                raise broken("http-content-shorter", f"{kind} ends at {self._size} bytes, content-length is {length}")
        if more:
            self._response = _CONTENT
        else:
            self._response = _TRAILERS if self._announced else _END

    # Extensions

    def _send_of_extension(self, message: Message, kind: str) -> None:
        if kind not in _EXTENSIONS:
            raise unknown(kind, "http", "sent")
        if kind not in self._offered:
            raise broken("http-extension", f"{kind} was sent, and scope['extensions'] is {shown(self._offered or {})}")
        if kind == "http.response.pathsend":
            self._check_turn(kind)
            if self._response == _CONTENT and not self._gone:
                raise broken("http-pathsend-alone", f"{kind} was sent after http.response.body")
            check_pathsend(message, kind)
            self._count(None, more=False, kind=kind)
        elif kind == "http.response.zerocopysend":
            self._check_turn(kind)
            check_zerocopysend(message, kind)
            self._count(message.get("count"), more=message.get("more_body", False), kind=kind)
        elif kind == "http.response.trailers":
            self._send_trailers(message, kind)
        elif kind == "http.response.push":
            if self._response == _END and not self._gone:
                raise broken("http-after-end", f"{kind} was sent after the end of the response")
            check_push(message, kind)
        elif kind == "http.response.early_hint":
            if self._response != _BEFORE and not self._gone:
                raise broken("http-early-hint-first", f"{kind} was sent after the start, with {self._status}")
            check_early_hint(message, kind)
        else:
            if (self._response != _BEFORE or self._debugged) and not self._gone:
                raise broken("http-debug-first", f"{kind} was sent {'twice' if self._debugged else 'after the start'}")
            self._debugged = True
            check_debug(message, kind)

    def _send_trailers(self, message: Message, kind: str) -> None:
        if self._response != _TRAILERS and not self._gone:
            if self._response == _BEFORE:
                raise broken("http-start-first", f"{kind} was sent without a start")
            if not self._announced:
                raise broken("http-trailers-announced", f"{kind} was sent, and the start had no trailers=True")
            if self._response == _END:
                raise broken("http-after-end", f"{kind} was sent after the last trailers")
            raise broken("http-trailers-last", f"{kind} was sent before the last part of the content")
        check_trailers(message, kind)
        if not message.get("more_trailers", False):
            self._response = _END
