"""What both drivers' connections are given: a handshake that gives nothing away, and one way to write values."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Final

from heaven_contrib.sql.drivers.mysql_values import literal

SSL: Final = 1 << 11
PLUGIN_AUTH: Final = 1 << 19
# https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html

INIT_DB: Final = 0x02
RESET_CONNECTION: Final = 0x1F
# https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html

IN_CLEAR: Final = frozenset(("mysql_clear_password", "mysql_old_password", "dialog"))
"""Ways to log in that show the password, or as good as show it, to whoever is on the line."""


class HandshakeRefused(Exception):
    """A server wants what it is not given."""


class RawMySQL:
    """Stands before a driver's connection class: TLS before anything about the user, no password in clear without it.

    The drivers send user and password to a server that offers no TLS, although they were given a context for it
    (CVE-2025-62611), or in clear when the server asks for that. A server's public key is accepted without TLS: the
    password is encrypted with it then, which whoever only listens can't read, but whoever pretends to be the server.
    """

    server_capabilities: int
    escape_string: Any
    _ssl_context: Any
    _result: Any
    _execute_command: Any
    _read_ok_packet: Any

    @abstractmethod
    def proposed(self) -> str:
        """The way to log in that the server's greeting proposes."""

    @property
    def answer(self) -> Any:
        """What the last statement was answered, or the beginning of it while it is read unbuffered."""
        return self._result

    def escape(self, obj: Any, mapping: Any = None) -> str:  # noqa: ARG002 - asyncmy's has it
        """A value as it stands in a statement."""
        return literal(obj, self.escape_string)

    literal = escape  # what asyncmy's cursors call

    async def forget(self, database: str) -> None:
        """Have the server forget the session; a database that was chosen with USE needs a word of its own."""
        for command, argument in ((RESET_CONNECTION, ""), (INIT_DB, database)):
            await self._execute_command(command, argument)
            await self._read_ok_packet()

    async def _get_server_information(self) -> None:
        """Read the server's greeting; user and password are not sent yet."""
        await super()._get_server_information()  # type: ignore[misc]
        if self._ssl_context is not None and not self.server_capabilities & SSL:
            raise HandshakeRefused("TLS is asked for, and the server offers none")
        if not self.server_capabilities & PLUGIN_AUTH:
            raise HandshakeRefused("the server knows only ways to log in from before MySQL 5.5")
        self._refuse_in_clear(self.proposed())

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        """Log in another way than was proposed, as the server asks for it."""
        self._refuse_in_clear(plugin_name.decode("ascii", "replace"))
        return await super()._process_auth(plugin_name, auth_packet)  # type: ignore[misc]

    def _refuse_in_clear(self, plugin: str) -> None:
        if self._ssl_context is None and plugin in IN_CLEAR:
            raise HandshakeRefused(f"the server asks for the password in clear ({plugin}), and there is no TLS")
