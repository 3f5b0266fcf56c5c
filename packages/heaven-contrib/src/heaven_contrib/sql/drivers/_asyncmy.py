"""asyncmy's connections."""

from __future__ import annotations

import ssl
from typing import Any, Final, cast

from asyncmy import charset, connection, converters
from asyncmy.constants import CLIENT
from asyncmy.errors import MySQLError

from heaven_contrib.sql.drivers.mysql_raw import RawMySQL
from heaven_contrib.sql.drivers.mysql_values import DECODERS
from heaven_contrib.sql.urls import Settings

# Their types lack what is shown to subclasses, and some are unknown.
Connection: Any = cast("Any", connection).Connection
charset_by_name: Any = cast("Any", charset).charset_by_name
conversions: Any = cast("Any", converters).conversions

Refusal: Final[type[Exception]] = MySQLError
"""What the driver raises."""


def encoding_of(charset: str) -> str:
    """Python's name for a charset; AttributeError or KeyError for an unknown one."""
    return str(charset_by_name(charset).encoding)


class RawConnection(RawMySQL, Connection):  # type: ignore[misc]
    """A connection of asyncmy's."""

    _proto: Any
    _transport: Any

    def __init__(self, settings: Settings, user: str, password: str, context: ssl.SSLContext | None) -> None:
        Connection.__init__(
            self,
            host=settings.host,
            port=settings.port,
            user=user,
            password=password.encode(),
            database=settings.database,
            charset=settings.charset,
            conv={**conversions, **DECODERS},
            client_flag=CLIENT.FOUND_ROWS,
            autocommit=None,
            local_infile=False,
            ssl=context,
            connect_timeout=settings.acquire_timeout,
        )
        self._client_flag: int = self._client_flag & ~CLIENT.MULTI_STATEMENTS

    async def greet(self) -> None:
        """Connect and log in."""
        await self.connect()

    @property
    def quiet(self) -> bool:
        """Whether it is open, and nothing has come that nobody asked for."""
        return not self._stream_broken and bool(self._proto.pos == self._proto.length)

    def close(self) -> None:
        """Close at once: what could not be sent yet never will be."""
        if self._transport is not None:
            self._transport.abort()
        Connection.close(self)

    async def more_rows(self, limit: int) -> list[tuple[Any, ...]]:
        """The next rows of a query that is read unbuffered; none at its end."""
        answer, transport = self._result, self._transport
        transport.resume_reading()
        row = await answer._read_rowdata_packet_unbuffered()  # noqa: SLF001 - what its SSCursor calls
        if row is None:
            return []
        transport.pause_reading()  # or else the driver's buffer takes in all that the server has
        return [row, *answer._take_pending_rows(limit - 1)]  # noqa: SLF001

    def proposed(self) -> str:
        """The way to log in that the server's greeting proposes."""
        return str(self._auth_plugin_name)
