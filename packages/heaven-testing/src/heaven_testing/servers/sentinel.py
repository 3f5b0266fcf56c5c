"""A Redis Sentinel of its own for a test run: it watches a Redis, and puts another one in its place."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

from heaven_testing.servers.owned import OwnedProcess
from heaven_testing.servers.ports import LOOPBACK
from heaven_testing.servers.redis import RedisServer

CONFIGURATION = "sentinel.conf"
"""Sentinel keeps in its configuration what it has learned, so that it knows after a restart."""


SLOWEST_TURN = 200
"""Milliseconds between two turns of Sentinel's clock, at most, where nothing holds it up: it has 10 to 20 a second."""


class SentinelServer(RedisServer):
    """A private Redis Sentinel on a free port, for as long as its `with` block; one is enough to decide.

    It finds the replicas by itself: `RedisServer(options=("--replicaof", "127.0.0.1", str(master.port)))`. Where the
    machine stands still for longer than `down_after`, it doesn't take that for the end of the master.

    Args:
        master: the Redis that it watches; it runs already.
        service: what clients call the master, whichever server that is.
        down_after: seconds without an answer after which a replica takes the master's place.
        program: as of `RedisServer`.
        timeout: seconds it may take to answer, and again to stop before it is killed.

    Raises:
        ServerMissing: on entering the block; there is no such program.
        ServerDidNotStart: on entering the block.

    Example:
        >>> with RedisServer() as master, SentinelServer(master) as sentinel:
        ...     sentinel.url == f"redis+sentinel://127.0.0.1:{sentinel.port}/main/0"
        True
    """

    def __init__(
        self,
        master: RedisServer,
        *,
        service: str = "main",
        down_after: float = 0.3,
        program: Path | str | None = None,
        timeout: float = 30.0,
    ) -> None:
        super().__init__(program=program, timeout=timeout)
        self._master = master
        self._service = service
        self._down_after = down_after

    @property
    def url(self) -> str:
        """Where clients learn who the master is: `redis+sentinel://:password@127.0.0.1:21379/main/0`.

        The password is the master's.
        """
        user = f":{quote(self._master.password, safe='')}@" if self._master.password else ""
        return f"redis+sentinel://{user}{LOOPBACK}:{self.port}/{self._service}/0"

    def _prepare(self, undo: ExitStack) -> None:
        super()._prepare(undo)
        milliseconds = round(self._down_after * 1000)
        lines = [
            f"sentinel monitor {self._service} {LOOPBACK} {self._master.port} 1",
            f"sentinel down-after-milliseconds {self._service} {milliseconds}",
            f"sentinel failover-timeout {self._service} {20 * milliseconds}",
        ]
        if self._master.password:
            lines.append(f"sentinel auth-pass {self._service} {self._master.password}")
        (self._folder / CONFIGURATION).write_text("\n".join([*lines, ""]))

    def _answers(self) -> bool:
        if not super()._answers():
            return False
        # Sentinel trusts no clock that jumped by two seconds, and then does nothing for thirty ("TILT"). Here it
        # notices a jump that would cost the master its place, and goes on as soon as it has asked again.
        trigger = max(round(self._down_after * 500), SLOWEST_TURN)
        with suppress(RuntimeError):  # older than Redis 7
            self.execute("SENTINEL", "DEBUG", "tilt-trigger", str(trigger), "tilt-period", "1000")
        return True

    def _launch(self) -> OwnedProcess:
        place = ("--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self._folder))
        command = [self._program, str(self._folder / CONFIGURATION), "--sentinel", *place, "--daemonize", "no"]
        return OwnedProcess(command, cwd=self._folder)
