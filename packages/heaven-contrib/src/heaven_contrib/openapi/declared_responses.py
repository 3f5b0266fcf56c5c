"""What a declared handler answers with when all goes well, by the annotation of what it returns."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Never, NoReturn, Union, get_origin

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
    from heaven_contrib.routing.serving.folding import Merged

_NOTHING: Final = (None, NoneType, Never, NoReturn)
"""What a handler returns that has no body, or never returns."""

_OCTETS = "application/octet-stream"


def success_of(documented: Documented, levels: Merged, *, has_body: bool) -> tuple[int, OpenAPIResponse]:
    """The status and answer of a handler.

    Args:
        documented: what is known of its route.
        levels: what its levels come to.
        has_body: whether answers to its method have one.
    """
    status, headers = documented.status_code, headers_of(levels) or None
    kinds = [each for each in members(documented.returns) if each not in _NOTHING]
    classes = [each for each in kinds if isinstance(each, type) and issubclass(each, Response)]
    values = [each for each in kinds if each not in classes and each is not heaven.Response]
    made = classes[0] if classes else levels.response_class if values else None
    redirects = made is not None and issubclass(made, RedirectResponse)
    if redirects and not 300 <= status < 400:
        status = 307
    if not has_body or not kinds or redirects or status in (204, 304):
        return status, OpenAPIResponse(headers=headers)
    # What a response says itself wins over its route, and the route over a class that is to make one.
    said = [_media_type(made), documented.media_type]
    media_type = next(filter(None, said if classes else reversed(said)), _unsaid(made))
    if not values:
        return status, OpenAPIResponse(headers=headers, media_type=media_type)
    if any(_is_streamed(each) or each is bytes for each in values):
        return status, OpenAPIResponse(headers=headers, media_type=media_type or _OCTETS)
    value: Any = Union[tuple(values)]  # noqa: UP007 (known at run time alone)
    return status, OpenAPIResponse(value, headers=headers, media_type=media_type)


def _media_type(made: type[Response] | None) -> str | None:
    """The media type of a class of responses; None where each of them says it for itself."""
    if made is None:
        return None
    if issubclass(made, EventStreamResponse):
        return "text/event-stream"
    return made.media_type


def _unsaid(made: type[Response] | None) -> str | None:
    """The media type where neither the response nor its route says one."""
    return _OCTETS if made is not None and issubclass(made, StreamingResponse) else None


def _is_streamed(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, AsyncIterable | Iterator)


__all__ = ["success_of"]
