"""What runs inside the process of a LiveServer: uvicorn, on a socket that it inherits.

uvicorn's own command ends by raising the signal again that stopped it, so that nobody can tell an orderly end from any
other. This one ends with 0 when the application has shut down, and with 3 when it did not start.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

import uvicorn

DID_NOT_START = 3
FACTORY = "()"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve an application until SIGTERM or SIGINT.

    Args:
        arguments: one JSON object: `target` (`module:app` or `module:factory()`), `listener` and `ready` (inherited
            file descriptors: the listening socket, and where one byte is written once it serves), `path` (folders to
            import from, after those of this interpreter), `options` (of uvicorn.Config).

    Raises:
        SystemExit: it did not start.
    """
    (argument,) = sys.argv[1:] if arguments is None else arguments
    given = json.loads(argument)
    sys.path += [folder for folder in given["path"] if folder not in sys.path]
    target: str = given["target"]
    config = uvicorn.Config(target.removesuffix(FACTORY), factory=target.endswith(FACTORY), **given["options"])
    # uvicorn puts these back when it is done, and raises the signals that it got again.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _already_done)
    server = _Reporting(config, given["ready"])
    with socket.socket(fileno=given["listener"]) as listener:
        server.run(sockets=[listener])
    if not server.started:
        sys.exit(DID_NOT_START)


class _Reporting(uvicorn.Server):
    """A uvicorn that tells when it serves."""

    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
            if self.started:
                os.write(self._ready, b"1")
        finally:
            os.close(self._ready)


def _already_done(number: int, frame: FrameType | None) -> None:
    """Do nothing: the signal has stopped the server."""
