"""The parent's side of the workers: starts them, talks to them, and ends every one of them by its id."""

from __future__ import annotations

import json
import selectors
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from benchmarks.console import trouble
from benchmarks.environment import Environment

Answer = TypeVar("Answer")
PATIENCE = 60.0
"""Seconds that a worker has for one answer."""


class PeerFailed(Exception):
    """A peer could not be started, gave a wrong answer, or died."""


class Member:
    """One worker process."""

    def __init__(
        self, name: str, environment: Environment, worker: str, module: str, core: int, apps: Iterable[str]
    ) -> None:
        self.name = name
        command = environment.command("-m", worker, module, str(core), *apps)
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints, **environment.place()
        )
        self.greeting: dict[str, Any] = {}

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """Send a command and wait for its answer.

        Raises:
            PeerFailed: The worker says so, or is silent for too long.
        """
        assert self.process.stdin is not None  # opened as a pipe above
        try:
            self.process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise PeerFailed(f"{self.name}: ended: {self.last_words()}") from error
        return self.listen()

    def listen(self) -> dict[str, Any]:
        """Wait for one answer."""
        assert self.process.stdout is not None  # opened as a pipe above
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                self.process.kill()
                raise PeerFailed(f"{self.name}: no answer in {PATIENCE:.0f} s")
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": f"ended: {self.last_words()}"}
        if "error" in answer:
            raise PeerFailed(f"{self.name}: {answer['error']}")
        return answer

    def last_words(self) -> str:
        """The last line of what the process wrote to stderr."""
        self.process.kill()
        self.process.wait()
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "nothing on stderr"

    def end(self) -> None:
        """Ask the process to leave; end it when it does not."""
        if self.process.poll() is None:
            try:
                self.process.communicate(b'{"do": "quit"}\n', timeout=20)
            except (subprocess.TimeoutExpired, BrokenPipeError, ValueError):
                self.process.kill()
                self.process.communicate()
        self.complaints.close()


class Fleet:
    """Workers of several peers, as a context manager.

    Args:
        environment: Where they run.
        failures: Gets a line for each peer that fails.
        worker: The module that is run in each process.
    """

    def __init__(self, environment: Environment, failures: list[str], *, worker: str = "benchmarks.worker") -> None:
        self.environment = environment
        self.failures = failures
        self.worker = worker
        self.members: dict[str, Member] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for member in self.members.values():
            member.end()

    def start(self, name: str, module: str, core: int, apps: Iterable[str]) -> None:
        """Start a worker; `gather` waits for it."""
        self.members[name] = Member(name, self.environment, self.worker, module, core, apps)

    def gather(self) -> None:
        """Wait until every worker's applications are up; those that fail are left out."""
        for name, member in list(self.members.items()):
            greeting = self.attempt(member.listen)
            if greeting is None:
                self.members.pop(name).end()
            else:
                member.greeting = greeting

    def attempt(self, action: Callable[[], Answer]) -> Answer | None:
        """Do something with a worker; a failure is noted and gives None."""
        try:
            return action()
        except PeerFailed as error:
            trouble(str(error))
            if str(error) not in self.failures:
                self.failures.append(str(error))
            return None
