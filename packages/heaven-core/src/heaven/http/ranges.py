"""The Range header (RFC 9110 14.2): which bytes of a file a client asks for."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SPANS: Final = 16
"""More distinct spans than this in one request and the whole file is sent instead (RFC 9110 17.15)."""

_MAX_SPECS: Final = 128  # before they are coalesced: more than this is never read one by one

Span: TypeAlias = tuple[int, int]
"""The bytes from the first up to, not including, the second: a slice, where the header counts the last one in."""


class Ranges(enum.Enum):
    """What a Range header can mean besides a list of spans."""

    WHOLE = "whole"
    UNSATISFIABLE = "unsatisfiable"


WHOLE: Final = Ranges.WHOLE
UNSATISFIABLE: Final = Ranges.UNSATISFIABLE

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_FAR = 2**63


def parse_range(value: str, size: int) -> list[Span] | Literal[Ranges.WHOLE, Ranges.UNSATISFIABLE]:
    """The spans of a file of `size` bytes that a Range header asks for.

    Spans that overlap or touch become one; the others keep the order in which they were asked for.

    Args:
        value: the header, for example `bytes=0-99,-100`.
        size: the length of the file in bytes.

    Returns:
        The spans; `WHOLE` when the header is malformed, of another unit or greedy, and so is ignored, as it is for an
        empty file; `UNSATISFIABLE` when it is well-formed and no byte of the file is meant (416).

    Source: RFC 9110 14.1.2, 14.2.

    Example:
        >>> parse_range("bytes=0-99,-100", 1000)
        [(0, 100), (900, 1000)]
        >>> parse_range("bytes=5000-", 1000)
        <Ranges.UNSATISFIABLE: 'unsatisfiable'>
        >>> parse_range("bytes=9-0", 1000)
        <Ranges.WHOLE: 'whole'>
    """
    unit, equals, text = value.partition("=")
    if not equals or unit.strip().lower() != "bytes" or size <= 0 or text.count(",") >= _MAX_SPECS:
        return WHOLE
    try:
        spans = [span for span in _spans(text, size) if span[0] < span[1]]
    except ValueError:
        return WHOLE
    if not spans:
        return UNSATISFIABLE
    merged = _coalesce(spans) if len(spans) > 1 else spans
    return merged if len(merged) <= MAX_SPANS else WHOLE


def _spans(text: str, size: int) -> Iterator[Span]:
    """Every spec as a span; an empty span for one that no byte satisfies."""
    specs = [spec for part in text.split(",") if (spec := part.strip(" \t"))]
    if not specs:
        raise ValueError("no range at all")
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or spec == "-":
            raise ValueError("not a range")
        first, last = match.groups()
        if not first:
            yield max(size - _number(last), 0), size
        elif not last:
            yield _number(first), size
        elif _number(last) < _number(first):
            raise ValueError("ends before it begins")
        else:
            yield _number(first), min(_number(last) + 1, size)


def _number(digits: str) -> int:
    """The number; one longer than any file's length is only far away (and slow to convert)."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) < 19 else _FAR


def _coalesce(spans: list[Span]) -> list[Span]:
    order = sorted(range(len(spans)), key=spans.__getitem__)
    merged: list[tuple[int, int, int]] = []  # the place of the first that was asked for, start, stop
    for place in order:
        start, stop = spans[place]
        if merged and start <= merged[-1][2]:
            before = merged[-1]
            merged[-1] = (min(place, before[0]), before[1], max(stop, before[2]))
        else:
            merged.append((place, start, stop))
    return [(start, stop) for _, start, stop in sorted(merged)]
