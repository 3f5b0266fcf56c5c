"""What a request can be told: everything the HTTP client library knows, and what goes wrong on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from heaven_testing.library import URL

BASE_URL = "http://testserver"

EXTENSION = "heaven.faults"
"""Under which name a request carries its faults (in its `extensions`, which redirects keep)."""


class LibraryOptions(TypedDict, total=False):
    """What the HTTP client library takes when a client is made; see its documentation."""

    auth: Any
    params: Any
    headers: Any
    cookies: Any
    follow_redirects: bool
    max_redirects: int
    event_hooks: Mapping[str, list[Any]] | None
    trust_env: bool
    default_encoding: Any


class RequestOptions(TypedDict, total=False):
    """What a request takes: first what the HTTP client library knows, then the faults; see `Faults`."""

    content: Any
    data: Any
    files: Any
    json: Any
    params: Any
    headers: Any
    cookies: Any
    auth: Any
    follow_redirects: Any
    timeout: Any
    extensions: Mapping[str, Any] | None
    disconnect_after: int | None
    disconnect_after_response: int | None
    send_chunk: int | None
    send_delay: float | None
    read_chunk: int | None
    read_delay: float | None


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong with one request, on the client's side of the connection.

    Args:
        disconnect_after: the client leaves after so many bytes of its body.
        disconnect_after_response: the client leaves after so many bytes of the response's content.
        send_chunk: bytes that the client sends at once.
        send_delay: seconds after each piece that it sends.
        read_chunk: bytes that the client reads at once.
        read_delay: seconds before each piece that it reads.

    Raises:
        ValueError: one of them is below 0, or nothing at once.
    """

    disconnect_after: int | None = None
    disconnect_after_response: int | None = None
    send_chunk: int | None = None
    send_delay: float | None = None
    read_chunk: int | None = None
    read_delay: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            least = 1 if each.name.endswith("chunk") else 0
            if value is not None and value < least:
                unit = "seconds" if each.name.endswith("delay") else "bytes"
                raise ValueError(f"{each.name}={value!r}; give {unit}, at least {least}")


def whole(base_url: URL | str) -> URL:
    """The URL below which relative ones are, refused unless it has a scheme and a host.

    Args:
        base_url: what a client was made with.

    Raises:
        ValueError: it has none.
    """
    url = URL(base_url)
    if not url.is_absolute_url:
        raise ValueError(f"base_url={str(base_url)!r} lacks a scheme or a host; give both, as base_url='{BASE_URL}'")
    return url


_NAMES = tuple(each.name for each in fields(Faults))
NO_FAULTS = Faults()


def with_faults(options: RequestOptions) -> dict[str, Any]:
    """The options as the HTTP client library takes them: faults travel among the request's extensions."""
    passed: dict[str, Any] = dict(options)
    faults = {name: passed.pop(name) for name in _NAMES if name in passed}
    if faults:
        passed["extensions"] = {**(passed.get("extensions") or {}), EXTENSION: Faults(**faults)}
    return passed
