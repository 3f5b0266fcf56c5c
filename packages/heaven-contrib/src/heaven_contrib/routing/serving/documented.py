"""What documentation says of a declared route: all that its levels, signature and dependencies come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heaven_contrib.routing.binding.extraction import Parameter
    from heaven_contrib.routing.responding.cookies import Cookie
    from heaven_contrib.routing.responding.headers import ResponseHeader


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Documented:
    """One declared route, as documentation needs it.

    `parameters` are those of the handler and of its dependencies, whatever their source. `returns` is the annotation of
    the handler's result. `guarded`: permissions may refuse it.
    """

    name: str
    operation_id: str | None
    summary: str | None
    description: str | None
    tags: tuple[str, ...]
    deprecated: bool
    security: tuple[Mapping[str, tuple[str, ...]], ...]
    include_in_schema: bool
    parameters: tuple[Parameter, ...]
    returns: Any
    status_code: int
    media_type: str | None
    responses: Mapping[int, Any]
    response_headers: Mapping[str, ResponseHeader]
    response_cookies: tuple[Cookie, ...]
    guarded: bool
    handler: Callable[..., Any]
