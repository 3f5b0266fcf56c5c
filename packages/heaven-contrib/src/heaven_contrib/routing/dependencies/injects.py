"""The mark of a parameter that is a dependency and nothing else."""

from __future__ import annotations

from typing import Any, Final

NEEDED: Final[Any] = object()
"""The default of a dependency that has to be declared."""


class Injected:
    """What `Injects` gives; `default` is the value where no level declares the dependency, or NEEDED."""

    __slots__ = ("default",)

    def __init__(self, default: Any) -> None:
        self.default: Any = default

    def __repr__(self) -> str:
        return "Injects()" if self.default is NEEDED else f"Injects({self.default!r})"


# A function that gives Any, and no class: as the default of a parameter it has to fit every annotation.
def Injects(default: Any = NEEDED) -> Any:
    """Mark a parameter as a dependency, so that it is never read from the request: as its default, or in Annotated.

    Args:
        default: the value where no level declares a dependency of this name. Without one such a route is refused.

    Returns:
        The mark, which type checkers take for a value of any type.

    Example:
        >>> async def read_order(order_id: int, db: object = Injects(), tenant: str = Injects("main")): ...
        >>> read_order.__defaults__
        (Injects(), Injects('main'))
    """
    return Injected(default)
