"""SQL scripts, taken apart into statements: what is quoted, commented out or between BEGIN and END stays together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from heaven_contrib.sql.statements import Dialect

_TRANSACTIONS: Final = "leave it out: a migration's transactions are not its own"
REFUSED: Final = {
    "BEGIN": _TRANSACTIONS,
    "COMMIT": _TRANSACTIONS,
    "RELEASE": _TRANSACTIONS,
    "ROLLBACK": _TRANSACTIONS,
    "SAVEPOINT": _TRANSACTIONS,
    "START": _TRANSACTIONS,
    "DELIMITER": "leave it out, and end every statement with ';': what stands between BEGIN and END is kept together",
    "END": "write BEGIN ... END around the whole body of a trigger or procedure, so that it is kept together",
    "LOCK": "leave it out: nobody else applies migrations meanwhile",
    "UNLOCK": "leave it out: nobody else applies migrations meanwhile",
    "USE": "leave it out: a migration is for the database that the URL names",
}
"""Words that no statement of a migration begins with, and what to do about them."""

# In a trigger or procedure; IF, LOOP and the like need no count, since they stand between BEGIN and END.
_DEPTH: Final = {"BEGIN": 1, "CASE": 1, "END": -1, "END CASE": -1}
_BRACKETS: Final = {"(": 1, ")": -1}

_COMMON: Final = r"""
    | (?P<open> ['"`] | /\* )
    | (?P<word> END\s+(?:CASE|FOR|IF|LOOP|REPEAT|WHILE)\b | [\w@$.]+ )
    | (?P<sign> [^\s] )
"""
_TOKENS: Final = {
    "mysql": re.compile(
        r"""
          (?P<quoted> '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `[^`]*` | /\*M?!.*?\*/ )
        | (?P<comment> /\*.*?\*/ | \#[^\n]* | --(?=\s|\Z)[^\n]* )
        """
        + _COMMON,
        re.DOTALL | re.IGNORECASE | re.VERBOSE,
    ),
    "sqlite": re.compile(
        r"""
          (?P<quoted> '[^']*' | "[^"]*" | `[^`]*` | \[[^\]]*\] )
        | (?P<comment> /\*.*?\*/ | --[^\n]* )
        """
        + _COMMON,
        re.DOTALL | re.IGNORECASE | re.VERBOSE,
    ),
}


class ScriptError(ValueError):
    """A script can't be taken apart, or has a statement that has no place in a migration; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line: int = line


@dataclass(frozen=True, slots=True)
class ScriptStatement:
    """One statement of a script, without the semicolon at its end, and the line it begins in."""

    text: str
    line: int


def split(script: str, dialect: Dialect) -> Iterator[ScriptStatement]:
    """The statements of a script, one after the other.

    Args:
        script: statements with semicolons between them. The body of a trigger, procedure, function or event stands
            between BEGIN and END, and needs no DELIMITER.
        dialect: whose strings and comments they have: MySQL knows backslashes in strings and `#`, SQLite `[names]`.

    Raises:
        ScriptError: something is not closed, or a statement begins with a word of `REFUSED`.

    Example:
        >>> [each.text for each in split("INSERT INTO t VALUES ('a;b'); DELETE FROM u /* all; of it */", "sqlite")]
        ["INSERT INTO t VALUES ('a;b')", 'DELETE FROM u /* all; of it */']
    """
    start, first = -1, ""
    depth = brackets = 0
    for position, word in _words(script, dialect):
        if start < 0:
            if word == ";":
                continue
            start, first = position, word
            _check_first(script, start, first.partition(" ")[0])
        if word == ";":
            if brackets:
                raise _error(script, start, "this statement has brackets that do not match")
            if not depth:
                yield ScriptStatement(script[start:position].rstrip(), _line(script, start))
                start = -1
        elif word in _BRACKETS:
            brackets += _BRACKETS[word]
        elif word in _DEPTH and first == "CREATE" and not brackets and (depth or word == "BEGIN"):
            depth += _DEPTH[word]
    if start >= 0:
        if depth or brackets:
            raise _error(script, start, "this statement has no end: a bracket or a BEGIN in it is not closed")
        yield ScriptStatement(script[start:].rstrip(), _line(script, start))


def _words(script: str, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """Where each word, sign or quoted text begins, and what it is: words in capitals, with single blanks in them."""
    for token in _TOKENS[dialect].finditer(script):
        match token.lastgroup:
            case "comment":
                pass
            case "open":
                raise _error(script, token.start(), f"{token[0]} is opened here, and never closed")
            case "word":
                yield token.start(), " ".join(token[0].upper().split())
            case _:
                yield token.start(), token[0]


def _check_first(script: str, position: int, word: str) -> None:
    if word in REFUSED:
        raise _error(script, position, f"{word}: {REFUSED[word]}")


def _error(script: str, position: int, message: str) -> ScriptError:
    return ScriptError(_line(script, position), message)


def _line(script: str, position: int) -> int:
    return script.count("\n", 0, position) + 1
