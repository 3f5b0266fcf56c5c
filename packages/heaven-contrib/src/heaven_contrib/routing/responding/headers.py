"""A header of the response that a level declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Any

from heaven.errors import HeaderError
from heaven.http.headers import field_name, field_value
from heaven.types import RawHeaders
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import declared_at, shown

_ELSEWHERE = {
    "set-cookie": "declare cookies with response_cookies=[Cookie(...)]",
    "content-length": "leave it out, it follows from the body",
    "transfer-encoding": "leave it out, it is the server's",
}


@dataclass(frozen=True, slots=True)
class ResponseHeader:
    """A header field of the response; it is sent, and stands in the documentation.

    The name is the key it is declared under: `response_headers={"x-shop": ResponseHeader("north")}`.

    Args:
        value: what is sent: a str, or an int or float that is written as one. None documents a header that handlers
            set themselves, and sends nothing.
        description: what it is for.
        deprecated: whether clients should not rely on it any more.

    Raises:
        ImproperlyConfigured: the value can't stand in a header (RFC 9110 5.5).

    Example:
        >>> ResponseHeader(value="granted").baked
        b'granted'
        >>> ResponseHeader(value=["granted"])
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: ResponseHeader at <doctest ...>:1: \
The value of a header is of type list; pass a str, such as str(value)
    """

    value: str | float | None = None
    _: KW_ONLY
    description: str | None = None
    deprecated: bool = False

    def __post_init__(self) -> None:
        try:
            _ = self.baked
        except HeaderError as error:
            raise ImproperlyConfigured(f"ResponseHeader at {declared_at()}: {error}") from None

    @property
    def baked(self) -> bytes | None:
        """The value as it goes out, or None where it is only documented."""
        if self.value is None:
            return None
        plain = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        return field_value(str(self.value) if plain else self.value)  # type: ignore[arg-type]


def checked_headers(value: Any, place: str) -> Mapping[str, ResponseHeader]:
    """The response headers of a level, by their names in lower case.

    Args:
        value: what was passed as `response_headers`.
        place: which declaration got it, and where.

    Raises:
        ImproperlyConfigured: it is no mapping, a name can't be one, or a value is no ResponseHeader.

    Example:
        >>> checked_headers({"Authorize": ResponseHeader(value="granted")}, "Router at shop.py:3")["authorize"].value
        'granted'
    """
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(
            f"{place} got response_headers={shown(value)}; give a mapping, as in {{'x-shop': ResponseHeader('north')}}"
        )
    headers: dict[str, ResponseHeader] = {}
    for given, header in value.items():  # pyright: ignore[reportUnknownVariableType]
        name = _name(given, place)
        if not isinstance(header, ResponseHeader):
            raise ImproperlyConfigured(
                f"{place} got {shown(header)} for the response header {name!r}; give a ResponseHeader(value=...)"
            )
        if name in headers:
            raise ImproperlyConfigured(f"{place} has the response header {name!r} twice; case does not tell them apart")
        headers[name] = header
    return MappingProxyType(headers)


def _name(given: Any, place: str) -> str:
    try:
        name = field_name(given).decode("ascii")
    except HeaderError as error:
        raise ImproperlyConfigured(f"{place} got a response header that can't be sent: {error}") from None
    if name in _ELSEWHERE:
        raise ImproperlyConfigured(f"{place} got the response header {name!r}; {_ELSEWHERE[name]}")
    return name


def baked_headers(headers: Mapping[str, ResponseHeader]) -> RawHeaders:
    """Response headers as the pairs that go out; those that are only documented are left out.

    Args:
        headers: as `checked_headers` gives them, those of several levels merged.

    Example:
        >>> baked_headers({"x-shop": ResponseHeader("north"), "x-page": ResponseHeader(description="The next page.")})
        [(b'x-shop', b'north')]
    """
    return [(field_name(name), baked) for name, header in headers.items() if (baked := header.baked) is not None]


__all__ = ["ResponseHeader", "baked_headers", "checked_headers"]
