"""What is known of one route, whichever way it was declared; `operations` writes it down as OpenAPI has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import UNSET

from heaven_contrib.openapi.descriptions import OpenAPIResponse

if TYPE_CHECKING:
    from heaven.serving.recovery import Recovery

Place: TypeAlias = Literal["path", "query", "header", "cookie"]

ALWAYS: Final = frozenset((500,))
"""Every function can fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter: a part of the URL, or of the head of the request."""

    name: str
    place: Place
    annotation: Any
    required: bool
    default: Any = UNSET
    title: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] = ()
    deprecated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request brings: a type for each media type; `fields` are those of a `form` that were declared singly."""

    content: Mapping[str, Any] = field(default_factory=dict[str, Any])
    form: str = "application/x-www-form-urlencoded"
    fields: Mapping[str, Field] = field(default_factory=dict[str, Field])
    required: bool = True
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One operation, before it is written down.

    `servers` are those of a route that is not found at every host. `errors` are the statuses Heaven can answer with by
    itself; `recovery` knows who puts another answer in their place.
    """

    where: str
    name: str
    summary: str
    operation_id: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    security: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    fields: tuple[Field, ...] = ()
    body: Body | None = None
    responses: Mapping[int, OpenAPIResponse] = field(default_factory=dict[int, OpenAPIResponse])
    errors: frozenset[int] = ALWAYS
    recovery: Recovery | None = None
    servers: tuple[Mapping[str, Any], ...] = ()


__all__ = ["ALWAYS", "Body", "Facts", "Field", "Place"]
