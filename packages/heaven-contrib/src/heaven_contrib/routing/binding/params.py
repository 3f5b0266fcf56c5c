"""Markers: where a parameter comes from, and what its value has to be."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from types import EllipsisType
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack

import msgspec

from heaven.callables import said_at
from heaven.declaring.store import missing
from heaven_contrib.routing.errors import ImproperlyConfigured

__all__ = ["Body", "BodyOptions", "Cookie", "File", "Form", "Header", "Marker", "Options", "Path", "Query"]

MarkedSource: TypeAlias = Literal["path", "query", "header", "cookie", "body", "form", "file"]

CONSTRAINTS: Final = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")
"""The options that limit a value; they are called as msgspec and pydantic call them."""

_FOLDER = str(FilePath(__file__).parent) + os.sep


class Options(TypedDict, total=False):
    """What every marker takes besides the default."""

    alias: str | None
    """The name on the wire; for a header `x_token` is `x-token` without one."""
    value: str | None
    """The same as `alias`, as Esmerald calls it."""
    title: str | None
    """For the documentation."""
    description: str | None
    """For the documentation."""
    examples: Sequence[Any] | None
    """For the documentation."""
    deprecated: bool
    """For the documentation."""
    include_in_schema: bool
    """False keeps it out of the documentation."""
    gt: float | None
    """The value is greater."""
    ge: float | None
    """The value is greater, or equal."""
    lt: float | None
    """The value is less."""
    le: float | None
    """The value is less, or equal."""
    multiple_of: float | None
    """The value is a multiple."""
    min_length: int | None
    """Characters of a str, or items of a collection."""
    max_length: int | None
    """Characters of a str, or items of a collection."""
    pattern: str | None
    """A regular expression that is found in a str."""


class BodyOptions(Options, total=False):
    """What the markers of bodies take besides the default."""

    media_type: str | None
    """What the Content-Type has to be; for Form and File it is for the documentation, and both kinds are read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marker:
    """What was said about one parameter; `Query(...)` and its siblings make it."""

    source: MarkedSource
    default: Any = ...
    alias: str | None = None
    title: str | None = None
    description: str | None = None
    examples: Sequence[Any] | None = None
    deprecated: bool = False
    include_in_schema: bool = True
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    media_type: str | None = None

    @property
    def word(self) -> str:
        """What it is written as: `Query()`."""
        return f"{self.source.capitalize()}()"

    @property
    def constraints(self) -> Mapping[str, Any]:
        """The limits that were given, as keyword arguments of `msgspec.Meta` or `pydantic.Field`."""
        given = ((name, getattr(self, name)) for name in CONSTRAINTS)
        return {name: limit for name, limit in given if limit is not None}


def Query(default: Any | EllipsisType = ..., **options: Unpack[Options]) -> Any:
    """A parameter of the query string; list-typed ones take every value of their key.

    Args:
        default: the value where it is absent; without one, or with `...`, the function's own counts.
        **options: see `Options`.

    Raises:
        ImproperlyConfigured: an option is unknown, or can't work.

    Example:
        >>> async def search(page: int = Query(default=1, ge=1, alias="p")): ...
    """
    return _marker("query", default, options)


def Header(default: Any | EllipsisType = ..., **options: Unpack[Options]) -> Any:
    """A header field; without an `alias` the underscores of the parameter's name are hyphens.

    Args:
        default: the value where it is absent.
        **options: see `Options`.

    Example:
        >>> async def read(x_token: str = Header(min_length=8)): ...
    """
    return _marker("header", default, options)


def Cookie(default: Any | EllipsisType = ..., **options: Unpack[Options]) -> Any:
    """A cookie that the client sent; `heaven_contrib.routing.Cookie` is one that a response sets.

    Args:
        default: the value where it is absent.
        **options: see `Options`.

    Example:
        >>> async def read(session: str | None = Cookie(default=None)): ...
    """
    return _marker("cookie", default, options)


def Path(default: Any | EllipsisType = ..., **options: Unpack[Options]) -> Any:
    """A parameter of the path; only needed where its value is limited, or called otherwise.

    Args:
        default: none has a meaning here, since a path has all of its parameters.
        **options: see `Options`.

    Example:
        >>> async def read(user_id: int = Path(ge=1, alias="id")): ...
    """
    return _marker("path", default, options)


def Body(default: Any | EllipsisType = ..., **options: Unpack[BodyOptions]) -> Any:
    """The whole body, under whatever name; `data` and `payload` are the body without a marker.

    Args:
        default: the value where the body is empty.
        **options: see `BodyOptions`.

    Example:
        >>> async def create(tags: list[str] = Body(min_length=1)): ...
    """
    return _marker("body", default, options)


def Form(default: Any | EllipsisType = ..., **options: Unpack[BodyOptions]) -> Any:
    """A field of a form, urlencoded or multipart; for `data` and `payload`, the whole form.

    Args:
        default: the value where it is absent.
        **options: see `BodyOptions`.

    Example:
        >>> async def login(name: str = Form(), password: str = Form(min_length=8)): ...
    """
    return _marker("form", default, options)


def File(default: Any | EllipsisType = ..., **options: Unpack[BodyOptions]) -> Any:
    """A file of a multipart form, a `heaven.Upload`; for `data` and `payload`, the whole form or its files.

    Args:
        default: the value where it is absent.
        **options: see `BodyOptions`.

    Example:
        >>> from heaven import Upload
        >>> async def keep(photo: Upload = File()): ...
    """
    return _marker("file", default, options)


MARKERS: Final = (Query, Header, Cookie, Path, Body, Form, File)
"""The functions that make markers, to recognise one that was not called."""

_NAMES = frozenset((*Options.__annotations__, "media_type"))


def _marker(source: MarkedSource, default: Any, options: Mapping[str, Any]) -> Marker:
    said = dict(options)
    known = _NAMES if source in ("body", "form", "file") else _NAMES - {"media_type"}
    unknown = [name for name in said if name not in known]
    if unknown:
        raise ImproperlyConfigured(
            f"{_called(source)} got {unknown[0]}: {missing(unknown[0], sorted(known), 'is known')}"
        )
    value = said.pop("value", None)
    if value is not None:
        if said.get("alias") not in (None, value):
            raise ImproperlyConfigured(f"{_called(source)} got both alias and value; they mean the same, so give alias")
        said["alias"] = value
    return _checked(Marker(source=source, default=default, **said))


def _checked(marker: Marker) -> Marker:
    """A marker whose name and limits can be looked at; whether they fit the type is seen with the parameter."""
    alias: Any = marker.alias
    if alias is not None and (not isinstance(alias, str) or not alias):
        raise ImproperlyConfigured(f"{_called(marker.source)} got alias={alias!r}; give a str that is not empty")
    try:
        msgspec.Meta(**marker.constraints)
    except (TypeError, ValueError, re.error) as error:
        raise ImproperlyConfigured(f"{_called(marker.source)} got limits that can't work: {error}") from error
    return marker


def _called(source: str) -> str:
    return f"{source.capitalize()}() at {said_at(_FOLDER)}"
