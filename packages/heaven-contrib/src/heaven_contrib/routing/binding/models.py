"""Bodies of pydantic's models, where an application uses them; pydantic is never imported for one that doesn't."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from heaven import Request
from heaven.bodies.json import decode_json
from heaven.errors import BadRequest, HTTPError, ValidationError
from heaven_contrib.routing.binding.annotations import within
from heaven_contrib.routing.binding.bodies import MISSING_BODY

_NO_JSON = (b"NaN", b"Infinity")
"""Literals that pydantic reads, and RFC 8259 has no place for."""


def has_model(annotation: Any) -> bool:
    """Whether a type is written with one of pydantic's: a model, or a dataclass of its own.

    Example:
        >>> has_model(list[int])
        False
    """
    return any(hasattr(each, "__pydantic_core_schema__") for each in within(annotation))


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
        from typing import Annotated

        limited = Annotated[annotation, pydantic.Field(**constraints)] if constraints else annotation
        try:
            self._adapter: Any = pydantic.TypeAdapter(limited)
        except pydantic.errors.PydanticUserError as error:
            raise TypeError(f"pydantic can't read {annotation}: {error.message}") from error
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
        try:
            if any(word in req.body for word in _NO_JSON):
                decode_json(req.body)
            return self._adapter.validate_json(req.body)
        except HTTPError:
            _ = req.json  # it refuses a body that is compressed, as what it is
            raise
        except self._errors as error:
            raise self._refusal(error, req) from None

    def read_fields(self, values: Mapping[str, Any]) -> Any:
        """The value of a form's fields.

        Raises:
            ValidationError: 422, with every fault.
        """
        try:
            return self._adapter.validate_python(values)
        except self._errors as error:
            raise ValidationError(_faults(error)) from None

    def _refusal(self, error: Exception, req: Request) -> HTTPError:
        faults = _faults(error)
        if faults[0]["type"] != "json":
            return ValidationError(faults)
        _ = req.json  # the same words for malformed JSON as everywhere
        return BadRequest("JSON is malformed")


def _faults(error: Any) -> list[dict[str, Any]]:
    told = error.errors(include_url=False, include_context=False, include_input=False)
    return [{"loc": ["body", *each["loc"]], "msg": each["msg"], "type": _type(each["type"])} for each in told]


def _type(kind: str) -> str:
    if kind in ("missing", "json_invalid"):
        return kind.removesuffix("_invalid")
    return "type" if kind.endswith(("_type", "_parsing")) else "value"
