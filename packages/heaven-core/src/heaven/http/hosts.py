"""Host names: what a Host header names, which subdomain that is, and which hosts an application answers to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from heaven.errors import RegistrationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_NAME = 253
_LONGEST = _LONGEST_NAME + len(".:65535")
_PORT = r"(?::([0-9]{0,5}))?"
_NAME = re.compile(rf"([0-9A-Za-z_-]{{1,63}}(?:\.[0-9A-Za-z_-]{{1,63}})*+)\.?{_PORT}")
_IPV6 = re.compile(rf"\[([0-9A-Fa-f:.]{{2,45}})\]{_PORT}")


def host_name(value: str) -> str | None:
    """Read the name out of a Host header (RFC 9110 7.2), in the one form that hosts are compared in.

    Args:
        value: a name, an IPv4 address or a bracketed IPv6 address, perhaps with a port.

    Returns:
        The name in lower case without its port and without one trailing dot; an IPv6 address in its shortest form and
        without brackets. None where the value is malformed.

    Example:
        >>> host_name("API.Shop.test.:8443")
        'api.shop.test'
        >>> host_name("[2001:DB8:0::1]:8000")
        '2001:db8::1'
        >>> host_name("shop.test/@evil.test") is None
        True
    """
    if len(value) > _LONGEST:
        return None
    found = _NAME.fullmatch(value)
    address = None if found else _IPV6.fullmatch(value)
    matched = found or address
    if matched is None:
        return None
    name, port = matched.groups()
    if (port and int(port) > 65535) or len(name) > _LONGEST_NAME:
        return None
    return _shortest(name) if address else name.lower()


def _shortest(address: str) -> str | None:
    from ipaddress import AddressValueError, IPv6Address  # loaded with the first such address

    try:
        return str(IPv6Address(address))
    except AddressValueError:
        return None


def subdomain_of(name: str, domain: str | None) -> str | None:
    """The subdomain a host name stands for.

    Args:
        name: what `host_name` gave.
        domain: the application's own domain, in lower case; None takes the first label of three or more.

    Returns:
        Everything in front of the domain, or None: for the domain itself, for others, and for IP addresses.

    Example:
        >>> subdomain_of("api.shop.test", None)
        'api'
        >>> subdomain_of("eu.api.shop.co.uk", "shop.co.uk")
        'eu.api'
        >>> subdomain_of("shop.co.uk", "shop.co.uk") is None
        True
    """
    # A name whose last label is a number is an IPv4 address to every browser (WHATWG URL 3.5), never a domain.
    if ":" in name or name[name.rfind(".") + 1 :].isdigit():
        return None
    if domain is not None:
        front = name.removesuffix("." + domain)
        return None if front == name else front
    first, _, rest = name.partition(".")
    return first if "." in rest else None


class AllowedHosts:
    """The hosts an application answers to, compared label by label and never as text.

    Args:
        patterns: `"shop.test"` is that name alone, `"*.shop.test"` everything below it and not the name itself, `"*"`
            every host. IP addresses are written as they are.

    Raises:
        RegistrationError: a pattern is something else, for example has a port or a scheme.

    Example:
        >>> hosts = AllowedHosts(["shop.test", "*.shop.test"])
        >>> "shop.test" in hosts, "eu.api.shop.test" in hosts, "evilshop.test" in hosts
        (True, True, False)
    """

    __slots__ = ("_below", "_every", "_names", "patterns")

    def __init__(self, patterns: Sequence[str]) -> None:
        if isinstance(patterns, str):
            raise RegistrationError(f"Hosts are a list of patterns, and this is one str; write [{patterns!r}]")
        self.patterns: tuple[str, ...] = tuple(patterns)
        self._every = "*" in self.patterns
        self._names: set[str] = set()
        self._below: set[str] = set()
        for pattern in self.patterns:
            if pattern != "*":
                (self._below if pattern.startswith("*.") else self._names).add(_pattern_name(pattern))

    def __contains__(self, name: object) -> bool:
        """Whether the application answers to this name, as `host_name` gave it; None, a malformed one, never is."""
        if not isinstance(name, str):
            return False
        if self._every or name in self._names:
            return True
        while self._below and 0 < len(name) <= _LONGEST_NAME:
            name = name.partition(".")[2]
            if name in self._below:
                return True
        return False

    def __repr__(self) -> str:
        """The patterns as they were written."""
        return f"AllowedHosts({list(self.patterns)!r})"


def _pattern_name(pattern: str) -> str:
    """The name a pattern is about, in the form `host_name` gives."""
    text = pattern.removeprefix("*.")
    address = ":" in text and "[" not in text
    name = host_name(f"[{text}]" if address else text)
    if name is None or "]:" in text:
        raise RegistrationError(
            f"{pattern!r} is no pattern for a host; write a name alone, without scheme, port and path: "
            "'shop.test', '*.shop.test' for everything below it, or '*'"
        )
    return name
