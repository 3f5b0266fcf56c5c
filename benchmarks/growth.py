"""Part 3: what growth costs Heaven. One process, applications of all sizes side by side, bursts interleaved."""

from __future__ import annotations

from functools import partial

from benchmarks.console import progress
from benchmarks.figures import ratio, summarise
from benchmarks.fleet import Fleet, Member
from benchmarks.growth_apps import SCENARIOS, SERIES
from benchmarks.plan import Plan, Results

BURST, QUICK_BURST = 0.03, 0.01
ROUNDS, QUICK_ROUNDS = 41, 7


def run(plan: Plan) -> Results:
    """Measure each series with its static and its dynamic route."""
    about: Results = {}
    with Fleet(plan.environment, plan.failures) as fleet:
        names = [f"{series}_{size}" for series, (_, _, sizes, _) in SERIES.items() for size in sizes]
        progress("growth: building the applications")
        fleet.start("growth", "benchmarks.growth_apps", plan.core, names)
        fleet.gather()
        if "growth" not in fleet.members:
            return about
        for series in SERIES:
            for scenario in SCENARIOS:
                progress(f"growth: {SERIES[series][0]}, {SCENARIOS[scenario].title}")
                result = fleet.attempt(partial(measure, plan, fleet.members["growth"], series, scenario))
                if result is not None:
                    about[f"{series}:{scenario}"] = result
    return about


def measure(plan: Plan, member: Member, series: str, scenario: str) -> Results:
    """Measure one series with one route."""
    title, _, sizes, goal = SERIES[series]
    times: dict[str, list[float]] = {str(size): [] for size in sizes}
    for size in times:
        member.ask("check", scenario=scenario, app=f"{series}_{size}")
    first = f"{series}_{sizes[0]}"
    seconds = member.ask("burst", scenario=scenario, number=2000, app=first)["seconds"]
    number = max(100, round(2000 * (QUICK_BURST if plan.quick else BURST) / seconds))
    for _ in range(plan.number(ROUNDS, QUICK_ROUNDS)):
        for size in plan.shuffled(list(times)):
            burst = member.ask("burst", scenario=scenario, number=number, app=f"{series}_{size}")
            times[size].append(burst["seconds"] / number)
    smallest = times[str(sizes[0])]
    rows = {
        size: summarise(values).as_dict() | {"to_smallest": ratio(values, smallest)} for size, values in times.items()
    }
    return {"title": f"{title}: {SCENARIOS[scenario].title}", "goal": goal, "sizes": rows}
