"""Forms that fit into memory: fields and files by name, from an urlencoded or multipart body."""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from heaven.bodies.disk import NewFile
from heaven.bodies.multipart import place_upload
from heaven.bodies.multipart_events import FormLimits, Mark, MultipartReader, PartHead, boundary_of
from heaven.errors import BodyTooLarge, HTTPError, UnsupportedMediaType
from heaven.http.media import parse_media_type

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from heaven.http.headers import Headers

__all__ = ["Form", "FormData", "FormLimits", "Repeatable", "Upload", "Uploads", "parse_form"]

T = TypeVar("T")

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


class Repeatable(Mapping[str, T], Generic[T]):
    """Values by name, where a name may come more than once: `form["x"]` is the last, `getall("x")` are all.

    Example:
        >>> form = Repeatable([("size", "s"), ("size", "m"), ("colour", "red")])
        >>> form["size"], form.getall("size"), dict(form)
        ('m', ['s', 'm'], {'size': 'm', 'colour': 'red'})
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, T]] = ()) -> None:
        values: dict[str, list[T]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        self._values = values

    def __getitem__(self, name: str) -> T:
        return self._values[name][-1]

    def getall(self, name: str) -> list[T]:
        """Every value of this name in the order they came; an empty list where it is absent."""
        return list(self._values.get(name, ()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(map(repr, self._values))}>"


class FormData(Repeatable[str]):
    """The fields of a form as text. The repr has their names alone: the values may be passwords."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form and is in memory whole; `req.parts()` is the way for large ones.

    `filename` is a label that the client chose: show it, and never use it as a path.
    """

    name: str
    filename: str
    content_type: str | None
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        return f"<Upload {self.name!r} filename={self.filename!r} {len(self.body)} bytes>"

    async def save(self, path: str | os.PathLike[str], *, within: str | os.PathLike[str] | None = None) -> Path:
        """Write the file, off the event loop; it appears when it is complete or not at all.

        Args:
            path: where to.
            within: a folder that is never left: `path` is relative to it, or absolute and below it.

        Returns:
            The path that was written to.

        Raises:
            BadRequest: `path` is not below `within`.
            OSError: the disk's own refusals.

        Example:
            >>> import asyncio, tempfile
            >>> from heaven.http.headers import Headers
            >>> upload = Upload("photo", "me.png", "image/png", Headers([]), b"...")
            >>> asyncio.run(upload.save("7.png", within=tempfile.mkdtemp())).name
            '7.png'
        """
        target = await place_upload(path, within)
        async with NewFile(target) as new:
            await new.keep([self.body])
        return target


class Uploads(Repeatable[Upload]):
    """The files of a form by the name of their field."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sent: `fields` are text, `files` are uploads."""

    fields: FormData
    files: Uploads


def parse_form(content_type: str, body: bytes, limits: FormLimits | None = None) -> Form:
    """Read a form that is in memory whole.

    Args:
        content_type: the request's Content-Type.
        body: the whole body.
        limits: when to refuse; `FormLimits()` by default.

    Raises:
        UnsupportedMediaType: the body is neither urlencoded nor multipart/form-data.
        BadRequest: it is malformed.
        BodyTooLarge: it is over one of the limits.

    Source: WHATWG URL 5.1, RFC 7578.

    Example:
        >>> parse_form("application/x-www-form-urlencoded", b"name=J%C3%BCrgen+B&size=s&size=m").fields.getall("size")
        ['s', 'm']
    """
    limits = limits or FormLimits()
    media_type, _ = parse_media_type(content_type)
    if media_type == "application/x-www-form-urlencoded":
        return Form(FormData(_urlencoded(body, limits)), Uploads())
    if media_type == "multipart/form-data":
        return _multipart(boundary_of(content_type), body, limits)
    raise UnsupportedMediaType("This takes a form: application/x-www-form-urlencoded or multipart/form-data.")


def _urlencoded(body: bytes, limits: FormLimits) -> Iterator[tuple[str, str]]:
    # PERF: bytes.split takes a twentieth of the time of a parser that is fed; the body is in memory anyway.
    if body.count(b"&") >= limits.parts:
        raise _too_many(limits)
    for pair in body.split(b"&"):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        if len(value) > limits.field_size or len(name) > limits.field_size:
            raise BodyTooLarge(f"A field of the form is larger than {limits.field_size} bytes.")
        yield _decode(name), _decode(value)


def _too_many(limits: FormLimits) -> BodyTooLarge:
    return BodyTooLarge(f"The form has more than {limits.parts} parts.")


def _decode(text: bytes) -> str:
    # PERF: a third of the time that urllib's unquote takes where there is a percent sign at every turn.
    return _ESCAPE.sub(_unescape, text.replace(b"+", b" ")).decode("utf-8", "replace")


def _unescape(escape: re.Match[bytes]) -> bytes:
    return unhexlify(escape[1])


def _multipart(boundary: bytes, body: bytes, limits: FormLimits) -> Form:
    fields: list[tuple[str, str]] = []
    files: list[tuple[str, Upload]] = []
    for head, content in _parts_in(boundary, body, limits):
        if head.filename is None:
            fields.append((head.name, content.decode("utf-8", "replace")))
        elif head.filename or content:  # a browser sends an empty file without a name where none was chosen
            upload = Upload(head.name, head.filename, head.content_type, head.headers, content)
            files.append((head.name, upload))
    return Form(FormData(fields), Uploads(files))


def _parts_in(boundary: bytes, body: bytes, limits: FormLimits) -> Iterator[tuple[PartHead, bytes]]:
    reader = MultipartReader(boundary, limits)
    reader.feed(body)
    reader.finish()
    head: PartHead | None = None
    blocks: list[bytes] = []
    for event in reader.events:
        if isinstance(event, HTTPError):
            raise event
        if isinstance(event, PartHead):
            head, blocks = event, []
        elif isinstance(event, bytes):
            blocks.append(event)
        elif event is Mark.PART_END and head is not None:
            yield head, b"".join(blocks)
