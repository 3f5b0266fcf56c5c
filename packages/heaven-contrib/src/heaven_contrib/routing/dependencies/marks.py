"""Parameters that are marked as dependencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

from heaven.callables import name_of, place_of
from heaven_contrib.routing.binding.signature import Declared, read
from heaven_contrib.routing.dependencies.injects import Injected, Injects
from heaven_contrib.routing.errors import ImproperlyConfigured


def marks(function: Callable[..., Any]) -> Mapping[str, Injected]:
    """The parameters of a function that are marked with `Injects()`.

    Args:
        function: what the parameters are of.

    Raises:
        ImproperlyConfigured: its signature can't be read, or a mark was not called.

    Example:
        >>> async def read_order(order_id: int, db: Annotated[object, Injects()], tenant: str = Injects("main")): ...
        >>> marks(read_order)
        {'db': Injects(), 'tenant': Injects('main')}
    """
    place = place_of(function)
    found: dict[str, Injected] = {}
    for parameter in read(function, place):
        for mark in _on(parameter):
            if mark is Injects:
                raise ImproperlyConfigured(
                    f"{name_of(function)} at {place}: the parameter {parameter.name!r} is marked with Injects; "
                    "call it, as in Injects()"
                )
            if isinstance(mark, Injected):
                found[parameter.name] = mark
    return found


def _on(parameter: Declared) -> tuple[Any, ...]:
    extras = get_args(parameter.annotation)[1:] if get_origin(parameter.annotation) is Annotated else ()
    return (*extras, parameter.annotation, parameter.default)
