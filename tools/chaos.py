"""Break databases and Redis at random moments, again and again, and print what became of it.

Progress goes to stderr, the table to stdout. The exit code is 1 unless nothing was lost, no reply went to somebody
else, everything recovered, and 99 of 100 recoveries took less than two seconds.

Usage: chaos.py [--repeats N] [--only NAME ...] [--seed N] [--list]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random, SystemRandom

sys.path.append(str(Path(__file__).parents[1] / "packages" / "heaven-contrib" / "tests"))

import chaos_mysql
import chaos_mysql_requests
import chaos_mysql_users
import chaos_redis
from chaos_outcome import Outcome
from heaven_testing import MySQLServer

SLOWEST = 2.0
"""Seconds that 99 of 100 recoveries stay below."""

HOPELESS = 60.0
"""Seconds after which a repeat is given up, and counts as not recovered."""

Fault = Callable[[Random], Awaitable[Outcome]]


MYSQL = {
    f"mysql: {name}": fault
    for module in (chaos_mysql, chaos_mysql_requests, chaos_mysql_users)
    for name, fault in module.SCENARIOS.items()
}
REDIS = chaos_redis.SCENARIOS


def faults(names: list[str], stack: ExitStack) -> dict[str, Fault]:
    """What to repeat; one MySQL server is there for all of it, if it is asked for."""
    if any(name in MYSQL for name in names):
        server = stack.enter_context(MySQLServer())
        mysql = {name: partial(on_either_driver, fault, server) for name, fault in MYSQL.items()}
        return {name: (mysql | REDIS)[name] for name in names}
    return {name: REDIS[name] for name in names}


async def on_either_driver(fault: Callable[..., Awaitable[Outcome]], server: MySQLServer, chance: Random) -> Outcome:
    """Once, with a driver by chance, on a server that is well."""
    server.heal()
    return await fault(chance, server, chance.choice(chaos_mysql.DRIVERS))


def once(fault: Fault, chance: Random) -> Outcome:
    """What became of one repeat; what it raised is shown, and counts as not recovered."""

    async def bounded() -> Outcome:
        async with asyncio.timeout(HOPELESS):
            return await fault(chance)

    try:
        return asyncio.run(bounded())
    except Exception:
        traceback.print_exc()
        return Outcome(recovered=False)


def repeat(name: str, fault: Fault, repeats: int, seed: int) -> list[Outcome]:
    """Repeat one fault, each time at other moments."""
    outcomes: list[Outcome] = []
    began = time.monotonic()
    for number in range(repeats):
        outcome = once(fault, Random(f"{seed} {name} {number}"))
        outcomes.append(outcome)
        if problems([outcome]):
            print(f"{name}, repeat {number} of seed {seed}: {outcome}", file=sys.stderr, flush=True)
    print(f"{name}: {repeats} repeats in {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return outcomes


def p99(outcomes: list[Outcome]) -> float:
    """The time to recover that 99 of 100 stay below; of fewer than a hundred, the longest."""
    seconds = sorted(outcome.recovery_seconds for outcome in outcomes)
    return seconds[math.ceil(len(seconds) * 0.99) - 1]


def problems(outcomes: list[Outcome]) -> bool:
    """Whether anything is not as it has to be."""
    wrong = any(not outcome.recovered or outcome.lost or outcome.crossed for outcome in outcomes)
    return wrong or p99(outcomes) >= SLOWEST


def table(results: dict[str, list[Outcome]]) -> str:
    """The results, a line for each fault."""
    rows = [("fault", "repeats", "recovered", "writes lost", "replies crossed", "p99 of recovery", "")]
    for name, outcomes in results.items():
        recovered = sum(outcome.recovered for outcome in outcomes)
        lost, crossed = sum(outcome.lost for outcome in outcomes), sum(outcome.crossed for outcome in outcomes)
        verdict = "WRONG" if problems(outcomes) else ""
        seconds = f"{p99(outcomes) * 1000:.0f} ms"
        rows.append((name, str(len(outcomes)), str(recovered), str(lost), str(crossed), seconds, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def main() -> int:
    """0 when everything came through."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--repeats", type=int, default=25, metavar="N", help="how often each fault happens")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="faults with this in their name")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="the same chance once more")
    parser.add_argument("--list", action="store_true", help="print the names of the faults")
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # what is broken on purpose is logged as it should be
    chosen = [name for name in (*MYSQL, *REDIS) if any(part in name for part in options.only or [""])]
    if not chosen or options.repeats < 1:
        parser.error(f"nothing to do: no fault is called {', '.join(options.only)}, or there are no repeats")
    if options.list:
        print("\n".join(chosen))
        return 0
    print(f"faults: {len(chosen)}, repeats: {options.repeats}, seed: {options.seed}", file=sys.stderr, flush=True)
    with ExitStack() as stack:
        results = {
            name: repeat(name, fault, options.repeats, options.seed) for name, fault in faults(chosen, stack).items()
        }
    print(table(results))
    return int(any(problems(outcomes) for outcomes in results.values()))


if __name__ == "__main__":
    sys.exit(main())
