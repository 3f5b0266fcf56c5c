"""Part 7: `heaven_contrib.redis` on a real Redis, beside plain redis-py; hiredis reads the answers of all."""

from __future__ import annotations

from benchmarks import contest
from benchmarks.contest import Contest, Goal, Task
from benchmarks.plan import Plan, Results

CONTEST = Contest(
    name="redis",
    server="redis",
    module="benchmarks.redis_clients",
    tasks=(
        Task("get", "GET"),
        Task("pipeline", "a pipeline of 100 GETs"),
        Task("busy", "GET by 50 tasks, with 20 connections", steps=500),
    ),
    clients={
        "heaven": ("Heaven, read()", "redis_py"),
        "heaven_client": ("Heaven, client", "redis_py"),
        "redis_py": ("redis-py, the same settings", "redis_py"),
        "redis_py_defaults": ("redis-py, its defaults", "redis_py"),
    },
    goals=(
        Goal("get", "heaven", "redis_py"),
        Goal("get", "heaven_client", "redis_py"),
        Goal("pipeline", "heaven", "redis_py"),
        Goal("pipeline", "heaven_client", "redis_py"),
    ),
)


def run(plan: Plan) -> Results:
    """Measure every client."""
    return contest.run(CONTEST, plan)
