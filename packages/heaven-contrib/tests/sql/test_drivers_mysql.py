"""The connections to MySQL and MariaDB, by both drivers, on a real server."""

from __future__ import annotations

import asyncio
import enum
import math
import sys
import time
import tracemalloc
import uuid
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal

import pytest
from pymysql.err import MySQLError

from heaven.errors import RegistrationError
from heaven_contrib.sql.drivers import mysql
from heaven_contrib.sql.drivers.choosing import driver_for
from heaven_contrib.sql.drivers.mysql_errors import refusal
from heaven_contrib.sql.errors import (
    ConnectionFailed,
    ConnectionLost,
    IntegrityError,
    SerializationFailure,
    StatementError,
    StatementTimeout,
)
from heaven_contrib.sql.urls import parse
from patience import PATIENT, until

NASTY = ["", "'", "\\", "\\'", '"', "%s", "%%", ":id", "\0", "\n\r\x1a", "Zoë 😀", "'; DROP TABLE t; -- ", "a" * 1000]


@pytest.fixture(params=["aiomysql", "asyncmy"])
def url(request, mysql_url):
    """The URL of an empty database, for each driver."""
    return mysql_url(request.param)


@pytest.fixture
def driver(url):
    return driver_for(parse(url), None)


@pytest.fixture
async def connection(driver):
    made = await driver.connect()
    yield made
    await made.close()


@pytest.fixture
async def other(driver):
    made = await driver.connect()
    yield made
    await made.close()


@pytest.fixture
async def table(connection):
    """A table `t` of two rows."""
    await connection.query(
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20) UNIQUE) CHARACTER SET utf8mb4"
    )
    await connection.query("INSERT INTO t (v) VALUES ('one'), ('two')")


async def value(connection, sql, values=()):
    return (await connection.query(sql, values)).rows[0][0]


async def connection_id(connection):
    return await value(connection, "SELECT CONNECTION_ID()")


# The session


async def test_a_session_is_utf8_strict_in_utc_and_commits_by_itself(connection):
    """Each connection begins in the same way, whatever the server's defaults are."""
    result = await connection.query("SELECT @@character_set_client, @@time_zone, @@autocommit, @@sql_mode")
    charset, zone, autocommit, mode = result.rows[0]
    assert (charset, zone, autocommit) == ("utf8mb4", "+00:00", 1)
    assert {"STRICT_ALL_TABLES", "NO_ZERO_DATE", "ERROR_FOR_DIVISION_BY_ZERO"} <= set(mode.split(","))


async def test_an_overlong_value_is_an_error(connection, table):
    """What does not fit a column is refused, and nothing is cut off."""
    with pytest.raises(StatementError) as caught:
        await connection.query("INSERT INTO t (v) VALUES (%s)", ["x" * 21])
    assert caught.value.code == 1406
    assert connection.usable
    assert await value(connection, "SELECT COUNT(*) FROM t") == 2


async def test_without_strictness_a_value_is_cut_off(connection, table):
    """Control of the test above: it is the session's mode that refuses."""
    await connection.query("SET sql_mode = ''")
    await connection.query("INSERT INTO t (v) VALUES (%s)", ["x" * 21])
    assert await value(connection, "SELECT COUNT(*) FROM t") == 3


async def test_one_statement_at_a_time(connection, table):
    """A second statement after a semicolon is refused, so that none can be smuggled in."""
    with pytest.raises(StatementError):
        await connection.query("SELECT 1; DROP TABLE t")
    assert await value(connection, "SELECT COUNT(*) FROM t") == 2


# Values


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES"])
async def test_text_arrives_as_it_was_sent(connection, mode):
    """Quotes, backslashes, percent signs, NUL and emoji are text like any other, in both of the server's modes."""
    await connection.query("SET sql_mode = CONCAT(@@sql_mode, %s)", [f",{mode}"])
    for text in NASTY:
        assert await value(connection, "SELECT %s", [text]) == text


@pytest.mark.parametrize(
    ("column", "given", "expected"),
    [
        ("INT", -7, -7),
        ("BIGINT UNSIGNED", 2**64 - 1, 2**64 - 1),
        ("BOOLEAN", True, 1),
        ("DOUBLE", 0.1, 0.1),
        ("DOUBLE", 1e300, 1e300),
        ("DECIMAL(20,10)", Decimal("3.1415926535"), Decimal("3.1415926535")),
        ("BLOB", b"\0\xff'\\", b"\0\xff'\\"),
        ("TIME", clock(1, 2, 3), timedelta(hours=1, minutes=2, seconds=3)),
        ("BLOB", bytearray(b"ab"), b"ab"),
        ("BLOB", memoryview(b"ab"), b"ab"),
        ("BIT(12)", 0xABC, 0xABC),
        ("JSON", '{"a": [1, "😀"]}', '{"a": [1, "😀"]}'),
        ("DATE", date(2026, 1, 31), date(2026, 1, 31)),
        ("TIME(6)", timedelta(hours=30, microseconds=5), timedelta(hours=30, microseconds=5)),
        ("TIME", -timedelta(hours=1, seconds=1), -timedelta(hours=1, seconds=1)),
        ("DATETIME(6)", datetime(2026, 1, 31, 12, 0, 0, 5, UTC), datetime(2026, 1, 31, 12, 0, 0, 5, UTC)),
        ("DATETIME", datetime.fromisoformat("2026-01-31"), datetime(2026, 1, 31, tzinfo=UTC)),
        (
            "DATETIME",
            datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=-5))),
            datetime(2026, 1, 31, 17, tzinfo=UTC),
        ),
        ("TIMESTAMP NULL", datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("CHAR(36)", uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("INT", None, None),
        ("VARCHAR(9)", enum.Enum("Color", {"RED": "red"}).RED, "red"),
        ("INT", enum.IntEnum("Size", {"BIG": 3}).BIG, 3),
        ("VARCHAR(9)", type("Name", (str,), {})("ada"), "ada"),
        ("INT", type("Number", (int,), {})(7), 7),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, memoryview) else str(each),
)
async def test_types(connection, column, given, expected):
    """A value comes back as its column's type says; moments are in UTC, whichever zone they were given in."""
    await connection.query(f"CREATE TABLE types (c {column}) CHARACTER SET utf8mb4")
    await connection.query("INSERT INTO types VALUES (%s)", [given])
    found = await value(connection, "SELECT c FROM types")
    assert (found, type(found)) == (expected, type(expected))
    assert await value(connection, "SELECT COUNT(*) FROM types WHERE c <=> %s", [given]) == (column != "JSON" or 1)


async def test_a_date_that_is_none_stays_text(connection):
    """Tables from before may hold 0000-00-00, which no datetime can be."""
    await connection.query("CREATE TABLE old (c DATETIME)")
    await connection.query("SET sql_mode = ''")
    await connection.query("INSERT INTO old VALUES ('0000-00-00')")
    assert await value(connection, "SELECT c FROM old") == "0000-00-00 00:00:00"


@pytest.mark.parametrize("wrong", [{"a": 1}, [1], (1,), {1}, object()], ids=lambda wrong: type(wrong).__name__)
async def test_what_is_no_value_is_a_type_error(connection, wrong):
    """Nothing of what no column can hold is ever written into a statement (CVE-2024-36039)."""
    with pytest.raises(TypeError, match="no SQL value"):
        await connection.query("SELECT %s", [wrong])
    assert connection.usable


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, Decimal("NaN"), "\ud83d"], ids=repr)
async def test_what_can_not_be_written_is_refused_before_it_is_sent(connection, wrong):
    """Infinite numbers, and half of a surrogate pair, which would become some other byte."""
    with pytest.raises(StatementError):
        await connection.query("SELECT %s", [wrong])
    assert await value(connection, "SELECT 1") == 1


async def test_a_percent_sign_without_values_is_itself(connection):
    """With no values nothing is interpolated; with some, a percent sign is written twice."""
    assert await value(connection, "SELECT '100%'") == "100%"
    assert await value(connection, "SELECT CONCAT('100%%', %s)", ["!"]) == "100%!"


# Results


async def test_a_result_says_what_was_affected(connection, table):
    """Rows that were found count as affected, also where the value was the same; the last id is that of an INSERT."""
    assert (await connection.query("UPDATE t SET v = 'one' WHERE id = 1")).affected == 1
    inserted = await connection.query("INSERT INTO t (v) VALUES (%s)", ["three"])
    assert (inserted.affected, inserted.last_id, inserted.columns, inserted.rows) == (1, 3, (), ())
    assert (await connection.query("DELETE FROM t WHERE id > 100")).affected == 0
    assert (await connection.query("DELETE FROM t")).last_id is None


async def test_rows_and_columns(connection, table):
    """Rows are tuples in the order of the columns, also of an empty result."""
    result = await connection.query("SELECT id, v AS name FROM t ORDER BY id")
    assert (result.columns, list(result.rows), result.affected) == (("id", "name"), [(1, "one"), (2, "two")], 2)
    empty = await connection.query("SELECT id FROM t WHERE id = %s", [7])
    assert (empty.columns, list(empty.rows)) == (("id",), [])


async def test_a_procedure_gives_its_first_answer(connection, table):
    """A procedure answers several times; the connection is ready afterwards."""
    await connection.query("CREATE PROCEDURE p() BEGIN SELECT 1 AS a; SELECT 2 AS b; END")
    for _ in range(2):
        result = await connection.query("CALL p()")
        assert (result.columns, list(result.rows)) == (("a",), [(1,)])
    assert [list(each.rows) async for each in connection.stream("CALL p()")] == [[(1,)]]
    assert await value(connection, "SELECT 3") == 3


# Errors


@pytest.mark.parametrize(
    ("sql", "kind", "code"),
    [
        ("INSERT INTO t (v) VALUES ('one')", IntegrityError, 1062),
        ("INSERT INTO t (id, v) VALUES (NULL, 'x'), (1, 'y')", IntegrityError, 1062),
        ("INSERT INTO strict VALUES (NULL, 1)", IntegrityError, 1048),
        ("INSERT INTO strict (n) VALUES (1)", IntegrityError, 1364),
        ("INSERT INTO strict VALUES (1, -1)", IntegrityError, 4025),
        ("INSERT INTO child VALUES (99)", IntegrityError, 1452),
        ("DELETE FROM t WHERE id = 1", IntegrityError, 1451),
        ("SELEC 1", StatementError, 1064),
        ("SELECT * FROM nowhere", StatementError, 1146),
        ("SELECT nothing FROM t", StatementError, 1054),
        ("INSERT INTO strict VALUES ('many', 1)", StatementError, 1366),
        ("SET STATEMENT max_statement_time = 0.05 FOR SELECT SLEEP(60)", StatementTimeout, 1969),
    ],
)
async def test_refusals(connection, table, sql, kind, code):
    """What the server refuses has its own class, number and words, and the connection goes on."""
    await connection.query("CREATE TABLE strict (a INT NOT NULL, n INT CHECK (n > 0))")
    await connection.query("CREATE TABLE child (t INT, FOREIGN KEY (t) REFERENCES t (id))")
    await connection.query("INSERT INTO child VALUES (1)")
    with pytest.raises(kind) as caught:
        await connection.query(sql)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert connection.usable
    assert await value(connection, "SELECT 1") == 1


async def test_a_deadlock_ends_the_transaction(connection, other, table):
    """One of two is refused, has no transaction any more, and may begin again."""
    for each in (connection, other):
        await each.begin()
    await connection.query("UPDATE t SET v = 'a' WHERE id = 1")
    await other.query("UPDATE t SET v = 'b' WHERE id = 2")
    first = asyncio.ensure_future(connection.query("UPDATE t SET v = 'c' WHERE id = 2"))
    second = asyncio.ensure_future(other.query("UPDATE t SET v = 'd' WHERE id = 1"))
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    (failure,) = [each for each in outcomes if isinstance(each, Exception)]
    assert (type(failure), failure.code) == (SerializationFailure, 1213)
    loser = (connection, other)[outcomes.index(failure)]
    assert (loser.usable, loser.in_transaction) == (True, False)
    for each in (connection, other):
        await each.rollback()


async def test_a_lock_wait_that_takes_too_long_ends_the_transaction(connection, other, table):
    """The server undoes the statement alone then; what is left of the transaction is undone too."""
    await connection.begin()
    await connection.query("UPDATE t SET v = 'a' WHERE id = 1")
    await other.query("SET innodb_lock_wait_timeout = 1")
    await other.begin()
    await other.query("UPDATE t SET v = 'b' WHERE id = 2")
    with pytest.raises(SerializationFailure) as caught:
        await other.query("UPDATE t SET v = 'c' WHERE id = 1")
    assert (caught.value.code, other.usable, other.in_transaction) == (1205, True, False)
    assert await value(other, "SELECT v FROM t WHERE id = 2") == "two"
    await connection.rollback()


# Breaks


async def test_a_connection_that_was_killed_while_idle_is_not_usable(connection, mysql_server):
    """What came from the server without a question shows that the connection is over."""
    mysql_server.execute(f"KILL {await connection_id(connection)}")
    await until(lambda: not connection.usable)
    with pytest.raises(ConnectionLost):
        await connection.check()


@pytest.mark.parametrize("what", ["CONNECTION", "QUERY"])
async def test_a_statement_that_is_killed_is_a_lost_connection(connection, mysql_server, what):
    """Somebody killed it: the connection is given up."""
    number = await connection_id(connection)
    running = asyncio.ensure_future(connection.query("SELECT SLEEP(60)"))
    asleep = f"SELECT 1 FROM information_schema.processlist WHERE id = {number} AND info LIKE 'SELECT SLEEP%'"
    await until(lambda: mysql_server.execute(asleep))
    mysql_server.execute(f"KILL {what} {number}")
    with pytest.raises(ConnectionLost):
        await running
    assert not connection.usable


async def test_a_cancelled_statement_closes_its_connection(connection, driver):
    """Its answer would be the next statement's: nobody may read it."""
    async with asyncio.timeout(PATIENT):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.query("SELECT SLEEP(60)")
    assert not connection.usable
    with pytest.raises(ConnectionLost):
        await connection.query("SELECT 1")


async def test_what_the_server_closes_is_not_usable(connection):
    """A packet above the server's limit is refused, and the server hangs up."""
    with pytest.raises((StatementError, ConnectionLost)):
        await connection.query("SELECT LENGTH(%s)", ["x" * (17 << 20)])
    assert not connection.usable


async def test_check_says_nothing_of_a_connection_that_lives(connection):
    """A sign of life is asked for, and the connection is as it was."""
    await connection.check()
    assert connection.usable


async def test_abandon_and_close_can_be_repeated(connection):
    """Whoever cleans up need not know who did before."""
    connection.abandon()
    connection.abandon()
    await connection.close()
    assert not connection.usable


@pytest.mark.parametrize("leave", ["close", "abandon"])
async def test_close_says_goodbye(driver, mysql_server, leave):
    """The server knows that the connection was meant to be over, which it does not of one that is abandoned.

    It counts what broke off for all clients together and some time after the fact, so a count that rose may be an
    earlier test's. One closing in five that it did not count was a goodbye; one that is abandoned it always counts.
    """
    said_goodbye = []
    for _ in range(5):
        connection = await driver.connect()
        number = await connection_id(connection)
        before = mysql_server.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
        await connection.close() if leave == "close" else connection.abandon()
        await until(
            lambda number=number: (
                not mysql_server.execute(f"SELECT 1 FROM information_schema.processlist WHERE id = {number}")
            )
        )
        said_goodbye.append(mysql_server.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'") == before)
    assert any(said_goodbye) == (leave == "close")


# Transactions


async def test_a_transaction_is_known_by_the_servers_word(connection, table):
    """Also when a statement ends it, as CREATE TABLE does."""
    assert not connection.in_transaction
    await connection.begin()
    assert connection.in_transaction
    await connection.query("SELECT * FROM t")
    assert connection.in_transaction
    await connection.query("CREATE TABLE more (id INT)")
    assert not connection.in_transaction


async def test_rollback_undoes_and_commit_keeps(connection, table):
    """The two ends of a transaction."""
    await connection.begin()
    await connection.query("DELETE FROM t WHERE id = 1")
    await connection.rollback()
    await connection.begin()
    await connection.query("DELETE FROM t WHERE id = 2")
    await connection.commit()
    assert list((await connection.query("SELECT id FROM t")).rows) == [(1,)]


async def test_isolation_holds_for_one_transaction(connection, other, table):
    """Read committed sees what others commit meanwhile; the next transaction is as the server has it."""
    for isolation, expected in (("read committed", "new 0"), (None, "new 0")):
        await connection.begin(isolation)
        await value(connection, "SELECT v FROM t WHERE id = 1")
        await other.query("UPDATE t SET v = %s WHERE id = 1", [f"new {isolation is None:d}"])
        assert await value(connection, "SELECT v FROM t WHERE id = 1") == expected
        await connection.rollback()


async def test_a_read_only_transaction_refuses_to_write(connection, table):
    """And only that one."""
    await connection.begin("repeatable read", read_only=True)
    with pytest.raises(StatementError):
        await connection.query("DELETE FROM t")
    await connection.rollback()
    assert (await connection.query("DELETE FROM t")).affected == 2


async def test_reset_brings_the_session_back(connection, other, table, driver):
    """Variables, the database, locks, temporary tables and an open transaction are gone."""
    await connection.query("SET time_zone = '+05:00', autocommit = 0, @mine = 1, sql_mode = ''")
    await connection.query("CREATE TEMPORARY TABLE secret (id INT)")
    await connection.query("SELECT GET_LOCK('lock', 0)")
    await connection.query("USE information_schema")
    await connection.begin()
    connection.tainted = True
    await connection.reset()
    assert (connection.tainted, connection.usable, connection.in_transaction) == (False, True, False)
    result = await connection.query("SELECT @@time_zone, @@autocommit, @mine, DATABASE(), @@character_set_client")
    assert list(result.rows) == [("+00:00", 1, None, parse_database(driver), "utf8mb4")]
    assert await value(other, "SELECT GET_LOCK('lock', 0)") == 1
    with pytest.raises(StatementError):
        await connection.query("SELECT * FROM secret")
    with pytest.raises(StatementError):  # strict again
        await connection.query("INSERT INTO t (v) VALUES (%s)", ["x" * 21])


def parse_database(driver):
    return driver.settings.database


async def test_a_session_that_can_not_be_reset_is_given_up(connection, driver, mysql_server):
    """Its database is gone: nobody else gets this connection."""
    mysql_server.execute("CREATE DATABASE IF NOT EXISTS elsewhere")
    mysql_server.execute(f"DROP DATABASE {parse_database(driver)}")
    with pytest.raises(StatementError):
        await connection.reset()
    assert not connection.usable
    mysql_server.execute(f"CREATE DATABASE {parse_database(driver)}")


# Many rows


async def test_many_rows_are_inserted_together(connection, table):
    """Thousands of rows take a few statements, with all that VALUES may hold beside placeholders."""
    before = int((await connection.query("SHOW SESSION STATUS LIKE 'Com_insert'")).rows[0][1])
    rows = [[f"row {number}", "%"] for number in range(10_000)]
    await connection.query("CREATE TABLE many (a VARCHAR(20), b CHAR(1), c DATETIME, d INT DEFAULT 4)")
    result = await connection.query_many("INSERT INTO many(a, b, c, d) VALUES(%s, %s, NOW(), DEFAULT)", rows)
    assert (result.affected, result.last_id, connection.in_transaction) == (10_000, None, False)
    assert await value(connection, "SELECT COUNT(DISTINCT a) FROM many WHERE b = '%' AND d = 4") == 10_000
    after = int((await connection.query("SHOW SESSION STATUS LIKE 'Com_insert'")).rows[0][1])
    assert after - before < 5


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
@pytest.mark.parametrize(
    "sql",
    ["INSERT INTO big VALUES (%s, %s)", "INSERT INTO big SELECT %s, %s"],
    ids=["in batches", "one by one"],
)
async def test_many_rows_are_all_there_or_none(connection, sql, inside):
    """A row that is refused undoes those before it, in a transaction no more than these."""
    await connection.query("CREATE TABLE big (id INT PRIMARY KEY, v LONGTEXT)")
    if inside:
        await connection.begin()
        await connection.query("INSERT INTO big VALUES (-1, 'before')")
    with pytest.raises(IntegrityError):
        await connection.query_many(sql, [[number, "x" * 600_000] for number in (1, 2, 3, 3)])
    assert connection.in_transaction is inside
    assert list((await connection.query("SELECT id FROM big")).rows) == ([(-1,)] if inside else [])
    result = await connection.query_many(sql, [[number, "x" * 600_000] for number in (1, 2, 3)])
    assert result.affected == 3
    if inside:
        await connection.commit()
    assert await value(connection, "SELECT COUNT(*) FROM big") == 3 + inside


@pytest.mark.parametrize(
    ("sql", "rows", "left"),
    [
        (
            "INSERT INTO t (id, v) VALUES (%s, %s) ON DUPLICATE KEY UPDATE v = VALUES(v)",
            [[1, "x"], [5, "y"]],
            "two,x,y",
        ),
        ("INSERT INTO t (id, v) VALUES (%s, 'z') ON DUPLICATE KEY UPDATE v = %s", [[1, "x"], [2, "y"]], "x,y"),
        ("INSERT INTO t (id, v) SELECT %s, %s", [[7, "%"], [8, "%%"]], "%,%%,one,two"),
        ("INSERT INTO t (v) VALUES (CONCAT('%%', %s))", [["a"], ["b"]], "%a,%b,one,two"),
        ("REPLACE INTO t (id, v) VALUES (%s, %s);", [[1, "x"], [2, "y"]], "x,y"),
        ("UPDATE t SET v = %s WHERE id = %s", [["x", 1], ["y", 2]], "x,y"),
        ("DELETE FROM t WHERE id = %s", [[1], [2]], None),
    ],
)
async def test_many_rows_of_any_statement(connection, table, sql, rows, left):
    """What can't be one statement is run row by row, with the same outcome."""
    await connection.query_many(sql, rows)
    assert await value(connection, "SELECT GROUP_CONCAT(v ORDER BY v) FROM t") == left


async def test_a_deadlock_among_many_rows_ends_the_transaction(connection, other, table):
    """As with a single statement."""
    await other.query("SET innodb_lock_wait_timeout = 1")
    await connection.begin()
    await connection.query("UPDATE t SET v = 'a' WHERE id = 2")
    with pytest.raises(SerializationFailure):
        await other.query_many("UPDATE t SET v = %s WHERE id = %s", [["x", 1], ["y", 2]])
    await connection.rollback()
    assert (other.usable, other.in_transaction) == (True, False)
    assert await value(connection, "SELECT v FROM t WHERE id = 1") == "one"


# Streams


async def rows_of(connection, count, text="x"):
    await connection.query("CREATE TABLE IF NOT EXISTS numbers (n INT, v LONGTEXT)")
    await connection.query(f"INSERT INTO numbers SELECT seq, %s FROM seq_1_to_{count}", [text])


async def test_a_stream_gives_batches(connection):
    """At most 500 rows at once, less when they are large; columns also where there are no rows."""
    await rows_of(connection, 1200)
    sizes = [len(batch.rows) async for batch in connection.stream("SELECT n FROM numbers WHERE n > %s", [0])]
    assert (sum(sizes), max(sizes)) == (1200, 500)
    empty = [batch async for batch in connection.stream("SELECT n FROM numbers WHERE n < 0")]
    assert [(batch.columns, list(batch.rows)) for batch in empty] == [(("n",), [])]
    await connection.query("DELETE FROM numbers")
    await rows_of(connection, 20, "x" * 40_000)
    assert max([len(batch.rows) async for batch in connection.stream("SELECT * FROM numbers")]) < 20
    assert connection.usable


async def test_a_change_can_be_streamed(connection, table):
    """It has no rows, and says what it affected."""
    (result,) = [each async for each in connection.stream("DELETE FROM t")]
    assert (result.columns, result.affected) == ((), 2)


async def peak_of(work):
    tracemalloc.start()
    try:
        await work
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_a_stream_takes_constant_memory(connection):
    """A hundred thousand rows and more pass through a few hundred kilobytes, also when whoever reads them is slow."""
    await rows_of(connection, 110_000, "x" * 20)

    async def read():
        total = 0
        async for batch in connection.stream("SELECT * FROM numbers"):
            total += len(batch.rows)
            await asyncio.sleep(0)
        assert total == 110_000

    async def buffer():
        assert len((await connection.query("SELECT * FROM numbers LIMIT 50000")).rows) == 50_000

    assert await peak_of(read()) < 3_000_000
    assert await peak_of(buffer()) > 3_000_000, "control: this is what a whole result takes"


@pytest.fixture
def patient(monkeypatch):
    """The rest of a stream comes as late as a busy machine sends it."""
    monkeypatch.setattr(mysql, "REST", PATIENT)


async def test_a_stream_that_is_left_early_leaves_a_connection_that_works(connection, patient):
    """Where little is left of it, the rest is read and dropped."""
    await rows_of(connection, 700)
    async with aclosing(connection.stream("SELECT n FROM numbers")) as batches:
        async for _ in batches:
            break
    assert connection.usable
    assert await value(connection, "SELECT 1") == 1


async def test_a_stream_whose_rest_does_not_come_is_hung_up_on(connection):
    """Nobody waits for rows that nobody wants: a tenth of a second, and no longer."""
    began = time.monotonic()
    sql = "SELECT seq, REPEAT('x', 40000), SLEEP(IF(seq = 4, 60, 0)) FROM seq_1_to_5"
    async with aclosing(connection.stream(sql)) as batches:
        async for _ in batches:
            break
    assert not connection.usable
    assert time.monotonic() - began < PATIENT


async def test_a_stream_whose_rest_is_refused_leaves_a_connection_that_works(connection, patient):
    """What is refused of it was not wanted."""
    sql = "SELECT seq, REPEAT('x', 40000), IF(seq = 4, (SELECT 1 UNION SELECT 2), 0) FROM seq_1_to_5"
    async with aclosing(connection.stream(sql)) as batches:
        async for _ in batches:
            break
    assert await value(connection, "SELECT 1") == 1


async def test_a_long_stream_that_is_left_early_is_hung_up_on(connection):
    """Millions of rows that nobody wants are not read."""
    began = time.monotonic()
    async with aclosing(connection.stream("SELECT seq FROM seq_1_to_5000000000")) as batches:
        async for _ in batches:
            break
    assert not connection.usable
    assert time.monotonic() - began < PATIENT


async def test_a_stream_that_is_refused_in_the_middle(connection):
    """The rows before it were given; the connection goes on."""
    seen = 0
    with pytest.raises(StatementError):
        async for batch in connection.stream(
            "SELECT seq, IF(seq > 900, (SELECT 1 UNION SELECT 2), 0) FROM seq_1_to_2000"
        ):
            seen += len(batch.rows)
    assert seen == 500
    assert await value(connection, "SELECT 1") == 1


async def test_a_cancelled_stream_closes_its_connection(connection):
    """In the middle of an answer there is no way back."""
    stream = connection.stream("SELECT seq, SLEEP(IF(seq > 500, 60, 0)) FROM seq_1_to_2000")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), aclosing(stream) as batches:
            async for _ in batches:
                pass
    assert not connection.usable


# Connecting


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_credentials_come_from_a_callable(url, mysql_server, kind):
    """They are asked for with each connection, so that a password can change."""
    mysql_server.execute(
        "CREATE OR REPLACE USER kim@'127.0.0.1' IDENTIFIED BY 'öne'; GRANT ALL ON *.* TO kim@'127.0.0.1'"
    )
    password = "öne"

    def given():
        return "kim", password

    async def given_later():
        return given()

    driver = driver_for(parse(url), given if kind == "sync" else given_later)
    first = await driver.connect()
    mysql_server.execute("ALTER USER kim@'127.0.0.1' IDENTIFIED BY 'two'")
    with pytest.raises(ConnectionFailed):
        await driver.connect()
    password = "two"
    second = await driver.connect()
    assert (await value(second, "SELECT CURRENT_USER()")).startswith("kim@")
    await first.close()
    await second.close()


async def test_credentials_that_can_not_be_had_are_a_failed_connection(url):
    """A vault that is down is no reason for a 500."""

    def fails():
        raise OSError("the vault is down")

    with pytest.raises(ConnectionFailed) as caught:
        await driver_for(parse(url), fails).connect()
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (lambda url: url.replace("root@", "root:canary-password@"), 1045, "Access denied"),
        (lambda url: url.replace("?", "_not_there?"), 1049, "Unknown database"),
        (lambda url: url.replace("127.0.0.1", "no-such-host.invalid"), None, "no-such-host.invalid"),
        (lambda url: f"{url[: url.index('@')]}@127.0.0.1:1/{url.rpartition('/')[2]}", None, "127.0.0.1"),
    ],
    ids=["password", "database", "name", "port"],
)
async def test_why_a_connection_failed_is_a_note_without_secrets(url, change, code, reason):
    """Clients are told that the database can't be reached; whoever reads the log, why."""
    with pytest.raises(ConnectionFailed) as caught:
        await driver_for(parse(change(url)), None).connect()
    failure = caught.value
    assert (failure.code, failure.status, failure.detail) == (code, 503, "The database can't be reached.")
    assert reason in "".join(failure.__notes__)
    assert "canary" not in f"{failure!r} {failure.__notes__} {failure.__cause__!r}"


async def test_an_unknown_charset_is_refused_when_the_database_is_made(url):
    """Before anything is connected to; also one that Python does not know."""
    for charset in ("klingon", "eucjpms"):
        with pytest.raises(RegistrationError, match=f"knows no charset '{charset}'"):
            driver_for(parse(f"{url}&charset={charset}"), None)


@pytest.mark.parametrize("charset", ["sjis", "ujis"])
async def test_a_charset_that_makes_other_signs_a_backslash_is_refused(url, charset):
    """A yen sign would undo the backslash before a quote, and what follows it would be SQL."""
    with pytest.raises(RegistrationError, match="makes a backslash of a yen sign"):
        driver_for(parse(f"{url}&charset={charset}"), None)


@pytest.mark.parametrize("charset", ["sjis", "ujis"])
async def test_control_a_yen_sign_ends_a_text(url, charset, monkeypatch):
    """Were it not refused, part of the value would be run."""
    monkeypatch.setattr(mysql, "YEN", "")
    connection = await driver_for(parse(f"{url}&charset={charset}"), None).connect()
    try:
        result = await connection.query("SELECT %s", ["\xa5', VERSION() AS stolen -- "])
        assert "stolen" in result.columns
    finally:
        await connection.close()


def test_no_room_for_more_locks_ends_the_transaction():
    """InnoDB rolls back all of it then, as after a deadlock."""
    assert isinstance(
        refusal(MySQLError(1206, "The total number of locks exceeds ..."), MySQLError), SerializationFailure
    )


async def test_a_charset_of_the_urls(url):
    """Statements and answers are in it."""
    connection = await driver_for(parse(f"{url}&charset=latin1"), None).connect()
    try:
        assert await value(connection, "SELECT %s", ["Zoë"]) == "Zoë"
        assert await value(connection, "SELECT @@character_set_client") == "latin1"
        with pytest.raises(StatementError, match="can't be sent"):
            await connection.query("SELECT %s", ["😀"])
    finally:
        await connection.close()


async def test_a_missing_file_of_authorities_is_refused_when_the_database_is_made(url, tmp_path):
    """Before anything is connected to."""
    with pytest.raises(RegistrationError, match="ssl_ca=.*nowhere.pem"):
        driver_for(parse(f"{url}&ssl=verify&ssl_ca={tmp_path}/nowhere.pem"), None)


async def test_a_missing_library_is_named_with_its_cure(url, monkeypatch):
    """The words that install it are in the message."""
    name = parse(url).driver
    monkeypatch.setitem(sys.modules, f"heaven_contrib.sql.drivers._{name}", None)
    extra = {"aiomysql": "mysql", "asyncmy": "asyncmy"}[name]
    with pytest.raises(ImportError, match=rf'pip install "heaven-contrib\[{extra}\]"'):
        driver_for(parse(url), None)
