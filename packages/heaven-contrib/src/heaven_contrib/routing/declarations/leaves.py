"""What a Gateway comes to: one handler at one path, with the levels that the Gateway knows of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heaven_contrib.routing.declarations.declaration import AnyHandler
from heaven_contrib.routing.declarations.immutable import Immutable
from heaven_contrib.routing.levels.level import Level

if TYPE_CHECKING:
    from heaven_contrib.routing.declarations.views import APIView


class Leaf(Immutable):
    """One handler at one path.

    Args:
        path: the core's pattern, of Gateway, view and handler joined; `""` for the root.
        handler: the handler.
        view: its class, where it is a method of one.
        levels: of the Gateway, the view and the handler, the outermost first.
        name: for `path_for`, and for the documentation.
        explicit_name: whether somebody chose the name; others are those of functions.
        operation_id: what the documentation calls it; None follows from name and path.
        place: where the Gateway was written, `file:line`.
    """

    __slots__ = ("explicit_name", "handler", "levels", "name", "operation_id", "path", "place", "view")

    # Written out, since type checkers take a field of a dataclass that has a __get__ for a method.
    def __init__(
        self,
        *,
        path: str,
        handler: AnyHandler,
        view: type[APIView] | None,
        levels: tuple[Level, ...],
        name: str,
        explicit_name: bool,
        operation_id: str | None,
        place: str,
    ) -> None:
        self.path: str = path
        self.handler: AnyHandler = handler
        self.view: type[APIView] | None = view
        self.levels: tuple[Level, ...] = levels
        self.name: str = name
        self.explicit_name: bool = explicit_name
        self.operation_id: str | None = operation_id
        self.place: str = place


__all__ = ["Leaf"]
