"""Any HTTP server that is started by a command."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from heaven_testing.servers.owned import OwnedProcess
from heaven_testing.servers.ports import LOOPBACK
from heaven_testing.servers.server import Server


class ServerProcess(Server):
    """Lives as long as its `with` block: a server that was started, that answers, and that is stopped at the end.

    It is not for use from several threads at once.

    Args:
        command: the program and its arguments; `{port}` in one of them stands for the free port.
        path: where to ask whether it answers; any HTTP answer will do.
        cwd: the folder to start it in.
        env: variables to add to those of this process; `{port}` in a value stands for the free port.
        timeout: seconds it may take to answer, and again to stop before it is killed.

    Raises:
        ServerDidNotStart: on entering the block.

    Example:
        >>> import sys
        >>> from urllib.request import urlopen
        >>> with ServerProcess([sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]) as server:
        ...     with urlopen(server.url) as answer:
        ...         answer.status
        200
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        path: str = "/",
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> None:
        super().__init__(timeout=timeout)
        self._command = command
        self._path = path
        self._cwd = cwd
        self._env = env or {}

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end: `http://127.0.0.1:49152`."""
        return f"http://{LOOPBACK}:{self.port}"

    def _prepare(self, undo: ExitStack) -> None:
        """All it needs is its command."""

    def _launch(self) -> OwnedProcess:
        command = [self._filled(part) for part in self._command]
        env = {**os.environ, **{name: self._filled(value) for name, value in self._env.items()}}
        return OwnedProcess(command, cwd=self._cwd, env=env)

    def _filled(self, text: str) -> str:
        return text.replace("{port}", str(self.port))

    def _answers(self) -> bool:
        with closing(HTTPConnection(LOOPBACK, self.port, timeout=self._timeout)) as connection:
            try:
                connection.request("GET", self._path)
                connection.getresponse().close()
            except (OSError, HTTPException):
                return False
        return True
