from __future__ import annotations

import pytest

from heaven_contrib.sql.errors import MigrationError
from heaven_contrib.sql.migration_files import read_migrations


@pytest.fixture
def folder(tmp_path):
    """`folder("0001_a.sql", ...)`: a folder with such files; `name=content` for those whose content counts."""

    def make(*names, **contents):
        for name in names:
            (tmp_path / name).write_text("SELECT 1;", encoding="utf-8")
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        return tmp_path

    return make


def files(folder, dialect):
    return [each.file for each in read_migrations(folder, dialect)]


def test_files_are_taken_in_order_of_their_numbers(folder) -> None:
    """Other files and folders are left alone."""
    made = folder("0002_lines.sql", "0001_orders.sql", "0003_more_lines_2.sql", "README.md", ".0001_orders.sql.swp")
    (made / "old").mkdir()
    assert ["0001_orders.sql", "0002_lines.sql", "0003_more_lines_2.sql"] == files(made, "sqlite")
    assert [1, 2, 3] == [each.number for each in read_migrations(made, "mysql")]


def test_a_migration_has_one_file_for_both_databases_or_one_for_each(folder) -> None:
    """Its name is the same, so that one can become two."""
    made = folder("0001_orders.sql", "0002_lines.mysql.sql", "0002_lines.sqlite.sql")
    assert ["0001_orders.sql", "0002_lines.sqlite.sql"] == files(made, "sqlite")
    assert ["0001_orders.sql", "0002_lines.mysql.sql"] == files(made, "mysql")
    assert ["0001_orders", "0002_lines"] == [each.name for each in read_migrations(made, "mysql")]


def test_line_ends_and_byte_order_marks_do_not_count(folder) -> None:
    """Version control and editors change them; the checksum stays."""
    made = folder(**{"0001_a.sql": b"SELECT 1;\nSELECT 2;\n", "0002_a.sql": b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n"})
    first, second = read_migrations(made, "sqlite")
    assert (first.checksum, first.statements) == (second.checksum, second.statements)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1_orders.sql"], "1_orders.sql can't be the name of a migration; .* as 0001_orders.sql"),
        (["0001-orders.sql"], "0001-orders.sql can't be"),
        (["0001_Orders.sql"], "0001_Orders.sql can't be"),
        (["0001_orders.SQL"], "0001_orders.SQL can't be"),
        (["0001_orders.postgres.sql"], "0001_orders.postgres.sql can't be"),
        (["orders.sql"], "orders.sql can't be"),
        (["0000_orders.sql"], "0000_orders.sql comes where number 0001 is missing"),
        (["0002_orders.sql"], "0002_orders.sql comes where number 0001 is missing"),
        (["0001_a.sql", "0002_b.sql", "0004_d.sql"], "0004_d.sql comes where number 0003 is missing"),
        (["0001_a.sql", "0001_b.sql"], "0001_a.sql and 0001_b.sql have the same number"),
        (["0001_a.sql", "00001_a.sql"], "have the same number"),
        (["0001_a.sqlite.sql", "0001_b.mysql.sql"], "0001_a.sqlite.sql and 0001_b.mysql.sql have the same number"),
        (["0001_a.sql", "0001_a.mysql.sql"], "0001_a.mysql.sql and 0001_a.sql are the same migration"),
        (["0001_a.mysql.sql"], r"there is 0001_a.mysql.sql and no 0001_a.sqlite.sql"),
    ],
)
def test_files_that_leave_doubt_are_refused_by_name(folder, names, message) -> None:
    """A wrong name, a number that is there twice or is left out, a database that is forgotten."""
    with pytest.raises(MigrationError, match=message):
        read_migrations(folder(*names), "sqlite")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"SELECT 1;\nSELECT '\xff';", "0001_a.sql can't be read as UTF-8"),
        (b"SELECT 1;\nCOMMIT;", "0001_a.sql, line 2: COMMIT: leave it out"),
    ],
)
def test_files_that_can_not_be_taken_apart_are_refused_by_name(folder, content, message) -> None:
    """The message says where."""
    with pytest.raises(MigrationError, match=message):
        read_migrations(folder(**{"0001_a.sql": content}), "sqlite")


def test_a_folder_that_is_not_there_is_refused(tmp_path) -> None:
    """An empty one holds no migrations."""
    assert [] == read_migrations(tmp_path, "sqlite")
    with pytest.raises(MigrationError, match=r"migrations, .*none, can't be read: No such file"):
        read_migrations(tmp_path / "none", "sqlite")
