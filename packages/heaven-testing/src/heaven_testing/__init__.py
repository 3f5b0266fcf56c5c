"""Test Heaven applications the way a server runs them."""

from __future__ import annotations

from heaven_testing.errors import ServerDidNotStart
from heaven_testing.servers.process import ServerProcess

__all__ = ["ServerDidNotStart", "ServerProcess"]
