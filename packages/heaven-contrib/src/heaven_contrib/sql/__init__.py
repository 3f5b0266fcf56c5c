"""SQL databases: one URL, a pool that survives what servers do, rows as dicts or Structs."""

from __future__ import annotations

__all__: list[str] = []
