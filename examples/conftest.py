"""What the tests of the examples share: each example is started for real, and in the test's own process.

A test that uses `start` runs twice: over the sockets of a real uvicorn, and without any, by `SyncClient`. Examples have
to behave alike. What asks for a server by itself is about the process: its signals, its command line, a browser.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from heaven_testing import LiveServer, SyncClient, WebSocketClosed, WebSocketDenied
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

EXAMPLES = Path(__file__).parent
IN_PROCESS = "http://testserver"
PATIENCE = 30.0
"""Seconds that a client waits for anything."""

Program = Callable[..., str]
Serve = Callable[..., "Example"]
Load = Callable[..., Any]
Run = Callable[..., SyncClient]
Start = Callable[..., AbstractContextManager[httpx.Client]]


class Example(LiveServer):
    """A running example. It has to shut down in order: its exit code is 0, and no traceback is in its log."""

    def client(self) -> OverSockets:
        """A client for this server; close it, or use it in a `with` statement."""
        return OverSockets(self)


class OverSockets(httpx.Client):
    """What the tests use of `heaven_testing.SyncClient`, over the sockets of a real server."""

    def __init__(self, server: Example) -> None:
        super().__init__(base_url=server.url, timeout=PATIENCE, trust_env=False)
        self.shutdown = server.stop

    @contextmanager
    def ws(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[WebSocketOverSockets]:
        """Open a WebSocket; raises WebSocketDenied."""
        url = str(self.base_url.join(path)).replace("http", "ws", 1)
        try:
            connection = connect(url, additional_headers=headers, open_timeout=PATIENCE, proxy=None)
        except InvalidStatus as refused:
            answer = refused.response
            fields = list(answer.headers.raw_items())
            raise WebSocketDenied(httpx.Response(answer.status_code, headers=fields, content=answer.body)) from refused
        with connection:
            yield WebSocketOverSockets(connection)


class WebSocketOverSockets:
    """What the tests use of `heaven_testing.SyncWebSocketSession`, over a socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.send_text = self.send_bytes = connection.send

    def receive(self) -> str | bytes:
        """The next message; raises WebSocketClosed."""
        try:
            return self._connection.recv(timeout=PATIENCE)
        except ConnectionClosed as closed:
            frame = closed.rcvd
            raise (WebSocketClosed(frame.code, frame.reason) if frame else WebSocketClosed(1006)) from closed


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Serve examples on free ports: `serve("orders", SHOP_DATA=...)`.

    `{url}` in the value of an environment variable becomes the server's address. What a test has not stopped is
    stopped at the end of its module.
    """
    with ExitStack() as servers:

        def start(
            example: str,
            target: str = "application:app",
            options: Mapping[str, object] | None = None,
            **environment: str,
        ) -> Example:
            return servers.enter_context(Example(target, cwd=EXAMPLES / example, env=environment, options=options))

        yield start


@contextmanager
def loaded(example: str, name: str = "app", *, module: str = "application", **environment: str) -> Iterator[Any]:
    """Import an example's application as uvicorn does in its folder; afterwards none of its modules is there any more.

    Each example has an `application`, and Python knows one module of a name: what was loaded before steps aside.
    """
    before = _modules_of_examples()
    for name_before in before:
        del sys.modules[name_before]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES / example)
        try:
            with patch.context() as for_import:  # servers that are started meanwhile have settings of their own
                for variable, value in environment.items():
                    for_import.setenv(variable, value.replace("{url}", IN_PROCESS))
                app = getattr(import_module(module), name)
            yield app
        finally:
            for new in _modules_of_examples():
                del sys.modules[new]
            sys.modules.update(before)


def _modules_of_examples() -> dict[str, ModuleType]:
    """What was imported from the examples' folders; tests are called otherwise."""
    found = {name: Path(getattr(module, "__file__", None) or "") for name, module in sys.modules.items()}
    names = [name for name, file in found.items() if file.is_relative_to(EXAMPLES) and not name.startswith("examples.")]
    return {name: sys.modules[name] for name in names}


@contextmanager
def in_process(
    example: str, *, module: str = "application", root_path: str = "", **environment: str
) -> Iterator[SyncClient]:
    """Run an example in this process; whoever leaves something behind fails."""
    with loaded(example, module=module, **environment) as app, client_of(app, root_path=root_path) as client:
        yield client


def client_of(app: Any, *, root_path: str = "") -> SyncClient:
    """A client for an application in this process; it starts and stops it."""
    return SyncClient(app, base_url=IN_PROCESS, root_path=root_path, timeout=PATIENCE)


@contextmanager
def over_sockets(
    example: str, *, module: str = "application", root_path: str = "", **environment: str
) -> Iterator[OverSockets]:
    """Run an example under uvicorn, in a process of its own."""
    server = Example(f"{module}:app", cwd=EXAMPLES / example, env=environment, options={"root_path": root_path})
    with server, server.client() as client:
        yield client


@pytest.fixture(params=["uvicorn", "in process"])
def way(request: pytest.FixtureRequest) -> str:
    """How an example runs; a test that depends on this runs once for each."""
    return str(request.param)


@pytest.fixture
def start(way: str) -> Start:
    """Start an example and use it: `with start("orders", root_path="/shop", SHOP_DATA=...) as client:`."""
    return over_sockets if way == "uvicorn" else in_process


@pytest.fixture
def load() -> Iterator[Load]:
    """Import an example's application, until the test is done: `app = load("orders", SHOP_DATA=...)`."""
    with ExitStack() as stack:
        yield lambda *names, **environment: stack.enter_context(loaded(*names, **environment))


@pytest.fixture(scope="module")
def keep_loaded() -> Iterator[Load]:
    """The same, until the module's tests are done."""
    with ExitStack() as stack:
        yield lambda *names, **environment: stack.enter_context(loaded(*names, **environment))


@pytest.fixture
def run() -> Run:
    """Run what was loaded: `with run(app) as client:`; whoever leaves something behind fails."""
    return client_of


@pytest.fixture(scope="session")
def program() -> Program:
    """Find a program that a test needs: without it the test is skipped, and fails where `CI` is set."""

    def find(*names: str, install: str) -> str:
        for name in names:
            if found := shutil.which(name):
                return found
        message = f"{names[0]} is not installed: apt-get install -y {install}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return find
