"""Who the client is when proxies stand in between: Forwarded and X-Forwarded-*, believed from trusted proxies alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from heaven.errors import RegistrationError
from heaven.http.headers import TCHAR
from heaven.http.hosts import host_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from heaven.http.headers import Headers

Network: TypeAlias = "IPv4Network | IPv6Network"

_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_PAIR = re.compile(rf'[ \t]*+({TCHAR}++)=(?:"([^"\\]*+)"|([^\s"\\;]++))[ \t]*+')
_PORT = r"(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]{1,64}))?"
_NODE = re.compile(rf"(?:\[([0-9A-Fa-f:.]{{2,45}})\]|([0-9.]{{7,15}})){_PORT}|([0-9A-Fa-f:.]{{2,45}})")
_UNKNOWN = re.compile(rf"(?:unknown|_[0-9A-Za-z._-]++){_PORT}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as far as it is known.

    Attributes:
        ip: the client's address; None where it is unknown.
        scheme: the scheme the client used, in lower case; None when no proxy told.
        host: the host the client asked for, in lower case and with its port; None when no proxy told.
    """

    ip: str | None
    scheme: str | None = None
    host: str | None = None


class _Hop(NamedTuple):
    """What one proxy told about the connection it took; an empty node is one that it keeps to itself."""

    node: str
    scheme: str | None = None
    host: str | None = None


class _Judged(NamedTuple):
    ip: str | None
    trusted: bool


_HIDDEN = _Judged(None, trusted=False)


class TrustedProxies:
    """The proxies whose word counts, and what they say about a request.

    The addresses are gone through from the right, where the nearest proxy wrote, and the first one that is no trusted
    proxy is the client: whatever stands left of it anybody could have written. What is malformed ends the walk too.

    Args:
        networks: addresses (`"10.0.0.7"`), networks (`"10.0.0.0/8"`), `"unix"` for a server behind a Unix socket, whose
            peers have no address, or `"*"` for everybody: only where nobody but the proxy can reach the server.

    Raises:
        RegistrationError: a network is none of these.

    Example:
        >>> from heaven.http.headers import Headers
        >>> proxies = TrustedProxies(["10.0.0.0/8"])
        >>> said = Headers([(b"x-forwarded-for", b"1.1.1.1, 203.0.113.9, 10.0.0.2"), (b"x-forwarded-proto", b"https")])
        >>> proxies.resolve("10.0.0.1", said)
        Origin(ip='203.0.113.9', scheme='https', host=None)
        >>> proxies.resolve("203.0.113.9", said)
        Origin(ip='203.0.113.9', scheme=None, host=None)
    """

    __slots__ = ("_every", "_judge", "_networks", "_unix", "networks")

    def __init__(self, networks: Sequence[str]) -> None:
        if isinstance(networks, str):
            raise RegistrationError(f"Trusted proxies are a list of networks, not one str; write [{networks!r}]")
        self.networks: tuple[str, ...] = tuple(networks)
        self._every = "*" in self.networks
        self._unix = self._every or "unix" in self.networks
        self._networks = [_network(text) for text in self.networks if text not in {"*", "unix"}]
        # PERF: a proxy's own address comes with every request; judged once it costs 0.05 microseconds instead of 3.7.
        self._judge = lru_cache(maxsize=1024)(self._look)

    def resolve(self, peer: str | None, headers: Headers) -> Origin:
        """Tell who the client is.

        `Forwarded` (RFC 7239) and `X-Forwarded-*` may both be there: a proxy that writes the one passes the other on as
        the client sent it. So where they contradict each other neither counts, and the value is None.

        Args:
            peer: the address of the connection, None when there is none.
            headers: the headers of the request.
        """
        if not self._trusts(peer):
            return Origin(peer)
        forwarded = self._walk(map(_forwarded_hop, _elements(headers.get("forwarded", ""))))
        classic = self._walk(map(_classic_hop, _elements(headers.get("x-forwarded-for", ""))))
        told = forwarded.ip is not None or classic.ip is not None
        ip = _agreed(forwarded.ip, classic.ip) if told else peer
        scheme = _agreed(forwarded.scheme, _scheme(_nearest(headers.get("x-forwarded-proto", ""))))
        host = _agreed(forwarded.host, _host(_nearest(headers.get("x-forwarded-host", ""))))
        return Origin(ip, scheme, host)

    def _trusts(self, peer: str | None) -> bool:
        if peer is None:
            return self._unix
        judged = self._judge(peer)
        return self._every or (judged is not None and judged.trusted)

    def _walk(self, hops: Iterable[_Hop | None]) -> Origin:
        """Go from the nearest proxy outwards until somebody isn't trusted, or wrote what can't be read."""
        ip = scheme = host = None
        for hop in hops:
            judged = _HIDDEN if hop is None or not hop.node else self._judge(hop.node)
            if hop is None or judged is None:
                break
            ip, scheme, host = judged.ip or ip, hop.scheme or scheme, hop.host or host
            if not judged.trusted:
                break
        return Origin(ip, scheme, host)

    def _look(self, text: str) -> _Judged | None:
        """The address in its shortest form, and whether a trusted proxy has it; None where it is no address."""
        from ipaddress import IPv6Address, ip_address  # loaded with the first address that is asked for

        try:
            address = ip_address(text)
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return _Judged(str(address), self._every or any(address in network for network in self._networks))

    def __repr__(self) -> str:
        """The networks as they were written."""
        return f"TrustedProxies({list(self.networks)!r})"


def _network(text: str) -> Network:
    from ipaddress import ip_network

    try:
        return ip_network(text)
    except ValueError as error:
        raise RegistrationError(
            f"{text!r} is no trusted proxy: {error}; write an address, a network like '10.0.0.0/8', 'unix' or '*'"
        ) from None


def _agreed(one: str | None, other: str | None) -> str | None:
    """What both say, or the one that says something; None when they contradict each other."""
    if one is None or one == other:
        return other
    return one if other is None else None


def _nearest(values: str) -> str:
    """What the nearest proxy wrote: the last of a list, since proxies append."""
    return values.rpartition(",")[2].strip(" \t")


def _scheme(text: str) -> str | None:
    scheme = text.lower()
    return scheme if scheme in _SCHEMES else None


def _host(text: str) -> str | None:
    return None if host_name(text) is None else text.lower()


def _node(text: str) -> str | None:
    """The address a proxy wrote, without its port; empty where the proxy keeps it to itself, None when malformed."""
    found = _NODE.fullmatch(text)
    if found is not None:
        return found[1] or found[2] or found[3]
    return "" if _UNKNOWN.fullmatch(text) else None


def _elements(header: str) -> Iterator[str]:
    """The elements of a list, the nearest proxy's first; empty ones don't count (RFC 9110 5.6.1).

    Cut at every comma, from the right, so that a quote which the client left open can't swallow what the proxies wrote
    after it. No address, scheme or host has a comma in it.
    """
    return filter(None, (element.strip(" \t") for element in reversed(header.split(","))))


def _classic_hop(element: str) -> _Hop | None:
    """The hop in an element of X-Forwarded-For; None when malformed."""
    node = _node(element)
    return None if node is None else _Hop(node)


def _forwarded_hop(element: str) -> _Hop | None:
    """The hop in an element of Forwarded (RFC 7239 4); None when malformed."""
    said: dict[str, str] = {}
    for text in element.split(";"):
        pair = _PAIR.fullmatch(text)
        if pair is None or pair[1].lower() in said:
            return None
        said[pair[1].lower()] = pair[3] if pair[2] is None else pair[2]
    node = _node(said.get("for", "unknown"))
    return None if node is None else _Hop(node, _scheme(said.get("proto", "")), _host(said.get("host", "")))
