"""The client of sync tests: the application runs on an event loop in a thread of its own, as under a server."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from heaven_testing.clients.loop_thread import LoopThread
from heaven_testing.clients.options import BASE_URL, LibraryOptions, RequestOptions, whole, with_faults
from heaven_testing.clients.overrides import Overrides
from heaven_testing.clients.response import Response
from heaven_testing.clients.shortcuts import Shortcuts
from heaven_testing.clients.sync_transport import SyncTransport
from heaven_testing.clients.sync_websocket import SyncHandshaking
from heaven_testing.clients.websocket import opening
from heaven_testing.errors import ApplicationTimeout
from heaven_testing.inprocess.leaks import ALL_LEAKS, Leak
from heaven_testing.inprocess.scopes import Peer
from heaven_testing.inprocess.server import AfterDisconnect, InProcessServer, Settings
from heaven_testing.library import Client as LibraryClient
from heaven_testing.library import Timeout

if TYPE_CHECKING:
    from heaven.types import ASGIApp
    from heaven_testing.inprocess.lifespan import Mode
    from heaven_testing.library import URL

PATIENCE = 1.0
"""Seconds that the event loop has to answer at least, however short the timeout: a busy machine is as slow as that."""


class SyncClient(Overrides, Shortcuts, LibraryClient):
    """Lives as long as its `with` block; everything else is as with `Client`, without `await`.

    The application runs on an event loop in a thread of the client's own, all the time: daemons and background work
    go on while the test does something else. In async tests use `Client`.

    Args:
        app: any ASGI application.
        base_url: see `Client`, as for all that follow.
        lifespan: see `Client`.
        client: see `Client`.
        root_path: see `Client`.
        http_version: see `Client`.
        extensions: see `Client`.
        timeout: see `Client`.
        raise_app_exceptions: see `Client`.
        after_disconnect: see `Client`.
        leaks: see `Client`.
        **options: what the library's `Client` takes besides.

    Raises:
        TypeError, ValueError: an argument can't be.

    Example:
        >>> import heaven
        >>> app = heaven.App()
        >>> async def greet(req, res, ctx):
        ...     return {"hello": req.params["name"]}
        >>> _ = app.GET("/hello/:name", greet)
        >>> with SyncClient(app) as client:
        ...     client.get("/hello/ada").json()
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
        self._thread = LoopThread(None if settings.timeout is None else max(settings.timeout, PATIENCE))
        options.setdefault("trust_env", False)
        transport = SyncTransport(self._server, self._thread)
        super().__init__(transport=transport, base_url=whole(base_url), timeout=timeout, **options)

    def __enter__(self) -> Self:
        """Start the application; errors as in `Client`."""
        super().__enter__()
        self._thread.start()
        try:
            self._thread.run(self._server.start())
        except BaseException as error:
            self._thread.stop()
            super().__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Stop the application, and fail if it left something behind; errors as in `Client`."""
        try:
            self._thread.run(self._server.stop(quietly=exc_value is not None))
        except ApplicationTimeout:
            if exc_value is None:
                raise
        finally:
            self._thread.stop()
            super().__exit__(exc_type, exc_value, traceback)

    def shutdown(self, timeout: float | None = None) -> None:
        """Stop the application as a server does on SIGTERM; see `Client.shutdown`."""
        self._thread.run(self._server.shutdown(self._server.settings.timeout if timeout is None else timeout))

    def settled(self, timeout: float | None = None) -> None:
        """Wait until the application has returned from every request; see `Client.settled`."""
        self._thread.run(self._server.settle(self._server.settings.timeout if timeout is None else timeout))

    def ws(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        headers: Any = None,
        params: Any = None,
        cookies: Any = None,
        timeout: float | None = None,
    ) -> SyncHandshaking:
        """Open a WebSocket: `with client.ws("/chat/7") as ws:`; see `Client.ws`."""
        options = {"headers": headers, "params": params, "cookies": cookies}
        return SyncHandshaking(self, self._thread, opening(url, subprotocols, options, timeout))

    # The library's methods, with faults among their options, and with a response that knows its trace

    def request(self, method: str, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a request; the options are the library's, and the faults of `Faults`.

        Raises:
            ApplicationTimeout: the application did not answer in time; the message says where it waits.
            ConformanceError: it broke a rule of ASGI.
            Disconnected: the client left half-way, as it was told to.
            Exception: what the application raised, unless `raise_app_exceptions` is False.
        """
        return cast("Response", super().request(method, url, **with_faults(options)))

    @contextmanager
    def stream(self, method: str, url: URL | str, **options: Unpack[RequestOptions]) -> Generator[Response]:
        """Send a request and read its response piece by piece, in a `with`; otherwise as `request`."""
        with super().stream(method, url, **with_faults(options)) as response:
            yield cast("Response", response)

    def get(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a GET; see `request`."""
        return self.request("GET", url, **options)

    def options(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send an OPTIONS; see `request`."""
        return self.request("OPTIONS", url, **options)

    def head(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a HEAD; see `request`."""
        return self.request("HEAD", url, **options)

    def post(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a POST; see `request`."""
        return self.request("POST", url, **options)

    def put(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a PUT; see `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a PATCH; see `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: URL | str, **options: Unpack[RequestOptions]) -> Response:
        """Send a DELETE; see `request`."""
        return self.request("DELETE", url, **options)
