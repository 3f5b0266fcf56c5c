"""Part `declarative`: routes that are declared, beside the peers' and beside the same written by hand on the core."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from statistics import median

from benchmarks.console import progress, trouble
from benchmarks.declarative_scenarios import BY_HAND, CONTENDERS, OURS, REFUSED, TIMED
from benchmarks.figures import fastest, ratio, summarise
from benchmarks.fleet import Fleet, Member
from benchmarks.inprocess import Rounds, fill, one_round
from benchmarks.plan import MEBIBYTE, Plan, Results
from benchmarks.scenarios import Scenario

BURST, QUICK_BURST = 0.06, 0.015
ROUNDS, QUICK_ROUNDS = 9, 3
GENERATIONS, QUICK_GENERATIONS = 3, 1
LAPS = 10
LAP, QUICK_LAP = 100_000, 2_000
"""Requests of a lap: the last of ten is compared with the first."""

SLICES = 10
"""Bursts of each scenario in a lap."""

STARTS, QUICK_STARTS = 11, 3
PROBE = "benchmarks.declarative_wiring"

TO_FASTEST, TO_BY_HAND = 0.5, 2.5
TO_FIRST_LAP, GROWTH = 1.05, 1 * MEBIBYTE
WIRED = 1.0
"""Seconds that 1,000 routes may take until they are wired."""


def run(plan: Plan) -> Results:
    """Measure every contender, then how flat ours is and how fast it is wired.

    Returns:
        For each scenario the figures of each contender in seconds and its ratios; laps; seconds to be wired.
    """
    about: Results = {"versions": {}, "notes": {}, "unavailable": {}}
    times: dict[str, Rounds] = {scenario.name: {peer: [] for peer in CONTENDERS} for scenario in TIMED}
    generations = QUICK_GENERATIONS if plan.quick else GENERATIONS
    for generation in range(1, generations + 1):
        with Fleet(plan.environment, plan.failures) as fleet:
            progress(f"declarative: starting {len(CONTENDERS)} contenders, generation {generation} of {generations}")
            start(plan, fleet, about)
            numbers = {scenario.name: calibrate(plan, fleet, scenario) for scenario in TIMED}
            for count in range(plan.number(ROUNDS, QUICK_ROUNDS)):
                progress(f"declarative: generation {generation}, round {count + 1}")
                for scenario in TIMED:
                    one_round(plan, fleet, scenario, numbers[scenario.name], times[scenario.name])
            if generation == generations and all(f"{peer}/declared" in fleet.members for peer in (OURS, BY_HAND)):
                about["laps"] = fleet.attempt(partial(run_laps, plan, fleet))
    about["scenarios"] = {scenario.name: conclude(scenario, times[scenario.name]) for scenario in TIMED}
    about["wiring"] = wire(plan)
    about["goals"] = [*compared(about["scenarios"]), *flat(about.get("laps")), wired(about["wiring"])]
    return about


def start(plan: Plan, fleet: Fleet, about: Results) -> None:
    """Start every contender; one that takes what nobody may take is left out."""
    for peer in CONTENDERS:
        fleet.start(f"{peer}/declared", f"benchmarks.declared.{peer}", plan.core, ["declared"])
    fleet.gather()
    for name, member in list(fleet.members.items()):
        for key in ("versions", "notes", "unavailable"):
            about[key][name.partition("/")[0]] = member.greeting[key]
        for scenario in REFUSED:
            if fleet.attempt(partial(member.ask, "check", scenario=scenario.name)) is None:
                fleet.members.pop(name).end()
                break


def calibrate(plan: Plan, fleet: Fleet, scenario: Scenario) -> dict[str, int]:
    """Check everybody's answer, warm everybody up, and find how many requests fill a burst.

    Returns:
        Contender -> number; one that is not in it does not take part.
    """
    wanted = QUICK_BURST if plan.quick else BURST
    numbers: dict[str, int] = {}
    for peer in CONTENDERS:
        member = fleet.members.get(f"{peer}/{scenario.app}")
        if member is not None and fleet.attempt(partial(member.ask, "check", scenario=scenario.name)) is not None:
            number = fleet.attempt(partial(fill, member, scenario, wanted))
            numbers |= {peer: number} if number else {}
    return numbers


def conclude(scenario: Scenario, times: Rounds) -> Results:
    """Figures and ratios of one scenario."""
    most = max(len(values) for values in times.values())
    whole = {peer: values for peer, values in times.items() if values and len(values) == most}
    best = fastest(whole, (OURS, BY_HAND))
    rows: dict[str, Results] = {
        peer: summarise(values).as_dict()
        | {
            "to_fastest": ratio(values, whole[best]) if best else None,
            "to_by_hand": ratio(values, whole[BY_HAND]) if BY_HAND in whole else None,
        }
        for peer, values in whole.items()
    }
    return {"title": scenario.title, "fastest": best, "peers": rows}


def run_laps(plan: Plan, fleet: Fleet) -> Results:
    """Serve a million requests, all scenarios in turn, and watch time, memory and the number of objects.

    What slows the machine for a while is told from what grows by the core by hand, which is asked in between.
    """
    ours, by_hand = (fleet.members[f"{peer}/declared"] for peer in (OURS, BY_HAND))
    lap = QUICK_LAP if plan.quick else LAP
    ratios: list[float] = []
    seen: list[Results] = []
    for count in range(LAPS):
        progress(f"declarative: lap {count + 1} of {LAPS}")
        pairs = [
            (time(ours, scenario, lap // len(TIMED) // SLICES), time(by_hand, scenario, lap // len(TIMED) // SLICES))
            for _ in range(SLICES)
            for scenario in TIMED
        ]
        ratios.append(median(mine / theirs for mine, theirs in pairs))
        seen.append(ours.ask("memory"))
    return {
        "requests": lap * LAPS,
        "ratios": ratios,
        "to_first": ratios[-1] / ratios[0],
        "growth": seen[-1]["resident"] - seen[0]["resident"],
        "objects": seen[-1]["objects"] - seen[0]["objects"],
    }


def time(member: Member, scenario: Scenario, number: int) -> float:
    """Seconds of a burst."""
    seconds: float = member.ask("burst", scenario=scenario.name, number=number)["seconds"]
    return seconds


def wire(plan: Plan) -> Results | None:
    """Declare and wire 1,000 routes in a new process for every sample."""
    command = ["taskset", "-c", str(plan.core), *plan.environment.command("-m", PROBE)]
    samples: list[dict[str, float]] = []
    for count in range(plan.number(STARTS, QUICK_STARTS)):
        progress(f"declarative: 1,000 routes, sample {count + 1}")
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, **plan.environment.place()
        )
        if done.returncode:
            problem = f"{OURS}: 1,000 routes: {done.stderr.strip().splitlines()[-1:]}"
            trouble(problem)
            plan.failures.append(problem)
            return None
        samples.append(json.loads(done.stdout.splitlines()[-1]))
    return {step: summarise([sample[step] for sample in samples]).as_dict() for step in samples[0]}


def compared(scenarios: Results) -> list[Results]:
    """The goals of each scenario; None where one side is missing."""
    rows: list[Results] = []
    for scenario in scenarios.values():
        ours = scenario["peers"].get(OURS, {})
        for beside, value, limit in (
            (str(scenario["fastest"]), ours.get("to_fastest"), TO_FASTEST),
            ("the core by hand", ours.get("to_by_hand"), TO_BY_HAND),
        ):
            rows.append(goal(scenario["title"], beside, value, limit, "{:.2f}"))
    return rows


def flat(laps: Results | None) -> list[Results]:
    """The goals of a million requests."""
    found = laps or {}
    title = f"{found.get('requests', LAP * LAPS):,} requests"
    growth = found["growth"] / MEBIBYTE if found else None
    return [
        goal(f"{title}: time of the last tenth", "the first", found.get("to_first"), TO_FIRST_LAP, "{:.3f}"),
        goal(f"{title}: growth of memory", "after the first tenth", growth, GROWTH / MEBIBYTE, "{:.2f} MiB"),
    ]


def wired(steps: Results | None) -> Results:
    """The goal of wiring."""
    value = steps["all"]["median"] if steps else None
    return goal("1,000 routes declared and wired", "", value, WIRED, "{:.2f} s")


def goal(title: str, beside: str, value: float | None, limit: float, form: str) -> Results:
    """One goal, ready for a table."""
    return {
        "title": title,
        "beside": beside,
        "value": "" if value is None else form.format(value),
        "limit": form.format(limit),
        "reached": None if value is None else value <= limit,
    }
