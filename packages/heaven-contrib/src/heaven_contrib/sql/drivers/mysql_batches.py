"""Many rows in few statements: INSERT ... VALUES (...), (...)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

LARGEST: Final = 1_000_000
"""Bytes of one statement: servers take a megabyte at the very least (max_allowed_packet), and more is no faster."""


_INSERT: Final = re.compile(
    r"""\s*((?:INSERT|REPLACE)\b .+ \bVALUES?\s*)
    ( \(\s* (?:%s|[\w.]+(?:\(\))?) (?:\s*,\s* (?:%s|[\w.]+(?:\(\))?) )* \s*\) )
    ( \s* (?:(?:AS|ON\s+DUPLICATE)\b.*)? ) ;?\s*\Z""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
"""As the drivers have it for executemany, with NOW(), DEFAULT, NULL and numbers beside placeholders."""


def batches(sql: str, rows: Sequence[Sequence[Any]], encoded: Callable[[str, Sequence[Any]], bytes]) -> list[bytes]:
    """The statements that do to all rows what one does to one.

    An INSERT or REPLACE with plain VALUES takes as many rows as fit; anything else is repeated.

    Args:
        sql: the statement for one row.
        rows: their values.
        encoded: makes the bytes of a statement and its values.
    """
    found = _INSERT.match(sql)
    if found is None or not rows[0] or "%s" in f"{found[1]}{found[3]}".replace("%%", ""):
        return [encoded(sql, row) for row in rows]
    before, values, after = encoded(found[1] % (), ()), found[2], encoded(found[3] % (), ())
    statements: list[bytes] = []
    parts: list[bytes] = []
    left = room = LARGEST - len(before) - len(after)
    for row in rows:
        part = encoded(values, row)
        if parts and len(part) >= left:
            statements.append(before + b",".join(parts) + after)
            parts, left = [], room
        parts.append(part)
        left -= len(part) + 1
    statements.append(before + b",".join(parts) + after)
    return statements
