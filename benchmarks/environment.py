"""The environment of the peers: a virtual environment of its own, with the newest versions of everything."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from benchmarks.console import progress, trouble
from benchmarks.scenarios import FLOOR, OURS, PEERS

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent
OF_THIS_REPOSITORY = tuple(
    REPOSITORY / "packages" / name for name in ("heaven-core", "heaven-contrib", "heaven-testing")
)
REQUIREMENTS = (
    *(peer for peer in PEERS if peer not in (FLOOR, OURS)),
    "ravyn",
    "orjson",
    "msgspec",
    "python-multipart",
    "uvicorn",
    "uvloop",
    "httptools",
    "httpx",
    "httpx2",
    "psutil",
    "aiomysql[rsa]",
    "asyncmy",
    "sqlalchemy[asyncio]",
    "sqlparams",
    "redis",
    "hiredis",
    "cachetools",
    "gunicorn",
    "uvicorn-worker",
    "pytest",
    "matplotlib",
    "hatchling",
)
"""Peers, what they need to be at their fastest, servers, what test clients need, clients of databases, the plot, what
builds Heaven."""


class Environment:
    """A virtual environment that holds every peer.

    Args:
        folder: Where it is; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"

    def prepare(self, *, upgrade: bool = True) -> None:
        """Make the environment, bring every peer to its newest version, install Heaven from this repository.

        Args:
            upgrade: Whether to look for newer versions when the environment is there already.
        """
        fresh = not self.python.exists()
        if fresh:
            progress(f"making {self.folder}")
            venv.create(self.folder, with_pip=True)
        newest = fresh or upgrade
        progress("installing the newest versions of the peers" if newest else "installing what is missing")
        done = self.pip("install", *(["--upgrade"] if newest else []), *REQUIREMENTS)
        if done.returncode and fresh:
            raise SystemExit(f"The peers could not be installed:\n{done.stderr}")
        if done.returncode:
            trouble(f"Nothing could be looked up, what is installed is used:\n{done.stderr.strip()}")
        done = self.pip(
            "install", "--no-build-isolation", "--no-deps", "--force-reinstall", *map(str, OF_THIS_REPOSITORY)
        )
        if done.returncode:
            trouble(f"Heaven could not be installed from this repository:\n{done.stderr.strip()}")

    def pip(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pip in the environment."""
        command = [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def versions(self) -> dict[str, str]:
        """Every distribution that is installed and its version."""
        code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
        found: dict[str, str] = json.loads(self.output("-c", code))
        return dict(sorted(found.items(), key=lambda item: item[0].lower()))

    def output(self, *arguments: str) -> str:
        """What a short Python program prints."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=True, **self.place())
        return str(done.stdout)

    def command(self, *arguments: str) -> list[str]:
        """A command line of the environment's Python."""
        return [str(self.python), *arguments]

    def place(self, **more: str) -> dict[str, Any]:
        """Where and in which surroundings a process is started.

        The hash seed is fixed, so that the layout of dicts is no source of noise.
        """
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SANIC", "QUART"))}
        return {"cwd": REPOSITORY, "env": keep | {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"} | more}


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "runner": f"Python {sys.version.split()[0]}",
    }


def processor() -> str:
    """The name of the processor."""
    for row in Path("/proc/cpuinfo").read_text().splitlines():
        if row.startswith("model name"):
            return row.partition(":")[2].strip()
    return platform.machine()


def cores() -> tuple[int, int]:
    """The core that is measured on, and the one that everything else uses."""
    available = sorted(os.sched_getaffinity(0))
    return available[-1], available[0]
