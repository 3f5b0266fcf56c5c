"""What the Redis battery raises."""

from __future__ import annotations

from heaven.errors import HeavenError
from heaven_contrib.errors import OutcomeUnknown, ServiceUnavailable


class RedisError(HeavenError):
    """Redis refused a command: a wrong type, no memory left, no permission."""


class RedisUnavailable(ServiceUnavailable, RedisError):
    """503: Redis can't be reached, all connections are in use, or a read was not answered by the deadline."""


class RedisOutcomeUnknown(OutcomeUnknown, RedisError):
    """500: a write was sent and its answer did not come by the deadline: it may have happened, and was not repeated."""


class DecodeError(RedisError):
    """What is stored under a key is not of the type that was asked for; the message names the key."""
