"""Test Heaven applications the way a server runs them."""

from __future__ import annotations

from heaven_testing.processes import ServerDidNotStart, ServerProcess

__all__ = ["ServerDidNotStart", "ServerProcess"]
