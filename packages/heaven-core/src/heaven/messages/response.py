"""What goes back: status, headers and a body of whatever kind; it is sent once every hook has run."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeAlias
from urllib.parse import quote

from msgspec import Struct

from heaven.bodies.json import encode_json
from heaven.errors import Abort, HeaderError
from heaven.http.cookies import bake_cookie
from heaven.http.headers import ResponseHeaders
from heaven.messages.head import BODILESS, LENGTHS, SHORT, fields, final_status
from heaven.messages.streams import StreamBody

if TYPE_CHECKING:
    from heaven.types import Deliverable, Message, Outcome

TEXT = (b"content-type", b"text/plain; charset=utf-8")
JSON = (b"content-type", b"application/json")
OCTETS = (b"content-type", b"application/octet-stream")
P = ParamSpec("P")

Deferred: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


# What describes the body that failed, or says how long it may be kept, must not describe the error that replaces it.
_REPRESENTATION = frozenset(
    (
        b"accept-ranges",
        b"cache-control",
        b"content-disposition",
        b"content-encoding",
        b"content-language",
        b"content-length",
        b"content-location",
        b"content-range",
        b"content-type",
        b"etag",
        b"expires",
        b"last-modified",
        b"location",
        b"refresh",
    )
)
_ONCE = frozenset(
    (
        "content-disposition",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "etag",
        "expires",
        "last-modified",
        "location",
        "retry-after",
    )
)
# A URL may come percent-encoded, or not; what no URL can hold is encoded: blanks, quotes, and the backslash that
# browsers take for a slash.
_IN_URLS = "%/:=&?~#+!$,;'@()*[]"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


# PERF: a Struct is made in C: 0.95 of the time on static JSON.
class Response(Struct, eq=False):
    """Lives with one request: the write side of `async def handler(req, res, ctx)`.

    `status` is an int or an `http.HTTPStatus`. `body` is sent by what it is: bytes as they are, str as text, None as
    nothing, a stream, file or event stream piece by piece, everything else as JSON. `outcome` says how the request
    went, for AFTER hooks: `ok`, `aborted`, `rejected` (an HTTPError), `failed`, `timeout`, `disconnected`, `cancelled`.

    Example:
        >>> async def create(req, res, ctx):
        ...     res.status = 201
        ...     res.headers["location"] = "/orders/7"
        ...     res.body = {"id": 7}
    """

    status: int = 200
    body: Any = None
    outcome: Outcome = "ok"
    deferred: list[Deferred] | None = None
    _headers: ResponseHeaders | None = None

    # Headers

    @property
    def headers(self) -> ResponseHeaders:
        """The header fields: `res.headers["x"] = "y"` replaces, `res.headers.add("x", "y")` appends.

        `res.headers = "X-Name", "value"` appends as well, except to fields that can only be there once, such as
        Content-Type; so does a list of such pairs. A mapping replaces.
        """
        headers = self._headers
        if headers is None:
            headers = self._headers = ResponseHeaders()
        return headers

    @headers.setter
    def headers(self, value: tuple[str, str] | Mapping[str, str] | Sequence[tuple[str, str]]) -> None:
        headers = self.headers
        if isinstance(value, Mapping):
            for name, text in value.items():
                headers[name] = text
            return
        pairs: Any = (value,) if len(value) == 2 and isinstance(value[0], str) else value
        for name, text in pairs:
            if str(name).lower() in _ONCE:
                headers[name] = str(text)
            else:
                headers.add(name, str(text))

    def header(self, name: str, value: str) -> Response:
        """Set one header field, and get the response back for the next call.

        Raises:
            HeaderError: the name or value holds what must not reach the wire (RFC 9110 5.5).
        """
        self.headers[name] = value
        return self

    def cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        expires: datetime | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = True,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
        partitioned: bool = False,
    ) -> Response:
        """Set a cookie (RFC 6265 4.1), hidden from scripts and from other sites' requests unless said otherwise.

        Args:
            name: a token; `__Host-` and `__Secure-` prefixes are held to their rules.
            value: what the client is to send back.
            max_age: seconds it lives; 0 removes it. Without `max_age` and `expires` it ends with the browser.
            expires: the moment it ends.
            path: the path it is sent to.
            domain: the domain whose hosts get it; None for this host alone.
            secure: send it over https only.
            httponly: hide it from scripts.
            samesite: which requests from other sites carry it; `none` needs `secure`.
            partitioned: keep it apart per top-level site.

        Raises:
            HeaderError: a part holds what would end it or add an attribute.
        """
        baked = bake_cookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self.headers.raw.append((b"set-cookie", baked))
        return self

    # Endings

    def redirect(self, url: str, status: int = 302) -> Response:
        """Send the client elsewhere; the handler goes on, and usually returns.

        Args:
            url: a path or a whole URL; what a URL can't hold, as characters outside ASCII, is percent-encoded.
            status: 301, 302, 303, 307 or 308 (RFC 9110 15.4).

        Raises:
            ValueError: the status is no redirection.
            HeaderError: the URL holds control characters.
        """
        if status not in (301, 302, 303, 307, 308):
            raise ValueError(f"redirect takes 301, 302, 303, 307 or 308, and got {status}")
        self.status = status
        if _CONTROL.search(url):
            raise HeaderError(f"redirect got {url[:80]!r}; leave control characters out")
        self.headers["location"] = quote(url, safe=_IN_URLS)
        self.body = None
        return self

    def abort(self, body: Any = None, status: int = 400) -> NoReturn:
        """End the request here, with this body and status and the headers set so far; AFTER hooks still run."""
        self.body = body
        self.status = status
        raise Abort

    def out(self, status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
        """Status, body and headers in one call."""
        self.status = status
        self.body = body
        if headers is not None:
            self.headers = headers
        return self

    def defer(self, function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Response:
        """Call a function, sync or async, after the response was sent.

        A failure is logged on `heaven.background` and reported to `ON(BackgroundError, ...)`. What was deferred is
        dropped where the request fails.
        """
        if not callable(function):
            raise TypeError(f"defer takes a function and its arguments, and got {function!r}; leave the call to Heaven")
        if self.deferred is None:
            self.deferred = []
        self.deferred.append((function, args, kwargs))
        return self

    # Bodies that come piece by piece

    def stream(self, iterator: AsyncIterator[bytes | str], media_type: str | None = None) -> Response:
        """Send what an async iterator yields, as it comes.

        Args:
            iterator: gives bytes or str.
            media_type: the Content-Type; `application/octet-stream` where it is not set as a header either.
        """
        self.body = StreamBody(iterator, media_type)
        return self

    def events(
        self, iterator: AsyncIterator[str | Mapping[str, Any]], *, ping: float = 15.0, retry: int | None = None
    ) -> Response:
        """Send server-sent events (WHATWG HTML 9.2) until the iterator, the client or the server ends.

        Args:
            iterator: gives str, or mappings with `data`, `event`, `id`, `retry`; `data` that is no str goes as JSON.
            ping: seconds of silence after which a comment is sent, so that proxies keep the connection.
            retry: milliseconds after which a client that lost the connection may come back.
        """
        from heaven.messages.sse import EventStream  # loaded with the first stream of events

        self.body = EventStream(iterator, ping=ping, retry=retry)
        return self

    def file(
        self,
        path: str | PathLike[str],
        filename: str | None = None,
        within: str | PathLike[str] | None = None,
        media_type: str | None = None,
    ) -> Response:
        """Send a file, with ETag, Last-Modified, conditional and Range requests (RFC 9110 13 and 14).

        Args:
            path: the file; one that is missing is a 404.
            filename: the name it is to be saved under; without it the client shows the file.
            within: the folder that it may not leave, whatever `path` says; needed where `path` comes from a client.
            media_type: its Content-Type, else guessed from its name.
        """
        from heaven.messages.files import FileBody  # loaded with the first file

        self.body = FileBody(path, filename=filename, within=within, media_type=media_type)
        return self

    # What Heaven does with it

    def restart(self, *, late: bool = False) -> None:
        """Forget the body that was being made, for the error that replaces it.

        Args:
            late: AFTER hooks ran already, so that what they did, cookies among it, stands.
        """
        self.body = None
        self.deferred = None
        headers = self._headers
        if headers is not None:
            raw = headers.raw
            raw[:] = [pair for pair in raw if pair[0] not in _REPRESENTATION and (late or pair[0] != b"set-cookie")]

    def take_deferred(self) -> list[Deferred]:
        """What was deferred, given out once."""
        deferred, self.deferred = self.deferred, None
        return deferred or []

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.outcome}>"


def messages(res: Response, *, head: bool = False) -> tuple[Message, Message]:
    """The two messages of a response whose body goes out in one piece.

    Args:
        res: the response.
        head: leave the content out, as the answer to HEAD does (RFC 9110 9.3.2).

    Raises:
        TypeError: the body can't be encoded, or the status is no number; the message says what can.
        ValueError: the status is none that a final response has.
    """
    body = res.body
    kind = type(body)  # pyright: ignore[reportUnknownVariableType]
    content_type: tuple[bytes, bytes] | None
    # PERF: the commonest kinds first, by identity.
    if kind is dict or kind is list:
        payload, content_type = encode_json(body), JSON
    elif kind is bytes:
        payload, content_type = body, OCTETS
    elif kind is str:
        payload, content_type = body.encode(), TEXT
    else:
        payload, content_type = _encoded(body)
    status = 200
    if res.status != 200:
        status = final_status(res.status)
        if status in BODILESS:
            payload, content_type = b"", None
    size = len(payload)
    # PERF: nearly all responses set no header, and are short: 0.96 of the time on static JSON.
    if (
        res._headers is None  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001
        and content_type is not None
        and size < SHORT
    ):
        head_fields = [content_type, LENGTHS[size]]
    else:
        head_fields = fields(res, content_type, None if status in BODILESS else size)
    return (
        {"type": "http.response.start", "status": status, "headers": head_fields},
        {"type": "http.response.body", "body": b"" if head else payload},
    )


def _encoded(body: Any) -> tuple[bytes, tuple[bytes, bytes] | None]:
    if body is None:
        return b"", None
    if isinstance(body, str):
        return body.encode(), TEXT
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body), OCTETS  # pyright: ignore[reportUnknownArgumentType]
    return encode_json(body), JSON


@lru_cache(maxsize=256)
def _delivers(kind: type) -> bool:
    # Looked for on the type, and async: an order that has a field or a method of this name is sent as JSON.
    return inspect.iscoroutinefunction(getattr(kind, "deliver", None))


WHOLE = frozenset((dict, list, str, bytes, type(None), tuple, int, float, bool))
"""The commonest types of bodies, which go out in one piece."""


# PERF: asked once for a type; a Struct goes the short way of a dict, 0.55 of the time on static JSON.
@lru_cache(maxsize=256)
def is_whole(kind: type) -> bool:
    """Whether bodies of this type go out in one piece, for those that `WHOLE` does not list."""
    return not _delivers(kind) and not hasattr(kind, "__aiter__")


def deliverable(body: Any) -> Deliverable | None:
    """The body itself where it sends itself, a stream of it where it is an async iterator, else None."""
    if _delivers(body.__class__):
        found: Deliverable = body
        return found
    return StreamBody(body) if hasattr(body, "__aiter__") else None
