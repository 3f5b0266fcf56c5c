"""Proxies: an address counts as far as trusted proxies vouch for it, and nothing a client writes moves it."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import is_linear
from heaven.errors import RegistrationError
from heaven.http import proxies
from heaven.http.headers import Headers
from heaven.http.proxies import Origin, TrustedProxies

OUR_PROXIES = ["10.0.0.1", "10.0.0.2", "2001:db8:aaaa::1"]
CLIENTS = st.sampled_from(["203.0.113.9", "198.51.100.7", "2001:db8::9", "192.168.0.5"])
SPOOFS = st.sampled_from(
    ["1.1.1.1", "10.0.0.1", "10.0.0.2", "unknown", "", "x", '"', "for=", 'for="', "for=1.1.1.1", 'for="[::1', "1.1.1.1,", ";", "\\", "="]
)  # fmt: skip
TRUSTED = TrustedProxies(["10.0.0.0/8", "2001:db8:aaaa::/48"])


def said(**headers: str) -> Headers:
    """Headers, written with underscores."""
    return Headers([(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()])


def quoted(address: str) -> str:
    """An address as Forwarded has it."""
    return f'"[{address}]:4711"' if ":" in address else address


def test_the_examples_run() -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(proxies).failed


@pytest.mark.parametrize("peer", ["203.0.113.9", "11.0.0.1", "nonsense", "", "::1", None])
def test_nothing_counts_from_a_peer_that_is_not_trusted(peer: str | None) -> None:
    """Whoever connects from elsewhere is the client, whatever the headers say."""
    headers = said(
        forwarded="for=1.1.1.1;proto=https;host=a.test", x_forwarded_for="1.1.1.1", x_forwarded_proto="https"
    )

    assert Origin(peer) == TRUSTED.resolve(peer, headers)


@given(
    CLIENTS,
    st.lists(st.sampled_from(OUR_PROXIES), min_size=1, max_size=4),
    st.lists(SPOOFS, max_size=4).map(", ".join),
    st.sampled_from(["x-forwarded-for", "forwarded"]),
    st.booleans(),
)
def test_a_client_cant_choose_its_address(client: str, chain: list[str], spoof: str, header: str, split: bool) -> None:
    """Every trusted proxy appends who connected to it; whatever the client had written, the client is who connected first."""
    path = [client, *chain[:-1]]
    wrote = [address if header == "x-forwarded-for" else f"for={quoted(address)};proto=https" for address in path]
    raw = [(header.encode(), spoof.encode())] if spoof else []
    if split:
        raw += [(header.encode(), ", ".join(wrote).encode())]
    else:
        raw = [(header.encode(), ", ".join([*([spoof] if spoof else []), *wrote]).encode())]

    assert client == TRUSTED.resolve(chain[-1], Headers(raw)).ip


@given(CLIENTS, st.lists(SPOOFS, min_size=1, max_size=4).map(", ".join), st.booleans())
def test_the_header_that_the_proxy_doesnt_write(client: str, spoof: str, writes_forwarded: bool) -> None:
    """A proxy passes on the header it doesn't write; what a client put there may hide its address, never change it."""
    wrote = f"for={quoted(client)}" if writes_forwarded else client
    ours, theirs = ("forwarded", "x-forwarded-for") if writes_forwarded else ("x-forwarded-for", "forwarded")
    headers = Headers([(ours.encode(), wrote.encode()), (theirs.encode(), spoof.encode())])

    assert TRUSTED.resolve("10.0.0.1", headers).ip in {client, None}


@given(
    st.text(st.characters(codec="latin-1"), max_size=60) | st.text(alphabet='for=1.,;:[]" _', max_size=80),
    st.sampled_from(["forwarded", "x-forwarded-for"]),
)
def test_garbage_from_a_trusted_proxy(text: str, header: str) -> None:
    """Whatever stands there, resolving doesn't fail, and the address is one or unknown."""
    origin = TRUSTED.resolve("10.0.0.1", Headers([(header.encode(), text.encode("latin-1"))]))

    assert origin.ip is not None
    assert set(origin.ip) <= set("0123456789abcdef.:")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.2, 10.0.0.3", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:DB8:0::9", "2001:db8::9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"),
        (" 203.0.113.9 ,, ", "203.0.113.9"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("1.1.1.1, nonsense, 10.0.0.2", "10.0.0.2"),
        ("1.1.1.1, 999.1.1.1, 10.0.0.2", "10.0.0.2"),
        ("1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("1.1.1.1, _hidden", "10.0.0.1"),
        ("1.1.1.1, 203.0.113.9\n", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_x_forwarded_for(header: str, expected: str) -> None:
    """The right-most address that is no trusted proxy; what can't be read ends the walk at the last one known."""
    assert Origin(expected) == TRUSTED.resolve("10.0.0.1", said(x_forwarded_for=header))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("for=203.0.113.9", Origin("203.0.113.9")),
        (
            'For="[2001:db8::9]:4711";Proto=HTTPS;Host="Shop.test:8443"',
            Origin("2001:db8::9", "https", "shop.test:8443"),
        ),
        (
            "for=1.1.1.1;proto=http;host=evil.test, for=203.0.113.9;proto=https;host=shop.test",
            Origin("203.0.113.9", "https", "shop.test"),
        ),
        (
            "for=203.0.113.9;proto=https;host=shop.test, for=10.0.0.2;proto=http;host=inner.test",
            Origin("203.0.113.9", "https", "shop.test"),
        ),
        ("for=203.0.113.9, for=10.0.0.2;proto=https;host=a.test", Origin("203.0.113.9", "https", "a.test")),
        ("for=203.0.113.9;by=10.0.0.1 ; proto=https", Origin("203.0.113.9", "https")),
        ("for=1.1.1.1, for=unknown;proto=https", Origin("10.0.0.1", "https")),
        ("for=1.1.1.1, for=_gazonk:_port;proto=https", Origin("10.0.0.1", "https")),
        ("for=1.1.1.1, proto=https", Origin("10.0.0.1", "https")),
        ("for=1.1.1.1, for=203.0.113.9;for=1.1.1.1;proto=https", Origin("10.0.0.1")),
        ("for=1.1.1.1, nonsense, for=10.0.0.2;proto=http", Origin("10.0.0.2", "http")),
        ("for=1.1.1.1, for=<script>;proto=https", Origin("10.0.0.1")),
        ("for=203.0.113.9;proto=gopher;host=a/b", Origin("203.0.113.9")),
        ('for="1.1.1.1, for=203.0.113.9', Origin("203.0.113.9")),
        ("for=203.0.113.9,", Origin("203.0.113.9")),
        ("", Origin("10.0.0.1")),
    ],
)
def test_forwarded(header: str, expected: Origin) -> None:
    """Each element tells of one connection; the right-most one that isn't from a trusted proxy is the client's."""
    assert expected == TRUSTED.resolve("10.0.0.1", said(forwarded=header))


def test_scheme_and_host_of_the_nearest_proxy() -> None:
    """Of several X-Forwarded-Proto and -Host values the last counts: the nearest proxy appended it."""
    headers = said(x_forwarded_proto="http, HTTPS", x_forwarded_host="evil.test, Shop.test:8443")

    assert Origin("10.0.0.1", "https", "shop.test:8443") == TRUSTED.resolve("10.0.0.1", headers)


@pytest.mark.parametrize(
    "words",
    [{"x_forwarded_proto": "javascript"}, {"x_forwarded_host": "shop.test/@evil.test"}, {"x_forwarded_host": ""}],
)
def test_nonsense_as_scheme_and_host(words: dict[str, str]) -> None:
    """A scheme that isn't of the web and a malformed host are ignored."""
    assert Origin("10.0.0.1") == TRUSTED.resolve("10.0.0.1", said(**words))


def test_headers_that_contradict_each_other() -> None:
    """Where Forwarded and X-Forwarded-* differ nobody knows which one a proxy wrote, so neither counts."""
    agreeing = said(
        forwarded="for=203.0.113.9;proto=https",
        x_forwarded_for="203.0.113.9",
        x_forwarded_proto="https",
        x_forwarded_host="a.test",
    )
    differing = said(
        forwarded="for=1.1.1.1;proto=https;host=a.test",
        x_forwarded_for="203.0.113.9",
        x_forwarded_proto="http",
        x_forwarded_host="b.test",
    )

    assert Origin("203.0.113.9", "https", "a.test") == TRUSTED.resolve("10.0.0.1", agreeing)
    assert Origin(None) == TRUSTED.resolve("10.0.0.1", differing)


def test_a_unix_socket() -> None:
    """A peer without an address is trusted when "unix" is."""
    headers = said(x_forwarded_for="203.0.113.9")

    assert Origin("203.0.113.9") == TrustedProxies(["unix"]).resolve(None, headers)
    assert Origin("10.0.0.1") == TrustedProxies(["unix"]).resolve("10.0.0.1", headers)
    assert Origin(None) == TrustedProxies(["10.0.0.1"]).resolve(None, headers)
    assert Origin(None) == TrustedProxies(["unix"]).resolve(None, said())


@pytest.mark.parametrize("peer", ["203.0.113.1", "::1", "testclient", None])
def test_everybody_is_trusted(peer: str | None) -> None:
    """With "*" every peer and every address on the way is trusted, so the left-most address is the client's."""
    assert Origin("1.1.1.1") == TrustedProxies(["*"]).resolve(peer, said(x_forwarded_for="1.1.1.1, 203.0.113.9"))


def test_nobody_is_trusted() -> None:
    """An empty list trusts nobody."""
    assert Origin("10.0.0.1") == TrustedProxies([]).resolve("10.0.0.1", said(x_forwarded_for="1.1.1.1"))


@pytest.mark.parametrize("network", ["10.0.0.1/8", "proxy.test", "", "10.0.0", "10.0.0.0/33", "::/129", "UNIX"])
def test_bad_networks_are_refused(network: str) -> None:
    """What is no address and no network is refused where it is written down."""
    with pytest.raises(
        RegistrationError, match="is no trusted proxy: .*write an address, a network like '10.0.0.0/8', 'unix' or"
    ):
        TrustedProxies([network])


def test_one_str_is_no_list() -> None:
    """A str in place of a list would be taken letter by letter."""
    text: Any = "10.0.0.1"
    with pytest.raises(
        RegistrationError, match=r"^Trusted proxies are a list of networks, not one str; write \['10.0.0.1'\]$"
    ):
        TrustedProxies(text)


def test_a_repr_shows_the_networks() -> None:
    """A repr shows what was written."""
    assert "TrustedProxies(['10.0.0.0/8', 'unix'])" == repr(TrustedProxies(["10.0.0.0/8", "unix"]))


@pytest.mark.parametrize(
    "unit",
    ["10.0.0.2,", "for=10.0.0.2,", ",", ";", 'for="', '"', "=", "[", ":", "for=10.0.0.2;", "a=b;", "_a", "1.1.1.1, "],
)
def test_hostile_headers_take_linear_time(unit: str) -> None:
    """Long headers from a trusted proxy take time that grows with their length alone."""
    assert is_linear(lambda text: TRUSTED.resolve("10.0.0.1", said(forwarded=text)), unit)
    assert is_linear(lambda text: TRUSTED.resolve("10.0.0.1", said(x_forwarded_for=text)), unit)
