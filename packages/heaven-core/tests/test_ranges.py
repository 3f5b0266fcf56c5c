"""The Range header (RFC 9110 14.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven.http.ranges import MAX_SPANS, UNSATISFIABLE, WHOLE, parse_range
from stopwatch import cpu_seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-99", [(0, 100)]),
        ("bytes=0-0", [(0, 1)]),
        ("bytes=-100", [(900, 1000)]),
        ("bytes=-5000", [(0, 1000)]),
        ("bytes=990-", [(990, 1000)]),
        ("bytes=990-5000", [(990, 1000)]),
        ("Bytes = 0-1", [(0, 2)]),
        ("bytes=0-1 ,\t, 4-5", [(0, 2), (4, 6)]),
        ("bytes=500-599,0-99", [(500, 600), (0, 100)]),
        ("bytes=500-599,0-99,50-149", [(500, 600), (0, 150)]),
        ("bytes=0-99,100-199", [(0, 200)]),
        ("bytes=0-1,5000-", [(0, 2)]),
        ("bytes=000000000000000000000000-000000000000000000000009", [(0, 10)]),
        ("bytes=0-" + "9" * 10_000, [(0, 1000)]),
    ],
)
def test_spans(value: str, expected: object) -> None:
    """A well-formed header becomes half-open spans, clipped to the file, coalesced, in the order asked for."""
    assert expected == parse_range(value, 1000)


@pytest.mark.parametrize(
    "value", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=5000-,-0", "bytes=" + "9" * 5000 + "-"]
)
def test_unsatisfiable(value: str) -> None:
    """A well-formed header that means no byte of the file is unsatisfiable."""
    assert UNSATISFIABLE is parse_range(value, 1000)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=9-0",
        "bytes=1",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1_0-20",
        "bytes=٣-٤",
        "lines=0-1",
        "bytes=0-1;2-3",
    ],
)
def test_malformed_is_ignored(value: str) -> None:
    """What is malformed or of another unit is ignored, and the whole file is sent (RFC 9110 14.2)."""
    assert WHOLE is parse_range(value, 1000)


def test_empty_file() -> None:
    """An empty file has no ranges: the header is ignored."""
    assert WHOLE is parse_range("bytes=0-", 0)


def test_greedy_is_ignored() -> None:
    """As many distinct spans as are allowed are served; one more, and the whole file is sent."""
    specs = [f"{start * 10}-{start * 10}" for start in range(MAX_SPANS + 1)]
    assert [(start * 10, start * 10 + 1) for start in range(MAX_SPANS)] == parse_range(
        "bytes=" + ",".join(specs[:-1]), 1000
    )
    assert WHOLE is parse_range("bytes=" + ",".join(specs), 1000)


@pytest.mark.parametrize("spec", ["0-", "-1", "{i}-{i}", "{i}-", "1-0", ""])
def test_class_6_quadratic_range(spec: str) -> None:
    """Class 6: ten thousand ranges, overlapping, apart or malformed, are answered under 50 ms."""
    value = "bytes=" + ",".join(spec.format(i=2 * i) for i in range(10_000))
    assert cpu_seconds(lambda: parse_range(value, 10**9)) < 0.05


SPECS = st.one_of(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    st.integers(0, 60).map(lambda first: f"{first}-"),
    st.integers(0, 60).map(lambda last: f"-{last}"),
)


def naive(specs: list[str], size: int) -> set[int]:
    """Every byte that is asked for, one by one."""
    wanted: set[int] = set()
    for spec in specs:
        first, _, last = spec.partition("-")
        if not first:
            wanted |= {byte for byte in range(size) if byte >= size - int(last)}
        else:
            wanted |= {byte for byte in range(size) if int(first) <= byte <= (int(last) if last else size)}
    return wanted


@given(st.lists(SPECS, min_size=1, max_size=20), st.integers(1, 50))
def test_against_the_naive_reference(specs: list[str], size: int) -> None:
    """The spans hold exactly the bytes that are asked for, never touch, and none is unsatisfiable or too many."""
    wanted = naive(specs, size)
    spans = parse_range("bytes=" + ",".join(specs), size)
    if spans is UNSATISFIABLE:
        assert set() == wanted
        return
    if spans is WHOLE:
        assert sum(byte - 1 not in wanted for byte in wanted) > MAX_SPANS
        return
    assert sorted(wanted) == sorted(byte for start, stop in spans for byte in range(start, stop))
    ordered = sorted(spans)
    assert all(before[1] < after[0] for before, after in zip(ordered, ordered[1:], strict=False))


@given(st.text(), st.integers(0, 2**70))
def test_anything_is_answered(value: str, size: int) -> None:
    """Whatever the header holds, the answer is a value and never an exception."""
    for text in (value, "bytes=" + value):
        spans = parse_range(text, size)
        assert spans in (WHOLE, UNSATISFIABLE) or all(0 <= start < stop <= size for start, stop in spans)
