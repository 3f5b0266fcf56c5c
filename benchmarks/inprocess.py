"""Part 1: time per request in process, peers interleaved, one pinned process for each application of each peer."""

from __future__ import annotations

from functools import partial

from benchmarks.console import progress
from benchmarks.figures import Figure, added_ratio, fastest, ratio, summarise
from benchmarks.fleet import Fleet, Member
from benchmarks.plan import Plan, Results
from benchmarks.scenarios import APPS, FLOOR, OURS, Scenario

BURST, QUICK_BURST = 0.06, 0.015
"""Seconds that one burst is to last."""

ROUNDS, QUICK_ROUNDS = 9, 3
"""Rounds for each generation of processes."""

GENERATIONS, QUICK_GENERATIONS = 3, 1
"""How often the processes are started anew: where a process has its memory is luck, worth some per cent."""

Rounds = dict[str, list[float]]


def run(plan: Plan) -> Results:
    """Measure every scenario for every peer.

    Returns:
        For each scenario the figures of each peer in seconds and its ratios; the versions; the cost of the driver.
    """
    times: dict[str, Rounds] = {scenario.name: {peer: [] for peer in plan.peers} for scenario in plan.scenarios}
    about: Results = {"versions": {}, "notes": {}, "unavailable": {}}
    harness: list[float] = []
    generations = QUICK_GENERATIONS if plan.quick else GENERATIONS
    for generation in range(1, generations + 1):
        with Fleet(plan.environment, plan.failures) as fleet:
            start(plan, fleet, about, f"generation {generation} of {generations}")
            numbers = {scenario.name: calibrate(plan, fleet, scenario, about) for scenario in plan.scenarios}
            for count in range(plan.number(ROUNDS, QUICK_ROUNDS)):
                progress(f"in process: generation {generation}, round {count + 1}")
                for scenario in plan.scenarios:
                    one_round(plan, fleet, scenario, numbers[scenario.name], times[scenario.name])
                harness += time_harness(fleet)
    about["harness"] = summarise(harness).as_dict() if harness else None
    about["scenarios"] = {scenario.name: conclude(scenario, times[scenario.name]) for scenario in plan.scenarios}
    return about


def start(plan: Plan, fleet: Fleet, about: Results, what: str) -> None:
    """Start a worker for every application of every peer and note what it says of itself."""
    apps = [app for app in APPS if any(scenario.app == app for scenario in plan.scenarios)]
    progress(f"in process: starting {len(plan.peers)} peers, {what}")
    for peer in plan.peers:
        for app in apps:
            fleet.start(f"{peer}/{app}", f"benchmarks.peers.{peer}", plan.core, [app])
    fleet.gather()
    for name, member in fleet.members.items():
        for key in ("versions", "notes", "unavailable"):
            about[key][name.partition("/")[0]] = member.greeting[key]


def calibrate(plan: Plan, fleet: Fleet, scenario: Scenario, about: Results) -> dict[str, int]:
    """Check every peer's answer, warm it up, and find how many requests fill a burst.

    Returns:
        Peer -> number; a peer that is not in it does not take part.
    """
    wanted = QUICK_BURST if plan.quick else BURST
    numbers: dict[str, int] = {}
    for peer in plan.peers:
        member = fleet.members.get(f"{peer}/{scenario.app}")
        if member is None or scenario.name in about["unavailable"][peer]:
            continue
        if fleet.attempt(partial(member.ask, "check", scenario=scenario.name)) is not None:
            number = fleet.attempt(partial(fill, member, scenario, wanted))
            numbers |= {peer: number} if number else {}
    return numbers


def fill(member: Member, scenario: Scenario, wanted: float) -> int:
    """How many requests take so many seconds; the worker is warm after that."""
    number, seconds = 10, 0.0
    while seconds < wanted / 2 and number < 10_000_000:
        number *= 2
        seconds = member.ask("burst", scenario=scenario.name, number=number)["seconds"]
    return max(3, round(number * wanted / seconds))


def one_round(
    plan: Plan, fleet: Fleet, scenario: Scenario, numbers: dict[str, int], times: Rounds, app: str = ""
) -> None:
    """One burst of every peer, in an order of its own; a peer that fails in a round is out of that scenario."""
    for peer in plan.shuffled(list(numbers)):
        member, number = fleet.members[f"{peer}/{app or scenario.app}"], numbers[peer]
        burst = fleet.attempt(partial(member.ask, "burst", scenario=scenario.name, number=number))
        if burst is None:
            del numbers[peer]
            times[peer].clear()
        else:
            times[peer].append(burst["seconds"] / number)


def time_harness(fleet: Fleet) -> list[float]:
    """The driver alone, in the first worker."""
    number = 20_000
    return [member.ask("harness", number=number)["seconds"] / number for member in list(fleet.members.values())[:1]]


def conclude(scenario: Scenario, times: Rounds) -> Results:
    """Figures and ratios of one scenario."""
    most = max((len(values) for values in times.values()), default=0)
    whole = {peer: values for peer, values in times.items() if values and len(values) == most}
    best = fastest(whole, (FLOOR, OURS))
    rows: dict[str, Results] = {}
    for peer, values in whole.items():
        figure: Figure = summarise(values)
        rows[peer] = figure.as_dict() | {
            "to_fastest": ratio(values, whole[best]) if best else None,
            "to_bare": ratio(values, whole[FLOOR]) if FLOOR in whole else None,
            "added": added_ratio(values, whole[best], whole[FLOOR]) if best and FLOOR in whole else None,
        }
    return {"title": scenario.title, "fastest": best, "goal": 0.5, "peers": rows}
