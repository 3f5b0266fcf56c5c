"""A whole form as one value: a Struct, dataclass or model of its fields, a dict of them, or its files."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
from msgspec import UNSET

from heaven import Request, Upload
from heaven.bodies.faults import FaultFinder
from heaven.bodies.forms import Repeatable
from heaven.bodies.json import REFUSALS
from heaven.errors import ValidationError
from heaven_contrib.routing.binding.annotations import (
    bare,
    finite_checked,
    holds,
    is_finite,
    members,
    takes_many,
    without_uploads,
    written,
)
from heaven_contrib.routing.binding.bodies import MISSING_BODY, BodyReader, held_to
from heaven_contrib.routing.binding.models import Model, aliases_of, has_model
from heaven_contrib.routing.binding.parameters import Parameter
from heaven_contrib.routing.binding.texts import NOT_FINITE, Texts, fault, located


def form_reader(annotation: Any, constraints: Mapping[str, Any]) -> BodyReader:
    """What reads a form, urlencoded or multipart, as a value of a type.

    Args:
        annotation: a Struct, dataclass, TypedDict or pydantic model, whose fields are looked up by name; a dict of str,
            of lists, or of `Upload`; `Upload` or a list of them.
        constraints: limits of the value as a whole.

    Raises:
        TypeError: a form has no such value.

    Example:
        >>> form_reader(int, {})
        Traceback (most recent call last):
        TypeError: a form can't be read as int; give a Struct, a dataclass, a dict or Upload
    """
    kinds = [each for each in members(annotation) if each not in (None, type(None))]
    kind = bare(kinds[0]) if len(kinds) == 1 else annotation
    if has_model(kind):
        return _model(kind, constraints)
    origin = get_origin(kind) or kind
    if origin in (dict, Mapping, Any, object):
        return _mapping(kind, annotation)
    if kind is Upload:
        return _one_file
    if holds(kind, Upload) and takes_many(without_uploads(kind)):
        return lambda req: held_to(without_uploads(annotation), _files(req))
    fields = form_fields(kind)
    if fields is None:
        raise TypeError(f"a form can't be read as {written(annotation)}; give a Struct, a dataclass, a dict or Upload")
    return _made_of(kind, fields)


def _files(req: Request) -> list[Upload]:
    if not req.body:
        raise ValidationError([fault(["body"], "Missing required file")])
    return [upload for name in req.files for upload in req.files.getall(name)]


def _one_file(req: Request) -> Upload:
    """The file of a form, whatever its field is called."""
    files = _files(req)
    if len(files) != 1:
        message = "Expected one file" if files else "Missing required file"
        raise ValidationError([fault(["body"], message)])
    return files[0]


def _mapping(kind: Any, annotation: Any) -> BodyReader:
    values = (get_args(kind) or (str, Any))[1]
    many = takes_many(without_uploads(values))
    as_written = without_uploads(annotation)
    finder = FaultFinder(as_written, strict=False)
    finite = finite_checked(values)

    def read(req: Request) -> Any:
        if not req.body:
            raise ValidationError([MISSING_BODY])
        parts: list[Repeatable[Any]] = [req.files] if holds(values, Upload) else [req.form]
        if values is Any:
            parts.append(req.files)
        found = {name: part.getall(name) if many else part[name] for part in parts for name in part}
        if holds(values, Upload):
            return held_to(as_written, found, strict=False)  # files are no JSON, which the finder reads
        try:
            converted = msgspec.convert(found, as_written, strict=False)
        except REFUSALS as error:
            raise ValidationError(located(finder, found, error, ["body"])) from None
        infinite = [name for name, value in converted.items() if not is_finite(value)] if finite else []
        if infinite:
            raise ValidationError([fault(["body", name], NOT_FINITE) for name in infinite])
        return converted

    return read


def _model(kind: Any, constraints: Mapping[str, Any]) -> BodyReader:
    model = Model(kind, constraints)
    fields: Mapping[str, Any] = getattr(kind, "model_fields", {})
    many = {
        key
        for name, each in fields.items()
        if any(map(_is_collection, members(each.annotation)))
        for key in (name, *aliases_of(each))
    }

    def read(req: Request) -> Any:
        if not req.body:
            return model.read_fields({})
        parts: list[Repeatable[Any]] = [req.form, req.files]
        return model.read_fields(
            {name: part.getall(name) if name in many else part[name] for part in parts for name in part}
        )

    return read


def _is_collection(annotation: Any) -> bool:
    """Whether a model's field takes many values: a list, a set, a Sequence; text and mappings are one."""
    kind = bare(annotation)
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, Collection) and not issubclass(kind, str | bytes | Mapping)


def _made_of(kind: Any, fields: Sequence[Parameter]) -> BodyReader:
    texts = Texts(fields)
    known = {each.alias for each in fields}
    forbids = issubclass(kind, msgspec.Struct) and kind.__struct_config__.forbid_unknown_fields

    def read(req: Request) -> Any:
        unknown = [name for name in (*req.form, *req.files) if name not in known] if forbids and req.body else ()
        if unknown:
            faults = [fault(["body", name], "Unknown field") for name in unknown]
            raise ValidationError([*texts.faults(req), *faults])
        values = texts.read(req)
        try:
            return kind(**{name: value for name, value in values.items() if value is not UNSET})
        except (ValueError, TypeError) as error:  # what a __post_init__ says is for the client, as with JSON
            raise ValidationError([fault(["body"], str(error))]) from None

    return read


def form_fields(kind: Any) -> list[Parameter] | None:
    """The fields of a Struct, dataclass or TypedDict as parameters; None for all else.

    Example:
        >>> form_fields(msgspec.defstruct("Login", [("name", str)]))[0].alias
        'name'
    """
    if not hasattr(kind, "__mro__"):
        return None
    hints = get_type_hints(kind, include_extras=True)
    if issubclass(kind, msgspec.Struct):
        return [
            _field(each.name, hints[each.name], each.required, each.encode_name)
            for each in msgspec.structs.fields(kind)
        ]
    if dataclasses.is_dataclass(kind):
        told = (each for each in dataclasses.fields(kind) if each.init)
        return [_field(each.name, hints[each.name], _has_no_default(each)) for each in told]
    if is_typeddict(kind):
        required: frozenset[str] = getattr(kind, "__required_keys__", frozenset())
        return [_field(name, *_unqualified(hint, name in required)) for name, hint in hints.items()]
    return None


def _unqualified(annotation: Any, required: bool) -> tuple[Any, bool]:
    """The type of a field without Required and NotRequired, on either side of Annotated, and what these say.

    Where annotations are strings, the class itself does not know what they say.
    """
    if get_origin(annotation) in (Required, NotRequired):
        return _unqualified(get_args(annotation)[0], get_origin(annotation) is Required)
    if get_origin(annotation) is Annotated:
        first, *metadata = get_args(annotation)
        kind, required = _unqualified(first, required)
        return Annotated[(kind, *metadata)], required
    return annotation, required


def _has_no_default(each: dataclasses.Field[Any]) -> bool:
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING


def _field(name: str, annotation: Any, required: bool, alias: str | None = None) -> Parameter:
    return Parameter(
        name=name,
        source="file" if holds(annotation, Upload) else "form",
        alias=alias or name,
        annotation=annotation,
        required=required,
        default=UNSET,
        marker=None,
    )
