"""The beginning of a connection to MySQL, where a server that can't be trusted must learn nothing."""

from __future__ import annotations

from typing import Any, Final

PLUGIN_AUTH: Final = 1 << 19
SSL: Final = 1 << 11
# https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html

IN_CLEAR: Final = frozenset(("mysql_clear_password", "mysql_old_password", "dialog"))
"""Ways to log in that show the password, or as good as show it, to whoever is on the line."""


class HandshakeRefused(Exception):
    """A server wants what it is not given."""


class GuardedHandshake:
    """Goes before a driver's connection class: TLS before anything about the user, no password in clear without it.

    The drivers send user and password to a server that offers no TLS, although they were given a context for it
    (CVE-2025-62611), or in clear when the server asks for that.
    """

    server_capabilities: int
    _ssl_context: Any

    async def _get_server_information(self) -> None:
        """Read the server's greeting; user and password are not sent yet."""
        await super()._get_server_information()  # type: ignore[misc]
        if self._ssl_context is not None and not self.server_capabilities & SSL:
            raise HandshakeRefused("TLS is asked for, and the server offers none")
        if not self.server_capabilities & PLUGIN_AUTH:
            raise HandshakeRefused("the server knows only ways to log in from before MySQL 5.5")
        self._refuse_in_clear(self._proposed_plugin())

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        """Log in another way than was proposed, as the server asks for it."""
        self._refuse_in_clear(plugin_name.decode("ascii", "replace"))
        return await super()._process_auth(plugin_name, auth_packet)  # type: ignore[misc]

    def _refuse_in_clear(self, plugin: str) -> None:
        if self._ssl_context is None and plugin in IN_CLEAR:
            raise HandshakeRefused(f"the server asks for the password in clear ({plugin}), and there is no TLS")

    def _proposed_plugin(self) -> str:
        raise NotImplementedError
