"""Query, headers, cookies and path: converted, held to limits, and told all at once where they are wrong."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from math import inf
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from binding_case import bound, faults, given
from heaven_contrib.routing.binding.params import Cookie, Header, Path, Query
from heaven_testing import make_context, make_request


class Colour(Enum):
    """Words with names."""

    RED = "red"
    GREEN = "green"


def of(annotation):
    """A function of one query parameter."""

    def function(value): ...

    function.__annotations__["value"] = annotation
    return function


@pytest.mark.parametrize(
    ("annotation", "query", "expected"),
    [
        (str, "value=5", "5"),
        (str, "value=", ""),
        (Any, "value=5", "5"),
        (int, "value=-5", -5),
        (float, "value=2.5", 2.5),
        (bool, "value=true", True),
        (bool, "value=1", True),
        (bool, "value=false", False),
        (bool, "value=0", False),
        (Decimal, "value=1.50", Decimal("1.50")),
        (date, "value=2024-02-29", date(2024, 2, 29)),
        (datetime, "value=2024-02-29T12:30:00Z", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        (timedelta, "value=PT5S", timedelta(seconds=5)),
        (UUID, "value=12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
        (Colour, "value=red", Colour.RED),
        (Literal["a", "b"], "value=b", "b"),
        (Literal[1, 2], "value=2", 2),
        (int | None, "value=5", 5),
        (int | None, "", None),
        (list[int], "value=1&other=9&value=2", [1, 2]),
        (list[int], "value=1", [1]),
        (set[str], "value=a&value=a", {"a"}),
        (frozenset[int], "value=1", frozenset({1})),
        (tuple[int, str], "value=1&value=2", (1, "2")),
        (tuple[int, ...], "value=1&value=2", (1, 2)),
        (list[str] | None, "value=a", ["a"]),
        (list[str] | None, "", None),
        (list[Colour], "value=red&value=green", [Colour.RED, Colour.GREEN]),
        (list, "value=a&value=b", ["a", "b"]),
    ],
    ids=str,
)
def test_a_query_parameter_has_the_type_that_is_written(annotation, query, expected):
    """Text becomes a value of the parameter's type; a collection takes every value of its key."""
    values = given(of(annotation), f"/?{query}")
    assert {"value": expected} == values
    assert type(expected) is type(values["value"])


@pytest.mark.parametrize(
    ("annotation", "query", "message", "kind"),
    [
        (int, "value=x", "Expected `int`", "type"),
        (int, "value=", "Expected `int`", "type"),
        (int, "value=%201", "Expected `int`", "type"),
        (float, "value=nan", "Expected a finite number", "value"),
        (float, "value=inf", "Expected a finite number", "value"),
        (Decimal, "value=-Infinity", "Expected a finite number", "value"),
        (float | None, "value=nan", "Expected a finite number", "value"),
        (list[float], "value=1&value=nan", "Expected a finite number", "value"),
        (bool, "value=yes", "Expected `bool`", "type"),
        (int | None, "value=x", "Expected `int`", "type"),
        (int | None, "value=null", "Expected `int`", "type"),
        (Literal["new"] | None, "value=null", 'Expected "new"', "value"),
        (Annotated[int | None, msgspec.Meta(title="Page")], "value=null", "Expected `int`", "type"),
        (date, "value=2023-02-29", "Invalid RFC3339 encoded date", "value"),
        (UUID, "value=5", "Invalid UUID", "value"),
        (Colour, "value=blue", 'Expected one of "red", "green"', "value"),
        (Literal["a"], "value=b", 'Expected "a"', "value"),
        (int, "", "Missing required query parameter", "missing"),
        (list[int], "", "Missing required query parameter", "missing"),
        (tuple[int, int], "value=1", "Expected `array` of length 2, got 1", "value"),
    ],
    ids=str,
)
def test_what_does_not_convert_is_told(annotation, query, message, kind):
    """A wrong value is a 422 with its place, what was expected, and whether it is missing, of another type, or refused."""
    assert [(("query", "value"), message, kind)] == faults(of(annotation), f"/?{query}")


@pytest.mark.parametrize("annotation", [int, list[int], int | None], ids=str)
def test_other_notes_on_a_type_are_passed_over(annotation):
    """What others have written into Annotated changes nothing, and need not be hashable."""
    expected = {"value": [5] if annotation == list[int] else 5}
    assert expected == given(of(Annotated[annotation, {"note": []}]), "/?value=5")
    assert [(("query", "value"), "Expected `int` >= 1", "value")] == faults(
        of(Annotated[int, {"note": []}, msgspec.Meta(ge=1, examples=[1])]), "/?value=0"
    )


def test_a_fault_within_a_collection_has_its_index():
    """Each wrong value of a list is told with its place."""
    assert [
        (("query", "value", 1), "Expected `int`", "type"),
        (("query", "value", 2), "Expected `int`", "type"),
    ] == faults(of(list[int]), "/?value=1&value=x&value=y")


def test_a_binding_tells_the_same_faults_each_time():
    """What finds faults is made once, and lasts."""
    binding = bound(of(list[int]))
    for text in ("x", "y"):
        told = binding.faults(make_request("GET", f"/?value={text}"))
        assert [{"loc": ["query", "value", 0], "msg": "Expected `int`", "type": "type"}] == told


def limited(
    page: int = Query(default=1, ge=1, le=9),
    word: str | None = Query(default=None, min_length=2, max_length=4, pattern="^t"),
    ids: list[int] = Query(default=[], max_length=2),
    ratio: float = Query(default=0.5, gt=0, lt=1),
    step: int = Query(default=5, multiple_of=5),
): ...


def test_limits_hold():
    """Values within the limits of their markers are taken."""
    assert {"page": 9, "word": "tea", "ids": [1, 2], "ratio": 0.1, "step": 10} == given(
        limited, "/?page=9&word=tea&ids=1&ids=2&ratio=0.1&step=10"
    )


def test_every_fault_of_a_request_is_told():
    """All that is wrong comes in one answer, in the order of the parameters."""
    assert [
        (("query", "page"), "Expected `int` >= 1", "value"),
        (("query", "word"), "Expected `str` of length >= 2", "value"),
        (("query", "ids"), "Expected `array` of length <= 2", "value"),
        (("query", "ratio"), "Expected `float` < 1.0", "value"),
        (("query", "step"), "Expected `int` that's a multiple of 5", "value"),
    ] == faults(limited, "/?page=0&word=t&ids=1&ids=2&ids=3&ratio=1&step=4")


def test_defaults_stand_in_for_what_is_absent():
    """Defaults of markers are given, and a list is no list that an earlier request could have changed."""
    first = given(limited)
    first["ids"].append(5)
    assert {"page": 1, "word": None, "ids": [], "ratio": 0.5, "step": 5} == given(limited)


def test_a_default_may_be_infinite():
    """What the function itself says is taken at its word; what the client says is not."""

    def function(most: float = inf, least: float = 0.0): ...

    assert {"most": inf, "least": 1.5} == given(function, "/?least=1.5")
    assert [(("query", "least"), "Expected a finite number", "value")] == faults(function, "/?least=-inf")


def test_a_list_is_the_same_default_for_no_two_requests():
    """One binding gives a new copy of a default that can be changed."""

    class Options(msgspec.Struct):
        level: int = 1

    def function(ids: list[int] = Query(default=[1]), other: Any = Query(default=Options())): ...

    binding = bound(function)
    first, second = (binding.read(make_request("POST"), make_context(), None) for _ in range(2))
    assert first == second == {"ids": [1], "other": Options()}
    assert first["ids"] is not second["ids"]
    assert first["other"] is not second["other"]


def everywhere(
    id: int = Path(ge=1),
    page: int = Query(default=1),
    x_page: int = Header(default=2),
    x_ids: list[int] = Header(default=()),
    token: str = Header(alias="X-API-TOKEN"),
    theme: str = Cookie(default="light"),
    sid: int | None = Cookie(alias="__sid"),
): ...


def test_each_source_is_read_by_its_own_names():
    """Headers are found in any case, with hyphens for underscores, each of a list; cookies and path by their aliases."""
    assert {
        "id": 7, "page": 3, "x_page": 4, "x_ids": [5, 6], "token": "t", "theme": "dark", "sid": 8,
    } == given(
        everywhere,
        "/?page=3",
        path={"id": "int"},
        params={"id": 7},
        headers=[("X-Page", "4"), ("X-Ids", "5"), ("x-ids", "6"), ("x-api-token", "t")],
        cookies={"theme": "dark", "__sid": "8"},
    )  # fmt: skip


def test_no_source_stands_in_for_another():
    """A query parameter is no header, cookie or path parameter of that name, and the other way round."""
    values = given(
        everywhere,
        "/?x_page=91&x-page=92&theme=93&id=94&__sid=95&x_ids=96",
        path={"id": "int"},
        params={"id": 7},
        headers={"page": "97", "x-api-token": "t", "theme": "98"},
        cookies={"page": "99", "token": "c"},
    )
    assert {
        "id": 7, "page": 1, "x_page": 2, "x_ids": (), "token": "t", "theme": "light", "sid": None,
    } == values  # fmt: skip


def test_faults_of_all_sources_come_together():
    """One 422 names path, query, headers and cookies by their names on the wire."""
    assert [
        (("path", "id"), "Expected `int` >= 1", "value"),
        (("query", "page"), "Expected `int`", "type"),
        (("header", "x-page"), "Expected `int`", "type"),
        (("header", "x-ids", 1), "Expected `int`", "type"),
        (("header", "X-API-TOKEN"), "Missing required header", "missing"),
        (("cookie", "__sid"), "Expected `int`", "type"),
    ] == faults(
        everywhere,
        "/?page=a",
        path={"id": "int"},
        params={"id": 0},
        headers=[("x-page", "b"), ("x-ids", "1"), ("x-ids", "c")],
        cookies={"__sid": "d"},
    )


def test_a_parameter_of_the_path_is_told_as_missing_and_wrong_like_others():
    """A type that the path's text doesn't fit is a 422; a miss of the path's own converter never comes so far."""

    def function(id: int): ...

    assert [(("path", "id"), "Expected `int`", "type")] == faults(function, path={"id": "str"}, params={"id": "x"})


def test_a_cookie_that_is_required_is_told_as_missing():
    """A cookie is named as a cookie."""

    def function(sid: str = Cookie()): ...

    assert [(("cookie", "sid"), "Missing required cookie", "missing")] == faults(function)


def test_an_aliased_query_has_the_functions_name_inside():
    """The alias is on the wire, the parameter's name in the call."""

    def function(page: int = Query(alias="p[number]")): ...

    assert {"page": 2} == given(function, "/?p%5Bnumber%5D=2&page=5")


def test_the_last_of_several_values_counts_for_a_parameter_of_one():
    """A parameter that is no collection takes the last value, as `req.queries` does."""
    assert {"value": 2} == given(of(int), "/?value=1&value=2")


def test_what_is_not_asked_for_is_not_given():
    """Unknown query parameters never reach the function."""
    assert {"value": 1} == given(of(int), "/?value=1&admin=true&request=x")


def test_a_binding_without_parameters_gives_nothing():
    """A function that takes nothing is called with nothing, and has no faults."""

    def function(): ...

    binding = bound(function)
    assert ({}, []) == (binding.read(make_request(), make_context(), None), binding.faults(make_request()))


def test_a_request_that_is_fine_has_no_faults():
    """`faults` of a request that can be read is empty, for parameters and body."""

    def function(page: int, data: list[int]): ...

    assert [] == bound(function).faults(make_request("POST", "/?page=1", json=[1]))


def test_a_dependency_is_left_to_others():
    """What a dependency gives is not among what is read."""

    def function(db, page: int = 1): ...

    assert {"page": 1} == bound(function, dependencies=["db"]).read(make_request("POST"), make_context(), None)
