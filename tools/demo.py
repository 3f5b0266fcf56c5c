"""Serve examples/orders on http://127.0.0.1:8000 until Ctrl-C. Usage: demo.py [PORT]"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "orders"


def main(port: int) -> int:
    """Say where it will be, serve, and end quietly."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            print(
                f"Port {port} is in use. Stop what listens there, or take another: make demo PORT={port + 1}",
                file=sys.stderr,
            )
            return 1
    print(f"\n  The shop's orders: http://127.0.0.1:{port}   (Ctrl-C ends it)\n", flush=True)
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "application:app",
        "--app-dir",
        str(EXAMPLE),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, cwd=EXAMPLE) as server:
        while True:
            try:
                code = server.wait()
            except KeyboardInterrupt:
                continue  # the server had the same signal, and is finishing what it has begun
            return 0 if code in (0, 130, -2, -15) else code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000))
