"""Questions about the type of a parameter, asked at wiring."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import inspect

from heaven import Upload

PLAIN: Final = (str, int, float, bool, date, datetime, time, timedelta, Decimal, UUID, Any, object)
"""Types that one text is read as, known without a look inside."""

_ALIAS: Any = getattr(typing, "TypeAliasType", ())  # since Python 3.12

_COLLECTIONS: Any = (list, tuple, set, frozenset)


def bare(annotation: Any) -> Any:
    """A type without its Annotated."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def written(annotation: Any) -> str:
    """A type as a message has it."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    annotation = bare(annotation)
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def is_optional(annotation: Any) -> bool:
    """Whether None is a value of the type that was written: `int | None`."""
    return NoneType in members(annotation) or None in members(annotation)


def present(annotation: Any) -> Any:
    """The type of what is there, `int` of `int | None`: no text is None, and `null` least of all.

    Example:
        >>> present(int | None)
        <class 'int'>
    """
    if not is_optional(annotation):
        return annotation
    kinds = tuple(each for each in members(annotation) if each not in (None, NoneType))
    found = Union[kinds] if kinds else annotation  # noqa: UP007 (they are known at run time alone)
    return Annotated[(found, *annotation.__metadata__)] if get_origin(annotation) is Annotated else found


def aliased(annotation: Any) -> Any:
    """What a type stands for that was written as `type Page = Annotated[int, Query(ge=1)]`; others are themselves."""
    while isinstance(annotation, _ALIAS):
        annotation = annotation.__value__
    return annotation


def within(annotation: Any, inside: tuple[Any, ...] = ()) -> Iterator[Any]:
    """The type, and all types that it is written with.

    Args:
        annotation: the type.
        inside: the names of types that this is written in; those that name themselves are followed once.
    """
    yield annotation
    origin = get_origin(annotation)
    if origin is Literal or annotation in inside:
        return
    arguments = get_args(annotation)
    if isinstance(annotation, _ALIAS):
        arguments, inside = (annotation.__value__,), (*inside, annotation)
    for argument in arguments[:1] if origin is Annotated else arguments:
        yield from within(argument, inside)


def metadata_within(annotation: Any) -> Iterator[Any]:
    """What stands behind the types in every Annotated that the type is written with."""
    for each in within(annotation):
        if get_origin(each) is Annotated:
            yield from get_args(each)[1:]


def holds(annotation: Any, kind: type) -> bool:
    """Whether a type is written with this one: `list[Upload] | None` holds `Upload`."""
    return any(each is kind for each in within(annotation))


def without_uploads(annotation: Any) -> Any:
    """The type with Any in place of Upload, which msgspec can't look into."""
    annotation = aliased(annotation)
    if annotation is Upload:
        return Any
    if not holds(annotation, Upload):
        return annotation
    arguments = get_args(annotation)
    kinds = tuple(without_uploads(each) for each in arguments)
    origin: Any = get_origin(annotation)
    if origin is Annotated:
        return Annotated[(kinds[0], *arguments[1:])]
    if origin in (Union, UnionType):
        return Union[kinds]  # noqa: UP007 (they are known at run time alone)
    return origin[kinds]


def constrained(annotation: Any, constraints: Mapping[str, Any]) -> Any:
    """The type with limits; those of `X | None` are for X."""
    if not constraints:
        return annotation
    kinds = [each for each in members(annotation) if each not in (None, NoneType)]
    limited = [Annotated[kind, msgspec.Meta(**constraints)] for kind in kinds]
    return Union[tuple(limited + [None] * is_optional(annotation))]  # noqa: UP007 (they are known at run time alone)


class NoText(TypeError):
    """Values of a type never come as one text."""


def takes_many(annotation: Any) -> bool:
    """Whether the values of one key are read as a collection: `list[int]`, `set[str] | None`, `tuple[int, int]`.

    Raises:
        NoText: text is never read as the type; the message says which part of it.
        TypeError: the type and its limits exclude each other.
    """
    if annotation in PLAIN:
        return False
    # msgspec looks at limits that don't fit the type, such as ge=1 on a str, when it converts and not before.
    _attempt(annotation)
    return _collects(inspect.type_info(annotation))


def _attempt(annotation: Any) -> None:
    try:
        msgspec.convert("", annotation, strict=False)
    except (msgspec.MsgspecError, ValueError):
        return


def _collects(node: Any) -> bool:
    node = node.type if isinstance(node, inspect.Metadata) else node
    if isinstance(node, inspect.UnionType):
        return True in [_collects(each) for each in node.types]
    items = getattr(node, "item_types", ())
    if hasattr(node, "item_type"):
        items = (node.item_type,)
    if True in [_collects(each) for each in items]:
        raise TypeError("a collection of collections has no form in text")
    if hasattr(node, "fields") or hasattr(node, "key_type"):
        raise NoText(f"{_name(node)} has fields, and one text has none")
    if isinstance(node, inspect.CustomType):
        raise NoText(f"text is not converted to {_name(node)}")
    return bool(items)


def _name(node: Any) -> str:
    return str(getattr(getattr(node, "cls", dict), "__qualname__", node))


def is_integer(annotation: Any) -> bool:
    """Whether a value is an int and nothing else, but for None."""
    return {bare(each) for each in members(annotation)} - {None, NoneType} == {int}


def finite_checked(annotation: Any) -> bool:
    """Whether NaN and infinity have to be refused, which msgspec reads."""
    return holds(annotation, float) or holds(annotation, Decimal)


def is_finite(value: Any) -> bool:
    """Whether a value, or every one of a collection, is a number that can be compared and written as JSON."""
    if isinstance(value, float):
        return value - value == 0.0
    if isinstance(value, Decimal):
        return value.is_finite()
    return not isinstance(value, _COLLECTIONS) or all(map(is_finite, value))
