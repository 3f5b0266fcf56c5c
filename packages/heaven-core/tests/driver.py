"""Drive an ASGI application by hand: a scope, a receive that plays events, a send that writes them down."""

from __future__ import annotations

import asyncio
import json as jsonlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote


@dataclass
class Reply:
    """What the application sent, message by message."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def start(self) -> dict[str, Any]:
        return next(message for message in self.messages if message["type"] == "http.response.start")

    @property
    def status(self) -> int:
        return self.start["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.start["headers"]}

    def all(self, name: str) -> list[str]:
        """Every value of a repeated header, in order."""
        return [value.decode("latin-1") for key, value in self.start["headers"] if key == name.encode()]

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages if m["type"] == "http.response.body")

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return jsonlib.loads(self.body)


def http_scope(
    method: str = "GET",
    url: str = "/",
    headers: list[tuple[bytes, bytes]] | dict[str, str] | None = None,
    *,
    host: str | None = "testserver",
    **extra: Any,
) -> dict[str, Any]:
    """An HTTP scope as uvicorn would make it; `extra` replaces keys, None removes them."""
    raw_path, _, query = url.partition("?")
    given = (
        [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()]
        if isinstance(headers, dict)
        else list(headers or ())
    )
    if host is not None and not any(name.lower() == b"host" for name, _ in given):
        given.insert(0, (b"host", host.encode()))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": given,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    scope.update(extra)
    return {key: value for key, value in scope.items() if value is not None}


async def request(
    app: Any,
    method: str = "GET",
    url: str = "/",
    headers: list[tuple[bytes, bytes]] | dict[str, str] | None = None,
    body: bytes | list[bytes] = b"",
    *,
    json: Any = None,
    events: list[dict[str, Any]] | None = None,
    timeout: float = 10.0,
    **extra: Any,
) -> Reply:
    """Send one request through `App.__call__`; `events` replaces what receive gives; then it blocks as a server does."""
    given = (
        [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()]
        if isinstance(headers, dict)
        else list(headers or ())
    )
    if json is not None:
        body = jsonlib.dumps(json).encode()
        given.append((b"content-type", b"application/json"))
    chunks = [body] if isinstance(body, bytes) else body
    if any(chunks) and not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in given):
        given.append((b"content-length", str(sum(map(len, chunks))).encode()))
    if events is None:
        events = [{"type": "http.request", "body": c, "more_body": i < len(chunks) - 1} for i, c in enumerate(chunks)]
    pending = deque(events)
    reply = Reply()
    done = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if pending:
            return pending.popleft()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        reply.messages.append(message)

    try:
        async with asyncio.timeout(timeout):
            await app(http_scope(method, url, given, **extra), receive, send)
    finally:
        done.set()
    return reply


class Lifespan:
    """`async with Lifespan(app):` startup on entry, shutdown on exit; `messages` is what the application said."""

    def __init__(self, app: Any, state: dict[str, Any] | None = None) -> None:
        self.app = app
        self.state: dict[str, Any] = {} if state is None else state
        self.messages: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        self._task = asyncio.create_task(self.app(scope, self._in.get, self._out.put))
        await self._exchange("lifespan.startup")
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._task.done():
            await self._exchange("lifespan.shutdown")
        await asyncio.wait_for(self._task, 10)

    async def _exchange(self, kind: str) -> None:
        await self._in.put({"type": kind})
        message = await asyncio.wait_for(self._out.get(), 10)
        self.messages.append(message)


class Server:
    """A server's side of one request, with a client that may leave."""

    def __init__(
        self, *events: dict[str, Any], gone_after: int | None = None, raises: type[Exception] | None = None
    ) -> None:
        self.events = [*events] or [{"type": "http.request"}]
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self._gone_after = gone_after
        self._raises = raises

    async def receive(self) -> dict[str, Any]:
        if self.events:
            return self.events.pop(0)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        if self._gone_after is not None and len(self.sent) >= self._gone_after:
            self.gone.set()
            if self._raises is not None:
                raise self._raises("the client left")
            return
        self.sent.append(message)

    async def serve(self, app: Any, method: str = "GET", url: str = "/", **extra: Any) -> list[dict[str, Any]]:
        async with asyncio.timeout(10):
            await app(http_scope(method, url, **extra), self.receive, self.send)
        return self.sent
