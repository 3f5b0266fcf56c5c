"""The connections to SQLite, in a file and in memory."""

from __future__ import annotations

import asyncio
import enum
import math
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
import uuid
from contextlib import aclosing, closing, suppress
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal

import pytest

from heaven_contrib.sql.drivers import sqlite
from heaven_contrib.sql.drivers.choosing import driver_for
from heaven_contrib.sql.errors import (
    ConnectionFailed,
    ConnectionLost,
    IntegrityError,
    SerializationFailure,
    StatementError,
)
from heaven_contrib.sql.urls import parse
from patience import PATIENT

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"


@pytest.fixture(autouse=True)
def no_threads_left():
    """Each connection's thread ends with it."""
    yield
    deadline = time.monotonic() + PATIENT
    while names := [each.name for each in threading.enumerate() if each.name.startswith("sqlite")]:
        assert time.monotonic() < deadline, names
        time.sleep(0.01)


@pytest.fixture
def patient(monkeypatch):
    """A statement that is cancelled ends as late as a busy machine lets it."""
    monkeypatch.setattr(sqlite, "PATIENCE", PATIENT)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "test.db"


@pytest.fixture(params=["file", "memory"])
def driver(request, file):
    return driver_for(parse("sqlite://:memory:" if request.param == "memory" else f"sqlite:///{file}"), None)


@pytest.fixture
def on_disk(file):
    return driver_for(parse(f"sqlite:///{file}?busy_timeout=0.1"), None)


@pytest.fixture
async def connection(driver):
    made = await driver.connect()
    yield made
    await made.close()


@pytest.fixture
async def table(connection):
    """A table `t` of two rows."""
    await connection.query("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)")
    await connection.query("INSERT INTO t (v) VALUES ('one'), ('two')")


async def value(connection, sql, values=()):
    return (await connection.query(sql, values)).rows[0][0]


async def cancelled(work, seconds=0.1):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


# The session


async def test_a_session_checks_foreign_keys_and_writes_ahead(connection, driver):
    """What SQLite leaves off for the sake of old applications is on, and a commit is on the disk."""
    for pragma, expected in (("foreign_keys", 1), ("trusted_schema", 0), ("synchronous", 2), ("query_only", 0)):
        assert (pragma, await value(connection, f"PRAGMA {pragma}")) == (pragma, expected)
    assert await value(connection, "PRAGMA journal_mode") == ("memory" if driver.shared else "wal")


@pytest.mark.parametrize("count", [8])
async def test_many_may_open_a_new_file_at_once(file, count):
    """Workers that start together wait for each other where SQLite does not by itself."""
    driver = driver_for(parse(f"sqlite:///{file}"), None)
    made = await asyncio.gather(*[driver.connect() for _ in range(count)])
    assert {await value(each, "PRAGMA journal_mode") for each in made} == {"wal"}
    for each in made:
        await each.close()


@pytest.mark.parametrize("patience", [0.1, 60])
async def test_opening_waits_for_who_has_the_file_to_himself(file, patience):
    """As long as `busy_timeout` says, also where SQLite itself does not wait."""
    driver = driver_for(parse(f"sqlite:///{file}?busy_timeout={patience}"), None)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("CREATE TABLE t (id INTEGER)")
    holder.execute("BEGIN EXCLUSIVE")
    opening = asyncio.ensure_future(driver.connect())
    await asyncio.sleep(0.2)
    if patience == 0.1:
        with pytest.raises(ConnectionFailed) as caught:
            await opening
        assert "locked" in "".join(caught.value.__notes__)
        holder.close()
    else:
        assert not opening.done()
        holder.close()
        connection = await opening
        assert await value(connection, "PRAGMA journal_mode") == "wal"
        await connection.close()


# Values


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (True, 1),
        (-(2**63), -(2**63)),
        (0.1, 0.1),
        ("Zoë 😀 '\\\0", "Zoë 😀 '\\\0"),
        (b"\0\xff", b"\0\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (date(2026, 1, 31), "2026-01-31"),
        (clock(1, 2, 3), "01:02:03"),
        (timedelta(hours=30), "P1DT21600S"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31 12:00:00+00:00"),
        (datetime.fromisoformat("2026-01-31 12:00:00.5"), "2026-01-31 12:00:00.500000+00:00"),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=-5))), "2026-01-31 17:00:00+00:00"),
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+3"), "1000"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (enum.Enum("Color", {"RED": "red"}).RED, "red"),
        (enum.IntEnum("Size", {"BIG": 3}).BIG, 3),
        (type("Name", (str,), {})("ada"), "ada"),
        (type("Number", (int,), {})(7), 7),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, memoryview) else str(each),
)
async def test_types(connection, given, expected):
    """Numbers, text and bytes are kept as they are, everything else as text that msgspec reads."""
    found = await value(connection, "SELECT ?", [given])
    assert (found, type(found)) == (expected, type(expected))


async def test_moments_sort_as_they_come(connection):
    """Also those with fractions of a second; and SQLite's own functions read them."""
    moments = [datetime(2026, 1, 31, 12, 0, 0, micro, UTC) for micro in (0, 5, 500_000)]
    moments += [datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC)]
    await connection.query("CREATE TABLE moments (at TEXT)")
    await connection.query_many("INSERT INTO moments VALUES (?)", [[each] for each in reversed(moments)])
    rows = (await connection.query("SELECT at FROM moments ORDER BY at")).rows
    assert [datetime.fromisoformat(at) for (at,) in rows] == moments
    assert await value(connection, "SELECT strftime('%s', at) FROM moments") == "1769860801"


@pytest.mark.parametrize("wrong", [{"a": 1}, [1], (1,), {1}, object()], ids=lambda wrong: type(wrong).__name__)
async def test_what_is_no_value_is_a_type_error(connection, wrong):
    """Nothing of what no column can hold is bound."""
    with pytest.raises(TypeError, match="no SQL value"):
        await connection.query("SELECT ?", [wrong])
    assert connection.usable


@pytest.mark.parametrize(
    "wrong", [math.nan, math.inf, -math.inf, Decimal("NaN"), 2**63, -(2**63) - 1, "\ud83d"], ids=repr
)
async def test_what_can_not_be_kept_is_refused(connection, wrong):
    """SQLite would make NULL of what is no number, without a word."""
    with pytest.raises(StatementError):
        await connection.query("SELECT ?", [wrong])
    assert await value(connection, "SELECT 1") == 1


async def test_control_sqlite_makes_null_of_what_is_no_number():
    """Control of the test above."""
    plain = sqlite3.connect(":memory:")
    assert plain.execute("SELECT ?", (math.nan,)).fetchone() == (None,)
    plain.close()


# Results


async def test_a_result_says_what_was_affected(connection, table):
    """Rows that were found count as affected; the last id is that of an INSERT, and of no other statement."""
    inserted = await connection.query("-- a note\n INSERT INTO t (v) VALUES (?)", ["three"])
    assert (inserted.affected, inserted.last_id, inserted.columns, inserted.rows) == (1, 3, (), ())
    updated = await connection.query("UPDATE t SET v = 'one' WHERE id = 1")
    assert (updated.affected, updated.last_id) == (1, None)
    ignored = await connection.query("INSERT OR IGNORE INTO t (v) VALUES ('one')")
    assert (ignored.affected, ignored.last_id) == (0, None)
    created = await connection.query("CREATE TABLE more (id INTEGER)")
    assert (created.affected, created.last_id) == (0, None)


async def test_rows_and_columns(connection, table):
    """Rows are tuples in the order of the columns, also of an empty result."""
    result = await connection.query("SELECT id, v AS name FROM t ORDER BY id")
    assert (result.columns, list(result.rows), result.affected) == (("id", "name"), [(1, "one"), (2, "two")], 2)
    empty = await connection.query("SELECT id FROM t WHERE id = ?", [7])
    assert (empty.columns, list(empty.rows)) == (("id",), [])
    returned = await connection.query("INSERT INTO t (v) VALUES ('x'), ('y') RETURNING id")
    assert (list(returned.rows), returned.affected) == ([(3,), (4,)], 2)


# Errors


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("INSERT INTO t (v) VALUES ('one')", IntegrityError),
        ("INSERT INTO strict VALUES (NULL, 1)", IntegrityError),
        ("INSERT INTO strict VALUES (1, -1)", IntegrityError),
        ("INSERT INTO child VALUES (99)", IntegrityError),
        ("DELETE FROM t WHERE id = 1", IntegrityError),
        ("INSERT INTO strict VALUES ('many', 1)", IntegrityError),
        ("SELEC 1", StatementError),
        ("SELECT * FROM nowhere", StatementError),
        ("SELECT nothing FROM t", StatementError),
        ("SELECT 1; DROP TABLE t", StatementError),
        ("SELECT ?", StatementError),
        ("COMMIT", StatementError),
        ("SELECT '\0'", StatementError),
    ],
)
async def test_refusals(connection, table, sql, kind):
    """What SQLite refuses has its own class and words, and the connection goes on."""
    await connection.query("CREATE TABLE strict (a INTEGER NOT NULL, n INTEGER CHECK (n > 0)) STRICT")
    await connection.query("CREATE TABLE child (t REFERENCES t (id))")
    await connection.query("INSERT INTO child VALUES (1)")
    with pytest.raises(kind) as caught:
        await connection.query(sql)
    assert type(caught.value) is kind
    assert connection.usable
    assert await value(connection, "SELECT COUNT(*) FROM t") == 2


async def test_a_writer_that_waits_too_long_may_try_again(on_disk):
    """One writer at a time: another one waits for busy_timeout, and has no transaction then; readers don't wait."""
    first, second = await on_disk.connect(), await on_disk.connect()
    await first.query("CREATE TABLE t (id INTEGER)")
    await first.begin()
    with pytest.raises(SerializationFailure, match="locked") as caught:
        await second.begin()
    assert (caught.value.code, second.usable, second.in_transaction) == (sqlite3.SQLITE_BUSY, True, False)
    assert await value(second, "SELECT COUNT(*) FROM t") == 0
    await first.rollback()
    await second.begin()
    await second.rollback()
    await first.close()
    await second.close()


async def test_a_file_that_is_no_database_is_a_failed_connection(on_disk, file):
    """Connecting says so."""
    file.write_bytes(b"not a database " * 100)
    with pytest.raises(ConnectionFailed) as caught:
        await on_disk.connect()
    assert "file is not a database" in "".join(caught.value.__notes__)


async def test_a_file_that_breaks_is_a_lost_connection(on_disk, file):
    """What can't be read any more is nobody's fault who asks."""
    first = await on_disk.connect()
    await first.query("CREATE TABLE t (v TEXT)")
    await first.query("INSERT INTO t VALUES (?)", ["x" * 100_000])
    await first.query("PRAGMA wal_checkpoint(TRUNCATE)")
    await first.close()
    second = await on_disk.connect()
    with file.open("r+b") as stored:
        stored.seek(4096)
        stored.write(b"\xff" * 8192)
    with pytest.raises(ConnectionLost) as caught:
        await second.query("SELECT sum(length(v)) FROM t")
    assert caught.value.detail == "The database's file can't be read."
    assert not second.usable


# Cancelling


async def test_a_cancelled_statement_stops_and_its_connection_goes_on(connection, table, patient):
    """The thread is free at once; what the statement did is undone with its transaction."""
    began = time.monotonic()
    await cancelled(connection.query(ENDLESS))
    assert time.monotonic() - began < PATIENT
    assert connection.usable
    assert await value(connection, "SELECT COUNT(*) FROM t") == 2


async def test_a_statement_that_is_cancelled_before_it_began_stops_too(connection, patient):
    """However early the cancellation comes."""
    for _ in range(50):
        task = asyncio.ensure_future(connection.query(ENDLESS))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await value(connection, "SELECT 1") == 1


async def test_a_cancellation_is_not_lost_by_another_one(connection, patient):
    """Who is cancelled twice is cancelled, and the connection is whole."""
    task = asyncio.ensure_future(connection.query(ENDLESS))
    await asyncio.sleep(0.05)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await value(connection, "SELECT 1") == 1


async def test_a_cancelled_transaction_can_be_rolled_back(connection, table, patient):
    """And leaves nothing behind."""
    await connection.begin()
    await connection.query("DELETE FROM t")
    await cancelled(connection.query(f"INSERT INTO t (v) {NUMBERS.format(10**9)}"), 0.05)
    await connection.rollback()
    assert not connection.in_transaction
    assert await value(connection, "SELECT COUNT(*) FROM t") == 2


async def test_who_waits_for_a_writer_is_given_up_when_cancelled(file):
    """SQLite does not hear of it while it waits: the thread ends later, and nobody waits for that."""
    driver = driver_for(parse(f"sqlite:///{file}?busy_timeout=60"), None)
    first, second = await driver.connect(), await driver.connect()
    await first.begin()
    began = time.monotonic()
    await cancelled(second.begin(), 0.05)
    assert time.monotonic() - began < PATIENT
    assert not second.usable
    with pytest.raises(ConnectionLost):
        await second.query("SELECT 1")
    await first.rollback()
    await first.close()
    await second.close()


async def test_connecting_can_be_cancelled(driver):
    """No thread is left."""
    for pause in (0, 0, 0.001, 0.002):
        task = asyncio.ensure_future(driver.connect())
        await asyncio.sleep(pause)
        task.cancel()
        try:
            connection = await task
        except asyncio.CancelledError:
            continue
        await connection.close()


async def test_a_connection_that_is_given_up_in_the_middle_ends(driver):
    """A statement that would run forever ends with its connection."""
    connection = await driver.connect()
    task = asyncio.ensure_future(connection.query(ENDLESS))
    await asyncio.sleep(0.05)
    connection.abandon()
    with pytest.raises((StatementError, ConnectionLost)):
        await task
    assert not connection.usable


def test_a_process_ends_whose_connections_were_never_closed(file):
    """A thread that waits for work keeps nobody alive."""
    script = f"""
import asyncio
from heaven_contrib.sql import Database

async def main():
    db = Database("sqlite:///{file}")
    await db.connect()
    await db.execute("CREATE TABLE t (a INT)")

asyncio.run(main())
"""
    assert (
        0
        == subprocess.run(
            [sys.executable, "-c", script], timeout=2 * PATIENT, capture_output=True, check=False
        ).returncode
    )


def test_a_connection_may_outlive_its_loop(file):
    """A thread that ends when the loop is gone says nothing about it."""
    driver = driver_for(parse(f"sqlite:///{file}"), None)

    async def main():
        connection = await driver.connect()
        connection.abandon()
        return connection

    assert not asyncio.run(main()).usable


# Transactions


async def test_transactions(connection, table):
    """Begin, commit, rollback, and what is known of them."""
    await connection.begin("serializable")
    assert connection.in_transaction
    await connection.query("DELETE FROM t WHERE id = 1")
    await connection.rollback()
    await connection.rollback()
    assert not connection.in_transaction
    await connection.begin("read committed")
    await connection.query("DELETE FROM t WHERE id = 2")
    await connection.commit()
    assert list((await connection.query("SELECT id FROM t")).rows) == [(1,)]


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_read_only_transaction_refuses_to_write(connection, table, end):
    """And only that one."""
    await connection.begin(read_only=True)
    assert await value(connection, "SELECT COUNT(*) FROM t") == 2
    with pytest.raises(StatementError, match="readonly"):
        await connection.query("DELETE FROM t")
    await getattr(connection, end)()
    assert (await connection.query("DELETE FROM t")).affected == 2


async def test_reset_brings_the_session_back(connection, table, driver, patient):
    """Settings and an open transaction are gone, and of a file's session all the rest; what is in memory stays."""
    await connection.query("PRAGMA foreign_keys = OFF")
    await connection.query("CREATE TEMPORARY TABLE mine (id INTEGER)")
    await connection.begin()
    await connection.query("DELETE FROM t")
    connection.tainted = True
    await connection.reset()
    assert (connection.tainted, connection.usable, connection.in_transaction) == (False, True, False)
    assert await value(connection, "PRAGMA foreign_keys") == 1
    assert await value(connection, "SELECT COUNT(*) FROM t") == 2
    await cancelled(connection.query(ENDLESS), 0.02)
    if not driver.shared:
        with pytest.raises(StatementError):
            await connection.query("SELECT * FROM mine")


async def test_a_session_that_can_not_be_opened_again_is_given_up(on_disk, file, tmp_path):
    """Its file is gone from where it was, and nobody else gets this connection."""
    connection = await on_disk.connect()
    await connection.query("CREATE TABLE t (id)")
    file.unlink()
    file.mkdir()
    with pytest.raises(ConnectionLost):
        await connection.reset()
    assert not connection.usable


async def test_a_reader_who_may_not_write_any_more_has_no_transaction(on_disk):
    """What it has read is old by now: it begins again (SQLITE_BUSY_SNAPSHOT)."""
    first, second = await on_disk.connect(), await on_disk.connect()
    await first.query("CREATE TABLE t (id INTEGER)")
    await first.query("BEGIN")
    await first.query("SELECT * FROM t")
    await second.query("INSERT INTO t VALUES (1)")
    with pytest.raises(SerializationFailure):
        await first.query("INSERT INTO t VALUES (2)")
    assert (first.usable, first.in_transaction) == (True, False)
    await first.close()
    await second.close()


async def test_rows_that_are_checked_at_their_end_are_all_there_or_none(connection):
    """A foreign key that is deferred is checked with the last row."""
    await connection.query("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    await connection.query("CREATE TABLE child (p REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(IntegrityError):
        await connection.query_many("INSERT INTO child VALUES (?)", [[1], [2]])
    assert not connection.in_transaction
    assert await value(connection, "SELECT COUNT(*) FROM child") == 0


async def test_a_reset_can_be_cancelled(on_disk):
    """The connection is given up then."""
    connection = await on_disk.connect()
    task = asyncio.ensure_future(connection.reset())
    while connection.raw.open and not task.done():
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await connection.close()


async def test_check(connection):
    """A sign of life; none of a connection that is closed, however often it is closed."""
    await connection.check()
    await connection.close()
    await connection.close()
    connection.abandon()
    assert (connection.usable, connection.in_transaction) == (False, False)
    with pytest.raises(ConnectionLost):
        await connection.check()


# Many rows


async def test_many_rows(connection, table):
    """All of them in one go."""
    result = await connection.query_many("INSERT INTO t (v) VALUES (?)", [[f"row {n}"] for n in range(10_000)])
    assert (result.affected, result.last_id, connection.in_transaction) == (10_000, None, False)
    assert await value(connection, "SELECT COUNT(*) FROM t") == 10_002


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
async def test_many_rows_are_all_there_or_none(connection, table, inside):
    """A row that is refused undoes those before it, in a transaction no more than these."""
    if inside:
        await connection.begin()
        await connection.query("INSERT INTO t VALUES (-1, 'before')")
    with pytest.raises(IntegrityError):
        await connection.query_many("INSERT INTO t (v) VALUES (?)", [["a"], ["b"], ["one"]])
    assert connection.in_transaction is inside
    assert await value(connection, "SELECT COUNT(*) FROM t") == 2 + inside
    await connection.rollback()


async def test_many_rows_can_be_cancelled(connection, table, patient):
    """None of them is there then."""
    await connection.query("CREATE TABLE slow (n)")
    await cancelled(connection.query_many(f"INSERT INTO slow {NUMBERS.format(10**8)}", [[], []]), 0.05)
    assert not connection.in_transaction
    assert await value(connection, "SELECT COUNT(*) FROM slow") == 0


# Streams


async def test_a_stream_gives_batches(connection):
    """At most 500 rows at once, less when they are large; columns also where there are no rows."""
    sizes = [len(batch.rows) async for batch in connection.stream(NUMBERS.format(1200))]
    assert (sum(sizes), max(sizes)) == (1200, 500)
    empty = [batch async for batch in connection.stream("SELECT 1 AS n WHERE ? = 1", [0])]
    assert [(batch.columns, list(batch.rows)) for batch in empty] == [(("n",), [])]
    large = f"SELECT hex(zeroblob(20000)) FROM ({NUMBERS.format(20)})"
    assert max([len(batch.rows) async for batch in connection.stream(large)]) < 20


async def test_a_change_can_be_streamed(connection, table):
    """It has no rows, and says what it affected."""
    (result,) = [each async for each in connection.stream("DELETE FROM t")]
    assert (result.columns, result.affected) == ((), 2)


async def test_a_stream_takes_constant_memory(connection):
    """Two hundred thousand rows pass through a few hundred kilobytes."""

    async def peak(work):
        tracemalloc.start()
        try:
            await work
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    async def read():
        total = 0
        async for batch in connection.stream(NUMBERS.format(200_000)):
            total += len(batch.rows)
        assert total == 200_000

    async def buffer():
        await connection.query(NUMBERS.format(200_000))

    assert await peak(read()) < 2_000_000
    assert await peak(buffer()) > 2_000_000, "control: this is what a whole result takes"


async def test_a_stream_that_is_left_early_leaves_a_connection_that_works(connection):
    """However much is left of it: SQLite computes rows as they are asked for."""
    began = time.monotonic()
    async with aclosing(connection.stream(NUMBERS.format(10**9))) as batches:
        async for _ in batches:
            break
    assert time.monotonic() - began < PATIENT
    assert connection.usable
    await connection.query("CREATE TABLE free (id)")


async def test_a_cancelled_stream_leaves_a_connection_that_works(connection, patient):
    """As a single statement that is cancelled does."""

    async def read():
        async with aclosing(connection.stream(f"SELECT 1 UNION ALL SELECT * FROM ({ENDLESS})")) as batches:
            async for _ in batches:
                pass

    await cancelled(read())
    assert await value(connection, "SELECT 1") == 1


class Interrupted:
    """A connection of sqlite3 that is interrupted at one of its statements."""

    def __init__(self, real, at):
        self.real = real
        self.left = at

    @property
    def in_transaction(self):
        return self.real.in_transaction

    def execute(self, sql):
        self.left -= 1
        if self.left < 0:
            raise sqlite3.OperationalError("interrupted")
        return self.real.execute(sql)


@pytest.mark.parametrize("end", [sqlite._commit, sqlite._rollback])
@pytest.mark.parametrize("at", range(4))
def test_who_is_interrupted_while_read_only_is_in_a_transaction(end, at):
    """So that the pool rolls back, and nobody is read-only who did not ask for it."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as real:
        connection = Interrupted(real, at)
        with suppress(sqlite3.OperationalError):
            sqlite._begin(connection, True)
            end(connection)
        (read_only,) = real.execute("PRAGMA query_only").fetchone()
        assert real.in_transaction or not read_only


async def test_a_stream_that_is_cancelled_as_it_begins_interrupts_nobody_else(connection, patient):
    """Its cursor is closed, however long the cancellation and what it holds are kept; the next statement runs."""
    await connection.query("CREATE TABLE n (i INT)")
    await connection.query_many("INSERT INTO n VALUES (?)", [(i,) for i in range(1000)])

    async def first():
        async with aclosing(connection.stream("SELECT a.i FROM n a, n b")) as batches:
            return await anext(batches)

    kept = []
    for loops in range(200):
        task = asyncio.create_task(first())
        for _ in range(loops % 20):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as cancelled:
            kept.append(cancelled)
        assert [(loops,)] == (await connection.query("SELECT ?", [loops])).rows


async def test_a_stream_that_is_refused_in_the_middle(connection):
    """The rows before it were given; the connection goes on."""
    seen = 0
    with pytest.raises(StatementError):
        async for batch in connection.stream(
            f"SELECT CASE WHEN i > 900 THEN json('{{') ELSE 1 END FROM ({NUMBERS.format(2000)})"
        ):
            seen += len(batch.rows)
    assert seen == 500
    assert await value(connection, "SELECT 1") == 1


# Connecting


async def test_a_missing_folder_is_named(tmp_path):
    """In a note, for whoever reads the log; clients are told that the database can't be opened."""
    driver = driver_for(parse(f"sqlite:///{tmp_path}/nowhere/test.db"), None)
    with pytest.raises(ConnectionFailed) as caught:
        await driver.connect()
    failure = caught.value
    assert (failure.status, failure.detail) == (503, "The database can't be opened.")
    assert f"there is no folder {tmp_path}/nowhere" in "".join(failure.__notes__)


def test_a_missing_library_is_named_with_its_cure(monkeypatch):
    """The words that install it are in the message."""
    monkeypatch.setitem(sys.modules, "heaven_contrib.sql.drivers.sqlite", None)
    with pytest.raises(ImportError, match=r'pip install "heaven-contrib\[sqlite\]"'):
        driver_for(parse("sqlite://:memory:"), None)
