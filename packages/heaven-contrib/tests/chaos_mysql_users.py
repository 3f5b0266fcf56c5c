"""What users of a MySQL database do to each other by leaving at any moment, each as a function of chance."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from random import Random

from chaos_mysql import PATIENCE, Scenario, connected, works_again
from chaos_outcome import Outcome
from heaven_contrib.sql import Database, Queries
from heaven_contrib.sql.errors import DatabaseError, SerializationFailure
from heaven_testing import MySQLServer, ToxicProxy

ACCOUNTS = 8
BALANCE = 1000


async def transfers(
    chance: Random, server: MySQLServer, driver: str, *, cancels: int = 40, **options: object
) -> Outcome:
    """Transfers between accounts are cancelled at any moment: the sum holds, and no transaction stays open."""
    seen: list[float] = []
    answers: list[object] = []

    async def transfer(db: Database) -> None:
        source, target = chance.sample(range(ACCOUNTS), 2)
        amount = chance.randint(1, 100)
        began = time.monotonic()
        with suppress(SerializationFailure):
            async with db.transaction() as tx:
                move = "UPDATE accounts SET balance = balance + :amount WHERE id = :id"
                await tx.execute(move, {"id": source, "amount": -amount})
                await asyncio.sleep(chance.choice((0, 0.001)))  # to be cancelled here as well
                await tx.execute(move, {"id": target, "amount": amount})
            seen.append(time.monotonic() - began)

    async with connected(server, driver, pool_size=5, **options) as db:
        await db.execute("CREATE TABLE accounts (id INT PRIMARY KEY, balance INT NOT NULL) ENGINE=InnoDB")
        rows = [{"id": number, "balance": BALANCE} for number in range(ACCOUNTS)]
        await db.execute_many("INSERT INTO accounts VALUES (:id, :balance)", rows)
        for _ in range(5):
            await transfer(db)
        usual = min(seen)  # without what the machine did meanwhile
        for start in range(0, cancels, 20):
            users = [asyncio.create_task(transfer(db)) for _ in range(min(20, cancels - start))]
            for user in users:
                asyncio.get_running_loop().call_later(chance.uniform(0, usual * 5), user.cancel)
            answers += await asyncio.gather(*users, return_exceptions=True)
        recovered, seconds = await works_again(db)
        total = int(server.execute(f"SELECT SUM(balance) FROM {db.settings.database}.accounts")[0][0])
        ended = await asyncio.to_thread(_no_transaction_is_open, server)
    failed = any(isinstance(answer, Exception) for answer in answers)
    return Outcome(recovered and ended and not failed, lost=int(total != ACCOUNTS * BALANCE), recovery_seconds=seconds)


def _no_transaction_is_open(server: MySQLServer) -> bool:
    """Whether what was rolled back, or left for the server to roll back, is gone before patience ends."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not server.execute("SELECT trx_id FROM information_schema.innodb_trx"):
            return True
        time.sleep(0.01)
    return False


async def replies(chance: Random, server: MySQLServer, driver: str, *, calls: int = 200, **options: object) -> Outcome:
    """Queries are cancelled at any moment behind a proxy that delays: everybody gets the answer to their own."""
    crossed = failed = 0
    twice = "SELECT :number AS number UNION ALL SELECT :number"

    async def ask(db: Database, number: int, hurry: float) -> None:
        nonlocal crossed, failed
        values = {"number": number}
        try:
            async with asyncio.timeout(hurry):
                if number % 2:
                    crossed += await db.fetch_value("SELECT :number", values) != number
                else:
                    async with aclosing(db.fetch_iter(twice, values)) as rows:
                        crossed += [row async for row in rows] != [values, values]
        except DatabaseError:
            failed += 1
        except TimeoutError:
            pass

    with ToxicProxy(server.url, seed=chance.randrange(2**30)) as proxy:
        async with connected(server, driver, proxy, pool_size=5, **options) as db:
            proxy.delay(0.001, 0.002, direction="down")
            for start in range(0, calls, 50):
                hurries = [chance.uniform(0, 0.1) for _ in range(50)]
                await asyncio.gather(*(ask(db, start + number, hurry) for number, hurry in enumerate(hurries)))
            proxy.heal()
            await asyncio.gather(*(ask(db, number, PATIENCE) for number in range(calls, calls + 20)))
            recovered, seconds = await works_again(db)
    return Outcome(recovered and not failed, crossed=crossed, recovery_seconds=seconds)


async def starved(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """Fifty wait for two connections and half of them are cancelled: the others are served, and two are left."""

    async def use(db: Database) -> None:
        async with db.transaction() as tx:
            await tx.fetch_value("SELECT 1")
            await asyncio.sleep(chance.uniform(0, 0.01))

    async with connected(server, driver, pool_size=2, **options) as db:
        users = [asyncio.create_task(use(db)) for _ in range(50)]
        leaving = chance.sample(users, 25)
        for user in leaving:
            asyncio.get_running_loop().call_later(chance.uniform(0, 0.2), user.cancel)
        answers = await asyncio.gather(*(user for user in users if user not in leaving), return_exceptions=True)
        await asyncio.gather(*leaving, return_exceptions=True)
        recovered, seconds = await works_again(db)
        barrier = asyncio.Barrier(2)  # at which two meet who have a connection each
        answers += await asyncio.gather(_meet(db, barrier), _meet(db, barrier), return_exceptions=True)
    errors = sum(answer is not None for answer in answers)
    return Outcome(recovered and not errors, lost=errors, recovery_seconds=seconds)


async def _meet(db: Database, barrier: asyncio.Barrier) -> None:
    async with db.transaction() as tx:
        await tx.fetch_value("SELECT 1")
        await asyncio.wait_for(barrier.wait(), PATIENCE)


SESSION = {
    "SET @left = 'behind'": "SELECT @left",
    "SET time_zone = '+05:00'": "SELECT NULLIF(@@time_zone, '+00:00')",
    "SET sql_mode = ''": "SELECT NULLIF(@@sql_mode LIKE '%STRICT_TRANS_TABLES%', 1)",
    "SET autocommit = 0": "SELECT NULLIF(@@autocommit, 1)",
    "SET NAMES latin1": "SELECT NULLIF(@@character_set_client, 'utf8mb4')",
    "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE": "SELECT NULLIF(@@tx_isolation, 'REPEATABLE-READ')",
    "USE information_schema": "SELECT NULLIF(DATABASE(), :name)",
    "SELECT GET_LOCK('left', 0)": "SELECT IF(IS_USED_LOCK('left') = CONNECTION_ID(), 'left', NULL)",
    "CREATE TEMPORARY TABLE behind (id INT)": "SELECT COUNT(*) FROM behind",
    "START TRANSACTION": "SELECT trx_id FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()",
}
"""What a user can leave behind in a session, and how the next one sees it: by anything that is not NULL."""


async def sessions(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """Users change their session in every way there is, and some are cancelled: the next user sees nothing of it."""
    crossed = 0
    async with connected(server, driver, pool_size=1, **options) as db:
        changes = list(SESSION)
        chance.shuffle(changes)
        for change in changes:
            await _change(db, change, chance)
            crossed += await _looks(db)
        crossed += await _locked(db)
        recovered, seconds = await works_again(db)
    return Outcome(recovered, crossed=crossed, recovery_seconds=seconds)


async def _change(db: Database, change: str, chance: Random) -> None:
    """Through the battery, which has to see it by itself, or through the driver's connection."""
    if change != "START TRANSACTION" and chance.random() < 0.5:
        await db.fetch_all(change)
        return
    with suppress(asyncio.CancelledError):
        async with db.connection() as raw:
            await raw.query(change.encode())
            if chance.random() < 0.3:
                raise asyncio.CancelledError


async def _looks(db: Queries) -> int:
    """How many changes somebody sees who has made none."""
    seen = 0
    name = {"name": db.settings.database} if isinstance(db, Database) else {}
    for look in SESSION.values():
        values = name if ":name" in look else None
        try:
            seen += await db.fetch_value(look, values) is not None
        except DatabaseError:  # there is no such table, as there should not be
            seen += "FROM behind" not in look
    return seen


async def _locked(db: Database) -> int:
    """Whether LOCK TABLES by one user is felt by the next."""
    try:
        await db.execute("LOCK TABLES written READ")
        await db.execute("INSERT INTO written (id) VALUES ('free')")
    except DatabaseError:
        return 1
    return 0


SCENARIOS: dict[str, Scenario] = {
    "transfers cancelled": transfers,
    "queries cancelled": replies,
    "pool of 2 with 50 callers, half of them cancelled": starved,
    "sessions left changed": sessions,
}
"""What `make chaos` repeats, of what users do to each other."""
