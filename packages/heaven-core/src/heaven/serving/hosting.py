"""What holds below patterns of hosts, settled at wiring: what can't stand there, and which of them is tried first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from heaven.errors import RegistrationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from heaven.declaring.registrations import Mount, Route
    from heaven.http.host_patterns import HostPattern
    from heaven.routing.patterns import Pattern
    from heaven.serving.wiring import Tables

Where: TypeAlias = "str | HostPattern | None"
"""What has tables of its own: a subdomain, a pattern of hosts, or None for what is under neither."""


def check_mount(mount: Mount, around: Where) -> None:
    """Refuse a mount under a host inside of one under another, or under a subdomain, and the other way round.

    Raises:
        RegistrationError: a request has one host, and can't be below both.
    """
    inner = mount.host or mount.subdomain
    subdomains = isinstance(inner, str) and isinstance(around, str)
    if inner is not None and around is not None and not subdomains:
        raise RegistrationError(
            f"the mount at {mount.place} is under '{inner}', inside of one under '{around}'; "
            "a request has one host, so say it at one of them"
        )


def check_route(host: HostPattern, route: Route, pattern: Pattern) -> None:
    """Refuse a route that can't stand below a host.

    Raises:
        RegistrationError: it is on a subdomain, or has a parameter that the host has.
    """
    said = f"{route.method or 'HTTP'} {pattern.text} at {route.place}"
    if route.subdomain is not None:
        raise RegistrationError(
            f"{said} is on the subdomain {route.subdomain!r}, in an application mounted under the host '{host}'; "
            "a request has one host, so say it at one of them"
        )
    both = [name for name in host.names if name in pattern.names]
    if both:
        raise RegistrationError(
            f"{said} has the parameter {both[0]!r}, and so has the host '{host}' above it; "
            "give one of them another name"
        )


def in_order(tables: Mapping[Where, Tables]) -> tuple[tuple[HostPattern, Tables], ...]:
    """The tables of hosts in the order in which they are tried: the more specific pattern first.

    Raises:
        RegistrationError: two patterns are of the same hosts and give a label two names.
    """
    found = [(where, each) for where, each in tables.items() if where is not None and not isinstance(where, str)]
    known: dict[tuple[str | None, ...], HostPattern] = {}
    for pattern, _ in found:
        other = known.setdefault(pattern.labels, pattern)
        if other != pattern:
            raise RegistrationError(f"'{other}' and '{pattern}', under which is mounted, are the same hosts; write one")
    return tuple(sorted(found, key=lambda each: each[0].specificity))
