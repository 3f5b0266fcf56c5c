"""Scopes as a server gives them, for tests that cancel or break off what the test client would see through."""

from __future__ import annotations

from typing import Any


def http_scope(path: str, method: str = "GET") -> dict[str, Any]:
    """A request without header fields."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
