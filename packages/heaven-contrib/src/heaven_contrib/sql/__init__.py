"""SQL databases behind one URL: SQLite embedded, MySQL and MariaDB in production; rows as dicts, Structs, dataclasses.

The battery for SQLAlchemy is `heaven_contrib.sql.sqlalchemy`.
"""

from __future__ import annotations

from heaven_contrib.sql.database import DATABASE, Database
from heaven_contrib.sql.errors import (
    ConnectionBusy,
    ConnectionFailed,
    ConnectionLost,
    ConversionError,
    DatabaseError,
    IntegrityError,
    LostOutcome,
    MigrationError,
    NotConnected,
    PoolTimeout,
    SerializationFailure,
    StatementError,
    StatementTimeout,
    TransactionOver,
)
from heaven_contrib.sql.pool import Pool, PoolStatistics
from heaven_contrib.sql.queries import Done, Queries
from heaven_contrib.sql.quoting import escape_like, quote_name
from heaven_contrib.sql.requests import TRANSACTION, RequestTransaction
from heaven_contrib.sql.transaction import Transaction
from heaven_contrib.sql.urls import Settings

__all__ = [
    "DATABASE",
    "TRANSACTION",
    "ConnectionBusy",
    "ConnectionFailed",
    "ConnectionLost",
    "ConversionError",
    "Database",
    "DatabaseError",
    "Done",
    "IntegrityError",
    "LostOutcome",
    "MigrationError",
    "NotConnected",
    "Pool",
    "PoolStatistics",
    "PoolTimeout",
    "Queries",
    "RequestTransaction",
    "SerializationFailure",
    "Settings",
    "StatementError",
    "StatementTimeout",
    "Transaction",
    "TransactionOver",
    "escape_like",
    "quote_name",
]
