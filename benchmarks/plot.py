"""Draws results: `python -m benchmarks.plot RESULTS.json PICTURE.png`, in the peers' environment (for matplotlib)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

OURS, FLOOR = "heaven", "bare"
COLOURS = {OURS: "#1b7f4d", FLOOR: "#b8b8b8"}
OTHER = "#5b7fa6"


def draw(results: dict[str, Any], target: Path) -> None:
    """One small panel a scenario: in process first, then behind uvicorn."""
    panels: list[tuple[str, dict[str, float], str]] = []
    for scenario in results.get("inprocess", {}).get("scenarios", {}).values():
        panels.append((scenario["title"], medians(scenario, 1e6), "µs, less is better"))
    for scenario in (results.get("served") or {}).values():
        panels.append((f"{scenario['title']}, uvicorn", medians(scenario, 1e-3), "1000 requests/s, more is better"))
    panels = [panel for panel in panels if panel[1]]
    if not panels:
        return
    columns = 4
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(16, 3.4 * rows), squeeze=False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        one_panel(axis, *panel)
    for axis in list(axes.flat)[len(panels) :]:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def medians(scenario: dict[str, Any], scale: float) -> dict[str, float]:
    """Peer -> median."""
    return {peer: row["median"] * scale for peer, row in scenario["peers"].items()}


def one_panel(axis: Any, title: str, values: dict[str, float], unit: str) -> None:
    """Horizontal bars, the best at the top; beyond twelve times Heaven a bar is cut and its figure written."""
    order = sorted(values, key=values.__getitem__, reverse="less" in unit)
    limit = 12 * values.get(OURS, min(values.values())) if "less" in unit else max(values.values())
    shown = [min(values[peer], limit) for peer in order]
    bars = axis.barh(order, shown, color=[COLOURS.get(peer, OTHER) for peer in order])
    axis.bar_label(
        bars,
        labels=[f"{values[peer]:,.0f}" if values[peer] >= 100 else f"{values[peer]:.3g}" for peer in order],
        padding=3,
        fontsize=8,
    )
    axis.set_xlim(0, max(shown) * 1.18)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel(unit, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
