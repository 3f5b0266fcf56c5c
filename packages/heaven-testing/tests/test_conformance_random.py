from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conformance_http_cases import HTTP, offering
from conformance_plays import LIFESPAN, SCOPES, WEBSOCKET, Line, played, received, sent
from heaven_testing.conformance import scopes
from heaven_testing.errors import ConformanceError

ALL_OF_HTTP = offering("trailers", "early_hint", "debug")


def caught(lines: list[Line], scope: Any) -> str | None:
    """The rule that a play breaks, None where it breaks none."""
    violation = played(lines, scope).violation
    return None if violation is None else violation.rule.id


@st.composite
def responses(draw):
    """A response as an application may send it, in any number of parts."""
    parts = draw(st.lists(st.binary(max_size=8), max_size=5))
    headers = [(b"content-type", b"text/plain")]
    if draw(st.booleans()):
        headers.append((b"content-length", b"%d" % sum(map(len, parts))))
    trailers = draw(st.booleans())
    lines = [sent("http.response.early_hint", links=[b"</a>"])] * draw(st.integers(0, 2))
    lines.append(sent("http.response.start", status=draw(st.integers(200, 203)), headers=headers, trailers=trailers))
    lines += [sent("http.response.body", body=part, more_body=True) for part in parts]
    lines.append(sent("http.response.body"))
    if trailers:
        more = [{"more_trailers": True}] * draw(st.integers(0, 2))
        lines += [sent("http.response.trailers", headers=[], **fields) for fields in [*more, {}]]
    return lines


@given(responses())
def test_every_well_formed_response_passes(lines):
    """However many parts it has, and whether its length was announced or not."""
    assert None is caught(lines, ALL_OF_HTTP)


@given(responses(), st.data())
def test_a_line_too_many_or_too_few_is_caught_unless_the_response_is_whole_without_it(lines, data):
    """What is left out or said twice breaks a rule, but for what a response may have any number of."""
    place = data.draw(st.integers(0, len(lines) - 1))
    line = lines[place]
    repeated = data.draw(st.booleans())
    changed = [*lines[:place], *([line, line] if repeated else []), *lines[place + 1 :]]
    any_number = line.message["type"].endswith("early_hint") or line.message.get("more_trailers")
    has_length = any(name == b"content-length" for line in lines for name, _ in line.message.get("headers", ()))
    part_of_any_length = line.message.get("more_body") and (not has_length or not line.message["body"])
    assert bool(any_number or part_of_any_length) == (caught(changed, ALL_OF_HTTP) is None)


# One letter for each line, and what of it is right, as a regular expression.
RESPONSE = {
    "s": sent("http.response.start", status=200, headers=[]),
    "b": sent("http.response.body", body=b"x", more_body=True),
    "e": sent("http.response.body", body=b"x"),
    "R": received("http.request", more_body=True),
    "E": received("http.request"),
}
SOCKET = {
    "C": received("websocket.connect"),
    "M": received("websocket.receive", text="x"),
    "a": sent("websocket.accept"),
    "m": sent("websocket.send", bytes=b"x"),
    "c": sent("websocket.close"),
    "s": sent("websocket.http.response.start", status=403, headers=[]),
    "b": sent("websocket.http.response.body", body=b"x", more_body=True),
    "e": sent("websocket.http.response.body", body=b"x"),
}
LIFE = {
    "U": received("lifespan.startup"),
    "D": received("lifespan.shutdown"),
    "u": sent("lifespan.startup.complete"),
    "f": sent("lifespan.startup.failed"),
    "d": sent("lifespan.shutdown.complete"),
    "g": sent("lifespan.shutdown.failed", message="x"),
}


def spoken(letters: str, lines: dict[str, Line], scope: dict[str, Any]) -> str | None:
    return caught([lines[letter] for letter in letters], scope)


@given(st.text("sbeRE", max_size=7))
def test_http_in_any_order(letters):
    """What the response and the request are, each by itself, is all that decides whether it passes."""
    right = re.fullmatch("sb*e", re.sub("[RE]", "", letters)) and re.fullmatch("R*E?", re.sub("[sbe]", "", letters))
    assert bool(right) == (spoken(letters, RESPONSE, HTTP) is None)


@given(st.text("CMamcsbe", max_size=7) | st.from_regex("C?[as]?[Mmbe]*c?", fullmatch=True))
def test_websockets_in_any_order(letters):
    """Accepted and left open or closed, or refused; and connected before anything else is received."""
    from_server = re.fullmatch("(CM*)?", re.sub("[amcsbe]", "", letters))
    from_application = re.fullmatch("a[m]*c?|c|sb*e", re.sub("[CM]", "", letters))
    no_message_before = re.fullmatch("[^M]*|[^M]*a.*", letters)
    right = from_server and from_application and no_message_before
    assert bool(right) == (
        spoken(letters, SOCKET, {**WEBSOCKET, "extensions": {"websocket.http.response": {}}}) is None
    )


@given(st.text("UDufdg", max_size=5) | st.from_regex("U?[uf]?D?[dg]?", fullmatch=True))
def test_lifespan_in_any_order(letters):
    """Each event once, in order, and answered before the next one and before the application returns."""
    right = re.fullmatch("|Uf|Uu(D[dg])?", letters)
    assert bool(right) == (spoken(letters, LIFE, LIFESPAN) is None)


NAMED = [
    (scope, line, key)
    for scope, lines in (("http", RESPONSE), ("websocket", SOCKET), ("lifespan", LIFE))
    for line in lines.values()
    for key in line.message
]
JUNK = st.one_of(
    st.just(object()),
    st.floats(),
    st.integers().filter(lambda number: number != 1),
    st.sets(st.integers(), min_size=1),
    st.binary(min_size=1),
    st.text(min_size=1),
    st.lists(st.text(), min_size=1),
    st.dictionaries(st.text(), st.text(), min_size=1),
)


@given(st.sampled_from(NAMED), JUNK)
def test_a_value_of_another_type_is_caught(named, junk):
    """Every key that the specification names has one type there; nothing else goes through."""
    scope, line, key = named
    if type(junk) is type(line.message[key]) and key != "type":
        return
    before = [SOCKET["C"], SOCKET["a"]] if line in (SOCKET["M"], SOCKET["m"]) else []
    before = [RESPONSE["s"]] if line in (RESPONSE["b"], RESPONSE["e"]) else before
    before = [LIFE["U"], LIFE["u"], LIFE["D"]] if line is LIFE["g"] else before
    whole = {**SCOPES[scope], "extensions": {"websocket.http.response": {}}}
    assert None is not caught([*before, Line(line.who, {**line.message, key: junk})], whole)


VALUES = JUNK | st.sampled_from(
    [
        None,
        {},
        [],
        "",
        b"",
        "GET",
        "get",
        "1.1",
        "http",
        "/",
        ("a", 1),
        ["a", 1],
        ("a", None),
        {"version": "3.0"},
        {"a": {}},
    ]
)


@given(
    st.dictionaries(st.sampled_from(sorted(HTTP)), VALUES, max_size=3),
    st.sets(st.sampled_from(sorted(HTTP)), max_size=2),
)
def test_the_short_way_through_a_scope_lets_nothing_pass_that_the_long_one_does_not(changes, gone):
    """The scopes that servers give nearly always are told by one expression; it has to agree with the rules."""
    scope = {key: value for key, value in {**HTTP, **changes}.items() if key not in gone}
    if scopes.is_ordinary(scope):
        scopes._check_types(scope, "http")
        scopes._check_dicts(scope)
        scopes._check_request({**scope, "headers": []}, "http")


def test_the_short_way_is_taken():
    """What servers give nearly always does take it."""
    assert scopes.is_ordinary(HTTP)
    assert not scopes.is_ordinary({**HTTP, "method": "get"})
    assert "http" == scopes.check_scope(dict(HTTP))


@given(st.sampled_from(sorted(WEBSOCKET)), JUNK)
def test_no_junk_in_a_scope_makes_the_check_itself_fail(key, junk):
    """Whatever a server gives, the answer is a rule, or that there is nothing to say."""
    found = None
    try:
        scopes.check_scope({**WEBSOCKET, key: junk})
    except ConformanceError as error:
        found = error.rule.id
    assert found is None or found.startswith("scope-")
