"""Says what became slower since the last run: Heaven's time as a multiple of the bare callable's."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.plan import Results
from benchmarks.scenarios import OURS

NOTABLE = 0.03


def changes(results: Results, earlier: Path) -> list[str]:
    """Compare with an earlier run's JSON.

    Returns:
        A line for each scenario whose ratio to bare changed by more than 3%, beyond the spread of both runs.
    """
    if not earlier.exists():
        return []
    old = json.loads(earlier.read_text()).get("inprocess", {}).get("scenarios", {})
    lines = []
    for name, scenario in results.get("inprocess", {}).get("scenarios", {}).items():
        now, then = (from_one.get("peers", {}).get(OURS) for from_one in (scenario, old.get(name, {})))
        if not now or not then or not now["to_bare"] or not then["to_bare"]:
            continue
        change = now["to_bare"] / then["to_bare"] - 1
        if abs(change) > max(NOTABLE, now["spread"], then["spread"]):
            lines.append(f"{scenario['title']}: {'slower' if change > 0 else 'faster'} by {abs(change):.1%}")
    return lines
