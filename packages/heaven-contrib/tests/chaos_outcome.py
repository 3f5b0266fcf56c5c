"""What became of one repeat of a fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an application came out of a fault.

    Args:
        recovered: it worked again, by itself, within its deadline.
        lost: how many writes were acknowledged and are gone, or were done more often than they were asked for.
        crossed: how many replies went to somebody else.
        recovery_seconds: from the moment the service was back until the first call that worked.
    """

    recovered: bool
    lost: int = 0
    crossed: int = 0
    recovery_seconds: float = 0.0
