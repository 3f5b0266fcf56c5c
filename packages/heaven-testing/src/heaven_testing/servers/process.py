"""A real server process on a free port, for as long as a test needs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from heaven_testing.errors import ServerDidNotStart


class ServerProcess:
    """Lives as long as its `with` block: a server that was started, that answers, and that is stopped at the end.

    Args:
        command: the program and its arguments; `{port}` in one of them stands for the free port.
        path: where to ask whether it answers; any HTTP answer will do.
        cwd: the folder to start it in.
        env: variables to add to those of this process.
        timeout: seconds it may take to answer, and again to stop before it is killed.

    Raises:
        ServerDidNotStart: on entering the block.

    Example:
        >>> import sys
        >>> with ServerProcess([sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]) as server:
        ...     httpx.get(server.url).status_code
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
        self._command = command
        self._path = path
        self._cwd = cwd
        self._env = {**os.environ, **(env or {})}
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._printed = b""
        self.port: int = 0

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end: `http://127.0.0.1:49152`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What it printed so far, on both streams."""
        if self._log is not None:
            # The server writes at the place where this file stands: read it without moving there.
            self._printed = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        return self._printed.decode(errors="replace")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process itself, for a test that signals or waits; there is none before the block is entered."""
        if self._process is None:
            raise RuntimeError("the server is started by `with ServerProcess(...) as server:`")
        return self._process

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop, and wait until it has.

        Args:
            number: the signal to ask with.

        Returns:
            Its exit code; minus the signal's number when a signal ended it, so -9 when it had to be killed.
        """
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        self.port = _free_port()
        self._log = tempfile.TemporaryFile()
        command = [part.replace("{port}", str(self.port)) for part in self._command]
        self._process = subprocess.Popen(  # noqa: S603 - to run a command of the test's own is what it is for
            command, cwd=self._cwd, env=self._env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it; killed if it does not stop in time."""
        self.stop()
        if self._log is not None:
            _ = self.output
            self._log.close()
            self._log = None

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._timeout
        with httpx.Client(base_url=self.url, timeout=self._timeout, trust_env=False) as client:
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    client.get(self._path)
                except httpx.TransportError:
                    time.sleep(0.02)
                else:
                    return
        state = f"gave no answer in {self._timeout:g} s" if process.poll() is None else f"ended with {process.poll()}"
        raise ServerDidNotStart(f"{' '.join(self._command)} {state}; it printed:\n{self.output}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
