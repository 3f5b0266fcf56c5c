"""asyncmy's connection, with a handshake that gives nothing away."""

from __future__ import annotations

import ssl
from typing import Any, Final

from asyncmy.charset import charset_by_name
from asyncmy.connection import Connection
from asyncmy.constants import CLIENT
from asyncmy.converters import conversions
from asyncmy.errors import MySQLError

from heaven_contrib.sql.drivers.mysql_handshake import GuardedHandshake
from heaven_contrib.sql.drivers.mysql_values import DECODERS, literal
from heaven_contrib.sql.urls import Settings

_DECODERS: Final = {**{kind: decoder for kind, decoder in conversions.items() if type(kind) is int}, **DECODERS}

Refusal: Final[type[Exception]] = MySQLError
"""What the driver raises."""


def encoding_of(charset: str) -> str:
    """Python's name for a charset; raises KeyError for an unknown one."""
    found = charset_by_name(charset)
    if found is None:
        raise KeyError(charset)
    return str(found.encoding)


class RawConnection(GuardedHandshake, Connection):  # type: ignore[misc]
    """A connection of asyncmy's."""

    def __init__(self, settings: Settings, user: str, password: str, context: ssl.SSLContext | None) -> None:
        super().__init__(
            host=settings.host,
            port=settings.port,
            user=user,
            password=password.encode(),
            database=settings.database or None,
            charset=settings.charset,
            conv=_DECODERS,
            client_flag=CLIENT.FOUND_ROWS,
            autocommit=None,
            local_infile=False,
            ssl=context,
            connect_timeout=settings.acquire_timeout,
        )
        self._client_flag &= ~CLIENT.MULTI_STATEMENTS

    async def greet(self) -> None:
        """Connect and log in."""
        await self.connect()

    @property
    def open(self) -> bool:
        """Whether it is open, as far as is known."""
        return not self._stream_broken

    @property
    def quiet(self) -> bool:
        """Whether it is open, and nothing has come that nobody asked for."""
        return self.open and self._proto.pos == self._proto.length

    def close(self) -> None:
        """Close at once: what could not be sent yet never will be."""
        if self._transport is not None:
            self._transport.abort()
        super().close()

    def escape(self, obj: Any, mapping: Any = None) -> str:
        """A value as it stands in a statement."""
        return literal(obj, self.escape_string)

    def literal(self, obj: Any) -> str:
        """The same, by the name that cursors use."""
        return literal(obj, self.escape_string)

    async def more_rows(self, limit: int) -> list[tuple[Any, ...]]:
        """A row, or some, of a query that is read unbuffered; none at its end."""
        result, transport = self._result, self._transport
        transport.resume_reading()
        row = await result._read_rowdata_packet_unbuffered()
        if row is None:
            return []
        transport.pause_reading()  # or else asyncmy's buffer takes in all that the server has
        return [row, *result._take_pending_rows(limit - 1)]

    def _proposed_plugin(self) -> str:
        return self._auth_plugin_name
