"""A process and those that came from it, found and ended by their ids."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

KILLED = 30.0
"""Seconds that killed processes may take to be gone; what hangs in the kernel takes longer."""


def family(leader: psutil.Process) -> list[psutil.Process]:
    """A process and what it has started, and what those have started.

    Children whose parent has ended are found by their session, so the leader has to be started with one of its own.
    A descendant that has opened another session *and* has lost its parent is not found.

    Args:
        leader: the first of them; it may have ended.

    Returns:
        Those that live, the leader first.
    """
    found: dict[int, psutil.Process] = {leader.pid: leader}
    with suppress(psutil.NoSuchProcess):
        found |= {child.pid: child for child in leader.children(recursive=True)}
    # While somebody is left in its session, nobody gets the leader's id: who has that now has another session.
    if leader.is_running() or not psutil.pid_exists(leader.pid):
        found |= {member.pid: member for member in _session(leader.pid) if member.pid not in found}
    return [process for process in found.values() if _lives(process)]


def kill(leader: psutil.Process) -> None:
    """End a process and all that came from it with SIGKILL, and wait until they have ended.

    `psutil.wait_procs` would wait for whoever inherits an orphan to take note of its end, and not everybody does.

    Args:
        leader: the first of them; it may have ended.
    """
    deadline = time.monotonic() + KILLED
    while (members := family(leader)) and time.monotonic() < deadline:
        for member in members:
            with suppress(psutil.Error):
                member.kill()
        time.sleep(0.001)


def _session(number: int) -> Iterator[psutil.Process]:
    """The members of a session."""
    for pid in psutil.pids():
        with suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(pid) == number:
                yield psutil.Process(pid)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
