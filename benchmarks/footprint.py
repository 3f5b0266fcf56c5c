"""Part 4, first half: import time and resident memory of the hello application; a new process for every sample."""

from __future__ import annotations

import json
import subprocess

from benchmarks.console import progress, trouble
from benchmarks.figures import ratio, summarise
from benchmarks.plan import Plan, Results

ROUNDS, QUICK_ROUNDS = 11, 3
PROBE = "benchmarks.footprint_probe"


def run(plan: Plan) -> Results:
    """Take samples of every peer in turn."""
    samples: dict[str, list[dict[str, float]]] = {peer: [] for peer in plan.peers}
    for count in range(plan.number(ROUNDS, QUICK_ROUNDS) + 1):
        progress(f"import time and memory: round {count}" + (" (warms the disk cache)" if not count else ""))
        for peer in plan.shuffled(list(samples)):
            sample = take(plan, peer)
            if sample is None:
                del samples[peer]
            elif count:
                samples[peer].append(sample)
    return {measure: conclude(samples, measure) for measure in ("seconds", "memory", "served_memory")}


def take(plan: Plan, peer: str) -> dict[str, float] | None:
    """One new process."""
    command = ["taskset", "-c", str(plan.core), *plan.environment.command("-m", PROBE, peer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **plan.environment.place())
    if done.returncode:
        problem = f"{peer}: the hello application failed: {done.stderr.strip().splitlines()[-1:]}"
        trouble(problem)
        plan.failures.append(problem)
        return None
    sample: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return sample


def conclude(samples: dict[str, list[dict[str, float]]], measure: str) -> Results:
    """Figures of one measure and ratios to Starlette."""
    values = {peer: [sample[measure] for sample in taken] for peer, taken in samples.items() if taken}
    beside = values.get("starlette")
    return {
        peer: summarise(column).as_dict() | {"to_starlette": ratio(column, beside) if beside else None}
        for peer, column in values.items()
    }
