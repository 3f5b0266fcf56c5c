"""SQL with named parameters, made ready for a driver: `:name` in every dialect, and lists for `IN (:names)`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from heaven_contrib.errors import missing_extra

if TYPE_CHECKING:
    from sqlparams import SQLParams

Dialect: TypeAlias = Literal["sqlite", "mysql"]
Values: TypeAlias = "Mapping[str, Any]"

# What is quoted or commented out holds no parameters. MySQL knows backslashes in strings, and # comments; SQLite
# brackets around names.
_QUOTED: Final = {
    "mysql": re.compile(
        r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `[^`]*` | --(?=\s|\Z)[^\n]* | \#[^\n]* | /\*(?!M?!).*?\*/""",
        re.DOTALL | re.VERBOSE,
    ),
    "sqlite": re.compile(
        r"""'[^']*' | "[^"]*" | `[^`]*` | \[[^\]]*\] | --[^\n]* | /\*.*?\*/""",
        re.DOTALL | re.VERBOSE,
    ),
}
_PARAMETER: Final = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)", re.ASCII)
_COLON: Final = re.compile(r":(?=[A-Za-z_])")

# Of an empty list nothing is a member, and everything is not: (NULL) would make both unknown.
_NOTHING: Final = "(SELECT NULL FROM (SELECT 1) AS one WHERE 1 = 0)"

_READS: Final = frozenset(("DESC", "DESCRIBE", "EXPLAIN", "SELECT", "SHOW", "TABLE", "VALUES"))
_WRITES: Final = frozenset(("ALTER", "ANALYZE", "CREATE", "DELETE", "DROP", "INSERT", "REPLACE", "TRUNCATE", "UPDATE"))
_WITH: Final = "WITH"
# REPLACE(...) and INSERT(...) are functions for text.
_CHANGES: Final = re.compile(
    r"\b(?:(?:INSERT|REPLACE)\b(?!\s*\()|(?:(?<!FOR )UPDATE|DELETE|INTO|NEXTVAL|SETVAL|NEXT\s+VALUE)\b)", re.IGNORECASE
)
_WORD: Final = re.compile(r"[A-Za-z]+")
# Besides statements that are neither of the above, what changes a session rather than data.
_TAINTS: Final = re.compile(
    r"\bTEMPORARY\b|\bCREATE\s+TEMP\b|^\s*CREATE\b.*\bTEMP\s*\.|@|\bGET_LOCK\b|\bRELEASE_LOCK\b|\bRELEASE_ALL_LOCKS\b",
    re.IGNORECASE | re.DOTALL,
)


LONGEST: Final = 200
"""Values of a list; a statement with a longer one is made anew each time."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL as a driver takes it.

    `names` are the parameters in the order of the placeholders, `taints` says that it may change the session,
    `reads` that it changes nothing, so that it may be lost without harm.
    """

    sql: str
    names: tuple[str, ...]
    taints: bool
    reads: bool


def prepare(sql: str, values: Values | None, dialect: Dialect) -> tuple[Statement, list[Any]]:
    """The statement and its values in order.

    Args:
        sql: one statement with `:name` parameters; `IN (:names)` for a list or tuple.
        values: what each name stands for.
        dialect: whose placeholders to write.

    Raises:
        TypeError: `values` is no mapping, or one of them is a mapping or set, which no column can hold.
        ValueError: a parameter has no value, or a value no parameter.

    Example:
        >>> statement, values = prepare("SELECT * FROM t WHERE id IN (:ids)", {"ids": [1, 2]}, "mysql")
        >>> statement.sql, values
        ('SELECT * FROM t WHERE id IN (%s,%s)', [1, 2])
    """
    if not values:
        statement = _statement(sql, (), dialect)
        if values is not None and not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise _no_mapping(values)
        if statement.names:
            raise _missing(statement.names[0], ())
        return statement, []
    if not isinstance(values, _MAPPINGS):
        raise _no_mapping(values)
    if _PLAIN.issuperset(map(type, values.values())):  # PERF: what is usual takes half the time
        statement = _plain_statement(sql, tuple(values), dialect)
        return statement, [values[name] for name in statement.names]
    shape = tuple([(name, len(value) if isinstance(value, _LISTS) else -1) for name, value in values.items()])
    # Whoever chooses how many ids to send does not choose how much is kept here.
    known = max([length for _, length in shape]) <= LONGEST
    statement = (_statement if known else _statement.__wrapped__)(sql, shape, dialect)
    ordered: list[Any] = []
    for name in statement.names:
        value = values[name]
        if isinstance(value, _LISTS):
            ordered += [_checked(name, each) for each in value]
        else:
            ordered.append(_checked(name, value))
    return statement, ordered


def prepare_many(sql: str, rows: Sequence[Values], dialect: Dialect) -> tuple[Statement, list[list[Any]]]:
    """The same for a statement that is run once for each of several mappings, all with the same names.

    Raises:
        TypeError: see `prepare`; lists are none of the values.
        ValueError: see `prepare`; or the names of two rows differ.
    """
    first = rows[0]
    statement, _ = prepare(sql, first, dialect)
    names, expected = statement.names, first.keys()
    ordered: list[list[Any]] = []
    for number, row in enumerate(rows):
        if row.keys() != expected:
            raise ValueError(
                f"row {number} has values for {', '.join(row) or 'nothing'}, and row 0 for {', '.join(expected)}; "
                "all rows of one statement have the same names"
            )
        values = [row[name] for name in names]
        if not _PLAIN.issuperset(map(type, values)):
            for name, value in zip(names, values, strict=True):
                _checked(name, value)
        ordered.append(values)
    return statement, ordered


_MAPPINGS: Final[tuple[type[Any], ...]] = (dict, Mapping)  # PERF: an abstract class is slower to ask
_LISTS: Final[tuple[type[Any], ...]] = (list, tuple)
_NO_VALUES: Final[tuple[type[Any], ...]] = (Mapping, set, frozenset, list, tuple)
_PLAIN: Final = frozenset((int, str, float, bytes, bool, type(None)))


def _checked(name: str, value: Any) -> Any:
    """A value that stands in one place.

    A mapping has to be refused here: drivers write its keys into the statement, some without a thought.
    """
    kind = type(value).__name__
    if isinstance(value, _NO_VALUES):
        raise TypeError(
            f"the value of :{name} is, or holds, a {kind}, which is no SQL value; "
            "give the parts one by one, or encode it, as with msgspec.json.encode(value)"
        )
    return value


@lru_cache(maxsize=1024)
def _plain_statement(sql: str, names: tuple[str, ...], dialect: Dialect) -> Statement:
    """A statement none of whose values is a list."""
    return _statement(sql, tuple([(name, -1) for name in names]), dialect)


@lru_cache(maxsize=1024)
def _statement(sql: str, shape: tuple[tuple[str, int], ...], dialect: Dialect) -> Statement:
    """What can be settled once for all statements that differ in their values alone."""
    lengths = dict(shape)
    bare, named = _without_quoted(sql, dialect)
    for name in lengths:
        if name not in named:
            raise ValueError(f"there is a value for :{name}, and the statement has no such parameter: {sql.strip()}")
    for name in named:
        if name not in lengths:
            raise _missing(name, tuple(lengths), sql)
    try:
        text, names = _converted(sql, lengths, dialect) if lengths else (sql, ())
    except KeyError as error:  # right behind a word, as in :a:b
        raise _missing(error.args[0], tuple(lengths), sql) from None
    word = _WORD.search(bare)
    first = word[0].upper() if word else ""
    reads = first in _READS | {_WITH} and not _CHANGES.search(bare)
    taints = first not in _READS | _WRITES | {_WITH} or bool(_TAINTS.search(bare))
    return Statement(text, names, taints, reads)


def _converted(sql: str, lengths: Mapping[str, int], dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """The statement with placeholders, and the parameters in their order, a list's once."""
    text = _QUOTED[dialect].sub(lambda found: _COLON.sub("::", found[0]), sql)
    marks: dict[str | int, Any] = {}
    for name, length in lengths.items():
        if length >= 0:  # a list brings its own brackets
            text = re.sub(rf"\(\s*:{name}\s*\)|(?<!:):{name}\b", f":{name}" if length else _NOTHING, text)
        if length:
            marks[name] = (name,) * length if length > 0 else name
    text, ordered = _converter(dialect).format(text, marks)
    names = _each_once_a_list(ordered, lengths)
    if not names and dialect == "mysql":
        text %= ()  # without values nothing is put in, and % stays what it is
    return text, names


def _without_quoted(sql: str, dialect: Dialect) -> tuple[str, list[str]]:
    """The statement with blanks where text, names and comments are quoted; and its parameters."""
    bare = _QUOTED[dialect].sub(" ", sql)
    return bare, _PARAMETER.findall(bare)


def _each_once_a_list(ordered: Any, lengths: Mapping[str, int]) -> tuple[str, ...]:
    """The names, a list's once for all its placeholders."""
    names: list[str] = []
    at = 0
    while at < len(ordered):
        names.append(ordered[at])
        at += max(lengths[ordered[at]], 1)
    return tuple(names)


@lru_cache(maxsize=2)
def _converter(dialect: Dialect) -> SQLParams:
    try:
        from sqlparams import SQLParams  # with the first statement: nobody needs it to write an application down
    except ImportError:
        raise missing_extra("named parameters", dialect) from None
    return SQLParams("named", "qmark" if dialect == "sqlite" else "format", escape_char=True, expand_tuples=True)


def _missing(name: str, known: tuple[str, ...], sql: str = "") -> ValueError:
    given = ", ".join(known) or "none"
    return ValueError(f"the parameter :{name} has no value; values were given for {given}{sql and ': ' + sql.strip()}")


def _no_mapping(values: Any) -> TypeError:
    return TypeError(
        f'values are a mapping from names to values, as {{"id": 7}} for :id, and a {type(values).__name__} was given'
    )
