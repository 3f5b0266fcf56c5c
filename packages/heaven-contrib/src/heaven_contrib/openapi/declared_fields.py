"""The parameters of a signature that come with the URL and the head of a request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from heaven_contrib.openapi.core_routes import path_fields
from heaven_contrib.openapi.facts import Field, Place
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
        if place == "path" and template is not None:
            field = field_of(each, template.names.get(each.alias, each.alias), "path")
            path[field.name] = field
        elif place is not None and (each.marker is None or each.marker.include_in_schema):
            others.setdefault((place, each.alias.lower()), field_of(each, each.alias, place))
    return (*path.values(), *others.values())


def field_of(parameter: Parameter, name: str, place: Place) -> Field:
    """One parameter as a field.

    Args:
        parameter: as the signature has it.
        name: what the document calls it.
        place: where it comes from.
    """
    marker = parameter.marker
    known = {} if parameter.required else {"default": parameter.default}
    if marker is None:
        return Field(name=name, place=place, annotation=parameter.annotation, required=parameter.required, **known)
    return Field(
        name=name,
        place=place,
        annotation=parameter.annotation,
        required=parameter.required,
        title=marker.title,
        description=marker.description,
        examples=tuple(marker.examples or ()),
        deprecated=marker.deprecated,
        **known,
    )


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
