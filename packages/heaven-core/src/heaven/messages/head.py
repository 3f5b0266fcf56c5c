"""The head of a response: its status, and the header fields as they go out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heaven.messages.response import Response
    from heaven.types import RawHeaders

# What these say about the message is settled by its content alone.
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))
BODILESS = frozenset((204, 205, 304))
SHORT = 1024
LENGTHS = [(b"content-length", b"%d" % size) for size in range(SHORT)]
"""The Content-Length of short bodies, written once."""


def fields(res: Response, content_type: tuple[bytes, bytes] | None, length: int | None) -> RawHeaders:
    """The header fields as they go out: the kind's Content-Type unless one is set, and always Heaven's own length."""
    headers = res._headers  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 (PERF: none are made for it)
    if headers is None or not headers.raw:
        raw: RawHeaders = [] if content_type is None else [content_type]
    else:
        raw = [pair for pair in headers.raw if pair[0] not in _FRAMING]
        if content_type is not None:
            for name, _ in raw:
                if name == b"content-type":
                    break
            else:
                raw.append(content_type)
    if length is not None:
        raw.append((b"content-length", b"%d" % length))
    return raw


def final_status(status: Any) -> int:
    """The status as a plain int, where it is one that ends a request (RFC 9110 15).

    Raises:
        TypeError: it is no number.
        ValueError: it is not 200 to 599.
    """
    if not isinstance(status, int):
        raise TypeError(f"res.status takes an int or an http.HTTPStatus, and was set to {status!r}")
    if not 200 <= status <= 599:
        raise ValueError(f"res.status takes 200 to 599, the statuses that end a request, and was set to {status!r}")
    return int(status)
