"""Operation identifiers: one for each operation, the same in every document that is made of the same routes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_OTHERS = re.compile(r"\W+", re.ASCII)


def identifiers(operations: Sequence[tuple[str | None, str, str, str]]) -> list[str]:
    """An identifier for each operation (OpenAPI 3.1 4.8.10: unique among all of a document).

    Args:
        operations: for each what it was called by hand or None, its name, its path, and its method.

    Returns:
        What it was called; else name, path and method. Where two are called alike by hand, as a handler that is
        mounted twice is, what they were called stands in the place of the name.

    Example:
        >>> identifiers([(None, "read", "/v1/orders/{id}", "GET"), ("made", "make", "/v1/orders", "POST")])
        ['read_v1_orders_id_get', 'made']
        >>> identifiers([("made", "make", "/v1/orders", "POST"), ("made", "make", "/v2/orders", "POST")])
        ['made_v1_orders_post', 'made_v2_orders_post']
    """
    said = Counter(given for given, *_ in operations if given is not None)
    taken: set[str] = set(said)
    found: list[str] = []
    for given, name, path, method in operations:
        if given is not None and said[given] == 1:
            found.append(given)
            continue
        words = (given or name, path, method.lower())
        found.append(_free("_".join(filter(None, map(_word, words))), taken))
    return found


def _word(text: str) -> str:
    return _OTHERS.sub("_", text).strip("_")


def _free(identifier: str, taken: set[str]) -> str:
    """The identifier, or with a number behind it where two paths come to the same words."""
    number, free = 1, identifier
    while free in taken:
        number += 1
        free = f"{identifier}_{number}"
    taken.add(free)
    return free


__all__ = ["identifiers"]
