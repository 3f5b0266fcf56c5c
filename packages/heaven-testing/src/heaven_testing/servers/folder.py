"""Where a server keeps its data for as long as it is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from heaven_testing.servers.guardian import GUARDIAN

# What sun_path of sockaddr_un holds is 108 bytes on Linux and 104 on macOS, with the zero at the end (unix(7)).
SOCKET_PATH = 103


@contextmanager
def data_folder() -> Generator[Path]:
    """A folder that is empty, and removed at the end; its path is short enough for a socket `mysql.sock` in it.

    Yields:
        Its path.
    """
    short = len(os.fsencode(f"{tempfile.gettempdir()}/heaven-12345678/mysql.sock")) <= SOCKET_PATH
    path = Path(tempfile.mkdtemp(prefix="heaven-", dir=None if short else "/tmp"))  # noqa: S108 - mkdtemp's is private
    GUARDIAN.folder(path)
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):  # at the end of the interpreter the guardian comes first
            shutil.rmtree(path)
        GUARDIAN.release(path)
