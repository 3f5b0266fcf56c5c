"""The faults of MySQL that cost writes or connections, each as a function of chance."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Self

from chaos_outcome import Outcome
from heaven_contrib.sql import Database
from heaven_contrib.sql.errors import ConnectionFailed, ConnectionLost, DatabaseError, LostOutcome, PoolTimeout
from heaven_testing import MySQLServer, ToxicProxy

PATIENCE = 30.0
"""Seconds that coming back may take before it counts as failed; a busy machine stands still for some of them."""

DRIVERS = ("aiomysql", "asyncmy")

Scenario = Callable[..., Awaitable[Outcome]]
"""`scenario(chance, server, driver, **options)`; options of the URL, by which a control is worse than it should be."""

_numbers = itertools.count(1)


def address(server: MySQLServer | ToxicProxy, name: str, driver: str, **options: object) -> str:
    """The URL of a database, with limits that nothing reaches on a machine that stands still for a moment."""
    given = {"driver": driver, "acquire_timeout": 20, "timeout": 20, "start_timeout": 30, "drain_timeout": 2} | options
    query = "&".join(f"{option}={value}" for option, value in given.items())
    return f"mysql://root@127.0.0.1:{server.port}/{name}?{query}"


@asynccontextmanager
async def connected(
    server: MySQLServer, driver: str, proxy: ToxicProxy | None = None, *, engine: str = "InnoDB", **options: object
) -> AsyncIterator[Database]:
    """A database of its own with a table for ids, connected, with options in its URL; all of it is dropped again."""
    name = f"chaos_{next(_numbers)}"
    # No secondary index: after kill -9 MariaDB 10.11 may say that one "is corrupted", and give no row at all.
    columns = "number BIGINT AUTO_INCREMENT PRIMARY KEY, id VARCHAR(30)"
    # Those that were cancelled leave connections behind that the server has not noticed yet.
    server.execute("SET GLOBAL max_connections = 1000")
    server.execute(f"CREATE DATABASE {name}; CREATE TABLE {name}.written ({columns}) ENGINE={engine}")
    database = Database(address(proxy or server, name, driver, **options))
    await database.connect()
    try:
        yield database
    finally:
        await database.disconnect()
        server.execute(f"DROP DATABASE {name}")


async def write(db: Database, name: str) -> None:
    """Write an id down: acknowledged when it returns."""
    await db.execute("INSERT INTO written (id) VALUES (:name)", {"name": name})


async def write_in_transaction(db: Database, name: str) -> None:
    """The same with a COMMIT of its own."""
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO written (id) VALUES (:name)", {"name": name})


async def works_again(db: Database) -> tuple[bool, float]:
    """Whether a write is acknowledged before patience ends, and after how many seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < PATIENCE:
        with suppress(DatabaseError):
            await write(db, "alive")
            return True, loop.time() - began
        await asyncio.sleep(0.005)
    return False, PATIENCE


def ids(db: Database, server: MySQLServer) -> list[str]:
    """The ids that are there, by the server's own client."""
    return [row[0] for row in server.execute(f"SELECT id FROM {db.settings.database}.written")]


async def _until(condition: Callable[[], object]) -> bool:
    """Wait until something is so; whether it was before patience ended."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not (so := condition()) and loop.time() < deadline:
        await asyncio.sleep(0.005)
    return bool(so)


class Load:
    """Eight users who write ids, one after the other, and note what became of each."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self._users: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._users = [asyncio.create_task(self._use(user)) for user in range(8)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._over.set()
        _, stuck = await asyncio.wait(self._users, timeout=PATIENCE)
        for user in stuck:
            user.cancel()

    async def _use(self, user: int) -> None:
        for number in itertools.count():
            name = f"{user}:{number}"
            try:
                await (write if number % 2 else write_in_transaction)(self.db, name)
                self.acknowledged.append(name)
            except LostOutcome:
                pass  # it may be there or not, once
            except DatabaseError:
                self.refused.append(name)
                await asyncio.sleep(0.005)
            if self._over.is_set():
                return

    def wrong(self, there: list[str]) -> int:
        """How many ids were acknowledged and are gone, refused and are there, or there more than once."""
        ours = [name for name in there if name != "alive"]
        gone, against = set(self.acknowledged) - set(ours), set(self.refused) & set(ours)
        return len(gone) + len(against) + len(ours) - len(set(ours))


async def _under_load(db: Database, server: MySQLServer, fault: Callable[[], Awaitable[object]]) -> Outcome:
    async with Load(db) as load:
        await _until(lambda: load.acknowledged)
        await fault()
        recovered, seconds = await works_again(db)
    wrong = load.wrong(ids(db, server))
    return Outcome(recovered and bool(load.acknowledged), lost=wrong, recovery_seconds=seconds)


async def killed(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """kill -9 under load: every id that was acknowledged is there, each once, and none that was refused."""

    async def fault() -> None:
        await asyncio.sleep(chance.uniform(0.02, 0.3))
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(chance.uniform(0, 0.1))
        await asyncio.to_thread(server.restart)

    async with connected(server, driver, **options) as db:
        return await _under_load(db, server, fault)


async def restarted(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """A restart in order under load: the same holds."""

    async def fault() -> None:
        await asyncio.sleep(chance.uniform(0.02, 0.3))
        await asyncio.to_thread(server.restart)

    async with connected(server, driver, **options) as db:
        return await _under_load(db, server, fault)


async def broken_off(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """All connections are cut or reset again and again under load: the same holds."""

    async def fault() -> None:
        for _ in range(5):
            await asyncio.sleep(chance.uniform(0.005, 0.05))
            chance.choice((proxy.cut, proxy.reset))()

    with ToxicProxy(server.url, seed=chance.randrange(2**30)) as proxy:
        proxy.delay(0.0005, 0.001)
        async with connected(server, driver, proxy, **options) as db:
            return await _under_load(db, server, fault)


async def recycled(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """Connections are replaced and checked all the time under load: nobody notices."""
    often = {"recycle": 0.05, "check_after": 0, "pool_size": 4} | options
    async with connected(server, driver, **often) as db:
        async with Load(db) as load:
            await asyncio.sleep(chance.uniform(0, 0.2))
            replaced = await _until(lambda: db.statistics.opened > 2 * 4)
        recovered, seconds = await works_again(db)
        wrong = load.wrong(ids(db, server)) + len(load.refused)
    return Outcome(recovered and replaced, lost=wrong, recovery_seconds=seconds)


async def commit_unanswered(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """The answer to COMMIT or to a single INSERT is lost: it is told, and nothing is sent twice."""
    told = 0
    with ToxicProxy(server.url) as proxy:

        async def lose_the_answer() -> None:
            """Cut the connection when the server has done what it was asked to, and was not heard."""
            async with asyncio.timeout(PATIENCE):
                while "once" not in await asyncio.to_thread(ids, db, server):
                    pass
            await asyncio.sleep(chance.uniform(0, 0.1))
            proxy.heal()
            proxy.cut()

        async with connected(server, driver, proxy, check_after=60, **options) as db, asyncio.TaskGroup() as losing:
            await works_again(db)
            try:
                if chance.random() < 0.5:
                    async with db.transaction() as tx:
                        await tx.execute("INSERT INTO written (id) VALUES ('once')")
                        proxy.swallow_replies()
                        losing.create_task(lose_the_answer())
                else:
                    proxy.swallow_replies()
                    losing.create_task(lose_the_answer())
                    await write(db, "once")
            except LostOutcome:
                told = 1
            recovered, seconds = await works_again(db)
            times = ids(db, server).count("once")
    return Outcome(recovered and told == 1, lost=abs(times - 1), recovery_seconds=seconds)


async def cut_before_commit(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """A connection that breaks inside of a transaction, at any moment before COMMIT, leaves nothing behind."""
    refused = 0
    with ToxicProxy(server.url) as proxy:
        async with connected(server, driver, proxy, **options) as db:
            rounds = chance.randint(1, 5)
            for _ in range(rounds):
                with suppress(ConnectionLost):
                    async with db.transaction() as tx:
                        await tx.execute("INSERT INTO written (id) VALUES ('never')")
                        proxy.cut()
                        await asyncio.sleep(chance.choice((0, 0.01)))
                        await tx.execute("INSERT INTO written (id) VALUES ('never')")
                    refused -= 1
                refused += 1
            recovered, seconds = await works_again(db)
            there = ids(db, server).count("never")
    return Outcome(recovered and refused == rounds, lost=there, recovery_seconds=seconds)


async def idle_when_restarted(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """The server is restarted while connections are idle: no call fails."""
    async with connected(server, driver, pool_size=20, **options) as db:
        count = await _used_at_once(db, chance.randint(2, 20))
        await asyncio.to_thread(server.restart)
        return await _all_answered(db, count)


async def idle_when_killed(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """KILL of every connection while it is idle: no call fails."""
    async with connected(server, driver, pool_size=20, **options) as db:
        count = await _used_at_once(db, chance.randint(2, 20))
        await asyncio.to_thread(kill_connections, server)
        return await _all_answered(db, count)


def kill_connections(server: MySQLServer) -> None:
    """KILL what is connected to a database of chaos, and wait until it is gone."""
    connections = "SELECT id FROM information_schema.processlist WHERE db LIKE 'chaos%'"
    deadline = time.monotonic() + PATIENCE
    while (rows := server.execute(connections)) and time.monotonic() < deadline:
        with suppress(RuntimeError):  # one that is gone already
            server.execute(";".join(f"KILL {row[0]}" for row in rows))


async def _used_at_once(db: Database, count: int) -> int:
    async def use() -> None:
        async with db.transaction() as tx:
            await tx.fetch_value("SELECT 1")
            await everybody.wait()

    everybody = asyncio.Barrier(count)
    async with asyncio.TaskGroup() as users:
        for _ in range(count):
            users.create_task(use())
    return count


async def _whole_again(db: Database, count: int) -> bool:
    """Whether so many connections can be had at once, before patience ends."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await _used_at_once(db, count) == count
                except* DatabaseError:
                    await asyncio.sleep(0.005)
    return False


async def _all_answered(db: Database, count: int) -> Outcome:
    loop = asyncio.get_running_loop()
    began = loop.time()
    answers = await asyncio.gather(*(write(db, f"{number}") for number in range(count)), return_exceptions=True)
    errors = sum(isinstance(answer, BaseException) for answer in answers)
    return Outcome(not errors, lost=errors, recovery_seconds=loop.time() - began)


async def frozen(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """The server stands still (SIGSTOP): every call is an error by its deadline, and the pool is whole afterwards."""
    limits = {"timeout": 0.4, "acquire_timeout": 0.4, "pool_size": 3} | options
    async with connected(server, driver, **limits) as db:
        async with Load(db) as load:
            await asyncio.sleep(chance.uniform(0.01, 0.05))
            server.freeze()
        try:
            async with asyncio.timeout(PATIENCE):  # without a deadline, they wait for as long as it is frozen
                calls = (db.fetch_value("SELECT 1") for _ in range(chance.randint(3, 20)))
                answers = await asyncio.gather(*calls, return_exceptions=True)
        except TimeoutError:
            answers = [None]
        server.thaw()
        recovered, seconds = await works_again(db)
        whole = await _whole_again(db, 3)
        # What was sent and never answered is told as unknown; refused is only what was not sent.
        wrong = load.wrong(ids(db, server))
    told = all(isinstance(answer, DatabaseError) for answer in answers)
    return Outcome(recovered and told and whole, lost=wrong, recovery_seconds=seconds)


async def late(chance: Random, server: MySQLServer, driver: str, **options: object) -> Outcome:
    """The application starts while the server is down: it waits for it."""
    server.execute("CREATE DATABASE IF NOT EXISTS chaos_late; CREATE TABLE IF NOT EXISTS chaos_late.written (id TEXT)")
    server.stop()
    database = Database(address(server, "chaos_late", driver, **options))
    loop = asyncio.get_running_loop()

    async def come_back() -> float:
        await asyncio.sleep(chance.uniform(0, 0.5))
        await asyncio.to_thread(server.restart)
        return loop.time()

    coming = asyncio.create_task(come_back())
    try:
        await database.connect()
        connected_at = loop.time()
        recovered, _ = await works_again(database)
    except (ConnectionFailed, PoolTimeout):
        recovered, connected_at = False, loop.time()
    finally:
        back_at = await coming
        await database.disconnect()
    return Outcome(recovered, recovery_seconds=max(0.0, connected_at - back_at))


SCENARIOS: dict[str, Scenario] = {
    "kill -9 under load": killed,
    "restarted under load": restarted,
    "connections cut and reset under load": broken_off,
    "connections recycled under load": recycled,
    "answer to COMMIT or INSERT lost": commit_unanswered,
    "connection cut inside of a transaction": cut_before_commit,
    "restarted while connections are idle": idle_when_restarted,
    "KILL of idle connections": idle_when_killed,
    "frozen (SIGSTOP) under load": frozen,
    "started after the application": late,
}
"""What `make chaos` repeats, of faults of the server and of connections."""
