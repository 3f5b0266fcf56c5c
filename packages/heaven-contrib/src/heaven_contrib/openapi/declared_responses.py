"""What a declared handler answers with when all goes well, by the annotation of what it returns."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from types import NoneType
from typing import TYPE_CHECKING, Any, Union, get_origin

import heaven
from heaven_contrib.openapi.below_levels import headers_of
from heaven_contrib.openapi.descriptions import OpenAPIResponse
from heaven_contrib.routing.binding.annotations import members
from heaven_contrib.routing.responding.responses import (
    EventStreamResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)

if TYPE_CHECKING:
    from heaven_contrib.routing.serving.documented import Documented

_OCTETS = "application/octet-stream"


def success_of(documented: Documented, *, has_body: bool) -> tuple[int, OpenAPIResponse]:
    """The status and answer of a handler.

    Args:
        documented: what is known of its route.
        has_body: whether answers to its method have one.
    """
    status, headers = documented.status_code, headers_of(documented) or None
    kinds = [each for each in members(documented.returns) if each not in (None, NoneType)]
    said = [each for each in kinds if isinstance(each, type) and issubclass(each, Response)]
    if said and issubclass(said[0], RedirectResponse) and not 300 <= status < 400:
        status = 307
    if not has_body or not kinds or status in (204, 304):
        return status, OpenAPIResponse(headers=headers)
    values = [each for each in kinds if each not in said and each is not heaven.Response]
    media_type = documented.media_type
    if not values:
        return status, OpenAPIResponse(headers=headers, media_type=media_type or _media_type(said))
    if any(_is_streamed(each) or each is bytes for each in values):
        return status, OpenAPIResponse(headers=headers, media_type=media_type or _OCTETS)
    return status, OpenAPIResponse(Union[tuple(values)], headers=headers, media_type=media_type)  # noqa: UP007 (known at run time alone)


def _media_type(said: list[type[Response]]) -> str | None:
    """The media type of a class of responses; None where each of them says it for itself."""
    if said and issubclass(said[0], EventStreamResponse):
        return "text/event-stream"
    if said and issubclass(said[0], StreamingResponse):
        return said[0].media_type or _OCTETS
    return said[0].media_type if said else None


def _is_streamed(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, AsyncIterable | Iterator)


__all__ = ["success_of"]
