from __future__ import annotations

import asyncio
from contextlib import aclosing, nullcontext, suppress

import msgspec
import pytest

from heaven import App, Key
from heaven.errors import RegistrationError
from heaven_contrib.sql import (
    DATABASE,
    ConversionError,
    Database,
    Done,
    IntegrityError,
    LostOutcome,
    NotConnected,
    PoolTimeout,
    Queries,
    StatementError,
    StatementTimeout,
)
from heaven_testing import Client
from patience import PATIENT, until


class Note(msgspec.Struct):
    id: int
    text: str
    size: int | None = None


ADD = "INSERT INTO notes (text, size) VALUES (:text, :size)"
SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n",
    "mysql": "SELECT SLEEP(60)",
}


async def add(db: Queries, *texts, size=1):
    for text in texts:
        await db.execute(ADD, {"text": text, "size": size})


async def test_what_was_added_is_there(db):
    """One statement after the other, each kept at once; the id it got, and rows as dicts."""
    assert Done(1, 1) == await db.execute(ADD, {"text": "a", "size": 3})
    assert 2 == (await db.execute(ADD, {"text": "b", "size": None})).last_id
    assert [{"id": 1, "text": "a", "size": 3}, {"id": 2, "text": "b", "size": None}] == await db.fetch_all(
        "SELECT id, text, size FROM notes ORDER BY id"
    )


async def test_one_row_or_none(db):
    """fetch_one is the first row, fetch_value its first column; None where there is none."""
    await add(db, "a", "b")
    query = "SELECT id, text FROM notes WHERE text >= :text ORDER BY id"
    assert {"id": 2, "text": "b"} == await db.fetch_one(query, {"text": "b"})
    assert 2 == await db.fetch_value(query, {"text": "b"})
    assert None is await db.fetch_one(query, {"text": "z"})
    assert None is await db.fetch_value(query, {"text": "z"})
    assert [] == await db.fetch_all(query, {"text": "z"})


async def test_rows_become_what_they_are_asked_to(db):
    """All, one, and one by one; a row that does not fit says which column."""
    await add(db, "a", "b")
    query = "SELECT id, text, size FROM notes ORDER BY id"
    notes = [Note(1, "a", 1), Note(2, "b", 1)]
    assert notes == await db.fetch_all(query, into=Note)
    assert notes[0] == await db.fetch_one(query, into=Note)
    assert None is await db.fetch_one(query + " LIMIT 0", into=Note)
    assert notes == [note async for note in db.fetch_iter(query, into=Note)]
    with pytest.raises(ConversionError, match=r"column 'text' does not fit Note\.text"):
        await db.fetch_all("SELECT id, size AS text FROM notes", into=Note)


async def test_changes_say_how_many_rows_they_matched(db):
    """Also rows that were so already, on every kind of database."""
    await add(db, "a", "b", "c")
    assert 3 == (await db.execute("UPDATE notes SET size = :size", {"size": 1})).affected
    assert 2 == (await db.execute("DELETE FROM notes WHERE text IN (:texts)", {"texts": ["a", "b"]})).affected
    assert 0 == (await db.execute("DELETE FROM notes WHERE text IN (:texts)", {"texts": []})).affected


@pytest.mark.parametrize(("rows", "kind"), [({"text": "a", "size": 1}, "dict"), (iter(()), "tuple_iterator")])
async def test_rows_are_a_list_of_mappings(db, rows, kind):
    """One mapping alone, or what can be gone through once, is refused by its type."""
    with pytest.raises(TypeError, match=f"rows are a list of mappings, one for each time, and a {kind} was given"):
        await db.execute_many(ADD, rows)


def test_credentials_that_are_no_function_are_refused_at_once():
    """A pair would fail with the first connection only; nothing of it is in the message."""
    with pytest.raises(RegistrationError, match="credentials are a function") as caught:
        Database("mysql://db.test/shop", credentials=("ada", "canary"))  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)


async def test_many_rows_at_once(db):
    """All of them or none: a row that is refused takes the others with it."""
    rows = [{"text": f"note {number}", "size": number} for number in range(1500)]
    assert 1500 == await db.execute_many(ADD, rows)
    assert 1500 == await db.fetch_value("SELECT count(*) FROM notes")
    with pytest.raises(IntegrityError):
        await db.execute_many(ADD, [{"text": "new", "size": 1}, {"text": "note 7", "size": 1}])
    changes = [{"size": -1, "id": 1}, {"size": -2, "id": 2}]
    assert 2 == await db.execute_many("UPDATE notes SET size = :size WHERE id = :id", changes)
    assert 0 == await db.execute_many(ADD, [])
    assert (1500, -3) == (
        await db.fetch_value("SELECT count(*) FROM notes"),
        int(await db.fetch_value("SELECT sum(size) FROM notes WHERE id < 3")),
    )


async def test_refusals_have_names(db):
    """A statement that is wrong, and a constraint that is broken; the connection goes on."""
    with pytest.raises(StatementError, match="nowhere"):
        await db.fetch_all("SELECT * FROM nowhere")
    await add(db, "a")
    with pytest.raises(IntegrityError):
        await add(db, "a")
    assert 1 == await db.fetch_value("SELECT count(*) FROM notes")
    assert 1 == db.statistics.size


async def test_rows_one_by_one_can_be_left_early(db):
    """Closing the iterator gives the connection back."""
    await db.execute_many(ADD, [{"text": str(number), "size": number} for number in range(2000)])
    async with aclosing(db.fetch_iter("SELECT * FROM notes ORDER BY size")) as rows:
        first = [row["size"] async for row, _ in zip_async(rows, range(3))]
    assert [0, 1, 2] == first
    assert 2000 == len([row async for row in db.fetch_iter("SELECT * FROM notes")])
    assert 0 == db.statistics.lent


async def zip_async(items, other):
    for each in other:
        yield await anext(items), each


async def test_a_slow_statement_ends_at_its_deadline(db):
    """StatementTimeout, and the next statement is served."""
    with pytest.raises(StatementTimeout, match=r"0\.2 s"):
        await db.fetch_all(SLOW[db.dialect], timeout=0.2)
    await add(db, "a")
    assert 1 == await db.fetch_value("SELECT count(*) FROM notes")


async def test_a_change_that_is_late_may_have_happened(db, caplog):
    """LostOutcome, with whatever words it was sent, and logged; a 503 would say that nothing was changed."""
    change = f"INSERT INTO notes (text) {SLOW[db.dialect]}"
    with pytest.raises(LostOutcome):
        await db.execute(change, timeout=0.2)
    with pytest.raises(LostOutcome):
        await db.execute_many(change, [{}], timeout=0.2)
    with pytest.raises(LostOutcome):
        _ = [row async for row in db.fetch_iter(change, timeout=0.2)]
    with pytest.raises(StatementTimeout):
        _ = [row async for row in db.fetch_iter(SLOW[db.dialect], timeout=0.2)]
    assert 3 == sum(["it is not known whether" in record.message for record in caplog.records])


@pytest.mark.parametrize("driver", ["aiomysql", "asyncmy"])
@pytest.mark.parametrize("many", [True, False])
async def test_a_session_that_was_changed_is_nobody_elses(mysql_url, driver, many):
    """Also where the statement was run for many rows, or in a transaction."""
    async with Database(mysql_url(driver, pool_size=1)) as db:
        for each in (db, None):
            async with db.transaction() if each is None else nullcontext(each) as queries:
                if many:
                    await queries.execute_many("SET @mode = :mode", [{"mode": "lax"}])
                else:
                    await queries.execute("SET @mode = :mode", {"mode": "lax"})
            assert await db.fetch_value("SELECT @mode") is None


async def test_a_cancelled_statement_costs_nobody_else_anything(db):
    """The next one gets its own answer, and no slot is lost."""
    for _ in range(5):
        task = asyncio.create_task(db.fetch_all(SLOW[db.dialect]))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 7 == await db.fetch_value("SELECT 7")
    assert 0 == db.statistics.lent


async def test_the_drivers_own_connection_is_there(db):
    """`connection()` hands it out, and takes it back."""
    async with db.connection() as raw:
        if db.dialect == "sqlite":
            assert (42,) == await (await raw.execute("SELECT 6 * 7")).fetchone()
        else:
            async with raw.cursor() as cursor:
                await cursor.execute("SELECT 6 * 7")
                assert (42,) == await cursor.fetchone()
    assert 0 == db.statistics.lent


async def lends(db):
    """Whether its pool has a connection to lend, by a deadline that a busy machine may miss."""
    with suppress(PoolTimeout):
        return 1 == await db.fetch_value("SELECT 1")
    return False


async def test_a_full_pool_says_so_by_its_deadline(kind, database_url):
    """PoolTimeout, which is a 503 with Retry-After."""
    async with Database(database_url(kind, pool_size=1, acquire_timeout=0.2, check_after=600)) as db:
        async with db.connection():
            with pytest.raises(PoolTimeout) as caught:
                await db.fetch_value("SELECT 1")
        assert (503, "1") == (caught.value.status, caught.value.headers["Retry-After"])
        await until(lambda: lends(db))


async def test_it_is_used_while_it_is_connected():
    """Before and after that, the error says what to do; it can be connected again."""
    db = Database("sqlite://:memory:")
    for _ in range(2):
        with pytest.raises(NotConnected, match="await database.connect"):
            await db.fetch_all("SELECT 1")
        with pytest.raises(NotConnected):
            assert db.statistics
        async with db:
            assert 1 == await db.fetch_value("SELECT 1")
            with pytest.raises(RuntimeError, match="connected already"):
                await db.connect()
    await db.disconnect()


async def test_who_connects_while_others_leave_keeps_the_deadlines(kind, database_url):
    """Disconnecting stops the timers of the connections that it closes, and no others."""
    db = Database(database_url(kind))
    await db.connect()
    tx = await db.begin_transaction()
    leaving = asyncio.create_task(db.disconnect())
    await asyncio.sleep(0)
    await db.connect()
    late = asyncio.create_task(db.fetch_all(SLOW[db.dialect], timeout=0.5))
    await asyncio.sleep(0.1)
    await tx.end(keep=False)
    await leaving
    with pytest.raises(StatementTimeout):
        await asyncio.wait_for(late, PATIENT)
    await db.disconnect()


async def test_as_a_battery_it_lives_with_the_application():
    """It is in the store under its key, connected, from startup to shutdown; two databases have two keys."""
    other_key: Key[Database] = Key("reports")
    app = App()
    app.plugin(Database("sqlite://:memory:"))
    app.plugin(Database("sqlite://:memory:", key=other_key))

    async def both(req, res, ctx):
        db, other = req.app.peek(DATABASE), req.app.peek(other_key)
        return [await db.fetch_value("SELECT 1"), await other.fetch_value("SELECT 2"), db is not other]

    app.GET("/", both)
    async with Client(app) as client:
        assert [1, 2, True] == (await client.get("/")).json()
    assert None is app.peek(DATABASE)


def test_what_is_wrong_is_refused_when_it_is_written():
    """Before anything is opened."""
    with pytest.raises(RegistrationError, match="did you mean"):
        Database("sqlite:///x.db?pool_siz=3")


def test_it_shows_where_it_is_and_no_password():
    """In its repr."""
    db = Database("mysql://shop:open-sesame@db.test/orders")
    assert "<Database mysql://db.test:3306/orders, not connected>" == repr(db)
