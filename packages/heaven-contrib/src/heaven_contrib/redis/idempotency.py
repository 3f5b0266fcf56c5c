"""Requests that are carried out once, however often they are sent: the Idempotency-Key header."""

from __future__ import annotations

import asyncio
import random
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from logging import Logger
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from heaven.declaring.store import Key
from heaven.errors import Abort, BadRequest, HTTPError, RegistrationError
from heaven.logs import logger
from heaven.messages.context import Context
from heaven.messages.request import Request
from heaven.messages.response import Response, deliverable, messages
from heaven.types import RawHeaders
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import DecodeError, RedisError

log: Logger = logger("heaven.idempotency")

UserOf: TypeAlias = Callable[[Request, Context], str]

# Each may be sent twice and does the same: whoever claims, holds, stores or lets go is known by the whole claim.
CLAIM: Final = """
local found = redis.call('GET', KEYS[1])
if found then return found end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
"""
HOLD: Final = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0"
# A claim that has ended, and that nobody has taken over, is no reason to carry a request out again: it is stored.
STORE: Final = """
local found = redis.call('GET', KEYS[1])
if found and found ~= ARGV[1] and found ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
LET_GO: Final = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0"

# A structured field's string (RFC 8941 3.3.3), as the draft asks for, or bare, as most clients send it.
_KEY = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"|([!#-~][!-~]{0,254})')
_PASSING = frozenset((401, 408, 425, 429))
"""Refusals that speak of the moment and not of the request: asked again, the answer may be another."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What is stored under a key: a claim while `status` is 0, then the response; `body` None: it was not kept."""

    fingerprint: bytes
    token: bytes
    status: int = 0
    headers: list[tuple[bytes, bytes]] = []
    replaced: list[bytes] = []
    body: bytes | None = None


@dataclass(slots=True)
class _Work:
    """One request that has a key: its claim, or the response that it is answered with again."""

    key: str
    fingerprint: bytes
    outer: RawHeaders
    claim: bytes = b""
    renewal: asyncio.Task[None] | None = None
    replay: Record | None = field(default=None)


_WORK: Key[_Work] = Key("idempotency")


class Idempotency:
    """A hook that carries a request out once, and answers the same request again with the response of the first time.

    A client that lost an answer sends its request again with the same `Idempotency-Key`
    (draft-ietf-httpapi-idempotency-key-header-07), and gets status, headers and body of the first time, byte for byte,
    with `Idempotency-Replayed: true`. While the first is still being carried out, others with its key wait, and then
    get a 409. The same key with another method, path, query or body is a 422. A key is no more than 255 visible
    ASCII characters, in quotes or not; another one is a 400.

    What is kept is what the request came to: responses below 500, refusals among them; not 401, 408, 425 and 429,
    which speak of the moment. A failure (an exception that is no HTTPError, a timeout, a client that left, any other
    5xx) lets go of the key, so that the next try is a first one. A 500 that was raised as an HTTPError is kept, since
    it is what `OutcomeUnknown` is: it may have been carried out, and is not tried again. Of a stream, a file or a
    body over `max_size` only the fact is kept: sent again, such a request is a 409 that says so.

    Register it after whatever finds out who asks, and before `db.begin`: AFTER hooks run the other way round, so that
    the transaction is committed when the response is stored, and stored before it is sent. AFTER hooks that change
    the body are registered after it; the body that others meet is bytes. What hooks before it set as headers is
    theirs each time; the headers that were set inside are replayed, cookies among them.

    What is promised, and what is not:

    - While Redis does not answer, a request that has a key is a 503 and is not carried out.
    - A worker that is killed leaves its claim behind, which ends after `lease` seconds; the next one then carries the
      request out. What the killed one had committed before it stored its response is done twice. The same holds where
      Redis loses its data, or can't be reached from commit to the end of the lease (logged; the response is sent), and
      where a server that stops cancels a request in the middle of its COMMIT, since that lets go of the key.
      Whoever must rule that out stores the key in a UNIQUE column, in the same transaction.
    - A claim is held on to for as long as the handler runs, whatever the lease. An event loop that stands still, or a
      Redis that can't be reached, for longer than the lease loses it (logged): another one may begin meanwhile. If
      none has, the response is stored and replayed all the same.

    Args:
        redis: where claims and responses are kept. Responses stay there for `ttl` seconds, as they were sent.
        user: `user(req, ctx)` says whose key it is, as by `lambda req, ctx: str(ctx.user.id)`; users never meet each
            other's responses. `lambda req, ctx: ""` where everybody is one user.
        ttl: seconds that a response is kept; a day unless given.
        wait: seconds that a request waits for another one with its key.
        lease: seconds after which the claim of a killed worker ends.
        header: the header that has the key.
        required: refuse requests without a key with 400, in place of carrying them out each time.
        max_size: bytes that a body which is kept may have.
        prefix: what keys in Redis begin with, for applications that share one.

    Raises:
        RegistrationError: an argument can't be.

    Example:
        ::

            app.BEFORE("/orders/*", authenticate)
            app.BEFORE("/orders/*", Idempotency(redis, user=lambda req, ctx: ctx.user), methods=["POST"])
            app.BEFORE("/orders/*", db.begin)
    """

    def __init__(
        self,
        redis: Redis,
        *,
        user: UserOf,
        ttl: float = 86400.0,
        wait: float = 5.0,
        lease: float = 30.0,
        header: str = "Idempotency-Key",
        required: bool = False,
        max_size: int = 1 << 20,
        prefix: str = "idempotency",
    ) -> None:
        least_of = (("ttl", ttl, 1), ("lease", lease, 0.1), ("wait", wait, 0), ("max_size", max_size, 0))
        for name, value, least in least_of:
            if not value >= least:
                raise RegistrationError(f"Idempotency got {name}={value!r}; give {least} or more")
        if not callable(user):
            raise RegistrationError(f"Idempotency got user={user!r}; give a function (req, ctx) -> str")
        self.header: str = header
        self._user = user
        self._ttl = int(ttl * 1000)
        self._wait = wait
        self._lease = lease
        self._pause = lease / 3
        self._required = required
        self._max_size = max_size
        self._prefix = prefix
        self._claim, self._hold = redis.script(CLAIM), redis.script(HOLD)
        self._store, self._let_go = redis.script(STORE), redis.script(LET_GO)

    def __repr__(self) -> str:
        return f"Idempotency({self.header!r})"

    async def __call__(self, req: Request, res: Response, ctx: Context) -> None:
        """Let the first request of a key through, and answer the others; called by Heaven as a BEFORE hook.

        Raises:
            BadRequest: 400, the key is missing and required, or is none.
            HTTPError: 409, another request with this key is still being carried out, or its response was not kept.
                422, the key was used for another request.
            RedisUnavailable: 503, Redis does not answer; nothing was carried out.
        """
        if req.scope["type"] != "http":
            return
        if ctx.peek("transaction") is not None:
            raise RuntimeError(
                f"{self!r} covers {req.route} inside of db.begin, and would store what is not committed yet; "
                "register it before db.begin, with the same pattern or a broader one"
            )
        given = req.headers.get(self.header)
        if given is None:
            if self._required:
                raise BadRequest(f"Send the header {self.header}, with a value that this request alone has.")
            return
        work = _Work(self._place(given, req, ctx), _fingerprint(req), list(res.headers.raw))
        ctx.keep(_WORK, work)
        try:
            await self._begin(work)
        except Exception:
            # Where the claim was made and the answer was lost, it ends with its lease: Redis is not asked again.
            ctx.unkeep(_WORK, None)
            raise
        if work.replay is not None:
            _restore(res, work.outer, work.replay)
            raise Abort

    async def after(self, req: Request, res: Response, ctx: Context) -> None:
        """Store the response of a first request, or let go of its key; called by Heaven as an AFTER hook."""
        work = ctx.unkeep(_WORK, None)
        if work is None:
            return
        if work.replay is not None:
            # AFTER hooks inside did their work on it a second time.
            _restore(res, work.outer, work.replay)
            return
        try:
            try:
                await self._finish(work, req, res)
            except asyncio.CancelledError:  # who sends it again gets what it came to all the same
                await self._finish(work, req, res)
                raise
        except RedisError:
            log.exception("%s %r: what it came to can't be stored under %s", req.method, req.path, work.key)

    # Claiming

    def _place(self, given: str, req: Request, ctx: Context) -> str:
        found = _KEY.fullmatch(given)
        if found is None:
            raise BadRequest(f"{self.header} is 1 to 255 visible ASCII characters, in quotes or not.")
        key = found[2] or re.sub(r"\\(.)", r"\1", found[1])
        user: Any = self._user(req, ctx)
        if not isinstance(user, str):
            raise TypeError(f"the user= of {self!r} gave {user!r}; it has to say who asks, as a str")
        digest = blake2b(f"{user}\0{key}".encode(errors="surrogatepass"), digest_size=32).hexdigest()
        return f"{self._prefix}:{digest}"

    async def _begin(self, work: _Work) -> None:
        """Claim the key or find its response, and wait for that as long as there is time."""
        claim = msgspec.msgpack.encode(Record(work.fingerprint, secrets.token_bytes(16)))
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + self._wait, 0.01
        while True:
            work.claim = claim  # before it is sent, so that a cancelled request lets go of what it may have got
            stored = await self._claim.run(keys=[work.key], args=[claim, int(self._lease * 1000)], idempotent=True)
            if stored is None or stored == claim:
                work.renewal = asyncio.create_task(self._renew(work))
                return
            found = _decoded(stored, work.key)
            if found.fingerprint != work.fingerprint:
                raise HTTPError(422, f"This {self.header} was used for another request; use a new one.")
            if found.status:
                work.replay = found
                if found.body is None:
                    _refuse_replay(found)
                return
            pause = min(2 * pause, 0.25)
            if clock() + pause > deadline:
                retry = {"Retry-After": "1"}
                raise HTTPError(409, f"A request with this {self.header} is being carried out.", headers=retry)
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 (nothing secret)

    async def _renew(self, work: _Work) -> None:
        lease = int(self._lease * 1000)
        while True:
            await asyncio.sleep(self._pause)
            try:
                if not await self._hold.run(keys=[work.key], args=[work.claim, lease], idempotent=True):
                    log.error("the claim of %s was lost; another request with its key may be carried out", work.key)
                    return
            except RedisError as error:
                log.warning("the claim of %s could not be renewed: %s", work.key, error)

    # Ending

    async def _finish(self, work: _Work, req: Request, res: Response) -> None:
        if work.renewal is not None:
            work.renewal.cancel()
            await asyncio.wait((work.renewal,))
        record = self._outcome(work, res)
        if record is None:
            await self._let_go.run(keys=[work.key], args=[work.claim], idempotent=True)
            return
        if record.body is None:
            log.warning("%s %r: the response is a stream, or too large to be kept for a repeat", req.method, req.path)
        else:
            _restore(res, work.outer, record, replayed=False)
        encoded = msgspec.msgpack.encode(record)
        if not await self._store.run(keys=[work.key], args=[work.claim, encoded, self._ttl], idempotent=True):
            log.error("%s %r: the claim of %s was lost, so it may be carried out twice", req.method, req.path, work.key)

    def _outcome(self, work: _Work, res: Response) -> Record | None:
        """What is to be kept of a response; None where the next try is a first one."""
        if res.outcome not in ("ok", "aborted", "rejected") or res.status in _PASSING:
            return None
        if res.status >= 500 and (res.status, res.outcome) != (500, "rejected"):
            return None
        if deliverable(res.body) is not None:
            return Record(work.fingerprint, b"", int(res.status))
        try:
            start, content = messages(res)
        except Exception:  # noqa: BLE001 (it fails again where it is sent, and becomes a 500)
            return None
        if len(content["body"]) > self._max_size:
            return Record(work.fingerprint, b"", start["status"])
        headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        replaced = [name for name, value in work.outer if (name, value) not in headers]
        own = [pair for pair in headers if pair not in work.outer or pair[0] in replaced]
        return Record(work.fingerprint, b"", start["status"], own, replaced, content["body"])


def _fingerprint(req: Request) -> bytes:
    head = f"{req.method}\0{req.path}\0".encode(errors="surrogatepass") + req.scope.get("query_string", b"")
    return blake2b(b"%d\0%b%b" % (len(head), head, req.body), digest_size=32).digest()


def _decoded(stored: bytes, key: str) -> Record:
    try:
        return msgspec.msgpack.decode(stored, type=Record)
    except msgspec.DecodeError as error:
        raise DecodeError(f"what is stored under {key!r} is no record of a request: {error}") from error


def _restore(res: Response, outer: RawHeaders, record: Record, *, replayed: bool = True) -> None:
    """Make the response what was kept of it, between the headers of the hooks outside."""
    kept = [pair for pair in outer if pair[0] not in record.replaced]
    res.headers.raw[:] = [*kept, *record.headers]
    if replayed:
        res.headers["idempotency-replayed"] = "true"
    res.status = record.status
    res.body = record.body or None  # None has no Content-Type of its own


def _refuse_replay(record: Record) -> NoReturn:
    raise HTTPError(
        409, f"This request was carried out, with status {record.status}; its response was not kept to be sent again."
    )
