"""What one run is to do: decided once from the command line, read by every part."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environment import Environment
from benchmarks.scenarios import PEERS, SCENARIOS, Scenario

PARTS = (
    "inprocess",
    "declarative",
    "served",
    "growth",
    "footprint",
    "transfer",
    "testing",
    "sql",
    "redis",
    "techempower",
)
SEED = 20_240_613
MEBIBYTE = 1024 * 1024


@dataclass(slots=True)
class Plan:
    """One run.

    Attributes:
        environment: Where the peers are installed.
        peers: Which peers take part, the floor and Heaven among them.
        parts: Which parts are run.
        scenarios: Which scenarios are run.
        quick: Short bursts and few rounds: to see that it works, not to quote.
        core: The core that is measured on.
        other: The core of the parent and of the load generator.
        failures: Everything that went wrong; a run with failures ends with exit code 1.
    """

    environment: Environment
    peers: tuple[str, ...] = PEERS
    parts: tuple[str, ...] = PARTS
    scenarios: tuple[Scenario, ...] = SCENARIOS
    quick: bool = False
    rounds: int | None = None
    core: int = 0
    other: int = 0
    results: Path = Path("results")
    failures: list[str] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))

    def number(self, usual: int, quick: int) -> int:
        """How many rounds: as asked for, or the usual number, or that of a quick run."""
        return self.rounds or (quick if self.quick else usual)

    def shuffled(self, names: Sequence[str]) -> list[str]:
        """The names in an order that differs from round to round and is the same in every run."""
        return self.chance.sample(list(names), len(names))


Results = dict[str, Any]
"""Plain data, ready for JSON."""
