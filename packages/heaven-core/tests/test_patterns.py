"""URL patterns: what can be written, what is refused, and the URLs they build."""

from __future__ import annotations

import doctest
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heaven.errors import NoSuchURL, RegistrationError
from heaven.routing import patterns
from heaven.routing.converters import CONVERTERS
from heaven.routing.patterns import Pattern, QueryHint, Segment, parse_pattern

LITERALS = st.from_regex(r"[a-z0-9\u00e9\u65e5.:@+%_-]{1,6}", fullmatch=True).filter(
    lambda text: text not in (".", "..") and not text.startswith(":") and "%" not in text[:-1]
)
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
TYPES = st.sampled_from(["str", "int", "float", "bool", "date", "datetime", "uuid"])
VALUES = {
    "str": st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])).filter(
        lambda text: not {".", ".."} & set(text.split("/")) and not text.startswith("/")
    ),
    "int": st.integers(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "uuid": st.uuids(),
}


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Patterns as an application author may write them."""
    names = iter(draw(st.lists(NAMES, min_size=10, max_size=10, unique=True)))
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.none() | TYPES)
        named = draw(st.booleans())
        parts.append(draw(LITERALS) if not named else f":{next(names)}" + (f":{kind}" if kind else ""))
    ending = draw(st.sampled_from(["", "slash", "*", "path"]))
    if ending in ("*", "path"):
        parts.append("*" if ending == "*" else f":{next(names)}:path")
    text = "/" + "/".join(parts) + ("/" if ending == "slash" and parts else "")
    hints = [next(names) + draw(st.sampled_from(["", ":int", ":date", ":str"])) for _ in range(draw(st.integers(0, 2)))]
    return text + ("?" + "&".join(hints) if hints else "")


def test_every_part_of_the_grammar() -> None:
    """Literals, parameters, types, a rest and hints are read as they stand."""
    kinds = CONVERTERS
    actual = parse_pattern("/caf\u00e9/:id:int/:slug:str/*?q&page:int")

    assert actual == Pattern(
        text="/caf\u00e9/:id:int/:slug/*",
        segments=(Segment("caf\u00e9"), Segment(":id:int", "id", kinds["int"]), Segment(":slug", "slug", kinds["str"])),
        rest="*",
        hints=(QueryHint("q", kinds["str"]), QueryHint("page", kinds["int"])),
    )
    assert ("id", "slug", "*") == actual.names
    assert not actual.is_static


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/", Pattern("/", ())),
        ("/a/", Pattern("/a/", (Segment("a"),), trailing_slash=True)),
        ("/v1/items:batch", Pattern("/v1/items:batch", (Segment("v1"), Segment("items:batch")))),
        ("/:rest:path", Pattern("/:rest:path", (), rest="rest")),
        ("/*", Pattern("/*", (), rest="*")),
        ("/?q", Pattern("/", (), hints=(QueryHint("q", CONVERTERS["str"]),))),
        ("/100%", Pattern("/100%", (Segment("100%"),))),
    ],
)
def test_small_patterns(text: str, expected: Pattern) -> None:
    """The shortest patterns of each kind are read as they stand."""
    assert expected == parse_pattern(text)
    assert (expected.rest is None) is parse_pattern(text).is_static


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("orders", "the URL 'orders' must begin with '/': write '/orders'"),
        ("", "the URL '' must begin with '/': write '/'"),
        ("https://shop.test/x", "it is a path, without scheme and host"),
        ("//evil.test", "there is nothing between two slashes: write '/evil.test'"),
        ("/a///b", "there is nothing between two slashes: write '/a/b'"),
        ("/\\evil", "'\\\\' can't stand in it; a URL never holds it as it is"),
        ("/a b", "' ' can't stand in it"),
        ("/a\n", "'\\n' can't stand in it"),
        ("/a\x00", "'\\x00' can't stand in it"),
        ("/a\x7f", "'\\x7f' can't stand in it"),
        ("/a#b", "'#' can't stand in it"),
        ("/{id}", "'{' can't stand in it; parameters are written ':name'"),
        ("/<id>", "'<' can't stand in it; parameters are written ':name'"),
        ("/caf%C3%A9", "literals are compared with the decoded path: write '/caf\u00e9'"),
        ("/a/*/b", "'*' takes the rest of the path, so nothing can follow it"),
        ("/:p:path/b", "'p' takes the rest of the path, so nothing can follow it"),
        ("/a/*/", "what takes the rest of the path stands last; drop the slash: '/a/*'"),
        ("/a*", "'*' stands alone as the last segment, and not inside 'a*'"),
        ("/a/../b", "clients resolve '..' before they ask"),
        ("/.", "clients resolve '.' before they ask"),
        ("/:", "a name is missing; names are Python identifiers"),
        ("/::int", "a name is missing; names are Python identifiers"),
        ("/:1st", "'1st' is not a name; names are Python identifiers, like ':order_id'"),
        ("/:id.json", "'id.json' is not a name"),
        ("/:id:integer", "'integer' is not a type of parameter; did you mean 'int'?"),
        ("/:id:", "'' is not a type of parameter"),
        ("/:id:int:x", "'int:x' is not a type of parameter"),
        ("/:id/:id", "the name 'id' is used twice"),
        ("/:id/:id:path", "the name 'id' is used twice"),
        ("/a?q&q:int", "the name 'q' is used twice"),
        ("/:id?id", "the name 'id' is used twice"),
        ("/a?", "a hint is missing after '?' or '&'; hints look like '?q&page:int'"),
        ("/a?q&&p", "a hint is missing after '?' or '&'"),
        ("/a?q=1", "'q=1' is not a name"),
        ("/a?q:integer", "'integer' is not a type of parameter"),
    ],
)
def test_what_can_not_work_is_refused(text: str, message: str) -> None:
    """A pattern that can't work is refused with its text, the trouble and the cure."""
    with pytest.raises(RegistrationError) as caught:
        parse_pattern(text)

    assert repr(text) in str(caught.value)
    assert message in str(caught.value)


def test_what_is_no_text_is_refused() -> None:
    """A pattern is a str, and anything else is named in the message."""
    with pytest.raises(RegistrationError, match="a URL is a str like '/orders/:id', and 5 is a int"):
        parse_pattern(5)


@given(spellings())
@settings(max_examples=200, deadline=None)
def test_the_canonical_text_is_read_as_the_same_pattern(text: str) -> None:
    """The canonical text stands for the same pattern, hints aside, and is its own canonical text."""
    pattern = parse_pattern(text)
    again = parse_pattern(pattern.text)

    assert (pattern.text, pattern.segments, pattern.rest, pattern.trailing_slash) == (
        again.text, again.segments, again.rest, again.trailing_slash)  # fmt: skip
    assert pattern.text.replace(":str", "") == text.partition("?")[0].replace(":str", "")


@given(st.text(max_size=20) | st.text(alphabet="/:*?&aint1 ", max_size=20).map(lambda text: "/" + text))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    """No text makes the parser fail in another way than RegistrationError."""
    try:
        pattern = parse_pattern(text)
    except RegistrationError:
        return
    assert pattern.text.startswith("/")


@given(spellings(), st.data())
@settings(max_examples=200, deadline=None)
def test_a_url_decodes_to_the_values_it_was_built_from(text: str, data: st.DataObject) -> None:
    """Class 22: a URL begins with exactly one slash, is ASCII, and its segments read back as the values."""
    pattern = parse_pattern(text)
    kinds = {segment.name: segment.converter.name for segment in pattern.segments if segment.name and segment.converter}
    params = {name: data.draw(VALUES[kinds.get(name, "str")], label=name) for name in pattern.names}

    path = pattern.path(params)

    assert path.isascii()
    assert ("/", False) == (path[0], path.startswith(("//", "/\\")))
    parts = path.split("/")[1:]
    for segment, part in zip(pattern.segments, parts, strict=False):
        if segment.name is None or segment.converter is None:
            assert segment.text == unquote(part)
        else:
            assert params[segment.name] == segment.converter.convert(unquote(part))
    if pattern.rest is not None:
        assert params[pattern.rest] == unquote("/".join(parts[len(pattern.segments) :]))


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("/", {}, "/"),
        ("/a/", {}, "/a/"),
        ("/caf\u00e9/:id:int", {"id": 7}, "/caf%C3%A9/7"),
        ("/tags/:tag/", {"tag": "a/b?c#d e"}, "/tags/a%2Fb%3Fc%23d%20e/"),
        ("/files/*", {"*": "a/b c.txt"}, "/files/a/b%20c.txt"),
        ("/files/*", {"*": "/a"}, "/files//a"),
        ("/files/:name:path", {"name": "a/b"}, "/files/a/b"),
        ("/:name", {"name": "/evil.test"}, "/%2Fevil.test"),
        ("/:name", {"name": "\\evil.test"}, "/%5Cevil.test"),
        ("/v1/items:batch", {}, "/v1/items:batch"),
        ("/100%", {}, "/100%25"),
    ],
)
def test_urls(text: str, params: dict[str, object], expected: str) -> None:
    """Everything that could end a segment, a path or a host is percent-encoded."""
    assert expected == parse_pattern(text).path(params)


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        ("/:a/:b", {"a": "1"}, "the URL of '/:a/:b' needs 'b'"),
        ("/:a/:b", {}, "the URL of '/:a/:b' needs 'a', 'b'"),
        ("/:a/*", {"a": 1, "*": "x", "c": 1}, "the URL of '/:a/*' takes 'a', '*', and not 'c'"),
        ("/a", {"c": 1, "d": 2}, "the URL of '/a' takes no parameters, and not 'c', 'd'"),
        ("/:a:int", {"a": "x"}, "the parameter 'a' of '/:a:int': 'x' can't be written as int"),
        ("/:a", {"a": ""}, "the parameter 'a' of '/:a': '' can't be written as str"),
        ("/:a", {"a": ".."}, "'..' has a '.' or '..' between slashes, which clients resolve"),
        ("/f/*", {"*": "a/../../etc"}, "'a/../../etc' has a '.' or '..' between slashes"),
        ("/f/*", {"*": ""}, "the parameter '*' of '/f/*': '' can't be written as path"),
        (
            "/*",
            {"*": "/evil.test"},
            "'/evil.test' begins with '/', and a URL that begins with '//' leads to another host",
        ),
        ("/:a", {"a": "\ud800"}, "the parameter 'a' of '/:a': "),
    ],
)
def test_a_url_that_does_not_exist(text: str, params: dict[str, object], message: str) -> None:
    """Parameters that are missing, too many or don't convert raise a LookupError that says which."""
    with pytest.raises(LookupError) as caught:
        parse_pattern(text).path(params)

    assert isinstance(caught.value, NoSuchURL)
    assert message in str(caught.value)


def test_the_examples_run() -> None:
    """The examples in the docstrings are true."""
    assert 0 == doctest.testmod(patterns).failed
