"""Where a task waits, in words: what a message about a hang has to say."""

from __future__ import annotations

import asyncio
import gc
import linecache
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, cast

import heaven

_OURS = (f"{Path(__file__).parents[1]}{os.sep}", f"{Path(heaven.__file__).parent}{os.sep}")
_STANDARD = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def where(task: asyncio.Task[Any]) -> str:
    """Where a task waits: the innermost line of the application's own code, and what it called there.

    Args:
        task: one that is not the running one.

    Example:
        >>> async def forever() -> None:
        ...     await asyncio.Event().wait()
        >>> async def look() -> str:
        ...     task = asyncio.create_task(forever())
        ...     await asyncio.sleep(0)
        ...     told = where(task)
        ...     task.cancel()
        ...     return told
        >>> asyncio.run(look())  # doctest: +ELLIPSIS
        'waits in forever at ...'
    """
    if task.done():
        return "has ended"
    frames = list(_frames(task.get_coro()))
    if not frames:
        return "waits, and does not tell where"
    return f"waits in {_place(frames)}"


def where_in(thread: threading.Thread) -> str:
    """Where a thread stands: the innermost line of the application's own code.

    Args:
        thread: one that is not the running one.
    """
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    frames: list[FrameType] = []
    while frame is not None:
        frames.insert(0, frame)
        frame = frame.f_back
    return f"is in {_place(frames)}" if frames else "has ended"


def _place(frames: list[FrameType]) -> str:
    """The innermost line of the application's own code, and what it called there."""
    theirs = [frame for frame in frames if not _is_in(frame, (*_OURS, *_STANDARD, *_INSTALLED))]
    own = theirs or [frame for frame in frames if not _is_in(frame, (_OURS[0], *_STANDARD))] or frames
    place = _told(own[-1])
    inner = [frame.f_code.co_name for frame in frames[frames.index(own[-1]) + 1 :] if _is_in(frame, _OURS[:1])]
    message = next((_AT_THE_SERVER[name] for name in inner if name in _AT_THE_SERVER), None)
    return place + (f", for {message}" if message else "")


_AT_THE_SERVER = {
    "receive": "the next message of the client",
    "send": "the client to read what was sent",
}
"""What the application waits for when it stands in one of the server's functions."""


def _frames(awaited: Any) -> Iterator[FrameType]:
    """The frames of a coroutine and of what it awaits, the innermost last."""
    seen: set[int] = set()  # tasks may wait for each other
    while awaited is not None and id(awaited) not in seen:
        seen.add(id(awaited))
        frame, awaited = _step(awaited)
        if frame is not None:
            yield frame


def _step(awaited: Any) -> tuple[FrameType | None, Any]:
    """The frame of something that is awaited, and what it awaits itself."""
    for attributes in (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await")):
        if hasattr(awaited, attributes[0]):
            return getattr(awaited, attributes[0]), getattr(awaited, attributes[1])
    if isinstance(awaited, asyncio.Task):
        return None, cast("Any", awaited).get_coro()
    # `async for` awaits an object that does not show its generator, and `await task` one that does not show its task;
    # what they refer to does. `gather` waits for several: the first one that is not done is told.
    referents: list[Any] = gc.get_referents(awaited)
    candidates = [*referents, *(child for future in referents for child in getattr(future, "_children", ()))]
    return None, next((each for each in candidates if _is_awaited(each)), None)


def _is_awaited(something: Any) -> bool:
    """Whether it is a generator, or a task that still runs."""
    return hasattr(something, "ag_frame") or (isinstance(something, asyncio.Task) and not cast("Any", something).done())


def _is_in(frame: FrameType, folders: tuple[str, ...]) -> bool:
    name = frame.f_code.co_filename
    return name.startswith("<frozen") or any(name.startswith(folder) for folder in folders)


def _told(frame: FrameType) -> str:
    name, line = frame.f_code.co_filename, frame.f_lineno
    code = linecache.getline(name, line).strip()
    return f"{frame.f_code.co_name} at {name}:{line}" + (f" ({code})" if code else "")
