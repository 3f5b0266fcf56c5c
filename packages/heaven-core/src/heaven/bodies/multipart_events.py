"""What the bytes of a multipart/form-data body say, in order (RFC 7578): values, as soon as they are known."""

from __future__ import annotations

import enum
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from heaven.errors import BadRequest, BodyTooLarge, HTTPError, UnsupportedMediaType
from heaven.http.headers import TCHAR, Headers
from heaven.http.media import parse_media_type

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

    from heaven.types import RawHeaders

_Event: TypeAlias = "PartHead | bytes | Mark | HTTPError"

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PARAMETER = re.compile(rf';[ \t]*+({TCHAR}++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]*+))[ \t]*+')
_QUOTED = re.compile(r'\\(["\\])')
_PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary")


@dataclass(frozen=True, slots=True)
class FormLimits:
    """How much of a form is read before it is refused with 413.

    Args:
        parts: how many fields and files together.
        field_size: bytes of one field, that is a part without a filename.
        header_size: bytes of all the headers of one part together.
        file_size: bytes of one file; None leaves it to the body's limit.
    """

    parts: int = 1000
    field_size: int = 1_048_576
    header_size: int = 8192
    file_size: int | None = None


@dataclass(frozen=True, slots=True)
class PartHead:
    """What the headers of a part say."""

    name: str
    filename: str | None
    content_type: str | None
    headers: Headers


def boundary_of(content_type: str) -> bytes:
    """The boundary that a multipart/form-data Content-Type names.

    Raises:
        UnsupportedMediaType: it is another media type.
        BadRequest: the boundary is missing or malformed.

    Source: RFC 2046 5.1.1, RFC 7578 4.1.

    Example:
        >>> boundary_of("multipart/form-data; boundary=xyz")
        b'xyz'
    """
    media_type, parameters = parse_media_type(content_type)
    if media_type != "multipart/form-data":
        raise UnsupportedMediaType("This takes multipart/form-data.")
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequest("The Content-Type has no boundary of 1 to 70 characters (RFC 2046 5.1.1).")
    return boundary.encode("ascii")


class Mark(enum.Enum):
    """Where a part ends, and where the form does."""

    PART_END = "part end"
    END = "end"


class MultipartReader:
    r"""Bytes in, events out: a `PartHead`, the `bytes` of its content, `Mark.PART_END`; at last `Mark.END`.

    What is wrong with the body becomes the last event, an exception to be raised when everything before it was
    handed over, so that the cuts between the chunks never change what a handler sees.

    Example:
        >>> reader = MultipartReader(b"x", FormLimits())
        >>> reader.feed(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--')
        >>> [event.name if isinstance(event, PartHead) else event for event in reader.events]
        ['a', b'1', <Mark.PART_END: 'part end'>, <Mark.END: 'end'>]
    """

    __slots__ = (
        "_field",
        "_headers",
        "_idle",
        "_limits",
        "_opening",
        "_parser",
        "_parts",
        "_room",
        "_size",
        "_value",
        "ended",
        "events",
    )

    def __init__(self, boundary: bytes, limits: FormLimits) -> None:
        self.events: deque[_Event] = deque()
        self.ended: bool = False  # the closing boundary was read, or the body is wrong: nothing more will come
        self._limits = limits
        self._opening: bytes | None = b""
        self._parts = 0
        self._room: int | None = None
        self._size = 0
        self._idle = 0
        self._headers: RawHeaders = []
        self._field: list[bytes] = []
        self._value: list[bytes] = []
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        size = limits.header_size
        self._parser = MultipartParser(boundary, callbacks, max_header_count=size, max_header_size=size)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body; what follows the closing boundary is ignored (RFC 2046 5.1.1)."""
        if self.ended:
            return
        try:
            if self._opening is not None:
                data = self._open(data)
            if data:
                self._parse(data)
        except HTTPError as error:
            self._fail(error)
        except MultipartParseError as error:
            too_large = str(error).startswith("Maximum header")
            self._fail(self._headers_too_large() if too_large else BadRequest("The multipart body is malformed."))

    def _parse(self, data: bytes) -> None:
        before = len(self.events), self._size
        self._parser.write(data)
        # Blanks after a boundary say nothing and have no bound of their own.
        self._idle = self._idle + len(data) if before == (len(self.events), self._size) else 0
        if self._idle > self._limits.header_size:
            raise BadRequest("The multipart body is malformed.")

    def finish(self) -> None:
        """Say that the body is complete; one that ends before its closing boundary is malformed."""
        if not self.ended:
            self._fail(BadRequest("The multipart body ends before its closing boundary."))

    def _fail(self, error: HTTPError) -> None:
        self.ended = True
        self.events.append(error)

    def _open(self, data: bytes) -> bytes:
        """Hold back the first bytes until they show that there is no preamble: no form has one, and it has no bound."""
        opening = (self._opening or b"") + data
        start = 2 if opening.startswith(b"\r\n") else 0
        if len(opening) <= start or opening == b"\r":
            self._opening = opening
            return b""
        if opening[start] != 0x2D:
            raise BadRequest("The multipart body doesn't begin with its boundary.")
        self._opening = None
        return opening[start:]

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise BodyTooLarge(f"The form has more than {self._limits.parts} parts.")
        self._headers = []
        self._size = 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._field.append(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value.append(data[start:end])

    def _on_header_end(self) -> None:
        self._count_header(4)  # colon, blank, CR, LF
        self._headers.append((b"".join(self._field).lower(), b"".join(self._value).strip(b" \t")))
        self._field.clear()
        self._value.clear()

    def _count_header(self, size: int) -> None:
        self._size += size
        if self._size > self._limits.header_size:
            raise self._headers_too_large()

    def _headers_too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The headers of a part are larger than {self._limits.header_size} bytes.")

    def _on_headers_finished(self) -> None:
        head = read_head(self._headers)
        self._room = self._limits.field_size if head.filename is None else self._limits.file_size
        self._size = 0
        self.events.append(head)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._room is not None and self._size > self._room:
            raise BodyTooLarge(f"A part of the form is larger than {self._room} bytes.")
        self.events.append(data[start:end])

    def _on_part_end(self) -> None:
        self.events.append(Mark.PART_END)

    def _on_end(self) -> None:
        self.events.append(Mark.END)
        self.ended = True


def read_head(headers: RawHeaders) -> PartHead:
    """What the headers of one part say (RFC 7578 4.2 to 4.8).

    Names and filenames are UTF-8, as browsers send them. `filename*` counts where there is no `filename`: the standard
    forbids it and clients send it.

    Raises:
        BadRequest: no name, two Content-Dispositions or names, or a transfer encoding, which HTTP has no use for.

    Example:
        >>> read_head([(b"content-disposition", b'form-data; name="photo"; filename="me.png"')]).filename
        'me.png'
    """
    found = [value for name, value in headers if name == b"content-disposition"]
    if len(found) != 1:
        raise BadRequest("A part of the form needs exactly one Content-Disposition.")
    kind, parameters = _disposition(found[0].decode("utf-8", "replace"))
    if kind != "form-data" or "name" not in parameters:
        raise BadRequest("A part of the form has no name.")
    mapping = Headers(headers)
    if mapping.get("content-transfer-encoding", "").lower() not in _PLAIN_ENCODINGS:
        raise BadRequest("A part of the form has a Content-Transfer-Encoding (RFC 7578 4.7).")
    filename = parameters.get("filename", _extended(parameters.get("filename*")))
    return PartHead(parameters["name"], filename, mapping.get("content-type"), mapping)


def _disposition(value: str) -> tuple[str, dict[str, str]]:
    kind, semicolon, rest = value.partition(";")
    parameters: dict[str, str] = {}
    position, text = 0, semicolon + rest
    while position < len(text):
        match = _PARAMETER.match(text, position)
        key = match[1].lower() if match else ""
        if match is None or key in parameters:
            raise BadRequest("The Content-Disposition of a part is malformed.")
        quoted, token = match.group(2, 3)
        parameters[key] = token if quoted is None else _QUOTED.sub(r"\1", quoted)
        position = match.end()
    return kind.strip().lower(), parameters


def _extended(value: str | None) -> str | None:
    """The text of `UTF-8''na%C3%AFve.txt` (RFC 8187 3.2)."""
    if value is None:
        return None
    charset, _, text = value.partition("'")
    if charset.lower() not in ("utf-8", "iso-8859-1"):
        raise BadRequest("The filename* of a part is malformed.")
    return unquote(text.partition("'")[2], charset, "replace")
