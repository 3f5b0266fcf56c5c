"""Why a route serves a path or not, in words: what `explain` and the debug pages say about its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from heaven.routing.patterns import Pattern, Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from heaven.types import Slashes

T = TypeVar("T")

_MOST = 10
_ALIKE = 0.6  # of 1: below that, two literals are no misspelling of each other
_LITERAL = (-1, "")  # before every converter
_REST = (99, "")  # after every converter


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """A route that matches a path or comes near it.

    Args:
        method: as it was added to the table, as are `pattern` and `target`.
        pattern: the pattern of the route.
        target: what the route leads to.
        matched: whether the route, if it were alone, would serve the path.
        why_not: why it does not serve the path after all, in words; empty for the one that does.

    Example:
        >>> from heaven.routing.patterns import parse_pattern
        >>> Candidate("GET", parse_pattern("/orders/:id"), "one order", matched=True, why_not="").matched
        True
    """

    method: str
    pattern: Pattern
    target: T
    matched: bool
    why_not: str


def rank_candidates(
    routes: Iterable[tuple[str, Pattern, T]], parts: Sequence[str], slashes: Slashes
) -> list[Candidate[T]]:
    """The routes that match or come near, the best first, ten at most.

    Args:
        routes: method, pattern and target of each.
        parts: the decoded segments of the path; none for "/", an empty one at the end for a slash there.
        slashes: what a slash at the end of a path means.

    Example:
        >>> from heaven.routing.patterns import parse_pattern
        >>> routes = [("GET", parse_pattern("/orders/:id:int"), 1), ("GET", parse_pattern("/health"), 2)]
        >>> [candidate.why_not for candidate in rank_candidates(routes, ["order", "7"], "ignore")]
        ["literal 'orders' is not 'order'"]
    """
    rated: list[tuple[tuple[Any, ...], Candidate[T]]] = []
    for method, pattern, target in routes:
        likeness, why_not = _compare(pattern, list(parts), slashes)
        if why_not and likeness <= 0:
            continue
        order = (bool(why_not), -likeness if why_not else 0, _specificity(pattern), pattern.text, method)
        rated.append((order, Candidate(method, pattern, target, matched=not why_not, why_not=why_not)))
    rated.sort(key=lambda each: each[0])
    return _tell_the_beaten([candidate for _, candidate in rated])[:_MOST]


def _compare(pattern: Pattern, parts: list[str], slashes: Slashes) -> tuple[float, str]:
    """How near a path comes to a pattern, and the first reason why it does not match ("" when it does)."""
    wanted = list(pattern.segments)
    if slashes == "ignore":
        parts = parts[:-1] if pattern.rest is None and parts[-1:] == [""] else parts
    elif pattern.trailing_slash:
        wanted.append(Segment(""))
    pairs = [_compare_segment(segment, part) for segment, part in zip(wanted, parts, strict=False)]
    reasons = [why_not for _, why_not in pairs if why_not]
    reasons += _compare_ends(pattern, wanted, parts)
    likeness = sum(alike for alike, _ in pairs)
    if pattern.rest is None:
        likeness -= (
            abs(len(list(filter(None, parts))) - len(pattern.segments)) / 2
        )  # a slash too much is the least of it
    return likeness, reasons[0] if reasons else ""


def _compare_ends(pattern: Pattern, wanted: list[Segment], parts: list[str]) -> list[str]:
    """What is wrong with the length of a path."""
    extra = parts[len(wanted) :]
    if len(parts) < len(wanted):
        missing = wanted[len(parts)].text
        return [f"the path ends before {missing!r}" if missing else "the path lacks the slash at its end"]
    if pattern.rest is not None:
        return [f"nothing is left for {pattern.rest!r}"] if extra in ([], [""]) else []
    if extra == [""]:
        return ["the path has a slash at its end"]
    return ["the path goes on after the end of the pattern"] if extra else []


def _compare_segment(segment: Segment, part: str) -> tuple[float, str]:
    """The same for one segment: 1 for an equal literal, a half for a parameter that converts."""
    if segment.converter is not None:
        if segment.converter.parse(part) is not None:
            return 0.5, ""
        return 0.0, f"the segment {part!r} does not convert to {segment.converter.name}"
    if segment.text == part:
        return 1.0, ""
    from difflib import SequenceMatcher  # loaded with the first explanation

    alike = SequenceMatcher(None, segment.text, part).ratio()
    return alike if alike >= _ALIKE else 0.0, f"literal {segment.text!r} is not {part!r}"


def _specificity(pattern: Pattern) -> tuple[tuple[int, str], ...]:
    """Patterns that match one path, sorted by this, stand in the order in which the table tries them."""
    ranks = tuple(_LITERAL if each.converter is None else each.converter.specificity for each in pattern.segments)
    return ranks if pattern.rest is None else (*ranks, _REST)


def _tell_the_beaten(candidates: Sequence[Candidate[T]]) -> list[Candidate[T]]:
    """Of those that match under one method the first serves the path; tell the others so."""
    winners: dict[str, Candidate[T]] = {}
    told: list[Candidate[T]] = []
    for each in candidates:
        winner = winners.setdefault(each.method, each) if each.matched else each
        told.append(each if winner is each else replace(each, why_not=f"{winner.pattern.text!r} is more specific"))
    return told
