"""What SQLite answers when it refuses something, by its result codes (https://sqlite.org/rescode.html)."""

from __future__ import annotations

import sqlite3
from typing import Final

from heaven_contrib.sql.errors import (
    ConnectionLost,
    DatabaseError,
    IntegrityError,
    SerializationFailure,
    StatementError,
)

_LOST: Final = frozenset((sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOTADB))
"""The file is gone or broken."""

_LOCKED: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))


def refusal(error: Exception) -> DatabaseError:
    """What sqlite3 raised, in the words of `heaven_contrib.sql.errors`."""
    code = getattr(error, "sqlite_errorcode", None)
    kind = None if code is None else code & 0xFF  # the rest of an extended code says more about it
    if kind in _LOST:
        return _lost(error, code)
    message = f"{error}" if code is None else f"{error} ({code})"
    if kind in _LOCKED:
        return SerializationFailure(message, code)
    return (IntegrityError if kind == sqlite3.SQLITE_CONSTRAINT else StatementError)(message, code)


def _lost(error: Exception, code: int | None) -> ConnectionLost:
    failure = ConnectionLost("The database's file can't be read.")
    failure.code = code
    failure.add_note(f"{error}")
    return failure
