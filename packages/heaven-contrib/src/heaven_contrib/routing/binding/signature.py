"""A function's parameters with their types resolved, once."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType, SimpleNamespace
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

from heaven.callables import name_of
from heaven_contrib.routing.binding.annotations import aliased, metadata_within
from heaven_contrib.routing.binding.params import MARKERS, Marker
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.responding.cookies import Cookie
from heaven_contrib.routing.responding.headers import ResponseHeader

EMPTY: Final = inspect.Parameter.empty
"""Stands for a default that is not there."""

_REFUSED: Final = {
    inspect.Parameter.VAR_POSITIONAL: "*{}",
    inspect.Parameter.VAR_KEYWORD: "**{}",
    inspect.Parameter.POSITIONAL_ONLY: "{}, /",
}


@dataclass(frozen=True, slots=True)
class Declared:
    """One parameter of a function.

    `annotation` is resolved, `Any` where there is none, and without the marker; `default` is the marker's where one was
    given, and `EMPTY` without any.
    """

    name: str
    annotation: Any
    default: Any
    marker: Marker | None

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is EMPTY


def read(function: Callable[..., Any], place: str) -> tuple[Declared, ...]:
    """The parameters that a caller has to give, in order.

    Args:
        function: a function, bound method, class, `functools.partial` or an object with `__call__`; what a partial has
            bound already is left out.
        place: where it was written or said, `file:line`.

    Raises:
        ImproperlyConfigured: it takes `*args`, `**kwargs` or positional-only parameters, a hint can't be resolved, or a
            marker is misused; the message names function, place and parameter.

    Example:
        >>> from heaven_contrib.routing.binding.params import Query
        >>> async def search(word: str, page: int = Query(default=1)): ...
        >>> [(each.name, each.annotation, each.required) for each in read(search, "shop.py:7")]
        [('word', <class 'str'>, True), ('page', <class 'int'>, False)]
        >>> read(lambda *words: None, "shop.py:9")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: heaven_contrib.routing.binding.signature.<lambda> \
at shop.py:9 takes *words; name every parameter, since each is looked up by its name
    """
    found = _READ.get(function) if isinstance(function, FunctionType) else None
    if found is None:
        found = _read(function, f"{name_of(function)} at {place}")
        if isinstance(function, FunctionType):
            _READ[function] = found
    return found


_READ: Final[WeakKeyDictionary[FunctionType, tuple[Declared, ...]]] = WeakKeyDictionary()
"""What was read: a dependency of a thousand routes, or a handler and its marks, are read once."""


def _read(function: Callable[..., Any], who: str) -> tuple[Declared, ...]:
    bound = _bound(function)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{who} has no signature that can be read: {error}; write a function in Python, and a method with self"
        ) from error
    namespace = namespace_of(function)
    return tuple(_declared(each, namespace, who) for each in parameters if each.name not in bound)


def _bound(function: object) -> Collection[str]:
    return function.keywords if isinstance(function, functools.partial) else ()


def _declared(parameter: inspect.Parameter, namespace: Mapping[str, Any], who: str) -> Declared:
    if parameter.kind in _REFUSED:
        written = _REFUSED[parameter.kind].format(parameter.name)
        raise ImproperlyConfigured(f"{who} takes {written}; name every parameter, since each is looked up by its name")
    who = f"{who}: the parameter {parameter.name!r}"
    annotation = _resolved(parameter, namespace, who)
    annotation, markers = _unmarked(annotation)
    default = parameter.default
    _check_passed_over(annotation, default, who)
    if isinstance(default, Marker) or _is_marking(default):
        markers.append(default)
        default = EMPTY
    if len(markers) > 1:
        raise ImproperlyConfigured(f"{who} has {len(markers)} markers; it comes from one place, so give one")
    marker = markers[0] if markers else None
    if marker is None:
        return Declared(parameter.name, annotation, default, None)
    if not isinstance(marker, Marker):
        raise ImproperlyConfigured(f"{who} is marked with {marker.__name__}; call it, as in {marker.__name__}()")
    if default is EMPTY and marker.default is not ...:
        default = marker.default
    return Declared(parameter.name, annotation, default, marker)


def _check_passed_over(annotation: Any, default: Any, who: str) -> None:
    """Refuse what looks like a marker, and would say nothing: read from elsewhere, without its limits."""
    within = (*metadata_within(annotation),)
    if any(isinstance(each, Marker) or _is_marking(each) for each in within):
        raise ImproperlyConfigured(
            f"{who} has a marker inside of its type, where it says nothing; put it around all of it, as in "
            "Annotated[int | None, Query()]"
        )
    for each in (*within, default):
        if isinstance(each, Cookie | ResponseHeader) or each is Cookie or each is ResponseHeader:
            raise ImproperlyConfigured(
                f"{who} has what a response sets for its marker; take Cookie and Header of routing.params"
            )
    if type(default).__module__ == "pydantic.fields":
        raise ImproperlyConfigured(
            f"{who} has a Field of pydantic for its default; say it with a marker, as in Query(default=1, ge=1)"
        )


def _resolved(parameter: inspect.Parameter, namespace: Mapping[str, Any], who: str) -> Any:
    if parameter.annotation is EMPTY:
        return Any
    if isinstance(parameter.annotation, type):
        return parameter.annotation
    holder = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        hint = get_type_hints(holder, dict(namespace), include_extras=True)[parameter.name]
        return aliased(hint)
    except Exception as error:
        raise ImproperlyConfigured(
            f"{who} has the type {parameter.annotation!r}, which can't be resolved: {error}; "
            "define or import it in the module, outside of functions and `if TYPE_CHECKING`"
        ) from error


def _unmarked(annotation: Any) -> tuple[Any, list[Any]]:
    """A type without the markers of its Annotated, and these."""
    if get_origin(annotation) is not Annotated:
        return annotation, []
    kind, *metadata = get_args(annotation)
    markers = [each for each in metadata if isinstance(each, Marker) or _is_marking(each)]
    kept = [each for each in metadata if not any(each is marker for marker in markers)]
    return (Annotated[(kind, *kept)] if kept else kind), markers


def _is_marking(value: object) -> bool:
    return any(value is each for each in MARKERS)


def namespace_of(function: Any) -> Mapping[str, Any]:
    """The names that hints were written with: the globals of the module, and what a function closes over.

    Args:
        function: as `read` takes it.
    """
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        return _class_namespace(function)
    function = inspect.unwrap(function, stop=lambda each: hasattr(each, "__signature__"))
    if not hasattr(function, "__code__"):
        function = type(function).__call__
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    names: dict[str, Any] = dict(function.__globals__)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # empty as yet: the class around a method that is being decorated
            names[name] = cell.cell_contents
    return names


def _class_namespace(kind: type) -> Mapping[str, Any]:
    """A class takes its parameters from fields and __init__ of any of its bases."""
    names: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        names.update(vars(sys.modules[base.__module__]))
    return names
