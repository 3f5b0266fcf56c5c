"""A long-lived process that keeps a real server: MariaDB, Redis, or an application under gunicorn.

`python -m benchmarks.service heaven_testing CORE KIND...`. It greets the parent with the server's URL, and ends the
server when the parent says `quit`. The servers are those of heaven_testing, which is installed where the peers are.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.worker import Worker, serve

QUIET = "--innodb-flush-log-at-trx-commit=2"
"""A commit waits for no disk: clients are compared, and not disks."""

WORKERS = 2
"""Of gunicorn's, all on the core that is measured on."""


class Service(Worker):
    """Keeps one server until it is told to quit."""

    async def start(self, source: Any, names: list[str]) -> dict[str, Any]:
        """Start the server on the core that is meant for it."""
        os.sched_setaffinity(0, {self.core})
        kind, *more = names
        self.opened = ExitStack()
        server = self.opened.enter_context(getattr(self, kind)(source, *more))
        return {"url": server.url}

    async def stop(self) -> None:
        """End the server."""
        self.opened.close()

    def mysql(self, source: Any) -> Any:
        """MariaDB, or MySQL."""
        return source.MySQLServer(options=(QUIET,))

    def redis(self, source: Any) -> Any:
        """Redis, which keeps nothing."""
        return source.RedisServer()

    def gunicorn(self, source: Any, folder: str, application: str, database: str) -> Any:
        """The TechEmpower set of one framework, as its README says."""
        command = [sys.executable, "-m", "gunicorn", "-k", "uvicorn_worker.UvicornWorker", "--log-level", "error"]
        command += ["-w", str(WORKERS), "-b", "127.0.0.1:{port}", application]
        environment = {"TECHEMPOWER_DATABASE": database}
        return source.ServerProcess(command, path="/json", cwd=Path(folder), env=environment)


if __name__ == "__main__":
    sys.exit(serve(Service, sys.argv[1:], asyncio.run))
