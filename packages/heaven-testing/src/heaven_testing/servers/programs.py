"""The programs of servers, where systems keep them."""

from __future__ import annotations

import os
import shutil

from heaven_testing.errors import ServerMissing

# Where daemons are, which is often not on the PATH of people.
DAEMONS = ("/usr/sbin", "/usr/local/sbin")


def find(*names: str) -> str | None:
    """The first of the programs that is installed.

    Args:
        names: what it may be called, the best first.

    Returns:
        Its path; None when there is none.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *DAEMONS])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def require(*names: str, cure: str) -> str:
    """The first of the programs that is installed.

    Args:
        names: what it may be called, the best first.
        cure: the line that installs it.

    Returns:
        Its path.

    Raises:
        ServerMissing: none is; the message has the line.
    """
    if found := find(*names):
        return found
    raise ServerMissing(f"{' or '.join(names)} is not installed: {cure}")
