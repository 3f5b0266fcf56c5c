"""What an application tells a test behind the back of every protocol: lines in files, in a folder both know.

An application that runs in a server's process and one that runs inside the test do it the same way.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

FOLDER = "HEAVEN_PARITY_FOLDER"
"""The variable of the environment that names the folder."""
DEADLINE = 30.0
"""Seconds that anything waited for may take."""
TURN = 0.005
"""Seconds between two looks."""


def folder() -> Path:
    """Where notes, gates and the files that are served lie."""
    return Path(os.environ[FOLDER])


def note(key: str, what: object) -> None:
    """Write a line down, in one piece."""
    with (folder() / key).open("a") as file:
        file.write(f"{what}\n")


def notes(key: str) -> list[str]:
    """The lines written so far."""
    path = folder() / key
    return path.read_text().splitlines() if path.exists() else []


async def noted(key: str, count: int) -> list[str]:
    """The lines, once there are as many."""
    end = time.monotonic() + DEADLINE
    while len(notes(key)) < count:
        if time.monotonic() > end:
            raise TimeoutError(f"{count} notes were expected, and these came: {notes(key)}")
        await asyncio.sleep(TURN)
    return notes(key)


def open_gate(key: str) -> None:
    """Let go on whatever waits at a gate."""
    (folder() / f"{key}.gate").touch()


async def gate(key: str) -> None:
    """Wait until a gate was opened."""
    end = time.monotonic() + DEADLINE
    while not (folder() / f"{key}.gate").exists():
        if time.monotonic() > end:
            raise TimeoutError("the gate was never opened")
        await asyncio.sleep(TURN)
