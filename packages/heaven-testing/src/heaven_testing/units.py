"""A handler or hook by itself: called with a request that no server brought and no route chose."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import EllipsisType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict, Unpack

from heaven import App, Context, Request, Response
from heaven.callables import awaitable, name_of, resolve, said_at
from heaven.declaring.registrations import checked_pattern
from heaven.declaring.verbs import checked_options
from heaven.errors import Abort
from heaven.serving.endpoint import Endpoint
from heaven.serving.reach import Reach, site_for
from heaven.serving.recovery import Recovery
from heaven_testing.errors import ApplicationTimeout
from heaven_testing.inprocess.scopes import Peer, http_scope
from heaven_testing.inprocess.waiting import where
from heaven_testing.library import URL, AsyncByteStream, SyncByteStream
from heaven_testing.library import Request as Encoded

if TYPE_CHECKING:
    from heaven import Handler, Message

_PACKAGE = str(Path(__file__).parent) + os.sep
_BASE = URL("http://testserver")

Content: TypeAlias = str | bytes | Iterable[bytes] | AsyncIterable[bytes]
"""A body: as it is, or in the chunks it comes in."""

_File: TypeAlias = str | bytes | IO[bytes]
Upload: TypeAlias = _File | tuple[str | None, _File] | tuple[str | None, _File, str | None]
"""A file of a form: its content, with its name in front and its media type behind where they count."""


class RequestOptions(TypedDict, total=False):
    """What `make_request` and `call` take besides method and URL; `make_request` says what each is."""

    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None
    params: Mapping[str, Any] | None
    json: Any
    content: Content | None
    data: Mapping[str, Any] | None
    files: Mapping[str, Upload] | Sequence[tuple[str, Upload]] | None
    cookies: Mapping[str, str] | None
    client: tuple[str, int] | None
    root_path: str
    http_version: str
    route: str | None
    expects: Any
    stream: bool
    max_body_size: int | EllipsisType | None


class Called(NamedTuple):
    """What came of a call: the objects it was made with, and what the function returned."""

    req: Request
    res: Response
    ctx: Context
    returned: Any


def make_request(
    method: str = "GET",
    url: str = "/",
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    content: Content | None = None,
    data: Mapping[str, Any] | None = None,
    files: Mapping[str, Upload] | Sequence[tuple[str, Upload]] | None = None,
    cookies: Mapping[str, str] | None = None,
    client: tuple[str, int] | None = ("127.0.0.1", 50000),
    root_path: str = "",
    http_version: str = "1.1",
    route: str | None = None,
    expects: Any = None,
    stream: bool = False,
    max_body_size: int | EllipsisType | None = ...,
    app: App | None = None,
) -> Request:
    """A request as a handler gets it, its body taken in.

    Args:
        method: the HTTP method.
        url: a path, or a whole URL whose host counts; with its query.
        headers: header fields beside Host, and beside Content-Length and Content-Type of a body.
        params: the path parameters, as the route would have converted them.
        json: the body, sent as JSON.
        content: the body as it is, or in chunks: an iterable or an async iterable of bytes.
        data: the fields of a form.
        files: the files of a form, by field: content, `(name, content)` or `(name, content, media type)`.
        cookies: cookies by name.
        client: address and port of the client; None for one that has none.
        root_path: where the server has the application; it goes before the path.
        http_version: "1.0", "1.1", "2" or "3".
        route: the pattern for `req.route`; its query hints convert `req.queries`.
        expects: the type of the body, as in `app.POST(..., expects=...)`.
        stream: hand the body over piece by piece, as in `app.POST(..., stream=True)`.
        max_body_size: bytes the body may have, None for no limit; else what the application says.
        app: `req.app`; a fresh one where it is left out.

    Raises:
        BodyTooLarge: the body is larger than it may be.
        RegistrationError: route, expects, stream and max_body_size can't be a route's.
        TypeError: the body is an async iterable, for which this would have to wait: give `stream=True`, or use `call`.

    Example:
        >>> req = make_request("POST", "/orders?dry=yes", json={"quantity": 2}, params={"shop": 7})
        >>> req.json, req.queries, req.params, req.headers["content-type"], req.host
        ({'quantity': 2}, {'dry': 'yes'}, {'shop': 7}, 'application/json', 'testserver')
    """
    place = said_at(_PACKAGE)
    if isinstance(content, AsyncIterable) and not stream:
        raise TypeError(
            f"make_request at {place} got a body to wait for, and can't wait; "
            "give stream=True and read req.stream(), or use `await call(...)`"
        )
    encoded = Encoded(
        method,
        _BASE.join(url),
        headers=headers,  # pyright: ignore[reportArgumentType]
        cookies=dict(cookies) if cookies is not None else None,
        json=json,
        content=content,
        data=dict(data) if data is not None else None,
        files=files,
    )
    app = app if app is not None else App()
    options: dict[str, Any] = {"expects": expects, "stream": stream}
    if not isinstance(max_body_size, EllipsisType):
        options["max_body_size"] = max_body_size
    told = checked_options(app.defaults, options, encoded.method, "make_request", place)
    pattern = checked_pattern(route, "make_request", place) if route is not None else None
    scope = http_scope(encoded, Peer(client, root_path, http_version), {})
    req = Request(scope, _Sender(encoded.stream).receive, site_for(Reach.of(app), pattern, told), dict(params or {}))
    if not stream:
        _at_once(req.read(told.max_body_size))
    return req


def make_response() -> Response:
    """A response as a handler gets it.

    Example:
        >>> res = make_response()
        >>> res.status, res.body, res.outcome
        (200, None, 'ok')
    """
    return Response()


def make_context(**values: Any) -> Context:
    """A context as hooks leave it to a handler.

    Args:
        **values: what is kept there.

    Raises:
        KeyError: a name is one of the context's own methods.

    Example:
        >>> make_context(user="ada").user
        'ada'
    """
    ctx = Context()
    for name, value in values.items():
        ctx.keep(name, value)
    return ctx


async def call(
    handler: Handler | str,
    method: str = "GET",
    url: str = "/",
    *,
    ctx: Context | None = None,
    app: App | None = None,
    timeout: float | None = 5.0,
    **request: Unpack[RequestOptions],
) -> Called:
    """Call a handler or hook as an application would, without its routes, hooks and error handlers.

    What a handler returns becomes `res.body`. An application does not look at what a hook returns; that is here as
    `returned`, and as the body. `res.abort` ends the call as it ends a request: `res.outcome` is `"aborted"`. Every
    other exception is the test's. Nothing is sent and nothing that was deferred is called: `res.take_deferred()` gives
    it. What handles a WebSocket needs a client: `client.ws(...)`.

    Args:
        handler: sync or async; `async def handler(req, res, ctx)`, or a dotted name of one.
        method: the HTTP method.
        url: a path, or a whole URL.
        ctx: the context it finds; a fresh one where it is left out.
        app: `req.app`; a fresh one where it is left out.
        timeout: seconds it may take; None for no limit.
        **request: what `make_request` takes. An async iterable for a body is read to its end first, unless `stream`.

    Raises:
        ApplicationTimeout: it took longer; the message says where it waits.
        RegistrationError: it can't be called so.
        ValidationError: the body is not what the test says it `expects`, or the query not what its `route` hints at.

    Example:
        >>> async def create(req, res, ctx):
        ...     res.status = 201
        ...     return {"quantity": req.json["quantity"], "by": ctx.user}
        >>> called = asyncio.run(call(create, "POST", json={"quantity": 2}, ctx=make_context(user="ada")))
        >>> called.res.status, called.res.body
        (201, {'quantity': 2, 'by': 'ada'})
    """
    place = said_at(_PACKAGE)
    function = awaitable(resolve(handler, "call", place), 3, "call", place)
    content = request.get("content")
    if isinstance(content, AsyncIterable) and not request.get("stream"):
        request["content"] = [chunk async for chunk in content]
    req, res = make_request(method, url, app=app, **request), Response()
    ctx = ctx if ctx is not None else Context()
    returned: Any = None

    async def noted(*arguments: Any) -> Any:
        nonlocal returned
        returned = await function(*arguments)
        return returned

    endpoint = Endpoint(req.site, noted, recovery=Recovery(()), method=req.method)
    try:
        await _in_time(endpoint.produce(req, res, ctx), timeout, name_of(function))
    except Abort:
        res.outcome = "aborted"
    finally:
        await req.release()
    return Called(req, res, ctx, returned)


class _Sender:
    """The client's side of a request: it sends the body, and then waits for a response as long as it takes."""

    def __init__(self, stream: SyncByteStream | AsyncByteStream) -> None:
        # What is there already is gone through without waiting, as make_request does.
        self._chunks: Iterator[bytes] | AsyncIterator[bytes]
        self._chunks = iter(stream) if isinstance(stream, SyncByteStream) else aiter(stream)
        self._ended = False

    async def receive(self) -> Message:
        if self._ended:
            forever: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            return await forever
        chunks = self._chunks
        chunk = next(chunks, None) if isinstance(chunks, Iterator) else await anext(chunks, None)
        self._ended = chunk is None
        return {"type": "http.request", "body": chunk or b"", "more_body": not self._ended}


def _at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end what has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration:
        return


async def _in_time(work: Coroutine[Any, Any, None], seconds: float | None, name: str) -> None:
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(_retrieve)
    try:
        done, _ = await asyncio.wait((task,), timeout=seconds)
        if not done:
            raise ApplicationTimeout(f"{name} did not finish in {seconds:g} s: it {where(task)}")
        await task
    finally:
        task.cancel()
        await asyncio.wait((task,), timeout=seconds)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at what a task raised, so that the event loop does not report what the test is told already."""
    if not task.cancelled():
        task.exception()
