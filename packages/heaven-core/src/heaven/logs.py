"""Loggers whose lines nobody outside can forge."""

from __future__ import annotations

import logging
import re
import traceback

# Control characters, what else ends a line, and surrogates, for which a handler that writes UTF-8 drops the record.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def logger(name: str) -> logging.Logger:
    r"""The logger of this name, made to escape control characters in messages and tracebacks, and to indent the latter.

    A message, and the text of an exception, often has what a client sent in it. A line break in that must not begin a
    line that looks like another record, ESC must not reach a terminal, and what isn't UTF-8 must not lose the record.

    Example:
        >>> import sys
        >>> log = logger("heaven.example")
        >>> log.addHandler(handler := logging.StreamHandler(sys.stdout)); log.propagate = False
        >>> log.error("failed", exc_info=ValueError("\r\x1b[2J\nforged"))
        failed
          ValueError: \r\x1b[2J
          forged
        >>> log.removeHandler(handler)
    """
    named = logging.getLogger(name)
    named.addFilter(_escaping)
    return named


def _escaping(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    if _CONTROL.search(message) or "\n" in message:
        record.msg, record.args = _CONTROL.sub(_escape, message).replace("\n", "\\n"), ()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and record.exc_text is None:
        text = "".join(traceback.format_exception(error)).rstrip("\n")
        # Formatters take this text in place of making their own.
        record.exc_text = "\n".join("  " + line for line in _CONTROL.sub(_escape, text).split("\n"))
    return True


def _escape(found: re.Match[str]) -> str:
    return ascii(found.group())[1:-1]
