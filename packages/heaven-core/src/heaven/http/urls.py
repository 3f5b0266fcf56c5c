"""The URL of a request, put together from what the server says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from heaven.http.hosts import host_name

if TYPE_CHECKING:
    from heaven.types import Scope

_IN_PATHS = "/:@!$&'()*+,;=~-._"


def path_below_root(scope: Scope) -> str:
    """The path without the server's `root_path`, taken off at a segment boundary only (`/api` is no prefix of `/apix`).

    Example:
        >>> path_below_root({"path": "/api/orders", "root_path": "/api"})
        '/orders'
        >>> path_below_root({"path": "/apix", "root_path": "/api"})
        '/apix'
    """
    path: str = scope["path"]
    root: str = (scope.get("root_path") or "").rstrip("/")
    if root and path.startswith(root) and (len(path) == len(root) or path[len(root)] == "/"):
        return path[len(root) :] or "/"
    return path


def request_target(scope: Scope) -> str:
    """Path and query as the client wrote them, percent-encoded; always with a slash in front.

    Without that slash `GET @evil.test/ HTTP/1.1` would move the host of the URL it is appended to.

    Example:
        >>> request_target({"path": "/a b", "query_string": b"page=2"})
        '/a%20b?page=2'
        >>> request_target({"path": "@evil.test/", "raw_path": b"@evil.test/"})
        '/@evil.test/'
    """
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"], safe=_IN_PATHS) if raw is None else raw.partition(b"?")[0].decode("latin-1")
    query: bytes = scope.get("query_string", b"")
    return ("" if path.startswith("/") else "/") + path + (f"?{query.decode('latin-1')}" if query else "")


def authority(scope: Scope, asked: str | None) -> str:
    """Host and port for a URL: what the client asked for, or the server's own address where that is malformed.

    Example:
        >>> authority({"server": ("::1", 8000)}, "shop.test/@evil.test")
        '[::1]:8000'
    """
    if asked is not None and host_name(asked) is not None:
        return asked
    name, port = scope.get("server") or ("localhost", None)
    if "/" in name:  # a server behind a Unix socket has a path in place of a name
        return "localhost"
    name = f"[{name}]" if ":" in name else name
    return name if port is None else f"{name}:{port}"
