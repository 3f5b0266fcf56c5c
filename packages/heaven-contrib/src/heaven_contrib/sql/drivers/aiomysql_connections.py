"""aiomysql's connection, with a handshake that gives nothing away."""

from __future__ import annotations

import ssl
from typing import Any, Final

from aiomysql.connection import Connection
from pymysql.charset import charset_by_name
from pymysql.constants import CLIENT
from pymysql.converters import decoders
from pymysql.err import MySQLError

from heaven_contrib.sql.drivers.mysql_handshake import GuardedHandshake
from heaven_contrib.sql.drivers.mysql_values import DECODERS, literal
from heaven_contrib.sql.urls import Settings

_DECODERS: Final = {**decoders, **DECODERS}

Refusal: Final[type[Exception]] = MySQLError
"""What the driver raises."""


def encoding_of(charset: str) -> str:
    """Python's name for a charset; raises KeyError for an unknown one."""
    found = charset_by_name(charset)
    if found is None:
        raise KeyError(charset)
    return str(found.encoding)


class RawConnection(GuardedHandshake, Connection):  # type: ignore[misc]
    """A connection of aiomysql's."""

    def __init__(self, settings: Settings, user: str, password: str, context: ssl.SSLContext | None) -> None:
        super().__init__(
            host=settings.host,
            port=settings.port,
            user=user,
            password=password.encode().decode("latin-1"),  # aiomysql makes bytes of it by Latin-1 again
            db=settings.database or None,
            charset=settings.charset,
            conv=_DECODERS,
            client_flag=CLIENT.FOUND_ROWS,
            autocommit=None,
            local_infile=False,
            ssl=context,
        )
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS

    async def greet(self) -> None:
        """Connect and log in."""
        await self._connect()

    @property
    def open(self) -> bool:
        """Whether it is open, as far as is known."""
        return self._writer is not None and not self._writer.transport.is_closing()

    @property
    def quiet(self) -> bool:
        """Whether it is open, and nothing has come that nobody asked for."""
        reader = self._reader
        return self.open and not (reader.eof_received or reader._buffer or reader.exception())

    def close(self) -> None:
        """Close at once: what could not be sent yet never will be."""
        if self._writer is not None:
            self._writer.transport.abort()
        super().close()

    def escape(self, obj: Any) -> str:
        """A value as it stands in a statement."""
        return literal(obj, self.escape_string)

    def literal(self, obj: Any) -> str:
        """The same, by the name that cursors use."""
        return literal(obj, self.escape_string)

    async def more_rows(self, limit: int) -> list[tuple[Any, ...]]:
        """A row, or some, of a query that is read unbuffered; none at its end."""
        row = await self._result._read_rowdata_packet_unbuffered()
        return [] if row is None else [row]

    def _proposed_plugin(self) -> str:
        return str(self._server_auth_plugin)
