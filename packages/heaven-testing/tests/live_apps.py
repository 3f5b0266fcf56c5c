"""Applications for LiveServer, good and bad."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path


async def lifespan(receive, send):
    """Say yes to both."""
    for kind in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{kind}.complete"})


async def answer(send, body):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})


async def app(scope, receive, send):
    """What it is asked about: the interpreter's -O, its environment and folder; and what it prints or fails with."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    asked = scope["path"].rsplit("/", 1)[1]
    if asked == "print":
        sys.stdout.write("printed by the application\n")
    if asked == "crash":
        os._exit(9)
    if asked == "raise":
        raise ZeroDivisionError
    answers = {
        "optimize": str(sys.flags.optimize),
        "root": scope["root_path"],
        "address": os.environ.get("ADDRESS", ""),
        "cwd": str(Path.cwd()),
        "scheme": scope["scheme"],
        "pid": str(os.getpid()),
    }
    await answer(send, answers.get(asked, asked))


def factory():
    """The same, made by a function."""
    sys.stdout.write("made\n")
    return app


async def bare(scope, receive, send):
    """One that knows no lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError
    await answer(send, "bare")


async def refusing(scope, receive, send):
    """One that does not start."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "there is no database"})


async def failing(scope, receive, send):
    """One whose shutdown fails, without a traceback."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "a file could not be written"})


async def deaf(scope, receive, send):
    """One that never comes to the end of its shutdown."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.sleep(600)
