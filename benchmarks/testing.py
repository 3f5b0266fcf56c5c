"""Part 5: what a test client costs: `GET /` of one application through each, and start-up with shutdown."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from statistics import median

from benchmarks.clients import BESIDE, FLOOR, KINDS, LITESTAR, OURS, OURS_SYNC, SCENARIO, STARLETTE
from benchmarks.console import progress
from benchmarks.figures import ratio, summarise
from benchmarks.fleet import Fleet
from benchmarks.inprocess import Rounds, fill, one_round
from benchmarks.plan import Plan, Results

APPS = ("starlette", "heaven")
BURST, QUICK_BURST = 0.06, 0.015
ROUNDS, QUICK_ROUNDS = 9, 3
GENERATIONS, QUICK_GENERATIONS = 3, 1
STARTS, QUICK_STARTS = 20, 5
"""How often a client is opened and closed in one round."""

GOALS = (
    ("Client, to ASGITransport", OURS, BESIDE, "at most", 1.1),
    ("Starlette's TestClient, to Client", STARLETTE, OURS, "at least", 5.0),
    ("Litestar's TestClient, to Client", LITESTAR, OURS, "at least", 3.0),
    ("Starlette's TestClient, to SyncClient", STARLETTE, OURS_SYNC, "at least", 3.0),
)
STARTUP_GOAL = 0.005
"""Seconds that opening and closing a Client may take beyond the lifespan by hand."""


def run(plan: Plan) -> Results:
    """Measure every client with every application.

    Returns:
        The versions, and for each application the figures of each client in seconds, and the goals.
    """
    about: Results = {"versions": {}, "titles": {kind: KINDS[kind].title for kind in KINDS}, "apps": {}}
    asked: dict[str, Rounds] = {app: {kind: [] for kind in KINDS} for app in APPS}
    started: dict[str, Rounds] = {app: {kind: [] for kind in KINDS if KINDS[kind].lifespan} for app in APPS}
    generations = QUICK_GENERATIONS if plan.quick else GENERATIONS
    for generation in range(1, generations + 1):
        with Fleet(plan.environment, plan.failures, worker="benchmarks.client_worker") as fleet:
            progress(f"testing: starting {len(KINDS)} kinds of clients, generation {generation} of {generations}")
            start(plan, fleet, about)
            numbers = {app: calibrate(plan, fleet, app) for app in APPS}
            for count in range(plan.number(ROUNDS, QUICK_ROUNDS)):
                progress(f"testing: generation {generation}, round {count + 1}")
                for app in APPS:
                    one_round(plan, fleet, SCENARIO, numbers[app], asked[app], app)
                    time_startup(plan, fleet, app, numbers[app], started[app])
    about["apps"] = {app: {"clients": clients(asked[app]), "startup": startup(started[app])} for app in APPS}
    about["goals"] = [goal for app in APPS for goal in goals(app, asked[app], started[app])]
    return about


def start(plan: Plan, fleet: Fleet, about: Results) -> None:
    """Start a process for every kind of client and application."""
    for app in APPS:
        for kind in KINDS:
            fleet.start(f"{kind}/{app}", f"benchmarks.peers.{app}", plan.core, [kind])
    fleet.gather()
    for member in fleet.members.values():
        about["versions"] |= member.greeting["versions"]


def calibrate(plan: Plan, fleet: Fleet, app: str) -> dict[str, int]:
    """Check every client's answer, warm it up, and find how many requests fill a burst.

    Returns:
        Kind -> number; a kind that is not in it does not take part.
    """
    wanted = QUICK_BURST if plan.quick else BURST
    numbers: dict[str, int] = {}
    for kind in KINDS:
        member = fleet.members.get(f"{kind}/{app}")
        if member is not None and fleet.attempt(partial(member.ask, "check", scenario=SCENARIO.name)) is not None:
            number = fleet.attempt(partial(fill, member, SCENARIO, wanted))
            numbers |= {kind: number} if number else {}
    return numbers


def time_startup(plan: Plan, fleet: Fleet, app: str, kinds: Collection[str], times: Rounds) -> None:
    """Open and close every client that answers, in an order of its own."""
    number = QUICK_STARTS if plan.quick else STARTS
    for kind in plan.shuffled([kind for kind in times if kind in kinds]):
        took = fleet.attempt(partial(fleet.members[f"{kind}/{app}"].ask, "startup", number=number))
        if took is not None:
            times[kind].append(took["seconds"] / number)


def whole(times: Rounds) -> Rounds:
    """Those that took part in every round."""
    most = max(len(values) for values in times.values())
    return {kind: values for kind, values in times.items() if values and len(values) == most}


def clients(times: Rounds) -> Results:
    """Figures of requests, and ratios to Heaven's client and to the cheapest way that there is."""
    taken = whole(times)
    return {
        kind: summarise(values).as_dict()
        | {
            f"to_{other}": ratio(values, taken[other]) if other in taken else None
            for other in (OURS, OURS_SYNC, BESIDE, FLOOR)
        }
        for kind, values in taken.items()
    }


def startup(times: Rounds) -> Results:
    """Figures of start-up with shutdown, what is beyond the lifespan by hand, and ratios to that."""
    taken = whole(times)
    by_hand = taken.get(FLOOR)
    return {
        kind: summarise(values).as_dict()
        | {
            "above_bare": above(values, by_hand) if by_hand else None,
            "to_bare": ratio(values, by_hand) if by_hand else None,
        }
        for kind, values in taken.items()
    }


def above(values: list[float], others: list[float]) -> float:
    """The median of the differences round by round, in seconds."""
    return median(value - other for value, other in zip(values, others, strict=True))


def goals(app: str, asked: Rounds, started: Rounds) -> list[Results]:
    """Every goal, with what was measured; None where one side is missing."""
    taken, opened = whole(asked), whole(started)
    found: list[Results] = []
    for title, one, other, limit, goal in GOALS:
        value = ratio(taken[one], taken[other]) if one in taken and other in taken else None
        reached = None if value is None else (value <= goal if limit == "at most" else value >= goal)
        found.append({"app": app, "title": title, "value": value, "goal": f"{limit} {goal:g}", "reached": reached})
    more = above(opened[OURS], opened[FLOOR]) if OURS in opened and FLOOR in opened else None
    found.append(
        {
            "app": app,
            "title": "start-up and shutdown of Client, above bare, in ms",
            "value": None if more is None else more * 1e3,
            "goal": f"below {STARTUP_GOAL * 1e3:g}",
            "reached": None if more is None else more < STARTUP_GOAL,
        }
    )
    return found
