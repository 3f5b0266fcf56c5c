"""What a handler returns to say more than a value can: status, headers, cookies, and bodies of other kinds."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import Any, Self, TypedDict, Unpack

from heaven import Response as CoreResponse
from heaven import ResponseHeaders
from heaven.http.cookies import SameSite
from heaven.types import Receive, Scope, Send
from heaven_contrib.routing.responding.alone import answer
from heaven_contrib.routing.responding.background import BackgroundTask, BackgroundTasks
from heaven_contrib.routing.responding.bodies import writer
from heaven_contrib.routing.responding.cookies import Cookie
from heaven_contrib.routing.responding.overlay import overlay
from heaven_contrib.routing.threads import iterated_in_thread

__all__ = [
    "EventStreamResponse",
    "FileResponse",
    "HTMLResponse",
    "JSONResponse",
    "PlainTextResponse",
    "RedirectResponse",
    "Response",
    "ResponseOptions",
    "StreamingResponse",
]


class ResponseOptions(TypedDict, total=False):
    """What every response takes by name."""

    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None
    """Header fields; pairs, where one of them stands several times."""
    cookies: Iterable[Cookie] | None
    """Those that are set."""
    background: BackgroundTask | BackgroundTasks | None
    """What is called after the response was sent, after what the route declares."""


class Response:
    """A value with its status, headers and cookies; what it says wins over the route and all levels.

    A subclass may set `media_type` for the class, and write `render` to say what its content becomes.

    Args:
        content: what a handler may return as it is: a value that is written as its media type says, bytes, or None.
        status_code: None leaves it to the route.
        headers: header fields; pairs, where one of them stands several times.
        media_type: the Content-Type; None leaves it to the class, then to the route, and then it is JSON.
        cookies: those that are set.
        background: what is called after the response was sent, after what the route declares.

    Raises:
        HeaderError: a header can't be sent.
        TypeError: a cookie is no `Cookie`.

    Example:
        >>> Response({"id": 7}, 201, headers={"location": "/orders/7"})
        <Response 201>
    """

    media_type: str | None = None

    def __init__(
        self,
        content: Any = None,
        status_code: int | None = None,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        media_type: str | None = None,
        cookies: Iterable[Cookie] | None = None,
        background: BackgroundTask | BackgroundTasks | None = None,
    ) -> None:
        self.content: Any = content
        self.status_code: int | None = status_code
        self._headers: ResponseHeaders | None = None
        self.background: BackgroundTask | BackgroundTasks | None = background
        if media_type is not None:
            self.media_type = media_type
        if headers:
            for name, value in headers.items() if isinstance(headers, Mapping) else headers:
                self.headers.add(name, value)
        for cookie in cookies or ():
            if not isinstance(cookie, Cookie):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"{type(self).__name__} got the cookie {cookie!r}; give a Cookie(key, value)")
            self.headers.raw.append((b"set-cookie", cookie.baked))

    @property
    def headers(self) -> ResponseHeaders:
        """The header fields: `response.headers["x"] = "y"` replaces, `response.headers.add("x", "y")` appends."""
        if self._headers is None:
            self._headers = ResponseHeaders()
        return self._headers

    @classmethod
    def of(cls, value: Any, status_code: int, media_type: str | None) -> Self:
        """The response for a value that a handler returned, where a level has this class for its `response_class`.

        Args:
            value: what the handler returned.
            status_code: the route's.
            media_type: the route's, or None.
        """
        if media_type is None:
            return cls(value, status_code=status_code)
        return cls(value, status_code=status_code, media_type=media_type)

    def set_cookie(
        self,
        key: str,
        value: str = "",
        *,
        max_age: int | None = None,
        expires: datetime | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = True,
        samesite: SameSite | None = "lax",
    ) -> None:
        """Set a cookie; its parameters are those of `Cookie`.

        Raises:
            ImproperlyConfigured: a part holds what would end it or begin another attribute.

        Example:
            >>> response = Response()
            >>> response.set_cookie("theme", "dark", max_age=3600)
            >>> response.headers["set-cookie"]
            'theme=dark; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax'
        """
        cookie = Cookie(
            key,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )
        self.headers.raw.append((b"set-cookie", cookie.baked))

    def delete_cookie(
        self, key: str, *, path: str | None = "/", domain: str | None = None, secure: bool = False
    ) -> None:
        """Have the client forget a cookie.

        Args:
            key: its name.
            path: the path it was set for.
            domain: the domain it was set for.
            secure: whether it was set as secure, as `__Host-` and `__Secure-` ones are.
        """
        self.set_cookie(key, max_age=0, path=path, domain=domain, secure=secure)

    def render(self, content: Any) -> Any:
        """What is sent for the content: a value that is written as the media type says, or bytes as they are.

        Example:
            >>> class Enveloped(Response):
            ...     def render(self, content):
            ...         return {"data": content}
            >>> Enveloped([1, 2], 201)
            <Enveloped 201>
        """
        return content

    def put(self, res: CoreResponse, media_type: str | None = None) -> None:
        """Write all of it onto the response that is sent.

        Args:
            res: the core's response.
            media_type: what counts where this one says none.

        Raises:
            TypeError: the content can't be written under its media type.
        """
        if self.status_code is not None:
            res.status = self.status_code
        self.put_body(res, media_type)
        if self._headers is not None:
            overlay(res, self._headers.raw)
        if self.background is not None:
            self.background.put(res)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with it, as an ASGI application: for interceptors and middleware that end a request."""
        await answer(self.put, scope, receive, send)

    def put_body(self, res: CoreResponse, media_type: str | None) -> None:
        """Write the body, and the headers that belong to it; `put` does the rest."""
        writer(self.media_type or media_type)(self.render(self.content), res)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>" if self.status_code is None else f"<{type(self).__name__} {self.status_code}>"


class JSONResponse(Response):
    """A value as JSON, whatever media type the route has.

    Example:
        >>> res = CoreResponse()
        >>> JSONResponse("gone", 410).put(res, "text/html")
        >>> res.status, bytes(res.body)
        (410, b'"gone"')
    """

    media_type: str | None = "application/json"


class HTMLResponse(Response):
    """A page, as str or bytes in UTF-8; nothing in it is escaped.

    Example:
        >>> res = CoreResponse()
        >>> HTMLResponse("<h1>Hello</h1>").put(res)
        >>> res.headers["content-type"]
        'text/html; charset=utf-8'
    """

    media_type: str | None = "text/html"


class PlainTextResponse(Response):
    """Text, as str, as bytes in UTF-8, or as a number.

    Example:
        >>> res = CoreResponse()
        >>> PlainTextResponse("pong").put(res)
        >>> res.body, res.headers["content-type"]
        ('pong', 'text/plain; charset=utf-8')
    """

    media_type: str | None = "text/plain"


class RedirectResponse(Response):
    """Sends the client elsewhere.

    Args:
        url: a path or a whole URL; what a URL can't hold is percent-encoded.
        status_code: 301, 302, 303, 307 or 308 (RFC 9110 15.4).
        **options: header fields beside Location, cookies and background, as `Response` takes them.

    Example:
        >>> res = CoreResponse()
        >>> RedirectResponse("/login", 303).put(res)
        >>> res.status, res.headers["location"]
        (303, '/login')
    """

    def __init__(self, url: str, status_code: int = 307, **options: Unpack[ResponseOptions]) -> None:
        super().__init__(url, status_code, **options)

    @classmethod
    def of(cls, value: Any, status_code: int, media_type: str | None) -> Self:  # noqa: ARG003 (there is no body)
        """A redirect to the URL that a handler returned, with the route's status if that is one of redirects."""
        return cls(value, status_code) if 300 <= status_code < 400 else cls(value)

    def put_body(self, res: CoreResponse, media_type: str | None) -> None:  # noqa: ARG002 (there is no body)
        """Write the Location.

        Raises:
            ValueError: the status is none of redirects.
            HeaderError: the URL holds control characters.
        """
        res.redirect(self.content, res.status)


class StreamingResponse(Response):
    """Sends what an iterator gives, as it comes; `application/octet-stream` unless it or the route says otherwise.

    The content is an async iterator of bytes or str, or a sync one, of which each piece is fetched in a thread.

    Example:
        >>> async def rows():
        ...     yield "id,total"
        >>> StreamingResponse(rows(), media_type="text/csv")
        <StreamingResponse>
    """

    def render(self, content: Any) -> AsyncIterable[Any]:
        """The content as an async iterator.

        Raises:
            TypeError: it is no iterator, or is whole already.
        """
        return _async_iterable(content, self)


class EventStreamResponse(Response):
    """Sends server-sent events (WHATWG HTML 9.2) until the iterator, the client or the server ends.

    Args:
        content: an iterator, async or sync, of str, or of mappings with `data`, `event`, `id` and `retry`.
        status_code: None leaves it to the route.
        ping: seconds of silence after which a comment is sent.
        retry: milliseconds after which a client that lost the connection may come back.
        **options: header fields, cookies and background, as `Response` takes them.

    Example:
        >>> async def ticks():
        ...     yield {"event": "tick", "data": {"number": 1}}
        >>> EventStreamResponse(ticks(), retry=3000)
        <EventStreamResponse>
    """

    def __init__(
        self,
        content: AsyncIterable[str | Mapping[str, Any]] | Iterable[str | Mapping[str, Any]],
        status_code: int | None = None,
        *,
        ping: float = 15.0,
        retry: int | None = None,
        **options: Unpack[ResponseOptions],
    ) -> None:
        super().__init__(content, status_code, **options)
        self.ping: float = ping
        self.retry: int | None = retry

    @classmethod
    def of(cls, value: Any, status_code: int, media_type: str | None) -> Self:  # noqa: ARG003 (it is always the same)
        """The stream of what a handler returned."""
        return cls(value, status_code)

    def put_body(self, res: CoreResponse, media_type: str | None) -> None:  # noqa: ARG002 (it is always the same)
        """Have the events for the body.

        Raises:
            TypeError: the content is no iterator.
            ValueError: `ping` is not above 0, or `retry` no number of milliseconds.
        """
        res.events(aiter(_async_iterable(self.content, self)), ping=self.ping, retry=self.retry)


class FileResponse(Response):
    """Sends a file, with ETag, Last-Modified, conditional and Range requests (RFC 9110 13 and 14).

    Args:
        path: the file; one that is missing is a 404.
        status_code: None leaves it to the route; parts are sent, and 304, where it comes to 200.
        filename: the name it is to be saved under; without it the client shows the file.
        within: the folder that it may not leave, whatever `path` says; needed where `path` comes from a client.
        media_type: its Content-Type; None leaves it to the route, and then to the file's name.
        **options: header fields, cookies and background, as `Response` takes them.

    Example:
        >>> FileResponse("7.pdf", filename="report.pdf", within="/srv/reports")
        <FileResponse>
    """

    def __init__(
        self,
        path: str | PathLike[str],
        status_code: int | None = None,
        *,
        filename: str | None = None,
        within: str | PathLike[str] | None = None,
        media_type: str | None = None,
        **options: Unpack[ResponseOptions],
    ) -> None:
        super().__init__(path, status_code, media_type=media_type, **options)
        self.filename: str | None = filename
        self.within: str | PathLike[str] | None = within

    def put_body(self, res: CoreResponse, media_type: str | None) -> None:
        """Have the file for the body."""
        res.file(self.content, self.filename, self.within, self.media_type or media_type)


_WHOLE: tuple[type, ...] = (str, bytes, bytearray, memoryview, Mapping)


def _async_iterable(content: Any, response: Response) -> AsyncIterable[Any]:
    if hasattr(content, "__aiter__"):
        found: AsyncIterable[Any] = content
        return found
    if isinstance(content, _WHOLE) or not hasattr(content, "__iter__"):
        raise TypeError(
            f"{type(response).__name__} got {type(content).__qualname__}; give an iterator, such as a generator, or "
            "return what is whole as it is"
        )
    return iterated_in_thread(content)
