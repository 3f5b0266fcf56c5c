"""What the client sent: parsed where it is asked for, and no sooner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from heaven.cookies import parse_cookies
from heaven.errors import BadRequest, BodyTooLarge, ClientDisconnected, UnsupportedMediaType, ValidationError
from heaven.forms import Form, parse_form
from heaven.headers import Headers
from heaven.hosts import host_name, subdomain_of
from heaven.media import parse_media_type
from heaven.multipart import Part, parts
from heaven.validation import decode_json

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.forms import FormData, Uploads
    from heaven.patterns import QueryHint
    from heaven.proxies import Origin
    from heaven.site import Site
    from heaven.types import Receive, Scope

MAX_QUERY_FIELDS = 1000


class Request:
    """Lives with one request: the read side of `async def handler(req, res, ctx)`.

    Handlers get it; nothing but Heaven makes one. `params` holds the path parameters, converted as the route says.

    Example:
        >>> async def read(req, res, ctx):
        ...     return {"id": req.params["id"], "agent": req.headers.get("user-agent"), "page": req.queries.get("page", 1)}
    """

    # PERF: no slot but five is filled up front; the others are found unset and filled when first asked for.
    __slots__ = (
        "_body",
        "_cookies",
        "_data",
        "_form",
        "_headers",
        "_json",
        "_origin",
        "_pairs",
        "_queries",
        "params",
        "receive",
        "scope",
        "site",
        "watch",
    )

    _body: bytes
    _cookies: dict[str, str]
    _data: Any
    _form: Form
    _headers: Headers
    _json: Any
    _origin: Origin
    _pairs: list[tuple[str, str]]
    _queries: dict[str, Any]

    def __init__(self, scope: Scope, receive: Receive, site: Site, params: dict[str, Any]) -> None:
        self.scope = scope
        self.receive = receive
        self.site = site
        self.params = params
        self.watch: asyncio.Task[bool] | None = None

    # Where it goes to

    @property
    def app(self) -> App:
        """The application whose route this is: for a mounted child's route, the child."""
        return self.site.app

    @property
    def route(self) -> str | None:
        """The pattern that matched, with the prefixes it is mounted under, or None where none did."""
        return self.site.route

    @property
    def method(self) -> str:
        """The HTTP method, in capitals (RFC 9110 9)."""
        method: str = self.scope["method"]
        return method

    @property
    def path(self) -> str:
        """The decoded path below the server's `root_path`: what routes are matched against."""
        return path_below_root(self.scope)

    @property
    def url(self) -> str:
        """The whole URL, as the client sees it: `https://shop.test/orders?page=2`.

        Host and scheme are what the client, or a trusted proxy, says they are: show it, but decide nothing by it.
        """
        scope = self.scope
        raw: bytes | None = scope.get("raw_path")
        path = raw.partition(b"?")[0].decode("latin-1") if raw is not None else quote(scope["path"], safe="/:@!$&'()*+,;=~-._")
        query: bytes = scope.get("query_string", b"")
        return f"{self.base_url}{path}" + (f"?{query.decode('latin-1')}" if query else "")

    @property
    def base_url(self) -> str:
        """Scheme and host, without a path: `https://shop.test`."""
        authority = self.origin.host or self.headers.get("host")
        if authority is None or host_name(authority) is None:
            server = self.scope.get("server") or ("localhost", None)
            authority = server[0] if server[1] is None else f"{server[0]}:{server[1]}"
        return f"{self.scheme}://{authority}"

    def url_for(self, name: str, /, **params: Any) -> str:
        """The path of a named route, below the `root_path` this request came through; see `App.url_for`."""
        root: str = self.scope.get("root_path") or ""
        return quote(root.rstrip("/"), safe="/") + self.site.app.url_for(name, **params)

    # Who sends it

    @property
    def headers(self) -> Headers:
        """The header fields, found whatever the case of their names; repeated ones are joined (RFC 9110 5.3)."""
        try:
            return self._headers
        except AttributeError:
            self._headers = Headers(self.scope["headers"])
            return self._headers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name; of two with one name the first counts (RFC 6265 5.4)."""
        try:
            return self._cookies
        except AttributeError:
            self._cookies = parse_cookies(self.headers.getall("cookie"))
            return self._cookies

    @property
    def origin(self) -> Origin:
        """Address, scheme and host of the client, as far as the application's trusted proxies are to be believed."""
        try:
            return self._origin
        except AttributeError:
            client = self.scope.get("client")
            self._origin = self.site.proxies.resolve(client[0] if client else None, self.headers)
            return self._origin

    @property
    def host(self) -> str | None:
        """The host name, in lower case and without its port, or None where the client sent none that is well-formed."""
        value = self.origin.host or self.headers.get("host")
        return host_name(value) if value is not None else None

    @property
    def subdomain(self) -> str | None:
        """The subdomain: `api` of `api.shop.test`, or what stands before `App(domain=...)`; None where there is none."""
        host = self.host
        return subdomain_of(host, self.site.domain) if host is not None else None

    @property
    def ip(self) -> str | None:
        """The client's address: the nearest one that is no trusted proxy."""
        return self.origin.ip

    @property
    def scheme(self) -> str:
        """`http` or `https` (`ws` or `wss`), as the client speaks to the outermost trusted proxy."""
        return self.origin.scheme or self.scope.get("scheme", "http")

    # The query

    @property
    def queries(self) -> dict[str, Any]:
        """The query parameters: the last value of each, converted where the route hints at a type (`/search?page:int`).

        Raises:
            ValidationError: 422, naming every value that does not convert.
        """
        try:
            return self._queries
        except AttributeError:
            queries: dict[str, Any] = dict(self._query_pairs())
            hints = self.site.hints
            self._queries = _converted(queries, hints) if hints else queries
            return self._queries

    @property
    def queries_all(self) -> dict[str, list[str]]:
        """The query parameters with all values of each, as text and in order."""
        everything: dict[str, list[str]] = {}
        for name, value in self._query_pairs():
            everything.setdefault(name, []).append(value)
        return everything

    def _query_pairs(self) -> list[tuple[str, str]]:
        try:
            return self._pairs
        except AttributeError:
            text = self.scope.get("query_string", b"").decode("latin-1")
            try:
                self._pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
            except ValueError:
                raise BadRequest(f"The query has more than {MAX_QUERY_FIELDS} parameters.") from None
            return self._pairs

    # The body

    @property
    def body(self) -> bytes:
        """The whole body; empty where the request has none.

        Raises:
            RuntimeError: the route streams, so that there is no whole body.
        """
        try:
            return self._body
        except AttributeError:
            if self.site.streams:
                raise RuntimeError(
                    f"{self.route} was registered with stream=True: read req.stream() or req.parts(), or leave stream=True out"
                ) from None
            return b""

    @property
    def text(self) -> str:
        """The body as text, by the charset of its Content-Type, else UTF-8; 400 where it is not that."""
        charset = parse_media_type(self.headers.get("content-type", ""))[1].get("charset", "utf-8")
        try:
            return self.body.decode(charset)
        except (UnicodeDecodeError, LookupError):
            raise BadRequest("The body is not text in the charset that its Content-Type names.") from None

    @property
    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            UnsupportedMediaType: 415: its Content-Type is not JSON, which a page of another site could send unasked.
            BadRequest: 400: it is not well-formed.
        """
        try:
            return self._json
        except AttributeError:
            self.require_json()
            self._json = decode_json(self.body)
            return self._json

    def require_json(self) -> None:
        """Raise UnsupportedMediaType unless the Content-Type is JSON (`application/json` or `+json`)."""
        # PERF: looked for in the scope, a third of the cost of making Headers for it.
        for name, value in self.scope["headers"]:
            if value == b"application/json" and name == b"content-type":
                return
        kind = parse_media_type(self.headers.get("content-type", ""))[0]
        if kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.", headers={"accept": "application/json"})

    @property
    def data(self) -> Any:
        """The body as a value: of the type the route `expects`, else by its Content-Type (JSON, form, text, bytes).

        Raises:
            ValidationError: 422, with all errors.
            UnsupportedMediaType: 415, the route expects JSON and got something else.
        """
        try:
            return self._data
        except AttributeError:
            self._data = self._decoded()
            return self._data

    def _decoded(self) -> Any:
        expected = self.site.expected
        if expected is not None:
            self.require_json()
            return expected.decode(self.body)
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
        try:
            return self._form
        except AttributeError:
            self._form = parse_form(self.headers.get("content-type", ""), self.body, self.site.form_limits)
            return self._form

    async def read(self, limit: int | None, declared: bytes | None) -> None:
        """Take the body in, whole or not at all; Heaven calls it before the first hook.

        Args:
            limit: bytes it may have.
            declared: its Content-Length, where there is one; it is believed where it says too much, and never otherwise.

        Raises:
            BadRequest: 400, the Content-Length is no number.
            BodyTooLarge: 413, more than `limit` bytes.
            ClientDisconnected: the client left half-way.
        """
        if declared is not None:
            refuse_length(declared, limit)
        message = await self.receive()
        # PERF: most bodies come in one message; this way costs no generator.
        if message["type"] == "http.request" and not message.get("more_body", False):
            body = message.get("body", b"")
            if limit is not None and len(body) > limit:
                raise _too_large(limit)
            self._body = body
            return
        self._body = b"".join([chunk async for chunk in self._chunks(message, limit)])

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it comes, in chunks of whatever size the server gives; for routes with `stream=True`.

        Raises:
            BodyTooLarge: 413, more than the route's `max_body_size`.
            ClientDisconnected: the client left half-way.

        Example:
            >>> async def upload(req, res, ctx):
            ...     size = 0
            ...     async for chunk in req.stream():
            ...         size += len(chunk)
            ...     return {"size": size}
        """
        if hasattr(self, "_body"):
            if self._body:
                yield self._body
            return
        self._body = b""
        limit = self.site.max_body_size
        declared = self.headers.get("content-length")
        if declared is not None:
            refuse_length(declared.encode("latin-1"), limit)
        async for chunk in self._chunks(await self.receive(), limit):
            if chunk:
                yield chunk

    def parts(self) -> AsyncIterator[Part]:
        """The parts of a multipart body as they come, each to be read, saved or passed over, in flat memory.

        Raises:
            UnsupportedMediaType: 415, it is not multipart.
            BadRequest: 400, it is malformed or ends too early.
            BodyTooLarge: 413, over a limit.
        """
        return parts(self.headers.get("content-type", ""), self.stream(), self.site.form_limits)

    async def _chunks(self, message: Any, limit: int | None) -> AsyncIterator[bytes]:
        size = 0
        while True:
            if message["type"] == "http.disconnect":
                raise ClientDisconnected("the client left before its request was complete")
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if limit is not None and size > limit:
                raise _too_large(limit)
            yield chunk
            if not message.get("more_body", False):
                return
            message = await self.receive()

    async def is_disconnected(self) -> bool:
        """Whether the client has left, as far as the server knows by now; it never waits for anything."""
        if self.watch is None:
            self.watch = asyncio.ensure_future(self._until_gone())
        await asyncio.sleep(0)
        return self.watch.done() and self.watch.result()

    async def _until_gone(self) -> bool:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        return True

    def release(self) -> None:
        """Give up what was begun for this request alone; Heaven calls it at the end."""
        if self.watch is not None:
            self.watch.cancel()

    def __repr__(self) -> str:
        return f"<Request {self.scope.get('method', 'WebSocket')} {self.scope['path']!r}>"


def path_below_root(scope: Scope) -> str:
    """The path without the server's `root_path`, taken off at a segment boundary only (`/api` is no prefix of `/apix`)."""
    path: str = scope["path"]
    root: str = (scope.get("root_path") or "").rstrip("/")
    if root and path.startswith(root) and (len(path) == len(root) or path[len(root)] == "/"):
        return path[len(root) :] or "/"
    return path


def _converted(queries: dict[str, Any], hints: Mapping[str, QueryHint]) -> dict[str, Any]:
    errors: list[dict[str, Any]] = []
    for name, hint in hints.items():
        if name in queries:
            try:
                queries[name] = hint.converter.convert(queries[name])
            except ValueError:
                errors.append({"loc": ["query", name], "msg": f"Expected `{hint.converter.name}`"})
    if errors:
        raise ValidationError(errors)
    return queries


def refuse_length(declared: bytes, limit: int | None) -> None:
    """Raise for a Content-Length that is no number (400) or over the limit (413), before a byte is read."""
    if not declared.isdigit():
        raise BadRequest("Content-Length must be a number of bytes.")
    # More digits than any limit has need no conversion, which takes quadratic time.
    if limit is not None and (len(declared) > 19 or int(declared) > limit):
        raise _too_large(limit)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {limit} bytes.")
