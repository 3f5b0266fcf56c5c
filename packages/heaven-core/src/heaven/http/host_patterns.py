"""Patterns of hosts: what `"api.{tenant}.shop.test"` means, decided once when an application is mounted under it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from heaven.errors import RegistrationError
from heaven.http.hosts import host_name

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARAMETER = re.compile(r"\{ *([^{} ]*) *\}")


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A pattern of hosts that was read; `parse_host` makes them.

    Args:
        text: the canonical spelling, in lower case but for the names of parameters.
        labels: what stands between the dots: a name, or None where a parameter stands.
        names: the names of the parameters, from left to right.
    """

    text: str
    labels: tuple[str | None, ...]
    names: tuple[str, ...] = ()

    def match(self, labels: Sequence[str]) -> dict[str, Any] | None:
        """The parameters of a host, or None where it is none of this pattern's.

        A parameter is one label, and no part of an IP address.

        Args:
            labels: what `host_name` gave, split at its dots.

        Example:
            >>> parse_host("api.{tenant}.shop.test").match("api.acme.shop.test".split("."))
            {'tenant': 'acme'}
            >>> parse_host("{shop}.test").match("eu.shop.test".split(".")) is None
            True
        """
        if len(labels) != len(self.labels) or (self.names and _ends_an_address(labels[-1])):
            return None
        taken: list[str] = []
        for wanted, label in zip(self.labels, labels, strict=True):
            if wanted is None:
                taken.append(label)
            elif wanted != label:
                return None
        return dict(zip(self.names, taken, strict=True))

    @property
    def specificity(self) -> tuple[tuple[bool, ...], str]:
        """What sorts patterns that match one host: from the right, a name goes before a parameter.

        Example:
            >>> texts = ["{a}.{b}.test", "api.{b}.test", "{a}.shop.test", "api.shop.test"]
            >>> print(*sorted(texts, key=lambda text: parse_host(text).specificity))
            api.shop.test {a}.shop.test api.{b}.test {a}.{b}.test
        """
        return tuple(label is None for label in reversed(self.labels)), self.text

    def __str__(self) -> str:
        return self.text


def parse_host(text: str) -> HostPattern:
    """Read a pattern of hosts: labels, of which each may be a parameter.

    Args:
        text: a host without scheme, port and path, such as `"api.shop.test"` or `"{tenant}.shop.test"`.

    Raises:
        RegistrationError: it can't work; the message shows the text, the trouble and what to write instead.

    Example:
        >>> parse_host("API.{tenant}.Shop.test").text
        'api.{tenant}.shop.test'
        >>> parse_host("shop.test:8000")
        Traceback (most recent call last):
        heaven.errors.RegistrationError: the host 'shop.test:8000' can't work: write it without scheme, port and path, \
like 'api.shop.test' or '{tenant}.shop.test'
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"a host is a str like 'api.shop.test', and {text!r} is a {type(text).__name__}")
    labels: list[str | None] = []
    names: list[str] = []
    for part in text.split("."):
        found = _PARAMETER.fullmatch(part)
        if found is not None:
            names.append(_checked_name(text, found[1], names))
        labels.append(part.lower() if found is None else None)
    plain = ".".join("parameter" if label is None else label for label in labels)
    if not plain.isascii():
        _refuse(text, f"hosts are asked for in ASCII: write {_in_ascii(plain)!r}")
    if host_name(plain) != plain:
        _refuse(text, "write it without scheme, port and path, like 'api.shop.test' or '{tenant}.shop.test'")
    rest = iter(names)
    return HostPattern(
        ".".join(f"{{{next(rest)}}}" if label is None else label for label in labels), tuple(labels), tuple(names)
    )


def _checked_name(text: str, name: str, before: list[str]) -> str:
    if not name.isidentifier():
        _refuse(
            text, f"{name!r} is not a name; parameters are whole labels with a Python identifier, like '{{tenant}}'"
        )
    if name in before:
        _refuse(text, f"the name {name!r} is used twice; give each parameter a name of its own")
    return name


def _in_ascii(text: str) -> str:
    """How clients spell a host with other letters (RFC 3490), or how such a spelling begins."""
    try:
        return text.encode("idna").decode()
    except UnicodeError:
        return "xn--..."


def _ends_an_address(label: str) -> bool:
    """Whether a host is an IP address: a number ends one to every browser (WHATWG URL 3.5), and no name has a colon."""
    return label.isdigit() or ":" in label


def _refuse(text: str, why: str) -> NoReturn:
    raise RegistrationError(f"the host {text!r} can't work: {why}")
