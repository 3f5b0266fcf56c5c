from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys

import pytest

from heaven_contrib.sql import Database
from heaven_contrib.sql.drivers.choosing import driver_for
from heaven_contrib.sql.errors import DatabaseError, MigrationError
from heaven_contrib.sql.migrations import migrate
from heaven_contrib.sql.urls import parse
from patience import PATIENT

ORDERS = (
    "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(40));\nINSERT INTO orders VALUES (1, '100% :sure; ?');\n"
)
LINES = "CREATE TABLE order_lines (order_id INT, sku VARCHAR(20));"


@pytest.fixture
async def connect(kind, database_url):
    """Open connections to one database of each kind, without a pool; they are closed at the end."""
    driver = driver_for(parse(database_url(kind)), None)
    async with contextlib.AsyncExitStack() as stack:

        async def open_connection():
            connection = await driver.connect()
            stack.push_async_callback(connection.close)
            return connection

        yield open_connection


@pytest.fixture
async def connection(connect):
    return await connect()


@pytest.fixture
def dialect(kind):
    return "mysql" if kind in ("aiomysql", "asyncmy") else "sqlite"


@pytest.fixture
def folder(tmp_path):
    """A folder with `write(name, script)`."""

    class Folder:
        path = tmp_path / "migrations"

        def write(self, name, script):
            self.path.mkdir(exist_ok=True)
            (self.path / name).write_text(script, encoding="utf-8")

    folder = Folder()
    folder.write("0001_orders.sql", ORDERS)
    folder.write("0002_lines.sql", LINES)
    return folder


async def rows(connection, sql):
    return [tuple(row) for row in (await connection.query(sql)).rows]


async def tables(connection, dialect):
    """The tables of the migrations above that are there."""
    source = "sqlite_master" if dialect == "sqlite" else "information_schema.tables WHERE table_schema = DATABASE()"
    column = "name" if dialect == "sqlite" else "table_name"
    names = {name for (name,) in await rows(connection, f"SELECT {column} FROM {source}")}
    return names & {"orders", "order_lines", "later"}


# What is applied


async def test_every_file_is_applied_once(connection, dialect, folder) -> None:
    """In order, byte for byte; a second call has nothing to do, and a new file is applied alone."""
    assert ["0001_orders.sql", "0002_lines.sql"] == await migrate(connection, dialect, folder.path)
    assert [] == await migrate(connection, dialect, folder.path)
    folder.write("0003_later.sql", "CREATE TABLE later (x INT);")
    assert ["0003_later.sql"] == await migrate(connection, dialect, str(folder.path))
    assert [(1, "100% :sure; ?")] == await rows(connection, "SELECT id, note FROM orders")
    recorded = await rows(connection, "SELECT number, name, done FROM heaven_migrations WHERE applied_at IS NOT NULL")
    assert [(1, "0001_orders", 2), (2, "0002_lines", 1), (3, "0003_later", 1)] == recorded
    assert connection.usable
    assert not connection.in_transaction


async def test_no_file_and_a_file_of_nothing_are_fine(connection, dialect, folder) -> None:
    """What one kind of database needs and the other does not is a file with a comment."""
    (folder.path / "0001_orders.sql").unlink()
    (folder.path / "0002_lines.sql").unlink()
    assert [] == await migrate(connection, dialect, folder.path)
    folder.write(f"0001_only.{dialect}.sql", "-- nothing to do here;\n")
    assert [f"0001_only.{dialect}.sql"] == await migrate(connection, dialect, folder.path)
    assert [] == await migrate(connection, dialect, folder.path)


TRIGGER = {
    "sqlite": "CREATE TRIGGER t AFTER INSERT ON orders BEGIN INSERT INTO order_lines VALUES (NEW.id, 'a'); "
    "INSERT INTO order_lines VALUES (NEW.id, CASE WHEN 1 THEN 'b' END); END;",
    "mysql": "CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW BEGIN IF NEW.id THEN INSERT INTO order_lines "
    "VALUES (NEW.id, 'a'); END IF; INSERT INTO order_lines VALUES (NEW.id, 'b'); END;",
}


async def test_triggers_need_no_delimiter(connection, dialect, folder) -> None:
    """A body between BEGIN and END is one statement; each database may have a file of its own."""
    folder.write("0003_trigger.sqlite.sql", TRIGGER["sqlite"])
    folder.write("0003_trigger.mysql.sql", TRIGGER["mysql"])
    assert f"0003_trigger.{dialect}.sql" == (await migrate(connection, dialect, folder.path))[-1]
    await connection.query("INSERT INTO orders VALUES (7, '')")
    assert [(7, "a"), (7, "b")] == await rows(connection, "SELECT order_id, sku FROM order_lines ORDER BY sku")


async def test_a_file_for_both_databases_can_become_one_for_each(connection, dialect, folder) -> None:
    """What it says stays the same where it was applied."""
    await migrate(connection, dialect, folder.path)
    (folder.path / "0002_lines.sql").unlink()
    folder.write(f"0002_lines.{dialect}.sql", LINES)
    assert [] == await migrate(connection, dialect, folder.path)


async def test_the_database_applies_them_when_it_is_connected_to(kind, database_url, folder) -> None:
    """Before anybody gets a connection."""
    url, kept = database_url(kind), kind != "memory"
    for orders in (1, 2 if kept else 1):
        async with Database(url, migrations=folder.path) as db:
            assert orders == await db.fetch_value("SELECT count(*) FROM orders")
            await db.execute("INSERT INTO orders VALUES (:id, '')", {"id": orders + 1})


# What is refused


def change(folder):
    folder.write("0001_orders.sql", ORDERS + "-- more")


def lose(folder):
    (folder.path / "0002_lines.sql").unlink()


def lose_the_first(folder):
    (folder.path / "0001_orders.sql").unlink()


def rename(folder):
    (folder.path / "0002_lines.sql").rename(folder.path / "0002_positions.sql")


def misname(folder):
    folder.write("3_more.sql", "SELECT 1;")


def unclosed(folder):
    folder.write("0004_more.sql", "SELECT 'abc;")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change, r"0001_orders\.sql was changed after it was applied; .* a new file, 0004_"),
        (lose, "0003_later.sql comes where number 0002 is missing"),
        (lose_the_first, "0002_lines.sql comes where number 0001 is missing"),
        (
            rename,
            "0002_positions.sql was applied as 0002_lines; give it that name again, or its application a database of its own",
        ),
        (misname, "3_more.sql can't be the name"),
        (unclosed, "0004_more.sql, line 1"),
    ],
)
async def test_files_that_do_not_fit_what_was_applied_are_refused(connection, dialect, folder, spoil, message) -> None:
    """By name, and before anything is applied."""
    await migrate(connection, dialect, folder.path)
    folder.write("0003_later.sql", "CREATE TABLE later (x INT);")
    spoil(folder)
    with pytest.raises(MigrationError, match=message):
        await migrate(connection, dialect, folder.path)
    assert {"orders", "order_lines"} == await tables(connection, dialect)


async def test_a_file_that_was_applied_and_is_gone_is_refused(connection, dialect, folder) -> None:
    """The last one as well: an old release does not work on a newer database without saying so."""
    await migrate(connection, dialect, folder.path)
    lose(folder)
    with pytest.raises(MigrationError, match="0002_lines was applied, and its file is missing"):
        await migrate(connection, dialect, folder.path)


async def test_a_hole_in_the_table_is_refused(connection, dialect, folder) -> None:
    """Nothing is applied out of order."""
    await migrate(connection, dialect, folder.path)
    await connection.query("DELETE FROM heaven_migrations WHERE number = 1")
    with pytest.raises(MigrationError, match="0001_orders.sql was not applied, and 0002_lines after it was"):
        await migrate(connection, dialect, folder.path)


# What fails half-way

HALF = "INSERT INTO order_lines VALUES (1, 'first');\nCREATE TABLE later (x INT);\nINSERT INTO nowhere VALUES (1);"


async def test_what_was_applied_before_a_file_that_fails_stays(connection, dialect, folder) -> None:
    """The error names file, line and statement, and what the database said."""
    folder.write("0003_later.sql", HALF)
    message = r"0003_later.sql, line 3: .* statement 3 of 3: .*nowhere.* The statement: INSERT INTO nowhere"
    with pytest.raises(MigrationError, match=message) as failed:
        await migrate(connection, dialect, folder.path)
    assert isinstance(failed.value.__cause__, DatabaseError)
    assert {"orders", "order_lines"} <= await tables(connection, dialect)
    assert not connection.in_transaction


SQLITE = pytest.mark.parametrize("kind", ["sqlite", "memory"], indirect=True)
MYSQL = pytest.mark.parametrize("kind", ["aiomysql", "asyncmy"], indirect=True)


@SQLITE
async def test_sqlite_keeps_a_file_as_a_whole_or_not_at_all(connection, folder) -> None:
    """What a failed file did is undone, definitions too; mended, it is applied."""
    folder.write("0003_later.sql", HALF)
    with pytest.raises(MigrationError, match="Nothing of the file is in effect"):
        await migrate(connection, "sqlite", folder.path)
    assert ({"orders", "order_lines"}, []) == (
        await tables(connection, "sqlite"),
        await rows(connection, "SELECT * FROM order_lines"),
    )
    folder.write("0003_later.sql", HALF.replace("nowhere", "later"))
    assert ["0003_later.sql"] == await migrate(connection, "sqlite", folder.path)


@MYSQL
async def test_mysql_does_not_run_the_first_half_again(connection, folder) -> None:
    """Every start is refused with what is known and what to do, and changes nothing."""
    folder.write("0003_later.sql", HALF)
    with pytest.raises(MigrationError, match="Its first 2 statements are in effect"):
        await migrate(connection, "mysql", folder.path)
    for _ in range(2):
        with pytest.raises(MigrationError, match="0003_later.sql was begun and not finished: 2 of its 3 statements"):
            await migrate(connection, "mysql", folder.path)
    assert [(1, "first")] == await rows(connection, "SELECT * FROM order_lines")


def cures(error):
    """The two statements that the message offers."""
    text = str(error)
    return text[text.index("UPDATE") :].partition(";")[0], text[text.index("DELETE") :].partition(";")[0]


@MYSQL
async def test_mysql_goes_on_after_a_cure(connection, folder) -> None:
    """Undone by hand and forgotten, the file is applied anew; finished by hand and noted, it is not."""
    folder.write("0003_later.sql", HALF)
    with pytest.raises(MigrationError):
        await migrate(connection, "mysql", folder.path)
    with pytest.raises(MigrationError) as unfinished:
        await migrate(connection, "mysql", folder.path)
    await connection.query("DROP TABLE later")
    await connection.query(cures(unfinished.value)[1])
    with pytest.raises(MigrationError, match="Its first 2 statements"):
        await migrate(connection, "mysql", folder.path)
    folder.write("0003_later.sql", HALF.replace("nowhere", "later"))
    with pytest.raises(MigrationError) as unfinished:
        await migrate(connection, "mysql", folder.path)
    await connection.query("INSERT INTO later VALUES (1)")
    await connection.query(cures(unfinished.value)[0])
    assert [] == await migrate(connection, "mysql", folder.path)


@MYSQL
@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE orders (x INT); INSERT INTO orders VALUES (1, '')",
        "CREATE TABEL x (y INT);",
        "INSERT INTO orders VALUES (2, ''); UPDATE orders SET note = 'x'; INSERT INTO nowhere VALUES (1);",
    ],
)
async def test_mysql_undoes_what_can_be_undone(connection, folder, script) -> None:
    """A file that is refused at its first statement, or that defines nothing, has left nothing; it can be mended."""
    await migrate(connection, "mysql", folder.path)
    folder.write("0003_later.sql", script)
    for _ in range(2):
        with pytest.raises(MigrationError, match="Nothing of the file is in effect"):
            await migrate(connection, "mysql", folder.path)
    assert [(1, "100% :sure; ?")] == await rows(connection, "SELECT * FROM orders")
    folder.write("0003_later.sql", "CREATE TABLE later (x INT)")
    assert ["0003_later.sql"] == await migrate(connection, "mysql", folder.path)


@MYSQL
async def test_mysql_notes_no_more_than_what_is_kept(connection, folder) -> None:
    """What is inserted after a definition is undone together with the note that it was done."""
    folder.write(
        "0003_later.sql", "CREATE TABLE later (x INT); INSERT INTO later VALUES (1); INSERT INTO nowhere SELECT 1;"
    )
    with pytest.raises(MigrationError, match="Its first 1 statements are in effect"):
        await migrate(connection, "mysql", folder.path)
    assert [] == await rows(connection, "SELECT * FROM later")
    assert [(1,)] == await rows(connection, "SELECT done FROM heaven_migrations WHERE number = 3")


@MYSQL
async def test_a_process_that_dies_in_the_middle_leaves_its_note(connect, folder) -> None:
    """The next one waits for the server to let go of the lock, and knows how far the dead one came."""
    folder.write("0003_later.sql", "CREATE TABLE later (x INT); DO SLEEP(60); DROP TABLE later;")
    dying, watching, killing = await connect(), await connect(), await connect()
    ((number,),) = await rows(dying, "SELECT CONNECTION_ID()")
    task = asyncio.create_task(migrate(dying, "mysql", folder.path))
    sleeping = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%' AND db = DATABASE()"
    async with asyncio.timeout(PATIENT):
        while await rows(watching, sleeping) != [(1,)]:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    dying.abandon()
    waiting = asyncio.create_task(migrate(watching, "mysql", folder.path))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await killing.query(f"KILL {number}")  # as the server does by itself, when it finds out
    with pytest.raises(MigrationError, match="was begun and not finished: 1 of its 3 statements"):
        await waiting


@MYSQL
async def test_a_connection_that_breaks_is_no_certainty(connect, folder) -> None:
    """Its statement may be in effect; the error says so."""
    folder.write("0003_later.sql", "CREATE TABLE later (x INT); DO SLEEP(60);")
    breaking, killing = await connect(), await connect()
    ((number,),) = await rows(breaking, "SELECT CONNECTION_ID()")
    task = asyncio.create_task(migrate(breaking, "mysql", folder.path))
    state = f"SELECT count(*) FROM information_schema.processlist WHERE id = {number} AND info LIKE 'DO SLEEP%'"
    async with asyncio.timeout(PATIENT):
        while await rows(killing, state) != [(1,)]:
            await asyncio.sleep(0.01)
        await killing.query(f"KILL {number}")
        with pytest.raises(MigrationError, match="line 1: .*The connection broke, so that this statement may be"):
            await task


# Foreign keys in SQLite

PARENTS = "CREATE TABLE parents (id INTEGER PRIMARY KEY);\nINSERT INTO parents VALUES (1), (2);\n"
CHILDREN = (
    "CREATE TABLE children (parent INT REFERENCES parents ON DELETE CASCADE);\nINSERT INTO children VALUES (2);\n"
)
REPLACE = "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO new SELECT id, '' FROM parents;\nDROP TABLE parents;\nALTER TABLE new RENAME TO parents;"


@SQLITE
async def test_replacing_a_table_leaves_what_refers_to_it(connection, folder) -> None:
    """That is how SQLite changes a column; the control, by hand with foreign keys on, loses the rows."""
    folder.write("0003_family.sql", PARENTS + CHILDREN)
    folder.write("0004_names.sql", REPLACE)
    await migrate(connection, "sqlite", folder.path)
    assert [(2,)] == await rows(connection, "SELECT * FROM children")
    assert [(1,)] == await rows(connection, "PRAGMA foreign_keys")

    for statement in ["DELETE FROM children", "INSERT INTO children VALUES (2)", *REPLACE.split(";\n")]:
        await connection.query(statement)
    assert [] == await rows(connection, "SELECT * FROM children")


@SQLITE
async def test_rows_that_refer_to_nothing_are_refused(connection, folder) -> None:
    """Keys are checked at the end of each file, which is undone then."""
    folder.write("0003_family.sql", PARENTS + CHILDREN)
    folder.write("0004_less.sql", "DELETE FROM parents WHERE id = 2;")
    with pytest.raises(
        MigrationError, match="0004_less.sql would leave rows of children that refer to rows of parents"
    ):
        await migrate(connection, "sqlite", folder.path)
    assert [(1,), (2,)] == await rows(connection, "SELECT * FROM parents ORDER BY id")
    assert [(1,)] == await rows(connection, "PRAGMA foreign_keys")


# Many processes

WORKER = """
import asyncio, sys
from heaven_contrib.sql import migrations
from heaven_contrib.sql.drivers.choosing import driver_for
from heaven_contrib.sql.urls import parse

url, folder, variant = sys.argv[1:]
settings = parse(url)

async def main():
    connection = await driver_for(settings, None).connect()
    if variant == "control" and settings.scheme == "mysql":
        migrations._LOCK = "CONCAT('mine', CONNECTION_ID())"  # a lock that nobody else asks for
    if variant == "control" and settings.scheme == "sqlite":
        async def begin():
            await connection.query("BEGIN DEFERRED")
        type(connection).begin = lambda self, *_, **__: begin()
    if variant == "control":
        read, times = migrations._records, []
        async def records(*arguments):
            found = await read(*arguments)
            times.append(found)
            if len(times) == 2:  # which is behind the lock, where the others would not be at the same time
                print("read", flush=True)
                sys.stdin.readline()
            return found
        migrations._records = records
    sys.stdin.readline()
    try:
        print(len(await migrations.migrate(connection, settings.scheme, folder)))
    finally:
        await connection.close()

print("ready", flush=True)
asyncio.run(main())
"""

SLOW = {
    "sqlite": "INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, '' FROM n;",
    "mysql": "DO SLEEP(0.3); INSERT INTO orders VALUES (2, '');",
}


@pytest.mark.parametrize("kind", ["sqlite", "aiomysql"], indirect=True)
@pytest.mark.parametrize("variant", ["locked", "control"])
def test_ten_workers_that_start_at_once_do_it_once(kind, dialect, database_url, folder, variant) -> None:
    """One applies, nine wait and go on; in the control, without the lock, some of them fail."""
    folder.write("0003_slow.sql", SLOW[dialect])
    command = [sys.executable, "-W", "error", "-c", WORKER, database_url(kind), str(folder.path), variant]
    with contextlib.ExitStack() as stack:
        workers = []
        for _ in range(10 if variant == "locked" else 4):
            worker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            stack.enter_context(worker)
            stack.callback(worker.kill)
            workers.append(worker)
        for step in ("ready",) if variant == "locked" else ("ready", "read"):
            assert {f"{step}\n"} == {worker.stdout.readline() for worker in workers}
            for worker in workers:
                worker.stdin.write("go on\n")
                worker.stdin.flush()
        ended = [worker.communicate(timeout=10 * PATIENT) for worker in workers]
        codes = [worker.returncode for worker in workers]
    if variant == "locked":
        assert ([0] * 10, "") == (codes, "".join(errors for _, errors in ended))
        assert 3 == sum(int(printed) for printed, _ in ended)
    else:
        assert {0} != set(codes)


@pytest.mark.parametrize("kind", ["sqlite", "aiomysql", "asyncmy"], indirect=True)
async def test_who_waits_too_long_gives_up(connect, dialect, folder) -> None:
    """By its deadline, with nothing changed; and goes on as soon as the other has ended."""
    other, connection = await connect(), await connect()
    if dialect == "sqlite":
        await connection.query("PRAGMA busy_timeout = 10")
        await other.query("BEGIN IMMEDIATE")
        message, done = "has had the database locked", "ROLLBACK"
    else:
        from heaven_contrib.sql.migrations import _LOCK

        await other.query(f"SELECT GET_LOCK({_LOCK}, 0)")
        message, done = "has been applying migrations for 1 s", f"DO RELEASE_LOCK({_LOCK})"
    async with asyncio.timeout(PATIENT):
        with pytest.raises(MigrationError, match=message):
            await migrate(connection, dialect, folder.path, wait=0.2)
        assert set() == await tables(connection, dialect)
        waiting = asyncio.create_task(migrate(connection, dialect, folder.path))
        await asyncio.sleep(0)
        await other.query(done)
        assert 2 == len(await waiting)


@MYSQL
async def test_databases_of_one_server_do_not_wait_for_each_other(connect, folder, database_url, kind) -> None:
    """The lock is the database's, though the server knows one namespace for all."""
    from heaven_contrib.sql.migrations import _LOCK

    other = await driver_for(parse(database_url(kind)), None).connect()
    await other.query(f"SELECT GET_LOCK({_LOCK}, 0)")
    assert 2 == len(await migrate(await connect(), "mysql", folder.path, wait=20))
    await other.close()
