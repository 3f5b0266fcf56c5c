"""The smallest application, served by uvicorn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx


def test_it_says_hello(serve: Callable[..., Any]) -> None:
    """A path parameter comes back as JSON."""
    server = serve("hello")

    answer = httpx.get(f"{server.url}/hello/Ada%20L")

    assert (answer.status_code, answer.json()) == (200, {"hello": "Ada L"})
