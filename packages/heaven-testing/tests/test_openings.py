"""Who opens what: noted by an audit hook that disturbs nobody."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from heaven_testing.inprocess import descriptors, openings
from heaven_testing.inprocess.ownership import OWNER


def call_the_hook(event: str, *arguments: Any) -> None:
    openings._hook(event, arguments)


@pytest.mark.parametrize("announce", [sys.audit, call_the_hook])
def test_what_can_not_be_opened_disturbs_nobody(announce: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is announced to the audit hook, who opens it meets with its own error only."""
    watching = openings.Openings(object())
    announce("open", tmp_path, "r", 0)
    watching.begin()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for arguments in ((), (object(), "r", 0), ("a\0b", "r", 0), ("relative", "r", 0), (10_000, "r", 0)):
        announce("open", *arguments)
    watching.end()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fdopen(10_000)


def test_who_opens_is_told_by_context_and_thread(tmp_path: Path) -> None:
    """Another server's application is another one whatever its thread; without a context the thread decides."""
    owner = object()
    watching = openings.Openings(owner)
    watching.begin()
    opened = {name: (tmp_path / name).open("w") for name in ("ours", "theirs", "the test's", "a thread's", "both")}

    def told(name: str, by: object) -> None:
        context = Context()
        context.run(OWNER.set, by)
        context.run(openings._hook, "open", (opened[name].fileno(), "w", 0))

    with socket.socket() as ours, socket.socket() as theirs:
        watching.note("socket.__new__", (object(), 2, 1, 0))
        told("ours", owner)
        told("theirs", object())
        told("both", owner)
        told("both", object())
        thread = threading.Thread(target=told, args=("a thread's", None))
        thread.start()
        thread.join()
        context = Context()
        context.run(OWNER.set, owner)
        watching._sockets.clear()
        watching.note("socket.__new__", (theirs, 2, 1, 0))
        context.run(watching.note, "socket.__new__", (ours, 2, 1, 0))
        numbers = {each.fileno(): name for name, each in opened.items()} | {
            ours.fileno(): "ours",
            theirs.fileno(): "theirs",
        }
        among = [each for number, each in descriptors.descriptors().items() if number in numbers]
        assert ["the test's", "theirs", "theirs"] == sorted(numbers[each.number] for each in watching.others(among))
    watching.end()
    for each in opened.values():
        each.close()


def test_a_descriptor_that_is_no_socket_any_more_is_called_by_its_name() -> None:
    """What was closed meanwhile is told of as the system called it."""
    assert "socket:[7]" == str(descriptors.Descriptor(10_000, (0, 0), "socket:[7]"))
