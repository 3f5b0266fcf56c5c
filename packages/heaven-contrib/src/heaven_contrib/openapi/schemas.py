"""The schemas of all types that a document names, made together, so that each class has one place and one name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from math import isfinite
from typing import Any, Final, Literal, TypeAlias, cast, get_args

import msgspec

from heaven.callables import name_of
from heaven.errors import RegistrationError

Use: TypeAlias = Literal["validation", "serialization"]
"""Whether a client sends the value or gets it; pydantic's words for its two kinds of schemas."""

REFERENCE: Final = "#/components/schemas/"


class SentFile:
    """Stands in a type for a file that a client sends: what a handler gets for it, an Upload, has no schema."""


_FILE: Final[Mapping[str, Any]] = {
    "type": "string",
    "format": "binary",  # as OpenAPI 3.0 had it; 3.1 has the next line, and tools know one or the other
    "contentMediaType": "application/octet-stream",
}


_REFUSALS: Final = (TypeError, ValueError, NameError, AttributeError)
"""What msgspec raises for a type that it does not know, or can't resolve."""
_VALUES: Final = frozenset(("const", "default", "enum", "example", "examples"))
"""The words of a schema whose values are no schemas."""
_TYPE_NAMES: Final = ((str, "string"), (int, "integer"))


class Schemas:
    """Lives while one document is made: types are asked for one by one, and `components` fills in all answers.

    Example:
        >>> class Tea(msgspec.Struct):
        ...     name: str
        >>> schemas = Schemas()
        >>> asked = schemas.of(list[Tea], "GET /teas", "serialization")
        >>> sorted(schemas.components())
        ['Tea']
        >>> asked
        {'type': 'array', 'items': {'$ref': '#/components/schemas/Tea'}}
    """

    def __init__(self) -> None:
        self._plain: list[_Asked] = []
        self._pydantic: list[_Asked] = []

    def of(self, annotation: Any, where: str, use: Use) -> dict[str, Any]:
        """The schema of a type: a dict that is empty until `components` was called.

        Args:
            annotation: what msgspec or, where it is installed, pydantic knows.
            where: which route says so, for messages.
            use: whether a client sends it or gets it.
        """
        asked = _Asked(Any if annotation is object else annotation, where, use)
        (self._pydantic if any(map(_is_pydantic, _leaves(annotation))) else self._plain).append(asked)
        return asked.schema

    def components(self) -> dict[str, Any]:
        """The schemas of all classes by name, for `components.schemas`.

        Raises:
            RegistrationError: a type has no schema; the message names it and the route.
        """
        inside: dict[type, dict[str, Any]] = {}
        components = self._written(inside)
        adapted = [*self._pydantic, *self._models(inside)]
        if adapted:
            models = _pydantic_schemas(adapted, components)
            inside.update((asked.annotation, asked.schema) for asked in adapted[len(self._pydantic) :])
            components = {**self._written(inside), **models}
        return components

    def _models(self, inside: Iterable[type]) -> Iterator[_Asked]:
        """The models inside of msgspec's types; those that clients send as well as get are as they send them."""
        sent: set[type] = set()
        if inside:

            def note(kind: type) -> dict[str, Any]:
                sent.add(kind)
                return _titled(kind)

            _generated([asked.annotation for asked in self._plain if asked.use == "validation"], note)
        for kind in inside:
            yield _Asked(kind, kind.__qualname__, "validation" if kind in sent else "serialization")

    def _written(self, inside: dict[type, dict[str, Any]]) -> dict[str, Any]:
        """What msgspec says; pydantic models inside its types are noted in `inside`, and taken from there."""

        def foreign(kind: type) -> dict[str, Any]:
            if kind is SentFile:
                return dict(_FILE)
            known = inside.setdefault(kind, {}) if _is_pydantic(kind) else {}
            return known or _titled(kind)

        try:
            schemas, components = _generated([asked.annotation for asked in self._plain], foreign)
        except _REFUSALS as error:
            culprit = next(asked for asked in self._plain if not _has_schema(asked.annotation))
            raise _without_schema(culprit, error) from error
        except KeyError as error:  # msgspec's: of several classes of one name in one place it knows the last
            raise _two_of_one_name(error.args[0]) from None
        for asked, schema in zip(self._plain, schemas, strict=True):
            asked.schema.update(_typed(schema))
        return {name: _typed(schema) for name, schema in components.items()}


class _Asked:
    """One type that was asked for, and the dict that was given out for it."""

    __slots__ = ("annotation", "schema", "use", "where")

    def __init__(self, annotation: Any, where: str, use: Use) -> None:
        self.annotation = annotation
        self.where = where
        self.use: Use = use
        self.schema: dict[str, Any] = {}


def _generated(annotations: list[Any], foreign: Any) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    return msgspec.json.schema_components(annotations, schema_hook=foreign, ref_template=REFERENCE + "{name}")


def _titled(kind: type) -> dict[str, Any]:
    """The schema of a class that nobody knows: anything; msgspec would take an empty one for none."""
    return {"title": kind.__name__}


def _has_schema(annotation: Any) -> bool:
    try:
        _generated([annotation], _titled)
    except _REFUSALS:
        return False
    return True


def _without_schema(asked: _Asked, error: Exception) -> RegistrationError:
    return RegistrationError(
        f"OpenAPI has no schema for {asked.annotation!r} of {asked.where}: {error}; "
        "use a msgspec.Struct, a dataclass, a TypedDict, a pydantic model or plain types"
    )


def _two_of_one_name(kind: Any) -> RegistrationError:
    return RegistrationError(
        f"OpenAPI was given two classes that are both {name_of(kind)}, and can't tell them apart; give them names of "
        "their own, as with msgspec.defstruct(name, ...) where a function makes them"
    )


def _leaves(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _leaves(argument)


def _is_pydantic(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "__pydantic_core_schema__")


def _typed(schema: Any) -> Any:
    """The schema, with a type beside each enumeration of text or whole numbers: generated clients look for one.

    A default that the schema itself refuses, None of an `int` above all, is left out: validators refuse such documents.
    """
    if isinstance(schema, list):
        return [_typed(each) for each in schema]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(schema, dict):
        return schema
    said: dict[str, Any] = {
        name: each if name in _VALUES else _typed(each)
        for name, each in schema.items()  # pyright: ignore[reportUnknownVariableType]
    }
    if _is_misfit(said):
        del said["default"]
    values: Any = said.get("enum")
    if isinstance(values, list) and "type" not in said:
        kinds = set(map(type, cast("list[object]", values)))
        found = next((name for kind, name in _TYPE_NAMES if kinds == {kind}), None)
        return said if found is None else {"type": found, **said}
    return said


def _is_misfit(schema: Mapping[str, Any]) -> bool:
    """Whether the default is null, as NaN and infinity are in JSON, and the schema is that of something else."""
    value = schema.get("default", 0)
    is_null = value is None or (isinstance(value, float) and not isfinite(value))
    return is_null and ("$ref" in schema or schema.get("type", "null") != "null")


def _pydantic_schemas(adapted: list[_Asked], taken: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas of pydantic's types, with names of their own where msgspec's classes have theirs already."""
    pydantic: Any = import_module("pydantic")  # who has a model has imported it
    adapters: list[tuple[int, Use, Any]] = []
    for index, asked in enumerate(adapted):
        try:
            adapter = pydantic.TypeAdapter(asked.annotation)
            adapter.json_schema(mode=asked.use)
        except pydantic.errors.PydanticUserError as error:
            raise _without_schema(asked, error) from error
        adapters.append((index, asked.use, adapter))
    prefix = ""
    generate: Any = pydantic.TypeAdapter.json_schemas
    found, rest = generate(adapters, ref_template=REFERENCE + "{model}")
    if any(name in taken for name in rest.get("$defs", {})):
        prefix = "pydantic."
        found, rest = generate(adapters, ref_template=REFERENCE + prefix + "{model}")
    for index, asked in enumerate(adapted):
        asked.schema.update(_typed(found[index, asked.use]))
    return {prefix + name: _typed(schema) for name, schema in rest.get("$defs", {}).items()}


__all__ = ["REFERENCE", "Schemas", "SentFile", "Use"]
