"""Bodies of pydantic's models, where an application uses them; pydantic is never imported for one that doesn't."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import get_annotations
from typing import Annotated, Any

from heaven import Request, Upload
from heaven.bodies.faults import MOST_FAULTS
from heaven.errors import BadRequest, ValidationError
from heaven_contrib.routing.binding.annotations import holds, metadata_within, within, written
from heaven_contrib.routing.binding.bodies import MISSING_BODY

_NO_JSON = (b"NaN", b"Infinity")
"""Literals that pydantic reads, and RFC 8259 has no place for."""


def has_model(annotation: Any) -> bool:
    """Whether a type is written with something that pydantic alone reads: a model, `EmailStr`, `Field(gt=0)`.

    Example:
        >>> has_model(list[int])
        False
    """
    kinds = any(
        hasattr(each, "__pydantic_core_schema__") or hasattr(each, "__get_pydantic_core_schema__")
        for each in within(annotation)
    )
    return kinds or any(_root(each) in ("annotated_types", "pydantic") for each in metadata_within(annotation))


def _root(value: object) -> str:
    return type(value).__module__.partition(".")[0]


class Model:
    """Lives with the route: what a type with pydantic's models in it takes.

    Args:
        annotation: the type.
        constraints: limits of the value as a whole, as for `pydantic.Field`.

    Raises:
        TypeError: pydantic can't read the type.
    """

    __slots__ = ("_adapter", "_errors")

    def __init__(self, annotation: Any, constraints: Mapping[str, Any]) -> None:
        pydantic = import_module("pydantic")  # whoever has made a model has imported it already
        limited = Annotated[annotation, pydantic.Field(**constraints)] if constraints else annotation
        try:
            self._adapter: Any = pydantic.TypeAdapter(limited)
            self._adapter.rebuild()  # else a name that is nowhere is told with the first request
        except (pydantic.errors.PydanticUserError, pydantic.errors.PydanticUndefinedAnnotation) as error:
            said = _FILES if _has_files(annotation) else error.message
            raise TypeError(f"pydantic can't read {written(annotation)}: {said}") from error
        self._errors: type[Exception] = pydantic.ValidationError

    def read_json(self, req: Request) -> Any:
        """The value of a JSON body.

        Raises:
            ValidationError: 422, with every fault.
            BadRequest: 400, it is no JSON.
            UnsupportedMediaType: 415, its Content-Type is another.
        """
        if not req.body:
            raise ValidationError([MISSING_BODY])
        req.require_json()
        if any(word in req.body for word in _NO_JSON):
            _ = req.json
        try:
            return self._adapter.validate_json(req.body)
        except self._errors as error:
            _ = req.json  # what is malformed or compressed is refused as that, in the words of all other bodies
            refusal = _refusal(error)
            if refusal.errors[0]["type"] == "json":
                raise BadRequest("JSON is nested too deeply, or holds a text that is no Unicode") from None
            raise refusal from None

    def read_fields(self, values: Mapping[str, Any]) -> Any:
        """The value of a form's fields.

        Raises:
            ValidationError: 422, with every fault.
        """
        try:
            return self._adapter.validate_python(values)
        except self._errors as error:
            raise _refusal(error) from None


_FILES = "it has a field for a heaven.Upload, which is no model; write pydantic.InstanceOf[Upload] there"


def _has_files(annotation: Any) -> bool:
    """Whether a model within the type has a field that is an Upload, as it was written."""
    models = [each for each in within(annotation) if isinstance(each, type)]
    return any(holds(hint, Upload) for each in models for hint in get_annotations(each).values())


def aliases_of(field: Any) -> tuple[str, ...]:
    """The names that a field of a pydantic model is read by beside its own, in the order in which they are tried."""
    said = getattr(field.validation_alias, "choices", (field.validation_alias,))
    return tuple(each for each in said if isinstance(each, str))


def _refusal(error: Any) -> ValidationError:
    """The 422 of what pydantic says; of a hostile body with a million faults only the first are told."""
    told = error.errors(include_url=False, include_input=False)
    detail = f"These are the first {MOST_FAULTS} faults; there are more." if len(told) > MOST_FAULTS else None
    return ValidationError([_fault(each) for each in told[:MOST_FAULTS]], detail)


def _fault(told: Mapping[str, Any]) -> dict[str, Any]:
    loc, message, kind = ["body", *told["loc"]], told["msg"], told["type"]
    if kind.startswith("union_tag_"):  # of the whole object, and quoting what the client had sent
        field = told["ctx"]["discriminator"]
        if field.startswith("'"):
            loc.append(field.strip("'"))
        if kind == "union_tag_not_found":
            message, kind = "Field required", "missing"
        else:
            message = f"Expected one of {told['ctx']['expected_tags']}"
    return {"loc": loc, "msg": message, "type": _type(kind)}


def _type(kind: str) -> str:
    if kind in ("missing", "json_invalid"):
        return kind.removesuffix("_invalid")
    return "type" if kind.endswith(("_type", "_parsing")) else "value"
