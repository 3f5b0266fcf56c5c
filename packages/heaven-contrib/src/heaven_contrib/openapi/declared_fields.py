"""The parameters of a signature that come with the URL and the head of a request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_origin

from msgspec import UNSET

from heaven_contrib.openapi.facts import Field, Place
from heaven_contrib.openapi.paths import DATETIME, path_fields
from heaven_contrib.routing.binding.annotations import members
from heaven_contrib.routing.binding.choosing import is_as_converted

if TYPE_CHECKING:
    from heaven_contrib.openapi.paths import Template
    from heaven_contrib.routing.binding.parameters import Parameter

_PLACES: Final[dict[str, Place]] = {"path": "path", "query": "query", "header": "header", "cookie": "cookie"}
_ANY_TEXT: Final = (str, str | None)


def fields_of(parameters: Iterable[Parameter], template: Template | None) -> tuple[Field, ...]:
    """The fields of a route: all that its path has, and what its functions read besides.

    Args:
        parameters: those of the handler and of its dependencies.
        template: the path; None for a webhook.
    """
    path = {each.name: each for each in path_fields(template)} if template is not None else {}
    others: dict[tuple[str, str], Field] = {}
    for each in parameters:
        place = _PLACES.get(each.source)
        if place == "path":
            # A parameter of the host is none of the path's.
            if template is not None and each.alias in template.names:
                name = template.names[each.alias]
                path[name] = field_of(each, name, "path")
        elif place is not None and (each.marker is None or each.marker.include_in_schema):
            key = each.alias.lower() if place == "header" else each.alias
            field = field_of(each, each.alias, place)
            # Of several functions that read one thing the first tells of it, unless another can't do without.
            known = others.setdefault((place, key), field)
            if field.required and not known.required:
                others[place, key] = field
    return (*path.values(), *others.values())


def field_of(parameter: Parameter, name: str, place: Place) -> Field:
    """One parameter as a field.

    Args:
        parameter: as the signature has it.
        name: what the document calls it.
        place: where it comes from.
    """
    field = Field(
        name=name,
        place=place,
        annotation=_as_text(parameter.annotation),
        required=parameter.required,
        default=UNSET if parameter.required else parameter.default,
    )
    marker = parameter.marker
    if marker is None:
        return field
    return replace(
        field,
        title=marker.title,
        description=marker.description,
        examples=tuple(marker.examples or ()),
        deprecated=marker.deprecated,
    )


def _as_text(annotation: Any) -> Any:
    """The type without None, for which text has no form; of a datetime it says what clients have to send."""
    kinds = [DATETIME if each is datetime else each for each in members(annotation) if each not in (None, NoneType)]
    return annotation if get_origin(annotation) is Annotated or not kinds else Union[tuple(kinds)]  # noqa: UP007


def can_be_wrong(parameters: Iterable[Parameter], template: Template) -> bool:
    """Whether there are values that none of these takes, so that a request is answered with 422."""
    return any(_can_be_wrong(each, template) for each in parameters)


def _can_be_wrong(parameter: Parameter, template: Template) -> bool:
    if parameter.source in ("reserved", "dependency"):
        return False
    if parameter.source == "path":
        converter = template.converters.get(parameter.alias)
        return converter is not None and not is_as_converted(parameter, converter)
    return parameter.required or parameter.annotation not in _ANY_TEXT


__all__ = ["can_be_wrong", "field_of", "fields_of"]
