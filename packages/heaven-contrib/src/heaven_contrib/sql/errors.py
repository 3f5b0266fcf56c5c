"""What the SQL battery raises."""

from __future__ import annotations

from heaven.errors import HeavenError
from heaven_contrib.errors import OutcomeUnknown, ServiceUnavailable


class DatabaseError(HeavenError):
    """The database refused a statement; `code` is its number for that, where it has one.

    Args:
        message: what the database said.
        code: the driver's error number, such as 1062 of MySQL; None where there is none.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class StatementError(DatabaseError):
    """The statement itself is wrong: its syntax, a table or column that is not there, a value its column can't hold."""


class IntegrityError(DatabaseError):
    """A constraint was broken: a key that is there already, a row that is referred to and missing, NULL or a CHECK."""


class SerializationFailure(DatabaseError):
    """A deadlock, or a lock that was not free in time: the transaction was rolled back, and may be run again."""


class ConversionError(DatabaseError):
    """A row does not fit the type it was to become; the message names the column."""


class TransactionOver(DatabaseError):
    """A transaction was used after it had ended, or after the database had ended it."""


class ConnectionBusy(DatabaseError):
    """Two statements were run on one transaction at once; a connection does one thing at a time."""


class NotConnected(DatabaseError):
    """The database was used before `connect`, or after `disconnect`."""


class MigrationError(DatabaseError):
    """The migrations can't be applied: a file was changed, is missing or misnamed, or its SQL was refused."""


class PoolTimeout(ServiceUnavailable, DatabaseError):
    """503: no connection was free by the deadline."""

    code: int | None = None


class ConnectionFailed(ServiceUnavailable, DatabaseError):
    """503: the database can't be reached, refused the credentials, or did not answer the handshake by the deadline."""

    code: int | None = None


class ConnectionLost(ServiceUnavailable, DatabaseError):
    """503: the connection broke; nothing was changed: it only read, or its transaction was never committed."""

    code: int | None = None


class StatementTimeout(ServiceUnavailable, DatabaseError):
    """503: the database did not answer by the deadline; nothing was changed, the connection was closed."""

    code: int | None = None


class LostOutcome(OutcomeUnknown, DatabaseError):
    """500: the connection broke, or the deadline passed, after a change or a COMMIT was sent: it may have happened."""

    code: int | None = None
