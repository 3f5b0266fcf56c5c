"""What the tests of the examples share: each example is started for real, and used over sockets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from heaven_testing import LiveServer

EXAMPLES = Path(__file__).parent

Program = Callable[..., str]
Serve = Callable[..., "Example"]


class Example(LiveServer):
    """A running example. It has to shut down in order: its exit code is 0, and no traceback is in its log."""

    def client(self) -> httpx.Client:
        """A client for this server; close it, or use it in a `with` statement."""
        return httpx.Client(base_url=self.url, timeout=15)


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
