"""Headers: pairs of bytes, in lower case, with nothing in them that would become another line on the wire."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from operator import is_
from typing import Any, TypeAlias, cast

from heaven_testing.conformance.messages import shown
from heaven_testing.conformance.rules import broken

Pairs: TypeAlias = list[Any] | tuple[Any, ...]

# Every character that a name may have, without the capitals (RFC 9110 5.6.2).
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_BREAKS = re.compile(rb"[\r\n\x00]").search

# PERF: most headers of an application are the same ones again and again: looked up, three of them cost 0.3 µs, not 5.
_SEEN: set[tuple[bytes, bytes]] = set()
_SEEN_IN_REQUESTS: set[tuple[bytes, bytes]] = set()
_MOST_SEEN, _LONGEST_SEEN = 1024, 100


def check_headers(message: MutableMapping[str, Any], kind: str) -> Pairs:
    """Hold the headers of a message of the application against the rules.

    Args:
        message: the message. Headers that are neither a list nor a tuple are replaced in it by a list, for those that
            can be gone through only once are gone after the check.
        kind: its type, for the error.

    Returns:
        The headers.

    Raises:
        ConformanceError: a rule whose name begins with `header-` is broken.
    """
    headers: Any = message.get("headers", ())
    try:
        if headers.__class__ is list and _SEEN.issuperset(headers):
            return cast("Pairs", headers)
    except TypeError:  # a pair that is a list, or something else that has no hash
        pass
    listed = _listed(headers)
    if listed is None:
        raise broken("header-pairs", f"{kind}: headers is {shown(headers)}")
    if listed is not headers:
        message["headers"] = listed
    for pair in listed:
        _check_pair(pair, kind)
    return listed


def check_request_headers(scope: MutableMapping[str, Any]) -> None:
    """Hold the headers that a server gives in a scope against the rules.

    Args:
        scope: the scope. Headers are replaced in it as in `check_headers`.

    Raises:
        ConformanceError: `scope-headers`.
    """
    headers: Any = scope.get("headers")
    try:
        if headers.__class__ is list and _SEEN_IN_REQUESTS.issuperset(headers):
            return
    except TypeError:
        pass
    listed = _listed(headers)
    if listed is None:
        raise broken("scope-headers", f"scope['headers'] is {shown(headers)}")
    if listed is not headers:
        scope["headers"] = listed
    for pair in listed:
        if not is_pair(pair) or not (isinstance(pair[0], bytes) and isinstance(pair[1], bytes)):
            raise broken("scope-headers", f"scope['headers'] has {shown(pair)}")
        if pair[0] != pair[0].lower() or pair[0][:1] == b":":
            raise broken("scope-headers", f"scope['headers'] has the name {shown(pair[0])}")
        _remember(pair, _SEEN_IN_REQUESTS)


def check_field_value(name: bytes, value: bytes, kind: str) -> None:
    """Refuse a value that would end its line, and so begin another header (RFC 9110 5.5)."""
    if _BREAKS(value):
        raise broken("header-value", f"{kind}: the header {name.decode('latin-1')!r} has the value {shown(value)}")


def _listed(headers: Any) -> Pairs | None:
    """The headers as a list; None where they are nothing to go through."""
    if isinstance(headers, dict | str | bytes):
        return None
    try:
        listed: list[Any] = list(headers)
        for place, pair in enumerate(listed):
            if not isinstance(pair, list | tuple | str | bytes):
                listed[place] = tuple(pair)
    except TypeError:
        return None
    # The application's own list is left as it is where nothing in it had to be replaced.
    if issubclass(type(headers), list | tuple) and all(map(is_, headers, listed)):
        return headers  # type: ignore[no-any-return]
    return listed


def is_pair(pair: Any) -> bool:
    """Whether it has two items, and a place for each."""
    return issubclass(type(pair), list | tuple) and len(pair) == 2


def _check_pair(pair: Any, kind: str) -> None:
    if not is_pair(pair):
        raise broken("header-pairs", f"{kind}: headers has {shown(pair)}")
    name, value = pair
    if not isinstance(name, bytes):
        raise broken("header-bytes", f"{kind}: the header {shown(name)} has a name that is not bytes")
    if not isinstance(value, bytes):
        raise broken("header-bytes", f"{kind}: the header {name.decode('latin-1')!r} has the value {shown(value)}")
    if _NAME(name) is None:
        raise broken(_wrong_with(name), f"{kind}: a header has the name {shown(name)}")
    check_field_value(name, value, kind)
    _remember(pair, _SEEN)


def _wrong_with(name: bytes) -> str:
    if name.startswith(b":"):
        return "header-pseudo"
    return "header-name" if _NAME(name.lower()) is None else "header-lower-case"


def _remember(pair: Any, seen: set[tuple[bytes, bytes]]) -> None:
    if len(pair[1]) <= _LONGEST_SEEN and len(pair[0]) <= _LONGEST_SEEN:
        if len(seen) >= _MOST_SEEN:
            seen.clear()
        seen.add(tuple(pair))
