"""The ways to run a scenario: over `Client`, over `SyncClient`, and over the socket of a real uvicorn.

All of them have the same face: `request`, `stream` and `ws`, asynchronous, with httpx's own responses.
"""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from inspect import isasyncgen
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import connect

from heaven_testing import (
    ApplicationTimeout,
    Client,
    Disconnected,
    ServerProcess,
    SyncClient,
    WebSocketClosed,
    WebSocketDenied,
)

WORKERS = 32
"""Threads of a SyncAgent: more than any scenario has requests at a time."""
SECONDS = 30.0


class Denied(Exception):
    """The handshake of a WebSocket was answered with an HTTP response."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers, body


class Closed(Exception):
    """The other side closed the WebSocket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Agent:
    """What a scenario gets: requests and WebSockets to one application, cookies of its own, and a key for its notes."""

    def __init__(self, name: str) -> None:
        self.base_url = f"http://{name}.test"
        self.key = uuid.uuid4().hex

    client: Any
    in_process = True
    """Whether the application runs in this process, and no server has a part in it."""

    @property
    def cookies(self) -> httpx.Cookies:
        return self.client.cookies

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        return await self.client.request(method, url, **options)

    def stream(self, method: str, url: str, **options: Any) -> Any:
        return self.client.stream(method, url, **options)

    def ws(self, url: str, **options: Any) -> Any:
        raise NotImplementedError

    async def leave_after(self, size: int, url: str, content: bytes) -> None:
        """Post a body, and leave after so many bytes of it."""
        raise NotImplementedError

    async def begin(self) -> None:
        """Open the client; in process that starts the application."""
        raise NotImplementedError

    async def end(self) -> None:
        """Close it; in process that stops the application."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Have the server stop as SIGTERM does, and don't wait for that."""
        raise NotImplementedError


# Over a socket


class ToServer(httpx.AsyncHTTPTransport):
    """Takes every request to one port of this machine, whatever its host is called; the Host header stays."""

    def __init__(self, port: int) -> None:
        super().__init__(verify=False)  # to a port of this machine, without TLS: no certificates need be loaded
        self.port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(host="127.0.0.1", port=self.port)
        moved = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return await super().handle_async_request(moved)


class OverSocket(Agent):
    """httpx and the `websockets` library, to a server that runs already."""

    in_process = False

    def __init__(self, name: str, server: ServerProcess) -> None:
        super().__init__(name)
        self.server = server

    async def begin(self) -> None:
        transport = ToServer(self.server.port)
        self.client = httpx.AsyncClient(base_url=self.base_url, transport=transport, timeout=SECONDS, trust_env=False)

    async def end(self) -> None:
        await self.client.aclose()

    async def stop(self) -> None:
        self.server.process.send_signal(signal.SIGTERM)

    async def leave_after(self, size: int, url: str, content: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        head = f"POST {url} HTTP/1.1\r\nHost: {self.base_url[7:]}\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content[:size])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    @asynccontextmanager
    async def ws(
        self, url: str, *, subprotocols: Any = (), headers: Any = (), timeout: float = SECONDS
    ) -> AsyncIterator[SocketSession]:
        connecting = connect(
            str(httpx.URL(self.base_url).join(url)).replace("http:", "ws:", 1),
            host="127.0.0.1",
            port=self.server.port,
            subprotocols=list(subprotocols) or None,
            additional_headers=list(headers),
            user_agent_header="parity",
            compression=None,
            proxy=None,
            max_size=None,
            ping_interval=None,
            open_timeout=timeout,
            close_timeout=SECONDS,
        )
        try:
            async with connecting as connection:
                yield SocketSession(connection)
        except websockets.InvalidStatus as refusal:
            response = refusal.response
            raise Denied(
                response.status_code, list(response.headers.raw_items()), bytes(response.body or b"")
            ) from None


class SocketSession:
    """A WebSocket of the `websockets` library."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self.subprotocol = connection.subprotocol
        self.headers = list(connection.response.headers.raw_items()) if connection.response else []

    async def send(self, message: str | bytes) -> None:
        try:
            await self._connection.send(message)
        except websockets.ConnectionClosed as closed:
            raise self._closed(closed) from None

    async def receive(self) -> str | bytes:
        try:
            return await asyncio.wait_for(self._connection.recv(), SECONDS)
        except websockets.ConnectionClosed as closed:
            raise self._closed(closed) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._connection.close(code, reason)

    async def vanish(self) -> None:
        self._connection.transport.abort()

    @staticmethod
    def _closed(closed: websockets.ConnectionClosed) -> Closed:
        # Without a close frame the connection ended abnormally (RFC 6455 7.1.5).
        return Closed(closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else Closed(1006, "")


# Over Client


class OverClient(Agent):
    """`heaven_testing.Client` around the application itself; failures are answered as a server answers them."""

    def __init__(self, name: str, app: Any, **options: Any) -> None:
        super().__init__(name)
        self.options = {"base_url": self.base_url, "raise_app_exceptions": False, "timeout": SECONDS, **options}
        self.app = app
        self.stopping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self.client = Client(self.app, **self.options)
        await self.client.__aenter__()

    async def end(self) -> None:
        if self.stopping is not None:
            await self.stopping
        await self.client.__aexit__(None, None, None)

    async def stop(self) -> None:
        self.stopping = asyncio.create_task(self.client.shutdown())

    async def leave_after(self, size: int, url: str, content: bytes) -> None:
        try:
            await self.request("POST", url, content=content, disconnect_after=size)
        except Disconnected:
            return
        raise AssertionError("the client was to leave")

    @asynccontextmanager
    async def ws(
        self, url: str, *, subprotocols: Any = (), headers: Any = (), timeout: float = SECONDS
    ) -> AsyncIterator[ClientSession]:
        try:
            async with self.client.ws(url, subprotocols=subprotocols, headers=headers, timeout=timeout) as session:
                yield ClientSession(session)
        except WebSocketDenied as refusal:
            raise _denied(refusal.response) from None
        except ApplicationTimeout:
            raise TimeoutError from None


class ClientSession:
    """A WebSocket of `Client`."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.subprotocol = session.subprotocol
        self.headers = session.headers.multi_items()

    async def send(self, message: str | bytes) -> None:
        with _closing():
            await (self._session.send_text if isinstance(message, str) else self._session.send_bytes)(message)

    async def receive(self) -> str | bytes:
        with _closing():
            return await self._session.receive()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._session.close(code, reason)

    async def vanish(self) -> None:
        await self._session.disconnect()


@contextmanager
def _closing() -> Iterator[None]:
    try:
        yield
    except WebSocketClosed as closed:
        raise Closed(closed.code, closed.reason) from None


def _denied(response: httpx.Response) -> Denied:
    return Denied(response.status_code, response.headers.multi_items(), response.content)


# Over SyncClient


class OverSyncClient(OverClient):
    """`heaven_testing.SyncClient`, each of its calls in a thread."""

    async def begin(self) -> None:
        self._threads = ThreadPoolExecutor(WORKERS)
        self.client = SyncClient(self.app, **self.options)
        try:
            await self.call(self.client.__enter__)
        except BaseException:
            self._threads.shutdown()
            raise

    async def end(self) -> None:
        try:
            if self.stopping is not None:
                await self.stopping
            await self.call(self.client.__exit__, None, None, None)
        finally:
            self._threads.shutdown()

    async def stop(self) -> None:
        self.stopping = asyncio.create_task(self.call(self.client.shutdown))

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function in a thread, and wait for it to the end even when the caller is cancelled."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._threads, partial(function, *args, **kwargs)))

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        return await self.call(self.client.request, method, url, **_with_plain_content(options))

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[ThreadedResponse]:
        manager = self.client.stream(method, url, **_with_plain_content(options))
        response = await self.call(manager.__enter__)
        try:
            yield ThreadedResponse(self, response)
        finally:
            await self.call(manager.__exit__, None, None, None)

    @asynccontextmanager
    async def ws(
        self, url: str, *, subprotocols: Any = (), headers: Any = (), timeout: float = SECONDS
    ) -> AsyncIterator[ThreadedSession]:
        manager = self.client.ws(url, subprotocols=subprotocols, headers=headers, timeout=timeout)
        try:
            session = await self.call(manager.__enter__)
        except WebSocketDenied as refusal:
            raise _denied(refusal.response) from None
        except ApplicationTimeout:
            raise TimeoutError from None
        try:
            yield ThreadedSession(self, session)
        except BaseException as error:
            await self.call(manager.__exit__, type(error), error, error.__traceback__)
            raise
        else:
            await self.call(manager.__exit__, None, None, None)


class ThreadedSession(ClientSession):
    """A WebSocket of `SyncClient`."""

    def __init__(self, agent: OverSyncClient, session: Any) -> None:
        super().__init__(session)
        self._agent = agent

    async def send(self, message: str | bytes) -> None:
        with _closing():
            await self._agent.call(
                self._session.send_text if isinstance(message, str) else self._session.send_bytes, message
            )

    async def receive(self) -> str | bytes:
        with _closing():
            return await self._agent.call(self._session.receive)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._agent.call(self._session.close, code, reason)

    async def vanish(self) -> None:
        await self._agent.call(self._session.disconnect)


class ThreadedResponse:
    """A streamed response of `SyncClient`, read in threads."""

    def __init__(self, agent: OverSyncClient, response: httpx.Response) -> None:
        self._agent = agent
        self._response = response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def aiter_raw(self) -> AsyncIterator[bytes]:
        return self._each(self._response.iter_raw())

    def aiter_lines(self) -> AsyncIterator[str]:
        return self._each(self._response.iter_lines())

    async def aread(self) -> bytes:
        return await self._agent.call(self._response.read)

    async def _each(self, iterator: Iterator[Any]) -> AsyncIterator[Any]:
        over = object()
        while (item := await self._agent.call(next, iterator, over)) is not over:
            yield item


def _with_plain_content(options: dict[str, Any]) -> dict[str, Any]:
    """The same options, with what generates the body turned into a generator for threads."""
    content = options.get("content")
    return {**options, "content": _plainly(content)} if isasyncgen(content) else options


def _plainly(generator: Any) -> Iterator[bytes]:
    loop = asyncio.get_running_loop()

    def generate() -> Iterator[bytes]:
        while True:
            try:
                yield asyncio.run_coroutine_threadsafe(anext(generator), loop).result(SECONDS)
            except StopAsyncIteration:
                return

    return generate()
