"""Who opens files and sockets, so that what a test opened is not laid at the application's door."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from heaven_testing.inprocess.descriptors import Descriptor, name_of
from heaven_testing.inprocess.ownership import OWNER


class Openings:
    """Lives as long as somebody asks: notes what others than one server's application open.

    Others are the applications of other servers, and what runs in threads that were there before: the test, and the
    servers it started. A thread that began later counts as the application, and so do the threads of a pool.

    Args:
        owner: the server.
    """

    def __init__(self, owner: object) -> None:
        self._owner = owner
        self._threads: dict[int | None, threading.Thread] = {}
        self._only_others: dict[str, bool] = {}
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def begin(self) -> None:
        """Listen, by Python's audit events (PEP 578)."""
        self._threads = {each.ident: each for each in threading.enumerate() if not each.name.startswith(_POOLS)}
        _listen(self)

    def end(self) -> None:
        """Listen no more."""
        global _listening  # noqa: PLW0603 - there is one audit hook in a process
        _listening = tuple(each for each in _listening if each is not self)

    def others(self, among: Iterable[Descriptor]) -> set[Descriptor]:
        """What is known to be open for others than the application, or for the process as long as that lives."""
        numbers = {each.fileno() for each in list(self._sockets)} | _log_files() | _trackers()
        return {each for each in among if each.number in numbers or self._only_others.get(each.name, False)}

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event."""
        owner = OWNER.get()
        others = owner is not self._owner if owner is not None else self._was_here()
        if event == "socket.__new__":
            if others and isinstance(arguments[0], socket.socket):
                self._sockets.add(arguments[0])
        elif (name := _name(arguments[0])) is not None:
            self._only_others[name] = others and self._only_others.get(name, True)

    def _was_here(self) -> bool:
        """Whether the running thread is older than the application."""
        thread = self._threads.get(threading.get_ident())
        return thread is not None and thread.is_alive()  # the number of one that has ended is given to the next


_POOLS = ("asyncio_", "ThreadPoolExecutor", "AnyIO worker thread")
"""How threads are called that work for whoever asks."""
_EVENTS = frozenset(("open", "sqlite3.connect", "socket.__new__"))

_listening: tuple[Openings, ...] = ()
_is_hooked = False


def _listen(openings: Openings) -> None:
    global _listening, _is_hooked  # noqa: PLW0603 - there is one audit hook in a process
    _listening = (*_listening, openings)
    if not _is_hooked:
        _is_hooked = True
        sys.addaudithook(_hook)  # it can't be taken away again


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and arguments and event in _EVENTS:
        for each in _listening:
            each.note(event, arguments)


def _log_files() -> set[int]:
    """Where logging writes to; a handler may open its file as late as the application's first record."""
    # Not all of them hang on a logger: some stand behind another one, or behind a queue. What `logging.shutdown` closes
    # at the end of the process is all of them.
    handlers: list[Any] = [reference() for reference in [*getattr(logging, "_handlerList", ())]]
    streams = [each.stream for each in handlers if isinstance(each, logging.FileHandler)]
    return {stream.fileno() for stream in streams if stream is not None and not stream.closed}


def _trackers() -> set[int]:
    """How processes are told what to clean up: whoever first shares memory or has a pool of processes opens it."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    return {getattr(getattr(module, "_resource_tracker", None), "_fd", None) or 0}


def _name(path: Any) -> str | None:
    """What the system will call what is opened by a path, or is open under a number already."""
    try:
        return name_of(path) if isinstance(path, int) else os.path.realpath(os.fsdecode(path))
    except (OSError, TypeError, ValueError):
        return None  # it is about to fail
