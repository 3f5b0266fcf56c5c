"""A multipart/form-data body, part by part, as it arrives (RFC 7578): memory holds one chunk, whatever is sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from heaven.bodies.disk import NewFile
from heaven.bodies.multipart_events import FormLimits, Mark, MultipartReader, PartHead, boundary_of
from heaven.bodies.paths import place_within
from heaven.errors import BadRequest, BodyTooLarge, HTTPError, NotFound

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterator

    from heaven.http.headers import Headers

SAVE_BLOCK: Final = 512 * 1024
"""Bytes that are gathered before a thread is asked to write them."""


class Part:
    r"""One field or file of a multipart form that is still arriving.

    It is read before the next one is asked for; what was not read by then is skipped.

    Example:
        >>> import asyncio
        >>> async def body():
        ...     yield b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--'
        >>> async def read() -> None:
        ...     async for part in parts("multipart/form-data; boundary=x", body()):
        ...         print(part.name, await part.text())
        >>> asyncio.run(read())
        a 1
    """

    __slots__ = ("_source", "content_type", "filename", "finished", "headers", "name")

    def __init__(self, head: PartHead, source: Source) -> None:
        self.name: str = head.name
        self.filename: str | None = head.filename
        self.content_type: str | None = head.content_type
        self.headers: Headers = head.headers
        self.finished: bool = False
        self._source = source

    def __repr__(self) -> str:
        return f"<Part {self.name!r} filename={self.filename!r} content_type={self.content_type!r}>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        block = await self._source.next_block(self)
        if block is None:
            raise StopAsyncIteration
        return block

    async def read(self, limit: int | None = None) -> bytes:
        """Everything of this part that was not read yet.

        Args:
            limit: the most bytes it may have; `FormLimits.field_size` by default, also for a file.

        Raises:
            BodyTooLarge: it has more.
        """
        room = self._source.limits.field_size if limit is None else limit
        blocks: list[bytes] = []
        async for block in self:
            room -= len(block)
            if room < 0:
                raise _part_too_large(self.name)
            blocks.append(block)
        return b"".join(blocks)

    async def text(self, limit: int | None = None) -> str:
        """The same as text: UTF-8, where what isn't becomes U+FFFD, as in a browser's `formData()`."""
        return (await self.read(limit)).decode("utf-8", "replace")

    async def save(
        self, path: str | os.PathLike[str], *, within: str | os.PathLike[str] | None = None, max_size: int | None = None
    ) -> int:
        """Write this part to a file, off the event loop, in blocks; the file appears when it is complete or not at all.

        Args:
            path: where to; the part's filename is a label that the client chose, and never a path.
            within: a folder that is never left: `path` is relative to it, or absolute and below it.
            max_size: the most bytes it may have; None leaves it to the limits of the form.

        Returns:
            The number of bytes written.

        Raises:
            BodyTooLarge: it has more than `max_size`.
            BadRequest: `path` is not below `within`.
            OSError: the disk's own refusals.
        """
        target = await place_upload(path, within)
        total = pending = 0
        blocks: list[bytes] = []
        async with NewFile(target) as new:
            async for block in self:
                total += len(block)
                if max_size is not None and total > max_size:
                    raise _part_too_large(self.name)
                blocks.append(block)
                pending += len(block)
                if pending >= SAVE_BLOCK:
                    await new.write(blocks)
                    blocks, pending = [], 0
            await new.keep(blocks)
        return total


def _part_too_large(name: str) -> BodyTooLarge:
    return BodyTooLarge(f"The part {name!r} of the form is too large.")


async def place_upload(path: str | os.PathLike[str], within: str | os.PathLike[str] | None) -> Path:
    """Where an upload is written to; BadRequest when that is not below `within`."""
    if within is None:
        return Path(path)
    try:
        return await asyncio.to_thread(_place_inside, within, path)
    except NotFound:
        raise BadRequest("A file can't be kept under that name.") from None


def _place_inside(within: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    target = place_within(within, path)
    # The folder itself, as an empty filename names it, is no place for a file: it would be written beside the folder.
    if target == place_within(within, ""):
        raise NotFound
    return target


class Source:
    """Turns chunks into events on demand; it knows which part is the current one."""

    __slots__ = ("_chunks", "_current", "_reader", "limits")

    def __init__(self, reader: MultipartReader, chunks: AsyncIterator[bytes], limits: FormLimits) -> None:
        self._reader = reader
        self._chunks = chunks
        self._current: Part | None = None
        self.limits: FormLimits = limits

    async def _next_event(self) -> PartHead | bytes | Mark:
        events = self._reader.events
        while not events:
            try:
                self._reader.feed(await anext(self._chunks))
            except StopAsyncIteration:
                self._reader.finish()
        if isinstance(event := events[0], HTTPError):  # it stays: asked again, the answer is the same
            raise event
        if event is not Mark.END:
            del events[0]
        return event

    async def next_part(self) -> Part | None:
        """The next part, after skipping what is unread of the current one; None at the end."""
        self._current = None
        while not isinstance(head := await self._next_event(), PartHead):
            if head is Mark.END:
                return None
        self._current = Part(head, self)
        return self._current

    async def next_block(self, part: Part) -> bytes | None:
        """The next bytes of this part, None at its end."""
        if part.finished:
            return None
        if part is not self._current:
            raise RuntimeError(f"{part!r} was skipped when the next part was asked for; read it before going on")
        event = await self._next_event()
        if isinstance(event, bytes):
            return event
        self._current = None
        part.finished = True
        return None


async def parts(
    content_type: str, chunks: AsyncIterator[bytes], limits: FormLimits | None = None
) -> AsyncGenerator[Part, None]:
    r"""The parts of a multipart/form-data body, one after the other, as it arrives.

    Args:
        content_type: the request's Content-Type.
        chunks: the body, cut anywhere; nothing is read from it after the closing boundary.
        limits: when to refuse; `FormLimits()` by default.

    Yields:
        A `Part`; read it, or save it, before going on to the next.

    Raises:
        UnsupportedMediaType: the body is not multipart/form-data.
        BadRequest: it is malformed, or ends before its closing boundary.
        BodyTooLarge: it is over one of the limits.

    Source: RFC 7578.

    Example:
        >>> import asyncio
        >>> async def body():
        ...     yield b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.txt"\r\n\r'
        ...     yield b'\nhello\r\n--x--\r\n'
        >>> async def read() -> None:
        ...     async for part in parts("multipart/form-data; boundary=x", body()):
        ...         print(part.name, part.filename, [block async for block in part])
        >>> asyncio.run(read())
        a a.txt [b'hello']
    """
    limits = limits or FormLimits()
    source = Source(MultipartReader(boundary_of(content_type), limits), chunks, limits)
    while (part := await source.next_part()) is not None:
        yield part
