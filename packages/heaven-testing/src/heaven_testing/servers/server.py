"""What all real servers have in common: a port, a process that can be broken and healed, and an end."""

from __future__ import annotations

import signal
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import psutil

from heaven_testing.errors import ServerDidNotStart
from heaven_testing.servers.owned import OwnedProcess
from heaven_testing.servers.ports import free_port, is_free

ATTEMPTS = 5
"""How many ports to try before it is no longer bad luck that somebody else took each."""


class Server(ABC):
    """A real server in a process of its own, for as long as its `with` block; not for use from several threads at once.

    Args:
        timeout: seconds it may take to answer, and again to stop before it is killed.
    """

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._owned: OwnedProcess | None = None
        self._earlier = ""
        self._entered = False
        self._undo = ExitStack()
        self._port = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it is."""

    @property
    def port(self) -> int:
        """The port it listens on, at 127.0.0.1; there is none before the block is entered."""
        if not self._port:
            name = type(self).__name__
            raise RuntimeError(f"this {name} has no port yet: enter the block first, `with {name}(...) as server:`")
        return self._port

    @property
    def output(self) -> str:
        """What it printed so far, on both streams, before a restart as well."""
        return self._earlier + (self._owned.output if self._owned else "")

    @property
    def process(self) -> psutil.Popen:
        """The process itself, for a test that signals or waits; there is none before the block is entered."""
        return self._own.process

    @property
    def running(self) -> bool:
        """Whether its process has not ended; one that is frozen runs."""
        return self._owned is not None and self._owned.running

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop, and wait until it and its children have; nothing more happens to one that has.

        Args:
            number: the signal to ask with.

        Returns:
            Its exit code; minus the signal's number when a signal ended it, so -9 when it had to be killed.
        """
        return self._own.end(number, self._timeout)

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM) and go on at once: a test can look at what it does until it has.

        `stop` waits for its end, and so does `heal` before it starts it again.
        """
        self._own.terminate()

    def kill(self) -> int:
        """End it and its children with SIGKILL, as if the power had gone.

        Returns:
            Its exit code; minus the signal's number when a signal ended it.
        """
        return self._own.kill()

    def freeze(self) -> None:
        """Let it stand still (SIGSTOP): connections are accepted by the system, and nothing is answered.

        Raises:
            RuntimeError: it is not running.
        """
        if not self._own.running:
            raise RuntimeError(f"{type(self).__name__} has ended, and can't be frozen; restart() starts it again")
        self._own.freeze()

    def thaw(self) -> None:
        """Let it go on after `freeze`; one that goes on already does so."""
        self._own.thaw()

    def restart(self) -> None:
        """Stop it if it runs, and start it again: the same command, port and data.

        Raises:
            ServerDidNotStart: it ended, or did not answer in time.
        """
        self.stop()
        self._start()

    def heal(self) -> None:
        """Undo what a test left broken: thaw it if it is frozen, start it again if it is down, or on its way there.

        Raises:
            ServerDidNotStart: it ended, or did not answer in time.
        """
        if self._own.frozen:
            self._own.thaw()
        if self._own.asked:
            self._end()
        if not self._own.running:
            self._start()

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        if self._entered:
            raise RuntimeError(f"this {type(self).__name__} is running already; make another one for a second server")
        with ExitStack() as undo:
            self._entered = True
            undo.callback(self._left)
            self._prepare(undo)
            undo.callback(self._end)
            self._start_on_a_free_port()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it; killed if it does not stop in time."""
        with self._undo:
            if error is None:  # else that is what has to be seen, not what the server makes of it
                self.stop()

    @abstractmethod
    def _prepare(self, undo: ExitStack) -> None:
        """Find and make what all starts need: programs, folders; `undo` is what happens at the end of the block."""

    @abstractmethod
    def _launch(self) -> OwnedProcess:
        """Start the process, on `self.port`."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the process that was launched is ready; called until it is."""

    def _label(self) -> str:
        """What did not start, in a message."""
        return " ".join(self._own.process.args)

    @property
    def _own(self) -> OwnedProcess:
        if self._owned is None:
            raise RuntimeError(f"the server is started by `with {type(self).__name__}(...) as server:`")
        return self._owned

    def _listens(self) -> bool:
        """Whether it is this process that has the port, and nobody else who took it before."""
        connections = self.process.net_connections("tcp") if self.running else []
        return any(each.status == psutil.CONN_LISTEN and each.laddr[1] == self.port for each in connections)

    def _start_on_a_free_port(self) -> None:
        attempts = ATTEMPTS
        while True:
            self._port = free_port()
            attempts -= 1
            try:
                self._start()
            except ServerDidNotStart:
                if not attempts or is_free(self.port):
                    raise
            else:
                return

    def _start(self) -> None:
        if not self._entered:
            raise RuntimeError(f"the block of this {type(self).__name__} has ended, and its data are gone")
        if self._owned is not None:
            self._owned.kill()  # it has ended; its children may have not
            self._earlier += self._owned.output
        self._owned = owned = self._launch()
        deadline = time.monotonic() + self._timeout
        while owned.running and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.01)
        state = f"gave no answer in {self._timeout:g} s" if owned.running else f"ended with {owned.process.poll()}"
        owned.end(timeout=self._timeout)
        raise ServerDidNotStart(f"{self._label()} {state}; it printed:\n{owned.output}")

    def _left(self) -> None:
        self._entered = False

    def _end(self) -> None:
        if self._owned is not None:
            self._owned.end(timeout=self._timeout)
