"""Messages that are sent if, and only if, the change is kept that they tell of."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from logging import Logger
from typing import TYPE_CHECKING, Any, Final

from heaven import SHUTDOWN, STARTUP, Key
from heaven.errors import HeavenError, RegistrationError
from heaven.liveness import is_cancelled
from heaven.logs import logger
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.keys import tagged
from heaven_contrib.redis.locks import LeaseLost, Lock
from heaven_contrib.redis.values import encode
from heaven_contrib.sql.database import Database
from heaven_contrib.sql.statements import Dialect
from heaven_contrib.sql.transaction import Transaction

if TYPE_CHECKING:
    from heaven import App

log: Logger = logger("heaven.outbox")

MAX_PAYLOAD: Final = 1 << 20
"""Bytes of one payload, and about as many go to Redis at once: more is a document, of which a message tells."""
LONGEST_PAUSE: Final = 5.0
"""Seconds; what fails is tried again at least this often."""

# One script, so that a batch is in the stream whole, and nothing of another relay is in between. A relay that was
# overtaken, and does not know it yet, has a lower token than the one that overtook it.
PUBLISH: Final = """
if tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[2]) or 0) then
    return 0
end
redis.call('SET', KEYS[2], ARGV[1])
for i = 2, #ARGV, 3 do
    redis.call('XADD', KEYS[1], '*', 'id', ARGV[i], 'topic', ARGV[i + 1], 'payload', ARGV[i + 2])
end
return 1
"""

_TABLES: Final[dict[Dialect, str]] = {
    "sqlite": """\
CREATE TABLE IF NOT EXISTS {table} (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL
)""",
    "mysql": """\
CREATE TABLE IF NOT EXISTS {table} (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    topic VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
    payload MEDIUMBLOB NOT NULL
) ENGINE=InnoDB""",
}


class Outbox:
    """Lives with the application: messages are added in a transaction, and published once that is committed.

    A handler adds a message in the transaction that makes the change. A relay, one at a time over all workers, moves
    committed messages to a Redis stream, whose entries have the fields `id`, `topic` and `payload` (JSON).

    What is promised, and what is not:

    - **Kept together.** A message is published if its transaction was committed, and never if it was rolled back.
    - **At least once.** It leaves the table only after Redis took it. Where the relay, Redis or the database fails in
      between, it is published again, with the same id: consumers remember the ids of late, and drop repeats. An id
      is never given twice (SQLite, MySQL 8, MariaDB 10.2.4 and later).
    - **In order,** where there is one. If one transaction was committed before another one called `add`, or had to
      wait for it there, since both change the same row *before* they call `add`, their messages are published in
      that order; so are those of one transaction. Transactions that run side by side have no order, and their
      messages none but that of their commits and ids: a higher id can come before a lower one that was committed
      later. After a failure a row of messages is repeated in its order, before anything new. This holds for a
      database that numbers its rows at one place, not for several masters that count in steps.
    - **One relay.** Relays never interleave: whoever lost the lease, and does not know it yet, is refused by Redis
      (fencing token).
    - **As lasting as Redis.** Once Redis took a message it is Redis that keeps it: what it loses (`appendfsync
      everysec`, a replica that takes over too early) is lost. Nothing is ever trimmed; that is for whoever knows
      what was consumed (`XTRIM`).
    - While Redis or the database is down messages wait in the table, and committing is not held up.

    Args:
        database: where messages wait.
        redis: where they are published.
        stream: the key of the Redis stream.
        table: the table they wait in; `create_table`, or a migration, makes it.
        lease: seconds after which another relay takes over from one that was killed.
        batch: messages that are moved at once.
        poll: seconds between two looks into an empty table: how late a message may come.
        key: what the application keeps it under.

    Raises:
        RegistrationError: an argument can't be.

    Example:
        >>> from heaven_contrib.redis import Redis
        >>> from heaven_contrib.sql import Database
        >>> async def main() -> None:
        ...     redis = Redis("memory://")
        ...     await redis.connect()
        ...     async with Database("sqlite://:memory:") as database:
        ...         outbox = Outbox(database, redis, poll=0.01)
        ...         await outbox.create_table()
        ...         async with database.transaction() as tx:
        ...             await outbox.add(tx, "order.placed", {"id": 7})
        ...         relay = asyncio.create_task(outbox.relay())
        ...         while not (entries := await redis.read(lambda client: client.xrange("outbox"))):
        ...             await asyncio.sleep(0.01)
        ...         relay.cancel()
        ...         await asyncio.wait([relay])
        ...     await redis.disconnect()
        ...     (_, message), = entries
        ...     print(message)
        >>> asyncio.run(main())
        {b'id': b'1', b'topic': b'order.placed', b'payload': b'{"id":7}'}

        In an application, after the batteries it stands on::

            app.plugin(database)
            app.plugin(redis)
            app.plugin(Outbox(database, redis))

            async def order(req, res, ctx):
                tx = ctx.peek(TRANSACTION)
                placed = await tx.execute("INSERT INTO orders ...")
                await req.app.peek(OUTBOX).add(tx, "order.placed", {"id": placed.last_id})
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        *,
        stream: str = "outbox",
        table: str = "outbox",
        lease: float = 10.0,
        batch: int = 100,
        poll: float = 0.25,
        key: Key[Outbox] | None = None,
    ) -> None:
        if not stream or not stream.isprintable() or "{" in stream or "}" in stream:
            raise RegistrationError(f"Outbox got stream={stream!r}; give the name of a key, without braces")
        if not 1 <= batch <= 10_000:
            raise RegistrationError(f"Outbox got batch={batch!r}; give 1 to 10,000")
        if not poll > 0:
            raise RegistrationError(f"Outbox got poll={poll!r}; give seconds, above 0")
        self.stream: str = stream
        self.table: str = _checked_table(table)
        self._database = database
        self._key = OUTBOX if key is None else key
        self._batch = batch
        self._poll = poll
        # Waiting relays have nothing else to do for as long as another one is alive, so they ask seldom.
        self._lock = Lock(redis, stream, ttl=lease, poll=lease / 10, prefix="outbox")
        # The stream's name is the hash tag of the other keys, so that a cluster has all of them on one node.
        self._keys = [stream, f"{tagged('outbox', stream)}:token"]
        self._script = redis.script(PUBLISH)
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Outbox {self.table!r} to {self.stream!r}>"

    async def create_table(self) -> None:
        """Make the table, unless it is there; `table_sql` is the same for a migration."""
        await self._database.execute(table_sql(self._database.dialect, self.table))

    async def add(self, tx: Transaction, topic: str, payload: Any) -> int:
        """Add a message to what a transaction does; it is published after the commit.

        Args:
            tx: the transaction that makes the change.
            topic: what the message is about, at most 255 characters: `"order.placed"`.
            payload: what is told, as `heaven_contrib.redis.values.encode` takes it; at most 1 MiB as JSON.

        Returns:
            Its id, which consumers see.

        Raises:
            TypeError: `tx` is no transaction, without which nothing is kept together; or JSON has no such payload.
            ValueError: the topic or the payload is too long.
        """
        if not isinstance(tx, Transaction):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"Outbox.add got {tx!r}; give the transaction that makes the change")
        if not 0 < len(topic) <= 255:
            raise ValueError(f"a topic has 1 to 255 characters, and this one {len(topic)}")
        encoded = encode(payload)
        if len(encoded) > MAX_PAYLOAD:
            raise ValueError(
                f"a payload of {topic!r} has {len(encoded)} bytes, and may have {MAX_PAYLOAD}; tell where the rest is"
            )
        sql = f"INSERT INTO {self.table} (topic, payload) VALUES (:topic, :payload)"  # noqa: S608 (a checked name)
        done = await tx.execute(sql, {"topic": topic, "payload": encoded})
        return done.last_id or 0

    async def relay(self) -> None:
        """Publish what is in the table and what comes, whenever no other relay does; until it is cancelled.

        `install` runs it in every worker. It may as well have a process of its own. What fails is logged on
        `heaven.outbox` and tried again, after 0.1 to 5 seconds.
        """
        failures = 0
        while True:
            try:
                async with self._lock.hold() as lease:
                    await self._publish(lease.token, ())  # from here on, whoever was the relay before is refused
                    while True:
                        moved = await self._move(lease.token)
                        failures = 0
                        if not moved:
                            await asyncio.sleep(self._poll)
            except (Exception, asyncio.CancelledError) as error:  # a relay that ends would end silently
                if is_cancelled(error):
                    raise
                unexpected = None if isinstance(error, HeavenError) else error
                log.warning("%r is interrupted, and goes on: %s", self, error, exc_info=unexpected)
            pause = min(LONGEST_PAUSE, 0.1 * 2.0 ** min(failures, 10))
            failures += 1
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 (nothing secret)

    async def _move(self, token: int) -> int:
        """Move one batch, and give back how many messages it had."""
        sql = f"SELECT id, topic, payload FROM {self.table} ORDER BY id LIMIT {self._batch}"  # noqa: S608
        rows = _until_large(await self._database.fetch_all(sql))
        if rows:
            await self._publish(token, rows)
            await self._forget([row["id"] for row in rows])
        return len(rows)

    async def _publish(self, token: int, rows: Sequence[dict[str, Any]]) -> None:
        entries = [part for row in rows for part in (row["id"], row["topic"], row["payload"])]
        if not await self._script.run(keys=self._keys, args=[token, *entries]):
            raise LeaseLost(f"another relay has taken over the stream {self.stream!r}")

    async def _forget(self, ids: list[int]) -> None:
        await self._database.execute(f"DELETE FROM {self.table} WHERE id IN (:ids)", {"ids": ids})  # noqa: S608

    def install(self, app: App) -> None:
        """Keep itself under its key, and relay from startup to shutdown; `app.plugin(outbox)` calls it."""
        app.ON(STARTUP, self._start)
        app.ON(SHUTDOWN, self._stop)

    async def _start(self, app: App) -> None:
        app.keep(self._key, self)
        self._task = asyncio.create_task(self.relay(), name=repr(self))

    async def _stop(self, app: App) -> None:
        app.unkeep(self._key, None)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))


OUTBOX: Final[Key[Outbox]] = Key("outbox")


def table_sql(dialect: Dialect, table: str = "outbox") -> str:
    """The statement that makes the table, for a migration.

    Args:
        dialect: "sqlite" or "mysql".
        table: its name.

    Raises:
        RegistrationError: the name is none.

    Example:
        >>> print(table_sql("sqlite"))
        CREATE TABLE IF NOT EXISTS outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            topic TEXT NOT NULL,
            payload BLOB NOT NULL
        )
    """
    return _TABLES[dialect].format(table=_checked_table(table))


def _checked_table(table: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", table):
        raise RegistrationError(f"Outbox got table={table!r}; give a name of letters, digits and underscores")
    return table


def _until_large(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first rows, and no more of them than Redis takes well at once."""
    size = 0
    for index, row in enumerate(rows):
        size += len(row["payload"])
        if index and size > MAX_PAYLOAD:
            return rows[:index]
    return rows
