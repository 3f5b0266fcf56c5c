"""URL patterns: what `"/orders/:id:int?page:int"` means, decided once when a route is written down.

/orders/new              literal segments, compared with the decoded path
/orders/:id              a parameter: one segment, as text
/orders/:id:uuid         a parameter of a type (see `heaven.routing.converters`)
/files/*                 the rest of the path, slashes included, as the parameter "*"
/files/:name:path        the same under a name
/search?q&page:int       hints for the query string: they say the types, and are no part of the match
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, unquote

from heaven.errors import NoSuchURL, RegistrationError
from heaven.routing.converters import CONVERTERS, Converter, converter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from heaven.types import Slashes

_NEVER = re.compile(r"[\s\x00-\x1f\x7f-\x9f#\\<>{}]")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_SAFE = "!$&'()*+,;=:@-._~"  # RFC 3986 3.3: what a path segment may hold as it is


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes: a literal, or a parameter with a name and a converter.

    Example:
        >>> parse_pattern("/orders/:id:int").segments[0]
        Segment(text='orders', name=None, converter=None)
    """

    text: str
    name: str | None = None
    converter: Converter | None = None


@dataclass(frozen=True, slots=True)
class QueryHint:
    """The type of one query parameter.

    Example:
        >>> [(hint.name, hint.converter.name) for hint in parse_pattern("/search?q&page:int").hints]
        [('q', 'str'), ('page', 'int')]
    """

    name: str
    converter: Converter


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read; `parse_pattern` makes them.

    Args:
        text: the canonical spelling, without the hints and without `:str`.
        segments: literals and parameters in order, without the rest.
        rest: the name of what takes the rest of the path, `"*"` for a trailing star, None when nothing does.
        hints: the types of query parameters.
        trailing_slash: whether it was written with a slash at its end; "/" is not.
    """

    text: str
    segments: tuple[Segment, ...]
    rest: str | None = None
    hints: tuple[QueryHint, ...] = ()
    trailing_slash: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all path parameters, in the order of the path.

        Example:
            >>> parse_pattern("/users/:id/files/*").names
            ('id', '*')
        """
        names = tuple(segment.name for segment in self.segments if segment.name is not None)
        return names if self.rest is None else (*names, self.rest)

    @property
    def is_static(self) -> bool:
        """Whether it matches one path only.

        Example:
            >>> parse_pattern("/orders/new").is_static
            True
        """
        return not self.names

    def shape(self, slashes: Slashes) -> tuple[object, ...]:
        """What two patterns have in common that match the same paths: literals and types, whatever the names.

        Args:
            slashes: whether a slash at the end makes another path.

        Example:
            >>> parse_pattern("/users/:id/").shape("ignore") == parse_pattern("/users/:name").shape("ignore")
            True
        """
        slash = self.trailing_slash and slashes != "ignore"
        return (*(segment.converter or segment.text for segment in self.segments), self.rest is not None, slash)

    def path(self, params: Mapping[str, Any]) -> str:
        """The URL path for these parameters, percent-encoded (RFC 3986 3.3); it begins with exactly one slash.

        Args:
            params: a value for each of `names`, and nothing else.

        Raises:
            NoSuchURL: a parameter is missing, too many, or has no text that the route would take; it says which.

        Example:
            >>> parse_pattern("/users/:name/files/*").path({"name": "R/D", "*": "a b.txt"})
            '/users/R%2FD/files/a%20b.txt'
        """
        self._check_names(params)
        parts = [self._encoded(segment.name, segment.converter, segment.text, params) for segment in self.segments]
        if self.rest is not None:
            parts.append(self._encoded(self.rest, CONVERTERS["path"], "", params))
        elif self.trailing_slash:
            parts.append("")
        return "/" + "/".join(parts)

    def _check_names(self, params: Mapping[str, Any]) -> None:
        names = self.names
        missing = [name for name in names if name not in params]
        extra = [name for name in params if name not in names]
        if missing:
            raise NoSuchURL(f"the URL of {self.text!r} needs {_listed(missing)}")
        if extra:
            wanted = f"takes {_listed(names)}" if names else "takes no parameters"
            raise NoSuchURL(f"the URL of {self.text!r} {wanted}, and not {_listed(extra)}")

    def _encoded(self, name: str | None, kind: Converter | None, literal: str, params: Mapping[str, Any]) -> str:
        """One segment, or the rest, as it stands in a URL."""
        if name is None or kind is None:
            return quote(literal, safe=_SAFE)
        try:
            text = kind.to_text(params[name])
            self._check_text(text)
            return quote(text, safe=_SAFE + "/" if name == self.rest else _SAFE)
        except ValueError as error:  # a surrogate that UTF-8 can't write is one too
            raise NoSuchURL(f"the parameter {name!r} of {self.text!r}: {error}") from None

    def _check_text(self, text: str) -> None:
        """Refuse what a client would take for another path than this one."""
        if any(part in (".", "..") for part in text.split("/")):
            # RFC 3986 5.2.4; browsers do so with '%2e%2e' too.
            raise ValueError(f"{text!r} has a '.' or '..' between slashes, which clients resolve")
        if text.startswith("/") and not self.segments:
            raise ValueError(f"{text!r} begins with '/', and a URL that begins with '//' leads to another host")


@lru_cache(maxsize=4096)
def parse_pattern(text: str) -> Pattern:
    """Read a URL pattern.

    Args:
        text: it begins with "/"; see the module for the grammar.

    Raises:
        RegistrationError: it can't work; the message shows the text, the trouble and what to write instead.

    Example:
        >>> pattern = parse_pattern("/orders/:id:int/lines/:line:str?page:int")
        >>> pattern.text, pattern.names
        ('/orders/:id:int/lines/:line', ('id', 'line'))
        >>> parse_pattern("orders")
        Traceback (most recent call last):
        heaven.errors.RegistrationError: the URL 'orders' must begin with '/': write '/orders'
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"a URL is a str like '/orders/:id', and {text!r} is a {type(text).__name__}")
    path, question_mark, query = text.partition("?")
    _check_spelling(text, path)
    trailing_slash = path.endswith("/") and path != "/"
    segments, rest = _read_segments(text, path.removesuffix("/").split("/")[1:])
    if rest is not None and trailing_slash:
        _refuse(text, f"what takes the rest of the path stands last; drop the slash: {path[:-1]!r}")
    hints = tuple(_read_hint(text, part) for part in query.split("&")) if question_mark else ()
    tail = () if rest is None else ("*" if rest == "*" else f":{rest}:path",)
    canonical = "/" + "/".join([*(segment.text for segment in segments), *tail]) + "/" * trailing_slash
    pattern = Pattern(canonical, segments, rest, hints, trailing_slash)
    _check_unique(text, [*pattern.names, *(hint.name for hint in hints)])
    return pattern


def _refuse(text: str, why: str) -> NoReturn:
    raise RegistrationError(f"the URL {text!r} can't work: {why}")


def _check_spelling(text: str, path: str) -> None:
    """What is wrong with a pattern whatever its segments mean."""
    if path.startswith(("http://", "https://")):
        _refuse(text, "it is a path, without scheme and host")
    if not path.startswith("/"):
        raise RegistrationError(f"the URL {text!r} must begin with '/': write {'/' + text!r}")
    if "//" in path:
        _refuse(text, f"there is nothing between two slashes: write {re.sub('/{2,}', '/', path)!r}")
    found = _NEVER.search(text)
    if found is not None:
        cure = "parameters are written ':name'" if found[0] in "<>{}" else "a URL never holds it as it is"
        _refuse(text, f"{found[0]!r} can't stand in it; {cure}")
    if _ESCAPE.search(path):
        _refuse(text, f"literals are compared with the decoded path: write {unquote(path)!r}")


def _read_segments(text: str, parts: list[str]) -> tuple[tuple[Segment, ...], str | None]:
    """The segments, and the name of what takes the rest of the path."""
    segments: list[Segment] = []
    rest: str | None = None
    for part in parts:
        if rest is not None:
            _refuse(text, f"{rest!r} takes the rest of the path, so nothing can follow it")
        if part == "*":
            rest = "*"
        elif part.startswith(":"):
            name, kind = _read_typed(text, part[1:])
            if kind.name == "path":
                rest = name
            else:
                segments.append(Segment(f":{name}" if kind.name == "str" else f":{name}:{kind.name}", name, kind))
        else:
            segments.append(_read_literal(text, part))
    return tuple(segments), rest


def _read_literal(text: str, part: str) -> Segment:
    if "*" in part:
        _refuse(text, f"'*' stands alone as the last segment, and not inside {part!r}")
    if part in (".", ".."):
        _refuse(text, f"clients resolve {part!r} before they ask")
    return Segment(part)


def _read_typed(text: str, part: str) -> tuple[str, Converter]:
    """`id:int` -> its name and converter; `id` alone is a str."""
    name, colon, kind = part.partition(":")
    if not name.isidentifier():
        what = f"{name!r} is not a name" if name else "a name is missing"
        _refuse(text, f"{what}; names are Python identifiers, like ':order_id' or ':order_id:int'")
    try:
        return name, converter(kind if colon else "str")
    except RegistrationError as error:
        _refuse(text, str(error))


def _read_hint(text: str, part: str) -> QueryHint:
    if not part:
        _refuse(text, "a hint is missing after '?' or '&'; hints look like '?q&page:int'")
    return QueryHint(*_read_typed(text, part))


def _check_unique(text: str, names: list[str]) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            _refuse(text, f"the name {name!r} is used twice; give each parameter a name of its own")


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(map(repr, names))
