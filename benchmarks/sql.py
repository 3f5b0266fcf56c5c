"""Part 6: `heaven_contrib.sql` on MariaDB, beside the drivers' own pools and SQLAlchemy."""

from __future__ import annotations

from benchmarks import contest
from benchmarks.contest import Contest, Goal, Task
from benchmarks.plan import Plan, Results

CONTEST = Contest(
    name="sql",
    server="mysql",
    module="benchmarks.sql_clients",
    tasks=(
        Task("row", "one row by its key, through the pool"),
        Task("busy", "the same by 32 tasks, with 10 connections", steps=320),
        Task("rows", "100 rows"),
        Task("queries", "20 queries of a request, each for a row: ours each through the pool, theirs on one checkout"),
        Task("transaction", "the same in a transaction"),
        Task("many", "10,000 rows inserted at once"),
    ),
    clients={
        "heaven": ("Heaven, aiomysql", "aiomysql"),
        "aiomysql": ("aiomysql's pool, dicts", "aiomysql"),
        "aiomysql_tuples": ("aiomysql's pool, tuples", "aiomysql"),
        "sqlalchemy": ("SQLAlchemy Core, aiomysql", "aiomysql"),
        "heaven_asyncmy": ("Heaven, asyncmy", "asyncmy"),
        "asyncmy": ("asyncmy's pool, dicts", "asyncmy"),
        "asyncmy_tuples": ("asyncmy's pool, tuples", "asyncmy"),
    },
    goals=(Goal("row", "heaven", "aiomysql"), Goal("row", "heaven_asyncmy", "asyncmy")),
)


def run(plan: Plan) -> Results:
    """Measure every client."""
    return contest.run(CONTEST, plan)
