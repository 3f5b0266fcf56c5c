"""The smallest application, served by uvicorn."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import httpx
from heaven_testing import ServerProcess


def test_it_says_hello() -> None:
    """Served as the README says; a path parameter comes back as JSON, and it shuts down in order."""
    command = [sys.executable, "-m", "uvicorn", "application:app", "--port", "{port}"]
    with ServerProcess(command, cwd=Path(__file__).parent) as server:
        answer = httpx.get(f"{server.url}/hello/Ada%20L")
        code = server.stop()

    assert (answer.status_code, answer.json()) == (200, {"hello": "Ada L"})
    assert code in (0, -signal.SIGTERM), server.output  # uvicorn raises the signal again once it has shut down
    assert "Traceback" not in server.output, server.output
    assert "Application shutdown complete" in server.output, server.output
