from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from heaven_contrib.sql import (
    ConnectionBusy,
    ConnectionLost,
    Database,
    IntegrityError,
    StatementError,
    StatementTimeout,
    Transaction,
    TransactionOver,
)
from patience import until

ADD = "INSERT INTO notes (text, size) VALUES (:text, 1)"


async def texts(db):
    return [row["text"] for row in await db.fetch_all("SELECT text FROM notes ORDER BY id")]


async def test_a_block_is_kept_together(db):
    """Its changes are seen inside at once, and by others after it."""
    async with db.transaction() as tx:
        await tx.execute(ADD, {"text": "a"})
        await tx.execute_many(ADD, [{"text": "b"}, {"text": "c"}])
        assert ["a", "b", "c"] == await texts(tx)
        assert db.dialect == tx.dialect
    assert ["a", "b", "c"] == await texts(db)


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()])
async def test_a_block_that_is_left_early_is_undone(db, error):
    """Whatever leaves it, and the error goes on as it was."""
    with pytest.raises(type(error)) as caught:
        async with db.transaction() as tx:
            await tx.execute(ADD, {"text": "a"})
            raise error
    assert error is caught.value
    assert [] == await texts(db)
    assert 0 == db.statistics.lent


async def test_without_a_block_the_change_stays(db):
    """The control of the test above: the same statement outside of a transaction is kept."""
    with pytest.raises(ValueError, match="no"):
        await db.execute(ADD, {"text": "a"})
        raise ValueError("no")
    assert ["a"] == await texts(db)


async def test_a_block_inside_can_be_undone_by_itself(db):
    """A savepoint: what is around it stays, and what comes after it works."""
    async with db.transaction() as tx:
        await tx.execute(ADD, {"text": "a"})
        with pytest.raises(IntegrityError):
            async with tx.transaction() as inner:
                await inner.execute(ADD, {"text": "b"})
                async with inner.transaction():
                    await inner.execute(ADD, {"text": "c"})
                await inner.execute(ADD, {"text": "a"})
        async with tx.transaction():
            await tx.execute(ADD, {"text": "d"})
    assert ["a", "d"] == await texts(db)


async def test_options_belong_to_the_outermost_block(db):
    """Inside they could not be kept, so they are refused."""
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="outermost"):
            async with tx.transaction(read_only=True):
                pass
        with pytest.raises(ValueError, match="outermost"):
            async with tx.transaction(isolation="serializable"):
                pass


async def test_a_read_only_block_refuses_changes(db):
    """And the connection can change things again afterwards."""
    await db.execute(ADD, {"text": "a"})
    async with db.transaction(read_only=True) as tx:
        assert ["a"] == await texts(tx)
        with pytest.raises(StatementError):
            await tx.execute(ADD, {"text": "b"})
    for text in ("c", "d"):
        await db.execute(ADD, {"text": text})
    assert ["a", "c", "d"] == await texts(db)


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()])
async def test_a_read_only_block_that_is_left_early_makes_nobody_else_read_only(kind, database_url, error):
    """The one connection is a writer's again, whatever has ended the block."""
    async with Database(database_url(kind, pool_size=1)) as db:
        await db.execute("CREATE TABLE n (id INT)")
        with pytest.raises(type(error)):
            async with db.transaction(read_only=True) as tx:
                await tx.fetch_all("SELECT * FROM n")
                raise error
        assert 1 == (await db.execute("INSERT INTO n VALUES (1)")).affected


async def cancelled_while_undoing(db, monkeypatch, block):
    """Run a block in a task, and cancel it in the moment it begins to roll back."""
    task = asyncio.ensure_future(block())
    undo = Transaction._undo

    async def undoing(self, *savepoint):
        asyncio.get_running_loop().call_soon(task.cancel)
        monkeypatch.setattr(Transaction, "_undo", undo)
        await undo(self, *savepoint)

    monkeypatch.setattr(Transaction, "_undo", undoing)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_cancelled_while_it_is_undone_is_undone(db, monkeypatch):
    """And nothing else is: what was there before stays there, also in a database that lives in memory."""
    await db.execute(ADD, {"text": "before"})

    async def block():
        async with db.transaction() as tx:
            await tx.execute(ADD, {"text": "a"})
            raise ValueError("no")

    await cancelled_while_undoing(db, monkeypatch, block)
    assert ["before"] == await texts(db)


async def test_a_part_that_could_not_be_undone_is_not_kept(db, monkeypatch):
    """Who swallows the cancellation of a savepoint's rollback can't keep what is around it."""
    await db.execute(ADD, {"text": "before"})

    async def block():
        async with db.transaction() as tx:
            with suppress(asyncio.CancelledError, ValueError):
                async with tx.transaction():
                    await tx.execute(ADD, {"text": "a"})
                    raise ValueError("no")
            with pytest.raises((TransactionOver, ConnectionLost)):
                await tx.execute(ADD, {"text": "b"})
            raise asyncio.CancelledError

    await cancelled_while_undoing(db, monkeypatch, block)
    assert ["before"] == await texts(db)


@pytest.mark.parametrize("isolation", ["read uncommitted", "read committed", "repeatable read", "serializable"])
async def test_every_kind_of_database_takes_every_isolation(db, isolation):
    """Also those that have one alone, which is the strictest."""
    async with db.transaction(isolation=isolation) as tx:
        await tx.execute(ADD, {"text": "a"})
    assert ["a"] == await texts(db)


@pytest.mark.parametrize("driver", ["aiomysql", "asyncmy"])
async def test_isolation_is_that_of_one_block(mysql_url, driver):
    """What others keep meanwhile is seen with "read committed", and with what the next block has again, it is not."""
    async with Database(mysql_url(driver, pool_size=2)) as db:
        await db.execute("CREATE TABLE n (id INT)")

        async def seen_meanwhile(**options):
            async with db.transaction(**options) as tx:
                before = await tx.fetch_value("SELECT count(*) FROM n")
                await db.execute("INSERT INTO n VALUES (1)")
                return await tx.fetch_value("SELECT count(*) FROM n") - before

        assert [1, 0, 0] == [
            await seen_meanwhile(isolation="read committed"),
            await seen_meanwhile(),
            await seen_meanwhile(isolation="repeatable read"),
        ]


async def test_an_unknown_isolation_is_refused(db):
    """By name."""
    with pytest.raises(ValueError, match="isolation"):
        async with db.transaction(isolation="strict"):
            pass
    assert 0 == db.statistics.lent


async def test_what_has_ended_is_not_used_again(db):
    """The error says so."""
    async with db.transaction() as tx:
        pass
    with pytest.raises(TransactionOver, match="has ended"):
        await tx.execute(ADD, {"text": "a"})
    await tx.end(keep=True)
    assert "<Transaction over>" == repr(tx)


async def test_one_statement_at_a_time(db):
    """Two at once on one transaction would get each other's answers."""
    async with db.transaction() as tx:
        results = await asyncio.gather(texts(tx), texts(tx), return_exceptions=True)
        assert [] == results[0]
        assert isinstance(results[1], ConnectionBusy)
        await tx.execute_many(ADD, [{"text": "a"}, {"text": "b"}])
        rows = tx.fetch_iter("SELECT text FROM notes ORDER BY id")
        assert {"text": "a"} == await anext(rows)
        with pytest.raises(ConnectionBusy):
            await texts(tx)
        await rows.aclose()
        assert ["a", "b"] == await texts(tx)


async def test_two_statements_at_once_cost_the_transaction_alone(db):
    """The block ends while the first still runs; what was there before stays there, also in memory."""
    await db.execute(ADD, {"text": "before"})
    with pytest.raises(ConnectionBusy):
        async with db.transaction() as tx:
            await asyncio.gather(tx.execute(ADD, {"text": "a"}), tx.execute(ADD, {"text": "b"}))
    assert ["before"] == await texts(db)
    assert 0 == db.statistics.lent


async def test_a_slow_statement_ends_its_transaction(kind, database_url):
    """Nothing more runs on it, nothing of it is kept, and the database goes on."""
    slow = {"sqlite": "SELECT max(a.id) FROM n a, n b, n c, n d", "mysql": "SELECT SLEEP(60)"}
    async with Database(database_url(kind)) as db:
        await db.execute("CREATE TABLE n (id INT)")
        await db.execute_many("INSERT INTO n VALUES (:id)", [{"id": number} for number in range(100)])
        with pytest.raises(StatementTimeout):
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO n VALUES (1000)")
                await tx.fetch_all(slow[db.dialect], timeout=0.2)
        assert 99 == await db.fetch_value("SELECT max(id) FROM n")
        assert 0 == db.statistics.lent


async def test_a_statement_that_commits_by_itself_is_noticed(kind, database_url):
    """MySQL ends a transaction at CREATE TABLE: what was meant to be kept together no longer is, and that is said."""
    async with Database(database_url(kind)) as db:
        await db.execute("CREATE TABLE a (id INT)")
        expected = pytest.raises(TransactionOver, match="commits by itself") if db.dialect == "mysql" else nothing()
        with expected:
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO a VALUES (1)")
                await tx.execute("CREATE TABLE b (id INT)")
                await tx.execute("INSERT INTO a VALUES (2)")
        assert (1 if db.dialect == "mysql" else 2) == await db.fetch_value("SELECT count(*) FROM a")


def nothing():
    from contextlib import nullcontext

    return nullcontext()


@pytest.mark.parametrize("driver", ["aiomysql", "asyncmy"])
async def test_a_connection_that_broke_says_what_broke_it(mysql_url, mysql_server, driver):
    """What the driver said is the cause of ConnectionLost, and no error is its own cause."""
    async with Database(mysql_url(driver, pool_size=1)) as db:
        number = await db.fetch_value("SELECT CONNECTION_ID()")
        reading = asyncio.create_task(db.fetch_value("SELECT SLEEP(60)"))
        running = f"SELECT info FROM information_schema.processlist WHERE id = {number}"
        await until(lambda: "SLEEP" in str(mysql_server.execute(running)), "the query")
        await asyncio.to_thread(mysql_server.execute, f"KILL {number}")
        with pytest.raises(ConnectionLost) as broken:
            await reading
    cause = broken.value.__cause__
    assert cause is not None
    assert not isinstance(cause, ConnectionLost)
