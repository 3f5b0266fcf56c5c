"""Time in the tests of Redis: plenty for what is to succeed, and little for the call alone that is to fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.client import ClusterClient

DEADLINE: Final = 20
"""Seconds for calls that are to succeed."""

PATIENTLY: Final = f"?deadline={DEADLINE}"
"""The same, at the end of a URL."""


@contextmanager
def hurried(redis: Redis, deadline: float) -> Iterator[None]:
    """Have calls and subscribers of a connected Redis give up early, for a block in which they are to."""
    client = cast("Any", redis.client)
    limits: list[tuple[Any, str]] = [(redis.settings, "deadline")]
    limits += [(subscriber, "_deadline") for subscriber in redis._subscribers]
    limits.append((client if isinstance(client, ClusterClient) else client.connection_pool, "deadline"))
    before = [getattr(owner, name) for owner, name in limits]
    _set(limits, [deadline] * len(limits))
    try:
        yield
    finally:
        _set(limits, before)


def _set(limits: list[tuple[Any, str]], seconds: list[Any]) -> None:
    for (owner, name), value in zip(limits, seconds, strict=True):
        object.__setattr__(owner, name, value)  # settings are frozen
