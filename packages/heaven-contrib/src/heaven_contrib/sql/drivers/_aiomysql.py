"""aiomysql's connections."""

from __future__ import annotations

import ssl
from typing import Any, Final, cast

from aiomysql import connection
from pymysql.charset import charset_by_name
from pymysql.constants import CLIENT
from pymysql.converters import decoders
from pymysql.err import MySQLError

from heaven_contrib.sql.drivers.mysql_raw import RawMySQL
from heaven_contrib.sql.drivers.mysql_values import DECODERS
from heaven_contrib.sql.urls import Settings

Connection: Any = cast("Any", connection).Connection  # which has no types

Refusal: Final[type[Exception]] = MySQLError
"""What the driver raises."""


def encoding_of(charset: str) -> str:
    """Python's name for a charset; AttributeError or KeyError for an unknown one."""
    return str(charset_by_name(charset).encoding)


class RawConnection(RawMySQL, Connection):  # type: ignore[misc]
    """A connection of aiomysql's."""

    _reader: Any
    _writer: Any

    def __init__(self, settings: Settings, user: str, password: str, context: ssl.SSLContext | None) -> None:
        Connection.__init__(
            self,
            host=settings.host,
            port=settings.port,
            user=user,
            password=password.encode().decode("latin-1"),  # aiomysql makes bytes of it by Latin-1 again
            db=settings.database,
            charset=settings.charset,
            conv={**decoders, **DECODERS},
            client_flag=CLIENT.FOUND_ROWS,
            autocommit=None,
            local_infile=False,
            ssl=context,
        )
        self.client_flag: int = self.client_flag & ~CLIENT.MULTI_STATEMENTS

    async def greet(self) -> None:
        """Connect and log in."""
        await self._connect()

    @property
    def quiet(self) -> bool:
        """Whether it is open, and nothing has come that nobody asked for."""
        reader, writer = self._reader, self._writer
        if writer is None or writer.transport.is_closing():
            return False
        return not (reader.eof_received or reader.exception() or reader._buffer)  # noqa: SLF001 - a StreamReader's

    def close(self) -> None:
        """Close at once: what could not be sent yet never will be."""
        if self._writer is not None:
            self._writer.transport.abort()
        Connection.close(self)

    async def more_rows(self, limit: int) -> list[tuple[Any, ...]]:  # noqa: ARG002 - asyncmy gives several
        """The next row of a query that is read unbuffered; none at its end."""
        row = await self._result._read_rowdata_packet_unbuffered()  # noqa: SLF001 - what its SSCursor calls
        return [] if row is None else [row]

    def proposed(self) -> str:
        """The way to log in that the server's greeting proposes."""
        return str(self._server_auth_plugin)
