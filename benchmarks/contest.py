"""What parts `sql` and `redis` have in common: clients of one real server take turns at the same tasks.

The server and this process have one core, the clients have the other, a process each. A burst is short, and the order
changes from round to round, so that what slows the server or the machine for a while slows everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from benchmarks.console import progress
from benchmarks.figures import ratio, summarise
from benchmarks.fleet import Fleet, Member
from benchmarks.inprocess import Rounds, one_round
from benchmarks.plan import Plan, Results

BURST, QUICK_BURST = 0.04, 0.02
"""Seconds that one burst is to last; one insertion of 10,000 rows takes longer."""

ROUNDS, QUICK_ROUNDS = 25, 3
GENERATIONS, QUICK_GENERATIONS = 3, 1


@dataclass(frozen=True, slots=True)
class Task:
    """What the clients are asked to do, and how much it is: the figures are for one of its steps."""

    name: str
    title: str
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Goal:
    """Our client takes at most so many times what another takes."""

    task: str
    ours: str
    beside: str
    limit: float = 1.05


@dataclass(frozen=True, slots=True)
class Contest:
    """One part.

    Attributes:
        name: What the command line calls it.
        server: Which service it needs.
        module: Where its clients are.
        tasks: What they do.
        clients: Each client's title, and the client that it is measured beside.
        goals: What is to be reached.
    """

    name: str
    server: str
    module: str
    tasks: tuple[Task, ...]
    clients: dict[str, tuple[str, str]]
    goals: tuple[Goal, ...]


def run(contest: Contest, plan: Plan) -> Results:
    """Let every client do every task that it has.

    Returns:
        The versions, and for each task the figures of each client in seconds and its ratios, and the goals.
    """
    about: Results = {"versions": {}, "tasks": {}, "goals": []}
    times: dict[str, Rounds] = {task.name: {client: [] for client in contest.clients} for task in contest.tasks}
    with Fleet(plan.environment, plan.failures, worker="benchmarks.service") as services:
        services.start(contest.server, "heaven_testing", plan.other, [contest.server])
        services.gather()
        if not services.members:
            return {}
        url = services.members[contest.server].greeting["url"]
        generations = QUICK_GENERATIONS if plan.quick else GENERATIONS
        for generation in range(1, generations + 1):
            measure(contest, plan, url, times, about, f"generation {generation} of {generations}")
    for task in contest.tasks:
        about["tasks"][task.name] = conclude(contest, task, times[task.name])
    about["goals"] = [judge(contest, goal, times[goal.task]) for goal in contest.goals]
    return about


def measure(contest: Contest, plan: Plan, url: str, times: dict[str, Rounds], about: Results, generation: str) -> None:
    """Start the clients, and let them take turns."""
    with Fleet(plan.environment, plan.failures, worker="benchmarks.contest_worker") as fleet:
        progress(f"{contest.name}: starting {len(contest.clients)} clients, {generation}")
        for client in contest.clients:
            fleet.start(f"{client}/{contest.name}", contest.module, plan.core, [client, url])
        fleet.gather()
        for member in [*fleet.members.values()][:1]:
            fleet.attempt(partial(member.ask, "furnish"))
        for member in fleet.members.values():
            about["versions"] |= member.greeting["versions"]
        for task in contest.tasks:
            numbers = calibrate(contest, plan, fleet, task)
            progress(f"{contest.name}: {task.title}")
            for _ in range(plan.number(ROUNDS, QUICK_ROUNDS)):
                one_round(plan, fleet, task, numbers, times[task.name], contest.name)


def calibrate(contest: Contest, plan: Plan, fleet: Fleet, task: Task) -> dict[str, int]:
    """Check every client's answer, warm it up, and find how often it does the task in a burst.

    Returns:
        Client -> number; a client that is not in it does not take part.
    """
    wanted = QUICK_BURST if plan.quick else BURST
    numbers: dict[str, int] = {}
    for client in contest.clients:
        member = fleet.members.get(f"{client}/{contest.name}")
        if member is None or task.name not in member.greeting["tasks"]:
            continue
        if fleet.attempt(partial(member.ask, "check", scenario=task.name)) is not None:
            number = fleet.attempt(partial(fill, member, task, wanted))
            numbers |= {client: number} if number else {}
    return numbers


def fill(member: Member, task: Task, wanted: float) -> int:
    """How often a client does a task in so many seconds; it is warm after that."""
    number, seconds = 1, 0.0
    while seconds < wanted / 2:
        seconds = member.ask("burst", scenario=task.name, number=number)["seconds"]
        number *= 2
    return max(1, round(number / 2 * wanted / seconds))


def whole(times: Rounds) -> Rounds:
    """Those that took part in every round."""
    most = max(len(values) for values in times.values())
    return {client: values for client, values in times.items() if values and len(values) == most}


def conclude(contest: Contest, task: Task, times: Rounds) -> Results:
    """Figures and ratios of one task."""
    taken = whole(times)
    rows: dict[str, Results] = {}
    for client, values in taken.items():
        title, beside = contest.clients[client]
        figure = summarise([value / task.steps for value in values]).as_dict()
        rows[client] = figure | {
            "title": title,
            "beside": contest.clients[beside][0],
            "to_beside": ratio(values, taken[beside]) if beside in taken else None,
            "spread_of_ratio": spread(values, taken[beside]) if beside in taken else None,
        }
    return {"title": task.title, "steps": task.steps, "clients": rows}


def spread(values: list[float], others: list[float]) -> float:
    """The spread of the ratios round by round."""
    return summarise([value / other for value, other in zip(values, others, strict=True)]).spread


def judge(contest: Contest, goal: Goal, times: Rounds) -> Results:
    """One goal, with what was measured; None where one side is missing."""
    taken = whole(times)
    both = goal.ours in taken and goal.beside in taken
    value = ratio(taken[goal.ours], taken[goal.beside]) if both else None
    return {
        "task": next(task.title for task in contest.tasks if task.name == goal.task),
        "ours": contest.clients[goal.ours][0],
        "beside": contest.clients[goal.beside][0],
        "value": value,
        "spread": spread(taken[goal.ours], taken[goal.beside]) if both else None,
        "limit": goal.limit,
        "reached": None if value is None else value <= goal.limit,
    }
