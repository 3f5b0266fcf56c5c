from __future__ import annotations

import pytest

import conformance_http_cases
import conformance_other_cases
from conformance_other_cases import SCOPES
from conformance_plays import Case, Line, played
from heaven_testing.conformance import RULES
from heaven_testing.conformance.scopes import check_scope
from heaven_testing.errors import ConformanceError

CASES: list[Case] = [*conformance_http_cases.CASES, *conformance_other_cases.CASES]
TEXTS = {rule.id: rule for rule in RULES}


def fresh(line: Line) -> Line:
    """The line with a message of its own, for one run."""
    return Line(line.who, dict(line.message) if isinstance(line.message, dict) else line.message)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_breaks_a_rule_is_caught_where_it_happens(case: Case):
    """The error names the rule, its text and its source, and what was seen; the server never gets the message."""
    outcome = played([fresh(line) for line in case.wrong], case.scope)
    assert outcome.violation is not None
    rule = TEXTS[case.rule]
    seen = outcome.violation.detail
    assert (case.rule, case.detail) == (outcome.violation.rule.id, seen[: len(case.detail)])
    assert f"{seen}; {rule.text} ({rule.source}) [{rule.id}]" == str(outcome.violation)
    assert len(case.wrong) == outcome.played


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_stands_beside_it_and_breaks_none_passes(case: Case):
    """No rule is stricter than the specification, and the server gets every message."""
    outcome = played([fresh(line) for line in case.right], case.scope)
    assert (None, len(case.right)) == (outcome.violation, outcome.played)
    assert sum(line.who == "sent" for line in case.right) == outcome.taken


@pytest.mark.parametrize(
    ("rule", "detail", "wrong", "right"), SCOPES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_scope_that_breaks_a_rule_is_caught(rule, detail, wrong, right):
    """An application is not called with what the specification does not have; the keys that may be absent may be."""
    with pytest.raises(ConformanceError) as caught:
        check_scope(wrong)
    assert (rule, detail) == (caught.value.rule.id, caught.value.detail)
    assert right["type"] == check_scope(dict(right))


def test_every_rule_is_broken_by_something():
    """No rule stands in the list that nothing holds a message against."""
    broken = {case.rule for case in CASES} | {rule for rule, *_ in SCOPES}
    assert broken == set(TEXTS)


def test_every_rule_is_named_once_and_has_a_source():
    """Rules are found by their names; the sentence and the place where it is written are for whoever broke it."""
    assert len(RULES) == len(TEXTS)
    for rule in RULES:
        assert rule.id == rule.id.lower()
        assert rule.source.startswith(("ASGI", "RFC "))
        assert rule.text
        assert not rule.text.endswith(".")


def test_a_message_that_was_refused_does_not_reach_the_server():
    """The violation is raised before the server could answer it with an error of its own."""
    case = next(case for case in CASES if case.rule == "http-start-once")
    assert 1 == played([fresh(line) for line in case.wrong]).taken
