"""Who may write."""

from __future__ import annotations

from typing import Any

from heaven import Request
from heaven_contrib.routing import BasePermission

from hooks import check_key


class HasKey(BasePermission):
    """Whoever shows the shop's API key; all others are answered with 401, and how to do better."""

    def has_permission(self, request: Request, apiview: Any) -> bool:
        """Raises HTTPError without the key."""
        check_key(request)
        return True
