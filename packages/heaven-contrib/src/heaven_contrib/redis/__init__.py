"""Redis behind one URL, and what the workers of an application share through it."""

from __future__ import annotations

from importlib.util import find_spec

from heaven_contrib.errors import missing_extra

if find_spec("redis") is None:
    raise missing_extra("heaven_contrib.redis", "memory,redis")

from heaven_contrib.redis.battery import REDIS, Redis, Script
from heaven_contrib.redis.broadcast import BROADCAST, Broadcast, SlowSubscriber, Subscription
from heaven_contrib.redis.cache import CACHE, Cache
from heaven_contrib.redis.cached import Cached
from heaven_contrib.redis.errors import DecodeError, RedisError, RedisOutcomeUnknown, RedisUnavailable
from heaven_contrib.redis.event_log import Entry, EventLog, last_event_id
from heaven_contrib.redis.idempotency import Idempotency
from heaven_contrib.redis.locks import Lease, LeaseLost, Lock, LockTimeout
from heaven_contrib.redis.missed import Missed
from heaven_contrib.redis.presence import RoomChange
from heaven_contrib.redis.rate_limit import Decision, RateLimit
from heaven_contrib.redis.shared_store import ABSENT, Absent, Change, SharedStore, Watch
from heaven_contrib.redis.subscription import Gap, Message, Subscriber
from heaven_contrib.redis.urls import Settings

__all__ = [
    "ABSENT",
    "BROADCAST",
    "CACHE",
    "REDIS",
    "Absent",
    "Broadcast",
    "Cache",
    "Cached",
    "Change",
    "Decision",
    "DecodeError",
    "Entry",
    "EventLog",
    "Gap",
    "Idempotency",
    "Lease",
    "LeaseLost",
    "Lock",
    "LockTimeout",
    "Message",
    "Missed",
    "RateLimit",
    "Redis",
    "RedisError",
    "RedisOutcomeUnknown",
    "RedisUnavailable",
    "RoomChange",
    "Script",
    "Settings",
    "SharedStore",
    "SlowSubscriber",
    "Subscriber",
    "Subscription",
    "Watch",
    "last_event_id",
]
