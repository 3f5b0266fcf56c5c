from __future__ import annotations

import sqlite3

import pytest

from heaven_contrib.sql.scripts import REFUSED, ScriptError, split

TRIGGER = "CREATE TRIGGER t AFTER INSERT ON o {each}BEGIN UPDATE a SET x = 1; DELETE FROM b WHERE y = ';'; END"

BOTH = {
    "strings": ["INSERT INTO t VALUES ('a;b', 'it''s; x', \"c;d\")", "SELECT 1"],
    "names": ["SELECT `a;b` FROM t", "SELECT 1"],
    "comments": ["SELECT 1 /* a; it's */", "SELECT 2 -- b; it's\n + 1", "SELECT 3"],
    "table": ["CREATE TABLE r (begin INT, finish INT CHECK (CASE WHEN finish THEN 1 ELSE 0 END))", "DROP TABLE r"],
    "no blocks": [
        "DROP TABLE IF EXISTS a",
        "SELECT CASE WHEN 1 THEN 2 END",
        "CREATE VIEW v AS SELECT CASE 1 WHEN 1 THEN 2 END",
    ],
}
SQLITE = {
    **BOTH,
    "backslash": ["INSERT INTO t VALUES ('c:\\')", "SELECT 1"],
    "brackets": ["SELECT [a;b'] FROM t", "SELECT 1"],
    "trigger": [TRIGGER.format(each=""), "SELECT 1"],
    "case": [
        "CREATE TEMP TRIGGER t AFTER UPDATE ON o BEGIN UPDATE a SET x = CASE WHEN 1 THEN CASE 1 WHEN 1 THEN 2 END END; SELECT 1; END",
        "SELECT 1",
    ],
    "nested": [
        "create trigger t after update on o when (case when 1 then 1 end) begin select (case when 1 then 2 end); end",
        "SELECT 1",
    ],
}
MYSQL = {
    **BOTH,
    "backslash": ["INSERT INTO t VALUES ('it\\'s; x', 'c:\\\\', \"\\\";\")", "SELECT 1"],
    "hash": ["SELECT 1 # a; it's\n + 1", "SELECT 2"],
    "minus": ["SELECT 1--2", "SELECT 3"],
    "for the server": ["/*!50100 SET @x = 1; */", "/*M! SET @x = 1 */", "SELECT 1"],
    "trigger": [TRIGGER.format(each="FOR EACH ROW "), "SELECT 1"],
    "short trigger": ["CREATE TRIGGER t BEFORE INSERT ON o FOR EACH ROW SET NEW.end = IF(NEW.begin, 1, 2)", "SELECT 1"],
    "definer": [
        "CREATE OR REPLACE DEFINER=root@localhost TRIGGER t BEFORE INSERT ON o FOR EACH ROW BEGIN SET NEW.a = 1; END",
        "SELECT 1",
    ],
    "flow": ["CREATE PROCEDURE p() BEGIN IF x THEN SET @a = 1; ELSE BEGIN SET @b = 1; END; END IF; END", "SELECT 1"],
    "loops": [
        "CREATE PROCEDURE p() BEGIN l: LOOP LEAVE l; END LOOP l; WHILE 0 DO SET @b = 1; END WHILE; REPEAT SET @c = REPEAT('a', 2); UNTIL 1 END\nREPEAT; END",
        "SELECT 1",
    ],
    "case": [
        "CREATE PROCEDURE p() BEGIN CASE x WHEN 1 THEN SET @a = 1; ELSE SET @b = CASE 1 WHEN 1 THEN 2 END; END CASE; SET @c = 1; END",
        "SELECT 1",
    ],
    "function": [
        "CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC BEGIN IF x THEN RETURN 1; END IF; RETURN 2; END",
        "SELECT 1",
    ],
    "event": ["CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM b; END", "SELECT 1"],
}


@pytest.mark.parametrize(
    ("dialect", "name"), [("sqlite", name) for name in SQLITE] + [("mysql", name) for name in MYSQL]
)
@pytest.mark.parametrize("between", [";", " ;\n\n", ";;  -- and; then\n", "; /* and; then */ "])
def test_a_script_is_split_at_the_semicolons_that_end_statements(dialect, name, between) -> None:
    """Those in strings, names, comments and bodies end none; comments between statements belong to nobody."""
    expected = (SQLITE if dialect == "sqlite" else MYSQL)[name]
    assert expected == [each.text for each in split(between.join(expected) + ";\n", dialect)]
    assert expected == [each.text for each in split(f"-- first;\n{between.join(expected)}", dialect)]


@pytest.mark.parametrize("name", SQLITE)
def test_sqlite_takes_the_same_for_statements(name) -> None:
    """Each of ours is whole to SQLite's own tokenizer, and none is while a part of it is missing."""
    for statement in SQLITE[name]:
        assert sqlite3.complete_statement(f"{statement};")
        parts = statement.split(";")
        assert not any(sqlite3.complete_statement(";".join(parts[:end]) + ";") for end in range(1, len(parts)))


def test_mysql_takes_bodies_as_they_are_split(mysql_server) -> None:
    """Every routine above is one statement to the server: `query` refuses two."""
    mysql_server.execute("CREATE DATABASE split_bodies")
    try:
        for name in ("flow", "loops", "case", "function"):
            (routine, _) = MYSQL[name]
            routine = routine.replace(" x ", " 1 ") if "(x INT)" not in routine else routine
            # The client sends what stands between two delimiters as one statement.
            mysql_server.execute(f"USE split_bodies;\nDELIMITER //\n{routine}//\nDROP PROCEDURE IF EXISTS p//\n")
    finally:
        mysql_server.execute("DROP DATABASE split_bodies")


def test_statements_know_their_line() -> None:
    """Counted from 1, where the statement itself begins."""
    script = "-- orders\n\nCREATE TABLE a (x INT);\n\n/* rows\n*/ INSERT INTO a VALUES (1),\n(2); DELETE FROM a"
    assert [3, 6, 7] == [each.line for each in split(script, "mysql")]


@pytest.mark.parametrize("script", ["", " \n", ";;", "-- nothing; yet\n", "/* nothing */ ;"])
@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_nothing_is_no_statement(script, dialect) -> None:
    """Blanks, comments and lone semicolons come to nothing."""
    assert [] == list(split(script, dialect))


@pytest.mark.parametrize(
    ("script", "line", "message"),
    [
        ("SELECT 1;\nSELECT 'abc;", 2, "' is opened here, and never closed"),
        ("SELECT 1;\n\n/* abc;", 3, r"/\* is opened here"),
        ('SELECT 1, "a;', 1, '" is opened here'),
        ("CREATE TABLE a (x INT;\nSELECT 1;", 1, "brackets that do not match"),
        ("SELECT 1);", 1, "brackets that do not match"),
        ("SELECT (1", 1, "has no end"),
        (";\nCREATE TRIGGER t AFTER INSERT ON o BEGIN SELECT 1;", 2, "has no end"),
        (
            "CREATE TRIGGER t AFTER INSERT ON o FOR EACH ROW IF 1 THEN SELECT 1; END IF;",
            1,
            "END: write BEGIN ... END",
        ),
        *((f"SELECT 1;\n{word.lower()} whatever;", 2, f"{word}: ") for word in REFUSED),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_scripts_that_can_not_be_applied_are_refused(dialect, script, line, message) -> None:
    """What is not closed, and what would meddle with transactions, is refused with its line and a cure."""
    with pytest.raises(ScriptError, match=message) as refused:
        list(split(script, dialect))
    assert line == refused.value.line
