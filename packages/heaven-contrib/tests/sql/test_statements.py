from __future__ import annotations

import sqlite3
import tracemalloc
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven_contrib.sql import statements
from heaven_contrib.sql.quoting import escape_like, quote_name
from heaven_contrib.sql.statements import LONGEST, prepare, prepare_many

BOTH = pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
MARK = {"sqlite": "?", "mysql": "%s"}


@BOTH
def test_parameters_become_the_placeholders_of_the_dialect(dialect):
    """Each `:name` is a placeholder, in order, as often as it is there."""
    statement, values = prepare("SELECT :b, :a, :b", {"a": 1, "b": 2}, dialect)
    mark = MARK[dialect]
    assert (f"SELECT {mark}, {mark}, {mark}", [2, 1, 2]) == (statement.sql, values)


@BOTH
def test_a_list_becomes_as_many_placeholders(dialect):
    """`IN (:ids)` takes a list or tuple, with the brackets that are there or without."""
    mark = MARK[dialect]
    for sql in ("a IN (:ids) AND b = :b", "a IN ( :ids ) AND b = :b", "a IN :ids AND b = :b"):
        statement, values = prepare(f"SELECT * FROM t WHERE {sql}", {"ids": (1, 2, 3), "b": 4}, dialect)
        assert f"SELECT * FROM t WHERE a IN ({mark},{mark},{mark}) AND b = {mark}" == statement.sql
        assert [1, 2, 3, 4] == values


@pytest.mark.parametrize(("operator", "expected"), [("IN", []), ("NOT IN", [1, 2])])
@pytest.mark.parametrize("brackets", ["(:ids)", ":ids"])
def test_nothing_is_in_an_empty_list(operator, expected, brackets):
    """`IN` finds no row then, and `NOT IN` all of them; a bare `(NULL)` would find none either way."""
    statement, values = prepare(f"SELECT a FROM t WHERE a {operator} {brackets}", {"ids": []}, "sqlite")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)")
        assert expected == [row[0] for row in connection.execute(statement.sql, values)]
        assert [] == connection.execute("SELECT a FROM t WHERE a NOT IN (NULL)").fetchall()


@pytest.mark.parametrize(
    ("dialect", "quoted"),
    [
        ("sqlite", "':b'"),
        ("sqlite", "'it''s :b'"),
        ("sqlite", "'\\'"),
        ("sqlite", '":b"'),
        ("sqlite", "`:b`"),
        ("sqlite", "[:b]"),
        ("sqlite", "-- :b\n"),
        ("sqlite", "/* :b\n :b */"),
        ("mysql", "':b'"),
        ("mysql", r"'it\'s :b'"),
        ("mysql", "'it''s :b'"),
        ("mysql", r"'\\'"),
        ("mysql", '"\\":b"'),
        ("mysql", "`:b`"),
        ("mysql", "-- :b\n"),
        ("mysql", "# :b\n"),
        ("mysql", "/* :b */"),
        ("mysql", "'12:30:45'"),
    ],
)
def test_what_is_quoted_or_commented_out_has_no_parameters(dialect, quoted):
    """A value put between quotes would end them; so nothing is put there."""
    statement, values = prepare(f"SELECT :a, {quoted}, :c", {"a": 1, "c": 3}, dialect)
    mark = MARK[dialect]
    assert (f"SELECT {mark}, {quoted}, {mark}", [1, 3]) == (statement.sql, values)


@pytest.mark.parametrize(("longest", "is_little"), [(LONGEST, True), (10**9, False)])
def test_long_lists_take_no_memory(monkeypatch, longest, is_little):
    """Clients may send a list of another length with each request; as a control, all of them are remembered."""
    monkeypatch.setattr(statements, "LONGEST", longest)
    tracemalloc.start()
    try:
        for length in range(5000, 5100):
            prepare("SELECT a FROM t WHERE a IN (:ids)", {"ids": [1] * length}, "sqlite")
        assert is_little == (tracemalloc.get_traced_memory()[0] < 200_000)
    finally:
        tracemalloc.stop()
        statements._statement.cache_clear()


@BOTH
def test_a_parameter_right_behind_another_is_missed_by_name(dialect):
    """Never a bare KeyError."""
    with pytest.raises(ValueError, match="the parameter :b has no value"):
        prepare("SELECT :a:b", {"a": 1}, dialect)


def test_a_comment_ends_with_its_line():
    """Also an empty one, so that the line below it counts."""
    statement, _ = prepare("SELECT 1 --\n + :a --", {"a": 1}, "mysql")
    assert "SELECT 1 --\n + %s --" == statement.sql


def test_executable_comments_of_mysql_have_parameters():
    """`/*! ... */` is run by MySQL, so it counts as what it says."""
    statement, _ = prepare("SELECT /*!40001 SQL_NO_CACHE */ :a /*! , :b */", {"a": 1, "b": 2}, "mysql")
    assert ("a", "b") == statement.names


def test_percent_signs_survive():
    """MySQL's placeholders begin with %, and SQL has others."""
    with_values, _ = prepare("SELECT 5 % 2 FROM t WHERE a LIKE '%x' AND b = :b", {"b": 1}, "mysql")
    without, _ = prepare("SELECT 5 % 2", None, "mysql")
    assert "SELECT 5 % 2 FROM t WHERE a LIKE '%x' AND b = 1" == with_values.sql % 1
    empty, _ = prepare("SELECT 5 % 2 FROM t WHERE a IN (:ids)", {"ids": []}, "mysql")
    assert "SELECT 5 % 2" == without.sql
    assert empty.sql.startswith("SELECT 5 % 2 FROM t")


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (None, ValueError, ":id has no value"),
        ({}, ValueError, ":id has no value"),
        ({"other": 1}, ValueError, ":other"),
        ({"id": 1, "other": 1}, ValueError, "no such parameter"),
        ([1], TypeError, "a mapping"),
        ({"id": {"a": 1}}, TypeError, ":id is, or holds, a dict"),
        ({"id": {1}}, TypeError, "a set"),
        ({"id": [{"a": 1}]}, TypeError, "a dict"),
        ({"id": [[1]]}, TypeError, "a list"),
    ],
)
@BOTH
def test_values_that_do_not_fit_are_refused(dialect, values, kind, words):
    """By name, and before anything is sent; a mapping's keys would get into the statement unescaped."""
    with pytest.raises(kind, match=words):
        prepare("SELECT :id", values, dialect)
    if isinstance(values, dict) and values.get("other") != 1:
        with pytest.raises((ValueError, TypeError)):
            prepare_many("SELECT :id", [values], dialect)


def test_rows_of_one_statement_have_the_same_names():
    """The row that has others is named; lists don't expand."""
    statement, rows = prepare_many("INSERT INTO t VALUES (:a, :b)", [{"a": 1, "b": 2}, {"b": 4, "a": 3}], "mysql")
    assert ("INSERT INTO t VALUES (%s, %s)", [[1, 2], [3, 4]]) == (statement.sql, rows)
    with pytest.raises(ValueError, match="row 1 has values for a, and row 0 for a, b"):
        prepare_many("INSERT INTO t VALUES (:a, :b)", [{"a": 1, "b": 2}, {"a": 1}], "mysql")
    with pytest.raises(TypeError, match="a list"):
        prepare_many("INSERT INTO t VALUES (:a)", [{"a": 1}, {"a": [1]}], "mysql")


@pytest.mark.parametrize(
    ("sql", "taints", "reads"),
    [
        ("SELECT 1", False, True),
        (" \n-- a comment\n(select 1)", False, True),
        ("SELECT a FROM t WHERE mail = 'a@b.test'", False, True),
        ("SELECT @a := 1", True, True),
        ("SELECT GET_LOCK('a', 1)", True, True),
        ("SELECT a INTO OUTFILE 'x' FROM t", False, False),
        ("WITH x AS (SELECT 1) SELECT * FROM x", False, True),
        ("WITH x AS (SELECT 1) DELETE FROM t", False, False),
        ("INSERT INTO t VALUES (1)", False, False),
        ("UPDATE t SET a = 1", False, False),
        ("CREATE TABLE t (a INT)", False, False),
        ("CREATE TEMPORARY TABLE t (a INT)", True, False),
        ("create temp table t (a INT)", True, False),
        ("CREATE TABLE IF NOT EXISTS temp.t (a INT)", True, False),
        ("SELECT temp FROM weather", False, True),
        ("SELECT SETVAL(s, 5)", False, False),
        ("SELECT REPLACE(a, 'x', 'y') FROM t", False, True),
        ("SELECT a FROM t FOR UPDATE", False, True),
        ("WITH x AS (SELECT 1) REPLACE INTO t SELECT * FROM x", False, False),
        ("SELECT NEXT VALUE FOR s", False, False),
        ("SET sql_mode = ''", True, False),
        ("USE other", True, False),
        ("LOCK TABLES t WRITE", True, False),
        ("PRAGMA foreign_keys = OFF", True, False),
        ("CALL p()", True, False),
        ("", True, False),
    ],
)
@BOTH
def test_it_is_known_what_a_statement_may_do(dialect, sql, taints, reads):
    """What may change the session is tainted; what only reads may be lost without harm. In doubt, the worse."""
    statement, _ = prepare(sql, None, dialect)
    assert (taints, reads) == (statement.taints, statement.reads)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,3}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        min_size=1,
        max_size=5,
    )
)
def test_every_text_arrives_as_it_was(values):
    """Whatever is in a value, quotes and colons and percent signs, it comes back."""
    sql = "SELECT " + ", ".join(f":{name} AS `{name}`" for name in values)
    statement, ordered = prepare(sql, values, "sqlite")
    assert tuple(values.values()) == selected(statement.sql, ordered)[0]


def selected(sql, values=()):
    """The row of a query in SQLite, and the names of its columns."""
    with closing(sqlite3.connect(":memory:")) as connection:
        cursor = connection.execute(sql, values)
        return cursor.fetchone(), [column[0] for column in cursor.description]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20))
def test_quoted_names_are_one_name(name):
    """Whatever is in a name, it names one column."""
    assert [name] == selected(f"SELECT 1 AS {quote_name(name)}")[1]


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_can_be_no_name_is_refused(name):
    """Nothing, and what would end the statement early."""
    with pytest.raises(ValueError, match="can't be the name"):
        quote_name(name)


@given(st.text(alphabet="a%_!x", max_size=8), st.text(alphabet="a%_!x", max_size=8))
def test_escaped_text_matches_itself_alone(text, other):
    """`LIKE :pattern ESCAPE '!'` with an escaped text is an equation."""
    found = selected("SELECT ? LIKE ? ESCAPE '!'", (other, escape_like(text)))[0]
    assert (text == other,) == found
