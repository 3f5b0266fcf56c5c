"""Host names: one form to compare in, subdomains by whole labels, and lists of hosts that nothing slips through."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import is_linear
from heaven.errors import RegistrationError
from heaven.http import hosts
from heaven.http.hosts import AllowedHosts, host_name, subdomain_of

LABELS = st.from_regex(r"[a-z0-9_-]{0,5}[a-z]", fullmatch=True)
DOMAINS = st.lists(LABELS, min_size=1, max_size=5).map(".".join)
LETTERS = st.sampled_from("ab")
SHORT = st.lists(LETTERS, min_size=1, max_size=4).map(".".join)


def test_the_examples_run() -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(hosts).failed


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("shop.test", "shop.test"),
        ("SHOP.Test:8000", "shop.test"),
        ("shop.test.", "shop.test"),
        ("shop.test.:80", "shop.test"),
        ("shop.test:", "shop.test"),
        ("localhost", "localhost"),
        ("my_service:80", "my_service"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[2001:DB8:0:0::1]:65535", "2001:db8::1"),
        ("a" * 63 + ".test", "a" * 63 + ".test"),
    ],
)
def test_well_formed_hosts(value: str, expected: str) -> None:
    """A host loses its port, one trailing dot, its brackets and its capitals."""
    assert expected == host_name(value)


@pytest.mark.parametrize(
    "value",
    [
        "", ".", "..", "a..b", ".a", "a..", "a b", " a", "a ", "a\n", "a\x00", "a/b", "a@b", "a:b", "a:80:80", "a:65536", "a:999999",
        "a?b", "a#b", "http://a", "a,b", "a\\b", "a%2fb", "caf\u00e9.test", "\u0661.test", "::1", "[::1", "::1]", "[::1]a", "[]",
        "[:::]", "[1.2.3.4]", "[fe80::1%eth0]", "[::1]:70000", "a" * 64 + ".test", ".".join(["a" * 50] * 5), "a." * 5000, "a:\u0661",
    ],
)  # fmt: skip
def test_malformed_hosts(value: str) -> None:
    """What is no host, or could be read in two ways, is None."""
    assert host_name(value) is None


@given(st.text(max_size=30) | st.text(alphabet="aB1.:[]-_/@ ", max_size=30))
def test_any_host_is_read_or_refused(value: str) -> None:
    """Reading never fails, and what it gives is the form that reading it again gives."""
    name = host_name(value)

    if name is not None:
        assert name == name.lower()
        assert name == host_name(f"[{name}]" if ":" in name else name)


@given(DOMAINS, st.integers(0, 65535), st.booleans())
def test_ports_and_dots_make_no_difference(name: str, port: int, dot: bool) -> None:
    """The same host is the same name however it is written."""
    assert name == host_name(f"{name.upper()}{'.' * dot}:{port}")


@pytest.mark.parametrize(
    ("name", "domain", "expected"),
    [
        ("api.shop.test", None, "api"),
        ("a.b.shop.test", None, "a"),
        ("shop.test", None, None),
        ("localhost", None, None),
        ("127.0.0.1", None, None),
        ("2001:db8::1", None, None),
        ("shop.co.uk", "shop.co.uk", None),
        ("api.shop.co.uk", "shop.co.uk", "api"),
        ("eu.api.shop.co.uk", "shop.co.uk", "eu.api"),
        ("evilshop.co.uk", "shop.co.uk", None),
        ("other.test", "shop.co.uk", None),
        ("api.shop.co.uk.evil.test", "shop.co.uk", None),
        ("127.0.0.1", "0.1", None),
    ],
)
def test_subdomains(name: str, domain: str | None, expected: str | None) -> None:
    """The first of three or more labels, or what stands in front of the domain; addresses have none."""
    assert expected == subdomain_of(name, domain)


@given(SHORT, SHORT)
def test_subdomains_agree_with_labels(name: str, domain: str) -> None:
    """Below a domain is what has more labels and ends with the domain's."""
    labels, tail = name.split("."), domain.split(".")
    below = len(labels) > len(tail) and labels[-len(tail) :] == tail

    assert (".".join(labels[: -len(tail)]) if below else None) == subdomain_of(name, domain)


@given(SHORT, st.lists(st.tuples(st.booleans(), SHORT), max_size=4))
def test_allowed_hosts_agree_with_labels(name: str, patterns: list[tuple[bool, str]]) -> None:
    """A host is allowed when one pattern is its name, or a `*.` pattern's labels end its own."""
    allowed = AllowedHosts([("*." if star else "") + text for star, text in patterns])
    labels = name.split(".")

    def covers(star: bool, text: str) -> bool:
        tail = text.split(".")
        return labels == tail if not star else len(labels) > len(tail) and labels[-len(tail) :] == tail

    assert any(covers(star, text) for star, text in patterns) == (name in allowed)


def test_every_host() -> None:
    """`*` allows every host, and not a malformed one."""
    allowed = AllowedHosts(["*"])

    assert ("a.test" in allowed, "::1" in allowed, None in allowed) == (True, True, False)
    assert "AllowedHosts(['*'])" == repr(allowed)


@pytest.mark.parametrize("pattern", ["::1", "[::1]", "[0:0::1]"])
def test_addresses_as_patterns(pattern: str) -> None:
    """An IPv6 address may be written with brackets or without, in any of its forms."""
    assert "::1" in AllowedHosts([pattern])


def test_patterns_in_capitals() -> None:
    """Patterns are compared in the form of host_name, as hosts are."""
    assert "shop.test" in AllowedHosts(["Shop.TEST."])


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "*.",
        "**",
        "*.*.test",
        "a.*.test",
        "*shop.test",
        "shop.test:80",
        "[::1]:80",
        "http://shop.test",
        "shop.test/",
        ".shop.test",
        "a b",
        "*:80",
    ],
)
def test_bad_patterns_are_refused(pattern: str) -> None:
    """A pattern that could never match, or more than was meant, is refused with the cure."""
    with pytest.raises(RegistrationError) as caught:
        AllowedHosts(["ok.test", pattern])

    assert str(caught.value) == (
        f"{pattern!r} is no pattern for a host; write a name alone, without scheme, port and path: "
        "'shop.test', '*.shop.test' for everything below it, or '*'"
    )


def test_one_str_is_no_list() -> None:
    """A str in place of a list would be taken letter by letter."""
    text: Any = "shop.test"
    with pytest.raises(
        RegistrationError, match=r"^Hosts are a list of patterns, and this is one str; write \['shop.test'\]$"
    ):
        AllowedHosts(text)


@pytest.mark.parametrize("unit", ["a", "a.", ".", ":", "[", "::"])
def test_hostile_hosts_take_linear_time(unit: str) -> None:
    """A long Host header is refused, and costs no more than its length."""
    assert is_linear(host_name, unit)
    assert is_linear(lambda text: text in AllowedHosts(["*.shop.test"]), unit)
