"""Whether work grows with the length of its input alone, shown by a ratio and not by a clock."""

from __future__ import annotations

import time
from collections.abc import Callable


def is_linear(run: Callable[[str], object], unit: str) -> bool:
    """Whether eight times the input takes less than forty times as long; quadratic work takes sixty-four times."""
    return _seconds(run, unit * (32_000 // len(unit))) < 40 * max(_seconds(run, unit * (4_000 // len(unit))), 1e-5)


def _seconds(run: Callable[[str], object], text: str) -> float:
    """The quickest of three runs, so that what else the machine does doesn't count."""
    times: list[float] = []
    for _ in range(3):
        start = time.process_time()
        run(text)
        times.append(time.process_time() - start)
    return min(times)
