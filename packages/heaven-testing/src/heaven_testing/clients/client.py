"""The client of async tests: the HTTP client library's, with an application in place of the network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from heaven_testing.clients.async_transport import AsyncTransport
from heaven_testing.clients.options import BASE_URL, LibraryOptions, RequestOptions, whole, with_faults
from heaven_testing.clients.overrides import Overrides
from heaven_testing.clients.response import Response
from heaven_testing.clients.shortcuts import Shortcuts
from heaven_testing.clients.websocket import Handshaking, opening
from heaven_testing.inprocess.leaks import ALL_LEAKS, Leak
from heaven_testing.inprocess.scopes import Peer
from heaven_testing.inprocess.server import AfterDisconnect, InProcessServer, Settings
from heaven_testing.library import AsyncClient, Timeout

if TYPE_CHECKING:
    from heaven.types import ASGIApp
    from heaven_testing.inprocess.lifespan import Mode
    from heaven_testing.library import URL


class Client(Overrides, Shortcuts, AsyncClient):
    """Lives as long as its `async with` block: the application is started on entry and stopped on exit.

    It is an `AsyncClient` of the HTTP client library: all that is known of that works. In place of the network there
    is a server in this process, on the event loop of the test, which holds every message against the specification
    of ASGI.

    Args:
        app: any ASGI application.
        base_url: where relative URLs lead; any host can be asked, no name is looked up.
        lifespan: "on" and "off", or "auto" for applications that may not know the lifespan protocol.
        client: address and port that the application sees; None for none.
        root_path: where the application is mounted; it goes before every path.
        http_version: "1.0", "1.1", "2" or "3".
        extensions: what the server offers, as in `scope["extensions"]`: `http.response.pathsend`,
            `http.response.trailers`, `http.response.early_hint`, `http.response.debug`.
        timeout: seconds that each wait may take, or the library's `Timeout`; None for no limit.
        raise_app_exceptions: raise what the application raised. False: it is a 500, or a connection that breaks off, as
            from a server.
        after_disconnect: what `send` does once the client left: "quiet", or "raise" an OSError. None: as uvicorn does,
            quiet for requests, and raise for WebSockets.
        leaks: what the application may not leave behind: "tasks", "resources", "exceptions", "store"; all of them.
        **options: what `AsyncClient` takes besides: `headers`, `cookies`, `auth`, `follow_redirects` ...

    Raises:
        TypeError, ValueError: an argument can't be.

    Example:
        >>> import asyncio, heaven
        >>> app = heaven.App()
        >>> async def greet(req, res, ctx):
        ...     return {"hello": req.params["name"]}
        >>> _ = app.GET("/hello/:name", greet)
        >>> async def ask():
        ...     async with Client(app) as client:
        ...         return (await client.get("/hello/ada")).json()
        >>> asyncio.run(ask())
        {'hello': 'ada'}
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        base_url: URL | str = BASE_URL,
        lifespan: Mode = "auto",
        client: tuple[str, int] | None = ("127.0.0.1", 50000),
        root_path: str = "",
        http_version: str = "1.1",
        extensions: Mapping[str, Mapping[str, Any]] | None = None,
        timeout: Timeout | float | None = 5.0,
        raise_app_exceptions: bool = True,
        after_disconnect: AfterDisconnect | None = None,
        leaks: Iterable[Leak] = ALL_LEAKS,
        **options: Unpack[LibraryOptions],
    ) -> None:
        settings = Settings(
            peer=Peer(client, root_path, http_version, extensions or {}),
            lifespan=lifespan,
            timeout=Timeout(timeout).read,
            after_disconnect=after_disconnect,
            raise_app_exceptions=raise_app_exceptions,
            leaks=leaks,
        )
        self._server = InProcessServer(app, settings)
        options.setdefault("trust_env", False)  # pyright: ignore[reportUnknownMemberType]
        super().__init__(transport=AsyncTransport(self._server), base_url=whole(base_url), timeout=timeout, **options)

    async def __aenter__(self) -> Self:
        """Start the application.

        Raises:
            StartupFailed: it did not start; the cause is what it raised.
            ApplicationTimeout: it did not start in time.
        """
        await super().__aenter__()
        try:
            await self._server.start()
        except BaseException as error:
            await super().__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Stop the application, and fail if it left something behind.

        Raises:
            LeakError: it did.
            ShutdownFailed, ApplicationTimeout, ConformanceError: what else went wrong, and nobody was told of.
        """
        try:
            await self._server.stop(quietly=exc_value is not None)
        finally:
            await super().__aexit__(exc_type, exc_value, traceback)

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stop as a server does on SIGTERM: streams learn of it, connections end, then the application shuts down.

        Args:
            timeout: seconds that connections may take to end; None for as long as the client waits for anything.

        Raises:
            ApplicationTimeout: a connection did not end; the message says where the application waits.
            ShutdownFailed: a step of the shutdown failed.
        """
        await self._server.shutdown(self._server.settings.timeout if timeout is None else timeout)

    async def settled(self, timeout: float | None = None) -> None:
        """Wait until the application has returned from every request, deferred work included.

        Args:
            timeout: seconds that it may take; None for as long as the client waits for anything.

        Raises:
            ApplicationTimeout: it did not return; the message says where it waits.
            Exception: what it raised after its response was complete.
        """
        await self._server.settle(self._server.settings.timeout if timeout is None else timeout)

    def ws(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        headers: Any = None,
        params: Any = None,
        cookies: Any = None,
        timeout: float | None = None,
    ) -> Handshaking:
        """Open a WebSocket: `async with client.ws("/chat/7") as ws:`.

        Args:
            url: the path, or a whole URL (`ws:`, `wss:`, `http:` or `https:`).
            subprotocols: what is offered, the dearest first.
            headers: header fields beside those of the handshake.
            params: the query.
            cookies: cookies beside those the client has.
            timeout: seconds that each wait may take; None for as long as the client waits for anything.

        Raises:
            WebSocketDenied: on entering: the application refused, with this response.
        """
        options = {"headers": headers, "params": params, "cookies": cookies}
        return Handshaking(self, opening(url, subprotocols, options, timeout))

    # The library's methods, with faults among their options, and with a response that knows its trace

    async def request(self, method: str, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a request; the options are the library's, and the faults of `Faults`.

        Raises:
            ApplicationTimeout: the application did not answer in time; the message says where it waits.
            ConformanceError: it broke a rule of ASGI.
            Disconnected: the client left half-way, as it was told to.
            Exception: what the application raised, unless `raise_app_exceptions` is False.
        """
        return cast("Response", await super().request(method, url, **with_faults(options)))

    @asynccontextmanager
    async def stream(self, method: str, url: URL | str, **options: Unpack[RequestOptions]) -> AsyncGenerator[Response]:
        """Send a request and read its response piece by piece, in an `async with`; otherwise as `request`."""
        async with super().stream(method, url, **with_faults(options)) as response:
            yield cast("Response", response)

    async def get(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a GET; see `request`."""
        return await self.request("GET", url, **options)

    async def options(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send an OPTIONS; see `request`."""
        return await self.request("OPTIONS", url, **options)

    async def head(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a HEAD; see `request`."""
        return await self.request("HEAD", url, **options)

    async def post(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a POST; see `request`."""
        return await self.request("POST", url, **options)

    async def put(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a PUT; see `request`."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a PATCH; see `request`."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a DELETE; see `request`."""
        return await self.request("DELETE", url, **options)
