"""What the messages of the extensions hold; whether it is their turn is for the checker of the response to say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from heaven_testing.conformance.headers import check_field_value, check_headers
from heaven_testing.conformance.messages import check_rest, shown
from heaven_testing.conformance.rules import broken

if TYPE_CHECKING:
    from heaven.types import Message

_PATHSEND = frozenset(("type", "path"))
_ZEROCOPYSEND = frozenset(("type", "file", "offset", "count", "more_body"))
_TRAILERS = frozenset(("type", "headers", "more_trailers"))
_EARLY_HINT = frozenset(("type", "links"))
_PUSH = frozenset(("type", "path", "headers"))
_DEBUG = frozenset(("type", "info"))


def check_pathsend(message: Message, kind: str) -> None:
    """A file that the server opens by its path."""
    path = message.get("path")
    if not isinstance(path, str) or not PurePath(path).is_absolute():
        raise broken("http-pathsend-path", f"{kind}: path is {shown(path)}")
    check_rest(message, _PATHSEND, kind)


def check_zerocopysend(message: Message, kind: str) -> None:
    """An open file that the server copies from; `file` is an object that has `fileno()`, or the number itself."""
    file = message.get("file")
    if not callable(getattr(file, "fileno", None)) and not _is_count(file):
        raise broken("http-zerocopysend-fields", f"{kind}: file is {shown(file)}")
    for key in ("offset", "count"):
        value = message.get(key)
        if value is not None and not _is_count(value):
            raise broken("http-zerocopysend-fields", f"{kind}: {key} is {shown(value)}")
    if not isinstance(message.get("more_body", False), bool):
        raise broken("http-zerocopysend-fields", f"{kind}: more_body is {shown(message['more_body'])}")
    check_rest(message, _ZEROCOPYSEND, kind)


def check_trailers(message: Message, kind: str) -> None:
    """Headers that follow the content."""
    check_headers(message, kind)
    if not isinstance(message.get("more_trailers", False), bool):
        raise broken("http-trailers-more", f"{kind}: more_trailers is {shown(message['more_trailers'])}")
    check_rest(message, _TRAILERS, kind)


def check_early_hint(message: Message, kind: str) -> None:
    """Links that a client may follow before the response comes; those of an iterator are replaced by a list."""
    links: Any = message.get("links", ())
    if isinstance(links, str | bytes) or not isinstance(links, Iterable):
        raise broken("http-early-hint-links", f"{kind}: links is {shown(links)}")
    listed: list[Any] = list(links)  # pyright: ignore[reportUnknownArgumentType]
    if not isinstance(links, list | tuple):
        message["links"] = listed
    for link in listed:
        if not isinstance(link, bytes):
            raise broken("http-early-hint-links", f"{kind}: links has {shown(link)}")
        check_field_value(b"link", link, kind)
    check_rest(message, _EARLY_HINT, kind)


def check_push(message: Message, kind: str) -> None:
    """A request that the server makes in the client's place."""
    path = message.get("path")
    if not isinstance(path, str):
        raise broken("http-push-path", f"{kind}: path is {shown(path)}")
    check_headers(message, kind)
    check_rest(message, _PUSH, kind)


def check_debug(message: Message, kind: str) -> None:
    """What a framework tells a test; the values are its own affair."""
    info = message.get("info")
    if not isinstance(info, dict):
        raise broken("http-debug-info", f"{kind}: info is {shown(info)}")
    check_rest(message, _DEBUG, kind)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
