"""Where each parameter comes from: reserved names, dependencies, the path, a marker, else the query string."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_origin

import msgspec

from heaven import Upload
from heaven.bodies.json import REFUSALS
from heaven.callables import name_of
from heaven.routing.converters import Converter
from heaven_contrib.routing.binding.annotations import PLAIN, constrained, holds, is_optional, members, written
from heaven_contrib.routing.binding.models import has_model
from heaven_contrib.routing.binding.parameters import AS_TEXT, IN_BODY, Parameter, Source
from heaven_contrib.routing.binding.reserved import BODIES, RESERVED
from heaven_contrib.routing.binding.signature import Declared, read
from heaven_contrib.routing.errors import ImproperlyConfigured

BODILESS: Final = ("GET", "HEAD", "OPTIONS", "TRACE")
"""The methods whose requests have no body that means anything (RFC 9110 9.3)."""

_FILES: Final[Any] = (Upload, Any, object, list, tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known about the place of a function: the path, the dependencies, and who calls it."""

    path: Mapping[str, Converter]
    dependencies: Collection[str]
    socket: bool
    methods: Collection[str]


def choose(function: Callable[..., Any], around: Surroundings, place: str) -> tuple[Parameter, ...]:
    """The parameters of a function with their sources.

    Args:
        function: what is going to be called.
        around: the place it is called at.
        place: where it was written, `file:line`.

    Raises:
        ImproperlyConfigured: a parameter can't come from there, or two of them exclude each other.
    """
    who = f"{name_of(function)} at {place}"
    parameters = tuple(_chosen(each, around, who) for each in read(function, place))
    _check_bodies(parameters, around, who)
    _check_twice(parameters, who)
    return parameters


def _chosen(declared: Declared, around: Surroundings, who: str) -> Parameter:
    if declared.name == "self":
        raise ImproperlyConfigured(f"{who} takes self, and belongs to no object; write a function, or a view")
    who = f"{who}: the parameter {declared.name!r}"
    source = _source(declared, around, who)
    marker = declared.marker
    alias = (marker.alias if marker is not None else None) or declared.name
    if source == "header" and (marker is None or marker.alias is None):
        alias = alias.replace("_", "-")
    required, default = declared.required, declared.default
    if required and is_optional(declared.annotation):
        required, default = False, None
    parameter = Parameter(
        name=declared.name,
        source=source,
        alias=alias,
        annotation=_limited(declared),
        required=required or source == "path",
        default=default,
        marker=marker,
    )
    if source == "path":
        _check_path(parameter, around, who)
    if source in AS_TEXT and not is_whole(parameter):
        _check_text(parameter, who)
    return parameter


def _check_text(parameter: Parameter, who: str) -> None:
    """Refuse what text would never be: files, and limits that only pydantic looks at."""
    annotation, source = parameter.annotation, parameter.source
    if source != "file" and holds(annotation, Upload):
        raise ImproperlyConfigured(f"{who} is an Upload, and comes from the {source}; mark it with File()")
    if source == "file" and not any(holds(annotation, each) for each in _FILES):
        raise ImproperlyConfigured(
            f"{who} is a file, and is annotated with {written(annotation)}; a file is a heaven.Upload, "
            "whose body is its content"
        )
    if has_model(annotation):
        raise ImproperlyConfigured(
            f"{who} comes from the {source}, and pydantic alone reads {written(annotation)}; limits are options of "
            f"the marker, as in {source.capitalize()}(ge=1), and a body is called data or marked with Body()"
        )


def _limited(declared: Declared) -> Any:
    """The type with the marker's limits; those of a pydantic model are for pydantic."""
    if declared.marker is None or has_model(declared.annotation):
        return declared.annotation
    return constrained(declared.annotation, declared.marker.constraints)


def _source(declared: Declared, around: Surroundings, who: str) -> Source:
    name, marker = declared.name, declared.marker
    if name in RESERVED:
        _check_reserved(declared, around, who)
        return "reserved"
    if name in around.dependencies:
        if marker is not None:
            raise ImproperlyConfigured(f"{who} is a dependency, and is marked with {marker.word}; rename one of them")
        return "dependency"
    if name in BODIES:
        if marker is not None and marker.source not in IN_BODY:
            raise ImproperlyConfigured(
                f"{who} is the body, and is marked with {marker.word}; rename it, and keep the name as the alias"
            )
        return marker.source if marker is not None else "body"
    if name in around.path and marker is not None and marker.source != "path":
        raise ImproperlyConfigured(
            f"{who} is a parameter of the path, and is marked with {marker.word}; "
            "rename it, and keep the name as the alias"
        )
    if name in around.path:
        return "path"
    return marker.source if marker is not None else "query"


def _check_reserved(declared: Declared, around: Surroundings, who: str) -> None:
    given = RESERVED[declared.name][0]
    if declared.name == "socket" and not around.socket:
        raise ImproperlyConfigured(f"{who} is the WebSocket, and there is none; take request, or declare @websocket")
    if declared.marker is not None:
        cure = "rename it, and keep the name as the alias"
        raise ImproperlyConfigured(f"{who} is reserved for {given.__name__}, and is marked; {cure}")
    wanted = [get_origin(each) or each for each in members(declared.annotation)]
    if not any(each is Any or (isinstance(each, type) and issubclass(given, each)) for each in wanted):
        raise ImproperlyConfigured(
            f"{who} is reserved for {given.__name__}, and is annotated with {written(declared.annotation)}; "
            "leave the type out, or rename the parameter and give it a marker with that alias"
        )


def _check_path(parameter: Parameter, around: Surroundings, who: str) -> None:
    converter = around.path.get(parameter.alias)
    if converter is None:
        known = ", ".join(around.path) or "none"
        raise ImproperlyConfigured(
            f"{who} is marked with Path(), and the path has no parameter {parameter.alias!r}; it has {known}"
        )
    sample = converter.convert(converter.sample)
    if isinstance(sample, str):
        return
    try:
        msgspec.convert(sample, parameter.annotation, strict=False)
    except REFUSALS as error:
        if ", got `" in str(error):
            raise ImproperlyConfigured(
                f"{who} is converted to {type(sample).__name__} by the path, and is annotated with "
                f"{written(parameter.annotation)}; make them the same"
            ) from None
    except TypeError as error:
        raise ImproperlyConfigured(f"{who}: {error}") from error


def is_as_converted(parameter: Parameter, converter: Converter) -> bool:
    """Whether the path gives the value as it is wanted already, so that it is only looked up."""
    annotation = parameter.annotation
    sample = converter.convert(converter.sample)
    kinds = members(annotation) if get_origin(annotation) is not Annotated else ()
    if type(sample) in PLAIN:
        return type(sample) in kinds or Any in kinds or object in kinds
    return any(each is Any or (isinstance(each, type) and isinstance(sample, each)) for each in kinds)


def _check_bodies(parameters: tuple[Parameter, ...], around: Surroundings, who: str) -> None:
    readers = [each for each in parameters if each.source in IN_BODY]
    if not readers:
        return
    names = ", ".join(each.name for each in readers)
    if around.socket:
        raise ImproperlyConfigured(f"{who} takes {names} from a body; a WebSocket has none, so receive it as a message")
    bodiless = [method for method in BODILESS if method in around.methods]
    if bodiless:
        raise ImproperlyConfigured(
            f"{who} takes {names} from a body, which a {bodiless[0]} request has none of; use POST, or the query"
        )
    whole = [each.name for each in readers if is_whole(each)]
    if whole and len(readers) > 1:
        raise ImproperlyConfigured(
            f"{who} takes {names} from the body, and {whole[0]} is all of it; put the others into its type"
        )


def is_whole(parameter: Parameter) -> bool:
    """Whether a parameter is the whole body, and not one field of a form."""
    return parameter.source == "body" or (parameter.source in IN_BODY and parameter.name in BODIES)


def _check_twice(parameters: tuple[Parameter, ...], who: str) -> None:
    seen: dict[tuple[str, str], str] = {}
    for each in parameters:
        alias = each.alias.lower() if each.source == "header" else each.alias
        first = seen.setdefault((each.source, alias), each.name)
        if first != each.name:
            both = f"the parameters {first!r} and {each.name!r}"
            raise ImproperlyConfigured(f"{who}: {both} are both the {each.source} {each.alias!r}; leave one out")
