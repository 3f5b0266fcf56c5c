"""Batteries for Heaven: what applications need around the core, each behind an extra of its own."""

from __future__ import annotations

from heaven_contrib.security_headers import SecurityHeaders

__all__ = ["SecurityHeaders"]
