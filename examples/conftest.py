"""What the tests of the examples share: each example is started as its users start it, and used over sockets."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

EXAMPLES = Path(__file__).parent
START, STOP = 30.0, 20.0
"""Seconds that a server may take to start and to stop."""

GRACEFUL = (0, -signal.SIGTERM)
"""How a server may end on SIGTERM: gunicorn exits with 0, uvicorn raises the signal again once it has shut down."""

UVICORN = "uvicorn {target} --fd {fd}"

Process = subprocess.Popen[bytes]
Background = Callable[..., Process]
Program = Callable[..., str]
Serve = Callable[..., "Server"]


@dataclass
class Server:
    """A running example: where it is, and where it writes its log."""

    url: str
    log: Path
    process: Process

    def client(self) -> httpx.Client:
        """A client for this server; close it, or use it in a `with` statement."""
        return httpx.Client(base_url=self.url, timeout=15)

    def stop(self) -> None:
        """End it with SIGTERM, and see that it shut down in order."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP)
        log = self.log.read_text()
        assert code in GRACEFUL, f"ended with {code}:\n{log}"
        assert "Traceback" not in log, log
        assert "Application shutdown complete" in log, log


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    """Start processes that are there until the module's tests are done, and ended then whatever happened.

    `background(command, log, ready, **options)` waits until `ready()` is true; a process that ends before, or takes
    too long, fails the test with its log.
    """
    with ExitStack() as stack:

        def start(command: list[str], log: Path, ready: Callable[[], bool], **options: object) -> Process:
            with log.open("wb") as output:
                process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)  # type: ignore[call-overload]
            stack.enter_context(_ended(process))
            deadline = time.monotonic() + START
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command} did not start:\n{log.read_text(errors='replace')}")
                time.sleep(0.05)
            return process

        yield start


@contextmanager
def _ended(process: Process) -> Iterator[None]:
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP)


@pytest.fixture(scope="module")
def serve(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serve examples on free ports: `serve("orders", SHOP_DATA=...)`.

    `{url}` in the value of an environment variable becomes the server's address. What a test has not stopped is
    stopped at the end of its module, and has to shut down in order.
    """
    servers: list[Server] = []

    def start(example: str, target: str = "application:app", command: str = UVICORN, **environment: str) -> Server:
        log = tmp_path_factory.mktemp(example) / "server.log"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            process = background(
                [sys.executable, "-m", *command.format(target=target, fd=listener.fileno()).split()],
                log,
                lambda: b"Application startup complete" in log.read_bytes(),
                cwd=EXAMPLES / example,
                env={**os.environ, **{name: value.format(url=url) for name, value in environment.items()}},
                pass_fds=[listener.fileno()],
            )
        servers.append(Server(url, log, process))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def program() -> Program:
    """Find a program that a test needs: without it the test is skipped, and fails where `CI` is set."""

    def find(*names: str, install: str) -> str:
        for name in names:
            if found := shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"):
                return found
        message = f"{names[0]} is not installed: apt-get install -y {install}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return find
