"""The HTTP client library, named here and nowhere else: one with the same interface takes its place in this file."""

from __future__ import annotations

from httpx import (
    URL,
    USE_CLIENT_DEFAULT,
    AsyncBaseTransport,
    AsyncByteStream,
    AsyncClient,
    BaseTransport,
    ByteStream,
    Client,
    ConnectError,
    Cookies,
    Headers,
    LocalProtocolError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    SyncByteStream,
    Timeout,
    TransportError,
    UnsupportedProtocol,
)

__all__ = [
    "URL",
    "USE_CLIENT_DEFAULT",
    "AsyncBaseTransport",
    "AsyncByteStream",
    "AsyncClient",
    "BaseTransport",
    "ByteStream",
    "Client",
    "ConnectError",
    "Cookies",
    "Headers",
    "LocalProtocolError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "Response",
    "SyncByteStream",
    "Timeout",
    "TransportError",
    "UnsupportedProtocol",
]
