"""What documentation says of a declared route besides what its levels say: its signature and dependencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heaven_contrib.routing.binding.extraction import Parameter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Documented:
    """One declared route, as documentation needs it.

    `parameters` are those of the handler and of its dependencies, whatever their source. `returns` is the annotation of
    the handler's result.
    """

    name: str
    operation_id: str | None
    summary: str | None
    description: str | None
    parameters: tuple[Parameter, ...]
    returns: Any
    status_code: int
    media_type: str | None
    responses: Mapping[int, Any]
    handler: Callable[..., Any]
