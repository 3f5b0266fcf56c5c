"""Headers and media types: read in any case, checked where they are set, in time that grows with their length alone."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import is_linear
from heaven.errors import HeaderError
from heaven.http import headers as headers_module
from heaven.http import media
from heaven.http.headers import Headers, ResponseHeaders, field_name, field_value, http_date
from heaven.http.media import accepts, parse_media_type

NAMES = st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True)
VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\x7f", exclude_categories=["Cc"]), max_size=20)
PAIRS = st.lists(st.tuples(NAMES, VALUES.map(lambda value: value.strip(" \t"))), max_size=12)
GARBAGE = st.text(max_size=60) | st.text(alphabet=' \t\\",;/=*q01.ab', max_size=200)


@pytest.mark.parametrize("module", [headers_module, media])
def test_the_examples_run(module: Any) -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(module).failed


def test_request_headers_are_read_in_any_case() -> None:
    """A header is found whatever case the server and the reader write it in."""
    for raw in ([(b"x-id", b"7")], [(b"X-Id", b"7")]):
        headers = Headers(raw)
        assert ("7", "7", "7", True) == (headers["x-id"], headers["X-ID"], headers.get("X-id"), "X-ID" in headers)


def test_underscore_and_hyphen_are_two_names() -> None:
    """`x_user` never passes for `x-user`."""
    headers = Headers([(b"x_user", b"admin")])

    assert (None, [], "admin") == (headers.get("x-user"), headers.getall("x-user"), headers["x_user"])


def test_repeated_headers_are_joined_in_order() -> None:
    """What came twice is joined with commas, cookies with semicolons, and getall keeps it apart."""
    headers = Headers([(b"cookie", b"a=1"), (b"accept", b"x"), (b"Accept", b"y"), (b"cookie", b"b=2")])

    assert "x, y" == headers["accept"]
    assert "a=1; b=2" == headers["cookie"]
    assert ["x", "y"] == headers.getall("ACCEPT")
    assert ["cookie", "accept"] == list(headers)
    assert 2 == len(headers)


@pytest.mark.parametrize("name", ["x-none", "\u2603", "\u212a"])
def test_an_absent_request_header(name: str) -> None:
    """What wasn't sent is a KeyError, a default, an empty list; no letter passes for another (KELVIN SIGN for k)."""
    headers = Headers([(b"k", b"1")])

    assert (None, "d", [], False) == (headers.get(name), headers.get(name, "d"), headers.getall(name), name in headers)
    with pytest.raises(KeyError):
        headers[name]
    assert 7 not in headers


def test_no_headers_at_all() -> None:
    """A request may come without any header."""
    assert (0, [], None) == (len(Headers([])), list(Headers([])), Headers([]).get("host"))


@given(PAIRS)
def test_request_headers_agree_with_a_plain_reading(pairs: list[tuple[str, str]]) -> None:
    """For any pairs, each name gives all of its values in order, and the mapping is whole."""
    headers = Headers([(name.encode(), value.encode("latin-1")) for name, value in pairs])
    expected: dict[str, list[str]] = {}
    for name, value in pairs:
        expected.setdefault(name.lower(), []).append(value)

    assert expected == {name: headers.getall(name) for name in headers}
    assert dict(headers) == {name: ("; " if name == "cookie" else ", ").join(all_) for name, all_ in expected.items()}
    assert len(expected) == len(headers)


@given(
    st.lists(st.tuples(st.sampled_from("abcdABCD"), VALUES), max_size=12),
    st.lists(st.sampled_from("abcdeABCDE"), max_size=12),
)
def test_the_order_of_questions_does_not_count(pairs: list[tuple[str, str]], names: list[str]) -> None:
    """A name gives the same whether it is asked for first or last, once or twice, before the whole or after it."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    headers, whole = Headers(raw), Headers(raw)
    everything = dict(whole)

    assert [everything.get(name.lower()) for name in names] == [headers.get(name) for name in names]
    assert [everything.get(name.lower()) for name in names] == [whole.get(name) for name in names]


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=8), st.text(max_size=8))
def test_any_bytes_can_be_read(raw: list[tuple[bytes, bytes]], name: str) -> None:
    """Whatever bytes a server hands over, reading them doesn't fail, and every name that is listed is found."""
    headers = Headers(raw)
    headers.get(name)
    headers.getall(name)

    assert set(headers) == {key for key in headers if key in headers}


@pytest.mark.parametrize("kind", ["request", "response"])
def test_a_repr_keeps_secrets(kind: str) -> None:
    """What authenticates somebody isn't in a repr, which ends up in logs."""
    pairs = [(b"Authorization", b"canary"), (b"set-cookie", b"id=canary"), (b"accept", b"*/*")]
    headers: Headers | ResponseHeaders
    if kind == "request":
        headers = Headers(pairs)
    else:
        headers = ResponseHeaders()
        headers.raw.extend(pairs)

    assert "canary" not in repr(headers)
    assert "('accept', '*/*')" in repr(headers)


def test_setting_replaces_and_adding_appends() -> None:
    """`headers[name] = value` leaves one value where the first stood; `add` keeps the others."""
    headers = ResponseHeaders()
    headers.add("Vary", "Accept")
    headers["x"] = "1"
    headers.add("VARY", "Cookie")
    headers.add("link", "</a>")
    before = headers["vary"], headers.getall("Vary"), list(headers), len(headers)
    headers["vary"] = "*"
    headers["X"] = "2"

    assert ("Accept, Cookie", ["Accept", "Cookie"], ["vary", "x", "link"], 3) == before
    assert [(b"vary", b"*"), (b"x", b"2"), (b"link", b"</a>")] == headers.raw


def test_taking_away() -> None:
    """A header is taken away with all of its values; one that isn't there is a KeyError."""
    headers = ResponseHeaders()
    headers.add("a", "1")
    headers.add("b", "2")
    headers.add("A", "3")
    raw = headers.raw
    del headers["A"]

    assert [(b"b", b"2")] == headers.raw
    assert raw is headers.raw
    assert ("b" in headers, "a" in headers, 3 in headers) == (True, False, False)
    for name in ("a", "\u2603"):
        with pytest.raises(KeyError):
            del headers[name]
        with pytest.raises(KeyError):
            headers[name]
    headers.clear()
    assert [] == raw


@given(st.lists(st.tuples(st.sampled_from(["set", "add", "del"]), st.sampled_from("abAB"), VALUES), max_size=20))
def test_response_headers_agree_with_a_model(steps: list[tuple[str, str, str]]) -> None:
    """Any order of setting, adding and taking away gives what lists of values would give."""
    headers, model = ResponseHeaders(), dict[str, list[str]]()
    for what, name, value in steps:
        if what == "set":
            headers[name] = value
            model[name.lower()] = [value.strip(" \t")]
        elif what == "add":
            headers.add(name, value)
            model.setdefault(name.lower(), []).append(value.strip(" \t"))
        else:
            assert (headers.pop(name, None) is None) == (model.pop(name.lower(), None) is None)

    assert model == {name: headers.getall(name) for name in headers}


@given(st.text(max_size=20))
def test_no_value_splits_a_response(value: str) -> None:
    """A value goes out without control characters but tab, or is refused where it is set."""
    try:
        sent = field_value(value, "x")
    except HeaderError:
        assert any(
            not (" " <= character <= "~" or "\x80" <= character <= "\xff" or character == "\t") for character in value
        )
    else:
        assert value.strip(" \t") == sent.decode("latin-1")
        assert not {*range(32), 127} - {9} & set(sent)


@given(st.text(max_size=6))
def test_no_name_splits_a_response(name: str) -> None:
    """A name goes out as a lower-case token, or is refused."""
    try:
        sent = field_name(name)
    except HeaderError:
        assert not name or not all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in name)
    else:
        assert name.lower().encode() == sent


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a\r\nb", "The value of the header 'x' has '\\r' at position 1; leave control characters out"),
        ("a\nb", "The value of the header 'x' has '\\n' at position 1; leave control characters out"),
        ("\x00", "The value of the header 'x' has '\\x00' at position 0; leave control characters out"),
        ("\u20ac", "The value of the header 'x' has '\\u20ac' at position 0; headers are latin-1: percent-encode it (urllib.parse.quote), or use the name*= form of RFC 8187"),
        (3, "The value of the header 'x' is of type int; pass a str, such as str(value)"),
        (b"a", "The value of the header 'x' is of type bytes; pass a str, such as str(value)"),
    ],
)  # fmt: skip
def test_a_refused_value_names_the_header_and_the_cure(value: Any, message: str) -> None:
    """The error says which header it is, what is wrong with its value, and what to write."""
    headers = ResponseHeaders()
    for act in (lambda: headers.__setitem__("x", value), lambda: headers.add("x", value)):
        with pytest.raises(HeaderError) as caught:
            act()
        assert message == str(caught.value)
    assert [] == headers.raw


def test_a_refused_value_without_a_name() -> None:
    """Where the name isn't known the error says so in general."""
    with pytest.raises(HeaderError, match="^The value of a header has"):
        field_value("\x7f")


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "\u00e9", "\u212a", 7, b"a"])
def test_a_refused_name(name: Any) -> None:
    """A name is a token and a str; anything else is refused."""
    with pytest.raises(HeaderError, match="name"):
        ResponseHeaders()[name] = "x"


def test_latin_1_and_tabs_go_out() -> None:
    """Letters of latin-1 and tabs within a value are allowed (RFC 9110 5.5)."""
    assert b"caf\xe9\tx" == field_value(" caf\u00e9\tx\t")


@given(st.datetimes(datetime(1000, 1, 3), datetime(9999, 12, 29)), st.integers(-840, 840))  # noqa: DTZ001
def test_dates_are_read_back(moment: datetime, minutes: int) -> None:
    """A date in a header is the same moment, to the second, whatever zone it was given in."""
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))

    assert http_date(aware).endswith(" GMT")
    assert aware == parsedate_to_datetime(http_date(aware))


def test_an_early_date() -> None:
    """Years are written with four digits."""
    assert "Mon, 01 Jan 0001 00:00:00 GMT" == http_date(datetime(1, 1, 1, tzinfo=UTC))


def test_a_date_without_zone_is_refused() -> None:
    """A naive datetime names no moment."""
    with pytest.raises(HeaderError, match=r"needs a time zone; use for example datetime.now\(UTC\)"):
        http_date(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/html", ("text/html", {})),
        (" TEXT/HTML ; Charset = utf-8", ("", {})),
        ("text/html;Charset=UTF-8", ("text/html", {"charset": "UTF-8"})),
        ("text/html ;\tcharset=utf-8 ", ("text/html", {"charset": "utf-8"})),
        ('multipart/form-data; boundary="a;b\\"c"', ("multipart/form-data", {"boundary": 'a;b"c'})),
        ('a/b; c=""', ("a/b", {"c": ""})),
        ("a/b; c=1; c=2", ("a/b", {"c": "1"})),
        ("a/b;; ;c=1;", ("a/b", {"c": "1"})),
        ("", ("", {})),
        ("text", ("", {})),
        ("text/", ("", {})),
        ("a/b/c", ("", {})),
        ("text/plain, application/json", ("", {})),
        ('a/b; c="open', ("", {})),
        ("a/b; c", ("", {})),
    ],
)
def test_media_types(value: str, expected: tuple[str, dict[str, str]]) -> None:
    """A Content-Type is read by the grammar; what isn't one has no type, so nothing takes it for JSON."""
    assert expected == parse_media_type(value)


TOKENS = st.from_regex(r"[!#$%&'*+.^_`|~0-9a-z-]{1,8}", fullmatch=True)


@given(TOKENS, TOKENS, st.dictionaries(TOKENS, st.text(max_size=8), max_size=4))
def test_media_types_round_trip(main: str, sub: str, parameters: dict[str, str]) -> None:
    """Any parameters, quoted and escaped, are read back as they were."""
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    text = f"{main}/{sub}" + "".join(f'; {name}="{value}"' for name, value in quoted.items())

    assert (f"{main}/{sub}", parameters) == parse_media_type(text)


@given(GARBAGE)
def test_no_media_type_raises(text: str) -> None:
    """Whatever stands in Content-Type or Accept, reading it doesn't fail."""
    parse_media_type(text)
    assert accepts(text, ["a/b", "c/d"]) in {"a/b", "c/d", None}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "application/json"),
        ("  ", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("text/*", "text/html"),
        ("TEXT/HTML, application/json", "application/json"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json;q=0, */*", "text/html"),
        ("text/html;q=0.1, */*;q=0.01", "text/html"),
        ("image/png", None),
        ("text/html;q=0", None),
        ("text/html;q=0.0000000000000000000000001", None),
        ("text/html;q=x, application/json;q=0.5", "application/json"),
        ("text/html;q=1.9, application/json", "application/json"),
        ("application/json;odata=verbose", "application/json"),
        ("text/html;level=1;q=0.2, text/html;q=0.9, application/json;q=0.5", "text/html"),
        ("nonsense, text/html", "text/html"),
        ('text/html;a="open, application/json', "application/json"),
        (",,text/html,,", "text/html"),
        ("nonsense", None),
    ],
)
def test_accept(header: str, expected: str | None) -> None:
    """The client's quality decides, the more specific range first, and the server's order among equals."""
    assert expected == accepts(header, ["application/json", "text/html"])


def test_accept_with_endless_ranges() -> None:
    """Nobody asks for more than 100 types, so what comes after them costs nothing and doesn't count."""
    endless = ", ".join(f"a/b{place}" for place in range(99))

    assert "text/html" == accepts(f"{endless}, text/html", ["text/html"])
    assert accepts(f"{endless}, a/last, text/html", ["text/html"]) is None


def test_accept_of_a_type_with_parameters() -> None:
    """A range with the same parameters is more specific than the type alone."""
    header = "text/html;level=1;q=0.1, text/html;q=0.7"

    assert "text/html" == accepts(header, ["text/html;level=1", "text/html"])


@pytest.mark.parametrize(
    "unit", ["a/b;", 'a/b;c="', '\\"', "a=", " ", ";;", 'a/b;c="\\";', "a/b, ", ";q=", "/", "a/b;q=0.1,", '";a="', "a"]
)
@pytest.mark.parametrize("read", [parse_media_type, lambda text: accepts(text, ["a/b", "c/d"])])
def test_media_types_take_linear_time(read: Callable[[str], object], unit: str) -> None:
    """Hostile Content-Type and Accept headers take time that grows with their length alone."""
    assert is_linear(read, unit)
    assert is_linear(lambda text: read("a/b" + text), unit)
    assert is_linear(lambda text: read('a/b;c="' + text), unit)


def test_repeated_headers_are_joined_in_linear_time() -> None:
    """Thousands of headers of one name are joined once, not one by one."""
    assert is_linear(lambda text: Headers([(b"X", b"v")] * len(text))["x"], "a")


def test_all_of_many_headers_are_read_in_linear_time() -> None:
    """Whoever asks for every one of thousands of names does not have each of them looked for."""
    assert is_linear(lambda text: dict(Headers([(b"%d" % number, b"") for number in range(len(text))])), "a")
