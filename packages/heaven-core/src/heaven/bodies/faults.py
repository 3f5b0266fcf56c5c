"""Everything that is wrong with a decoded value, place by place, where msgspec tells the first fault alone.

Used on the error path only. A part of the value is written as JSON and read again as the type it should have, so it is
wrong here exactly when msgspec says so; a part that is right is passed over in one step.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, Union
from uuid import UUID

import msgspec
from msgspec import inspect

from heaven.bodies.json import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Loc: TypeAlias = tuple[str | int, ...]
Kind: TypeAlias = Literal["union", "fields", "mapping", "items", "positions", "leaf"]
Decoders: TypeAlias = dict[tuple[int, str], msgspec.json.Decoder[Any]]

MOST_FAULTS: Final = 1000
"""How many faults are told; what comes after them is not looked at, so a hostile body buys little work."""

DEEPEST: Final = 16
"""How many containers deep every fault is told; a value below them is told as one, by its first fault."""

_STRIDE: Final = 64
_MISSING: Final = "Missing required field"
_PLACE = re.compile(r" - at `(key` in `)?\$([^`]*)`\Z")
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]")
_LIMITS: Final = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz")
_PLAIN: Final[dict[type[inspect.Type], Any]] = {
    inspect.NoneType: None,
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.BytesType: bytes,
    inspect.ByteArrayType: bytes,
    inspect.MemoryViewType: bytes,
    inspect.DateTimeType: datetime,
    inspect.DateType: date,
    inspect.TimeType: time,
    inspect.TimeDeltaType: timedelta,
    inspect.UUIDType: UUID,
    inspect.DecimalType: Decimal,
}


class FaultFinder:
    """Finds every fault of a value against a type; lives as long as the route it belongs to.

    Args:
        annotation: a type that msgspec decodes.
        strict: False takes `"5"` for an int, as form fields and queries need.

    Example:
        >>> FaultFinder(dict[str, list[int]]).find({"a": [1, "2"], "b": 3})
        [{'loc': ['a', 1], 'msg': 'Expected `int`, got `str`'}, {'loc': ['b'], 'msg': 'Expected `array`, got `int`'}]
    """

    __slots__ = ("_decoders", "_root", "_strict")

    def __init__(self, annotation: Any, *, strict: bool = True) -> None:
        self._root = inspect.type_info(annotation)
        self._strict = strict
        self._decoders: Decoders = {}

    def undecodable(self) -> Any:
        """A class within the type that JSON has no words for, or None when all of it can be decoded."""
        waiting: list[inspect.Type] = [self._root]
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            if isinstance(node, inspect.CustomType):
                return node.cls
            if id(node) not in seen:
                seen.add(id(node))
                waiting.extend(_parts(node))
        return None

    def find(self, value: Any, error: Exception | None = None) -> list[dict[str, Any]]:
        """The faults of a value in the order of the type's fields, at most `MOST_FAULTS`.

        Args:
            value: what plain JSON decoding gave.
            error: what msgspec said; told where every part passes on its own, as with a key that came twice.
        """
        search = _Search(self._decoders, strict=self._strict)
        with suppress(_Enough):
            search.visit(self._root, value, ())
        if error is not None and not search.found:
            search.blame(self._root, error, ())
        return search.found


class _Enough(Exception):
    """Ends a search that has found as much as is told."""


class _Search:
    """One search through one value; `found` grows as it goes."""

    __slots__ = ("_decoders", "_strict", "found")

    def __init__(self, decoders: Decoders, *, strict: bool) -> None:
        self._decoders = decoders
        self._strict = strict
        self.found: list[dict[str, Any]] = []

    def visit(self, node: inspect.Type, value: Any, loc: Loc) -> None:
        """Tell the faults of a value; none when it passes."""
        node = _bare(node)
        error = self._try(node, value)
        if error is None:
            return
        before = len(self.found)
        if len(loc) < DEEPEST:
            self._look_inside(node, value, loc)
        if len(self.found) == before:
            self.blame(node, error, loc)

    def _look_inside(self, node: Any, value: Any, loc: Loc) -> None:
        match _kind(node), _shape(value):
            case "fields", "object":
                self._fields(node, value, loc)
            case "mapping", "object":
                self._mapping(node, value, loc)
            case "positions", "array":
                self._positions(node, value, loc)
            case "items", "array":
                self._items(node, value, loc)
            case "union", ("object" | "array") as shape:
                self._union(node, value, shape, loc)
            case _:
                pass

    def _try(self, node: inspect.Type, value: Any, shape: str = "") -> Exception | None:
        """What msgspec says against a value of this type; with a shape, of a list or of keys of this type."""
        decoder = self._decoders.get((id(node), shape))
        if decoder is None:
            annotation = _annotation(node)
            if shape == "list":
                annotation = GenericAlias(list, (annotation,))
            elif shape == "keys":
                annotation = GenericAlias(dict, (annotation, Any))
            decoder = self._decoders[id(node), shape] = msgspec.json.Decoder(annotation, strict=self._strict)
        try:
            decoder.decode(msgspec.json.encode(value))
        except REFUSALS as error:
            return error
        return None

    def _tell(self, loc: Loc, message: str) -> None:
        self.found.append({"loc": list(loc), "msg": message})
        if len(self.found) >= MOST_FAULTS:
            raise _Enough

    def blame(self, node: inspect.Type, error: Exception, loc: Loc) -> None:
        """Tell what msgspec said, without what the client had sent."""
        if isinstance(error, RecursionError):
            self._tell(loc, "Nested too deeply")
            return
        text = str(error)
        place = _PLACE.search(text)
        if place is not None:
            text = text[: place.start()]
            loc = (*loc, *(name or int(index) for name, index in _STEP.findall(place[2])))
        # msgspec quotes the client in these two; what a type's own __post_init__ says has a cause and is kept.
        if error.__cause__ is None and text.startswith("Invalid") and "value " in text:
            text = _one_of(_allowed(node))
        elif error.__cause__ is None and text.startswith("Object contains unknown field"):
            text = "Object contains an unknown field"
        self._tell(loc, text)

    def _fields(self, node: Any, value: dict[str, Any], loc: Loc) -> None:
        tag_field = getattr(node, "tag_field", None)
        if tag_field is not None and value.get(tag_field, node.tag) != node.tag:
            self._tell((*loc, tag_field), _one_of([node.tag]))
        for field in node.fields:
            if field.encode_name in value:
                self.visit(field.type, value[field.encode_name], (*loc, field.encode_name))
            elif field.required:
                self._tell((*loc, field.encode_name), _MISSING)
        if getattr(node, "forbid_unknown_fields", False):
            known = {tag_field, *(field.encode_name for field in node.fields)}
            for name in value:
                if name not in known:
                    self._tell((*loc, name), "Unknown field")

    def _mapping(self, node: Any, value: dict[str, Any], loc: Loc) -> None:
        self._length(node, len(value), "object", loc)
        if self._try(node.key_type, dict.fromkeys(value), "keys") is not None:
            for key in value:
                error = self._try(node.key_type, {key: None}, "keys")
                if error is not None:
                    self.blame(node.key_type, error, (*loc, key))
        self._each(node.value_type, iter(value.items()), loc)

    def _items(self, node: Any, value: list[Any], loc: Loc) -> None:
        self._length(node, len(value), "array", loc)
        self._each(node.item_type, enumerate(value), loc)

    def _positions(self, node: Any, value: list[Any], loc: Loc) -> None:
        """The items of a tuple, a NamedTuple or an array_like Struct, each with a type of its own."""
        fields = getattr(node, "fields", None)
        parts = node.item_types if fields is None else [field.type for field in fields]
        least = len(parts) if fields is None else sum(field.required for field in fields)
        most: int | None = len(parts)
        if isinstance(node, inspect.StructType):
            most = most if node.forbid_unknown_fields else None
            if node.tag is not None:
                parts = [inspect.LiteralType((node.tag,)), *parts]
                least, most = least + 1, None if most is None else most + 1
        if len(value) < least or (most is not None and len(value) > most):
            upto = "" if most == least else f" to {most}" if most is not None else " or more"
            self._tell(loc, f"Expected `array` of length {least}{upto}, got {len(value)}")
        for place, (part, item) in enumerate(zip(parts, value, strict=False)):
            self.visit(part, item, (*loc, place))

    def _union(self, node: Any, value: Any, shape: str, loc: Loc) -> None:
        """Go on with the one member that the value's shape or tag asks for; else the union is told as one."""
        kinds = {"fields", "mapping"} if shape == "object" else {"items", "positions"}
        members = [member for member in map(_bare, node.types) if _kind(member) in kinds]
        if len(members) > 1 and shape == "object":
            members = self._tagged(members, value, loc)
        if len(members) == 1:
            self.visit(members[0], value, loc)

    def _tagged(self, members: Sequence[Any], value: dict[str, Any], loc: Loc) -> list[inspect.Type]:
        tag_field = members[0].tag_field
        if tag_field not in value:
            self._tell((*loc, tag_field), _MISSING)
            return []
        chosen = [member for member in members if member.tag == value[tag_field]]
        if not chosen:
            self._tell((*loc, tag_field), _one_of([member.tag for member in members]))
        return chosen

    def _each(self, node: inspect.Type, pairs: Iterator[tuple[str | int, Any]], loc: Loc) -> None:
        # PERF: runs of items that pass cost one call: 1 MB of integers, the last one wrong, 56 ms instead of 440.
        while run := list(islice(pairs, _STRIDE)):
            if self._try(node, [item for _, item in run], "list") is not None:
                for key, item in run:
                    self.visit(node, item, (*loc, key))

    def _length(self, node: Any, length: int, what: str, loc: Loc) -> None:
        if node.min_length is not None and length < node.min_length:
            self._tell(loc, f"Expected `{what}` of length >= {node.min_length}")
        if node.max_length is not None and length > node.max_length:
            self._tell(loc, f"Expected `{what}` of length <= {node.max_length}")


def _bare(node: inspect.Type) -> inspect.Type:
    return node.type if isinstance(node, inspect.Metadata) else node


def _shape(value: Any) -> Literal["object", "array", "scalar"]:
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "scalar"


def _kind(node: inspect.Type) -> Kind:
    """How a value of this type is looked into. By attributes, since newer msgspec has more types of the same shapes."""
    if isinstance(node, inspect.UnionType):
        return "union"
    if hasattr(node, "key_type"):
        return "mapping"
    if hasattr(node, "item_type"):
        return "items"
    if hasattr(node, "item_types") or isinstance(node, inspect.NamedTupleType) or getattr(node, "array_like", False):
        return "positions"
    return "fields" if hasattr(node, "fields") else "leaf"


def _parts(node: Any) -> Iterable[inspect.Type]:
    """The nodes right below a node."""
    for name in ("type", "item_type", "key_type", "value_type"):
        if hasattr(node, name):
            yield getattr(node, name)
    yield from getattr(node, "types", ())
    yield from getattr(node, "item_types", ())
    for field in getattr(node, "fields", ()):
        yield field.type


def _annotation(node: Any) -> Any:
    """A type that accepts what the node accepts; a set is as good as a list to find out what is wrong with it."""
    node = _bare(node)
    if hasattr(node, "cls"):
        return node.cls
    if isinstance(node, inspect.LiteralType):
        return Literal[node.values]
    if isinstance(node, inspect.UnionType):
        return Union[tuple(_annotation(member) for member in node.types)]  # noqa: UP007
    plain: Any
    if isinstance(node, inspect.TupleType):
        plain = GenericAlias(tuple, tuple(_annotation(item) for item in node.item_types))
    elif hasattr(node, "key_type"):
        plain = GenericAlias(dict, (_annotation(node.key_type), _annotation(node.value_type)))
    elif hasattr(node, "item_type"):
        plain = GenericAlias(list, (_annotation(node.item_type),))
    else:
        plain = _PLAIN.get(node.__class__, Any)
    limits = {name: getattr(node, name) for name in _LIMITS if getattr(node, name, None) is not None}
    return Annotated[plain, msgspec.Meta(**limits)] if limits else plain


def _allowed(node: inspect.Type) -> list[Any]:
    """The values that a node lists: those of a Literal or an Enum, also within a union."""
    node = _bare(node)
    if isinstance(node, inspect.LiteralType):
        return list(node.values)
    if isinstance(node, inspect.EnumType):
        return [member.value for member in node.cls]
    if isinstance(node, inspect.UnionType):
        return [value for member in node.types for value in _allowed(member)]
    return []


def _one_of(values: Sequence[Any]) -> str:
    if not values:
        return "Value is not one of those allowed"
    shown = ", ".join(msgspec.json.encode(value).decode() for value in values)
    return f"Expected one of {shown}" if len(values) > 1 else f"Expected {shown}"
