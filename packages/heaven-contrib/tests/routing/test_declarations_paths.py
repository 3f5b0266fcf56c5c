"""Declared paths: every spelling of a parameter, and what can be no path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven import register_converter
from heaven.routing import converters
from heaven.routing.converters import CONVERTERS
from heaven.routing.patterns import parse_pattern
from heaven_contrib.routing.declarations.paths import join, names, to_pattern
from heaven_contrib.routing.errors import ImproperlyConfigured

WHERE = "Gateway at shop.py:7"


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("", ""),
        ("/", ""),
        ("///", ""),
        ("/users", "/users"),
        ("users", "/users"),
        ("/users/", "/users"),
        ("//users///new//", "/users/new"),
        ("/users/{id}", "/users/:id"),
        ("/users/{id:str}", "/users/:id"),
        ("/users/{id:int}", "/users/:id:int"),
        ("/users/{ id : int }", "/users/:id:int"),
        ("/users/<id>", "/users/:id"),
        ("/users/<id:uuid>", "/users/:id:uuid"),
        ("/users/< id : uuid >", "/users/:id:uuid"),
        ("/users/:id", "/users/:id"),
        ("/users/:id:date/", "/users/:id:date"),
        ("/{shop}/<page:int>/:day:datetime", "/:shop/:page:int/:day:datetime"),
        ("/files/{name:path}", "/files/:name:path"),
        ("/prices/{amount:float}", "/prices/:amount:float"),
        ("/orders:batch", "/orders:batch"),
    ],
)
def test_declared_paths_are_patterns_of_the_core(path, pattern):
    """Braces, angles and the core's own colons mean the same; slashes are collapsed and dropped at the end."""
    assert pattern == to_pattern(path)
    assert pattern == to_pattern(pattern)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (7, "got the path 7; a path is a str like '/users/{id:int}'"),
        (None, "got the path None; a path is a str"),
        ("/users?page:int", "'/users?page:int', which can't work: what stands behind '?' is read by arguments"),
        ("/files/{name}.json", "a parameter takes all between two slashes, as in '/{name}', and '{name}.json' has"),
        ("/files/{{name}}", "'{{name}}' has more"),
        ("/files/{name", "'{name' has more"),
        ("/files/name>", "'name>' has more"),
        ("/files/*", "'*' is no literal; the rest of a path is written '/{rest:path}'"),
        ("/files/a*", "'a*' is no literal"),
        ("/users/id:int", "'id:int' has no brackets around it: write '{id:int}'"),
        ("/users/{}", "a name is missing"),
        ("/users/{user-id}", "'user-id' is not a name; names are Python identifiers"),
        ("/users/{id:}", "'' is not a type of parameter"),
        ("/users/{id:integer}", "'integer' is not a type of parameter; did you mean 'int'?"),
        ("/users/{id}/orders/{id}", "the name 'id' is used twice"),
        ("/files/{rest:path}/meta", "'rest' takes the rest of the path, so nothing can follow it"),
        ("/my users", "' ' can't stand in it"),
        ("/us%20ers", "write '/us ers'"),
        ("/a/../b", "clients resolve '..' before they ask"),
    ],
)
def test_what_can_be_no_path_is_refused(path, why):
    """The message names what had the path, the path as it was written, and what would be accepted."""
    with pytest.raises(ImproperlyConfigured) as caught:
        to_pattern(path, WHERE)
    assert str(caught.value).startswith(WHERE)
    assert repr(path) in str(caught.value)
    assert why in str(caught.value)


def test_types_that_a_project_added_can_be_used(monkeypatch):
    """They have to be there before the first path that uses them."""
    monkeypatch.setattr(converters, "CONVERTERS", known := dict(CONVERTERS))
    path = "/posts/{title:declared_slug}"
    with pytest.raises(ImproperlyConfigured, match="'declared_slug' is not a type of parameter"):
        to_pattern(path, WHERE)
    register_converter("declared_slug", parse=str, sample="hello-world")
    assert "/posts/:title:declared_slug" == to_pattern(path)
    assert "declared_slug" in known


def test_patterns_are_joined_outermost_first():
    """The root adds nothing, wherever it stands."""
    assert "" == join()
    assert "" == join("", "")
    assert "/shops/:shop/orders/:id:int" == join("", "/shops/:shop", "", "/orders/:id:int")


@pytest.mark.parametrize(
    ("patterns", "why"),
    [
        (("/users/:id", "/orders/:id"), "the name 'id' is used twice"),
        (("/files/:rest:path", "/meta"), "so nothing can follow it"),
    ],
)
def test_patterns_that_cannot_be_joined_are_refused(patterns, why):
    """What only two levels together do wrong is told with the whole path."""
    with pytest.raises(ImproperlyConfigured) as caught:
        join(*patterns, where=WHERE)
    assert f"{WHERE}: the URL '{''.join(patterns)}' can't work" in str(caught.value)
    assert why in str(caught.value)


def test_the_names_of_a_pattern_are_in_its_order():
    """The root has none."""
    assert () == names("")
    assert ("shop", "rest") == names("/shops/:shop:int/:rest:path")


_NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
_TYPES = st.sampled_from(["", ":str", ":int", ":float", ":uuid", ":date", ":datetime"])
_LITERALS = st.from_regex(r"[a-z0-9._~-]{1,8}", fullmatch=True).filter(lambda text: text not in (".", ".."))


@given(
    st.lists(st.one_of(_LITERALS, st.tuples(_NAMES, _TYPES)), max_size=6).filter(
        lambda parts: (
            len({part[0] for part in parts if isinstance(part, tuple)})
            == sum(isinstance(part, tuple) for part in parts)
        )
    )
)
def test_all_spellings_of_a_path_are_one_pattern(parts):
    """Whatever the path, its three spellings come to one pattern that the core reads, and that is read as itself."""

    def spelled(opening, closing):
        return "/".join(part if isinstance(part, str) else f"{opening}{''.join(part)}{closing}" for part in parts)

    patterns = {to_pattern(spelled(*brackets)) for brackets in (("{", "}"), ("<", ">"), (":", ""), ("{ ", " }"))}
    (pattern,) = patterns
    assert pattern == to_pattern(f"//{pattern}//")
    assert tuple(part[0] for part in parts if isinstance(part, tuple)) == names(pattern)
    assert (pattern or "/") == parse_pattern(pattern or "/").text


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_refused(text):
    """No text is a failure of another kind."""
    try:
        pattern = to_pattern(text)
    except ImproperlyConfigured:
        return
    assert pattern == to_pattern(pattern)
