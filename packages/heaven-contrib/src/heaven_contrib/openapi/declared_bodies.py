"""The parameters of a signature that come with the body of a request: one that is all of it, or fields of a form."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from heaven import Upload
from heaven_contrib.openapi.declared_fields import field_of
from heaven_contrib.openapi.facts import Body, Field
from heaven_contrib.openapi.schemas import SentFile
from heaven_contrib.routing.binding.annotations import bare, holds, members
from heaven_contrib.routing.binding.choosing import is_whole
from heaven_contrib.routing.binding.forms import form_fields
from heaven_contrib.routing.binding.models import aliases_of
from heaven_contrib.routing.binding.parameters import IN_BODY

if TYPE_CHECKING:
    from heaven_contrib.routing.binding.parameters import Parameter

JSON: Final = "application/json"
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"


_FILES: Final = dict[str, SentFile]
"""Files, each in a field of whatever name."""


def body_of(parameters: Iterable[Parameter]) -> Body | None:
    """The body that these parameters read, or None where none does."""
    readers = [each for each in parameters if each.source in IN_BODY]
    if not readers:
        return None
    said = next((each.marker.media_type for each in readers if each.marker and each.marker.media_type), None)
    whole = next(filter(is_whole, readers), None)
    if whole is not None:
        return _whole(whole, said)
    files = any(each.source == "file" or holds(each.annotation, Upload) for each in readers)
    fields = [field_of(each, each.alias, "query") for each in readers]
    return Body(
        form=said or (MULTIPART if files else URLENCODED),
        fields={each.name: replace(each, annotation=_as_sent(each.annotation)) for each in fields},
        required=any(each.required for each in readers),
    )


def described_body(content: Mapping[str, Any]) -> Body:
    """The body of a core route that reads it by itself, as `describe` was told of it.

    Args:
        content: types by media type; files stand in them as `Upload`.
    """
    sent = {said: _as_form(annotation) for said, annotation in content.items()}
    forms = {said: fields for said, annotation in sent.items() if (fields := _fields_with_files(annotation))}
    form, fields = next(iter(forms.items()), (MULTIPART, dict[str, Field]()))
    return Body(content={said: each for said, each in sent.items() if said not in forms}, form=form, fields=fields)


def can_be_malformed(parameters: Iterable[Parameter]) -> bool:
    """Whether a body may be refused for its syntax, or for its Content-Type: all but bytes of whatever kind."""
    return any(each.source in IN_BODY and not _takes_bytes(each) for each in parameters)


def _takes_bytes(parameter: Parameter) -> bool:
    said = parameter.marker.media_type if parameter.marker is not None else None
    return parameter.source == "body" and _kind(parameter) in (bytes, Any, object) and said is None


def _kind(parameter: Parameter) -> Any:
    """The type of a body without Annotated and None."""
    kinds = [bare(each) for each in members(parameter.annotation) if each not in (None, NoneType)]
    return kinds[0] if len(kinds) == 1 else None


def _whole(parameter: Parameter, said: str | None) -> Body:
    """A body that is one value."""
    description = parameter.marker.description if parameter.marker is not None else None
    known: dict[str, Any] = {"required": parameter.required, "description": description}
    kind, annotation = _kind(parameter), parameter.annotation
    if parameter.source != "body" or said in (URLENCODED, MULTIPART) or holds(annotation, Upload):
        if kind is Upload or get_origin(kind) in (list, tuple, set, frozenset):
            return Body(content={said or MULTIPART: _FILES}, **known)
        fields = _fields_with_files(kind)
        if fields:
            return Body(form=said or MULTIPART, fields=fields, **known)
        shape = _as_sent(annotation)
        kinds = (MULTIPART,) if parameter.source == "file" or shape is not annotation else (URLENCODED, MULTIPART)
        return Body(content=dict.fromkeys((said,) if said is not None else kinds, shape), **known)
    return Body(content=_content(kind, annotation, said), **known)


def _content(kind: Any, annotation: Any, said: str | None) -> Mapping[str, Any]:
    """The types of a body that is no form, or any."""
    if kind is bytes:
        return {said or "application/octet-stream": Any}
    if kind is str:
        return {said or "text/plain": annotation}
    if said is None and annotation in (Any, object):
        return {"*/*": Any}
    if said is None and (get_origin(kind) or kind) in (dict, Mapping) and get_args(kind) in ((), (str, Any)):
        return dict.fromkeys((JSON, URLENCODED, MULTIPART), annotation)
    return {said or JSON: annotation}


def _fields_with_files(kind: Any) -> dict[str, Field]:
    """The fields of a class that has some for files; none of a class that has not, whose schema says all."""
    fields = {each.name: each for each in _fields_of(kind)} if inspect.isclass(kind) and kind is not Upload else {}
    if not any(holds(each.annotation, Upload) for each in fields.values()):
        return {}
    return {name: replace(each, annotation=_as_sent(each.annotation)) for name, each in fields.items()}


def _fields_of(kind: Any) -> Iterator[Field]:
    """The fields of a class by the names that they have in a form."""
    models: Mapping[str, Any] = getattr(kind, "model_fields", {})  # of pydantic
    hints = get_type_hints(kind, include_extras=True) if models else {}
    for name, each in models.items():
        alias = next(iter(aliases_of(each)), name)
        yield Field(name=alias, place="query", annotation=hints[name], required=each.is_required())
    for known in () if models else form_fields(kind) or ():
        yield Field(name=known.alias, place="query", annotation=known.annotation, required=known.required)


def _as_form(annotation: Any) -> Any:
    """The type of a form that is told of as a whole; files that are all there is to it have names of their own."""
    return _FILES if annotation is Upload else _as_sent(annotation)


def _as_sent(annotation: Any) -> Any:
    """The type with what a client sends for a file in the place of Upload."""
    if annotation is Upload:
        return SentFile
    if not holds(annotation, Upload):
        return annotation
    origin, (first, *rest) = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(_as_sent(first), *rest)]
    kinds = tuple(map(_as_sent, (first, *rest)))
    return Union[kinds] if origin in (Union, UnionType) else origin[kinds]  # noqa: UP007 (known at run time alone)


__all__ = ["body_of", "can_be_malformed", "described_body"]
