"""What MySQL and MariaDB answer when they refuse something, by number."""

from __future__ import annotations

from typing import Final, TypeVar

from heaven_contrib.sql.errors import (
    ConnectionFailed,
    ConnectionLost,
    DatabaseError,
    IntegrityError,
    SerializationFailure,
    StatementError,
    StatementTimeout,
)

Failure = TypeVar("Failure", ConnectionFailed, ConnectionLost, StatementTimeout)

INTEGRITY: Final = frozenset(
    (1022, 1048, 1062, 1169, 1216, 1217, 1263, 1364, 1451, 1452, 1557, 1586, 1761, 1762, 1859, 3819, 4025)
)
"""Keys that are there already, NULL and missing values where there must be some, foreign keys, CHECK."""

SERIALIZATION: Final = frozenset((1020, 1205, 1206, 1213, 1614, 3101, 3572))
"""Lock waits that took too long, deadlocks, no room for more locks, and rows that others have changed since."""

TIMEOUT: Final = frozenset((1969, 3024))
"""The server's own limit for a statement, max_statement_time or max_execution_time."""

LOST: Final = frozenset((1053, 1152, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 3169, 4031))
"""The server says goodbye: it stops, or somebody has killed the connection or the statement."""

CLOSES: Final = 1153
"""A packet above max_allowed_packet: refused, and the connection closed."""


def code_of(error: BaseException, driver: type[Exception]) -> int | None:
    """The number of what the server refused, None for everything else that may go wrong.

    Args:
        error: what the driver raised.
        driver: the class of the driver's own errors.
    """
    code = error.args[0] if isinstance(error, driver) and error.args else None
    # Below 1000 and from 2000 to 2999 are the client's own: connections that break, packets out of order.
    return code if isinstance(code, int) and (1000 <= code < 2000 or code >= 3000) else None


def refusal(error: BaseException, driver: type[Exception]) -> DatabaseError:
    """What the driver raised, in the words of `heaven_contrib.sql.errors`; ConnectionLost if there is no number."""
    code = code_of(error, driver)
    if code is None or code in LOST:
        return _numbered(ConnectionLost("The connection to the database broke."), code)
    if code in TIMEOUT:
        return _numbered(StatementTimeout("The database gave up the statement."), code)
    message = f"{error.args[1]} ({code})"
    if code in INTEGRITY:
        return IntegrityError(message, code)
    return (SerializationFailure if code in SERIALIZATION else StatementError)(message, code)


def connection_failure(error: BaseException, driver: type[Exception], url: str) -> ConnectionFailed:
    """The same for what goes wrong while connecting; the reason is a note, which clients never see.

    Args:
        error: what the driver raised.
        driver: the class of the driver's own errors.
        url: where the database is, without user and password.
    """
    failure = _numbered(ConnectionFailed("The database can't be reached."), code_of(error, driver))
    reason = error.__cause__ or error
    failure.add_note(f"{url}: {str(reason) or type(reason).__name__}")
    return failure


def _numbered(error: Failure, code: int | None) -> Failure:
    error.code = code
    return error
