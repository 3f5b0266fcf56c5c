"""Loggers: whatever an exception says, its traceback stays one indented block."""

from __future__ import annotations

import doctest
import logging
import sys
from pathlib import Path

from heaven import logs
from heaven.logs import logger


def test_the_examples_run() -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(logs, extraglobs={"logging": logging, "sys": sys}).failed


def test_a_record_without_an_exception_is_left_alone() -> None:
    """And so is a text that somebody else made for it."""
    log = logger("heaven.test-logs")
    plain = logging.makeLogRecord({"msg": "x", "exc_info": None})
    made = logging.makeLogRecord({"msg": "x", "exc_info": (ValueError, ValueError(), None), "exc_text": "mine"})
    nothing = logging.makeLogRecord({"msg": "x", "exc_info": (None, None, None)})

    assert all(map(log.filter, (plain, made, nothing)))
    assert [None, "mine", None] == [plain.exc_text, made.exc_text, nothing.exc_text]


def test_a_message_stays_on_one_line() -> None:
    """Class 44: what a client sent stands in messages too, such as the reason of a refusal."""
    log = logger("heaven.test-logs")
    record = logging.makeLogRecord({"msg": "from %s", "args": ("a\r\nINFO forged\x1b[2J",)})
    log.filter(record)

    assert "from a\\r\\nINFO forged\\x1b[2J" == record.getMessage()


def test_a_record_can_be_written_as_utf_8(tmp_path: Path) -> None:
    """Class 44: a lone surrogate, in a message or in the text of an exception, loses no record in a file."""
    log = logger("heaven.test-logs")
    log.addHandler(handler := logging.FileHandler(tmp_path / "log", encoding="utf-8"))
    log.propagate = False
    try:
        log.error("from %s", "\ud800", exc_info=ValueError("\udcff"))
    finally:
        log.removeHandler(handler)
        log.propagate = True
        handler.close()

    assert "from \\ud800\n  ValueError: \\udcff\n" == (tmp_path / "log").read_text(encoding="utf-8")


def test_a_logger_escapes_once_however_often_it_is_asked_for() -> None:
    """Modules that share a logger share its filter."""
    assert logger("heaven.test-logs") is logger("heaven.test-logs")
    assert 1 == len(logger("heaven.test-logs").filters)
