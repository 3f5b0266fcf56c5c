"""What people say of a route for its documentation, where code alone can't tell."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

from heaven.callables import place_of, said_at
from heaven.errors import RegistrationError, reason_phrase
from heaven_contrib.openapi.problems import PROBLEM_JSON, Problem

F = TypeVar("F", bound=Callable[..., Any])

FOLDER: Final = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - as said_at compares it
_ATTRIBUTE: Final = "__openapi__"


@dataclass(frozen=True, slots=True)
class OpenAPIResponse:
    """One answer of a route: the type of its body, what it means, and its media type.

    Args:
        model: the type of the body; None for an answer without one, `typing.Any` for one that no type describes.
        description: when a client gets it; the status in words where it is left out.
        media_type: that of the body; left out it is JSON, and for a `Problem` a problem document.
        headers: header fields that come with it: what they mean, or a header object (OpenAPI 3.1 4.8.21).

    Example:
        >>> OpenAPIResponse(Problem, "The order was shipped already.").media_type
        'application/problem+json'
    """

    model: Any = None
    description: str | None = None
    media_type: str | None = None
    headers: Mapping[str, str | Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        if self.media_type is None and self.model is not None:
            is_problem = isinstance(self.model, type) and issubclass(self.model, Problem)
            object.__setattr__(self, "media_type", PROBLEM_JSON if is_problem else "application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What `describe` was given."""

    status: int | None
    responses: Mapping[int, OpenAPIResponse]
    body: Mapping[str, Any]
    summary: str | None
    description: str | None
    tags: tuple[str, ...]
    deprecated: bool
    security: tuple[Mapping[str, tuple[str, ...]], ...]
    operation_id: str | None
    include_in_schema: bool


def describe(
    *,
    status: int | None = None,
    responses: Mapping[int, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    summary: str | None = None,
    description: str | None = None,
    tags: Sequence[str] = (),
    deprecated: bool = False,
    security: Sequence[str | Mapping[str, Sequence[str]]] = (),
    operation_id: str | None = None,
    include_in_schema: bool = True,
) -> Callable[[F], F]:
    """Say of a core handler what its registration can't: it stays the function it is.

    Of BEFORE and AFTER hooks the responses and the security count, for every route they cover; of error handlers the
    responses, in place of the problem document that they replace.

    Args:
        status: that of the answer which `returns=` describes; 200 where it is left out.
        responses: other answers by status: a type, an `OpenAPIResponse`, a sentence, or None for no body.
        body: types by media type, of a body that is not JSON, as `{"multipart/form-data": Upload}`.
        summary: a few words; the name of the function where it is left out.
        description: Markdown; the docstring where it is left out.
        tags: what it is listed under.
        deprecated: clients should not begin to use it.
        security: the schemes that are asked for: `"api_key"`, or with scopes `{"oauth2": ["read"]}`; each is enough.
        operation_id: its name for generated clients.
        include_in_schema: False leaves it out.

    Raises:
        RegistrationError: what was said can't be documented.

    Example:
        >>> @describe(status=201, responses={409: Problem, 401: "The API key is missing."}, tags=["orders"])
        ... async def create(req, res, ctx):
        ...     '''Take an order.'''
        >>> description_of(create).status
        201
    """
    place = said_at(FOLDER)
    said = Description(
        status=status,
        responses=checked_responses(responses or {}, f"describe at {place}"),
        body=dict(body or {}),
        summary=summary,
        description=description,
        tags=tuple(tags),
        deprecated=deprecated,
        security=tuple(
            {each: ()} if isinstance(each, str) else {name: tuple(scopes) for name, scopes in each.items()}
            for each in security
        ),
        operation_id=operation_id,
        include_in_schema=include_in_schema,
    )

    def decorate(function: F) -> F:
        try:
            setattr(function, _ATTRIBUTE, said)
        except AttributeError:
            raise RegistrationError(
                f"describe at {place} got {function!r}, which keeps no attributes; "
                f"decorate the function itself, at {place_of(function)}"
            ) from None
        return function

    return decorate


_UNSAID: Final = Description(
    status=None,
    responses={},
    body={},
    summary=None,
    description=None,
    tags=(),
    deprecated=False,
    security=(),
    operation_id=None,
    include_in_schema=True,
)


def description_of(function: object) -> Description:
    """What `describe` said of a function; nothing where it was not used."""
    said = getattr(function, _ATTRIBUTE, _UNSAID)
    return said if isinstance(said, Description) else _UNSAID


def checked_responses(responses: Mapping[int, Any], where: str) -> dict[int, OpenAPIResponse]:
    """Answers by status, as `responses=` takes them.

    Args:
        responses: by status: a type, an `OpenAPIResponse`, a sentence, or None for no body.
        where: who says so, for messages.

    Raises:
        RegistrationError: a key is no status.

    Example:
        >>> checked_responses({304: None, 409: "It was shipped."}, "here")[409].description
        'It was shipped.'
        >>> checked_responses({"404": None}, "GET / at shop.py:7")
        Traceback (most recent call last):
        heaven.errors.RegistrationError: GET / at shop.py:7 has the response '404'; give statuses, as in {404: None}
    """
    checked: dict[int, OpenAPIResponse] = {}
    for status, said in responses.items():
        if not (type(status) is int or isinstance(status, HTTPStatus)) or not 100 <= status <= 599:
            raise RegistrationError(f"{where} has the response {status!r}; give statuses, as in {{404: None}}")
        checked[int(status)] = _response(int(status), said)
    return checked


def _response(status: int, said: Any) -> OpenAPIResponse:
    if isinstance(said, OpenAPIResponse):
        return said
    if isinstance(said, str):
        return OpenAPIResponse(description=said)
    return OpenAPIResponse(said, reason_phrase(status))


__all__ = ["Description", "OpenAPIResponse", "checked_responses", "describe", "description_of"]
