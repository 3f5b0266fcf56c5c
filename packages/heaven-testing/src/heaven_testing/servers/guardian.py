"""A small process that ends what a test process has started, however that one goes.

It reads what it has to guard from its standard input. That ends with the test process, be it by its last line, by a
signal or by a crash: the system closes the pipe. Then the guardian ends the processes that are left, removes the
folders that are left, and is done.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from heaven_testing.servers import family

_RUN = "import sys; from heaven_testing.servers.guardian import guard; guard(sys.stdin)"


class Guardian:
    """The test process's side of it. It is started with the first thing to guard, and again if somebody ended it."""

    def __init__(self) -> None:
        self._guarded: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def process(self, number: int) -> None:
        """Guard a process and what comes from it.

        Args:
            number: its id; it leads a session of its own.
        """
        self._add(f"process {number}")

    def folder(self, path: Path) -> None:
        """Guard a folder: it is removed with everything in it.

        Args:
            path: the folder, absolute.
        """
        self._add(f"folder {path}")

    def release(self, guarded: int | Path) -> None:
        """Guard it no more: it has been ended, or removed.

        Args:
            guarded: a process's id, or a folder.
        """
        line = f"folder {guarded}" if isinstance(guarded, Path) else f"process {guarded}"
        with self._lock:
            self._guarded.discard(line)
            self._tell(f"-{line}")

    def close(self) -> None:
        """Have what is guarded ended, and wait until it is."""
        with self._lock:
            process, self._process = self._process, None
            self._guarded.clear()
        if process is not None:
            process.communicate(timeout=2 * family.KILLED)

    def forget(self) -> None:
        """Be as new, in a process that was forked: what is guarded is its parent's.

        Its copy of the pipe would keep that one open, and the guardian waiting, until both have ended.
        """
        process, self._process = self._process, None
        self._guarded.clear()
        self._lock = threading.Lock()  # whoever held it was not forked
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.returncode = 0  # its parent waits for it

    def _add(self, line: str) -> None:
        with self._lock:
            self._guarded.add(line)
            if self._process is None or self._process.poll() is not None:
                self._start()
            else:
                self._tell(f"+{line}")

    def _start(self) -> None:
        if self._process is not None:
            self._process.communicate()
        # -P: whatever lies in the current folder is not imported. A session of its own: what a terminal sends to the
        # tests, it does not get. No buffer: what is written can't fail later.
        command = [sys.executable, "-P", "-c", _RUN]
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a line from above
            command, stdin=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        self._tell(*(f"+{line}" for line in self._guarded))

    def _tell(self, *lines: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        with suppress(BrokenPipeError):  # ended by somebody: the next thing to guard starts it again
            self._process.stdin.write("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))


def guard(lines: Iterable[str]) -> None:
    """Read what to guard until there is no more to read, then end it.

    Args:
        lines: `+process 4711`, `+folder /path` to guard; with a minus to guard no more.
    """
    processes: dict[str, psutil.Process] = {}
    folders: set[str] = set()
    for line in lines:
        sign, (kind, name) = line[0], line[1:].rstrip("\n").split(" ", 1)
        if sign == "-":
            processes.pop(name, None)
            folders.discard(name)
        elif kind == "folder":
            folders.add(name)
        else:
            with suppress(psutil.NoSuchProcess):  # it has ended already
                processes[name] = psutil.Process(int(name))
    for process in processes.values():
        family.kill(process)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


GUARDIAN = Guardian()
"""The one of this process."""
atexit.register(GUARDIAN.close)
os.register_at_fork(after_in_child=GUARDIAN.forget)
