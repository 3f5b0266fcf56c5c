"""A real uvicorn (uvloop, httptools) for one application of one peer; prints its port when it is up.

`python -m benchmarks.serve PEER APP CORE`
"""

from __future__ import annotations

import importlib
import os
import socket
import sys

import uvicorn


class Announcing(uvicorn.Server):
    """Says on stdout which port it got."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the port."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            os.write(self.answers, b"%d\n" % self.servers[0].sockets[0].getsockname()[1])

    answers = 1


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM."""
    peer, name, core = arguments
    os.sched_setaffinity(0, {int(core)})
    Announcing.answers = os.dup(1)
    os.dup2(2, 1)
    app = getattr(importlib.import_module(f"benchmarks.peers.{peer}"), name)()
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="error",
    )
    Announcing(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
