"""The files of migrations: numbered without gaps, one for both dialects or one for each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Final

from heaven_contrib.sql.errors import MigrationError
from heaven_contrib.sql.scripts import ScriptError, ScriptStatement, split
from heaven_contrib.sql.statements import Dialect

_NAME: Final = re.compile(r"(?P<name>(?P<number>\d{4,})_[a-z0-9_]+)(?:\.(?P<dialect>sqlite|mysql))?\.sql", re.ASCII)


@dataclass(frozen=True, slots=True)
class Migration:
    """A file of SQL that is applied once.

    `name` is that of its file without the endings, so that a file for both dialects can become one for each.
    """

    number: int
    name: str
    file: str
    checksum: str
    statements: tuple[ScriptStatement, ...]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    number: int
    name: str
    dialect: str | None


def read_migrations(folder: Path, dialect: Dialect) -> list[Migration]:
    """All migrations of a folder that are for a dialect, in order; other files than `*.sql` are left alone.

    Args:
        folder: with files such as `0001_orders.sql`, or `0001_orders.sqlite.sql` and `0001_orders.mysql.sql`.
        dialect: whose files to read.

    Raises:
        MigrationError: there is no such folder; a file is misnamed, there twice, missing in between, or can't be taken
            apart; it is named.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".sql")
    except OSError as error:
        raise MigrationError(f"the folder of migrations, {folder}, can't be read: {error.strerror}") from error
    files = sorted((_named(path) for path in paths), key=lambda file: file.number)
    migrations: list[Migration] = []
    for number, same in groupby(files, key=lambda file: file.number):
        file = _chosen(list(same), dialect)
        if number != len(migrations) + 1:
            missing = f"{len(migrations) + 1:04}"
            raise MigrationError(
                f"{file.path.name} comes where number {missing} is missing; numbers begin with 0001 and leave none out"
            )
        migrations.append(_read(file, dialect))
    return migrations


def _named(path: Path) -> _File:
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise MigrationError(
            f"{path.name} can't be the name of a migration; write a number and small letters, as 0001_orders.sql, "
            "or for one kind of database 0001_orders.sqlite.sql or 0001_orders.mysql.sql"
        )
    return _File(path, int(found["number"]), found["name"], found["dialect"])


def _chosen(files: list[_File], dialect: Dialect) -> _File:
    """That file of a number which is for the dialect."""
    names = " and ".join(file.path.name for file in files)
    if len({file.name for file in files}) > 1:
        raise MigrationError(f"{names} have the same number; give the later one the next that is free")
    if len(files) > 1 and any(file.dialect is None for file in files):
        raise MigrationError(f"{names} are the same migration; keep one file for both databases, or one for each")
    for file in files:
        if file.dialect in (None, dialect):
            return file
    raise MigrationError(
        f"there is {names} and no {files[0].name}.{dialect}.sql; write one, which may hold nothing but a comment"
    )


def _read(file: _File, dialect: Dialect) -> Migration:
    try:
        script = file.path.read_text(encoding="utf-8-sig")  # line ends become \n, as version control may change them
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError(f"{file.path.name} can't be read as UTF-8: {error}") from error
    try:
        statements = tuple(split(script, dialect))
    except ScriptError as error:
        raise MigrationError(f"{file.path.name}, line {error.line}: {error}") from error
    checksum = sha256(script.encode()).hexdigest()
    return Migration(file.number, file.name, file.path.name, checksum, statements)
