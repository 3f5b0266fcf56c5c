"""One WebSocket, held against the specification message by message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from heaven_testing.conformance.headers import check_headers
from heaven_testing.conformance.http import HTTPChecker
from heaven_testing.conformance.messages import check_rest, kind_of, shown, unknown
from heaven_testing.conformance.rules import broken
from heaven_testing.errors import ConformanceError

if TYPE_CHECKING:
    from heaven.types import Message, Scope

# How far the connection is: a refusal with a response takes more than one message.
_CONNECTING, _OPEN, _REFUSING, _CLOSED = range(4)
# How far the client is, as the application was told.
_UNHEARD, _CONNECTED, _DISCONNECTED = range(3)

_DENIAL = "websocket.http.response"
_LONGEST_REASON = 123

_DATA_KEYS = frozenset(("type", "bytes", "text"))
_ACCEPT_KEYS = frozenset(("type", "subprotocol", "headers"))
_CLOSE_KEYS = frozenset(("type", "code", "reason"))
_TYPE = frozenset(("type",))


class WebSocketChecker:
    """Lives with one connection. What an application sends after its client has left goes nowhere, in whatever order.

    Args:
        scope: a scope of the type websocket that conforms.
    """

    __slots__ = ("_accepted", "_client", "_gone", "_offered", "_refusal", "_silent", "_state", "_subprotocols")

    def __init__(self, scope: Scope) -> None:
        self._offered: Any = scope.get("extensions") or ()
        self._subprotocols: Any = scope.get("subprotocols") or ()
        self._state = _CONNECTING
        self._client = _UNHEARD
        self._accepted = False
        self._gone = False
        self._silent = False
        self._refusal: HTTPChecker | None = None

    def received(self, message: Message) -> None:
        """The server gives the application a message."""
        if self._silent:
            return
        try:
            kind = kind_of(message)
            if kind == "websocket.receive":
                self._check_order(kind)
                if not self._accepted:
                    raise broken("websocket-receive-early", f"{kind} came before websocket.accept was sent")
                _check_data(message, kind, "websocket-receive")
            elif kind == "websocket.connect":
                self._take_connect(message, kind)
            elif kind == "websocket.disconnect":
                self._take_disconnect(message, kind)
            else:
                raise unknown(kind, "websocket", "received")
        except ConformanceError:
            self._silent = True
            raise

    def sent(self, message: Message) -> None:
        """The application gives the server a message."""
        if self._silent:
            return
        try:
            kind = kind_of(message)
            if kind == "websocket.send":
                if self._state != _OPEN:
                    self._check_turn(kind)
                _check_data(message, kind, "websocket-send")
            elif kind == "websocket.accept":
                self._send_accept(message, kind)
            elif kind == "websocket.close":
                self._send_close(message, kind)
            elif kind in ("websocket.http.response.start", "websocket.http.response.body"):
                self._send_refusal(message, kind)
            else:
                raise unknown(kind, "websocket", "sent")
        except ConformanceError:
            self._silent = True
            raise

    def left(self) -> None:
        """The server told the application that its client is gone: `send` raised OSError."""
        self._gone = True

    def returned(self) -> None:
        """The application has returned; a connection it left open is closed by the server."""
        if self._silent or self._gone:
            return
        if self._state == _CONNECTING:
            self._silent = True
            raise broken("websocket-unanswered", "the application returned without websocket.accept or websocket.close")
        if self._state == _REFUSING and self._refusal is not None:
            self._silent = True
            self._refusal.returned()

    # From the server

    def _check_order(self, kind: str) -> None:
        if self._client == _UNHEARD:
            raise broken("websocket-connect-first", f"{kind} came first")
        if self._client == _DISCONNECTED:
            raise broken("websocket-after-disconnect", f"{kind} came after websocket.disconnect")

    def _take_connect(self, message: Message, kind: str) -> None:
        if self._client != _UNHEARD:
            raise broken("websocket-connect-once", f"{kind} came again")
        check_rest(message, _TYPE, kind)
        self._client = _CONNECTED

    def _take_disconnect(self, message: Message, kind: str) -> None:
        if self._client != _DISCONNECTED:
            self._check_order(kind)
        code, reason = message.get("code"), message.get("reason")
        if not isinstance(code, int) or isinstance(code, bool):
            raise broken("websocket-disconnect-code", f"{kind}: code is {shown(code)}")
        if reason is not None and not isinstance(reason, str):
            raise broken("websocket-disconnect-reason", f"{kind}: reason is {shown(reason)}")
        check_rest(message, _CLOSE_KEYS, kind)
        self._client = _DISCONNECTED
        self._gone = self._gone or self._state != _CLOSED

    # From the application

    def _check_turn(self, kind: str) -> None:
        """Anything but a message is sent while the handshake has no answer yet; what is sent to nobody, whenever."""
        if self._gone:
            return
        if self._state == _CLOSED:
            raise broken("websocket-after-close", f"{kind} was sent after the end")
        if self._state == _REFUSING:
            raise broken("websocket-denial-alone", f"{kind} was sent after {_DENIAL}.start")
        if kind == "websocket.send":
            raise broken("websocket-accept-first", f"{kind} was sent before websocket.accept")

    def _send_accept(self, message: Message, kind: str) -> None:
        self._check_turn(kind)
        if self._state == _OPEN and not self._gone:
            raise broken("websocket-accept-once", f"{kind} was sent twice")
        subprotocol = message.get("subprotocol")
        if subprotocol is not None:
            if not isinstance(subprotocol, str):
                raise broken("websocket-subprotocol-str", f"{kind}: subprotocol is {shown(subprotocol)}")
            if subprotocol not in self._subprotocols:
                offered = ", ".join(map(repr, self._subprotocols)) or "none"
                raise broken("websocket-subprotocol-offered", f"{kind}: subprotocol is {subprotocol!r}, of {offered}")
        for name, value in check_headers(message, kind):
            if name == b"sec-websocket-protocol":
                raise broken("websocket-subprotocol-header", f"{kind}: a header {name.decode()!r} is {shown(value)}")
        check_rest(message, _ACCEPT_KEYS, kind)
        self._state = _OPEN
        self._accepted = True

    def _send_close(self, message: Message, kind: str) -> None:
        self._check_turn(kind)
        code = message.get("code", 1000)
        if not isinstance(code, int) or isinstance(code, bool) or not _may_be_sent(code):
            raise broken("websocket-close-code", f"{kind}: code is {shown(code)}")
        reason = message.get("reason")
        if reason is not None:
            if not isinstance(reason, str):
                raise broken("websocket-close-reason", f"{kind}: reason is {shown(reason)}")
            size = len(reason.encode(errors="surrogatepass"))
            if size > _LONGEST_REASON:
                raise broken("websocket-close-reason", f"{kind}: reason has {size} bytes: {shown(reason)}")
        check_rest(message, _CLOSE_KEYS, kind)
        self._state = _CLOSED

    def _send_refusal(self, message: Message, kind: str) -> None:
        if _DENIAL not in self._offered:
            raise broken("websocket-denial-extension", f"{kind} was sent, and {_DENIAL!r} is not offered")
        if self._state == _OPEN and not self._gone:
            raise broken("websocket-denial-early", f"{kind} was sent after websocket.accept")
        if self._state == _CLOSED or (kind.endswith("start") and self._state == _REFUSING):
            self._check_turn(kind)
        if self._refusal is None:
            self._refusal = HTTPChecker({"method": "GET"})
        if self._gone:
            self._refusal.left()
        if kind.endswith("start"):
            self._refusal.send_start(message, kind)
            self._state = _REFUSING
        else:
            self._refusal.send_body(message, kind)
            if self._refusal.complete:
                self._state = _CLOSED


def _check_data(message: Mapping[str, Any], kind: str, rules: str) -> None:
    data, text = message.get("bytes"), message.get("text")
    if data is not None and not isinstance(data, bytes):
        raise broken(f"{rules}-type", f"{kind}: bytes is {shown(data)}")
    if text is not None and not isinstance(text, str):
        raise broken(f"{rules}-type", f"{kind}: text is {shown(text)}")
    if text is not None and not text.isascii() and _is_torn(text):
        raise broken(f"{rules}-type", f"{kind}: text has half of a surrogate pair, which UTF-8 can't encode")
    if (data is None) == (text is None):
        seen = "neither bytes nor text" if data is None else "both bytes and text"
        raise broken(f"{rules}-one", f"{kind} has {seen}")
    if not _DATA_KEYS.issuperset(message):
        check_rest(message, _DATA_KEYS, kind)


def _may_be_sent(code: int) -> bool:
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def _is_torn(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
