"""Values that come as text, from path, query, headers, cookies and form fields: converted by one call."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import asdict

from heaven import Request, Upload
from heaven.bodies.faults import FaultFinder
from heaven.bodies.forms import Repeatable
from heaven.bodies.json import REFUSALS
from heaven.errors import ValidationError
from heaven.routing.converters import converter
from heaven_contrib.routing.binding.annotations import (
    NoText,
    finite_checked,
    holds,
    is_finite,
    is_integer,
    present,
    takes_many,
    without_uploads,
)
from heaven_contrib.routing.binding.parameters import IN_BODY, Parameter

Look: TypeAlias = Callable[[str], Any]
"""Gives what stands under a name, or None."""

_ABSENT: Any = object()
_INT: Final = converter("int")
_MISSING: Final = "Missing required"
_GOT_TEXT = re.compile(r", got `str`\Z")
NOT_FINITE: Final = "Expected a finite number"
"""What is told of NaN and infinity, which no JSON could answer with."""
_OTHER_TYPE = re.compile(r"Expected `[^`]*`(?:, got `|\Z)")
_NO_TEXT: Final = "; a body is called data or marked with Body(), and a dependency is declared by its name"
_COPIED: Final = (list, dict, set, bytearray, msgspec.Struct)
"""Defaults that a handler could change, which would show in the next request."""


def _all_of(found: Repeatable[Any]) -> Look:
    return lambda name: found.getall(name) or None


def _fields(req: Request) -> Repeatable[Any]:
    return req.form if _has_form(req) else _NONE


def _files(req: Request) -> Repeatable[Any]:
    return req.files if _has_form(req) else _NONE


def _has_form(req: Request) -> bool:
    return bool(req.body) or "content-type" in req.headers


_NONE: Final[Repeatable[Any]] = Repeatable()


# By source, and whether all values of a name are taken.
_LOOKS: Mapping[tuple[str, bool], Callable[[Request], Look]] = {
    ("path", False): lambda req: req.params.get,
    ("query", False): lambda req: req.queries.get,
    ("query", True): lambda req: req.queries_all.get,
    ("header", False): lambda req: req.headers.get,
    ("header", True): lambda req: lambda name: req.headers.getall(name) or None,
    ("cookie", False): lambda req: req.cookies.get,
    ("form", False): lambda req: _fields(req).get,
    ("form", True): lambda req: _all_of(_fields(req)),
    ("file", False): lambda req: _files(req).get,
    ("file", True): lambda req: _all_of(_files(req)),
}

_WORDS: Mapping[str, str] = {
    "path": "path parameter",
    "query": "query parameter",
    "header": "header",
    "cookie": "cookie",
    "form": "form field",
    "file": "file",
}


class Texts:
    """Lives with the route: the parameters of one function, or fields of one form, that are made of text.

    Args:
        parameters: what they are; at least one.

    Raises:
        TypeError: one can't be made of text, or has limits that don't fit its type; the message names it.

    Example:
        >>> page = Parameter(
        ...     name="page", source="query", alias="p", annotation=int, required=False, default=1, marker=None
        ... )
        >>> Texts([page])
        Texts(page)
    """

    __slots__ = ("_direct", "_finders", "_finite", "_integers", "_looks", "_parameters", "_shape")

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        parameters = tuple(replace(each, annotation=present(each.annotation)) for each in parameters)
        self._parameters = parameters
        self._finders: dict[str, FaultFinder] = {}
        self._integers = tuple(
            each.alias for each in parameters if each.source == "path" and is_integer(each.annotation)
        )
        self._finite = tuple(each.name for each in parameters if finite_checked(each.annotation))
        looks: dict[tuple[str, bool], list[tuple[str, str]]] = {}
        for each in parameters:
            looks.setdefault((each.source, _is_many(each)), []).append((each.name, each.alias))
        self._looks = tuple((_LOOKS[key], tuple(names)) for key, names in looks.items())
        # PERF: what comes from the query alone is converted as the query stands, without a look for each name.
        self._direct = looks.keys() == {("query", False)}
        self._shape: type[msgspec.Struct] = msgspec.defstruct(
            "Texts",
            [(each.name, without_uploads(each.annotation), *_default(each)) for each in parameters],
            rename={each.name: each.alias for each in parameters} if self._direct else None,
            kw_only=True,
            gc=False,
        )

    def read(self, req: Request) -> dict[str, Any]:
        """The values by the names of the parameters, with defaults for what is absent.

        Raises:
            ValidationError: 422, with every fault.
        """
        try:
            # PERF: a Struct and its dict take a third of the time that msgspec needs for a TypedDict.
            source = req.queries if self._direct else self._found(req)
            values = asdict(msgspec.convert(source, self._shape, strict=False))
        except REFUSALS:
            raise ValidationError(self.faults(req)) from None
        if self._integers and not all(_is_canonical(req.params[alias]) for alias in self._integers):
            raise ValidationError(self.faults(req))
        if self._finite and not all(is_finite(values[name]) for name in self._finite):
            faults = self.faults(req)
            if faults:  # a default may be infinite
                raise ValidationError(faults)
        return values

    def _found(self, req: Request) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for looking, names in self._looks:
            look = looking(req)
            for name, alias in names:
                value = look(alias)
                if value is not None:
                    found[name] = value
        return found

    def faults(self, req: Request) -> list[dict[str, Any]]:
        """Everything that is wrong with the values, in the order of the parameters."""
        found = self._found(req)
        faults: list[dict[str, Any]] = []
        for each in self._parameters:
            faults += self._faults_of(each, found.get(each.name, _ABSENT))
        return faults

    def _faults_of(self, parameter: Parameter, value: Any) -> list[dict[str, Any]]:
        loc = ["body" if parameter.source in IN_BODY else parameter.source, parameter.alias]
        if value is _ABSENT:
            message = f"{_MISSING} {_WORDS[parameter.source]}"
            return [fault(loc, message)] if parameter.required else []
        annotation = without_uploads(parameter.annotation)
        try:
            converted = msgspec.convert(value, annotation, strict=False)
        except REFUSALS as error:
            if holds(parameter.annotation, Upload):
                return [fault(loc, str(error))]
            finder = self._finders.get(parameter.name)
            if finder is None:
                finder = self._finders[parameter.name] = FaultFinder(annotation, strict=False)
            return located(finder, value, error, loc)
        if parameter.source == "path" and parameter.alias in self._integers and not _is_canonical(value):
            return [fault(loc, "Expected `int`")]
        if finite_checked(annotation) and not is_finite(converted):
            return [fault(loc, NOT_FINITE)]
        return []

    def __repr__(self) -> str:
        """The names."""
        return f"Texts({', '.join(each.name for each in self._parameters)})"


def _is_canonical(value: Any) -> bool:
    """Whether a part of a path is the one way to write an integer: msgspec reads `1.0` and `1e3` as well."""
    return not isinstance(value, str) or _INT.parse(value) is not None


def located(finder: FaultFinder, value: Any, error: Exception, loc: Sequence[str | int]) -> list[dict[str, Any]]:
    """Every fault of a value made of text, each told at its own place.

    Args:
        finder: for the type that the value was to have.
        value: the text, or a collection of texts.
        error: what msgspec said.
        loc: where the value stands.
    """
    return [fault([*loc, *each["loc"]], _GOT_TEXT.sub("", each["msg"])) for each in finder.find(value, error)]


def fault(loc: Sequence[str | int], message: str) -> dict[str, Any]:
    """One entry of a 422.

    Args:
        loc: where the value stands: the source, the name on the wire, and the way into it.
        message: what msgspec said.

    Returns:
        `loc`, `msg` and `type`: `missing`, `type` (it is of another type) or `value` (of this type, and not allowed).

    Example:
        >>> fault(["query", "page"], "Expected `int` >= 1")
        {'loc': ['query', 'page'], 'msg': 'Expected `int` >= 1', 'type': 'value'}
    """
    kind = "type" if _OTHER_TYPE.match(message) else "value"
    return {"loc": list(loc), "msg": message, "type": "missing" if message.startswith(_MISSING) else kind}


def _is_many(parameter: Parameter) -> bool:
    try:
        many = takes_many(without_uploads(parameter.annotation))
    except TypeError as error:
        cure = _NO_TEXT if isinstance(error, NoText) and parameter.source == "query" else ""
        raise TypeError(f"the {_WORDS[parameter.source]} {parameter.name!r}: {error}{cure}") from error
    if many and parameter.source in ("path", "cookie"):
        raise TypeError(
            f"the {_WORDS[parameter.source]} {parameter.name!r}: it has one value, and no collection of them"
        )
    return many


def _default(parameter: Parameter) -> tuple[Any, ...]:
    """The third part of a field of a Struct."""
    if parameter.required:
        return ()
    copied = isinstance(parameter.default, _COPIED)
    return (msgspec.field(default_factory=partial(copy.copy, parameter.default)) if copied else parameter.default,)
