"""Rate limits that hold over all workers together: GCRA, in one atomic script."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from logging import Logger
from math import ceil
from typing import Final, Literal, TypeAlias

from heaven.errors import HTTPError, RegistrationError
from heaven.logs import logger
from heaven.messages.context import Context
from heaven.messages.request import Request
from heaven.messages.response import Response
from heaven_contrib.errors import ServiceUnavailable
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisError
from heaven_contrib.redis.fail_open import FailOpen

log: Logger = logger("heaven.rate_limit")

KeyOf: TypeAlias = Callable[[Request, Context], str]

SERVER_CLOCK: Final = "local clock = redis.call('TIME'); local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])"

# What is stored is the theoretical arrival time: the moment at which nothing would be used up any more. Times are
# whole microseconds, which a double holds exactly. It never lies further ahead than a full bucket, so that a clock
# that was set back, or a limit that was changed, refuses nobody for longer than that.
GCRA: Final = """
local emission, limit, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = emission * limit
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
arrival = math.min(math.max(arrival, now), now + full)
local taken = arrival + emission * cost - now
if taken > full then
    return {0, arrival - now, taken - full}
end
if cost > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f', now + taken), 'PX', string.format('%.0f', math.ceil(taken / 1000)))
end
return {1, taken, 0}
"""

_RATE = re.compile(r"\s*(\d{1,9})\s*/\s*(\d{1,9})?\s*(second|minute|hour|day)s?\s*")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MICROSECONDS = 1_000_000
_CENTURY = 100 * 365 * 86400 * _MICROSECONDS


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one `RateLimit.take`.

    `limit` is how much can be taken at once, `remaining` how much of it is left now. All of it is there again after
    `reset_after` seconds; what was refused may be tried again after `retry_after` seconds, 0 for what was allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float


def client_network(req: Request, ctx: Context) -> str:  # noqa: ARG001 - as every `key` is called
    """The client's IPv4 address, or the /64 network of its IPv6 address, of which one client has every address.

    Clients without an address, as behind a Unix socket without trusted proxies, count as one.
    """
    ip = req.ip or ""
    return str(ipaddress.ip_network((ip.partition("%")[0], 64), strict=False)) if ":" in ip else ip


class RateLimit:
    """A hook that lets each client through so many times, counted over all workers, and then answers 429.

    The algorithm is GCRA: a bucket of `burst` requests fills up evenly, one request every `period / rate`. So
    "100/minute" allows 100 at once, and one more every 0.6 s: never more than 100 + 100 in any one minute, and no
    window at whose edge everybody comes back. What is refused takes nothing. The interval is a whole number of
    microseconds, rounded up. Time is that of Redis, so workers' clocks don't matter.

    Every answer, of whatever status, says where the client stands: `RateLimit-Limit`, `RateLimit-Remaining` and
    `RateLimit-Reset` (draft-ietf-httpapi-ratelimit-headers-06), and a 429 has `Retry-After` as well (RFC 6585 4,
    RFC 9110 10.2.3). Under several limits the headers are those of the one of which the least remains.

    Limits are forgotten where Redis loses its data: clients then start with a full bucket.

    Args:
        redis: where it is counted.
        rate: how many in which time: "100/minute", "5/15 minutes"; the units are second, minute, hour and day.
        name: what is limited. Limits of one name share their counters, whatever routes they stand on; those of
            different names never do.
        key: `key(req, ctx)` says who is counted, as by `lambda req, ctx: str(ctx.user.id)`. It is stored as a digest of
            a fixed length, so that it can be of any length and nobody's address stands in Redis.
        burst: how many may come at once; as many as `rate` has unless given.
        fails: what happens while Redis can't be asked. "open" lets everybody through: a limit is there to keep the
            service up, and must not be what takes it down; this is logged, and a Redis that failed is not asked again
            for a second. "closed" answers 503: for a limit that guards something, as guesses at a password.

    Raises:
        RegistrationError: an argument can't be.

    Example:
        >>> import asyncio
        >>> from heaven_contrib.redis import Redis
        >>> async def main() -> None:
        ...     redis = Redis("memory://")
        ...     await redis.connect()
        ...     limit = RateLimit(redis, "2/minute", name="login")
        ...     print([(await limit.take("ada")).allowed for _ in range(3)], (await limit.take("bob")).remaining)
        ...     await redis.disconnect()
        >>> asyncio.run(main())
        [True, True, False] 1

        As a hook, before everything and before one route::

            app.BEFORE("/*", RateLimit(redis, "1000/hour", name="all"))
            app.BEFORE("/login", RateLimit(redis, "5/minute", name="login", fails="closed"), methods=["POST"])
    """

    def __init__(
        self,
        redis: Redis,
        rate: str,
        *,
        name: str,
        key: KeyOf = client_network,
        burst: int | None = None,
        fails: Literal["open", "closed"] = "open",
    ) -> None:
        count, seconds = _parsed(rate)
        self.limit: int = count if burst is None else burst
        if self.limit < 1:
            raise RegistrationError(f"RateLimit got burst={burst!r}, which lets nobody through; give 1 or more")
        if not name:
            raise RegistrationError("RateLimit got an empty name; name what is limited, as in name='login'")
        if fails not in ("open", "closed"):
            raise RegistrationError(f"RateLimit got fails={fails!r}; give 'open' or 'closed'")
        self.name: str = name
        self._rate = rate
        self._key = key
        self._emission = -(-seconds * _MICROSECONDS // count)
        if self._emission * self.limit > _CENTURY:
            raise RegistrationError(f"{self!r} would take more than a century to fill up; give a higher rate")
        self._fail_open = FailOpen(log, repr(self)) if fails == "open" else None
        self._script = redis.script(f"{SERVER_CLOCK}\n{GCRA}")

    def __repr__(self) -> str:
        return f"RateLimit({self._rate!r}, name={self.name!r})"

    async def take(self, key: str, cost: int = 1) -> Decision:
        """Take from what a key has left, if there is enough.

        Args:
            key: who it is taken from.
            cost: how much; 0 takes nothing and tells how things stand.

        Raises:
            TypeError: the key is no str.
            ValueError: the cost is more than there ever is, or negative.
            RedisError: Redis could not be asked; `RedisOutcomeUnknown` is one, where it may have been taken.
        """
        if not 0 <= cost <= self.limit:
            raise ValueError(f"take got cost={cost!r}, and {self!r} has 0 to {self.limit} to take")
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"the key of {self!r} is {key!r}; it has to say who is counted, as a str")
        digest = blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        place = f"rate_limit:{self.name}:{digest}"
        allowed, used, wait = await self._script.run(keys=[place], args=[self._emission, self.limit, cost])
        remaining = (self._emission * self.limit - used) // self._emission
        return Decision(bool(allowed), self.limit, remaining, used / _MICROSECONDS, wait / _MICROSECONDS)

    async def __call__(self, req: Request, res: Response, ctx: Context) -> None:
        """Let the request through, or raise HTTPError 429; called by Heaven as a BEFORE hook.

        Raises:
            HTTPError: 429, there were too many.
            ServiceUnavailable: 503, Redis can't be asked, and the limit fails closed.
        """
        decision = await self._asked(self._key(req, ctx))
        if decision is None:
            return
        self._tell(res, decision)
        if not decision.allowed:
            wait = max(1, ceil(decision.retry_after))
            detail = f"Too many requests; try again in {wait} second{'' if wait == 1 else 's'}."
            raise HTTPError(429, detail, headers={"Retry-After": str(wait)})

    async def _asked(self, key: str) -> Decision | None:
        """Take one; None where that can't be asked, and the limit fails open."""
        if self._fail_open is not None:
            decision: Decision | None = await self._fail_open.ask(self.take, key)
            return decision
        try:
            return await self.take(key)
        except RedisError as error:
            raise ServiceUnavailable("Requests can't be counted at the moment.") from error

    def _tell(self, res: Response, decision: Decision) -> None:
        told = res.headers.get("ratelimit-remaining")
        if decision.allowed and told is not None and int(told) < decision.remaining:
            return
        res.headers["ratelimit-limit"] = str(decision.limit)
        res.headers["ratelimit-remaining"] = str(decision.remaining)
        res.headers["ratelimit-reset"] = str(ceil(decision.reset_after))


def _parsed(rate: str) -> tuple[int, int]:
    found = _RATE.fullmatch(rate)
    if found is None:
        raise RegistrationError(
            f"RateLimit got the rate {rate!r}; write how many in which time, as in '100/minute' or '5/15 minutes'"
        )
    count, times, unit = found.groups()
    seconds = int(times or 1) * _SECONDS[unit]
    if not (int(count) and seconds):
        raise RegistrationError(f"RateLimit got the rate {rate!r}; both numbers are 1 or more")
    return int(count), seconds
