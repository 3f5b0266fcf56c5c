"""From timings to figures: medians, minima, spreads, and ratios of rounds that ran side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """What a number of rounds amounts to.

    Attributes:
        median: The middle round.
        best: The best round (the least time; for a rate, the highest).
        spread: Half the distance between the quartiles, as a share of the median.
        rounds: How many rounds.
    """

    median: float
    best: float
    spread: float
    rounds: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def summarise(values: Sequence[float], *, higher_is_better: bool = False) -> Figure:
    """Sum up rounds."""
    middle = median(values)
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (middle, middle, middle)
    best = max(values) if higher_is_better else min(values)
    return Figure(middle, best, (high - low) / 2 / middle if middle else 0.0, len(values))


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios round by round: what slows the machine for a while slows both."""
    return median(value / other for value, other in zip(values, others, strict=True))


def added_ratio(values: Sequence[float], others: Sequence[float], floor: Sequence[float]) -> float:
    """The same of what each adds to a bare callable, which both have to do."""
    return median((value - bare) / (other - bare) for value, other, bare in zip(values, others, floor, strict=True))


def fastest(rounds: dict[str, list[float]], leave_out: Sequence[str], *, higher_is_better: bool = False) -> str | None:
    """The peer with the best median."""
    peers = {name: median(values) for name, values in rounds.items() if name not in leave_out and values}
    if not peers:
        return None
    return (max if higher_is_better else min)(peers, key=peers.__getitem__)
