"""Progress on stderr, tables on stdout; colours only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from time import monotonic

START = monotonic()


def paint(text: str, code: str, *, stream: int = 1) -> str:
    """Colour a text for a terminal, and for nothing else."""
    plain = os.environ.get("NO_COLOR") or not os.isatty(stream)
    return text if plain else f"\x1b[{code}m{text}\x1b[0m"


def progress(text: str) -> None:
    """Say on stderr what is being done."""
    print(paint(f"[{monotonic() - START:6.1f} s] {text}", "2", stream=2), file=sys.stderr, flush=True)


def trouble(text: str) -> None:
    """Say on stderr what went wrong."""
    print(paint(text, "31", stream=2), file=sys.stderr, flush=True)


def heading(text: str) -> None:
    """A heading on stdout."""
    print(f"\n{paint(text, '1')}\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, mark: str = "") -> None:
    """A table on stdout that is also Markdown; the row that begins with `mark` is bold on a terminal."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    print(line(head, widths))
    print("|" + "|".join(("-" * (width + 1) + (":" if at else "-")) for at, width in enumerate(widths)) + "|")
    for row in rows:
        text = line(row, widths)
        print(paint(text, "1;32") if mark and row[0] == mark else text)
    sys.stdout.flush()


def line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One row: the first column to the left, figures to the right."""
    first, *others = (
        cell.ljust(width) if not at else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "| " + " | ".join((first, *others)) + " |"
