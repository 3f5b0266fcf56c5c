"""The application under test as people will meet it: under uvicorn, in a process of its own."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from heaven_testing.errors import ServerDidNotStart, ServerFailed, ServerMissing
from heaven_testing.servers.owned import OwnedProcess
from heaven_testing.servers.ports import LOOPBACK
from heaven_testing.servers.server import Server

CURE = "pip install heaven-testing[live]"

OURS = frozenset({"app", "factory", "fd", "host", "port", "reload", "uds", "workers"})
"""The options of uvicorn that are decided here."""

_RUN = "from heaven_testing.servers.runner import main; main()"


class LiveServer(Server):
    """An application under a real uvicorn, on a free port, for as long as its `with` block.

    The end of the block sends SIGTERM, and the application has to shut down in order then.
    It is not for use from several threads at once.

    Args:
        target: the application, as `"module:app"`, or `"module:factory()"` for a function that makes it. What this
            process can import, that one can.
        cwd: the folder to run in; modules are looked for in it first. None for that of this process.
        env: variables to add to those of this process; `{url}` in a value stands for the server's address.
        options: what `uvicorn.Config` is to get, as `{"root_path": "/shop"}`.
        tracebacks: whether tracebacks in the log are all right, for an application that is made to fail.
        timeout: seconds it may take to start, and again to shut down before it is killed.

    Raises:
        TypeError: the target is no text; another process can't be handed an application.
        ValueError: an option is not for a server of one process on a port of 127.0.0.1.
        ServerMissing: on entering the block; uvicorn is not installed.
        ServerDidNotStart: on entering the block, with what was printed.
        ServerFailed: on leaving it, with what was printed.

    Example:
        >>> with LiveServer("heaven:App()") as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self,
        target: str,
        *,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        options: Mapping[str, object] | None = None,
        tracebacks: bool = False,
        timeout: float = 30.0,
    ) -> None:
        super().__init__(timeout=timeout)
        if not isinstance(target, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"another process can't be handed {target!r}: name it, as in LiveServer('module:app')")
        if refused := OURS.intersection(options or {}):
            raise ValueError(f"LiveServer decides {', '.join(sorted(refused))}: leave it out of options=")
        self._target = target
        self._cwd = cwd
        self._env = env or {}
        self._options = dict(options or {})
        self._tracebacks = tracebacks
        self._ready = -1

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end: `http://127.0.0.1:21380`."""
        scheme = "https" if self._options.get("ssl_certfile") else "http"
        return f"{scheme}://{LOOPBACK}:{self.port}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to shut down, wait until it has, and see that it did in order; nothing more happens to one that has.

        Args:
            number: the signal to ask with.

        Returns:
            Its exit code: 0; that of `kill` after a `kill`.

        Raises:
            ServerFailed: it ended before it was asked to, with another code, without completing the application's
                shutdown, or with a traceback in its log. It is stopped nevertheless.
        """
        own, told, unasked = self._own, self._own.code is not None, self._crashed
        code = super().stop(number)
        if not told:
            self._complain(own, code, unasked)
        return code

    def heal(self) -> None:
        """Undo what a test left broken: thaw it if it is frozen, start it again if it is down, or on its way there.

        Raises:
            ServerFailed: it had ended before it was asked to, or not in order after `terminate`. It runs again
                nevertheless.
            ServerDidNotStart: it ended, or did not answer in time.
        """
        own, told, unasked = self._own, self._own.code is not None, self._crashed
        super().heal()
        if not told and own.code is not None:
            self._complain(own, own.code, unasked)

    @property
    def _crashed(self) -> bool:
        return not (self._own.running or self._own.asked)

    def _complain(self, ended: OwnedProcess, code: int, unasked: bool) -> None:
        if wrong := self._complaint(ended.output, code, unasked):
            raise ServerFailed(f"{self._target} {wrong}; it printed:\n{ended.output}")

    def _complaint(self, log: str, code: int, unasked: bool) -> str | None:
        """What was wrong with its end."""
        if unasked:
            return f"ended with {code} before it was asked to"
        if code != 0:
            return f"ended with {code}"
        began = "Application startup complete" in log and "'lifespan' protocol appears unsupported" not in log
        if began and "Application shutdown complete" not in log:
            return "did not complete its shutdown"
        if "Traceback (most recent call last)" in log and not self._tracebacks:
            return "left a traceback in its log"
        return None

    def _prepare(self, undo: ExitStack) -> None:
        if find_spec("uvicorn") is None:
            raise ServerMissing(f"uvicorn is not installed: {CURE}")
        undo.callback(self._forget)

    def _launch(self) -> OwnedProcess:
        self._forget()
        self._ready, ready = os.pipe()
        os.set_blocking(self._ready, False)
        with ExitStack() as ours:  # kept open here, the socket would accept connections for a server that is dead
            ours.callback(os.close, ready)
            listener = ours.enter_context(self._listener())
            given = {"target": self._target, "listener": listener.fileno(), "ready": ready}
            given |= {"path": [folder for folder in sys.path if folder], "options": self._options}
            command = [sys.executable, *["-O"] * sys.flags.optimize, "-u", "-c", _RUN, json.dumps(given)]
            env = {**os.environ, **{name: value.replace("{url}", self.url) for name, value in self._env.items()}}
            return OwnedProcess(command, cwd=self._cwd, env=env, pass_fds=[listener.fileno(), ready])

    def _label(self) -> str:
        return self._target

    def _listener(self) -> socket.socket:
        try:
            return socket.create_server((LOOPBACK, self.port), backlog=2048)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise ServerDidNotStart(f"somebody else has taken port {self.port} of {LOOPBACK}") from error

    def _answers(self) -> bool:
        try:
            return os.read(self._ready, 1) != b""
        except BlockingIOError:
            return False

    def _forget(self) -> None:
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1
