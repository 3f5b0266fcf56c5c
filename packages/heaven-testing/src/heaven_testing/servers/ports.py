"""Ports for servers that can't be handed a listening socket."""

from __future__ import annotations

import errno
import socket
from random import SystemRandom

LOOPBACK = "127.0.0.1"

# Below the ranges from which Linux and macOS take the ports of outgoing connections: while a server is down, no
# client's connection can take its port. The system's randomness: tests are shuffled with a seed that workers share.
PORTS = range(20_000, 30_000)
_RANDOM = SystemRandom()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has at this moment.

    Returns:
        A number between 20000 and 29999. Somebody may take it before it is used.

    Raises:
        RuntimeError: all of them are taken.
    """
    for port in _RANDOM.sample(PORTS, len(PORTS)):
        if is_free(port):
            return port
    raise RuntimeError(f"every port of {LOOPBACK} from {PORTS.start} to {PORTS.stop - 1} is taken")


def is_free(port: int) -> bool:
    """Whether nobody has a port of 127.0.0.1.

    Args:
        port: its number.
    """
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        return True
