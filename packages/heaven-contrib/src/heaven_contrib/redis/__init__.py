"""Redis: one URL, and what applications share through it."""

from __future__ import annotations

__all__: list[str] = []
