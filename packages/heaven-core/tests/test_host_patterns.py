"""Patterns of hosts: what they match, which goes first, and what is no pattern."""

from __future__ import annotations

import doctest
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven.errors import RegistrationError
from heaven.http import host_patterns
from heaven.http.host_patterns import parse_host
from heaven.http.hosts import host_name

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("shop.test", "shop.test", {}),
        ("shop.test", "www.shop.test", None),
        ("shop.test", "evilshop.test", None),
        ("Shop.TEST", "shop.test", {}),
        ("localhost", "localhost", {}),
        ("127.0.0.1", "127.0.0.1", {}),
        ("{tenant}.shop.test", "acme.shop.test", {"tenant": "acme"}),
        ("{tenant}.shop.test", "shop.test", None),
        ("{tenant}.shop.test", "eu.acme.shop.test", None),
        ("{ tenant }.shop.test", "acme.shop.test", {"tenant": "acme"}),
        ("api.{Tenant}.shop.test", "api.acme.shop.test", {"Tenant": "acme"}),
        ("{a}.{b}.test", "x.y.test", {"a": "x", "b": "y"}),
        ("{name}", "localhost", {"name": "localhost"}),
        ("{a}.{b}.{c}.{d}", "10.0.0.1", None),
        ("{name}", "::1", None),
        ("xn--bcher-kva.test", "xn--bcher-kva.test", {}),
    ],
)
def test_what_a_pattern_matches(pattern: str, host: str, expected: dict[str, str] | None) -> None:
    """Labels are compared whole; a parameter is one label, never more, none, or a part of an address."""
    assert expected == parse_host(pattern).match(host.split("."))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "write it without scheme, port and path"),
        ("https://shop.test", "write it without scheme, port and path"),
        ("shop.test:8000", "write it without scheme, port and path"),
        ("shop.test/x", "write it without scheme, port and path"),
        ("shop..test", "write it without scheme, port and path"),
        ("shop.test.", "write it without scheme, port and path"),
        ("*.shop.test", "write it without scheme, port and path"),
        ("[::1]", "write it without scheme, port and path"),
        ("api-{tenant}.test", "write it without scheme, port and path"),
        ("{}.test", "'' is not a name; parameters are whole labels with a Python identifier, like '{tenant}'"),
        ("{tenant:int}.test", "'tenant:int' is not a name"),
        ("{a}.{a}.test", "the name 'a' is used twice"),
        ("bücher.test", "hosts are asked for in ASCII: write 'xn--bcher-kva.test'"),
        pytest.param("ü" * 70 + ".test", "hosts are asked for in ASCII: write 'xn--...'", id="too long for any"),
        (7, "a host is a str like 'api.shop.test', and 7 is a int"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, message: str) -> None:
    """The message shows the text and what to write instead."""
    with pytest.raises(RegistrationError, match=re.escape(message)):
        parse_host(pattern)


@given(st.lists(st.tuples(LABELS, st.booleans()), min_size=1, max_size=5))
def test_a_pattern_matches_the_hosts_it_was_made_of(labels: list[tuple[str, bool]]) -> None:
    """Every label comes back, as a name or as a parameter's value."""
    text = ".".join(f"{{p{index}}}" if is_parameter else label for index, (label, is_parameter) in enumerate(labels))
    host = ".".join(label for label, _ in labels)
    pattern = parse_host(text)
    expected = {f"p{index}": label for index, (label, is_parameter) in enumerate(labels) if is_parameter}

    assert text == str(pattern) == parse_host(str(pattern)).text
    assert (None if expected and labels[-1][0].isdigit() else expected) == pattern.match(host.split("."))


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9.:\[\]{}_-]{0,60}", fullmatch=True))
def test_no_host_breaks_a_match(value: str) -> None:
    """Whatever a client calls the host, it is matched or not; and a pattern is read or refused."""
    name = host_name(value)
    if name is not None:
        assert (
            len(name.split(".")) != 1 or name.isdigit() or ":" in name or {"a": name} == parse_host("{a}").match([name])
        )
    with suppress(RegistrationError):
        assert value.count(".") == parse_host(value).text.count(".")


def test_the_examples_run() -> None:
    """The examples in the docstrings are true."""
    assert 0 == doctest.testmod(host_patterns).failed
