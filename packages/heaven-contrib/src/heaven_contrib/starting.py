"""How an application starts before the services it needs: it asks again and again, until one deadline."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from logging import Logger
from typing import Final, TypeVar

from heaven import App, Key
from heaven.errors import RegistrationError
from heaven.logs import logger
from heaven_contrib.errors import ServiceUnavailable

B = TypeVar("B")

log: Logger = logger("heaven.services")

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 1.0


async def until_it_answers(ask: Callable[[], Awaitable[object]], name: str, seconds: float) -> None:
    """Call a function until it does not raise ServiceUnavailable any more.

    The pauses double, from a tenth of a second up to a second, and are up to a half shorter by chance, so that many
    workers that start together do not ask together.

    Args:
        ask: asks the service for a sign of life; it has a deadline of its own.
        name: what the service is called in the log; no password is in it.
        seconds: after this long, the next failure is the last.

    Raises:
        ServiceUnavailable: the last failure; a note says where it was, and why.
        Exception: what else `ask` raises, with such a note, and at once: it will not be mended by waiting.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    pause = FIRST_PAUSE
    while True:
        try:
            await ask()
        except Exception as error:
            wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            if not isinstance(error, ServiceUnavailable) or loop.time() + wait > deadline:
                _say_where(error, name)
                raise
            if pause == FIRST_PAUSE:
                log.warning("%s can't be used yet, trying for %g s: %s", name, seconds, error.__cause__ or error)
            pause = min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(wait)
        else:
            return


def keep_alone(app: App, key: Key[B], battery: B) -> None:
    """Keep a battery under its key, unless another of its kind is there, which nobody would find any more.

    Raises:
        RegistrationError: one is there.
    """
    there = app.peek(key, None)
    if there is not None and type(there) is type(battery) and there is not battery:
        raise RegistrationError(
            f"{there!r} is kept as {key.name!r} already, and {battery!r} would take its place; "
            'give one of them a key of its own, as key=Key("reports")'
        )
    app.keep(key, battery)


def _say_where(error: Exception, name: str) -> None:
    """Note it for whoever reads the log, where nobody has done so: an answer to a client tells neither."""
    if not any(name in note for note in getattr(error, "__notes__", ())):
        why = str(error.__cause__ or "")
        error.add_note(f"while connecting to {name}{'' if why in str(error) else ': ' + why}")
