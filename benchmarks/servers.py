"""The parent's side of real servers: started with a port of their own, ended by their id."""

from __future__ import annotations

import http.client
import json
import os
import selectors
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.environment import Environment
from benchmarks.fleet import PeerFailed
from benchmarks.scenarios import Scenario

PATIENCE = 60.0


class Server:
    """One uvicorn process, as a context manager.

    Args:
        environment: Where it runs.
        peer: Whose application.
        app: Which one: `base`, `routes`, `hooks` or `transfer`.
        core: The core it is pinned to.
        more: More environment variables.

    Raises:
        PeerFailed: It did not come up.
    """

    def __init__(self, environment: Environment, peer: str, app: str, core: int, **more: str) -> None:
        self.peer = peer
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self.process = subprocess.Popen(
            environment.command("-m", "benchmarks.serve", peer, app, str(core)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            **environment.place(**more),
        )
        assert self.process.stdout is not None  # opened as a pipe above
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if selector.select(PATIENCE) else b""
        if not line:
            words = self.last_words()
            self.end()
            raise PeerFailed(f"{peer}: the server did not start: {words}")
        self.port = int(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """SIGTERM, and SIGKILL when that does not help."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.complaints.close()

    def last_words(self) -> str:
        """The last line of what it wrote to stderr."""
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "nothing on stderr"

    def check(self, scenario: Scenario) -> None:
        """Ask once over a real socket and compare the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"content-type": "application/json"} if scenario.body else {}
            connection.request(scenario.method, scenario.path, scenario.body or None, headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != scenario.status or json.loads(body) != scenario.answer:
            raise PeerFailed(f"{self.peer}: {scenario.name} behind uvicorn: {response.status} {body[:200]!r}")

    def memory(self, field: str = "VmRSS") -> int:
        """Bytes of memory: `VmRSS` now, `VmHWM` at its peak."""
        for row in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if row.startswith(field + ":"):
                return int(row.split()[1]) * 1024
        raise PeerFailed(f"{self.peer}: no {field}")

    def forget_peak(self) -> None:
        """Set `VmHWM` back to what is resident now (Linux: 5 into clear_refs)."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
