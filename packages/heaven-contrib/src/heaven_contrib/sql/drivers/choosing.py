"""Which driver a URL asks for."""

from __future__ import annotations

from heaven_contrib.errors import missing_extra
from heaven_contrib.sql.drivers.connection import Credentials, Driver
from heaven_contrib.sql.urls import Settings


def driver_for(settings: Settings, credentials: Credentials | None) -> Driver:
    """The driver for a database; its library is imported now, and nobody else's.

    Args:
        settings: what the URL says.
        credentials: gives user and password in place of the URL's; MySQL only.

    Raises:
        ImportError: the library is not installed.
        RegistrationError: a setting is wrong.
    """
    if settings.scheme == "sqlite":
        try:
            from heaven_contrib.sql.drivers.sqlite import SQLiteDriver  # with aiosqlite
        except ImportError as error:
            raise missing_extra("sqlite:// URLs", "sqlite") from error
        return SQLiteDriver(settings)
    from heaven_contrib.sql.drivers.mysql import MySQLDriver  # which imports aiomysql or asyncmy

    return MySQLDriver(settings, credentials)
