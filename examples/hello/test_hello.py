"""The smallest application, under uvicorn and in the test's own process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from heaven_testing import ServerProcess


def test_it_says_hello(start: Callable[..., Any]) -> None:
    """A path parameter comes back as JSON."""
    with start("hello") as client:
        answer = client.get("/hello/Ada%20L")

    assert (answer.status_code, answer.json()) == (200, {"hello": "Ada L"})


def test_it_is_served_as_its_readme_says() -> None:
    """That command line serves it, and it shuts down in order."""
    command = [sys.executable, "-m", "uvicorn", "application:app", "--port", "{port}"]
    with ServerProcess(command, cwd=Path(__file__).parent) as server:
        answer = httpx.get(f"{server.url}/hello/Ada%20L", timeout=30)
        code = server.stop()

    assert (answer.status_code, answer.json()) == (200, {"hello": "Ada L"})
    assert code in (0, -signal.SIGTERM), server.output  # uvicorn raises the signal again once it has shut down
    assert "Traceback" not in server.output, server.output
    assert "Application shutdown complete" in server.output, server.output
