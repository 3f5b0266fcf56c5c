"""One process that belongs to a test, from its start to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from heaven_testing.servers.family import family, kill
from heaven_testing.servers.guardian import GUARDIAN

FROZEN = 30.0
"""Seconds that a process may take to stand still."""


class OwnedProcess:
    """A process with a session of its own, so that Ctrl-C reaches the tests and not the server.

    It ends with `end` or `kill`, and its children with it. If the tests end without, its guardian ends it.

    Args:
        command: the program and its arguments.
        cwd: the folder to start it in.
        env: all of its environment; None for that of this process.
        pass_fds: file descriptors that it inherits.

    Raises:
        OSError: the program can't be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when the process has ended
        try:
            self.process: psutil.Popen = psutil.Popen(
                list(command),
                cwd=cwd,
                env=None if env is None else dict(env),
                pass_fds=tuple(pass_fds),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        except BaseException:
            self._log.close()
            raise
        GUARDIAN.process(self.process.pid)
        self._printed = b""
        self.code: int | None = None
        """Its exit code, once `end` or `kill` has seen it."""
        self.asked: bool = False
        """Whether `terminate` has asked it to end."""

    @property
    def running(self) -> bool:
        """Whether it has not ended; one that is frozen runs."""
        return self.process.poll() is None

    @property
    def frozen(self) -> bool:
        """Whether it stands still, whoever stopped it."""
        return bool(self.running and self.process.status() == psutil.STATUS_STOPPED)

    @property
    def output(self) -> str:
        """What it printed so far, on both streams."""
        if not self._log.closed:
            # The process writes at the place where this file stands: read it without moving there.
            self._printed = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        return self._printed.decode(errors="replace")

    def end(self, number: int = signal.SIGTERM, timeout: float = 30.0) -> int:
        """Ask it to end, wait until it has, and kill what is left of it and its children then.

        Args:
            number: the signal to ask with.
            timeout: seconds to wait.

        Returns:
            Its exit code; minus the signal's number when a signal ended it. The same each time it is asked for.
        """
        if self.code is None:
            self.thaw()
            if number != signal.SIGTERM or not self.asked:  # there are servers that break off when they are told twice
                self._send(number)
            with suppress(psutil.TimeoutExpired):
                self.process.wait(timeout)
        return self.kill()

    def terminate(self) -> None:
        """Ask it to end, and don't wait; nothing happens to one that has ended."""
        if self.running and not self.asked:
            self.asked = True
            self.thaw()
            self._send(signal.SIGTERM)

    def kill(self) -> int:
        """End it and its children with SIGKILL, at once.

        Returns:
            Its exit code, as of `end`.
        """
        if self.code is None:
            kill(self.process)
            self.process.wait(FROZEN)
            self.code = int(self.process.poll())  # which knows a number even if somebody else has waited for it
            GUARDIAN.release(self.process.pid)
            _ = self.output
            self._log.close()
        return self.code

    def freeze(self) -> None:
        """Stop it and its children with SIGSTOP, and wait until it stands still."""
        for member in family(self.process):
            with suppress(psutil.NoSuchProcess):
                member.suspend()
        deadline = time.monotonic() + FROZEN
        while not self.frozen and self.running and time.monotonic() < deadline:
            time.sleep(0.001)

    def thaw(self) -> None:
        """Let it and its children go on."""
        for member in reversed(family(self.process)):
            with suppress(psutil.NoSuchProcess):
                member.resume()

    def _send(self, number: int) -> None:
        with suppress(psutil.NoSuchProcess):
            self.process.send_signal(number)
