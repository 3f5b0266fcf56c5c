"""A file as a response body: conditional and Range requests, in flat memory, read off the event loop."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from heaven.bodies.disk import READ_FLAGS, OpenFile
from heaven.bodies.paths import place_within
from heaven.errors import HeavenError, HTTPError, NotFound
from heaven.http.conditional import evaluate, http_time, range_applies
from heaven.http.filetypes import media_type_of
from heaven.http.ranges import UNSATISFIABLE, WHOLE, Span, parse_range
from heaven.liveness import WhileConnected
from heaven.messages.streams import send_or_leave

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.types import Send

__all__ = ["BLOCK", "SMALL", "FileBody", "Found", "content_disposition", "look_up"]

BLOCK: Final = 256 * 1024
"""Bytes that are read and sent at a time."""

SMALL: Final = 64 * 1024
"""A file up to this size is read in the same piece of work that opens it."""

_NOTHING_THERE: Final = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EINVAL,
        errno.EILSEQ,
        errno.ENXIO,
        errno.ENODEV,
    }
)

_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\]")
_BEYOND_QUOTED: Final = re.compile(r"[^ !#-$&-~]")  # what isn't ASCII, and `"` and `%`, which clients read differently
_ATTRIBUTE: Final = "!#$&+-.^_`|~"

_Piece: TypeAlias = bytes | Span
"""What is sent after the headers: bytes as they are, or a span of the file."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there: what the headers say of it, and its content if it is small."""

    path: Path
    size: int
    modified: int
    etag: str
    content: bytes | None


def look_up(file: OpenFile, path: Path, *, with_content: bool) -> Found:
    """Open a file and see what it is; called in a thread.

    Args:
        file: where it is opened.
        path: which one.
        with_content: read it as well, if it is small.

    Raises:
        NotFound: it is missing, may not be read, or is a folder, a pipe or a device.
    """
    try:
        file.open(path, READ_FLAGS)
        state = os.fstat(file.fd)
    except ValueError:
        raise NotFound from None
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            raise NotFound from None
        raise
    if not stat.S_ISREG(state.st_mode):
        raise NotFound
    size = state.st_size
    content = read_block(file.fd, 0, size) if with_content and size <= SMALL else None
    identity = f"{size}-{state.st_mtime_ns}-{state.st_ino}".encode()
    etag = f'"{blake2b(identity, digest_size=12).hexdigest()}"'
    return Found(path, size if content is None else len(content), int(state.st_mtime), etag, content)


def read_block(fd: int, start: int, stop: int) -> bytes:
    """The bytes of a file from `start` up to `stop`; fewer only where it ends before."""
    os.lseek(fd, start, os.SEEK_SET)
    blocks: list[bytes] = []
    while start < stop and (block := os.read(fd, stop - start)):
        blocks.append(block)
        start += len(block)
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


class FileBody:
    """A file to be sent: `res.body = FileBody("report.pdf")`, or `res.file(...)`.

    It answers If-None-Match, If-Modified-Since, If-Match, If-Unmodified-Since, If-Range and Range, with 200, 206, 304,
    412 or 416. What the handler set itself (Content-Type, ETag, Cache-Control ...) is left as it is, and a status other
    than 200 is sent with the whole file.

    Args:
        path: which file; in a thread it is opened when the response is sent.
        filename: the name the client is to save it under; without one the client shows the file.
        within: a folder that is never left: `path` is relative to it, or absolute and below it.
        media_type: the Content-Type; by default what the file's name says.
        cache_control: the Cache-Control, unless the handler sets one.
        found: the file was looked up already.

    Source: RFC 9110 13, 14; RFC 6266.

    Example:
        >>> FileBody("reports/7.pdf", filename="report.pdf", within="/srv/reports")
        <FileBody 'reports/7.pdf'>
    """

    __slots__ = ("_cache_control", "_filename", "_found", "_media_type", "_path", "_within")

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        filename: str | None = None,
        within: str | os.PathLike[str] | None = None,
        media_type: str | None = None,
        cache_control: str | None = None,
        found: Found | None = None,
    ) -> None:
        self._path = path
        self._filename = filename
        self._within = within
        self._media_type = media_type
        self._cache_control = cache_control
        self._found = found

    def __repr__(self) -> str:
        return f"<FileBody {os.fspath(self._path)!r}>"

    async def deliver(self, req: Request, res: Response, send: Send) -> None:
        """Send the file, or the part of it that is asked for.

        Raises:
            NotFound: there is no such file, or not within the folder; nothing was sent yet.
            HTTPError: 412 or 416; nothing was sent yet.
            ClientDisconnected: the client left half-way.
        """
        whole_by_server = "http.response.pathsend" in (req.scope.get("extensions") or ())
        with OpenFile() as file:
            found = self._found
            wanted = req.method != "HEAD" and not whole_by_server
            if found is None or (found.content is None and req.method != "HEAD"):
                found = await file.run(partial(self._look_up, file, with_content=wanted))
            pieces = self._begin(req, res, found)
            start = {"type": "http.response.start", "status": res.status, "headers": list(res.headers.raw)}
            await send_or_leave(send, start)
            if not pieces or req.method == "HEAD":
                await send_or_leave(send, {"type": "http.response.body", "body": b""})
            elif whole_by_server and pieces == [(0, found.size)]:
                await send_or_leave(send, {"type": "http.response.pathsend", "path": str(found.path)})
            elif found.content is not None:
                await _send_small(found.content, pieces, send)
            else:
                async with WhileConnected(req.receive):
                    await _send_large(file, found.path, pieces, send)

    def _look_up(self, file: OpenFile, *, with_content: bool) -> Found:
        path = Path(self._path) if self._within is None else place_within(self._within, self._path)
        return look_up(file, path.absolute(), with_content=with_content)

    def _begin(self, req: Request, res: Response, found: Found) -> list[_Piece]:
        """Settle status and headers; what is to be sent after them, nothing for a 304."""
        headers = res.headers
        media_type = headers.setdefault("content-type", self._media_type or media_type_of(found.path.name))
        etag = headers.setdefault("etag", found.etag)
        last_modified = headers.setdefault("last-modified", http_time(found.modified))
        headers.setdefault("x-content-type-options", "nosniff")
        if self._cache_control is not None:
            headers.setdefault("cache-control", self._cache_control)
        if self._filename is not None:
            headers.setdefault("content-disposition", content_disposition(self._filename))
        pieces: list[_Piece] = [(0, found.size)]
        if res.status == 200 and req.method in ("GET", "HEAD"):
            headers["accept-ranges"] = "bytes"
            verdict = evaluate(req.headers, etag, found.modified)
            if verdict == 412:
                raise HTTPError(412, "The file is another one by now.")
            if verdict == 304:
                return _not_modified(res)
            wanted = req.headers.get("range")
            if wanted is not None and req.method == "GET" and range_applies(req.headers, etag, last_modified):
                pieces = _ranged(res, wanted, found.size, media_type)
        headers["content-length"] = str(sum(map(_length, pieces)))
        return pieces


def _not_modified(res: Response) -> list[_Piece]:
    """A 304 says nothing about a body that it doesn't have (RFC 9110 15.4.5)."""
    res.status = 304
    for name in ("content-type", "content-length", "content-disposition", "content-encoding", "last-modified"):
        res.headers.pop(name, None)
    return []


def _ranged(res: Response, wanted: str, size: int, media_type: str) -> list[_Piece]:
    spans = parse_range(wanted, size)
    if spans is WHOLE:
        return [(0, size)]
    if spans is UNSATISFIABLE:
        raise HTTPError(416, f"The file has {size} bytes.", headers={"content-range": f"bytes */{size}"})
    res.status = 206
    if len(spans) == 1:
        res.headers["content-range"] = _content_range(spans[0], size)
        return [spans[0]]
    boundary = secrets.token_hex(12)
    res.headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
    pieces: list[_Piece] = []
    for span in spans:
        head = f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {_content_range(span, size)}\r\n\r\n"
        pieces += [head.encode("latin-1"), span, b"\r\n"]
    return [*pieces, f"--{boundary}--\r\n".encode()]


def _content_range(span: Span, size: int) -> str:
    return f"bytes {span[0]}-{span[1] - 1}/{size}"


def _length(piece: _Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]


async def _send_small(content: bytes, pieces: list[_Piece], send: Send) -> None:
    body = b"".join(piece if isinstance(piece, bytes) else content[slice(*piece)] for piece in pieces)
    await send_or_leave(send, {"type": "http.response.body", "body": body})


async def _send_large(file: OpenFile, path: Path, pieces: list[_Piece], send: Send) -> None:
    left = sum(map(_length, pieces))
    for piece in pieces:
        for start, stop in _blocks(piece):
            block = piece if isinstance(piece, bytes) else await file.run(partial(read_block, file.fd, start, stop))
            if len(block) < stop - start:
                raise HeavenError(f"{path} became shorter while it was sent")
            left -= len(block)
            await send_or_leave(send, {"type": "http.response.body", "body": block, "more_body": left > 0})


def _blocks(piece: _Piece) -> Iterator[Span]:
    start, stop = (0, len(piece)) if isinstance(piece, bytes) else piece
    for block in range(start, stop, BLOCK):
        yield block, min(block + BLOCK, stop)


def content_disposition(filename: str) -> str:
    r"""The Content-Disposition that makes a client save what it gets under this name.

    Args:
        filename: any text; control characters and slashes become `_`. Names outside ASCII are sent twice: as
            `filename*` and, for old clients, with `_` for what they can't read.

    Source: RFC 6266 4.3, appendix D; RFC 8187 3.2.

    Example:
        >>> content_disposition("Größe.txt")
        'attachment; filename="Gr__e.txt"; filename*=UTF-8\'\'Gr%C3%B6%C3%9Fe.txt'
    """
    name = _UNSAFE.sub("_", filename)
    plain = _BEYOND_QUOTED.sub("_", name)
    disposition = f'attachment; filename="{plain}"'
    if plain == name:
        return disposition
    return f"{disposition}; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE, errors='replace')}"
