"""The schemas of all types that a document names, made together, so that each class has one place and one name."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

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
        asked = _Asked(annotation, where, use)
        (self._pydantic if any(map(_is_pydantic, _leaves(annotation))) else self._plain).append(asked)
        return asked.schema

    def components(self) -> dict[str, Any]:
        """The schemas of all classes by name, for `components.schemas`.

        Raises:
            RegistrationError: a type has no schema; the message names it and the route.
        """
        inside: dict[type, dict[str, Any]] = {}
        components = self._written(inside)
        adapted = [*self._pydantic, *(_Asked(kind, kind.__qualname__, "validation") for kind in inside)]
        if adapted:
            models = _pydantic_schemas(adapted, components)
            inside.update((asked.annotation, asked.schema) for asked in adapted[len(self._pydantic) :])
            components = {**self._written(inside), **models}
        return components

    def _written(self, inside: dict[type, dict[str, Any]]) -> dict[str, Any]:
        """What msgspec says; pydantic models inside its types are noted in `inside`, and taken from there."""

        def foreign(kind: type) -> dict[str, Any]:
            if _is_pydantic(kind):
                return inside.setdefault(kind, {})
            return dict(_FILE) if kind is SentFile else {}

        try:
            schemas, components = _generated([asked.annotation for asked in self._plain], foreign)
        except (TypeError, ValueError, NameError, AttributeError):
            self._blame(foreign)
            raise
        for asked, schema in zip(self._plain, schemas, strict=True):
            asked.schema.update(schema)
        return components

    def _blame(self, foreign: Any) -> None:
        for asked in self._plain:
            try:
                _generated([asked.annotation], foreign)
            except (TypeError, ValueError, NameError, AttributeError) as error:
                raise RegistrationError(
                    f"OpenAPI has no schema for {asked.annotation!r} of {asked.where}: {error}; "
                    "use a msgspec.Struct, a dataclass, a TypedDict, a pydantic model or plain types"
                ) from error


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


def _leaves(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _leaves(argument)


def _is_pydantic(kind: Any) -> bool:
    pydantic: Any = sys.modules.get("pydantic")  # who has a model has imported it
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _pydantic_schemas(adapted: list[_Asked], taken: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas of pydantic's types, with names of their own where msgspec's classes have theirs already."""
    from pydantic import PydanticUserError, TypeAdapter  # whoever asks has imported it

    adapters: list[tuple[int, Use, TypeAdapter[Any]]] = []
    for index, asked in enumerate(adapted):
        try:
            adapters.append((index, asked.use, TypeAdapter(asked.annotation)))
        except PydanticUserError as error:
            raise RegistrationError(
                f"OpenAPI has no schema for {asked.annotation!r} of {asked.where}: {error}"
            ) from error
    prefix = ""
    found, rest = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE + "{model}")
    if any(name in taken for name in rest.get("$defs", {})):
        prefix = "pydantic."
        found, rest = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE + prefix + "{model}")
    for index, asked in enumerate(adapted):
        asked.schema.update(found[index, asked.use])
    return {prefix + name: schema for name, schema in rest.get("$defs", {}).items()}


__all__ = ["REFERENCE", "Schemas", "SentFile", "Use"]
