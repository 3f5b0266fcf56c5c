"""Where each parameter of a function comes from: settled by its name, the route and its marker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from heaven_contrib.routing.binding.params import Marker

Source: TypeAlias = Literal["path", "query", "header", "cookie", "form", "file", "body", "reserved", "dependency"]

IN_BODY: Final = frozenset(("body", "form", "file"))
"""The sources that need a body to be read."""

AS_TEXT: Final = frozenset(("path", "query", "header", "cookie", "form", "file"))
"""The sources whose values are looked up by name, one text or file each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a function, and what its value is made of.

    `alias` is the name on the wire. `annotation` is the type for msgspec, with the limits of the marker. `default`
    means nothing where `required` is true.
    """

    name: str
    source: Source
    alias: str
    annotation: Any
    required: bool
    default: Any
    marker: Marker | None
