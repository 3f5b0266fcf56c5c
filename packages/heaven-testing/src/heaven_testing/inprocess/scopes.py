"""What a server tells the application of a connection: the ASGI scope, with the keys and values uvicorn gives it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from heaven_testing.library import LocalProtocolError, UnsupportedProtocol

if TYPE_CHECKING:
    from heaven.types import RawHeaders, Scope
    from heaven_testing.library import Request

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
HTTP_SCHEMES = {"ws": "http", "wss": "https"}
SOCKET_SCHEMES = {http: socket for socket, http in HTTP_SCHEMES.items()}
EXTENSIONS = frozenset(
    ("http.response.pathsend", "http.response.trailers", "http.response.early_hint", "http.response.debug")
)
"""The extensions of HTTP that can be offered to the application; WebSockets always have denial responses."""


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAME = re.compile(_TOKEN.pattern.encode())
_VALUE = re.compile(rb"(?:[\x21-\xff](?:[\t \x21-\xff]*[\x21-\xff])?)?")
_SENDABLE: set[tuple[bytes, bytes]] = set()
"""Header fields that were found good. PERF: most tests send the same ones again and again."""
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Peer:
    """What the server says of itself and of who connects, the same for every connection of a client.

    Args:
        client: address and port of the client; None for a client that has none, as behind a UNIX socket.
        root_path: where the application is mounted; it goes before every path (ASGI HTTP, Connection Scope).
        http_version: "1.0", "1.1", "2" or "3".
        extensions: what the server offers beyond HTTP itself; see `EXTENSIONS`.

    Raises:
        ValueError: one of them can't be.
    """

    client: tuple[str, int] | None = ("127.0.0.1", 50000)
    root_path: str = ""
    http_version: str = "1.1"
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def __post_init__(self) -> None:
        if self.http_version not in ("1.0", "1.1", "2", "3"):
            raise ValueError(f'http_version={self.http_version!r}; give "1.0", "1.1", "2" or "3"')
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            raise ValueError(f"root_path={self.root_path!r}; it begins with a slash and ends without, as in '/shop'")
        unknown = sorted(set(self.extensions) - EXTENSIONS)
        if unknown:
            raise ValueError(f"extensions={unknown!r} can't be offered; there are {', '.join(sorted(EXTENSIONS))}")


def http_scope(request: Request, peer: Peer, state: Mapping[str, Any]) -> Scope:
    """The scope of a request (ASGI HTTP, Connection Scope).

    Args:
        request: what the client sends.
        peer: what holds for every connection.
        state: what the application left in the lifespan's state; requests get a shallow copy.

    Raises:
        LocalProtocolError: the method or a header field can't be sent, so no server would hand it over.
        UnsupportedProtocol: the URL is none of HTTP.
    """
    if _TOKEN.fullmatch(request.method) is None:
        raise LocalProtocolError(f"the method {request.method!r} can't be sent: it is no token (RFC 9110 9.1)")
    scope = _scope("http", "2.3", request, peer, state)
    scope["method"] = request.method
    if peer.extensions:
        scope["extensions"] = {name: dict(value) for name, value in peer.extensions.items()}
    return scope


def socket_scope(request: Request, peer: Peer, state: Mapping[str, Any], subprotocols: Sequence[str]) -> Scope:
    """The scope of a WebSocket's handshake (ASGI WebSocket, Connection Scope); arguments as for `http_scope`."""
    scope = _scope("websocket", "2.4", request, peer, state)
    scope["scheme"] = SOCKET_SCHEMES.get(scope["scheme"], scope["scheme"])
    scope["subprotocols"] = [*subprotocols]
    scope["extensions"] = {"websocket.http.response": {}}
    return scope


def _scope(kind: str, spec_version: str, request: Request, peer: Peer, state: Mapping[str, Any]) -> dict[str, Any]:
    url = request.url
    if url.scheme not in DEFAULT_PORTS:
        raise UnsupportedProtocol(f"{url} is no URL of HTTP: it begins with http:// or https://", request=request)
    raw_path, _, query = url.raw_path.partition(b"?")
    path = raw_path.decode("ascii")
    root = peer.root_path
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": spec_version},
        "http_version": peer.http_version,
        "server": (url.host, url.port or DEFAULT_PORTS.get(url.scheme)),
        "client": peer.client,
        "scheme": HTTP_SCHEMES.get(url.scheme, url.scheme),
        "root_path": root,
        "headers": _fields(request),
        "state": dict(state),
        "path": root + (unquote(path) if "%" in path else path),
        "raw_path": root.encode() + raw_path if root else raw_path,
        "query_string": query,
    }


def _fields(request: Request) -> RawHeaders:
    """The header fields as a server hands them over, names in lower case (RFC 9110 5.1, 5.5).

    Raises:
        LocalProtocolError: one of them can't be sent.
    """
    fields = [(name.lower(), value) for name, value in request.headers.raw]
    for field_ in fields:
        if field_ not in _SENDABLE:
            name, value = field_
            if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
                raise LocalProtocolError(
                    f"the header field {name!r}: {value!r} can't be sent: a name is a token, and a value has no "
                    "control characters and no blanks at its ends (RFC 9110 5)"
                )
            if len(_SENDABLE) < _REMEMBERED:
                _SENDABLE.add(field_)
    return fields
