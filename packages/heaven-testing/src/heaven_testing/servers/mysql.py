"""A MariaDB or MySQL of its own for a test run."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from heaven_testing.errors import ServerDidNotStart
from heaven_testing.servers.folder import data_folder
from heaven_testing.servers.owned import OwnedProcess
from heaven_testing.servers.ports import LOOPBACK
from heaven_testing.servers.programs import find, require
from heaven_testing.servers.server import Server

CURE = "apt-get install -y mariadb-server"

SMALL = (
    "--innodb-buffer-pool-size=16M",
    "--loose-innodb-log-file-size=8M",
    "--loose-innodb-redo-log-capacity=8M",
    "--loose-aria-pagecache-buffer-size=8M",
    "--performance-schema=OFF",
    "--skip-name-resolve",
    "--loose-mysqlx=OFF",
)
"""What makes it start fast. What a commit means is left as it is: flushed to the disk before it is acknowledged."""

# Over TCP, where names are not resolved, root@localhost is nobody.
FURNISH = """\
CREATE DATABASE IF NOT EXISTS `{database}`;
CREATE USER IF NOT EXISTS root@'127.0.0.1';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
"""


class MySQLServer(Server):
    """A private MariaDB, else MySQL, on a free port, with fresh data in a temporary folder.

    What it has acknowledged as committed is there again after `kill` and `restart`.
    It is not for use from several threads at once.

    Args:
        options: more arguments for the server, as `("--max-connections=5",)`.
        database: the name of an empty database that it has from the beginning: letters, digits and underscores.
        timeout: seconds it may take to answer, and again to stop before it is killed.

    Raises:
        ValueError: the database's name has other characters.
        ServerMissing: on entering the block; there is no such program.
        ServerDidNotStart: on entering the block.

    Example:
        On a machine that has MariaDB this gives `[("42", "rows and columns")]`::

            with MySQLServer() as server:
                server.execute("SELECT 6 * 7, 'rows and columns'")
    """

    host: str = LOOPBACK
    user: str = "root"
    password: str = ""

    def __init__(self, *, options: Sequence[str] = (), database: str = "test", timeout: float = 30.0) -> None:
        super().__init__(timeout=timeout)
        if not re.fullmatch(r"\w+", database, re.ASCII):
            raise ValueError(f"a database can't be called {database!r} here: use letters, digits and underscores")
        self.database: str = database
        self._options = tuple(options)
        self._furnished = False
        self._daemon = self._client = ""
        self._folder = Path()

    @property
    def url(self) -> str:
        """Where it is, with user and database: `mysql://root@127.0.0.1:23306/test`; there is no password."""
        return f"mysql://{self.user}@{self.host}:{self.port}/{self.database}"

    def execute(self, sql: str) -> list[tuple[str, ...]]:
        r"""Run SQL through the server's own client program, in the server's database.

        Args:
            sql: one statement, or some with semicolons between them.

        Returns:
            The rows that came, as the client prints them: every value as text, nothing as `NULL`, tabs and line ends
            in values as `\t` and `\n`.

        Raises:
            RuntimeError: the server refused a statement, or is down.
            TimeoutError: it does not answer.
        """
        return self._run(sql, self.database)

    def _prepare(self, undo: ExitStack) -> None:
        self._daemon = require("mariadbd", "mysqld", cure=CURE)
        self._client = require("mariadb", "mysql", cure=CURE)
        self._folder = undo.enter_context(data_folder())
        self._furnished = False
        install = find("mariadb-install-db", "mysql_install_db")
        # Without a folder of its own for temporary tables, two that are made at once remove each other's.
        options = [f"--datadir={self._folder}/data", f"--tmpdir={self._folder}", *SMALL, *_as_root()]
        if install:
            command = [install, "--no-defaults", *options, "--auth-root-authentication-method=normal", "--skip-test-db"]
        else:
            command = [self._daemon, "--no-defaults", "--initialize-insecure", *options]
        self._make(command)

    def _make(self, command: list[str]) -> None:
        """Make the data; 0.7 s with MariaDB, so that a copy made in advance would not be worth its code."""
        made = OwnedProcess(command, cwd=self._folder)
        try:
            with suppress(psutil.TimeoutExpired):
                made.process.wait(self._timeout)
        finally:
            code = made.kill()
        if code != 0:
            raise ServerDidNotStart(f"{' '.join(command)} ended with {code}; it printed:\n{made.output}")

    def _launch(self) -> OwnedProcess:
        place = [f"--bind-address={self.host}", f"--port={self.port}", f"--socket={self._socket}"]
        files = [f"--datadir={self._folder}/data", f"--pid-file={self._folder}/pid", f"--tmpdir={self._folder}"]
        command = [self._daemon, "--no-defaults", *place, *files, *SMALL, *_as_root(), *self._options]
        return OwnedProcess(command, cwd=self._folder)

    def _answers(self) -> bool:
        if not (self._listens() and self._greets()):
            return False
        if not self._furnished:
            self._run(FURNISH.format(database=self.database), "mysql")
            self._furnished = True
        return True

    def _greets(self) -> bool:
        """Whether it begins a connection with its handshake, version 10 of it, and not with an error."""
        with suppress(OSError), socket.create_connection((self.host, self.port), self._timeout) as connection:
            return connection.recv(5, socket.MSG_WAITALL)[4:] == b"\x0a"
        return False

    def _run(self, sql: str, database: str) -> list[tuple[str, ...]]:
        command = [self._client, "--no-defaults", "--protocol=SOCKET", f"--socket={self._socket}", "--user=root"]
        command += ["--password=", "--batch", "--skip-column-names", "--default-character-set=utf8mb4", database]
        try:
            done = subprocess.run(  # noqa: S603 - the server's own client
                command, input=sql.encode(), capture_output=True, timeout=self._timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the database gave no answer in {self._timeout:g} s; is it frozen?") from None
        if done.returncode != 0:
            raise RuntimeError(f"{self._client} said:\n{done.stderr.decode(errors='replace').strip()}")
        return [tuple(line.split("\t")) for line in done.stdout.decode().split("\n")[:-1]]

    @property
    def _socket(self) -> Path:
        return self._folder / "mysql.sock"


def _as_root() -> list[str]:
    """Root has to say that it means to be root."""
    return ["--user=root"] if os.geteuid() == 0 else []
