"""Errors as clients get them, and which of them a route can answer with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from heaven.errors import (
    BadRequest,
    BodyTooLarge,
    HTTPError,
    NotFound,
    UnsupportedMediaType,
    ValidationError,
    reason_phrase,
)

PROBLEM_JSON: Final = "application/problem+json"


class Problem(Struct):
    """What went wrong, as a problem document (RFC 9457)."""

    type: Annotated[str, Meta(description="A URI that stands for the kind of problem.")]
    title: Annotated[str, Meta(description="The status in words.")]
    status: Annotated[int, Meta(ge=400, le=599, description="The status of the response.")]
    detail: Annotated[str | UnsetType, Meta(description="What went wrong this time, for people.")] = UNSET


class Fault(Struct):
    """One value that can't be accepted."""

    loc: Annotated[list[str | int], Meta(description="Where it stands, from the outside in.")]
    msg: Annotated[str, Meta(description="What is wrong with it.")]
    type: Annotated[str | UnsetType, Meta(description="The kind of fault, for programs.")] = UNSET


class ValidationProblem(Problem, kw_only=True):
    """A request that is well-formed and has wrong values: all of them, as a problem document (RFC 9457)."""

    errors: Annotated[list[Fault], Meta(min_length=1, description="Everything that is wrong.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error that Heaven answers with by itself."""

    status: int
    name: str
    description: str
    raised: Callable[[], Exception]
    model: type[Problem] = Problem


def _refused(status: int, description: str, raised: Callable[[], Exception], model: type[Problem] = Problem) -> Refusal:
    name = reason_phrase(status).replace(" ", "")
    return Refusal(status=status, name=name, description=description, raised=raised, model=model)


REFUSALS: Final[Mapping[int, Refusal]] = MappingProxyType(
    {
        each.status: each
        for each in (
            _refused(400, "The request is malformed.", BadRequest),
            _refused(403, "A permission refused the request.", lambda: HTTPError(403)),
            _refused(404, "Nothing is there.", NotFound),
            _refused(413, "The body is larger than is accepted.", BodyTooLarge),
            _refused(415, "The Content-Type is not one that is read here.", UnsupportedMediaType),
            _refused(422, "Values of the request can't be accepted.", lambda: ValidationError([]), ValidationProblem),
            _refused(500, "The server failed.", Exception),
            _refused(503, "The server did not finish in time.", lambda: HTTPError(503)),
        )
    }
)
"""What can be answered before, around and after a handler, by status."""

__all__ = ["PROBLEM_JSON", "REFUSALS", "Fault", "Problem", "Refusal", "ValidationProblem"]
