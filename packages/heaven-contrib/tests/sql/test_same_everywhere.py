"""What an application may rely on, whichever database its URL names: the same tests on all of them."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest

from heaven_contrib.sql import IntegrityError, StatementError

NASTY = ["", "'", "\\", "\\'", '"', "%s", "100%", "%%", ":id", "?", "\0", "\n\r", "Zoë 😀", "'; DROP TABLE notes; --"]

COLUMNS = {
    "sqlite": "number INTEGER, ratio REAL, price TEXT, flag INTEGER, data BLOB, day TEXT, at TEXT, key TEXT, span TEXT",
    "mysql": "number BIGINT, ratio DOUBLE, price DECIMAL(20, 4), flag BOOLEAN, data LONGBLOB, day DATE, at DATETIME(6), "
    "`key` CHAR(36), span TIME(6)",
}


class Everything(msgspec.Struct):
    number: int | None
    ratio: float | None
    price: Decimal | None
    flag: bool | None
    data: bytes | None
    day: date | None
    at: datetime | None
    key: uuid.UUID | None
    span: timedelta | None


FULL = Everything(
    number=-(2**63),
    ratio=0.1,
    price=Decimal("1234567890.1234"),
    flag=True,
    data=b"\0\xff",
    day=date(2026, 1, 31),
    at=datetime(2026, 1, 31, 12, 0, 0, 5, UTC),
    key=uuid.UUID(int=7),
    span=timedelta(hours=30, microseconds=5),
)
EMPTY = Everything(*[None] * 9)


@pytest.fixture
async def everything(db):
    await db.execute(f"CREATE TABLE everything (id INTEGER PRIMARY KEY, {COLUMNS[db.dialect]})")
    return db


@pytest.mark.parametrize("given", [FULL, EMPTY], ids=["full", "empty"])
async def test_what_goes_in_comes_out(everything, given):
    """Every type that both Python and SQL know comes back as it was, by `into`; and NULL as None."""
    values = {field: getattr(given, field) for field in given.__struct_fields__}
    names = ", ".join(f"`{name}`" for name in values)
    marks = ", ".join(f":{name}" for name in values)
    await everything.execute(f"INSERT INTO everything (id, {names}) VALUES (1, {marks})", values)
    assert given == await everything.fetch_one(f"SELECT {names} FROM everything", into=Everything)
    await everything.execute("DELETE FROM everything")
    await everything.execute_many(f"INSERT INTO everything (id, {names}) VALUES (:id, {marks})", [{"id": 2, **values}])
    assert [given] == [row async for row in everything.fetch_iter(f"SELECT {names} FROM everything", into=Everything)]


async def test_moments_are_compared_and_sorted_as_moments(everything):
    """In whichever zone they were given."""
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    moments = [noon + timedelta(microseconds=micro) for micro in (0, 1, 500_000, 1_000_000)]
    far = timezone(timedelta(hours=-11))
    rows = [{"id": number, "at": moment.astimezone(far)} for number, moment in enumerate(reversed(moments))]
    await everything.execute_many("INSERT INTO everything (id, at) VALUES (:id, :at)", rows)
    query = "SELECT id FROM everything WHERE at >= :at ORDER BY at"
    assert [3, 2, 1, 0] == [row["id"] for row in await everything.fetch_all(query, {"at": noon})]
    assert [1, 0] == [row["id"] for row in await everything.fetch_all(query, {"at": moments[2]})]


@pytest.mark.parametrize("text", NASTY, ids=ascii)
async def test_text_is_never_more_than_text(everything, text):
    """In a value of any statement, beside other values and signs that mean something."""
    row = await everything.fetch_one("SELECT '100%' AS a, :text AS b, '?' AS c", {"text": text})
    assert {"a": "100%", "b": text, "c": "?"} == row
    assert 0 == await everything.fetch_value("SELECT count(*) FROM notes")


@pytest.mark.parametrize(
    "wrong",
    [math.nan, math.inf, Decimal("-Infinity"), "\ud83d", Decimal("1E+999999999"), Decimal("-1E-999999999")],
    ids=ascii,
)
async def test_what_no_column_holds_is_refused(db, wrong):
    """And never becomes something else on its way."""
    with pytest.raises(StatementError):
        await db.execute("INSERT INTO notes (size) VALUES (:wrong)", {"wrong": wrong})
    with pytest.raises(StatementError):
        await db.execute_many("INSERT INTO notes (size) VALUES (:wrong)", [{"wrong": 1}, {"wrong": wrong}])
    assert 0 == await db.fetch_value("SELECT count(*) FROM notes")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO child (id, note, n) VALUES (1, 1, 1)",
        "INSERT INTO child (id, note, n) VALUES (2, NULL, 1)",
        "INSERT INTO child (id, n) VALUES (2, 1)",
        "INSERT INTO child (id, note, n) VALUES (2, 99, 1)",
        "INSERT INTO child (id, note, n) VALUES (2, 1, -1)",
        "DELETE FROM notes",
    ],
    ids=["twice", "null", "missing", "unknown", "check", "referred to"],
)
async def test_constraints_are_kept(db, sql):
    """By the same class of error, with the number and the words of the database."""
    key = "INTEGER" if db.dialect == "sqlite" else "INT"
    await db.execute("INSERT INTO notes (text) VALUES ('a')")
    await db.execute(
        f"CREATE TABLE child (id {key} PRIMARY KEY, note {key} NOT NULL, n {key} CHECK (n > 0), "
        "FOREIGN KEY (note) REFERENCES notes (id))"
    )
    await db.execute("INSERT INTO child (id, note, n) VALUES (1, 1, 1)")
    with pytest.raises(IntegrityError) as caught:
        await db.execute(sql)
    assert caught.value.code is not None
    assert (1, 1) == (
        await db.fetch_value("SELECT count(*) FROM child"),
        await db.fetch_value("SELECT count(*) FROM notes"),
    )


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM notes", "SELECT 1; SELECT 2"])
async def test_wrong_statements_are_refused(db, sql):
    """By the same class of error; several statements at once are wrong, too."""
    with pytest.raises(StatementError):
        await db.fetch_all(sql)
    assert 1 == await db.fetch_value("SELECT 1")


async def test_the_last_id_is_that_of_an_insert(db):
    """Of no other statement, and not of many rows at once."""
    insert = "INSERT INTO notes (text) VALUES (:text)"
    assert [1, 2] == [(await db.execute(insert, {"text": text})).last_id for text in "ab"]
    for sql in ("UPDATE notes SET size = 1", "DELETE FROM notes WHERE id = 1", "CREATE TABLE more (id INT)"):
        assert None is (await db.execute(sql)).last_id
