"""From URL patterns to path templates, of which a document may have each shape once (OpenAPI 3.1 4.8.8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

from msgspec import Meta

from heaven_contrib.openapi.facts import Field

if TYPE_CHECKING:
    from heaven.routing.converters import Converter
    from heaven.routing.patterns import Pattern
    from heaven.serving.wiring import Entry

DATETIME: Final[Any] = Annotated[datetime, Meta(extra_json_schema={"format": "date-time"})]
"""A time in a URL: msgspec names the format of those alone that must have a time zone."""

_Text = Annotated[str, Meta(min_length=1)]
_TYPES: Final[dict[str, Any]] = {
    "str": _Text,
    "path": _Text,
    "int": int,
    "float": float,
    "bool": bool,
    "date": date,
    "datetime": DATETIME,
    "uuid": UUID,
}
_ANY_TEXT: Final = frozenset(("str", "path"))


def type_of(converter: Converter | None) -> Any:
    """The type of a parameter in a URL, for its schema; None stands for the rest of a path.

    Example:
        >>> from heaven.routing.converters import CONVERTERS
        >>> type_of(CONVERTERS["int"])
        <class 'int'>
    """
    return _TYPES.get(converter.name, str) if converter is not None else _Text


def takes_any_text(pattern: Pattern) -> bool:
    """Whether no text in place of its parameters is a 404.

    Example:
        >>> from heaven.routing.patterns import parse_pattern
        >>> takes_any_text(parse_pattern("/users/:name")), takes_any_text(parse_pattern("/users/:id:int"))
        (True, False)
    """
    return all(each.converter is None or each.converter.name in _ANY_TEXT for each in pattern.segments)


@dataclass(frozen=True, slots=True)
class Template:
    """A path as a document spells it, with its parameters in order: what the route calls each, and the document."""

    text: str
    names: dict[str, str]
    converters: dict[str, Converter | None]


@dataclass(slots=True)
class Templates:
    """Lives while one document is made: two patterns that differ in the names of parameters alone get one template.

    Example:
        >>> from heaven.routing.patterns import parse_pattern
        >>> templates = Templates()
        >>> templates.of(parse_pattern("/orders/:id:int")).text
        '/orders/{id}'
        >>> again = templates.of(parse_pattern("/orders/:order:int/"))
        >>> again.text, templates.of(parse_pattern("/orders/:order")).names
        ('/orders/{id}/', {'order': 'id'})
    """

    _known: dict[tuple[str | None, ...], tuple[str, ...]] = field(default_factory=dict[Any, Any])

    def of(self, pattern: Pattern) -> Template:
        """The template of a pattern."""
        shape = tuple(None if each.name is not None else each.text for each in pattern.segments)
        shape = shape if pattern.rest is None else (*shape, None)
        names = self._known.setdefault(shape, _spelled(pattern.names))
        waiting = iter(names)
        parts = [literal if literal is not None else f"{{{next(waiting)}}}" for literal in shape]
        text = "/" + "/".join(parts) + ("/" if pattern.trailing_slash else "")
        kinds: dict[str, Converter | None] = {
            each.name: each.converter for each in pattern.segments if each.name is not None
        }
        if pattern.rest is not None:
            kinds[pattern.rest] = None
        return Template(text, dict(zip(pattern.names, names, strict=True)), kinds)


def _spelled(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of parameters as they stand between braces: a star is called `path`."""
    star = next(name for name in ("path", "rest", "path_") if name not in names)
    return tuple(star if name == "*" else name for name in names)


def path_fields(template: Template) -> tuple[Field, ...]:
    """The parameters of a path, by what its converters take."""
    return tuple(
        Field(name=spelled, place="path", annotation=type_of(template.converters[name]), required=True)
        for name, spelled in template.names.items()
    )


def servers_of(entry: Entry, domain: str | None) -> tuple[dict[str, Any], ...]:
    """The servers of a route that is not found at every host, as far as their names are known.

    Args:
        entry: its line of the wiring.
        domain: the domain whose subdomains count, where the application was told.
    """
    if entry.host is not None:
        variables = {name: {"default": name} for name in entry.host.names}
        return ({"url": f"//{entry.host.text}", **({"variables": variables} if variables else {})},)
    if entry.subdomain not in (None, "*") and domain is not None:
        return ({"url": f"//{entry.subdomain}.{domain}"},)
    return ()


__all__ = ["DATETIME", "Template", "Templates", "path_fields", "servers_of", "takes_any_text", "type_of"]
