"""What a reader of messages gets in place of those that did not reach it."""

from __future__ import annotations

import msgspec


class Missed(msgspec.Struct, frozen=True):
    """Stands in a stream of messages where some are missing: the reader looks at the state itself, and goes on.

    Args:
        count: how many messages are missing; None where nobody knows, and it may be none at all.

    Example:
        >>> match Missed(3):
        ...     case Missed(count):
        ...         print(f"{count} messages were lost")
        3 messages were lost
    """

    count: int | None = None
