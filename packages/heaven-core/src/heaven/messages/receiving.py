"""What comes in after the head of a request: its body, read where it is asked for, and word that the client left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from heaven.bodies.json import decode_json
from heaven.errors import BadRequest, BodyTooLarge, ClientDisconnected, HTTPError, UnsupportedMediaType
from heaven.http.headers import Headers
from heaven.http.media import parse_media_type

if TYPE_CHECKING:
    from heaven.bodies.forms import Form, FormData, Uploads
    from heaven.bodies.multipart import Part
    from heaven.messages.site import Site
    from heaven.types import Receive, Scope

BODY_METHODS = frozenset(("POST", "PUT", "PATCH", "QUERY"))
"""The methods whose requests have a body even where no header says so (HTTP/2 needs none)."""

# The charsets that text is read in (WHATWG Encoding 4.2, without the rarest). Python's own list is longer: punycode
# takes quadratic time, "undefined" raises errors of its own, and every unknown name is remembered for ever.
_CHARSETS = frozenset(
    (
        "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1",
        "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-15",
        "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254",
        "windows-1255", "windows-1256", "windows-1257", "windows-1258",
        "koi8-r", "koi8-u", "utf-16", "utf-16le", "utf-16be",
        "shift_jis", "euc-jp", "iso-2022-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr",
    )
)  # fmt: skip


# PERF: no Struct, and no slots: below a second Struct a request costs 1% more on static JSON.
class Receiving:
    """Mixed into the request: what a server's `receive` brings, and what of the head says how to read it."""

    # Nothing is stored here. A plain () would have type checkers refuse to set what follows: fields of Request.
    __slots__ = tuple[str, ...]()

    scope: Scope
    receive: Receive
    site: Site
    watch: asyncio.Task[None] | None
    _body: bytes | UnsetType
    _data: Any
    _form: Form | UnsetType
    _headers: Headers | UnsetType
    _json: Any
    _streamed: bool | UnsetType

    # What the head says

    @property
    def route(self) -> str | None:
        """The pattern that matched, with the prefixes it is mounted under, or None where none did."""
        return self.site.route

    @property
    def method(self) -> str:
        """The HTTP method, in capitals (RFC 9110 9); a WebSocket begins with a GET."""
        method: str = self.scope.get("method", "GET")
        return method

    @property
    def headers(self) -> Headers:
        """The header fields, found whatever the case of their names; repeated ones are joined (RFC 9110 5.3)."""
        if self._headers is UNSET:
            self._headers = Headers(self.scope["headers"])
        return self._headers

    # The body

    @property
    def body(self) -> bytes:
        """The whole body; empty where the request has none.

        Raises:
            RuntimeError: the route streams, so that there is no whole body.
        """
        if self._body is not UNSET:
            return self._body
        if self.site.streams:
            raise RuntimeError(
                f"{self.route} was registered with stream=True: read req.stream() or req.parts(), or leave it out"
            )
        return b""

    @property
    def text(self) -> str:
        """The body as text, by the charset of its Content-Type, else UTF-8.

        Raises:
            BadRequest: 400, it is not text in that charset.
            UnsupportedMediaType: 415, the charset is none of the usual ones, or the body is compressed.
        """
        self._refuse_coding()
        charset = parse_media_type(self.headers.get("content-type", ""))[1].get("charset", "utf-8")
        if charset.lower() not in _CHARSETS:
            raise UnsupportedMediaType("The charset of the Content-Type is not one that is read here; send UTF-8.")
        try:
            return self.body.decode(charset)
        except UnicodeDecodeError:
            raise BadRequest("The body is not text in the charset that its Content-Type names.") from None

    @property
    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            UnsupportedMediaType: 415: its Content-Type is not JSON, which a page of another site could send unasked.
            BadRequest: 400: it is not well-formed.
        """
        if self._json is UNSET:
            self.require_json()
            try:
                self._json = decode_json(self.body)
            except BadRequest:
                self._refuse_coding()
                raise
        return self._json

    def require_json(self) -> None:
        """Raise UnsupportedMediaType unless the Content-Type is JSON (`application/json` or `+json`)."""
        # PERF: looked for in the scope, a third of the cost of making Headers for it.
        for name, value in self.scope["headers"]:
            if value == b"application/json" and name == b"content-type":
                return
        kind = parse_media_type(self.headers.get("content-type", ""))[0]
        if kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMediaType(
                "Send JSON, with Content-Type: application/json.", headers={"accept": "application/json"}
            )

    @property
    def data(self) -> Any:
        """The body as a value: of the type the route `expects`, else by its Content-Type (JSON, form, text, bytes).

        Raises:
            ValidationError: 422, with all errors.
            UnsupportedMediaType: 415, the route expects JSON and got something else.
        """
        if self._data is UNSET:
            self._data = self._decoded()
        return self._data

    def _decoded(self) -> Any:
        expected = self.site.expected
        if expected is not None:
            self.require_json()
            try:
                return expected.decode(self.body)
            except HTTPError:
                self._refuse_coding()
                raise
        kind = parse_media_type(self.headers.get("content-type", ""))[0]
        if kind == "application/json" or kind.endswith("+json"):
            return self.json
        if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            return dict(self.form)
        return self.text if kind.startswith("text/") else self.body

    @property
    def form(self) -> FormData:
        """The fields of a form, urlencoded or multipart."""
        return self._parsed_form().fields

    @property
    def files(self) -> Uploads:
        """The files of a multipart form, by field name."""
        return self._parsed_form().files

    def _parsed_form(self) -> Form:
        if self._form is UNSET:
            self._refuse_coding()
            from heaven.bodies.forms import parse_form  # loaded with the first form

            self._form = parse_form(self.headers.get("content-type", ""), self.body)
        return self._form

    def _refuse_coding(self) -> None:
        """Raise UnsupportedMediaType for a compressed body: a few bytes of one can stand for any number of them."""
        coding = self.headers.get("content-encoding", "")
        if coding.lower() not in ("", "identity"):
            refusal = "Send the body as it is, without a Content-Encoding."
            raise UnsupportedMediaType(refusal, headers={"accept-encoding": "identity"})

    async def read(self, limit: int | None) -> None:
        """Take the body in, whole or not at all; Heaven calls it before the first hook.

        Args:
            limit: bytes it may have; they are counted, whatever its Content-Length was.

        Raises:
            BodyTooLarge: 413, more than `limit` bytes.
            ClientDisconnected: the client left half-way.
        """
        message = await self.receive()
        # PERF: most bodies come in one message; this way costs no generator.
        if message["type"] == "http.request" and not message.get("more_body", False):
            body = message.get("body", b"")
            if limit is not None and len(body) > limit:
                raise _too_large(limit)
            self._body = body
            return
        gathered = bytearray()
        async for chunk in self._chunks(message, limit):
            gathered += chunk
        self._body = bytes(gathered)

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it comes, in chunks of whatever size the server gives; for routes with `stream=True`.

        Raises:
            BodyTooLarge: 413, more than the route's `max_body_size`.
            ClientDisconnected: the client left half-way.
            RuntimeError: the stream was begun before; it comes once.

        Example:
            >>> async def upload(req, res, ctx):
            ...     size = 0
            ...     async for chunk in req.stream():
            ...         size += len(chunk)
            ...     return {"size": size}
        """
        if not self.site.streams:
            if self.body:
                yield self.body
            return
        if self._streamed is not UNSET:
            raise RuntimeError(f"{self.route} read its body already: a stream comes once, so keep what is needed of it")
        self._streamed = not self._may_have_body()
        if not self._streamed:
            async for chunk in self._chunks(await self.receive(), self.site.max_body_size):
                if chunk:
                    yield chunk

    @property
    def is_complete(self) -> bool:
        """Whether the body was taken in to its end, or there is none: `receive` tells of the client alone then."""
        return not self.site.streams or self._streamed is True or not self._may_have_body()

    def _may_have_body(self) -> bool:
        headers = self.headers
        length = headers.get("content-length")
        return length != "0" and (length is not None or "transfer-encoding" in headers or self.method in BODY_METHODS)

    def parts(self) -> AsyncIterator[Part]:
        """The parts of a multipart body as they come, each to be read, saved or passed over, in flat memory.

        Raises:
            UnsupportedMediaType: 415, it is not multipart, or it is compressed.
            BadRequest: 400, it is malformed or ends too early.
            BodyTooLarge: 413, over a limit.
        """
        self._refuse_coding()
        from heaven.bodies.multipart import parts  # loaded with the first form

        return parts(self.headers.get("content-type", ""), self.stream())

    async def _chunks(self, message: Any, limit: int | None) -> AsyncIterator[bytes]:
        size = 0
        while True:
            if message["type"] == "http.disconnect":
                raise ClientDisconnected("the client left before its request was complete")
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if limit is not None and size > limit:
                raise _too_large(limit)
            more: bool = message.get("more_body", False)
            self._streamed = not more
            yield chunk
            if not more:
                return
            message = await self.receive()

    # Whether somebody is still there

    async def is_disconnected(self) -> bool:
        """Whether the client has left, as far as the server knows by now; it never waits for anything.

        While a body is being streamed the answer is False: there `req.stream()` raises ClientDisconnected itself.
        """
        if self.watch is None and self.is_complete:
            self.watch = asyncio.ensure_future(self._until_gone())
        await asyncio.sleep(0)
        return self.watch is not None and _has_ended(self.watch)

    async def _until_gone(self) -> None:
        with suppress(OSError):  # some servers say so when nobody is there
            while (await self.receive())["type"] != "http.disconnect":
                pass

    async def release(self) -> bool:
        """Stop watching for the client, and say whether it was found to have left; Heaven calls it at the end."""
        watch, self.watch = self.watch, None
        if watch is None:
            return False
        watch.cancel()
        await asyncio.wait((watch,))
        return _has_ended(watch)


def _has_ended(watch: asyncio.Task[None]) -> bool:
    return watch.done() and not watch.cancelled() and watch.exception() is None


def refuse_length(declared: bytes, limit: int | None) -> None:
    """Raise for a Content-Length that is no number (400) or over the limit (413), before a byte is read."""
    if not declared.isdigit():
        raise BadRequest("Content-Length must be a number of bytes.")
    # More digits than any limit has need no conversion, which takes quadratic time.
    if limit is not None and (len(declared) > 19 or int(declared) > limit):
        raise _too_large(limit)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {limit} bytes.")
