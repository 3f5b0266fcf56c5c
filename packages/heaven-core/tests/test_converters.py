"""The eight types of a parameter: canonical forms in, canonical forms out."""

from __future__ import annotations

import doctest
import enum
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heaven import App, register_converter
from heaven.errors import RegistrationError
from heaven.routing import converters
from heaven.routing.converters import CONVERTERS, converter
from heaven.routing.patterns import parse_pattern

UUID_TEXT = "0B8a2c1e-4f5d-4e6a-9b7c-8d9e0f1a2b3c"

ACCEPTED = [
    ("str", "a b", "a b"),
    ("str", "\x00", "\x00"),
    ("path", "a/b//", "a/b//"),
    ("int", "0", 0),
    ("int", "-7", -7),
    pytest.param("int", "9" * 4300, None, id="4300 digits"),
    ("float", "0", 0.0),
    ("float", "-0.50", -0.5),
    ("float", "12.25", 12.25),
    ("bool", "true", True),
    ("bool", "false", False),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("datetime", "2024-02-29T23:59:59", datetime(2024, 2, 29, 23, 59, 59)),  # noqa: DTZ001
    ("datetime", "2024-02-29T00:00:00.25Z", datetime(2024, 2, 29, 0, 0, 0, 250_000, UTC)),
    ("datetime", "2024-02-29T00:00:00+05:30", datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
    ("uuid", UUID_TEXT, UUID(UUID_TEXT)),
]

REFUSED = {
    "str": [""],
    "path": [""],
    "int": ["", "-", "-0", "00", "07", "+1", "1_0", "1\n", " 1", "1 ", "\u0661", "\uff11", "\u00b2", "1.0", "1e3", "0x1", "9" * 4301,
            "-" + "9" * 4301, "9" * 100_000, "abc"],
    "float": ["", ".5", "5.", "+1.0", "1_0.0", "1e3", "nan", "inf", "-inf", "Infinity", "1.0\n", "01.5", "\u0661.5", "9" * 309,
              "9" * 310, "1." + "0" * 401, "1,5"],
    "bool": ["", "True", "TRUE", "1", "0", "yes", "true\n"],
    "date": ["", "2024-2-9", "2023-02-29", "20240229", "2024-02-29\n", "2024-W09-4", "0000-01-01", "\u0662024-01-01", "2024-02-29T00:00:00"],
    "datetime": ["", "2024-02-29", "2024-02-29 10:00:00", "2024-02-29T10:00", "2024-02-29T24:00:00", "2024-02-29T10:00:60", "2024-02-30T10:00:00",
                 "2024-02-29T10:00:00z", "2024-02-29T10:00:00+0530", "2024-02-29T10:00:00+24:00", "2024-02-29T10:00:00.1234567",
                 "2024-02-29T10:00:00,5", "2024-02-29T10:00:00Z\n"],
    "uuid": ["", "0b8a2c1e4f5d4e6a9b7c8d9e0f1a2b3c", "{" + UUID_TEXT + "}", "urn:uuid:" + UUID_TEXT, UUID_TEXT + "\n", UUID_TEXT[:-1],
             UUID_TEXT[:-1] + "g"],
}  # fmt: skip


class Colour(str, enum.Enum):  # noqa: UP042 - the kind whose str() is not its text
    RED = "red"


@pytest.mark.parametrize(("name", "text", "expected"), ACCEPTED)
def test_a_canonical_form_converts(name: str, text: str, expected: object) -> None:
    """The canonical form of a value converts to that value, of that type."""
    actual = CONVERTERS[name].convert(text)

    assert (int(text) if expected is None else expected) == actual
    assert type(expected) is type(actual) or expected is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(name, text, id=f"{name}-{text[:30].encode('unicode_escape').decode()}-{len(text)}")
        for name, texts in REFUSED.items()
        for text in texts
    ],
)
def test_anything_else_is_a_miss(name: str, text: str) -> None:
    """Class 40: what is not canonical is a miss, never another value and never another exception."""
    assert None is CONVERTERS[name].parse(text)
    with pytest.raises(ValueError, match=f"is not a valid {name}: "):
        CONVERTERS[name].convert(text)


def test_an_int_longer_than_the_process_allows_is_a_miss() -> None:
    """A lowered limit of digits makes long numbers misses, not errors."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(700)
    try:
        assert [None, int("9" * 700)] == [CONVERTERS["int"].parse("9" * 701), CONVERTERS["int"].parse("9" * 700)]
    finally:
        sys.set_int_max_str_digits(limit)


@given(st.text(max_size=12) | st.from_regex(r"[-+ ]?[0-9_.]{0,6}\s?", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_no_two_texts_of_an_int_are_one_value(text: str) -> None:
    """An int or bool that converts is spelt exactly as it is written back."""
    for name in ("int", "bool"):
        value = CONVERTERS[name].parse(text)
        assert value is None or text == CONVERTERS[name].to_text(value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("str", st.text(min_size=1)),
        ("path", st.text(min_size=1)),
        ("int", st.integers()),
        ("float", st.floats(allow_nan=False, allow_infinity=False)),
        ("bool", st.booleans()),
        ("date", st.dates()),
        ("datetime", st.datetimes(timezones=st.none() | st.builds(timezone, st.timedeltas(
            min_value=timedelta(hours=-23), max_value=timedelta(hours=23)).map(lambda d: timedelta(minutes=d // timedelta(minutes=1)))))),
        ("uuid", st.uuids()),
    ],
)  # fmt: skip
def test_every_value_comes_back(name: str, values: st.SearchStrategy[object]) -> None:
    """What to_text writes, convert reads as the same value; a text that is canonical stays as it is."""

    @given(values)
    @settings(max_examples=60, deadline=None)
    def comes_back(value: object) -> None:
        text = CONVERTERS[name].to_text(value)
        assert value == CONVERTERS[name].convert(text)
        assert text == CONVERTERS[name].to_text(text)

    comes_back()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("str", ""),
        ("str", None),
        ("str", True),
        ("str", 1.5),
        ("path", ""),
        ("int", True),
        ("int", 1.0),
        ("int", "01"),
        pytest.param("int", 10**5000, id="huge"),
        ("float", float("inf")),
        ("float", float("nan")),
        ("float", True),
        pytest.param("float", 10**400, id="large"),
        ("bool", 1),
        ("date", datetime(2024, 1, 1, tzinfo=UTC)),
        pytest.param("date", 10**5000, id="huge date"),
        ("datetime", date(2024, 1, 1)),
        ("datetime", datetime(2024, 1, 1, tzinfo=timezone(timedelta(seconds=1)))),
        ("uuid", "not a uuid"),
        ("uuid", ["x" * 100]),
    ],
)
def test_a_value_without_canonical_text_is_refused(name: str, value: object) -> None:
    """A value of another type, or one that the converter would not read back, raises ValueError."""
    with pytest.raises(ValueError):
        CONVERTERS[name].to_text(value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("str", 7, "7"),
        ("str", UUID(UUID_TEXT), UUID_TEXT.lower()),
        ("str", Colour.RED, "red"),
        ("int", "42", "42"),
        ("float", 1e22, "10000000000000000000000"),
        ("float", 5e-7, "0.0000005"),
        ("float", 3, "3.0"),
    ],
)
def test_values_are_written_in_canonical_form(name: str, value: object, expected: str) -> None:
    """Numbers have no exponent, and what identifies a thing may stand for text."""
    actual = CONVERTERS[name].to_text(value)

    assert (expected, str) == (actual, type(actual))


def test_ranks_go_from_the_narrowest_to_the_widest() -> None:
    """The order in which converters are tried is uuid, date, datetime, bool, int, float, str, path."""
    ranked = sorted(CONVERTERS.values(), key=lambda each: each.rank)

    assert ["uuid", "date", "datetime", "bool", "int", "float", "str", "path"] == [each.name for each in ranked]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("integer", "'integer' is not a type of parameter; did you mean 'int'? There are str, int, float"),
        ("zzz", "'zzz' is not a type of parameter. There are str, int, float"),
    ],
)
def test_an_unknown_name_is_told_its_neighbours(name: str, message: str) -> None:
    """A type that does not exist is refused with the near misses and the list of all."""
    with pytest.raises(RegistrationError) as caught:
        converter(name)

    assert str(caught.value).startswith(message)


def test_a_known_name_gives_its_converter() -> None:
    """Each of the eight names gives its converter."""
    assert list(CONVERTERS.values()) == [converter(name) for name in CONVERTERS]


# Types of a project's own


@pytest.fixture(autouse=True)
def unregistered() -> Iterator[None]:
    """No test leaves a type behind for the others."""
    known = dict(CONVERTERS)
    yield
    CONVERTERS.clear()
    CONVERTERS.update(known)
    parse_pattern.cache_clear()


def parse_words(text: str) -> tuple[str, ...] | None:
    """Words between hyphens, in lower case; it is lenient about upper case, as parsers are."""
    words = tuple(text.lower().split("-"))
    return words if all(words) else None


def register_words(name: str = "words", **options: object) -> None:
    register_converter(name, **{"parse": parse_words, "format": "-".join, "sample": "one-two", **options})


def known_parameter(app: App, path: str) -> object:
    explanation = app.explain("GET", path)
    return explanation.params.get("x", explanation.status)


def test_a_type_that_was_registered_converts_both_ways() -> None:
    """Its values reach the handler, and url_for writes them."""
    register_words()
    app = App()
    app.GET("/:x:words", lambda req, res, ctx: None, name="words")

    assert ("one", "two") == known_parameter(app, "/one-two")
    assert ["/one-two", "/three"] == [app.url_for("words", x=("one", "two")), app.url_for("words", x="three")]


@pytest.mark.parametrize("text", ["", "One-two", "one--two", "-"])
def test_what_does_not_format_back_is_a_miss(text: str) -> None:
    """A value has one URL, although the parser is lenient."""
    register_words()

    assert None is CONVERTERS["words"].parse(text)


def test_a_value_error_is_a_miss() -> None:
    """A parser may raise in place of giving None back; query hints tell the client so."""
    register_converter("even", parse=lambda text: None if int(text) % 2 else int(text), sample="4")
    app = App()
    app.GET("/:x:even", lambda req, res, ctx: None)

    assert [4, 404, 404, 404] == [known_parameter(app, path) for path in ("/4", "/5", "/four", "/04")]


def test_any_other_exception_is_a_mistake_in_the_parser() -> None:
    """It is not taken for a miss, so it is seen."""
    register_converter("table", parse={"a": 1, "1": 1}.__getitem__, format=lambda value: "a", sample="a")

    with pytest.raises(KeyError):
        CONVERTERS["table"].parse("b")


@pytest.mark.parametrize("order", [("/:x:apple", "/:x:words", "/:x"), ("/:x", "/:x:words", "/:x:apple")])
@pytest.mark.parametrize(("path", "expected"), [("/1.5", 1.5), ("/a", "apple a"), ("/b", ("b",)), ("/-", "-")])
def test_it_stands_between_float_and_str(order: tuple[str, ...], path: str, expected: object) -> None:
    """Of two that were registered the first in the alphabet is tried first, whatever the order of anything."""
    register_words()
    register_converter("apple", parse={"a": "apple a", "1.5": "1.5"}.get, format=lambda value: value[-1:], sample="a")
    app = App()
    for url in (*order, "/:x:float"):
        app.GET(url, lambda req, res, ctx: None)

    assert expected == known_parameter(app, path)


def test_explain_ranks_it_like_the_table() -> None:
    """What is beaten is told by what."""
    register_words()
    app = App()
    app.GET("/:x:words", lambda req, res, ctx: None)
    app.GET("/:x", lambda req, res, ctx: None)

    assert "'/:x:words' is more specific" == app.explain("GET", "/a").neighbours[0].why_not


def test_a_pattern_that_failed_before_works_after() -> None:
    """Nothing remembers that a type was unknown."""
    with pytest.raises(RegistrationError, match="'words' is not a type of parameter"):
        parse_pattern("/:x:words?y:words")

    register_words()

    assert "/:x:words" == parse_pattern("/:x:words?y:words").text


def test_check_makes_paths_of_its_sample() -> None:
    """A route with such a parameter can be found hidden, or not."""
    register_words()
    app = App()
    app.GET("/:x:words", lambda req, res, ctx: None)
    assert [] == app.check()

    app.GET("/one-two", lambda req, res, ctx: None)
    assert ["shadowed route"] == [finding.kind for finding in app.check()]


@pytest.mark.parametrize(
    ("options", "taken"),
    [({}, ("one",)), ({"takes": tuple}, ("one",)), ({"takes": (list, tuple)}, ["one"]), ({"takes": ()}, "one")],
)
def test_it_takes_the_types_it_is_told(options: dict[str, object], taken: object) -> None:
    """Those given, or the type of what the sample converts to; canonical text always."""
    register_words(**options)

    assert "one" == CONVERTERS["words"].to_text(taken)
    with pytest.raises(ValueError, match=r"can't be written as words: text like one-two"):
        CONVERTERS["words"].to_text({"one"})


async def parse_later(text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "int"}, "there is a type 'int' already, which every application has; choose another name"),
        ({"name": "a b"}, "got the name 'a b'; give an identifier, like 'slug' in '/posts/:slug:slug'"),
        ({"name": "größe"}, "got the name 'größe'; give an identifier"),
        ({"name": ""}, "got the name ''; give an identifier"),
        ({"parse": 7}, "got 7 for 'words'; give a sync function of one argument"),
        ({"format": parse_later}, "give a sync function of one argument"),
        ({"sample": "One"}, "got the sample 'One', and format(parse(sample)) is not that text again"),
        ({"sample": "-"}, "got the sample '-', and format(parse(sample)) is not that text again"),
    ],
)
def test_what_can_t_work_is_refused(options: dict[str, object], message: str) -> None:
    """With the place it was said at, and nothing is registered."""
    before = dict(CONVERTERS)
    with pytest.raises(RegistrationError) as caught:
        register_words(**options)

    assert __file__ in str(caught.value)
    assert message in str(caught.value)
    assert before == CONVERTERS


def test_a_second_one_of_a_name_is_told_where_the_first_is() -> None:
    """A type never changes its meaning."""
    register_words()
    with pytest.raises(RegistrationError, match=rf"'words' already, which was registered at {__file__}:\d+; choose"):
        register_words()


def test_a_long_text_is_cut_in_messages() -> None:
    """A message never repeats a text of unbounded length."""
    with pytest.raises(ValueError) as caught:
        CONVERTERS["int"].convert("x" * 10_000)

    assert len(str(caught.value)) < 200


def test_the_examples_run() -> None:
    """The examples in the docstrings are true."""
    assert 0 == doctest.testmod(converters).failed
