"""Markers: what they take, and what they refuse."""

import pytest

from heaven_contrib.routing.binding.params import MARKERS, Body, Cookie, File, Form, Header, Path, Query
from heaven_contrib.routing.errors import ImproperlyConfigured


@pytest.mark.parametrize(
    ("mark", "source"),
    [
        (Query, "query"), (Header, "header"), (Cookie, "cookie"), (Path, "path"),
        (Body, "body"), (Form, "form"), (File, "file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_marker_says_its_source(mark, source):
    """Every marker knows where its value comes from, and how it is written."""
    assert (source, f"{mark.__name__}()") == (mark().source, mark().word)


@pytest.mark.parametrize("mark", MARKERS, ids=lambda mark: mark.__name__)
@pytest.mark.parametrize(
    "limits",
    [
        {"gt": 0, "lt": 9, "multiple_of": 2},
        {"ge": 1, "le": 8},
        {"min_length": 1, "max_length": 3, "pattern": "^a"},
    ],
    ids=["numbers", "closed", "text"],
)
def test_all_options_are_kept(mark, limits):
    """What is said for the documentation, and what limits the value, is there afterwards."""
    said = {
        "title": "Page", "description": "Which page.", "examples": [1, 2], "deprecated": True, "include_in_schema": False,
    }  # fmt: skip
    marker = mark(5, alias="p", **said, **limits)
    assert (5, "p", said, limits) == (
        marker.default,
        marker.alias,
        {name: getattr(marker, name) for name in said},
        marker.constraints,
    )


def test_value_is_another_word_for_alias():
    """`value=`, as Esmerald calls it, is the alias."""
    assert "X-API-TOKEN" == Header(value="X-API-TOKEN").alias


def test_alias_and_value_exclude_each_other():
    """Two names on the wire are refused, with the line that gave them."""
    with pytest.raises(
        ImproperlyConfigured, match=r"Query\(\) at .*test_binding_params\.py:\d+ got both alias and value"
    ):
        Query(alias="a", value="b")


def test_an_unknown_option_is_refused_with_what_comes_near():
    """A slip in the name of an option is told, with the option that was meant."""
    with pytest.raises(ImproperlyConfigured, match=r"Header\(\) at .* got min_lenght: .* did you mean 'min_length'"):
        Header(min_lenght=3)


def test_only_bodies_have_a_media_type():
    """A media type is an option of the markers of bodies alone."""
    assert "text/csv" == Body(media_type="text/csv").media_type
    with pytest.raises(ImproperlyConfigured, match="got media_type"):
        Query(media_type="text/csv")
